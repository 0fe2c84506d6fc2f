"""Write files and read them back.

`networks` and `spikes` are packages for the two kinds of file; `inspect` describes both. `atomic`
writes files whole or not at all, `hdf5` and `hdf5_out` read and write HDF5, `json_text` reads JSON.
May import `network`, `recording` and the rooms below them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

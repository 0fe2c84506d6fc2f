"""Write files and read them back.

`networks` and `spikes` have a package for each kind of file; `inspect` describes either. `atomic`
writes files that are whole or not there, `hdf5` and `hdf5_out` read and write HDF5, `json_text`
reads JSON. May import `network`, `recording` and what is below them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

"""The format of spike files: HDF5 in the SONATA layout, which other tools read.

::

    /                       magic = 0x0A7A, version = [0, 1]       as SONATA has it
                            complete     whether the run reached its end
                            written      numbers of samples, and of spikes of each population
                            provenance   JSON in ASCII: the origin of the spikes
                            provenance_1, ...   the part of it beyond 60 kB
                            digest       SHA-256 of all attributes, types and shapes
    /spikes/<population>    sorting = none, dt_ms, dt_s, steps, shape
        timestamps          float64, ms
        node_ids            uint64, flat index of the neuron in its population
        sample              uint32, number of the sample that was presented
        spike_value         int16: 1; -1 or +1 (ternary); 1..s_max (multi-threshold)
        t_crossing          float64, ms; NaN where unknown

Each column has the attribute ``sha256``, the digest of its values. Two columns may have none: if
each spike value is 1, or no time of crossing is known, nothing of the column is stored.

A timestamp is ``step * dt_ms``: the *start* of the step in which the neuron fired, as in Brian2,
counted from the start of the presentation of **its own sample**. Time begins again at zero with
each sample: a reader that knows only SONATA shows the presentations on top of one another, like
trials. `t_crossing` is the moment within that step at which the threshold was crossed, on the same
clock. Spikes are in order of sample, step and neuron. As time restarts, that is neither of SONATA's
orders (by time, by neuron), so `sorting` is none.

While a run goes on, its spikes are first in a hidden file beside the target, the log
(`brianbridge.io.spikes.log`). If it is long, a thread moves them chunk by chunk into the spike
file, which grows under a hidden name of its own (`brianbridge.io.spikes.growing`), and a short log
takes the place of the long one. So a run needs little more disk than its file. When the run ends
without an error, the file is read again, and compared with what was written, before it gets its
name.

Attributes are compared with their digest when the file is opened, a column when it is read, and all
of the file by ``brianbridge inspect --check``. The digests are of values, not of bytes on disk: a
copy without compression (``h5repack -f NONE spikes.h5 plain.h5``) still agrees with them.

`timestamps` and `node_ids` are packed by HDF5's filter scale-offset, the other columns by gzip.
libsonata reads the first two, and its wheels have no gzip. Packing keeps a time to the last bit or
two; as it is a multiple of the step, `read_spikes` restores it exactly.
``brianbridge verify --plain-spikes`` packs nothing.

Strings have a fixed length. Others lie in the heap of HDF5, where damage can crash HDF5 itself.

SONATA: https://github.com/AllenInstitute/sonata, docs/SONATA_DEVELOPER_GUIDE.md, "Spike file".
"""

from __future__ import annotations

from brianbridge.io.spikes.layout import MAGIC
from brianbridge.io.spikes.population import PopulationSpikes
from brianbridge.io.spikes.reader import SpikeFile, check_spikes, describe, read_spikes
from brianbridge.io.spikes.writer import SpikeFileWriter

__all__ = [
    "MAGIC",
    "PopulationSpikes",
    "SpikeFile",
    "SpikeFileWriter",
    "check_spikes",
    "describe",
    "read_spikes",
]

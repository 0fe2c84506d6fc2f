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

Each column has the attribute ``sha256``, the digest of its values.

A timestamp is ``step * dt_ms``: the *start* of the step in which the neuron fired, as in Brian2,
counted from the start of the presentation of **its own sample**. Time begins again at zero with
each sample: a reader that knows only SONATA shows the presentations on top of one another, like
trials. `t_crossing` is the moment within that step at which the threshold was crossed, on the same
clock. Spikes are in order of sample, step and neuron. As time restarts, that is neither of SONATA's
orders (by time, by neuron), so `sorting` is none.

While a run goes on, its spikes are in a hidden file beside the target, which only grows
(`brianbridge.io.spikes.log`). When the run ends without an error, the target is made
from it, read again, and compared with what was appended, before it gets its name.

Attributes are compared with their digest when the file is opened, a column when it is read, and all
of the file by ``brianbridge inspect --check``. The digests are of values, not of bytes on disk: a
copy without compression (``h5repack -f NONE spikes.h5 plain.h5``) still agrees with them.
libsonata, whose wheels have no gzip, opens such a copy; ``brianbridge verify --plain-spikes``
writes one directly.

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

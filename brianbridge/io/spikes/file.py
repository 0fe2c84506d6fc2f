"""The spikes of a run as an HDF5 file in the SONATA layout, which other tools read.

::

    /                       magic = 0x0A7A, version = [0, 1]       as SONATA has it
                            complete     did the run reach its end?
                            written      how many samples, and spikes of each population
                            provenance   JSON in ASCII: where the spikes come from;
                            provenance_1, ...   what there is of it beyond 60 kB
                            digest       SHA-256 of all attributes, types and shapes
    /spikes/<population>    sorting = none, dt_ms, dt_s, steps, shape
        timestamps          float64, ms
        node_ids            uint64, flat index of the neuron in its population
        sample              uint32, which sample was presented
        spike_value         int16: 1; -1 or +1 (ternary); 1..s_max (multi-threshold)
        t_crossing          float64, ms; NaN where it is not known

Every column has the attribute ``sha256``, the digest of its values.

A timestamp is ``step * dt_ms``: the *start* of the step in which the neuron fired, as in Brian2,
counted from the start of the presentation of **its own sample**. Time begins again at zero with
each sample, so a reader that knows only SONATA sees the presentations on top of one another, as
trials are shown. `t_crossing` is the moment within that step at which the threshold was crossed,
on the same clock. Spikes are in order of sample, step and neuron; as time restarts, that is
neither of SONATA's orders (by time, by neuron), and `sorting` says none.

While a run goes on, its spikes are in a hidden file beside the target that only grows
(`spike_log`). When the run ends well, the target is made of it, read again, and compared with what
was appended, before it gets its name.

What is read is compared with its digest: attributes when the file is opened, a column when it is
asked for, all of it by ``brianbridge inspect --check``. The digests are of values, not of bytes on
disk: ``h5repack -f NONE spikes.h5 plain.h5`` makes a file without compression, which libsonata
opens and which agrees with them. (The wheels of libsonata have no gzip;
``brianbridge verify --plain-spikes`` writes such a file at once.)

Texts are of a fixed length. Others lie in HDF5's heap, where damage can crash HDF5 itself.

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

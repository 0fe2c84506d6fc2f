"""The spikes of a run as an HDF5 file in the SONATA layout, which other tools read.

::

    /                       magic = 0x0A7A, version = [0, 1]       as SONATA has it
                            complete     did the run reach its end?
                            written      how many samples, and spikes of each population
                            provenance   JSON in ASCII: where the spikes come from;
                            provenance_1, ...   what there is of it beyond 60 kB
    /spikes/<population>    sorting = none, dt_ms, dt_s, steps, shape
        timestamps          float64, ms
        node_ids            uint64, flat index of the neuron in its population
        sample              uint32, which sample was presented
        spike_value         int16: 1; -1 or +1 (ternary); 1..s_max (multi-threshold)
        t_crossing          float64, ms; NaN where it is not known

A timestamp is ``step * dt_ms``: the *start* of the step in which the neuron fired, as in Brian2,
counted from the start of the presentation of **its own sample**. Time begins again at zero with
each sample, so a reader that knows only SONATA sees the presentations on top of one another, as
trials are shown. `t_crossing` is the moment within that step at which the threshold was crossed,
on the same clock. Spikes are in order of sample, step and neuron; as time restarts, that is
neither of SONATA's orders (by time, by neuron), and `sorting` says none.

While a run goes on, its spikes are in a hidden partial file beside the target. There, chunks are
not compressed: a compressed chunk that grows is moved and its old place used again, so that a kill
at that moment would cost spikes that were already on disk. Here they stay where they are, and
`written`, one attribute and so changed in one write, says how many are good. (What remains is
HDF5's index of the chunks: a kill within the microseconds in which it splits, once in half a
million spikes, may cost the file.) A run that ends well is compressed into the target.

Texts are of a fixed length. Others lie in HDF5's heap, where damage can crash HDF5 itself.

SONATA: https://github.com/AllenInstitute/sonata, docs/SONATA_DEVELOPER_GUIDE.md, "Spike file".
"""

from __future__ import annotations

from .spike_layout import MAGIC
from .spike_population import PopulationSpikes
from .spike_reader import SpikeFile, describe, read_spikes
from .spike_writer import SpikeFileWriter

__all__ = ["MAGIC", "PopulationSpikes", "SpikeFile", "SpikeFileWriter", "describe", "read_spikes"]

"""Write the spikes of a simulation to a file, and read them as a table."""

import numpy as np
import pandas

import brianbridge as bb

lif = bb.neuron_model("lif")
network = bb.SpikingNetwork.sequential(
    (4,), [bb.Dense(20, lif), bb.Dense(3, lif)], encoding=bb.Bernoulli(steps=50),
    weight_gain=20.0, seed=1,
)  # fmt: skip
x = np.random.default_rng(0).random((10, 4))
bb.simulate(network, x, seed=1, spikes="spikes.h5")
bb.io.convert_spikes("spikes.h5", "spikes.parquet")
table = pandas.read_parquet("spikes.parquet")
print(table.groupby(["population", "sample"], observed=True).size().unstack())

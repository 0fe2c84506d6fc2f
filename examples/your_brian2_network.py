"""Train the weights of a network that a Brian2 script has built."""

import numpy as np
from brian2 import Hz, Network, NeuronGroup, PoissonGroup, Synapses, ms, prefs, seed

import brianbridge as bb

seed(1)
prefs.codegen.target = "numpy"
source = PoissonGroup(4, rates=300 * Hz, name="source")
cells = NeuronGroup(
    3, "dv/dt = -v/(20*ms) : 1", threshold="v > 1", reset="v = 0", method="exact", name="cells"
)
wires = Synapses(source, cells, "w : 1", on_pre="v += w", name="wires")
wires.connect()
wires.w = "0.2 + 0.1*rand()"
network = Network(source, cells, wires)

net = bb.from_brian2(network, steps=60 * ms, dt=1 * ms, input="source")
train, test = bb.load_dataset("iris", seed=1)
twin = bb.to_torch(net)
bb.train(twin, train, epochs=10, batch_size=20, learning_rate=0.02, seed=1)

trained = bb.write_back(twin, into=network)
print("weights of the first input, now in your own Synapses:", np.asarray(wires.w)[:3])
print(bb.verify(trained, test, "short"))

"""Let each hidden neuron learn its time constant, and each population its threshold."""

import numpy as np

import brianbridge as bb

lif = bb.neuron_model("lif")
network = bb.SpikingNetwork.sequential(
    (8, 8), [bb.Dense(40, lif), bb.Dense(10, lif)], encoding=bb.Current(steps=10),
    weight_gain=4.0, seed=1,
)  # fmt: skip
learn = {
    "hidden": ["theta", bb.Learn("tau", each="neuron", low="2 ms", high="50 ms")],
    "output": ["theta"],
}
twin = bb.to_torch(network, learn=learn)
train, test = bb.load_dataset("digits", seed=1)
bb.train(twin, train, epochs=3, learning_rate=5e-3, seed=1)

trained = bb.write_back(twin)
tau = np.asarray(trained.populations[0].neuron.parameters["tau"]) * 1e3
print(f"time constants from {tau.min():.1f} to {tau.max():.1f} ms")
print(bb.verify(trained, test, "short"))

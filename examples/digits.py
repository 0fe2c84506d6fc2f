"""Train a spiking network on digits, simulate it in Brian2, and verify it."""

from brian2 import ms

import brianbridge as bb

lif = bb.neuron_model("lif", tau=20 * ms)
network = bb.SpikingNetwork.sequential(
    (8, 8), [bb.Dense(100, lif), bb.Dense(10, lif)],
    encoding=bb.Current(steps=10, dt=1 * ms), readout="potential", seed=1,
)  # fmt: skip
train, test = bb.load_dataset("digits", seed=1)

twin = bb.to_torch(network)
bb.train(twin, train, epochs=5, learning_rate=5e-3, seed=1)
trained = bb.write_back(twin)

recording = bb.simulate(trained, test.x, dt=0.1 * ms)
print(f"{(recording.prediction == test.y).mean():.1%} at a ten times finer step")
print(bb.verify(trained, test, "short"))

"""Ask how many bits the weights of a network need, and draw the answer."""

import matplotlib

import brianbridge as bb

matplotlib.use("Agg")
neuron = bb.neuron_model("if")
network = bb.SpikingNetwork.sequential(
    (8, 8), [bb.Dense(60, neuron), bb.Dense(10, neuron)], encoding=bb.Current(steps=10),
    readout="potential", seed=1,
)  # fmt: skip
train, test = bb.load_dataset("digits", seed=1)
twin = bb.to_torch(network)
bb.train(twin, train, epochs=5, learning_rate=5e-3, seed=1)

rungs = [bb.Rung(name="parity", max_spike_mismatches=0)]
for bits in (8, 4, 3, 2):
    change = {"weight_quantisation": {"bits": bits}}
    rungs.append(bb.Rung(name=f"{bits} bits", perturb=change, max_accuracy_drop=0.05))
verdict = bb.verify(bb.write_back(twin), test, rungs)
print(verdict)
bb.plots.plot_ladder(verdict).figure.savefig("bits.png", bbox_inches="tight")

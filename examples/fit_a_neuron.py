"""Find the parameters of a leaky neuron from its recorded potential."""

import numpy as np
from brian2 import Mohm, Network, NeuronGroup, StateMonitor, TimedArray, ms, mV, pA, prefs

import brianbridge as bb

prefs.codegen.target = "numpy"
equations = "dv/dt = (-70*mV - v + R*I)/tau : volt\nI : amp"
current = np.zeros((2, 500))
current[0, 100:400], current[1, 100:400] = 100, -80

cell = NeuronGroup(
    2, equations.replace("I : amp", "I = stimulus(t, i) : amp"), method="exponential_euler",
    dt=0.2 * ms,
    namespace={"R": 120 * Mohm, "tau": 18 * ms, "stimulus": TimedArray(current.T * pA, 0.2 * ms)},
)  # fmt: skip
cell.v = -70 * mV
electrode = StateMonitor(cell, "v", record=True, dt=0.2 * ms)
Network(cell, electrode).run(100 * ms)
recorded = electrode.v + np.random.default_rng(1).normal(0, 0.1, (2, 500)) * mV

model = NeuronGroup(
    1, equations, method="exponential_euler", namespace={"R": 50 * Mohm, "tau": 50 * ms}
)
model.v = -70 * mV
fit = bb.fit(
    model, input=current * pA, drive="I", target={"v": recorded}, dt=0.2 * ms, starts=4,
    learn={"R": (10 * Mohm, 500 * Mohm), "tau": (2 * ms, 100 * ms)},
)  # fmt: skip
print(fit)

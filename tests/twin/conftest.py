"""The same neurons in Brian2 and in torch, under the same drive and input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from brianbridge.neurons.model import NeuronModel


@dataclass(frozen=True)
class Both:
    """Traces and spikes of Brian2 and of the twin, ``(steps, neurons)``."""

    brian2: dict[str, np.ndarray]
    twin: dict[str, np.ndarray]
    brian2_spikes: np.ndarray
    twin_spikes: np.ndarray

    def worst(self) -> float:
        """Largest difference of any variable, relative to its largest value."""
        return max(
            float(np.abs(self.twin[k] - trace).max() / (np.abs(trace).max() or 1.0))
            for k, trace in self.brian2.items()
        )


def run_both(
    model: NeuronModel, *, steps: int, dt: float, drive: float = 0.0, x: np.ndarray | None = None,
    n: int = 3,
) -> Both:  # fmt: skip
    """Run `n` neurons under drives around `drive`, with `x` (steps, n) added in each step."""
    from brian2 import Network, NetworkOperation, SpikeMonitor, StateMonitor, ms

    from brianbridge.neurons.model import SPIKE_VALUE
    from brianbridge.twin.population import PopulationTwin

    group = model.group(n, dt=dt * ms)
    drives = np.linspace(0.5, 1.5, n) * drive
    if model.drive:
        group.variables[model.drive].set_value(drives)
    graded = SPIKE_VALUE in group.variables
    spikes = SpikeMonitor(group, [SPIKE_VALUE] if graded else [], when="after_resets")
    traces = StateMonitor(group, model.state_variables, record=True, when="end", dt=dt * ms)
    network = Network(group, spikes, traces)

    if x is not None:
        rows = iter(x)
        flags = group.equations[model.receive].flags

        def receive() -> None:
            # As synapses do, which leave alone what is '(unless refractory)' meanwhile.
            variable, row = group.variables[model.receive], next(rows)
            if "unless refractory" in flags and model.refractory is not None:
                row = row * group.variables["not_refractory"].get_value()
            variable.set_value(variable.get_value() + row)

        network.add(NetworkOperation(receive, dt=dt * ms, when="before_thresholds"))
    network.run(steps * dt * ms)
    raster = np.zeros((steps, n))
    step_of = np.rint(np.asarray(spikes.t) / (dt * 1e-3)).astype(int)
    raster[step_of, spikes.i] = spikes.spike_value if graded else 1.0

    twin = PopulationTwin(model, (n,), dt * ms, dtype=torch.float64)
    with torch.no_grad():
        output = twin.run(
            None if x is None else torch.tensor(x)[:, None],
            torch.tensor(drives)[None] if model.drive else None,
            steps=steps,
            batch=1,
            record=model.state_variables,
        )
    assert output.spikes is not None
    return Both(
        # Copies, because Brian2 frees the memory with the monitor.
        {name: np.array(getattr(traces, name + "_")).T for name in model.state_variables},
        {name: trace[:, 0].numpy() for name, trace in output.traces.items()},
        raster,
        output.spikes[:, 0].numpy(),
    )


@pytest.fixture
def both() -> Callable[..., Both]:
    return run_both

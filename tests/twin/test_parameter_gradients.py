"""Gradients by neuron parameters and initial values agree with finite differences.

With a smooth function in place of the spikes, as in `test_gradients`, every path through a
parameter counts: update, coefficients of the exact step, threshold, reset, initial expressions.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from brian2 import Hz, mV, nS, pF
from smooth_spikes import Smooth
from torch import Tensor

from brianbridge.bench.parity.neurons import MODELS, random_model
from brianbridge.errors import InputError
from brianbridge.neurons.model import NeuronModel
from brianbridge.twin.learned import checked_learned
from brianbridge.twin.noise import Noise
from brianbridge.twin.population import PopulationTwin

STEPS, BATCH, NEURONS = 6, 3, 2

HODGKIN_HUXLEY = NeuronModel(
    """
    dv/dt = (gl*(El - v) - g_na*m**3*h*(v - ENa) - g_kd*n**4*(v - EK) + I)/Cm : volt
    dm/dt = 0.32/mV*4*mV/exprel((13*mV - v + VT)/(4*mV))/ms*(1 - m)
            - 0.28/mV*5*mV/exprel((v - VT - 40*mV)/(5*mV))/ms*m : 1
    dn/dt = 0.032/mV*5*mV/exprel((15*mV - v + VT)/(5*mV))/ms*(1 - n)
            - 0.5*exp((10*mV - v + VT)/(40*mV))/ms*n : 1
    dh/dt = 0.128*exp((17*mV - v + VT)/(18*mV))/ms*(1 - h)
            - 4/(1 + exp((40*mV - v + VT)/(5*mV)))/ms*h : 1
    I : amp
    """.replace("\n            - ", " - "),
    receive="v",
    drive="I",
    potential="v",
    method="exponential_euler",
    initial={"v": "El"},
    parameters={
        "gl": 10 * nS, "g_na": 20000 * nS, "g_kd": 6000 * nS, "Cm": 200 * pF, "El": -65 * mV,
        "EK": -90 * mV, "ENa": 50 * mV, "VT": -63 * mV,
    },
)  # fmt: skip


def learnable(model: NeuronModel) -> list[str]:
    names = []
    for name in (*model.parameters, *model.settable_variables):
        try:
            names += checked_learned(model, [name])
        except InputError:
            continue
    return names


def assert_gradients(
    model: NeuronModel,
    outcome: Callable[[PopulationTwin, dict[str, Tensor]], Tensor],
    dt: float,
    sizes: dict[str, float],
) -> None:
    """Compare the derivative along a direction of each parameter with a difference.

    `sizes` holds how large a step of an initial value may be; 1 if not given.
    """
    names = learnable(model)
    assert names
    twin = PopulationTwin(
        model, (NEURONS,), dt, spike_function=Smooth(0.4), dtype=torch.float64, learned=names
    )
    start = {n: torch.as_tensor(twin.start_of(n)).expand(NEURONS).clone() for n in names}
    given = {name: values.clone().requires_grad_() for name, values in start.items()}
    found = torch.autograd.grad(outcome(twin, given), given.values(), materialize_grads=True)
    moved = 0
    for name, gradient in zip(names, found, strict=True):
        size = torch.where(start[name] == 0, sizes.get(name, 1.0), start[name].abs())
        direction = size * torch.tensor([1.0, 0.7], dtype=torch.float64)

        def difference(h: float, name: str = name, direction: Tensor = direction) -> float:
            ends = [outcome(twin, {**start, name: start[name] + s * direction}) for s in (h, -h)]
            return float(ends[0] - ends[1]) / (2 * h)

        expected = float((gradient * direction).sum())
        errors = [
            abs((4 * difference(h) - difference(2 * h)) / 3 - expected) for h in (1e-3, 1e-4, 1e-5)
        ]
        assert min(errors) < 1e-6 * max(abs(expected), 1e-2), name
        moved += expected != 0
    assert moved > len(names) / 2, "the outcome depends on most of them"


@torch.no_grad()
def levels(twin: PopulationTwin, x: Tensor | None) -> dict[str, float]:
    """Return the size of each variable, so that all count alike."""
    record = list(twin.model.state_variables)
    output = twin.run(x, steps=STEPS, batch=BATCH, record=record, noise=noise())
    return {name: float(trace.abs().max()) or 1.0 for name, trace in output.traces.items()}


def noise() -> Noise:
    return Noise(3, np.arange(BATCH))


def assert_gradients_of_random_model(name: str, seed: int) -> None:
    rng = np.random.default_rng((seed, *map(ord, name)))
    model = random_model(name, NEURONS, bool(seed % 2), 1e-3, rng)
    generator = torch.Generator().manual_seed(seed)
    shape = (STEPS, BATCH, NEURONS)
    unit = model.scale.of(model.receive) if model.receive else 1.0
    x = (torch.rand(shape, generator=generator, dtype=torch.float64) * 1.6 - 0.3) * unit
    weights = torch.rand(shape, generator=generator, dtype=torch.float64)
    sizes: dict[str, float] = {}

    def outcome(twin: PopulationTwin, given: dict[str, Tensor]) -> Tensor:
        if not sizes:
            sizes.update(levels(twin, x))
        output = twin.run(x, record=list(sizes), noise=noise(), parameters=given)
        assert output.spikes is not None
        parts = [output.spikes, *(output.traces[name] / size for name, size in sizes.items())]
        return sum(((part * weights).sum() for part in parts), torch.zeros(()))

    assert_gradients(model, outcome, 1e-3, sizes)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_of_every_model(name, seed):
    assert_gradients_of_random_model(name, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 10))
@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_of_200_random_models(name, seed):
    assert_gradients_of_random_model(name, seed)


@pytest.mark.slow
def test_hodgkin_huxley_over_an_action_potential():
    drive = torch.tensor([[0.5e-9, 0.9e-9]], dtype=torch.float64)

    def outcome(twin: PopulationTwin, given: dict[str, Tensor]) -> Tensor:
        output = twin.run(drive=drive, steps=400, record=["v", "h"], parameters=given)
        v = output.traces["v"]
        assert v.max() > 0.02, "it fires"
        return (v / 0.1).square().mean() + output.traces["h"].mean()

    assert_gradients(HODGKIN_HUXLEY, outcome, 2.5e-5, {})


@pytest.mark.parametrize("tau_s", [0.01, 0.0100001])
def test_equal_time_constants_are_no_special_case(tau_s):
    model = NeuronModel(
        "dv/dt = (g - v)/tau : 1\ndg/dt = -g/tau_s : 1",
        receive="g",
        parameters={"tau": "10 ms", "tau_s": f"{tau_s} second"},
        initial={"g": 1.0},
    )

    def outcome(twin: PopulationTwin, given: dict[str, Tensor]) -> Tensor:
        output = twin.run(steps=20, batch=1, record=["v", "g"], parameters=given)
        return output.traces["v"].mean() + output.traces["g"].square().mean()

    assert_gradients(model, outcome, 1e-3, {})


@pytest.mark.parametrize("k", [0.0, 1e-6, -1e-3])
def test_a_leak_that_vanishes_is_no_special_case(k):
    model = NeuronModel(
        "dv/dt = -k*v + b : 1", receive="v", initial={"v": 0.5},
        parameters={"k": k * Hz, "b": 20 * Hz},
    )  # fmt: skip

    def outcome(twin: PopulationTwin, given: dict[str, Tensor]) -> Tensor:
        output = twin.run(steps=20, batch=1, record=["v"], parameters=given)
        return output.traces["v"].square().mean()

    assert_gradients(model, outcome, 1e-3, {})

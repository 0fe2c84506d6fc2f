"""Rendering Brian2's statements: what the source says, and what has no torch meaning."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from brian2 import DEFAULT_FUNCTIONS, ms

from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel
from brianbridge.twin.render import render
from brianbridge.twin.spike_function import SpikeFunction
from brianbridge.twin.torch_functions import TORCH_FUNCTIONS

LIF = "dv/dt = -v/tau + drive : 1\ndrive : Hz"


def custom(equations: str = LIF, **fields) -> NeuronModel:
    fields = {"emit": "int(v >= theta)", "reset": "v -= theta*emit"} | fields
    fields["parameters"] = {"tau": 10 * ms, "theta": 1.0} | fields.get("parameters", {})
    return NeuronModel(equations, drive="drive", name="custom", **fields)


def source(model: NeuronModel, **options) -> str:
    return render(model, 1, 1e-3, **options).source


def test_the_factors_are_those_of_brian2():
    scope = render(neuron_model("lif"), 1, 1e-3).step.__globals__
    assert scope["_phi_v__v"] == np.exp(-0.1)
    assert scope["_gamma_v__v"] == pytest.approx(-10e-3 * np.expm1(-0.1), rel=1e-15)


def test_what_holds_still_is_computed_once_a_presentation():
    text = source(custom(LIF.replace("drive :", "sqrt(theta)*drive/2 :", 1)))
    prepare, step = text.split("def step")
    assert "sqrt" in prepare
    assert "sqrt" not in step


@pytest.mark.parametrize(
    ("emit", "rendered"),
    [
        ("int(v >= theta)", "spike_step(v - theta, False)"),
        ("int(v > theta)", "spike_step(v - theta, True)"),
        ("int(v <= -theta)", "spike_step(_emit_1 - v, False)"),
        ("int(theta < v)", "spike_step(v - theta, True)"),
        ("clip(floor(v/theta), 0, 3)", "spike_staircase(_emit_1 * v, 0, 3)"),
        ("floor(v/theta)", "spike_staircase(_emit_1 * v)"),
        ("int(v > 1 and v < 2)", "spike_step(v - 1, True) * spike_step(2 - v, True)"),
        ("int(not (v > 1))", "1 - spike_step(v - 1, True)"),
    ],
)
def test_comparisons_of_an_emit_become_spike_functions(emit, rendered):
    # Brian2 itself moves -theta and 1/theta out of the loop, as _emit_1.
    assert f"emit = {rendered}\n" in source(custom(emit=emit, reset="v = 0"))


@pytest.mark.parametrize(
    ("reset", "rendered"),
    [
        ("v -= theta*emit", "v = v - theta * emit"),
        ("v -= theta", "v = v - theta * emit"),
        ("v = 0", "v = torch.where(spiked, 0, v)"),
        ("v *= 0.5", "v = torch.where(spiked, v * 0.5, v)"),
    ],
)
def test_resets_are_arithmetic_where_they_can_be(reset, rendered):
    assert rendered in source(custom(reset=reset))


def test_a_flag_is_set_where_the_neuron_fired():
    model = custom(LIF + "\ndone : boolean", emit="int(v > 1 and not done)", reset="done = True")
    assert "done = done | spiked" in source(model)
    assert "done = done & ~spiked" in source(
        custom(LIF + "\ndone : boolean", emit="int(v > 1 or done)", reset="done = False")
    )


DETACHED = SpikeFunction("triangle", detach_reset=True)


@pytest.mark.parametrize(
    ("reset", "rendered"),
    [
        ("v -= theta*emit", "v = v - theta * emit"),
        ("v -= theta", "v = v - theta * emit"),
        ("v = 0", "v = torch.where(spiked, 0, v)"),
        ("v *= 0.5", "v = torch.where(spiked, v * 0.5, v)"),
    ],
)
def test_a_detached_reset_takes_the_spike_as_given_and_hands_it_on_whole(reset, rendered):
    text = source(custom(reset=reset), spike_function=DETACHED)
    lines = [line.strip() for line in text.splitlines()]
    detached = ["spike = emit", "emit = emit.detach()", rendered, "emit = spike"]
    assert lines[-5:-1] == detached
    assert lines[-1] == "return (v, emit)"
    assert "detach" not in source(custom(reset=reset))
    assert "detach" not in source(custom(reset=reset), spike_function=DETACHED, fires=False)


def test_a_model_without_a_reset_has_nothing_to_detach():
    assert "detach" not in source(custom(reset=""), spike_function=DETACHED)


@pytest.mark.parametrize("detached", [False, True], ids=["full", "detached"])
@pytest.mark.parametrize("schedule", ["canonical", "default"])
@pytest.mark.parametrize("emit", ["int(v >= theta)", "clip(floor(v/theta), 0, 3)"])
def test_gradient_of_a_reset_is_1_less_what_it_takes_or_1(emit, schedule, detached):
    function = SpikeFunction("triangle", 1.0, 0.3, detach_reset=detached)
    model = custom(emit=emit, parameters={"theta": 1.0})
    rendered = render(
        model, 1, 1e-3, spike_function=function, dtype=torch.float64, schedule=schedule
    )
    start = torch.tensor([1.2], dtype=torch.float64, requires_grad=True)
    still = (torch.zeros(1, dtype=torch.float64),)
    rest = (*still, *rendered.prepare(*still))
    if schedule == "canonical":
        v, spikes = rendered.step(start, None, 0.0, *rest)
    else:
        v, spikes = rendered.fire(start, 0.0, *rest)
        (v,) = rendered.settle(v, spikes, None, 0.0, *rest)
    u = 1.2 * np.exp(-0.1)  # where the step leads to before the reset
    slope = sum(0.3 * max(0.0, 1 - abs(u - k)) for k in ([1] if "int" in emit else [1, 2, 3]))
    (of_spikes,) = torch.autograd.grad(spikes, start, retain_graph=True)
    (of_v,) = torch.autograd.grad(v, start)
    assert spikes.item() == 1
    assert v.item() == pytest.approx(u - 1)
    assert of_spikes.item() == pytest.approx(slope * np.exp(-0.1)), "never detached"
    assert of_v.item() == pytest.approx((1 if detached else 1 - slope) * np.exp(-0.1))


def test_a_free_potential_neither_emits_nor_resets():
    text = source(neuron_model("lif"), fires=False)
    assert "emit" not in text
    assert "theta" not in text


def test_names_that_the_step_uses_itself_make_way():
    model = NeuronModel(
        "dx/dt = -x/h1 + spiked : 1\nspiked : Hz", emit="int(x >= 1)", reset="x = 0",
        receive="x", drive="spiked", parameters={"h1": 10 * ms},
    )  # fmt: skip
    text = source(model)
    assert "def step(x, x_, t, spiked" in text
    assert "spiked_ = emit != 0" in text


@pytest.mark.parametrize("name", ["torch", "spike_step", "negation"])
def test_names_that_cannot_make_way_are_refused(refused, name):
    model = custom(f"{LIF}\n{name} : 1", emit=f"int(v >= {name})")
    with refused("neuron model 'custom'", f"'{name}'", "rename"):
        render(model, 1, 1e-3)


def test_methods_of_another_library_are_refused(refused):
    with refused("'gsl_rkf45'", "no torch rendering", "'rk4'"):
        render(neuron_model("adex", method="gsl_rkf45"), 1, 1e-4)


def test_nearly_all_of_brian2s_functions_have_a_torch_meaning():
    missing = set(DEFAULT_FUNCTIONS) - set(TORCH_FUNCTIONS) - {"rand", "randn", "poisson", "int"}
    assert missing <= {"spatialneuron_segments"}


@pytest.mark.parametrize("name", sorted(set(TORCH_FUNCTIONS) & set(DEFAULT_FUNCTIONS)))
def test_functions_mean_the_same_on_tensors_and_numbers(name):
    arguments = {"clip": (0.2, 0.6), "timestep": (0.1,)}.get(name, ())
    numbers = [0.0, 0.3, 0.999999, 0.5] if name not in ("log", "log10") else [0.3, 0.5, 0.9]
    tensor = TORCH_FUNCTIONS[name](torch.tensor(numbers, dtype=torch.float64), *arguments)
    plain = [TORCH_FUNCTIONS[name](number, *arguments) for number in numbers]
    np.testing.assert_allclose(tensor.numpy(), plain, rtol=1e-15)


def test_exprel_is_smooth_at_zero():
    x = torch.tensor([0.0, 1e-3, -1.0], dtype=torch.float64, requires_grad=True)
    y = TORCH_FUNCTIONS["exprel"](x)
    y.sum().backward()
    assert y.tolist() == pytest.approx([1.0, np.expm1(1e-3) / 1e-3, 1 - np.exp(-1)])
    assert torch.isfinite(x.grad).all()


def test_brian2s_own_statements_are_left_alone(both):
    # Brian2 caches its statements; rendering twice, and running between, must find them whole.
    model = custom(emit="int(v >= theta) - int(v <= -theta)")
    first = source(model)
    assert both(model, steps=20, dt=1.0, drive=300.0).worst() == 0.0
    assert source(model) == first


@pytest.mark.parametrize("noise", ["euler", "heun", "milstein"])
def test_noise_is_drawn_in_torch(noise):
    from brianbridge.twin.population import PopulationTwin

    model = custom(LIF.replace("drive :", "drive + xi*tau**-0.5 :", 1), method=noise)
    torch.manual_seed(0)
    twin = PopulationTwin(model, (2000,), 1e-3, fires=False, dtype=torch.float64)
    v = twin.run(steps=100, batch=1).state["v"]
    # An Ornstein-Uhlenbeck process: stationary variance 1/2, from Euler's step a little more.
    assert v.mean().abs() < 0.06
    assert v.var().item() == pytest.approx(0.5 / (1 - 0.05), rel=0.15)

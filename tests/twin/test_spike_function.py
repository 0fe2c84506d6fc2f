"""Spike functions: exact forward, the documented derivative backward."""

from __future__ import annotations

import math

import pytest
import torch

from brianbridge.twin import spike_function
from brianbridge.twin.spike_function import (
    SpikeFunction,
    register_spike_function,
    spike_function_names,
)

#: The module's table, written out.
FORMULAE = {
    "arctan": lambda z: 1 / (1 + (math.pi * z) ** 2),
    "fast_sigmoid": lambda z: 1 / (1 + abs(z)) ** 2,
    "rectangle": lambda z: float(abs(z) < 0.5),
    "triangle": lambda z: max(0.0, 1 - abs(z)),
    "gaussian": lambda z: math.exp(-(z**2) / 2),
    "sigmoid": lambda z: math.cosh(min(abs(z), 700) / 2) ** -2,
    "straight_through": lambda z: 1.0,
}
POINTS = [-2.3, -0.9, -0.31, -1e-9, 0.0, 1e-9, 0.31, 0.9, 2.3]


def slope_of(function: SpikeFunction, points: list[float]) -> list[float]:
    x = torch.tensor(points, dtype=torch.float64, requires_grad=True)
    function.step(x).sum().backward()
    return x.grad.tolist()


def test_every_function_is_in_the_table():
    assert set(FORMULAE) == set(spike_function_names())
    for name in FORMULAE:
        assert name in spike_function.__doc__


@pytest.mark.parametrize("name", FORMULAE)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_forward_is_the_exact_step(name, dtype):
    function = SpikeFunction(name, width=0.3, scale=7.0)
    x = torch.tensor(POINTS, dtype=dtype, requires_grad=True)
    for strict in (False, True):
        spikes = function.step(x, strict)
        assert spikes.dtype == dtype
        assert spikes.tolist() == [float(p > 0 if strict else p >= 0) for p in x.tolist()]


@pytest.mark.parametrize("name", FORMULAE)
@pytest.mark.parametrize(("width", "scale"), [(1.0, 1.0), (0.5, 1.0), (2.0, 0.3), (1e-3, 1e3)])
def test_backward_is_the_documented_formula(name, width, scale):
    function = SpikeFunction(name, width, scale)
    expected = [scale * FORMULAE[name](p / width) for p in POINTS]
    assert slope_of(function, POINTS) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", FORMULAE)
def test_the_largest_slope_is_the_scale(name):
    assert slope_of(SpikeFunction(name, width=0.1, scale=3.0), [0.0]) == [3.0]


def test_gradients_are_multiplied_along_the_chain():
    v = torch.tensor([0.8], requires_grad=True)
    (5 * SpikeFunction("triangle").step(2 * v - 2)).backward()
    assert v.grad.item() == pytest.approx(5 * (1 - 0.4) * 2)


# ---------------------------------------------------------------------- staircase


def test_the_staircase_is_the_exact_floor_and_clip():
    x = torch.tensor([-1.2, 0.0, 0.99, 1.0, 2.5, 4.0, 9.9])
    function = SpikeFunction()
    assert function.staircase(x, 0, 4).tolist() == [0, 0, 0, 1, 2, 4, 4]
    assert function.staircase(x).tolist() == [-2, 0, 0, 1, 2, 4, 9]


@pytest.mark.parametrize("name", FORMULAE)
def test_the_staircase_has_a_bump_at_every_step(name):
    function = SpikeFunction(name, width=0.4, scale=2.0)
    points = [-0.3, 0.1, 0.9, 1.5, 2.2, 3.7, 5.0]
    x = torch.tensor(points, dtype=torch.float64, requires_grad=True)
    function.staircase(x, 0, 3).sum().backward()
    bumps = [sum(2.0 * FORMULAE[name]((p - k) / 0.4) for k in (1, 2, 3)) for p in points]
    assert x.grad.tolist() == pytest.approx(bumps, rel=1e-12)


def test_a_staircase_without_bounds_takes_the_nearest_step():
    x = torch.tensor([0.2, 7.6], dtype=torch.float64, requires_grad=True)
    SpikeFunction("triangle").staircase(x).sum().backward()
    assert x.grad.tolist() == pytest.approx([0.8, 0.6])


def test_bounds_may_differ_from_neuron_to_neuron():
    x = torch.full((3,), 2.5, dtype=torch.float64, requires_grad=True)
    high = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    stairs = SpikeFunction("triangle").staircase(x, 0, high)
    assert stairs.tolist() == [1, 2, 2]
    stairs.sum().backward()
    assert x.grad.tolist() == [0.0, 0.5, 1.0]  # steps at 1; 1, 2; 1, 2, 3, 4


def slopes_of(function: SpikeFunction, points: list[float], low, high) -> list[float]:
    x = torch.tensor(points, dtype=torch.float64, requires_grad=True)
    stairs = function.staircase(x, low, high)
    assert torch.equal(stairs, SpikeFunction().staircase(x, low, high)), "forward is the same"
    stairs.backward(torch.full_like(x, 2.0))
    assert torch.equal(x.grad, 2 * function.slopes(x.detach(), low, high))
    return (x.grad / 2).tolist()


@pytest.mark.parametrize("name", FORMULAE)
def test_the_nearest_step_alone(name):
    function = SpikeFunction(name, width=0.9, scale=2.0, levels="nearest")
    points = [-4.0, -0.3, 0.4, 0.9, 1.45, 1.55, 2.2, 2.6, 3.7, 9.0]
    nearest = [1, 1, 1, 1, 1, 2, 2, 3, 3, 3]
    expected = [2.0 * FORMULAE[name]((p - k) / 0.9) for p, k in zip(points, nearest, strict=True)]
    assert slopes_of(function, points, 0, 3) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", FORMULAE)
def test_the_range_is_a_straight_line_whatever_the_kernel(name):
    function = SpikeFunction(name, width=0.1, scale=0.5, levels="range")
    points = [-1.01, -1.0, -0.4, 0.0, 1.5, 3.0, 3.01, 8.0]
    assert slopes_of(function, points, -1, 3) == [0.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.0, 0.0]


def test_the_range_without_bounds_has_no_end():
    function = SpikeFunction(levels="range")
    assert slopes_of(function, [-70.0, 0.5, 70.0], -torch.inf, torch.inf) == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("levels", "expected"), [("nearest", [0.0, 0.5, 0.5]), ("range", [0.0, 0.0, 1.0])]
)
def test_bounds_of_other_levels_may_differ_from_neuron_to_neuron(levels, expected):
    x = torch.full((3,), 2.5, dtype=torch.float64, requires_grad=True)
    high = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    SpikeFunction("triangle", levels=levels).staircase(x, 0, high).sum().backward()
    assert x.grad.tolist() == expected


def test_negative_steps_count_too():
    # Bounds -2 and 1: from -2 a step at -1, at 0 and at 1 leads up.
    points = [-1.2, -0.1, 0.9]
    for levels in ("all", "nearest"):
        found = slopes_of(SpikeFunction("triangle", 0.5, levels=levels), points, -2, 1)
        assert found == pytest.approx([0.6, 0.8, 0.8])


# ---------------------------------------------------------------------- names


def test_a_function_of_ones_own():
    @register_spike_function("cosine")
    def cosine(z):
        return torch.cos(z.clamp(-math.pi / 2, math.pi / 2))

    assert "cosine" in spike_function_names()
    slopes = slope_of(SpikeFunction("cosine", width=0.5), [0.0, 0.25, 9.0])
    assert slopes == pytest.approx([1.0, math.cos(0.5), 0.0], abs=1e-12)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("arctann",), ["no spike function 'arctann'", "Did you mean 'arctan'?"]),
        (("arctan", 0.0), ["'arctan'", "width = 0.0; give a finite number above 0"]),
        (("arctan", -1.0), ["width = -1.0"]),
        (("arctan", math.nan), ["width = nan"]),
        (("arctan", math.inf), ["width = inf"]),
        (("arctan", 1.0, math.nan), ["scale = nan; give a finite number"]),
        (("arctan", 1.0, 1.0, "neerest"), ["levels = 'neerest'", "Did you mean 'nearest'?"]),
    ],
)
def test_what_cannot_be_is_refused(refused, arguments, said):
    with refused(*said):
        SpikeFunction(*arguments)


def test_equal_functions_are_equal():
    assert SpikeFunction("triangle", 0.5) == SpikeFunction("triangle", width=0.5)
    assert SpikeFunction() != SpikeFunction(scale=2.0)
    assert SpikeFunction() != SpikeFunction(levels="nearest")
    assert SpikeFunction() != SpikeFunction(detach_reset=True)

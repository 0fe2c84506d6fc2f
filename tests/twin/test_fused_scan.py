"""Steps in one compiled loop are those of torch's operations, and so are their gradients."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from brianbridge.encoding import Frames
from brianbridge.network import Dense, Projection, SpikingNetwork
from brianbridge.neurons.library import model_names, neuron_model
from brianbridge.twin import to_torch
from brianbridge.twin.fused import recurrent
from brianbridge.twin.fused import scan as fused
from brianbridge.twin.population import PopulationTwin
from brianbridge.twin.scan import parts_of
from brianbridge.twin.spike_function import SpikeFunction

#: Those with an exponential are run by torch's operations.
COMPILED = sorted(set(model_names()) - {"adex"})


@pytest.fixture(params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    return getattr(torch, request.param)


@pytest.fixture
def both_ways(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Return a function that calls another one without and with compiled loops."""

    def call(function: object) -> list:
        found = []
        for least in (10**12, 0):
            monkeypatch.setattr(fused, "_WORTHWHILE", least)
            found.append(function())  # type: ignore[operator]
        return found

    return call  # type: ignore[return-value]


def tolerance(dtype: torch.dtype) -> float:
    return 1e-5 if dtype == torch.float32 else 1e-12


def check_close(found: Tensor, wanted: Tensor, tol: float) -> None:
    assert (found - wanted).abs().max() <= tol * wanted.abs().max().clamp(min=1e-30)


@pytest.mark.parametrize("activity", ["none", "some", "all"])
@pytest.mark.parametrize("name", COMPILED)
def test_library_models(name: str, activity: str, dtype: torch.dtype, both_ways: object) -> None:
    model = neuron_model(name)
    unit = {"izhikevich": 0.02}.get(name, 1.0)
    size = {"none": 0.0, "some": 1.2, "all": 30.0}[activity] * unit

    def run() -> tuple:
        torch.manual_seed(0)
        neurons = PopulationTwin(model, (11,), 1e-3, dtype=dtype)
        x = torch.rand(12, 3, 11, dtype=dtype) * size
        x.requires_grad_()
        drive = (torch.rand(11, dtype=dtype) * 0.01 * unit).requires_grad_()
        out = neurons.run(x, drive)
        loss = (out.spikes * torch.rand_like(out.spikes)).sum()
        for value in out.state.values():
            if value.requires_grad:
                loss = loss + (value / unit).sum()
        loss.backward()
        return out.spikes.detach(), out.state, x.grad, drive.grad, neurons

    (spikes, state, gx, gd, _), (found, found_state, fx, fd, neurons) = both_ways(run)
    assert all(loops is not None for loops in neurons._fused._loops.values())
    assert neurons._fused._loops
    if activity == "all" and "single" not in name:
        assert (spikes != 0).double().mean() > 0.3
    assert torch.equal(found, spikes)
    for variable, values in state.items():
        assert torch.equal(found_state[variable], values)
        assert found_state[variable].requires_grad == values.requires_grad
    check_close(fx, gx, tolerance(dtype))
    check_close(fd, gd, tolerance(dtype))


@pytest.mark.parametrize(
    "function",
    [
        SpikeFunction("fast_sigmoid", width=0.3),
        SpikeFunction("rectangle", scale=0.5),
        SpikeFunction("triangle", width=2.0, detach_reset=True),
        SpikeFunction("straight_through"),
        SpikeFunction("arctan", levels="range"),
        SpikeFunction("arctan", levels="all"),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["lif", "multi_threshold_lif", "ternary_if"])
def test_surrogate_derivatives(name: str, function: SpikeFunction, both_ways: object) -> None:
    def run() -> tuple:
        torch.manual_seed(0)
        neurons = PopulationTwin(
            neuron_model(name), (16,), 1e-3, dtype=torch.float64, spike_function=function
        )
        x = torch.randn(9, 2, 16, dtype=torch.float64, requires_grad=True)
        out = neurons(x)
        (out * torch.rand_like(out)).sum().backward()
        return out, x.grad, neurons

    (_, wanted, _), (_, found, neurons) = both_ways(run)
    assert all(loops is not None for loops in neurons._fused._loops.values())
    check_close(found, wanted, 1e-12)


@pytest.mark.parametrize("function", ["gaussian", "sigmoid"])
def test_derivatives_without_compiled_form(function: str, both_ways: object) -> None:
    def run() -> PopulationTwin:
        neurons = PopulationTwin(
            neuron_model("lif"), (16,), 1e-3, spike_function=SpikeFunction(function)
        )
        neurons(torch.rand(3, 2, 16, requires_grad=True)).sum().backward()
        return neurons

    _, neurons = both_ways(run)
    assert list(neurons._fused._loops.values()) == [None]


def test_learned_parameters(both_ways: object) -> None:
    def run() -> list[Tensor]:
        torch.manual_seed(0)
        neurons = PopulationTwin(
            neuron_model("lif"), (16,), 1e-3, dtype=torch.float64, learned=("theta", "tau")
        )
        theta = torch.full((16,), 1.1, dtype=torch.float64, requires_grad=True)
        tau = torch.tensor(0.012, dtype=torch.float64, requires_grad=True)
        x = torch.rand(20, 3, 16, dtype=torch.float64)
        out = neurons(x, parameters={"theta": theta, "tau": tau})
        (out * torch.rand_like(out)).sum().backward()
        return [out, theta.grad, tau.grad]

    wanted, found = both_ways(run)
    assert torch.equal(found[0], wanted[0])
    for one, other in zip(found[1:], wanted[1:], strict=True):
        check_close(one, other, 1e-12)


def test_gradients_of_gradients(both_ways: object) -> None:
    def run() -> Tensor:
        torch.manual_seed(0)
        neurons = PopulationTwin(neuron_model("lif"), (16,), 1e-3, dtype=torch.float64)
        x = torch.rand(6, 2, 16, dtype=torch.float64, requires_grad=True)
        (first,) = torch.autograd.grad(neurons(x).sum(), x, create_graph=True)
        (second,) = torch.autograd.grad((first**2).sum(), x)
        return second

    wanted, found = both_ways(run)
    assert wanted.abs().max() > 0
    check_close(found, wanted, 1e-12)


def test_brians_order_and_two_inputs(both_ways: object) -> None:
    def run() -> tuple:
        torch.manual_seed(0)
        neurons = PopulationTwin(
            neuron_model("cuba_lif"), (16,), 1e-3, dtype=torch.float64, schedule="default",
            received=("g", "v"),
        )  # fmt: skip
        x = {n: torch.rand(9, 2, 16, dtype=torch.float64, requires_grad=True) for n in ("g", "v")}
        out = neurons.run(x).spikes
        (out * torch.rand_like(out)).sum().backward()
        return out, x["g"].grad, x["v"].grad, neurons

    (spikes, *wanted, _), (found, *gradients, neurons) = both_ways(run)
    assert all(neurons._fused._loops.values())
    assert torch.equal(found, spikes)
    for one, other in zip(gradients, wanted, strict=True):
        check_close(one, other, 1e-12)


def test_loops_are_shared_between_threads_and_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "_WORTHWHILE", 0)
    torch.manual_seed(0)
    neurons = PopulationTwin(neuron_model("lif"), (997,), 1e-3)
    x = torch.rand(7, 3, 997)
    found = []
    for part, block, threads in ((10**9, 512, 1), (50, 48, 2), (50, 16, 3)):
        monkeypatch.setattr(fused, "_PART", part)
        monkeypatch.setattr(fused, "_BLOCK", block)
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        given = x.clone().requires_grad_()
        out = neurons(given)
        out.sum().backward()
        torch.set_num_threads(before)
        found.append((out.detach(), given.grad))
    for out, gradient in found[1:]:
        assert torch.equal(out, found[0][0])
        assert torch.equal(gradient, found[0][1])


def test_no_memory_is_held_after_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    import gc
    import weakref

    monkeypatch.setattr(fused, "_WORTHWHILE", 0)
    neurons = PopulationTwin(neuron_model("lif"), (64,), 1e-3)
    gc.disable()
    try:
        x = torch.rand(3, 2, 64, requires_grad=True)
        out = neurons.run(x)
        out.spikes.sum().backward()
        gone = weakref.ref(out.state["v"])  # what is kept for the gradient leads back to it
        del out, x
        assert gone() is None  # without waiting for the collector of cycles
    finally:
        gc.enable()


def test_a_population_is_pickled_and_copied_with_its_loops() -> None:
    neurons = PopulationTwin(neuron_model("lif"), (64,), 1e-3)
    x = torch.rand(200, 2, 64)
    wanted = neurons(x)
    for other in (pickle.loads(pickle.dumps(neurons)), copy.deepcopy(neurons)):
        assert torch.equal(other(x), wanted)


# ---------------------------------------------------------------------- feedback


def with_feedback(name: str, *, outer: bool = False) -> SpikingNetwork:
    layers = [Dense(33, neuron_model(name)), Dense(20, neuron_model("lif"))]
    net = SpikingNetwork.sequential((14, 25), layers, encoding=Frames(14))
    random = np.random.default_rng(0)
    own = Projection("hidden", "hidden", random.normal(0, 0.2, (33, 33)), feedback=True)
    more = [own]
    if outer:
        more.append(Projection("output", "hidden", random.normal(0, 0.2, (33, 20)), feedback=True))
    return replace(net, projections=(*net.projections, *more))


def test_parts_of_a_network() -> None:
    assert parts_of(with_feedback("lif")) == [("hidden",), ("output",)]
    assert parts_of(with_feedback("lif", outer=True)) == [("hidden", "output")]


@pytest.mark.parametrize("name", ["lif", "cuba_lif", "lif_zero", "multi_threshold_lif"])
def test_feedback(name: str, dtype: torch.dtype, both_ways: object) -> None:
    net = with_feedback(name)

    def run() -> list[Tensor]:
        torch.manual_seed(0)
        twin = to_torch(net, dtype=dtype)
        with torch.no_grad():
            for parameter in twin.parameters():
                parameter.mul_(2)
        x = (torch.rand(14, 3, 25, dtype=dtype) < 0.3).to(dtype).requires_grad_()
        out = twin.run(raster=x)
        weighted = (out.output * torch.rand_like(out.output)).sum() + out.spikes["hidden"].sum()
        weighted.backward()
        return [*out.spikes.values(), x.grad, *(p.grad for p in twin.parameters())]

    wanted, found = both_ways(run)
    assert 0.02 < (wanted[0] != 0).double().mean() < 0.98
    for spikes, others in zip(found[:2], wanted[:2], strict=True):
        assert torch.equal(spikes, others)
    for one, other in zip(found[2:], wanted[2:], strict=True):
        check_close(one, other, tolerance(dtype))


@pytest.mark.parametrize("batch", [16, 37, 40])
def test_threads_share_samples_with_feedback(
    batch: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fused, "_WORTHWHILE", 0)
    monkeypatch.setattr(recurrent, "_WORTHWHILE", 0)
    torch.manual_seed(0)
    x = (torch.rand(14, batch, 25, dtype=dtype) < 0.3).to(dtype)
    twin = to_torch(with_feedback("cuba_lif"), dtype=dtype)
    before, found, parts = torch.get_num_threads(), [], []
    shared = recurrent.in_threads
    monkeypatch.setattr(
        recurrent, "in_threads",
        lambda work, *sizes: shared(lambda *part: (parts.append(part), work(*part)), *sizes),
    )  # fmt: skip
    try:
        for threads in (1, 2):
            parts.clear()
            torch.set_num_threads(threads)
            spikes = twin.run(raster=x).spikes
            found.append([spikes["hidden"].detach(), spikes["output"].detach()])
    finally:
        torch.set_num_threads(before)
    assert (len(parts) > 1) == (batch >= 32)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    assert 0.02 < found[0][0].mean() < 0.98
    one = twin.run(raster=x[:, -1:]).spikes["hidden"]
    assert torch.equal(found[0][0][:, -1:], one)


def test_gradients_of_gradients_with_feedback(both_ways: object) -> None:
    net = with_feedback("lif")

    def run() -> list[Tensor]:
        torch.manual_seed(0)
        twin = to_torch(net, dtype=torch.float64)
        x = torch.rand(14, 2, 25, dtype=torch.float64, requires_grad=True)
        weights = [p for p in twin.parameters() if p.ndim > 1]
        first = torch.autograd.grad(twin.run(raster=x).output.sum(), weights, create_graph=True)
        return list(torch.autograd.grad(sum((g**2).sum() for g in first), weights))

    wanted, found = both_ways(run)
    for one, other in zip(found, wanted, strict=True):
        assert other.abs().max() > 0
        check_close(one, other, 1e-11)


def test_images_stay_in_the_order_of_memory(dtype: torch.dtype, both_ways: object) -> None:
    torch.manual_seed(0)
    shape = 6, 2, 5, 4, 3  # steps, batch, height, width, channels
    by_pixel = torch.rand(shape, dtype=dtype).permute(0, 1, 4, 2, 3)
    weights, drive = torch.rand(by_pixel.shape, dtype=dtype), torch.rand(3, 5, 4, dtype=dtype) * 0.1

    def run(given: Tensor) -> list[Tensor]:
        x, constant = given.detach().requires_grad_(), drive.clone().requires_grad_()
        out = PopulationTwin(neuron_model("lif"), (3, 5, 4), 1e-3, dtype=dtype).run(x, constant)
        loss = (out.spikes * weights).sum() + (out.state["v"] ** 2).sum()
        return [out.spikes, out.state["v"], *torch.autograd.grad(loss, [x, constant])]

    wanted, found = both_ways(lambda: run(by_pixel))
    assert found[0].stride() == found[2].stride() == by_pixel.stride()
    for results in (found, run(by_pixel.contiguous())):
        assert torch.equal(results[0], wanted[0])
        assert torch.equal(results[1], wanted[1])
        check_close(results[2], wanted[2], tolerance(dtype))
        check_close(results[3], wanted[3], tolerance(dtype))

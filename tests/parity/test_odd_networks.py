"""What is unusual but legitimate runs the same in twin and Brian2, or is refused by its name."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from brian2 import Hz, ms

import brianbridge as bb
from brianbridge.encoding import Bernoulli, Current, Latency
from brianbridge.network import Population, Projection, SpikingNetwork
from brianbridge.neurons.model import NeuronModel

BASE = "dv/dt = -v/tau + drive : 1\ndrive : Hz"
OPTIONS = {
    "emit": "int(v > 0.4)",
    "reset": "v = 0",
    "drive": "drive",
    "parameters": {"tau": 5 * ms},
}
LIF = NeuronModel(BASE, **OPTIONS)
X = np.random.default_rng(0).random((3, 4))


def single(neuron=LIF, encoding=None, weight=None, readout="counts", name="p", **projection):
    """Return a network of one population."""
    weight = np.full((4, 4), 0.4) if weight is None else weight
    return SpikingNetwork(
        (4,),
        encoding or Current(8),
        (Population(name, (4,), neuron),),
        (Projection("input", name, weight, projection.pop("bias", None), **projection),),
        readout,
    )


def both(net, x=X, batch_size=None):
    """Return what the twin and what Brian2 does, in both paths."""
    twin = bb.to_torch(net, dtype=torch.float64).record(x)
    paths = [
        bb.simulate(net, x, backend=bb.Backend(path=path, batch_size=batch_size))
        for path in ("batched", "reference")
    ]
    return [twin, *paths]


def test_a_drive_that_nothing_is_given_to_keeps_its_start():
    tonic = NeuronModel(BASE, **OPTIONS, initial={"drive": 150 * Hz})
    net = single(tonic, Latency(20), np.eye(4) * 0.1)
    twin, *runs = both(net, batch_size=2)
    assert twin.output.min() > 0
    for run in runs:
        np.testing.assert_array_equal(run.output, twin.output)
    # Where a current or a bias is given, that is what it is.
    twin, *runs = both(single(tonic, bias=np.full(4, 0.1)))
    for run in runs:
        np.testing.assert_array_equal(run.output, twin.output)


def test_what_a_drive_is_multiplied_by_is_known_and_not_0(refused):
    gated = NeuronModel(
        "dv/dt = -v/tau + drive*int(t > 3*ms) : 1\ndrive : Hz", method="euler", **OPTIONS
    )
    with refused("population 'p': the drive 'drive' adds 0 to 'v'"):
        bb.to_torch(single(gated))
    late = NeuronModel(
        "dv/dt = -v/tau + drive*int(t - lastspike > 3*ms) : 1\ndrive : Hz",
        refractory="2 ms", method="euler", **OPTIONS,
    )  # fmt: skip
    with refused("population 'p': the drive 'drive' is multiplied by 'lastspike'"):
        bb.to_torch(single(late))


@pytest.mark.parametrize("dtype", [">f8", ">f4", np.longdouble])
def test_arrays_of_any_order_will_do(dtype):
    weight = np.random.default_rng(1).random((4, 4)).astype(dtype)[::-1]
    net = single(weight=weight, bias=np.ones(4, dtype)[::-1])
    twin, *runs = both(net, X[::-1, ::-1])
    assert twin.output.sum() > 0
    for run in runs:
        np.testing.assert_array_equal(run.output, twin.output)
    twin = bb.to_torch(net)
    torch.testing.assert_close(twin(X[:, ::-1]), twin(X[:, ::-1].copy()))


@pytest.mark.parametrize(
    "run", [lambda net, *a, **k: bb.to_torch(net).record(*a, **k), bb.simulate]
)
@pytest.mark.parametrize(
    ("x", "options", "said"),
    [
        (X[:0], {}, "the samples have shape (0, 4)"),
        (3.0, {}, "the samples have shape ()"),
        ([[1, 2], [1]], {}, "the samples are not an array of numbers"),
        (X + 1j, {}, "the samples are complex numbers"),
        (X, {"record": ("spikes", "zz")}, "no population has a state variable 'zz'"),
        (X, {"index": [-1, 0, 1]}, "index: give the samples' numbers"),
        (X, {"index": [0.5, 0, 1]}, "index: give the samples' numbers"),
        (X, {"index": [0]}, "index has shape (1,)"),
    ],
)
def test_samples_that_are_none_are_refused_by_twin_and_brian2(run, x, options, said, refused):
    with refused(said):
        run(single(encoding=Bernoulli(5)), x, **options)


def test_samples_with_a_gradient_will_do():
    x = torch.rand(3, 4, requires_grad=True, dtype=torch.float64)
    twin, *runs = both(single(), x)
    np.testing.assert_array_equal(twin.output, runs[0].output)


def test_a_drive_that_a_reset_changes_is_told(refused):
    fading = NeuronModel(BASE, **{**OPTIONS, "reset": "v = 0\ndrive *= 0.5"})
    with refused("changes its drive 'drive' by reset or synapses"):
        bb.to_torch(single(fading))(X)


def test_the_only_variable_is_the_potential():
    own = NeuronModel(
        "du/dt = -u/(5*ms) + drive : 1\ndrive : Hz",
        "int(u > 0.4)",
        "u = 0",
        receive="",
        drive="drive",
    )
    twin, *runs = both(single(own, readout="potential"))
    for run in runs:
        np.testing.assert_allclose(run.output, twin.output, rtol=1e-12)


def test_a_potential_that_cannot_be_told_is_refused(refused):
    lines = "du/dt = -u/(5*ms) + drive : 1\ndw/dt = (u - w)/(5*ms) : 1\ndrive : Hz"
    two = NeuronModel(lines, "int(u > 0.4 - w)", "u = 0", receive="", drive="drive")
    single(two)
    with refused(
        "readout 'potential' needs the membrane potential", "'u' or 'w'", "potential = 'u'"
    ):
        single(two, readout="potential")
    named = NeuronModel(
        lines, "int(u > 0.4 - w)", "u = 0", receive="", drive="drive", potential="u"
    )
    clear = NeuronModel(lines, "int(u > 0.4)", "u = 0", receive="", drive="drive")
    for model in (named, clear):
        assert single(model, readout="potential").output.neuron.potential == "u"


@pytest.mark.parametrize("name", ["presenter", "simulation_clock"])
def test_names_of_the_simulation_are_refused(name, refused):
    with refused(f"objects of its own that are called '{name}'", "rename"):
        single(name=name)


@pytest.mark.parametrize("other", ["input_to_p", "p_stateupdater", "p_spikes"])
def test_names_that_parts_of_others_have_are_refused(other, refused):
    weight = np.full((4, 4), 0.4)
    with refused(f"objects of its own that are called '{other}'", "rename"):
        SpikingNetwork(
            (4,), Latency(5), tuple(Population(name, (4,), LIF) for name in (other, "p")),
            (Projection("input", "p", weight), Projection("input", other, weight)),
        )  # fmt: skip


def test_names_are_letters_that_brian2_takes(refused):
    with refused("'größe' cannot name a population", "letters a to z"):
        single(name="größe")


@pytest.mark.parametrize(
    ("emit", "reset"),
    [
        ("int(v > 0.3)", "w = v\nv -= 0.3"),
        ("int(v > 0.3)", "w = 1*v; v *= 0.5; w += v"),
        ("int(v > 0.3)", "w = s; v -= 0.3"),
        ("v", "v -= emit"),
        ("clip(floor(v/0.3), 0, 3)", "w = emit\nv -= 0.3*emit"),
    ],
)
@pytest.mark.parametrize("path", ["batched", "reference"])
def test_a_reset_that_copies_a_variable_before_it_changes(path, emit, reset):
    """Brian2's NumPy target makes ``w = v`` two names of one array, and changes both."""
    neuron = bb.NeuronModel(
        "dv/dt = -v/(10*ms) + drive : 1\ndw/dt = 0*Hz : 1\ns = v : 1\ndrive : Hz",
        emit=emit, reset=reset, receive="v", drive="drive",
    )  # fmt: skip
    net = bb.SpikingNetwork.sequential(
        (4,), [bb.Dense(3, neuron), bb.Dense(2, neuron)], encoding=bb.Current(6), seed=1
    )
    x = np.random.default_rng(0).random((3, 4))
    found = bb.simulate(net, x, record=("spikes", "v", "w"), backend=bb.Backend(path=path))
    twin = bb.to_torch(net).double().record(x, record=("spikes", "v", "w"))
    for name in found.shapes:
        # Where spikes carry the potential itself, sums of inputs round in their own order.
        assert np.allclose(found.spikes[name], twin.spikes[name], rtol=1e-12, atol=1e-15)
        assert found.counts[name].any()
        for variable in ("v", "w"):
            assert np.allclose(
                found.traces[name][variable], twin.traces[name][variable], rtol=1e-12, atol=1e-15
            )

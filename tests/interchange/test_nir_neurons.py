"""Neurons of NIR against the steps of the frameworks, and against closed forms."""

from __future__ import annotations

import nir
import numpy as np
import pytest
from nir_cases import chain, cuba, framework_counts, lif, potentials, spikes_of

import brianbridge as bb
from brianbridge.errors import InputError

DT = 1e-3
STEPS = 30
WEIGHT = np.random.default_rng(1).normal(size=(6, 8)).astype(np.float32)
#: Frames of 4 samples.
X = (np.random.default_rng(2).random((4, STEPS, 8)) < 0.3).astype(float)


def read(node: nir.NIRNode, framework: str, **options: object) -> bb.SpikingNetwork:
    graph = chain(nir.Linear(WEIGHT), node, shape=(8,))
    options = {"dt": DT, "steps": STEPS, "encoding": "frames"} | options
    return bb.from_nir(graph, framework, **options)


class Neuron:
    """A neuron of a framework, as its source has it."""

    def __init__(self, rule: str) -> None:
        self.rule, self.v, self.i = rule, 0.0, 0.0
        self.a, self.b = DT / 5e-3, DT / 2e-3

    def __call__(self, x: np.ndarray) -> np.ndarray:
        a, b = self.a, self.b
        match self.rule:
            case "snntorch":  # inputs add 1: r = tau/dt is 5
                late = np.greater(self.v, 1)
                self.v = (1 - a) * self.v + 50 * a * x - late
                return self.v > 1
            case "norse" | "lava":
                self.v = self.v + a * (-self.v + 50 * x)
                z = self.v > 1
            case "spikingjelly":
                self.v = self.v + a * (-self.v + 50 * x)
                z = self.v >= 1
            case "snntorch cuba":
                late = np.greater(self.v, 1)
                self.i = (1 - b) * self.i + 20 * b * x
                self.v = (1 - a) * self.v + 50 * a * self.i - late
                return self.v > 1
            case "norse cuba":
                current = self.i + 20 * x
                self.v = self.v + a * (-self.v + 50 * current)
                self.i = (1 - b) * current
                z = self.v > 1
            case "spikingjelly cuba" | "lava cuba":
                self.i = (1 - b) * self.i + 20 * b * x
                self.v = (1 - a) * self.v + 50 * a * self.i
                z = self.v > 1
            case "sinabs":  # time constants in steps
                keep = np.exp(-1 / 5)
                self.v = keep * self.v + (1 - keep) * 50 * x
                z = np.maximum(np.trunc(self.v), 0)
                self.v = self.v - z
                return z
            case "rockpool cuba":
                self.i = np.exp(-b) * (self.i + 20 * x)
                self.v = np.exp(-a) * self.v + self.i
                z = np.maximum(np.floor(self.v), 0)
                self.v = self.v - z
                return z
        self.v = np.where(z, 0.0, self.v)
        return z


@pytest.mark.parametrize("framework", ["snntorch", "norse", "spikingjelly", "lava"])
def test_lif_counts_are_those_of_the_framework(framework: str) -> None:
    network = read(lif(6), framework)
    wanted = framework_counts(Neuron(framework), X, WEIGHT)
    np.testing.assert_array_equal(spikes_of(network, X), wanted)
    assert wanted.sum() > 20


@pytest.mark.parametrize("framework", ["snntorch", "norse", "spikingjelly", "lava", "rockpool"])
def test_current_based_counts_are_those_of_the_framework(framework: str) -> None:
    network = read(cuba(6), framework)
    wanted = framework_counts(Neuron(f"{framework} cuba"), X, WEIGHT)
    np.testing.assert_array_equal(spikes_of(network, X), wanted)
    assert wanted.sum() > 20


def test_time_constants_of_sinabs_count_steps() -> None:
    network = read(lif(6, tau=5.0), "sinabs")
    wanted = framework_counts(Neuron("sinabs"), X, WEIGHT)
    np.testing.assert_array_equal(spikes_of(network, X), wanted)
    assert wanted.max() > STEPS  # several spikes in one step


def test_time_constants_of_norse_are_divided_by_the_step() -> None:
    network = read(lif(6, tau=5e-3 * DT), "norse")
    assert float(network.populations[0].neuron.parameters["tau"]) == pytest.approx(5e-3)


@pytest.mark.parametrize(("kind", "leak"), [("LIF", 0.0), ("LIF", 0.3), ("IF", 0.0)])
def test_a_step_current_gives_the_analytic_spike_times(kind: str, leak: float) -> None:
    """The exact step at 0.1 ms, each spike within one step of continuous time."""
    dt, tau, r, theta, current = 1e-4, 8e-3, 3.0, 1.0, 0.9
    if kind == "LIF":
        node = lif(1, tau=tau, r=r, v_leak=leak)
        end = leak + r * current
        times = tau * np.log((end - np.array([leak, 0.0])) / (end - theta))  # first, then others
    else:
        node = nir.IF(r=np.full(1, 300.0), v_threshold=np.ones(1))
        times = np.full(2, theta / (300.0 * current))
    network = bb.from_nir(
        chain(nir.Linear(np.ones((1, 1))), node, shape=(1,)),
        "exact", dt=dt, steps=1000, encoding="current",
    )  # fmt: skip
    found = bb.simulate(network, np.full((1, 1), current))
    steps = np.flatnonzero(found.raster(network.output.name))
    between = np.diff(np.concatenate([[0], steps + 1]))
    assert len(steps) > 10
    # A reset at the end of a step shifts all later spikes: each interval is within one step.
    assert abs(between[0] * dt - times[0]) <= dt
    assert np.all(np.abs(between[1:] * dt - times[1]) <= dt)


def test_leaky_integrators_have_their_closed_forms() -> None:
    current, t = np.array([[0.7]]), 40 * DT
    one, tau, tau_syn = np.ones(1), 8e-3, 3e-3
    cases = {
        "I": (nir.I(r=30 * one), 30 * 0.7 * t),
        "LI": (nir.LI(tau * one, 3 * one, 0.2 * one), 0.2 + 2.1 * (1 - np.exp(-t / tau))),
        "CubaLI": (
            nir.CubaLI(tau_syn * one, tau * one, 3 * one, 0.0 * one, 2.0 * one),
            4.2 * (1 - (tau * np.exp(-t / tau) - tau_syn * np.exp(-t / tau_syn)) / (tau - tau_syn)),
        ),
    }
    for node, wanted in cases.values():
        network = bb.from_nir(
            chain(nir.Linear(np.ones((1, 1))), node, shape=(1,)),
            "exact", dt=DT, steps=40, encoding="current",
        )  # fmt: skip
        assert network.readout == "potential"
        np.testing.assert_allclose(potentials(network, current), wanted, rtol=1e-9)


@pytest.mark.parametrize(("spikes", "area"), [("step", DT), ("dirac", 1.0)])
def test_a_spike_has_the_area_that_was_stated(spikes: str, area: float) -> None:
    one = np.ones(1)
    graph = chain(nir.Linear(np.ones((1, 1))), nir.LI(8e-3 * one, 3 * one, 0 * one), shape=(1,))
    network = bb.from_nir(graph, "exact", dt=DT, steps=3, encoding="frames", spikes=spikes)
    x = np.array([[[1.0], [0.0], [0.0]]])
    wanted = 3 * area / 8e-3 * np.exp(-2 * DT / 8e-3)
    np.testing.assert_allclose(potentials(network, x), wanted, rtol=1e-12)


def test_a_threshold_sees_the_input_of_one_step() -> None:
    network = read(nir.Threshold(np.full(6, 0.4)), "snntorch")
    wanted = (X @ WEIGHT.T > 0.4).sum(axis=1)
    np.testing.assert_array_equal(spikes_of(network, X), wanted)
    nodes = network.provenance["interchange"]["nodes"]
    assert nodes["n1"]["rating"] == "approximate"


def test_a_threshold_after_a_leaky_integrator_is_one_population() -> None:
    one = np.ones(6)
    graph = chain(
        nir.Linear(WEIGHT),
        nir.LI(5e-3 * one, 5 * one, 0 * one),
        nir.Threshold(0.8 * one),
        shape=(8,),
    )
    network = bb.from_nir(graph, "snntorch", dt=DT, steps=STEPS, encoding="frames")
    v, counts = 0.0, 0
    for t in range(STEPS):
        v = 0.8 * v + X[:, t] @ WEIGHT.T
        counts = counts + (v > 0.8)
    np.testing.assert_array_equal(spikes_of(network, X), counts)
    assert len(network.populations) == 1


def test_parameters_differ_between_neurons() -> None:
    tau, threshold = np.linspace(3e-3, 9e-3, 6), np.linspace(0.5, 1.5, 6)
    node = nir.LIF(tau, np.full(6, 50.0), np.zeros(6), threshold, np.linspace(-0.2, 0.1, 6))
    network = read(node, "norse")
    v, counts = 0.0, 0
    for t in range(STEPS):
        v = v + DT / tau * (-v + 50 * (X[:, t] @ WEIGHT.T))
        counts = counts + (v > threshold)
        v = np.where(v > threshold, np.linspace(-0.2, 0.1, 6), v)
    np.testing.assert_array_equal(spikes_of(network, X), counts)


@pytest.mark.parametrize(
    ("node", "framework", "options", "message"),
    [
        (lif(6, r=5.0), "snntorch", {"dt": None}, r"'n1' \(LIF\): an input of 1 adds 0.1 "),
        (lif(6, tau=1e-4), "spikingjelly", {}, r"tau of 0.1 ms is shorter than the step of 1 ms"),
        (lif(6, tau=-1.0), "exact", {}, r"its 'tau' is not above 0"),
        (lif(6, v_reset=2.0), "exact", {}, r"v_reset is not below v_threshold"),
        (lif(5), "exact", {}, r"'n1' \(LIF\): its parameters have the shape \(5,\), but 6 inputs"),
        (cuba(6, tau_mem=8.0, tau_syn=4.0, w_in=4.0, r=1.0), "lava", {}, r"lava-dl's exporter"),
        (lif(6), None, {}, r"state the framework .*snntorch, norse, .*exact"),
        (lif(6), "exact", {"dt": None}, r"state the one of training"),
        (lif(6), "nurse", {}, r"no framework 'nurse'. Did you mean 'norse'"),
        (lif(6), "norse", {"reset": "subtract_later"}, r"norse has only: to_value: it is set"),
        (lif(6), "norse", {"spikes": "big"}, r"spikes = 'big'; give one of: step"),
        (lif(6), "norse", {"steps": None}, r"state the number of steps"),
        (lif(6), "norse", {"encoding": bb.Frames(9), "dt": None}, r"the encoding has 9"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(node, framework, options, message) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(node, framework, **options)
    assert "\n" not in str(caught.value)

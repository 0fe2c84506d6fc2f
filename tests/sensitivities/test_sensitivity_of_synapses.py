"""Sensitivity of synapses: decay, reversal, release and recovery, and delays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, Synapses, ms

import brianbridge as bb
from brianbridge.connections import Population, Projection, Sparse
from brianbridge.sensitivities.parameters import parameters_of

STEPS, DT = 100, 0.5 * ms
DEPRESSING: dict[str, Any] = {
    "model": "w : 1\nU : 1\nslow : second (constant)\ndx/dt = (1 - x)/slow : 1 (event-driven)",
    "on_pre": "I_post += gain*w*U*x; x *= 1 - U", "namespace": {"gain": 0.9, "unused": 2.0},
}  # fmt: skip
CONDUCTANCE: dict[str, Any] = {
    "model": "w : 1\nds/dt = -s/tau_s : 1 (clock-driven)\ng_post = w*s*(E - v_post) : 1 (summed)",
    "on_pre": "s += 1", "method": "euler", "namespace": {"tau_s": 5 * ms, "E": 2.0},
}  # fmt: skip
LIF = bb.neuron_model("lif", theta=0.5)
X = np.random.default_rng(3).random((6, 3)) * 0.6


def objects(synapses: dict[str, Any], threshold: float = 0.15, **values: Any) -> list[Any]:
    rng = np.random.default_rng(3)
    step, node = np.nonzero(rng.random((STEPS, 6)) < 0.15)
    given = SpikeGeneratorGroup(6, node, step * DT, dt=DT, name="given")
    cells = NeuronGroup(
        4, "dv/dt = (I + g - v)/(10*ms) : 1\ndI/dt = -I/(5*ms) : 1\ng : 1\nlow : 1 (constant)",
        threshold=f"v > {threshold}", reset="v = low", method="exact", dt=DT, name="cells",
    )  # fmt: skip
    cells.low = values.pop("low", 0.0)
    wires = Synapses(given, cells, dt=DT, name="wires", **synapses)
    wires.connect()
    wires.w = rng.uniform(0.1, 0.4, 24)
    for name, value in values.items():
        setattr(wires, name, value)
    return [given, cells, wires]


def read(parts: list[Any], readout: str = "counts") -> bb.SpikingNetwork:
    net = bb.from_brian2(Network(*parts), steps=STEPS, train={"wires": "w"})
    return replace(net, readout=readout)


def rows(found):
    return {(r.owner, r.parameter): r for r in found.rows}


# ---------------------------------------------------------------------- synapses with a model


@pytest.mark.parametrize(
    ("synapses", "values", "names"),
    [
        (
            DEPRESSING, {"U": np.linspace(0.2, 0.5, 24), "slow": 20 * ms, "x": 1.0},
            ["gain", "U", "slow"],
        ),
        (CONDUCTANCE, {}, ["tau_s", "E"]),
    ],
)  # fmt: skip
def test_both_columns_are_equal_where_no_spike_is_differentiated(synapses, values, names):
    net = read(objects(synapses, threshold=99.0, **values), "potential")
    found = rows(bb.sensitivity(net, None, of="potential", step=1e-4))
    owner = net.modelled[0].name
    for name in names:
        one = found[owner, name]
        assert abs(one.gradient.value) > 0.01
        assert one.brian2.value == pytest.approx(one.gradient.value, rel=1e-5)
        assert one.agree
    assert set(found) == {(owner, name) for name in names} | {("cells", "low")}


def test_values_of_single_synapses_change_together():
    net = read(objects(DEPRESSING, U=np.linspace(0.2, 0.5, 24), slow=20 * ms, x=1.0))
    [_, _, release, _] = parameters_of(net, 0.1)[0]
    assert release.name == "U"
    changed = release.apply(net, 0.1).modelled[0].model
    np.testing.assert_allclose(changed.initial["U"], 1.1 * np.linspace(0.2, 0.5, 24))
    np.testing.assert_allclose(changed.initial["x"], 1.0)
    shown = rows(bb.sensitivity(net, None, of="counts", step=0.1))[net.modelled[0].name, "U"]
    assert shown.value == "0.2 to 0.5"


def test_a_slope_is_that_of_a_network_that_the_user_changed():
    def count(E: float) -> float:
        parts = objects({**CONDUCTANCE, "namespace": {"tau_s": 5 * ms, "E": E}})
        return float(bb.simulate(read(parts), None).counts["cells"].mean())

    net = read(objects(CONDUCTANCE))
    one = rows(bb.sensitivity(net, None, of="counts", step=0.2))[net.modelled[0].name, "E"]
    assert one.brian2.value == pytest.approx((count(2.4) - count(1.6)) / 0.4 / count(2.0))
    assert one.brian2.value > 0
    assert one.gradient.value > 0


def test_a_parameter_of_neurons_that_synapses_read_changes_there_too():
    synapses = {"model": "w : 1", "on_pre": "v_post += w*low_post"}

    def count(low: Any) -> float:
        return float(bb.simulate(read(objects(synapses, low=low)), None).counts["cells"].mean())

    low = np.array([0.1, 0.12, 0.14, 0.11])
    net = read(objects(synapses, low=low))
    found = bb.sensitivity(net, None, of="counts", step=0.2)
    one = rows(found)["cells", "low"]
    expected = (count(1.2 * low) - count(0.8 * low)) / 0.4 / count(low)
    assert one.brian2.value == pytest.approx(expected)
    assert one.brian2.value > 0
    assert one.gradient is None
    assert "synapses with a model read it" in found.no_gradient["cells.low"]


def test_what_has_no_per_cent_is_left_out():
    model = "w : 1\nkind : integer (constant)\nlate : second (constant)\nback : second (constant)"
    parts = objects({"model": model, "on_pre": "I_post += w*kind*exp(-(late + back)/ms)"}, kind=1)
    net = read(parts)
    found = bb.sensitivity(net, None, of="counts")
    owner = net.modelled[0].name
    unknown = "it is 0, and nothing says how large it may be"
    assert found.left_out == {
        f"{owner}.kind": "no real number", f"{owner}.late": unknown, f"{owner}.back": unknown,
    }  # fmt: skip


# ---------------------------------------------------------------------- delays


def delayed(kind: str, readout: str = "potential") -> bb.SpikingNetwork:
    """Return a network whose delays are those of a projection, or of each synapse."""
    rng = np.random.default_rng(0)
    populations = (Population("a", (5,), LIF), Population("b", (2,), LIF))
    source, target = np.nonzero(np.ones((5, 2)))
    delays = {"delays": rng.integers(1, 5, 10) * 1e-3} if kind != "one" else {}
    projections = [
        Projection("input", "a", rng.normal(0.6, 0.2, (5, 3))),
        Projection(
            "a", "b", rng.normal(0.5, 0.3, 10), connection=Sparse(source, target, **delays),
            delay=3 * ms,
        ),
    ]  # fmt: skip
    if kind == "loop":
        projections.append(Projection("a", "a", np.full((5, 5), -0.1), feedback=True))
    net = bb.SpikingNetwork((3,), bb.Bernoulli(30), populations, tuple(projections), readout)
    return net.learn_delays(12 * ms, "a_to_b") if kind == "learned" else net


@pytest.mark.parametrize("kind", ["one", "each", "learned", "loop"])
def test_the_slope_of_a_delay_is_that_of_one_step_more(kind):
    net = delayed(kind)
    found = rows(bb.sensitivity(net, X, of="potential"))
    one = found["a_to_b", "delay"]
    assert [key for key in found if key[1] == "delay"] == [("a_to_b", "delay")]
    before, after = (
        bb.simulate(n, X, seed=0).output.mean()
        for n in (
            net,
            replace(
                net,
                projections=tuple(
                    replace(p, delay=p.delay + 1e-3) if p.name == "a_to_b" else p
                    for p in net.projections
                ),
            ),
        )
    )
    delays = net.projections[1].connection.delays
    mean = net.projections[1].delay + (0.0 if delays is None else delays.mean())
    expected = (after - before) / abs(before) * mean / 1e-3
    assert one.brian2.value == pytest.approx(expected, rel=1e-6)
    assert one.gradient.value == pytest.approx(one.brian2.value, rel=1e-6)
    assert one.gradient.error == pytest.approx(one.brian2.error, rel=1e-6)
    assert abs(one.brian2.value) > 1e-3
    assert one.agree


def test_a_delay_changes_counts_in_the_direction_of_its_gradient():
    net = delayed("each", "counts")
    found = bb.sensitivity(net, np.repeat(X, 10, axis=0), of="counts")
    one = next(r for r in found.rows if r.parameter == "delay" and r.outcome == "spikes of b")
    assert one.brian2.value < -2 * one.brian2.error
    assert one.gradient.value < 0


def test_a_pathway_has_only_a_difference():
    parts = objects(CONDUCTANCE)
    parts[2].delay = 2 * ms
    net = read(parts)
    found = bb.sensitivity(net, None, of="counts")
    owner = net.modelled[0].name
    one = rows(found)[owner, "pre.delay"]
    assert one.gradient is None
    assert (one.value, one.step) == ("2 ms", 0.25)
    parts[2].delay = 2.5 * ms
    later = float(bb.simulate(read(parts), None).counts["cells"].mean())
    now = found.outcomes["spikes of cells"]
    assert one.brian2.value == pytest.approx((later - now) / now / 0.25)
    assert "whole steps" in found.no_gradient[f"{owner}.pre.delay"]


def test_a_learned_delay_of_0_changes_by_its_step():
    net = delayed("one")
    none = replace(net, projections=(net.projections[0], replace(net.projections[1], delay=0.0)))
    assert not any(p.is_delay for p in parameters_of(none, 0.02)[0])
    found = bb.sensitivity(none.learn_delays(5 * ms, "a_to_b"), X, of="potential")
    one = rows(found)["a_to_b", "delay"]
    assert (one.value, one.per, one.step) == ("0 s", "1 ms", 1.0)
    assert one.agree

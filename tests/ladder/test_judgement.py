"""Three outcomes of a rung: held, fell short and undecided."""

import numpy as np
import pytest
import torch

from brianbridge.datasets import from_arrays
from brianbridge.encoding import Current
from brianbridge.ladder.judgement import Measured, judge, worst_outcome
from brianbridge.ladder.judgement_text import describe_judgement
from brianbridge.ladder.rungs import Rung
from brianbridge.ladder.verify import verify
from brianbridge.measures.confidence_intervals import proportion_interval, score_interval
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.twin.network import to_torch


def between(low, high):
    return Measured((low + high) / 2, lambda times: (low, high))


@pytest.mark.parametrize(
    ("name", "limit", "low", "high", "outcome"),
    [
        ("max_accuracy_drop", 0.02, -0.01, 0.02, "held"),
        ("max_accuracy_drop", 0.02, -0.01, 0.021, "undecided"),
        ("max_accuracy_drop", 0.02, 0.0201, 0.04, "fell short"),
        ("max_accuracy_drop", 0.02, -0.9, -0.8, "held"),
        ("min_agreement", 0.9, 0.91, 0.95, "held"),
        ("min_agreement", 0.9, 0.89, 0.95, "undecided"),
        ("min_agreement", 0.9, 0.8, 0.89, "fell short"),
        ("max_spikes_change", 0.1, -0.1, 0.1, "held"),
        ("max_spikes_change", 0.1, -0.2, 0.0, "undecided"),
        ("max_spikes_change", 0.1, -0.3, -0.2, "fell short"),
        ("max_spikes_change", 0.1, 0.2, 0.3, "fell short"),
    ],
)
def test_the_whole_interval_decides(name, limit, low, high, outcome):
    assert judge(name, limit, between(low, high), "interval").outcome == outcome


def test_facts_and_estimates_are_judged_as_they_are():
    for value, outcome in ((0.0, "held"), (1.0, "fell short")):
        judged = judge("max_spike_mismatches", 0, Measured(value, fact=True), "interval")
        assert (judged.outcome, judged.by) == (outcome, "fact")
    judged = judge("min_count_correlation", 0.9, Measured(0.91, reason="why"), "interval")
    assert (judged.outcome, judged.by, judged.reason) == ("held", "estimate", "why")
    wide = judge("max_accuracy_drop", 0.02, between(-0.1, 0.1), "estimate")
    assert (wide.outcome, wide.by, wide.interval) == ("held", "estimate", (-0.1, 0.1))


@pytest.mark.parametrize(("gained", "lost", "samples"), [(0, 0, 30), (1, 2, 100), (50, 10, 300)])
def test_as_many_samples_as_are_told_decide(gained, lost, samples):
    def at(times):
        low, high = score_interval(gained * times, lost * times, samples * times)
        return -high, -low

    found = Measured((lost - gained) / samples, at)
    for limit in (0.02, -0.18):
        judged = judge("max_accuracy_drop", limit, found, "interval")
        times = judged.times_to_decide
        if judged.outcome == "undecided":
            enough = Measured(found.estimate, lambda n, times=times: at(1.01 * times * n))
            fewer = Measured(found.estimate, lambda n, times=times: at(0.9 * times * n))
            assert judge("max_accuracy_drop", limit, enough, "interval").outcome != "undecided"
            assert judge("max_accuracy_drop", limit, fewer, "interval").outcome == "undecided"
        else:
            assert times is None


def test_words_tell_how_many_samples_would_decide_or_that_none_would():
    nothing_lost = Measured(0.0, lambda n: score_interval(0, 0, 30 * n))
    told = describe_judgement(
        "max_accuracy_drop", judge("max_accuracy_drop", 0.02, nothing_lost, "interval"), 30, 1
    )
    assert told == (
        "accuracy drop 0.00 points (-11.35 to 11.35), at most 2 points allowed; "
        "about 190 samples would decide"
    )
    judged = judge("max_accuracy_drop", 0.0, nothing_lost, "interval")
    assert "no number of samples would decide" in describe_judgement(
        "max_accuracy_drop", judged, 30, 1
    )
    half = Measured(0.5, lambda n: proportion_interval(15 * n, 30 * n))
    judged = judge("min_agreement", 0.6, half, "interval")
    assert "times the samples and repeats" in describe_judgement(
        "min_agreement", judged, 30, runs=3
    )
    judged = judge("max_spikes_change", 0.6, Measured(0.0, lambda n: None), "interval")
    assert "one sample decides nothing" in describe_judgement("max_spikes_change", judged, 1, 1)


def test_the_worst_of_several_outcomes_counts():
    assert worst_outcome(["held", "fell short", "undecided"]) == "fell short"
    assert worst_outcome(["held", "undecided", "no limit"]) == "undecided"
    assert worst_outcome(["no limit", "held"]) == "held"
    assert worst_outcome(["no limit"]) == "no limit"
    assert worst_outcome([]) == "undecided"


# ---------------------------------------------------------------------- in a verification


def network(**options):
    layers = [Dense(40, neuron_model("if")), Dense(4, neuron_model("if"))]
    return SpikingNetwork.sequential(
        (8,), layers, encoding=Current(12), weight_gain=4.0, seed=3, **options
    )


def data_of(net, samples=24):
    x = np.random.default_rng(5).random((samples, 8))
    return from_arrays("labelled by the twin", x, to_torch(net).record(x).prediction)


EVERY = {
    "max_accuracy_drop": 0.01, "min_agreement": 0.99, "min_count_correlation": 0.99,
    "max_spikes_change": 0.01, "max_spike_mismatches": 0,
}  # fmt: skip


@pytest.mark.parametrize("samples", [1, 24])
def test_parity_without_a_differing_spike_is_held_on_few_samples(samples):
    net = network()
    verdict = verify(net, data_of(net, samples), [Rung(name="parity", **EVERY)])
    (found,) = verdict.rungs
    assert found.exact
    assert verdict.outcome == found.outcome == "held"
    assert {judged.by for judged in found.judged.values()} == {"fact"}


def test_a_changed_condition_on_few_samples_is_undecided_unless_it_claims_every_spike():
    net = network()
    same = {"single_precision": {}}  # changes the arithmetic, and here no spike
    rungs = [
        Rung(name="open", perturb=same),
        Rung(name="same", perturb=same, max_spike_mismatches=0),
    ]
    verdict = verify(net, data_of(net), rungs)
    assert [rung.spike_mismatches for rung in verdict.rungs] == [0, 0]
    assert [rung.outcome for rung in verdict.rungs] == ["undecided", "held"]
    assert (verdict.outcome, verdict.passed) == ("undecided", False)
    assert 7 < verdict.rungs[0].judged["max_accuracy_drop"].times_to_decide < 9
    by_estimate = verify(net, data_of(net), rungs, decide_by="estimate")
    assert (by_estimate.outcome, by_estimate.passed) == ("held", True)
    told = by_estimate.to_dict()
    assert (told["decide_by"], told["outcome"]) == ("estimate", "held")


def test_one_wrong_image_of_thirty_is_undecided_and_many_fall_short():
    net = network()
    data = data_of(net, 30)
    (finer,) = verify(net, data, [Rung(name="x", perturb={"finer_dt": {"divisor": 2}})]).rungs
    assert finer.outcome == "fell short"
    assert finer.judged["max_accuracy_drop"].interval[0] > 0.02
    quantised = Rung(name="y", perturb={"weight_quantisation": {"bits": 10}}, max_accuracy_drop=0.0)
    (found,) = verify(net, data, [quantised]).rungs
    assert abs(found.accuracy - 1) < 0.2
    assert found.outcome == "undecided"


def test_agreement_of_one_is_a_fact_about_these_samples():
    net = network()
    rung = Rung(name="x", perturb={"single_precision": {}}, min_agreement=1, max_accuracy_drop=None)
    (found,) = verify(net, data_of(net), [rung]).rungs
    assert found.judged["min_agreement"].by == "fact"
    assert found.outcome == "held"


def test_an_unknown_way_to_decide_is_refused(refused):
    net = network()
    with refused("decide_by = 'intervall'", "Did you mean 'interval'?"):
        verify(net, data_of(net), decide_by="intervall")


# ---------------------------------------------------------------------- outputs that say nothing


def silenced(net):
    return net.with_weights({p.name: (0 * p.weight, None) for p in net.projections})


@pytest.mark.parametrize("readout", ["counts", "potential"])
def test_a_network_without_weights_is_told_to_say_nothing(readout):
    net = silenced(network(readout=readout))
    data = from_arrays("three", np.ones((30, 8)), np.arange(30) % 3)
    verdict = verify(net, data, [Rung(name="parity")])
    fires = readout == "counts"
    for found in (verdict.twin, verdict.rungs[0]):
        assert found.accuracy == pytest.approx(1 / 3)
        assert found.silent == (30 if fires else None)
        assert found.ties == (0 if fires else 30)
        assert found.only_class == 0
    why = "no output neuron fires" if fires else "no class is ahead of the others"
    assert verdict.warnings == [
        f"warning: {run}: every sample is taken for class 0; {why} in any sample"
        for run in ("torch twin", "Brian2, parity")
    ]
    assert verdict.to_dict()["warnings"] == verdict.warnings
    assert "warning: torch twin" in str(verdict.table().caption)


def test_silent_samples_and_ties_are_counted_in_each_run():
    net = network()
    # Coarse weights and samples give ties; without bias, dim samples are silent.
    net = net.with_weights({p.name: (np.rint(4 * p.weight) / 4, None) for p in net.projections})
    x = np.rint(4 * np.random.default_rng(5).random((24, 8))) / 4 * np.linspace(0, 1, 24)[:, None]
    verdict = verify(net, from_arrays("dim", x, np.arange(24) % 4), [Rung(name="parity")])
    ahead = np.sort(to_torch(net, dtype=torch.float64).record(x).output, axis=1)
    ties, silent = (ahead[:, -1] == ahead[:, -2]) & (ahead[:, -1] > 0), ahead[:, -1] == 0
    assert 0 < ties.sum() < 24
    assert 0 < silent.sum() < 24
    for found in (verdict.twin, verdict.rungs[0]):
        assert (found.ties, found.silent) == (ties.sum(), silent.sum())
    assert verdict.warnings == [
        "warning: torch twin: right on 25.00 % of the samples, no better than chance (25.00 %); "
        "train the network, and give bb.write_back(twin)"
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"perturb": {"refractory": {"time": 3}}}, "'refractory' has no option 'time'"),
        ({"max_acuracy_drop": 0.1}, "Did you mean 'max_accuracy_drop'?"),
        ({"repeats": 0}, "'repeats' = 0"),
    ],
)
def test_a_rung_made_in_python_is_refused_in_one_line(refused, options, said):
    with refused("Rung: ", said):
        Rung(name="mine", **options)

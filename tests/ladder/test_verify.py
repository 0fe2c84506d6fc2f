"""A verification: rungs, repeats, attribution, and the same verdict however it is run."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from brian2 import ms
from rich.console import Console
from verified_networks import CHIP, DIVERGING, ENDLESS, data_of, learnt, network, told

import brianbridge as bb
from brianbridge.datasets import from_arrays
from brianbridge.encoding import Bernoulli, Current
from brianbridge.errors import InputError
from brianbridge.ladder import execution, tasks
from brianbridge.ladder.execution import Execution
from brianbridge.ladder.rungs import Rung, read_ladder
from brianbridge.ladder.verify import verify
from brianbridge.neurons.model import NeuronModel
from brianbridge.perturbations.other_neuron import OtherNeuron
from brianbridge.sweep import Sweep, delete_kept


def test_the_default_ladder_runs_on_a_network_of_each_kind_of_input():
    binary, still = "unit spikes, dt/10", "input spikes anywhere in their step"
    for encoding, left_out in ((Current(6), {binary, still}), (Bernoulli(6), {binary})):
        net = network(encoding=encoding)
        verdict = verify(net, data_of(net, 6), "default")
        assert set(verdict.skipped) == left_out
        ladder = [rung.name for rung in read_ladder("default")]
        assert [r.name for r in verdict.rungs] == [n for n in ladder if n not in left_out]
        assert verdict.rungs[0].spike_mismatches == 0
        assert verdict.rungs[0].first_divergence == {"samples": 0.0, "median_ms": None}


def test_parity_has_no_distance_and_a_finer_step_has_some():
    net = network()
    parity, finer = verify(net, data_of(net)).rungs
    for kind in ("van_rossum", "victor_purpura"):
        assert set(parity.distances[kind].values()) == {0.0}
        assert min(finer.distances[kind].values()) > 0
    assert parity.mcnemar_p == 1.0
    assert parity.agreement == 1.0


def test_attribution_names_the_schedule_where_several_things_were_changed():
    """With Brian2's default order, a hard reset deletes input that arrives with a spike."""
    hard = NeuronModel(
        "dv/dt = drive : 1\ndrive : Hz",
        threshold="v > theta",
        reset="v = 0",
        drive="drive",
        parameters={"theta": 1.0},
    )
    net = network(hard, Bernoulli(40))
    rung = Rung(
        name="several",
        perturb={
            "brian_schedule": {},
            "weight_quantisation": {"bits": 8},
            "weight_noise": {"cv": 0.01},
        },
        attribute=True,
        max_accuracy_drop=0.05,
    )
    (found,) = verify(net, data_of(net, 40), [rung]).rungs
    assert found.fell_short == ("max_accuracy_drop",)
    assert sum(found.count_differences[name]["mean"] for name in ("hidden", "output")) < 0
    shares = {name: cost["share"] for name, cost in found.attribution["accuracy"].items()}
    assert max(shares, key=shares.get) == "brian_schedule"
    assert shares["brian_schedule"] > 0.8 * sum(shares.values())
    assert sum(shares.values()) == pytest.approx(1 - found.accuracy)


def test_runs_of_a_random_rung_differ_and_their_mean_is_told():
    net = network()
    (found,) = verify(net, data_of(net), [CHIP]).rungs
    one, other = found.accuracy_by_run
    assert found.accuracy == pytest.approx((one + other) / 2)
    assert found.mcnemar_p is None
    low, high = found.accuracy_change_ci95
    assert low < found.accuracy - 1 < high
    # A rung in which nothing is random runs once.
    (parity,) = verify(net, data_of(net), [Rung(name="parity", repeats=3)]).rungs
    assert parity.runs == 1


@pytest.mark.parametrize(
    ("tolerance", "value"),
    [
        ("max_accuracy_drop", 0.0),
        ("min_agreement", 1.0),
        ("min_count_correlation", 1.0),
        ("max_spikes_change", 0.0),
        ("max_spike_mismatches", 0),
    ],
)
def test_each_tolerance_can_be_missed(tolerance, value):
    net = network()
    limits = {"max_accuracy_drop": None, tolerance: value}
    change = {"dead_neurons": {"share": 0.5}}
    (found,) = verify(net, data_of(net), [Rung(name="x", perturb=change, **limits)]).rungs
    assert found.fell_short == (tolerance,)
    (found,) = verify(net, data_of(net), [Rung(name="x", max_accuracy_drop=0.0)]).rungs
    assert found.passed


def test_what_does_not_apply_is_an_error_before_any_work_or_left_out(refused, monkeypatch):
    net = network()
    change = {"input_timing": {"kind": "uniform"}}
    monkeypatch.setattr(tasks.Shards, "run_twin", lambda *_: pytest.fail("work began"))
    with refused("rung 'x'", "the input is a constant current"):
        verify(net, data_of(net), [Rung(name="x", perturb=change)])
    monkeypatch.undo()
    optional = Rung(name="x", perturb=change, optional=True)
    verdict = verify(net, data_of(net), [optional, Rung(name="parity")])
    assert [rung.name for rung in verdict.rungs] == ["parity"]
    assert "constant current" in verdict.skipped["x"]
    with refused("no rung of the ladder applies to network 'network'", "'x': ", "current"):
        verify(net, data_of(net), [optional])
    assert not replace(verdict, rungs=()).passed


def test_ladders_without_rungs_or_with_two_of_a_name_are_refused(refused):
    net = network()
    with refused("ladder: there is no rung"):
        verify(net, data_of(net), [])
    with refused("two rungs have the same name, 'a'"):
        verify(net, data_of(net), [Rung(name="a"), Rung(name="b"), Rung(name="a")])
    with refused("seed = -1; give 0 or more"):
        verify(net, data_of(net), [Rung(name="a")], seed=-1)
    for wrong in ({"name": "a\u0008"}, {"name": "a", "max_spikes_change": np.inf}):
        with pytest.raises(ValueError, match=r"control characters|finite"):
            Rung(**wrong)


#: The potential diverges in finite time; only with ten times finer steps does it get that far.
def test_an_optional_rung_whose_potentials_grow_beyond_numbers_is_left_out(refused):
    net, ladder = network(ENDLESS, Current(11)), [DIVERGING, Rung(name="parity")]
    verdict = verify(net, data_of(net, 4), ladder, execution=Execution(shard=2))
    assert [rung.name for rung in verdict.rungs] == ["parity"]
    assert "not a number" in verdict.skipped["a"]
    with refused("rung 'a': population", "not a number"):
        verify(net, data_of(net, 4), [DIVERGING.model_copy(update={"optional": False})])


def test_spikes_are_those_of_the_first_rung_that_can_be_simulated(refused, tmp_path):
    net, ladder = network(ENDLESS, Current(11)), [DIVERGING, Rung(name="parity")]
    path = tmp_path / "spikes.h5"
    verdict = verify(net, data_of(net, 4), ladder, spikes=path)
    assert [rung.name for rung in verdict.rungs] == ["parity"]
    assert "not a number" in verdict.skipped["a"]
    assert bb.read_spikes(path).provenance["rung"] == "parity"
    with refused("no rung of the ladder applies", "'a': population"):
        verify(net, data_of(net, 4), ladder[:1], spikes=path)


@pytest.mark.parametrize(
    ("spikes_of", "rungs"),
    [
        ("first", {"spikes.h5": "parity"}),
        ("all", {"spikes.h5": "parity", "spikes-2-dt-10.h5": "dt/10"}),
        ("changed", {"spikes-2-dt-10.h5": "dt/10"}),
    ],
)
def test_the_rungs_whose_spikes_are_written(tmp_path, spikes_of, rungs):
    net = learnt(network())
    ladder = [Rung(name="parity"), Rung(name="dt/10", perturb={"finer_dt": {"divisor": 10}})]
    verdict = verify(
        net, data_of(net, 8), ladder, spikes=tmp_path / "spikes.h5", spikes_of=spikes_of
    )
    assert [bool(rung.spike_mismatches) for rung in verdict.rungs] == [False, True]
    found = {p.name: bb.read_spikes(p).provenance["rung"] for p in tmp_path.iterdir()}
    assert found == rungs


def test_an_unknown_choice_of_rungs_is_refused(refused, tmp_path):
    net = learnt(network())
    with refused("spikes_of = 'al'", "Did you mean 'all'"):
        verify(net, data_of(net, 4), spikes=tmp_path / "spikes.h5", spikes_of="al")


def test_names_are_no_markup():
    net = network()
    ladder = [Rung(name="a [/x] [red] b", max_spike_mismatches=0)]
    verdict = verify(net, data_of(net, 4), ladder, name="net[x].h5")
    console = Console(width=300, record=True, file=StringIO())
    console.print(verdict.table())
    text = console.export_text()
    assert "net[x].h5 on 4 samples" in text
    assert "│ a [/x] [red] b" in text


def test_quantities_in_a_rung_are_written_and_told_apart(tmp_path):
    net = network()
    rung = Rung(name="x", perturb={"refractory": {"period": 2 * ms}})
    verdict = verify(net, data_of(net, 4), [rung], seed=np.int64(3))
    verdict.save(tmp_path / "verdict.json")
    assert verdict.rungs[0].perturbations == {"refractory": {"period": "2. ms"}}
    theta = [np.ones(2000) for _ in range(2)]
    theta[1][1000] = 2.0
    keys = {tasks.Task((OtherNeuron("lif", {"theta": values}),), 0, 0).key for values in theta}
    assert len(keys) == 2


def test_distances_do_not_depend_on_shards():
    net = network()
    finer = [Rung(name="x", perturb={"finer_dt": {"divisor": 4}, "background_current": {}})]
    found = [
        verify(net, data_of(net, 30), finer, execution=Execution(shard=n)).rungs[0].distances
        for n in (5, 2500)
    ]
    assert found[0] == found[1]
    assert found[0]["van_rossum"]["hidden"] > 0


def test_silence_has_no_correlation_to_hold():
    net = network()
    everywhere = {"share": 1.0, "populations": ["hidden", "output"]}
    rung = Rung(
        name="x", perturb={"dead_neurons": everywhere}, max_accuracy_drop=1.0,
        min_count_correlation=0.5,
    )  # fmt: skip
    assert verify(net, data_of(net), [rung]).rungs[0].fell_short == ("min_count_correlation",)


def test_rungs_of_the_same_condition_run_once(monkeypatch):
    net, ran = network(), []
    run = tasks.run_task
    monkeypatch.setattr(execution, "run_task", lambda *a, **k: ran.append(1) or run(*a, **k))
    finer = {"finer_dt": {"divisor": 2}}
    verdict = verify(
        net,
        data_of(net),
        [Rung(name=n, perturb=finer) for n in "ab"],
        execution=Execution(shard=12),
    )
    assert len(ran) == 2
    assert verdict.rungs[0].accuracy == verdict.rungs[1].accuracy


def test_an_interrupted_verification_goes_on(tmp_path, monkeypatch):
    net = network()
    data, ladder = data_of(net), [Rung(name="parity"), CHIP]
    whole = told(verify(net, data, ladder, execution=Execution(shard=7)))
    run, left = tasks.run_task, [5]

    def stops(*arguments, **options):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return run(*arguments, **options)

    monkeypatch.setattr(execution, "run_task", stops)
    with pytest.raises(KeyboardInterrupt):
        verify(net, data, ladder, execution=Sweep(folder=tmp_path, shard=7))
    assert len(list(tmp_path.iterdir())) == 5
    left[0] = 12 - 5  # four shards, three runs
    assert told(verify(net, data, ladder, execution=Sweep(folder=tmp_path, shard=7))) == whole
    assert left[0] == 0
    # Damaged files are ignored, and their tasks run again.
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:40])
    left[0] = 12
    assert told(verify(net, data, ladder, execution=Sweep(folder=tmp_path, shard=7))) == whole
    # Another network does not use these files.
    left[0] = 1
    with pytest.raises(KeyboardInterrupt):
        verify(network(seed=4), data, ladder, execution=Sweep(folder=tmp_path, shard=7))
    delete_kept(tmp_path)
    assert not tmp_path.exists()


def test_a_ladder_that_is_not_there_is_refused(refused):
    with refused("there is no ladder 'defualt'", "default"):
        read_ladder("defualt")
    assert issubclass(InputError, ValueError)
    with pytest.raises(ValueError, match="finer_dt"):
        Rung(name="x", perturb={"finer_td": {}})


def test_a_noisy_network_is_compared_with_the_draws_of_its_own_seed():
    """Random numbers of neurons are those of the seed, in the twin and in Brian2."""
    noisy = NeuronModel(
        "dv/dt = -v/(10*ms) + 0.3*xi*(10*ms)**-0.5 : 1", threshold="v > 0.5", reset="v = 0",
        method="euler", name="noisy",
    )  # fmt: skip
    network = bb.SpikingNetwork.sequential(
        (4,), [bb.Dense(5, noisy, bias=False), bb.Dense(3, noisy, bias=False)],
        encoding=Bernoulli(30),
    )  # fmt: skip
    data = from_arrays("noise", np.random.default_rng(0).random((6, 4)), np.arange(6) % 3)
    verdicts = [verify(network, data, [Rung(name="parity")], seed=seed) for seed in (0, 4)]
    assert [verdict.rungs[0].spike_mismatches for verdict in verdicts] == [0, 0]
    assert verdicts[0].twin != verdicts[1].twin

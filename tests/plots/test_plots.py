"""Plots draw on the axes they are given, and what they draw are the numbers they are given."""

from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from brianbridge import plots
from brianbridge.ladder.outcomes import RungOutcome, TwinOutcome
from brianbridge.ladder.verdict import Verdict
from brianbridge.plots.rasters import differing_steps, most_different
from brianbridge.recording import Events, Recording


@pytest.fixture
def ax():
    return Figure().subplots()


def lines(ax):
    return {line.get_label(): line.get_xydata() for line in ax.lines}


def rung(name, accuracy, interval, fell_short=(), **more):
    return RungOutcome(
        name=name, dt_ms=1.0, perturbations={}, runs=1, accuracy=accuracy,
        accuracy_by_run=(accuracy,), accuracy_change_ci95=interval,
        accuracy_change_bootstrap95=None, mcnemar_p=1.0, agreement=1.0, spikes_per_sample={},
        count_mismatches=0, spike_mismatches=0, count_correlation={}, count_differences={},
        first_divergence={}, distances={}, latency_ms=None, synops_per_sample=0.0,
        synops_by_mass_per_sample=0.0, seconds=0.0, tolerances={"max_accuracy_drop": 0.02},
        fell_short=fell_short, **more,
    )  # fmt: skip


def recording(*spikes, steps=4, dt=1e-3, neurons=3, traces=None, values=None):
    """Return a recording of one sample with (step, neuron) spikes."""
    step, node = np.array(spikes, dtype=np.int32).reshape(-1, 2).T
    value = np.ones(len(step)) if values is None else np.array(values)
    events = {"hidden": Events(np.zeros_like(step), node, step, value, dt)}
    kept = {} if traces is None else {"hidden": {"v": traces}}
    return Recording(dt, steps, 1, {"hidden": (neurons,)}, events, np.zeros((1, 2)), kept)


def test_a_ladder_is_drawn_from_plain_data(ax):
    result = SimpleNamespace(
        name="parity", outcome="held", accuracy=0.9, accuracy_change_ci95=(-0.01, 0.02), exact=False
    )
    plots.plot_ladder(SimpleNamespace(rungs=[result], twin=SimpleNamespace(accuracy=0.8)), ax=ax)
    np.testing.assert_allclose(lines(ax)["held"], [[90, 0]])
    np.testing.assert_allclose(ax.collections[0].get_segments()[0][:, 0], [79, 82])


def test_ladder_draws_accuracies_intervals_and_the_twin(ax):
    rungs = (
        rung("parity", 0.9, (-0.01, 0.01)),
        rung("costs $5$", 0.7, (-0.3, -0.1), ("max_accuracy_drop",)),
        rung("few", 0.9, (-0.1, 0.1), undecided=("max_accuracy_drop",)),
        rung("same", 0.9, (-0.1, 0.1), exact=True),
    )
    verdict = Verdict("net", {}, TwinOutcome(0.9, {}), rungs, {})
    assert plots.plot_ladder(verdict, ax=ax) is ax
    drawn = lines(ax)
    np.testing.assert_allclose(drawn["held"], [[90, 0], [90, 3]])
    np.testing.assert_allclose(drawn["undecided"], [[90, 2]])
    np.testing.assert_allclose(drawn["fell short"], [[70, 1]])
    np.testing.assert_allclose(drawn["torch twin, 90.00 %"][:, 0], 90)
    bars = [segment[:, 0] for group in ax.collections for segment in group.get_segments()]
    np.testing.assert_allclose(bars, [[89, 91], [60, 80], [80, 100]])
    shapes = {line.get_label(): line.get_marker() for line in ax.lines}
    assert len({shapes[outcome] for outcome in ("held", "fell short", "undecided")}) == 3
    assert [text.get_text() for text in ax.texts][:2] == ["parity", r"costs \$5\$"]
    ax.figure.canvas.draw()


def test_counts_are_where_the_pairs_are_and_larger_where_there_are_more(ax):
    joint = {(0.0, 0.0): 1000, (2.0, 2.0): 10, (1.0, 3.0): 1}
    assert plots.plot_counts(joint, ax=ax) is ax
    points = {tuple(xy): line.get_markersize() for line in ax.lines[1:] for xy in line.get_xydata()}
    assert points.keys() == joint.keys()
    assert points[0.0, 0.0] > points[2.0, 2.0]
    np.testing.assert_array_equal(*lines(ax)["equal counts"].T)
    np.testing.assert_array_equal(lines(ax)["different"], [[1, 3]])


def test_many_different_counts_are_rounded_and_none_is_outside(ax):
    joint = {(float(n), float(n) + 0.25): 1 for n in range(500)}
    plots.plot_counts(joint, ax=ax)
    bubbles = sum(len(line.get_xydata()) for line in ax.lines[1:])
    assert 40 < bubbles <= 82
    low, high = ax.get_xlim()
    assert all(low <= x <= high for line in ax.lines[1:] for x, _ in line.get_xydata())


def test_no_counts_are_an_empty_plot(ax):
    assert len(plots.plot_counts({}, ax=ax).lines) == 1


def test_rasters_tell_common_spikes_from_those_of_one_run(ax):
    twin = recording((0, 0), (1, 1), (3, 2), values=[1, 1, 1])
    # At a finer step: 2*coarse + 1 is within coarse step 2.
    brian2 = recording((0, 0), (5, 1), (6, 2), (7, 2), steps=8, dt=0.5e-3)
    assert plots.plot_rasters(twin, brian2, "hidden", neurons=[0, 1, 2], ax=ax) is ax
    drawn = lines(ax)
    np.testing.assert_allclose(drawn["twin only"], [[1, 1]])
    np.testing.assert_allclose(drawn["Brian2 only"], [[2, 1]])
    np.testing.assert_allclose(drawn["other value"], [[3, 2]])
    np.testing.assert_allclose(drawn["both"][:2], [[0, -0.4], [0, 0.4]])
    np.testing.assert_array_equal(differing_steps(twin, brian2, "hidden"), [0, 2, 1])


def test_neurons_that_differ_are_drawn_before_those_that_fire():
    ours = np.zeros((4, 5))
    theirs = np.zeros((4, 5))
    ours[:, 1] = theirs[:, 1] = 1
    ours[0, 4] = 1
    assert most_different(ours, theirs, most=1).tolist() == [4]
    assert most_different(ours, theirs).tolist() == [1, 4]  # silent ones are left out


@pytest.mark.parametrize("silent", [recording(), recording(steps=8, dt=5e-4)])
def test_a_silent_population_is_an_empty_raster(ax, silent):
    plots.plot_rasters(recording(), silent, "hidden", ax=ax)
    ax.figure.canvas.draw()


def test_traces_are_drawn_at_the_end_of_their_steps_and_spikes_at_the_start(ax):
    fine = np.arange(8.0).reshape(8, 1, 1) * [1, 10, 100]
    twin = recording((1, 1), traces=fine[1::2])
    brian2 = recording((3, 1), steps=8, dt=0.5e-3, traces=fine)
    assert plots.plot_traces(twin, brian2, "hidden", 1, threshold=5.0, ax=ax) is ax
    drawn = lines(ax)
    np.testing.assert_allclose(drawn["torch twin"], [[1, 10], [2, 30], [3, 50], [4, 70]])
    np.testing.assert_allclose(drawn["Brian2"][1::2], drawn["torch twin"])
    np.testing.assert_allclose(drawn["threshold"][:, 1], 5)
    np.testing.assert_allclose(drawn["_spikes, torch twin"][:, 0], 1)
    np.testing.assert_allclose(drawn["_spikes, Brian2"][:, 0], 1.5)


def test_a_spike_has_one_time_in_events_rasters_and_traces():
    run = recording((1, 1), (3, 1), traces=np.zeros((4, 1, 3)))
    raster = lines(plots.plot_rasters(run, run, "hidden", neurons=[1], ax=Figure().subplots()))
    marks = lines(plots.plot_traces(run, run, "hidden", 1, ax=Figure().subplots()))
    times = 1e3 * run.events("hidden").time
    np.testing.assert_allclose(np.unique(raster["both"][:, 0]), times)
    np.testing.assert_allclose(marks["_spikes, torch twin"][:, 0], times)


def test_confusion_writes_every_number_into_its_cell(ax):
    matrix = np.array([[5, 1], [0, 7]])
    assert plots.plot_confusion(matrix, ["cat", "a very long name of a class"], ax=ax) is ax
    assert {t.get_text(): t.get_position() for t in ax.texts} == {
        "5": (0, 0), "1": (1, 0), "7": (1, 1),
    }  # fmt: skip
    assert [t.get_text() for t in ax.get_yticklabels()] == ["cat", "a very long…"]


def test_many_classes_have_no_numbers(ax):
    plots.plot_confusion(np.eye(40, dtype=int), ax=ax)
    assert len(ax.texts) == 0
    assert len(ax.patches) == 40


def test_attribution_draws_points(ax):
    cost = {"finer_dt": {"alone": 0.01, "share": 0.02, "last": 0.03}, "mismatch": {
        "alone": 0.0, "share": -0.01, "last": -0.02}}  # fmt: skip
    assert plots.plot_attribution({"accuracy": cost}, ax=ax) is ax
    widths = [[bar.get_width() for bar in group] for group in ax.containers]
    np.testing.assert_allclose(widths, [[1, 0], [2, -1], [3, -2]])


def test_accuracy_over_time_is_drawn_with_its_interval_beside_the_twins(ax):
    rung = {"time_ms": [1, 2], "accuracy": [0.5, 0.75], "low": [0.25, 0.5], "high": [0.75, 1.0]}
    twin = {**rung, "accuracy": [0.625, 0.875]}
    assert plots.plot_over_time(rung, twin, ax=ax) is ax
    drawn = lines(ax)
    np.testing.assert_allclose(drawn["Brian2"], [[1, 50], [2, 75]])
    np.testing.assert_allclose(drawn["torch twin"], [[1, 62.5], [2, 87.5]])
    band = ax.collections[0].get_paths()[0].vertices
    assert {(1, 25), (1, 75), (2, 50), (2, 100)} <= {tuple(xy) for xy in band}
    styles = {line.get_label(): line.get_linestyle() for line in ax.lines}
    assert styles["Brian2"] != styles["torch twin"]
    alone = plots.plot_over_time(rung, ax=Figure().subplots())
    assert set(lines(alone)) == {"Brian2"}


def test_a_plot_without_axes_makes_a_figure_of_its_own():
    with matplotlib.rc_context({"backend": "agg"}):
        made = plots.plot_counts({(1.0, 1.0): 3})
        from matplotlib import pyplot

        pyplot.close(made.figure)


def test_what_cannot_be_drawn_is_refused(ax, refused):
    twin = recording((0, 0))
    with refused("'hiden'", "Did you mean 'hidden'?"):
        plots.plot_rasters(twin, twin, "hiden", ax=ax)
    with refused("sample = 1", "0 to 0"):
        plots.plot_rasters(twin, twin, "hidden", sample=1, ax=ax)
    with refused("do not go together"):
        plots.plot_rasters(twin, recording(steps=6), "hidden", ax=ax)
    with refused("no trace of 'v'", 'record=("spikes", "v")'):
        plots.plot_traces(twin, twin, "hidden", 0, ax=ax)
    with refused("no attribution of 'speed'", "accuracy"):
        plots.plot_attribution({"accuracy": {}}, of="speed", ax=ax)
    with refused("square", "(2, 3)"):
        plots.plot_confusion(np.zeros((2, 3)), ax=ax)

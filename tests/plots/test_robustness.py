"""Accuracy against the worst rung: what is compared, and what is drawn."""

from __future__ import annotations

from types import SimpleNamespace as Some

import numpy as np
import pytest
from matplotlib.figure import Figure

from brianbridge import plots
from brianbridge.errors import InputError
from brianbridge.plots.robustness import worst_rungs


@pytest.fixture
def ax():
    return Figure().subplots()


def rung(name, accuracy, outcome="held", **perturbations):
    return Some(name=name, accuracy=accuracy, outcome=outcome, perturbations=perturbations)


def verdict(network, clean, *rungs):
    return Some(network=network, twin=Some(accuracy=clean), rungs=rungs)


BEFORE = verdict(
    "net", 0.9, rung("parity", 0.9), rung("noise", 0.5), rung("delay", 0.6), rung("timing", 0.2)
)
AFTER = verdict("held", 0.88, rung("parity", 0.88), rung("delay", 0.7), rung("noise", 0.8))


def test_the_worst_rung_of_one_verdict_is_its_worst_and_the_first_of_equals():
    assert worst_rungs([BEFORE])[0].name == "timing"
    same = verdict("net", 0.9, rung("a", 0.5), rung("b", 0.5))
    assert worst_rungs([same])[0].name == "a"


def test_two_verdicts_are_compared_on_the_rungs_that_both_have():
    assert [r.name for r in worst_rungs([BEFORE, AFTER])] == ["noise", "delay"]
    assert [r.name for r in worst_rungs([AFTER, BEFORE])] == ["delay", "noise"]


def test_a_rung_of_the_same_name_that_changes_something_else_is_another():
    one = verdict("one", 0.9, rung("noise", 0.1, cv=0.2), rung("delay", 0.5))
    other = verdict("other", 0.9, rung("noise", 0.2, cv=0.1), rung("delay", 0.6))
    assert [r.name for r in worst_rungs([one, other])] == ["delay", "delay"]


def test_rungs_without_a_limit_may_be_left_out():
    one = verdict("one", 0.9, rung("delay", 0.5), rung("other neuron", 0.1, "no limit"))
    other = verdict("other", 0.9, rung("delay", 0.6), rung("other neuron", 0.2))
    assert worst_rungs([one])[0].name == "other neuron"
    assert worst_rungs([one], limited=True)[0].name == "delay"
    assert worst_rungs([other, one], limited=True)[0].name == "delay"


def test_verdicts_without_a_common_rung_are_refused():
    with pytest.raises(InputError, match="each verdict has: 'one', 'other'"):
        worst_rungs([verdict("one", 1, rung("a", 1)), verdict("other", 1, rung("b", 1))])
    with pytest.raises(InputError, match="no rung with a limit that each verdict has: 'one'"):
        worst_rungs([verdict("one", 1, rung("a", 1, "no limit"))], limited=True)


def test_points_and_arrows_are_where_the_accuracies_are(ax):
    alone = verdict("costs $5$", 0.7, rung("noise", 0.65))
    assert plots.plot_robustness([(BEFORE, AFTER), alone], ax=ax) is ax
    points = [line for line in ax.lines if line.get_linestyle() == "None"]
    drawn = {
        tuple(np.round(line.get_xydata()[0], 6)): line.get_markerfacecolor() for line in points
    }
    assert drawn.keys() == {(90, 50), (88, 70), (70, 65)}
    assert [drawn[90, 50], drawn[70, 65]] == ["none", "none"]
    assert drawn[88, 70] != "none"
    assert len({line.get_marker() for line in points}) == 2
    (arrow,) = ax.texts
    np.testing.assert_allclose([arrow.xyann, arrow.xy], [(90, 50), (88, 70)])
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["nothing lost", "net\n→ held", r"costs \$5\$"]
    ax.figure.canvas.draw()


def test_a_network_that_did_not_move_and_no_network_can_be_drawn(ax):
    plots.plot_robustness([(AFTER, AFTER)], ax=ax).figure.canvas.draw()
    plots.plot_robustness([], ax=Figure().subplots()).figure.canvas.draw()

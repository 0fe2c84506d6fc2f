"""How a verdict and its rungs print themselves."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from brianbridge.errors import InputError
from brianbridge.ladder.outcomes import RungOutcome, TwinOutcome
from brianbridge.ladder.plan import why_left_out
from brianbridge.ladder.rungs import Rung
from brianbridge.ladder.table import p_value
from brianbridge.ladder.verdict import Verdict

DATA = {"name": "digits", "split": "test", "samples": 300}


def rung(name, **more):
    more = {"perturbations": {}} | more
    return RungOutcome(
        name=name, dt_ms=1.0, runs=1, accuracy=0.975, accuracy_by_run=(0.975,),
        accuracy_change_ci95=(-0.02, 0.01), accuracy_change_bootstrap95=None, mcnemar_p=1.0,
        agreement=0.99, spikes_per_sample={"hidden": 12.0}, count_mismatches=0,
        spike_mismatches=0, count_correlation={}, count_differences={}, first_divergence={},
        distances={}, latency_ms=None, synops_per_sample=0.0, synops_by_mass_per_sample=0.0,
        seconds=0.5, tolerances={"max_accuracy_drop": 0.02}, fell_short=(), **more,
    )  # fmt: skip


def verdict(*rungs, name="net"):
    return Verdict(name, DATA, TwinOutcome(0.98, {"hidden": 12.5}), rungs, {})


def test_a_verdict_prints_a_line_for_each_rung():
    finer = {"perturbations": {"finer_dt": {"divisor": 10}}}
    found = verdict(rung("parity"), rung("dt/10", undecided=("max_accuracy_drop",), **finer))
    assert repr(found).splitlines() == [
        "Verdict: net on 300 samples of digits (test): undecided",
        "  torch twin       98.00 %",
        "  Brian2, parity   97.50 %  held, 0 spikes differ",
        "  Brian2, dt/10    97.50 %  undecided",
    ]


def test_a_dead_network_is_told_where_the_verdict_is_printed():
    dead = verdict(replace(rung("parity"), silent=300.0, only_class=0))
    (line,) = dead.warnings
    assert line.startswith("warning: Brian2, parity: every sample is taken for class 0")
    assert repr(dead).splitlines()[-1] == str(dead).splitlines()[-1] == line


@pytest.mark.parametrize(
    ("accuracy", "chance", "why"),
    [
        (0.0778, 0.1, "right on 7.78 % of the samples, no better than chance (10.00 %); train"),
        (0.1, 0.1, "no better than chance (10.00 %); train the network, and give bb.write_back("),
        (0.12, 0.1, "not clearly better than chance (10.00 %); train the network, or give more"),
        (0.98, 0.1, ""),
        (1.0, 0.9, ""),
        (0.0, None, ""),
    ],
)
def test_a_twin_no_better_than_chance_is_told(accuracy, chance, why):
    twin = TwinOutcome(accuracy, {"hidden": 1.0}, chance=chance)
    found = replace(verdict(rung("parity")), twin=twin).warnings
    assert [line.startswith("warning: torch twin: ") and why in line for line in found] == (
        [True] if why else []
    )
    # An output that says nothing is told once, and not as chance too.
    (line,) = replace(verdict(), twin=replace(twin, only_class=0)).warnings
    assert line == "warning: torch twin: every sample is taken for class 0"


def test_rungs_print_themselves_in_a_line():
    assert repr(rung("parity")) == (
        "<rung 'parity': held, dt=1 ms, accuracy 97.50 %, agreement 99.00 %>"
    )
    assert repr(Rung(name="parity")) == "Rung(name='parity')"
    told = repr(Rung(name="x", perturb={"finer_dt": {"divisor": 10}}, max_accuracy_drop=0.1))
    assert told == "Rung(name='x', max_accuracy_drop=0.1, perturb={'finer_dt': {'divisor': 10}})"


def test_a_notebook_shows_the_ladder_as_a_table_of_escaped_text():
    evil = "<script>alert(1)</script>"
    text = verdict(rung(evil), name=evil)._repr_html_()
    assert "<script" not in text
    assert text.count("&lt;script&gt;") == 2
    assert text.count("<tr>") == 3  # headings, twin, rung
    assert "<td>97.50 %</td><td>-2.00 to +1.00</td><td>99.00 %</td>" in text


NAMES = (
    "parity", "conductance-based synapses, dt/10", "a chip: 10 % mismatch, 4 bits, dt/10",
    "one spike in ten fails at a synapse",
)  # fmt: skip


@pytest.mark.parametrize("width", [80, 120])
def test_tables_fit_the_terminal_and_no_word_is_cut(width):
    runs = [replace(rung(name), spike_mismatches=12_345_678, silent=3.0) for name in NAMES]
    found = verdict(*runs, name="fashion_mnist_multi_threshold.h5")
    for table, words in (
        (found.table(), ("accuracy", "change, 95 %", "agreement", "outcome", "-2.00 to +1.00")),
        (found.spike_table(), ("silent", "per sample", "counts", "12,345,678", "1 ms")),
    ):
        console = Console(width=width, record=True, file=StringIO())
        console.print(table)
        text = console.export_text()
        assert "…" not in text
        assert max(map(len, text.splitlines())) <= width
        for word in (*words, "conductance-based", "mismatch"):
            assert word in text
    assert "\x1b" not in text


def test_a_column_that_says_nothing_is_left_out():
    found = verdict(rung("parity"))
    headings = [column.header for column in found.spike_table().columns]
    assert headings == ["rung", "dt", "spikes\nper sample", "spikes\ndiffer", "counts\ndiffer"]
    assert "silent" not in found._repr_html_()


def test_a_p_value_is_never_0():
    assert [p_value(p) for p in (0.0, 1e-300, 1e-4, 0.25, 1.0, None)] == [
        "< 0.0001", "< 0.0001", "0.0001", "0.25", "1", "–",
    ]  # fmt: skip


def test_what_is_left_out_has_no_remedy_to_leave_it_out():
    error = InputError("perturbation 'x': there are no spikes; leave it out")
    assert why_left_out(error) == "perturbation 'x': there are no spikes"
    assert why_left_out(InputError("give 3")) == "give 3"


def test_a_twin_writes_decisions_only_if_there_are_some():
    assert "decision" not in TwinOutcome(0.98, {}).to_dict()
    assert TwinOutcome(0.98, {}, decision={"ties": 0}).to_dict()["decision"] == {"ties": 0}

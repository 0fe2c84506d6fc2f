"""The report: complete, described in words, reproducible."""

import html
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from reported import EVIL, LADDER, Reader, network, samples

from brianbridge.encoding import Bernoulli
from brianbridge.ladder.judgement import Judgement
from brianbridge.ladder.outcomes import RemedyOutcome
from brianbridge.ladder.rungs import Rung, read_ladder
from brianbridge.ladder.verdict import SCHEMA
from brianbridge.ladder.verdict_file import read_verdict
from brianbridge.ladder.verify import verify
from brianbridge.plots import plot_ladder
from brianbridge.report import sentences, write_report, write_side_by_side
from brianbridge.report.ladder_text import ladder_text
from brianbridge.report.one_sample import run_one_sample
from brianbridge.report.over_time import over_time_figure
from brianbridge.report.page import page_of
from brianbridge.report.side_by_side import side_by_side


def test_verdict_comes_first_and_all_sections_are_there(read, page, verdict):
    held = sum(r.passed for r in verdict.rungs)
    assert 0 < held < 4
    main = page[page.index("<main") :]
    outcomes = [r.outcome for r in verdict.rungs]
    unknown = outcomes.count("undecided")
    told = f", {unknown} {'is' if unknown == 1 else 'are'} undecided" if unknown else ""
    sentence = f"{held} of 4 rungs held{told}; 1 was left out. Parity: 0 of 5,400 cells"
    assert page.count("? undecided") == unknown
    assert sentence in main
    assert main.index(sentence) < main.index("<nav")
    sections = ["ladder", "time", "closer", "others", "attribution", "provenance", "reproduce"]
    assert [i for i in read.ids if i in sections] == sections
    links = [a["href"].removeprefix("#") for a in read.all("a")]
    assert links == ["main", *sections]
    assert read.all("html")[0]["lang"] == "en"
    assert len(read.all("h1")) == 1
    assert "input_timing" in main
    assert verdict.dataset["sha256"] in main
    for name, version in verdict.provenance["versions"].items():
        assert f"{name} {version}" in main


def test_words_tell_the_numbers_of_the_verdict(verdict, page):
    piece = verdict.evidence.rungs["parity"]
    about = sentences.about_counts(piece.comparison.joint["hidden"], 1.0)
    assert about.startswith("Of 360 pairs of sample and neuron, 100.00 % have the same count")
    few = verdict.rungs[1]
    told = few.reasons(30)
    assert len(told) == len(few.fell_short) + len(few.undecided) > 0
    assert f"differing cells: {few.spike_mismatches:,}, at most 1 allowed" in told
    assert all(line in page for line in told)
    worst = min(verdict.rungs, key=lambda rung: rung.accuracy)
    if worst.accuracy < verdict.twin.accuracy:
        assert sentences.costliest(verdict)[0].startswith(worst.name)
    for rung in verdict.rungs:
        assert f"{100 * rung.accuracy:.2f} %" in page


def test_accuracy_over_time_is_told_and_drawn_for_each_rung(verdict, page):
    figure = over_time_figure(verdict)
    assert f">{figure.title}.</strong> {html.escape(figure.caption, quote=False)}" in page.replace(
        "&#39;", "'"
    )
    for run in (verdict.twin, *verdict.rungs):
        quarters = [f"{100 * run.over_time['accuracy'][k]:.2f} %" for k in (2, 5, 8, 11)]
        name = "torch twin" if run is verdict.twin else run.name
        assert f"{name}: {', '.join(quarters)}." in html.unescape(figure.svg)
    assert "if presentations end after 3, 6, 9, 12 ms" in figure.svg
    known = [(rung.name, np.array(rung.over_time["accuracy"])) for rung in verdict.rungs]
    twin = np.array(verdict.twin.over_time["accuracy"])
    lost, name = max((max(twin - found), name) for name, found in known)
    found = dict(known)[name]
    k = int((twin - found).argmax())
    assert lost > 0
    assert figure.caption.startswith(
        f"Furthest behind the torch twin: {name}, {100 * found[k]:.2f} % instead of "
        f"{100 * twin[k]:.2f} % after {k + 1} ms."
    )


def test_one_rung_that_is_not_behind_and_accuracy_over_time_that_nobody_knows(verdict):
    one = replace(verdict, rungs=verdict.rungs[:1])
    assert over_time_figure(one).caption.startswith("No rung is behind the torch twin at any time.")
    unknown = replace(verdict.rungs[0], over_time=None)
    text = page_of(replace(verdict, rungs=(unknown,), twin=replace(verdict.twin, over_time=None)))
    assert "Not available: the readout of the network reads a variable" in text
    three = over_time_figure(replace(verdict, rungs=(unknown, *verdict.rungs[1:])))
    assert "parity:" not in three.svg


def test_the_sample_looked_at_is_the_first_that_brian2_takes_for_another_class(verdict):
    name = verdict.rungs[1].name
    differ = verdict.evidence.rungs[name].prediction != verdict.evidence.twin.prediction
    sample = run_one_sample(verdict.evidence, name)
    assert sample.sample == np.flatnonzero(differ)[0]
    assert not sample.differs
    assert sample.twin.prediction[0] == verdict.evidence.twin.prediction[sample.sample]
    assert sample.brian2.prediction[0] == verdict.evidence.rungs[name].prediction[sample.sample]
    assert sample.population.name == "hidden"
    assert sample.threshold == 1.0
    assert run_one_sample(verdict.evidence, "parity").sample == 0


def test_a_sample_of_spikes_is_drawn_as_in_the_verification():
    found = verify(network(encoding=Bernoulli(12)), samples(seed=2), LADDER[:2])
    name = found.rungs[1].name
    differ = found.evidence.twin.prediction != found.evidence.rungs[name].prediction
    sample = run_one_sample(found.evidence, name)
    assert sample.sample == np.flatnonzero(differ)[0] > 0
    assert sample.twin.prediction[0] == found.evidence.twin.prediction[sample.sample]
    assert not sample.differs


def test_the_same_verdict_gives_the_same_file(verdict, page, tmp_path):
    path = write_report(verdict, tmp_path / "r.html", f"brianbridge verify '{EVIL}'")
    assert path.read_text(encoding="utf-8") == page


def test_rungs_can_run_again(verdict, tmp_path):
    (tmp_path / "again.toml").write_text(ladder_text(verdict.rungs), encoding="utf-8")
    again = read_ladder(tmp_path / "again.toml")
    assert [r.name for r in again] == [r.name for r in LADDER[:4]]
    for before, after in zip(LADDER[:4], again, strict=True):
        assert after.perturbations == before.perturbations
        assert after.tolerances == before.tolerances
        assert (after.runs, after.attribute) == (before.runs, before.attribute)


def test_a_rung_without_a_limit_is_not_said_to_have_held(verdict):
    free = replace(
        verdict.rungs[3], fell_short=(), undecided=(),
        tolerances=dict.fromkeys(verdict.rungs[3].tolerances) | {"max_accuracy_drop": 1.0},
    )  # fmt: skip
    assert free.passed
    assert free.to_dict()["outcome"] == "no limit"
    assert replace(free, tolerances={**free.tolerances, "min_agreement": 0.1}).outcome == "held"
    assert sentences.headline(replace(verdict, rungs=(free,))) == "no rung had a limit"
    assert sentences.headline(replace(verdict, rungs=verdict.rungs[:1])) == "every rung held"
    assert sentences.headline(verdict) == "not every rung held"
    found = replace(verdict, rungs=(verdict.rungs[0], free))
    first = sentences.verdict_sentences(found)[0]
    assert first == "1 of 1 rung held; 1 had no limit; 1 was left out."
    text = page_of(found)
    assert "every rung with a limit held</h1>" in text
    assert f"<h3>a chip: {sentences.percent(free.accuracy)}, no limit</h3>" in text
    assert text.count("✓ held") == 1
    row = found.table().columns[-1]
    shown = [(str(cell), cell.style) for cell in row.cells]
    assert shown[-2:] == [("held", "green"), ("no limit", "")]
    drawn = {line.get_label() for line in plot_ladder(found).lines}
    assert {"held", "no limit"} <= drawn
    assert "fell short" not in drawn


def test_an_undecided_verdict_and_a_silent_network_are_told(verdict):
    limits = dict.fromkeys(verdict.rungs[2].tolerances) | {"max_accuracy_drop": 0.02}
    drop = Judgement(0.02, 0.0, (-0.1, 0.1), "interval", "undecided", times_to_decide=6.3)
    judged = {"max_accuracy_drop": drop}
    few = replace(
        verdict.rungs[2], fell_short=(), undecided=("max_accuracy_drop",), judged=judged,
        tolerances=limits, runs=1, silent=30.0, ties=0.0, only_class=0,
    )  # fmt: skip
    found = replace(verdict, rungs=(verdict.rungs[0], few))
    assert found.outcome == "undecided"
    assert sentences.headline(found) == "undecided: too few samples for every rung"
    assert sentences.verdict_sentences(found)[0].startswith("1 of 2 rungs held, 1 is un")
    text = page_of(found)
    assert "<title>Undecided: net" in text
    assert '<p class="verdict open">' in text
    assert '<span class="open">? undecided</span>: accuracy drop 0.00 points' in text
    assert "about 190 samples would decide" in text
    assert "warning: Brian2, twice: every sample is taken for class 0; no output neuron" in text
    # If every spike is the same, the change is known and not estimated.
    assert text.count("none: all the same") == 1
    cells = [(str(cell), cell.style) for cell in found.table().columns[-1].cells]
    assert cells[-2:] == [("held", "green"), ("undecided", "yellow")]


def test_a_caption_says_no_more_than_what_was_compared():
    """At the end of the twin's steps both are the same; in between only Brian2 has values."""

    def run(values, dt):
        traces = {"hidden": {"v": np.array(values, dtype=float).reshape(-1, 1, 1)}}
        return SimpleNamespace(steps=len(values), dt=dt, traces=traces)

    twin = run([1, 2], 1e-3)
    sample = {"population": SimpleNamespace(name="hidden"), "variable": "v", "neuron": 0}
    sample = SimpleNamespace(**sample, fires=False, twin=twin, brian2=run([9, 1, 7, 2], 5e-4))
    told = sentences.about_traces(sample)
    assert "at the end of every step of the torch twin; in between only Brian2 has values" in told
    sample.brian2 = run([1, 2], 1e-3)
    assert sentences.about_traces(sample).endswith("the same potential at the end of every step.")
    sample.brian2 = run([1, 2.5], 1e-3)
    assert "0.5 apart at most, at 2 ms." in sentences.about_traces(sample)


def test_remedies_are_told_and_tried_again(verdict, tmp_path):
    again = {"accuracy": 0.875, "accuracy_change_ci95": (-0.1, 0.02), "agreement": 0.75,
             "spikes_per_sample": 12.5, "file": "rung1-calibrated.h5"}  # fmt: skip
    fitted = {"of": "threshold", "samples": 7}
    tuned = {
        "start": "calibrated",
        "samples": 9,
        "epochs": 2,
        "batch_size": 3,
        "learning_rate": 1e-5,
    }
    remedies = {
        "calibrated": RemedyOutcome("calibrate", "calibrated", fitted, {"scales": {}}, **again),
        "fine_tuned": RemedyOutcome("fine_tune", "calibrated and fine-tuned", tuned, {}, **again),
    }
    first = replace(verdict.rungs[0], remedies=remedies)
    text = page_of(replace(verdict, rungs=(first,)))
    assert "What remedies win back" in text
    assert "87.50 %</td>\n<td>−10.00 to +2.00</td><td>75.00 %</td><td>12.5</td>" in text
    assert '<td class="text">calibrated and fine-tuned</td>' in text
    assert '<td class="text">rung1-calibrated.h5</td>' in text
    (tmp_path / "again.toml").write_text(ladder_text([first]), encoding="utf-8")
    (rung,) = read_ladder(tmp_path / "again.toml")
    assert rung.remedy == {"calibrate": fitted, "fine_tune": tuned}


def test_a_network_that_is_read_by_potentials_or_has_one_layer(tmp_path):
    for sizes in ((8, 3), (3,)):
        found = verify(network("potential", sizes=sizes), samples(9), LADDER[:2])
        text = write_report(found, tmp_path / "r.html").read_text(encoding="utf-8")
        assert "membrane potential of neuron" in text


def test_neurons_of_another_model_have_no_trace_beside_the_twins():
    other = Rung(name="adex", perturb={"other_neuron": {"model": "adex"}})
    found = verify(network(), samples(6), (LADDER[0], other))
    text = page_of(found)
    assert "in other units" in text
    assert text.count("membrane potential of neuron") == 2  # title and caption, of parity


def test_potentials_that_take_too_much_memory_are_not_recorded(verdict, monkeypatch):
    from brianbridge.report import one_sample as module

    monkeypatch.setattr(module, "_VALUES", 10)
    sample = module.run_one_sample(verdict.evidence, "parity")
    assert "15 neurons" in sample.no_trace
    assert not any(sample.twin.traces.values())
    assert not any(sample.brian2.traces.values())


def test_a_verdict_that_is_read_again_has_the_same_page_but_for_samples_and_neurons(
    verdict, page, tmp_path
):
    file = tmp_path / "verdict.json"
    verdict.save(file)
    again = read_verdict(file)
    assert json.loads(again.to_json()) == json.loads(verdict.to_json())
    text = page_of(again)
    assert "This page was made from the file of the verdict." in text
    first, last = '<caption id="table-held">', '<section aria-labelledby="closer">'
    tables = page[page.index(first) : page.index(last)].strip()
    assert tables in text
    assert verdict.about["sha256"] in text
    assert ladder_text(again.rungs) == ladder_text(verdict.rungs)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "is no verdict; give a verdict.json that verify wrote"),
        ('{"rungs": [], "schema": 2}', "has schema 2"),
        ('{"rungs": 3, "schema": SCHEMA}', "the key 'network' is missing"),
    ],
)
def test_a_file_that_is_no_verdict_is_refused_in_one_line(content, said, refused, tmp_path):
    file = tmp_path / "verdict.json"
    with refused("there is no such file"):
        read_verdict(file)
    file.write_text(content.replace("SCHEMA", str(SCHEMA)))
    with refused(str(file), said):
        read_verdict(file)


def test_verdicts_are_shown_side_by_side(verdict, refused, tmp_path):
    fewer = replace(verdict, rungs=verdict.rungs[:2], dataset={**verdict.dataset, "sha256": "f"})
    text = write_side_by_side([verdict, fewer], tmp_path / "both.html").read_text("utf-8")
    assert EVIL not in text
    for number in (1, 2):
        assert text.count(f"net {html.escape(EVIL)} ({number})".replace("&#x27;", "&#39;")) >= 3
    assert "These verdicts are of different samples." in text
    assert text.count("<svg") == 2
    assert text.count(">not run</td>") == 2
    row = text[text.index('<th scope="row">parity</th>') :]
    assert row[: row.index("</tr>")].endswith("<td>+0.00</td>")
    reader = Reader()
    reader.feed(text)
    assert len(set(reader.ids)) == len(reader.ids)
    same = side_by_side([verdict, verdict])
    assert "<p>All verdicts are of the same 30 samples of mine.</p>" in same
    assert "<p>They are of the same network.</p>" in same
    for origins, shown in ((["a", "b"], ["(a)", "(b)"]), (["a", "a"], ["(1)", "(2)"])):
        told = side_by_side([verdict, verdict], origins)
        assert all(told.count(name) >= 3 for name in shown)
    stricter = replace(verdict.rungs[0], tolerances={"min_agreement": 0.5})
    changed = side_by_side([verdict, replace(verdict, rungs=(stricter,))])
    assert "change something else: parity.</p>" in changed
    with refused("verdicts has 1; give at least two"):
        write_side_by_side([verdict], tmp_path / "one.html")


def test_the_page_says_what_a_stranger_does_not_know(page, verdict):
    words = page[page.index('<dl class="words">') : page.index('id="table-held"')]
    for word in ("Torch twin", "Rung", "Parity", "Tolerance", "Held", "Point"):
        assert f"<dt>{word}</dt>" in words
    changes = page[page.index('id="table-changes"') : page.index('id="table-spikes"')]
    assert '<td class="text wrap">Nothing.</td>' in changes
    assert "accuracy must not drop; no cell may differ</td>" in changes
    assert "Round weights to whole multiples of a step (bits: 2)." in changes
    assert verdict.about["sha256"] in page[page.index('id="provenance"') :]


def test_a_column_that_says_nothing_is_not_there_and_no_p_value_is_0(verdict):
    rungs = tuple(replace(r, latency_ms=None, distances={}, mcnemar_p=0.0) for r in verdict.rungs)
    text = page_of(replace(verdict, rungs=rungs, evidence=None))
    assert "&lt; 0.0001" in text
    for heading in ("van Rossum</th>", "spikes</th>", "latency, ms</th>"):
        assert heading in page_of(replace(verdict, evidence=None))
        assert heading not in text
    rungs = tuple(replace(r, mcnemar_p=None, runs=1, ties=0.0) for r in verdict.rungs)
    twin = replace(verdict.twin, ties=0.0)
    text = page_of(replace(verdict, twin=twin, rungs=rungs, evidence=None))
    for heading in ("p (McNemar)</th>", "runs</th>", "tied</th>", "Tied:"):
        assert heading not in text

"""``brianbridge report``, and what ``data`` says."""

import json

import pytest

from brianbridge.cli import main
from brianbridge.ladder.outcomes import TwinOutcome
from brianbridge.ladder.verdict import Verdict


@pytest.fixture
def verdict(tmp_path):
    facts = {
        "date": "2026-03-01T15:22:48+00:00", "versions": {"brianbridge": "1"}, "commit": None,
        "machine": {"cores": 2},
    }  # fmt: skip
    data = {"name": "iris", "split": "test", "part": "test", "samples": 30, "sha256": "ab" * 32}
    path = tmp_path / "verdict.json"
    Verdict("net", data, TwinOutcome(0.9, {"output": 1.0}), (), facts).save(path)
    return path


def test_a_page_is_made_beside_the_verdict_and_report_html_is_kept(verdict, capsys):
    kept = verdict.with_name("report.html")
    kept.write_text("of verify")
    assert main(["report", str(verdict), "--json"]) == 0
    page = verdict.with_suffix(".html")
    assert json.loads(capsys.readouterr().out) == {"wrote": str(page)}
    assert "2026-03-01, 15:22 UTC" in page.read_text(encoding="utf-8")
    assert kept.read_text() == "of verify"


def test_several_verdicts_need_a_page_of_their_own(verdict, tmp_path, capsys):
    out = tmp_path / "both.html"
    assert main(["report", str(verdict), str(verdict), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"wrote {out}\n"
    assert "<h1>net (1) and net (2) in Brian2</h1>" in out.read_text(encoding="utf-8")


def test_a_file_that_is_no_verdict_is_refused(tmp_path, capsys):
    assert main(["report", str(tmp_path / "none.json")]) == 2
    assert "there is no such file; give a verdict.json" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_data_sets_say_their_samples_in_words(capsys):
    assert main(["data"]) == 0
    out = capsys.readouterr().out
    assert "1,797 samples, licence" in out
    assert "60,000 train samples and 10,000 test samples" in out
    assert "{" not in out

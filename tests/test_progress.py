"""Progress: a bar on a terminal, lines elsewhere, nothing for short work."""

import io
from contextlib import contextmanager, redirect_stderr, suppress

import numpy as np
import pytest
import tqdm

import brianbridge as bb
from brianbridge import progress
from brianbridge.ladder.execution import Execution
from brianbridge.progress import Progress, duration


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Replace the time; a test moves it."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "time", lambda: now[0])
    return now


@contextmanager
def on_a_terminal():
    with redirect_stderr(Terminal()) as stream:
        yield stream


def test_lines_come_after_ten_seconds_and_then_more_rarely(clock, capsys):
    with Progress().count("Brian2", 1000, "samples") as step:
        for _ in range(100):
            clock[0] += 1
            step(10, "accuracy 0.9")
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "Brian2: 100 of 1,000 samples, 90 s left, accuracy 0.9",
        "Brian2: 300 of 1,000 samples, 70 s left, accuracy 0.9",
        "Brian2: 700 of 1,000 samples, 30 s left, accuracy 0.9",
    ]


def test_a_stage_that_begins_is_told_only_if_lines_are_asked_for(capsys):
    for lines in (False, True):
        with Progress(lines).count("twin", 20, "samples", done=5):
            pass
        Progress(lines).say("next")
        assert capsys.readouterr().err == ("twin: 15 samples to do\nnext\n" if lines else "")


def test_work_without_a_known_end_is_counted(clock, capsys):
    with Progress().count("converting", 0, "spikes read") as step:
        clock[0] += 11
        step(4000)
    assert capsys.readouterr().err == "converting: 4,000 spikes read\n"


def test_a_resumed_count_estimates_by_what_it_did_itself(clock, capsys):
    with Progress().count("training", 100, "batches", done=50) as step:
        step(1)
        clock[0] += 18
        step(9)
    assert capsys.readouterr().err == "training: 60 of 100 batches, 80 s left\n"


def test_steps_that_take_longer_count_for_more(clock, capsys):
    with Progress().count("Brian2", 30, "samples", work=10 + 20 * 10) as step:
        step(1)
        clock[0] += 9
        step(9)
        clock[0] += 10
        step(1, each=10)
    assert capsys.readouterr().err == "Brian2: 11 of 30 samples, 3 min left\n"


def test_the_first_unit_gives_no_estimate(clock, capsys):
    with Progress().count("training", 100, "batches") as step:
        clock[0] += 40  # it compiles
        step()
        for _ in range(99):
            clock[0] += 1
            step()
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["training: 1 of 100 batches", "training: 21 of 100 batches, 79 s left"]


def test_a_bar_has_no_estimate_by_the_first_unit(clock, monkeypatch):
    monkeypatch.setattr(tqdm.std, "time", lambda: clock[0])
    with on_a_terminal() as terminal, Progress().count("training", 100, "batches") as step:
        clock[0] += 40
        step()
        clock[0] += 1
        step()
        assert "left" not in terminal.getvalue()
        assert "| 2 of 100 batches" in terminal.getvalue()
        for _ in range(3):
            clock[0] += 1
            step()
        assert terminal.getvalue().rstrip().endswith("| 5 of 100 batches, 95 s left")


def test_a_terminal_has_a_bar_with_the_time_left_that_goes_away(clock, monkeypatch):
    monkeypatch.setattr(tqdm.std, "time", lambda: clock[0])
    with (
        on_a_terminal() as terminal,
        suppress(KeyboardInterrupt),
        Progress().count("Brian2", 100, "samples") as step,
    ):
        step(1)
        assert terminal.getvalue() == ""  # it may be over in a moment
        clock[0] += 30
        step(49)
        shown = terminal.getvalue()
        assert "Brian2:  50 %|" in shown
        assert "| 50 of 100 samples, 31 s left" in shown
        raise KeyboardInterrupt
    assert terminal.getvalue().rsplit("\r", 1)[1] == ""
    assert "\n" not in terminal.getvalue()


def test_a_simulation_within_other_work_shows_nothing():
    with on_a_terminal(), Progress().count("training", 2, "batches"):
        within = Progress()._counter("Brian2", 2, "samples", 0, alone=True)
        beside = Progress()._counter("training", 2, "batches", 0, alone=False)
    with on_a_terminal():
        alone = Progress()._counter("Brian2", 2, "samples", 0, alone=True)
    assert type(within) is progress.Counter
    assert {type(beside), type(alone)} == {progress._Bar}


def test_only_the_first_of_several_processes_shows_anything(monkeypatch, capsys):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    with Progress(lines=True).count("twin", 2, "samples"):
        pass
    assert capsys.readouterr().err == ""


def test_a_length_of_time_has_the_unit_that_fits():
    assert [duration(s) for s in (0.2, 99, 100, 5969, 5971)] == [
        "0 s", "99 s", "2 min", "99 min", "1.7 h",
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["batched", "reference"])
@pytest.mark.parametrize("batch", [None, 2])
def test_a_simulation_counts_each_sample_once(path, batch, monkeypatch):
    counted = []
    monkeypatch.setattr(progress.Counter, "__call__", lambda self, n, note="": counted.append(n))
    net = bb.SpikingNetwork.sequential(
        (3,), [bb.Dense(2, bb.neuron_model("if"))], encoding=bb.Current(5)
    )
    backend = bb.Backend(path=path, batch_size=batch)
    bb.simulate(net, np.ones((7, 3)), backend=backend)
    assert sum(counted) == 7


def test_a_verification_counts_finer_steps_as_longer(monkeypatch):
    counters = []
    counter = Progress._counter

    def kept(self, what, *rest):
        counters.append(counter(self, what, *rest))
        return counters[-1]

    monkeypatch.setattr(Progress, "_counter", kept)
    net = bb.SpikingNetwork.sequential(
        (3,), [bb.Dense(2, bb.neuron_model("if"))], encoding=bb.Current(5)
    )
    data = bb.from_arrays("mine", np.ones((7, 3)), np.arange(7) % 2)
    rungs = [bb.Rung(name="same"), bb.Rung(name="finer", perturb={"finer_dt": {"divisor": 3}})]
    bb.verify(net, data, rungs, execution=Execution(shard=4))
    (found,) = [c for c in counters if c.total == 14]
    assert (found.done, found._worked, found._work) == (14, 28, 28)

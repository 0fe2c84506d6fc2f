"""Output that is closed, has no reader or no UTF-8: never a traceback, the right exit status."""

import io
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from rich.console import Console
from rich.table import Table

from brianbridge.cli import main
from brianbridge.cli.printing import printer
from brianbridge.cli.terminal import plain, terminal
from brianbridge.ladder.outcomes import TwinOutcome
from brianbridge.ladder.table import as_rich_table, twin_row

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def shell(redirected, *arguments, **environment):
    """Run brianbridge in a shell, its output redirected."""
    command = f'"{sys.executable}" -m brianbridge {" ".join(arguments)} {redirected}'
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip


def test_a_terminal_without_utf8_is_given_ascii():
    done = shell("", "data", **ASCII)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"digits" in done.stdout
    done.stdout.decode("ascii")
    refused = shell("", "models", "ünknöwn", **ASCII)
    assert refused.returncode == 2
    assert refused.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("redirected", "arguments", "status"),
    [
        (">&-", ["models"], 0),
        (">&-", ["--version"], 0),
        ("2>&-", ["models", "nonsense"], 2),
        (">&- 2>&-", ["models", "nonsense"], 2),
        ("<&- >&- 2>&-", ["models", "--json"], 0),
        ("2>/dev/full", ["models", "nonsense"], 2),
        ("| true", ["models"], 0),
        ("| true", ["--help"], 0),
        (">/dev/full", ["--help"], 0),
    ],
)
def test_output_that_goes_nowhere_changes_no_status(redirected, arguments, status):
    done = shell(redirected, *arguments)
    assert done.returncode == status
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


def test_an_output_file_does_not_become_standard_output(tmp_path):
    """A closed descriptor has the number that the next file gets."""
    code = (
        "import os; from brianbridge.cli.terminal import terminal\n"
        "with terminal():\n"
        f"    with open({str(tmp_path / 'mine')!r}, 'w') as file: assert file.fileno() > 2\n"
        "    os.write(1, b'a library that prints')"
    )
    command = f'"{sys.executable}" -c "{code}" >&- 2>&-'
    assert subprocess.run(["bash", "-c", command], check=False).returncode == 0
    assert (tmp_path / "mine").read_bytes() == b""


class Pipe(io.StringIO):
    """A stream whose reader goes away after some writes."""

    encoding = "ascii"
    left = 2

    def write(self, text):
        if not self.left:
            raise BrokenPipeError
        self.left -= 1
        text.encode("ascii")
        return super().write(text)


def test_a_reader_that_goes_away_stops_no_work(monkeypatch):
    pipe, done = Pipe(), []
    monkeypatch.setattr(sys, "stdout", pipe)
    with terminal():
        for number in range(5):
            print(number, flush=True)
            done.append(number)
        assert sys.stdout is not pipe
    assert sys.stdout is pipe
    assert done == [0, 1, 2, 3, 4]
    assert pipe.getvalue() == "0\n"


def test_a_table_has_no_character_that_the_terminal_lacks(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "latin-1"))
    with terminal():
        table = Table("×", "naïve")
        table.add_row("long " * 20, "你")
        Console(file=sys.stdout, width=30).print(table)
        sys.stdout.flush()
    text = written.getvalue().decode("latin-1")
    assert "×" in text  # which Latin-1 has
    assert "naïve" in text
    assert "?" in text


def test_plain_keeps_what_can_be_written():
    assert plain("10 µs ± 1 – 3…", "ascii") == "10 us +- 1 - 3..."
    assert plain("10 µs ±", "latin-1") == "10 µs ±"
    assert plain("\udcff", "utf-8") == "?"


def test_main_leaves_the_streams_as_they_were(capsys):
    before = sys.stdout, sys.stderr
    assert main(["models"]) == 0
    assert (sys.stdout, sys.stderr) == before
    assert "lif" in capsys.readouterr().out


@pytest.mark.parametrize("text", ['pip install "brianbridge[red]"', "a :smile: [/b] [link=x]"])
def test_nothing_that_is_printed_is_read_as_markup(text, capsys):
    printer(silent=False)(text)
    assert capsys.readouterr().out == f"{text}\n"


def test_a_table_shows_every_name_as_it_is():
    name = "[red]:smile:[/b]"
    row = replace(twin_row(name, TwinOutcome(0.5, {"hidden": 1.0})), outcome=name)
    console = Console(width=300, file=io.StringIO())  # that of a user reads markup
    console.print(as_rich_table(name, [row], ["rung", "accuracy", "outcome"], [name]))
    assert console.file.getvalue().count(name) == 4

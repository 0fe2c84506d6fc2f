"""The report of a verdict: one HTML file that needs nothing else.

What it says is made in `words`, what it draws in `brianbridge.plots`, how it looks is in
``report.html``; `page` puts these together.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from brianbridge.errors import InputError
from brianbridge.io.atomic import write_whole

if TYPE_CHECKING:
    from brianbridge.ladder.verdict import Verdict

__all__ = ["report_beside", "write_report"]

#: What a report needs beyond what is always there: the extra ``plot``.
NEEDS = ("jinja2", "matplotlib")


def write_report(verdict: Verdict, path: str | Path, command: str = "") -> Path:
    """Write a verdict as one HTML file, with its figures.

    The file needs no network and no script; it follows the reader's light or dark mode. The same
    verdict gives the same file.

    Parameters
    ----------
    verdict : Verdict
        Fresh from `brianbridge.verify`: a verdict that was read from a file has no evidence.
    path : str or Path
        The file to write.
    command : str
        The command line that made the verdict, to be shown.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    InputError
        If the verdict has no evidence, a package is missing, or the file cannot be written.
    """
    if verdict.evidence is None:
        raise InputError(
            f"the verdict of '{verdict.network}' has no evidence to draw figures from: it comes "
            "from a file. Run brianbridge.verify again and report on what it returns"
        )
    if missing := _missing():
        raise InputError(_how_to_install(missing))
    from brianbridge.report.page import page_of

    text = page_of(verdict, command)
    return write_whole(path, text)


def report_beside(
    verdict: Verdict, folder: Path, command: str, say: Callable[[str], None]
) -> Path | None:
    """Write ``report.html`` into the folder of a verdict; say in a line what is missing for it.

    Parameters
    ----------
    verdict : Verdict
        Fresh from `brianbridge.verify`.
    folder : Path
        Where ``verdict.json`` is.
    command : str
        The command line that made it.
    say : callable
        Told if there will be no report, and why.
    """
    if missing := _missing():
        say(_how_to_install(missing))
        return None
    return write_report(verdict, folder / "report.html", command)


def _missing() -> list[str]:
    return [name for name in NEEDS if find_spec(name) is None]


def _how_to_install(missing: list[str]) -> str:
    return (
        f"report.html needs {' and '.join(missing)}, not installed here: "
        'pip install "brianbridge[plot]"'
    )

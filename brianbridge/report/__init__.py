"""The report of a verdict: one HTML page that needs no other file.

`sentences` makes its text, `figures` draws with `brianbridge.plots`, ``report.html`` is its layout,
and `page` puts these together. May import `sensitivities`, `ladder`, `plots` and all below
them. A new section goes
to `page` and the template.
"""

from __future__ import annotations

from pathlib import Path

from brianbridge.errors import InputError
from brianbridge.io.atomic import write_whole
from brianbridge.ladder.verdict import Verdict
from brianbridge.sensitivities.result import Sensitivity

__all__ = ["report_beside", "write_report"]


def write_report(
    verdict: Verdict,
    path: str | Path,
    command: str = "",
    *,
    sensitivity: Sensitivity | None = None,
) -> Path:
    """Write a verdict as one HTML file with figures.

    The file needs no network and no script, and follows the light or dark mode of the reader. The
    same verdict gives the same file.

    Parameters
    ----------
    verdict : Verdict
        A verdict that `brianbridge.verify` returned. One that was read from a file has no results
        to draw figures from.
    path : str or Path
        The file to write.
    command : str
        The command line that made the verdict, to be shown in the report.
    sensitivity : Sensitivity, optional
        What `brianbridge.sensitivity` returned for the same network, to be shown in the report.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    InputError
        If the verdict has no evidence, or the file cannot be written.
    """
    if verdict.evidence is None:
        raise InputError(
            f"the verdict of '{verdict.network}' has no evidence to draw figures from, because it "
            "was read from a file. Run brianbridge.verify again and report on the new verdict"
        )
    from brianbridge.report.page import page_of

    text = page_of(verdict, command, sensitivity)
    return write_whole(path, text)


def report_beside(verdict: Verdict, folder: Path, command: str) -> Path:
    """Write ``report.html`` into the folder of a verdict.

    Parameters
    ----------
    verdict : Verdict
        A verdict that `brianbridge.verify` returned.
    folder : Path
        The folder of ``verdict.json``.
    command : str
        The command line that made the verdict.
    """
    return write_report(verdict, folder / "report.html", command)

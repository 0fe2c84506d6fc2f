"""The report of a verdict: one HTML page that needs no other file.

`sentences` makes its text, `figures` draws with `brianbridge.plots`, ``report.html`` is its layout,
and `page` puts these together; `side_by_side` makes a page of several verdicts. May import
`sensitivities`, `ladder`, `plots` and all below them. A new section goes to `page` and the
template.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from brianbridge.errors import InputError
from brianbridge.io.atomic import write_whole
from brianbridge.ladder.verdict import Verdict
from brianbridge.sensitivities.result import Sensitivity

__all__ = ["report_beside", "write_report", "write_side_by_side"]


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
        The verdict. One that was read from a file has no figures of single samples and neurons.
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
        If the file cannot be written.
    """
    from brianbridge.report.page import page_of

    text = page_of(verdict, command, sensitivity)
    return write_whole(path, text)


def write_side_by_side(
    verdicts: Sequence[Verdict], path: str | Path, origins: Sequence[str] = ()
) -> Path:
    """Write several verdicts side by side as one HTML file: before and after, or networks.

    Parameters
    ----------
    verdicts : sequence of Verdict
        At least two verdicts; columns are in their order.
    path : str or Path
        The file to write.
    origins : sequence of str
        Where each of them is from, such as its folder. It tells verdicts on networks of the same
        name apart, which have numbers otherwise.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    InputError
        If there are fewer than two verdicts, or the file cannot be written.
    """
    if len(verdicts) < 2:
        raise InputError(f"verdicts has {len(verdicts)}; give at least two to compare")
    from brianbridge.report.side_by_side import side_by_side

    return write_whole(path, side_by_side(verdicts, origins))


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

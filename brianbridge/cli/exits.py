"""The end of a command: its exit status, and one line that gives the reason.

===  ==========================================================================
0    done, and every rung held
1    a rung fell short of a tolerance
2    bad input, or another problem that the user can solve
3    no rung fell short, but there are too few samples to decide on all of them
70   an error of brianbridge itself
130  interrupted
===  ==========================================================================
"""

from __future__ import annotations

import shlex
import sys
import tempfile
import traceback
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from brianbridge.cli.printing import print_error
from brianbridge.errors import InputError, ProcessEnded
from brianbridge.launched import launched_rank

__all__ = ["INTERRUPTED", "OF_OUTCOME", "ended"]

INTERNAL, INTERRUPTED = 70, 130
BAD_INPUT = 2
#: The exit status for each outcome of a verdict.
OF_OUTCOME = {"held": 0, "no limit": 0, "fell short": 1, "undecided": 3}

#: Largest number of characters of an error, and of a command line, that are shown.
_LONGEST = 300


def ended(
    error: BaseException,
    arguments: Sequence[str],
    options: Namespace,
) -> int:
    """Print the reason why a command ended, in one line on standard error; return the exit status.

    Parameters
    ----------
    error : BaseException
        The error that ended the command.
    arguments : sequence of str
        Arguments of the command line.
    options : Namespace
        The parsed command line, as far as it was parsed. A traceback is written into the folder
        that is its `out`.
    """
    if launched_rank() and isinstance(error, ProcessEnded):
        return BAD_INPUT  # the first process says it
    if isinstance(error, InputError):
        return _report(str(error), BAD_INPUT)
    if isinstance(error, KeyboardInterrupt):
        return _report(f"interrupted{_what_is_kept(options)}", INTERRUPTED)
    command = _short(shlex.join(["brianbridge", *arguments]))
    if _lacks_memory(error):
        return _report(
            f"there is not enough memory for '{command}': give fewer samples (--samples), close "
            "other programs, or lower prefs.brianbridge.memory",
            BAD_INPUT,
        )
    if isinstance(error, OSError):
        return _report(_of_system(error, command), BAD_INPUT)
    name = type(error).__name__
    where = _keep_traceback(error, command, getattr(options, "out", None))
    return _report(
        f"an error of brianbridge itself in '{command}': {_short(f'{name}: {error}')}; the "
        f"traceback is {where}; files that were already finished are complete",
        INTERNAL,
    )


def _what_is_kept(options: Namespace) -> str:
    """Say what an interrupted command keeps, and how to go on; nothing for a short command."""
    if "resumes" not in options:
        return ""
    place = getattr(options, options.kept_by, None)
    if options.resumes(options):
        where = f" in '{place}'" if place else ""
        return f"; what is finished is kept{where}, the same command resumes where it stopped"
    if options.kept_by in options:
        return f"; nothing is kept: give --{options.kept_by}, and the command resumes next time"
    return "; nothing is kept"


def _report(line: str, status: int) -> int:
    rank = launched_rank()
    print_error(f"process {rank}: {line}" if rank else line)
    return status


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _lacks_memory(error: BaseException) -> bool:
    """Tell whether memory ran out; torch raises a RuntimeError in that case."""
    message = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and any(text in message for text in ("can't allocate memory", "out of memory"))
    )


def _of_system(error: OSError, command: str) -> str:
    """Return the reason that the system gives, with the file or else the command."""
    reason = error.strerror or str(error) or type(error).__name__
    files = [str(name) for name in (error.filename, error.filename2) if name is not None]
    return f"{reason} ({' to '.join(files) or command})"


def _keep_traceback(error: BaseException, command: str, out: Path | None) -> str:
    """Write a traceback to a file, in the output folder if there is one; say where it is."""
    text = "".join(traceback.format_exception(error))
    for folder in (out, Path(tempfile.gettempdir())):
        if folder is None or not folder.is_dir():
            continue
        try:
            with tempfile.NamedTemporaryFile(
                "w", dir=folder, prefix="brianbridge-error-", suffix=".txt", delete=False,
                encoding="utf-8", errors="backslashreplace",
            ) as file:  # fmt: skip
                file.write(f"{command}\n{_versions()}\n\n{text}")
            return f"in {file.name}"
        except OSError:  # such as a full disk
            continue
    print(text, file=sys.stderr)
    return "above"


def _versions() -> str:
    try:
        from brianbridge.provenance import collect

        return ", ".join(f"{name} {version}" for name, version in collect()["versions"].items())
    except Exception as error:  # this may be the very error that is reported
        return f"versions are not known ({error})"

"""How a command ends: its exit status, and one line that says why.

===  ==========================================================================
0    done, and every rung held
1    a rung fell short of a tolerance
2    bad input, or circumstances that the user can mend
3    no rung fell short, but the samples do not decide for all of them
70   an error of brianbridge's own
130  interrupted
===  ==========================================================================
"""

from __future__ import annotations

import shlex
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

from brianbridge.errors import InputError

__all__ = ["INTERRUPTED", "OF_OUTCOME", "ended"]

INTERNAL, INTERRUPTED = 70, 130
BAD_INPUT = 2
#: The status of a verdict, by its outcome.
OF_OUTCOME = {"held": 0, "no limit": 0, "fell short": 1, "undecided": 3}

#: What is said of an interrupted command.
_AFTER = {
    True: "; the same command goes on where it stopped",
    False: "; nothing is kept",
    None: "",
}
#: An error and what was going on are told up to so many characters.
_LONGEST = 300


def ended(
    error: BaseException,
    arguments: Sequence[str],
    out: Path | None = None,
    resumes: bool | None = None,
) -> int:
    """Tell on standard error, in one line, why a command ended; return the exit status.

    Parameters
    ----------
    error : BaseException
        What ended it.
    arguments : sequence of str
        Of the command line.
    out : Path, optional
        The command's output folder, where a traceback may be left.
    resumes : bool, optional
        Whether the same command would go on where this one stopped; not told if not given.
    """
    if isinstance(error, InputError):
        return _said(str(error), BAD_INPUT)
    if isinstance(error, KeyboardInterrupt):
        return _said(f"interrupted{_AFTER[resumes]}", INTERRUPTED)
    command = _short(shlex.join(["brianbridge", *arguments]))
    if _lacks_memory(error):
        return _said(
            f"there is not enough memory for '{command}': give fewer samples (--samples), close "
            "other programs, or lower prefs.brianbridge.memory",
            BAD_INPUT,
        )
    if isinstance(error, OSError):
        return _said(_of_system(error, command), BAD_INPUT)
    name = type(error).__name__
    where = _keep_traceback(error, command, out)
    return _said(
        f"an error of brianbridge itself in '{command}': {_short(f'{name}: {error}')}; the "
        f"traceback is {where}; files that were finished before are whole",
        INTERNAL,
    )


def _said(line: str, status: int) -> int:
    # What a stranger's file says must not move the cursor or colour the terminal.
    shown = "".join(c if c.isprintable() else "?" for c in " ".join(line.split()))
    print(f"brianbridge: {shown}", file=sys.stderr)
    return status


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _lacks_memory(error: BaseException) -> bool:
    """Tell whether memory ran out; torch says so by a RuntimeError."""
    told = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and any(text in told for text in ("can't allocate memory", "out of memory"))
    )


def _of_system(error: OSError, command: str) -> str:
    """Tell what the system refused, with the file; where it names none, what was going on."""
    reason = error.strerror or str(error) or type(error).__name__
    files = [str(name) for name in (error.filename, error.filename2) if name is not None]
    return f"{reason} ({' to '.join(files) or command})"


def _keep_traceback(error: BaseException, command: str, out: Path | None) -> str:
    """Write a traceback to a file, in the output folder if there is one; return where it is."""
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
        except OSError:  # a disk that is full, say
            continue
    print(text, file=sys.stderr)
    return "above"


def _versions() -> str:
    try:
        from brianbridge.provenance import collect

        return ", ".join(f"{name} {version}" for name, version in collect()["versions"].items())
    except Exception as error:  # it may be what went wrong in the first place
        return f"versions are not known ({error})"

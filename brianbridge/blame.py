"""Keep Brian2 from asking for bug reports about errors of this package.

On import Brian2 sets `sys.excepthook`, which logs every uncaught exception of a script with "If you
think this is a bug in Brian 2, please report this issue".
"""

from __future__ import annotations

import logging
import os
import traceback
from pathlib import Path

from brianbridge.errors import InputError

__all__ = ["take_the_blame"]

_FOLDER = str(Path(__file__).parent) + os.sep


def take_the_blame() -> None:
    """Make Brian2's logger attribute errors of this package to brianbridge."""
    logging.getLogger("brian2").addFilter(_renamed)


def _renamed(record: logging.LogRecord) -> bool:
    """Replace the message about an error of this package; keep all records."""
    if record.exc_info and (error := record.exc_info[1]) is not None and _ours(error):
        kind = (
            "brianbridge cannot use its input; the last line says why"
            if isinstance(error, InputError)
            else "an error of brianbridge, not of Brian2; please report it to brianbridge"
        )
        record.msg, record.args = kind, ()
    return True


def _ours(error: BaseException) -> bool:
    """Return whether an error is an `InputError`, or was raised in this package."""
    frames = traceback.extract_tb(error.__traceback__)
    return isinstance(error, InputError) or any(f.filename.startswith(_FOLDER) for f in frames)

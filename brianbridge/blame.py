"""Keep two messages of Brian2 from misleading users of this package.

On import Brian2 sets `sys.excepthook`, which logs every uncaught exception of a script with "If you
think this is a bug in Brian 2, please report this issue". And it warns of each object that "was
never included in a network", although it may have been read here.
"""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from brianbridge.errors import InputError

__all__ = ["count_as_used", "take_the_blame"]

_FOLDER = str(Path(__file__).parent) + os.sep


def take_the_blame() -> None:
    """Make Brian2's logger attribute errors of this package to brianbridge."""
    logging.getLogger("brian2").addFilter(_renamed)


def count_as_used(objects: Iterable[Any]) -> None:
    """Let Brian2 not warn that these objects, and what they contain, were never used.

    Parameters
    ----------
    objects : iterable of brian2.BrianObject
        The objects. They are not changed, and may still be part of any network.
    """
    if not _used:
        logging.getLogger("brian2.core.base.unused_brian_object").addFilter(_unused)
    for one in objects:
        # An object is known by its name and the place of its creation, as the warning has them.
        key = one.name, one._creation_stack
        _used.pop(key, None)
        _used[key] = None
        count_as_used(one.contained_objects)
    while len(_used) > _MOST_USED:
        del _used[next(iter(_used))]


#: Name and place of creation of the objects that were used last; they may outlive any other record.
_used: dict[tuple[str, str], None] = {}
_MOST_USED = 10_000


def _unused(record: logging.LogRecord) -> bool:
    """Keep a warning about an object, unless it was used."""
    text = record.getMessage()
    return not any(text.startswith(f"The object '{n}' ") and text.endswith(p) for n, p in _used)


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

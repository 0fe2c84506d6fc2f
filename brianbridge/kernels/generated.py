"""Import generated source from files in the user's cache, so that numba keeps its machine code."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from brianbridge.errors import InputError
from brianbridge.io.atomic import writable_folder, write_whole

__all__ = ["import_source"]


@cache
def import_source(source: str) -> ModuleType:
    """Import `source` from a file; numba stores the compiled code beside it.

    Files are in ``$XDG_CACHE_HOME/brianbridge/loops``, named by a digest of the source and of the
    versions.

    Parameters
    ----------
    source : str
        The text of a module.

    Examples
    --------
    >>> import_source("def double(x): return 2*x").double(4)
    8
    """
    import numba

    from brianbridge.version import __version__

    key = hashlib.sha256(f"{__version__} {numba.__version__}\n{source}".encode()).hexdigest()
    name = f"brianbridge_loop_{key}"
    folder = _cache_folder(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    if folder is None:
        module = ModuleType(name)
        exec(compile(source, f"<{name}>", "exec"), module.__dict__)
        return module
    path = folder / f"{key}.py"
    # An existing file is left alone: numba compiles anew if its date changes.
    if not path.is_file() or path.read_text() != source:
        write_whole(path, source)
    spec: Any = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def _cache_folder(base: str) -> Path | None:
    """Return the user's folder for compiled loops, or one for this process, or None."""
    try:
        return writable_folder(Path(base).expanduser() / "brianbridge" / "loops")
    except (InputError, RuntimeError):  # RuntimeError: no home folder
        with suppress(OSError):
            return Path(tempfile.mkdtemp(prefix="brianbridge-loops-"))
    return None

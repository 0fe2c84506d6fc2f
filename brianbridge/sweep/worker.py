"""Prepare a Dask worker for its first task: compare versions, import, run one task at a time.

The text of this file is sent to workers and executed there, because a worker may have no
brianbridge or another version. The file therefore needs only Python and Dask, and nothing of the
package.
"""

from __future__ import annotations

import hashlib
import importlib
import platform
import sys
import threading
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["differences", "facts", "plugin", "resource_of"]

#: Packages that can affect a result, by the names that users know.
_PACKAGES = {
    "Brian2": "brian2", "NumPy": "numpy", "numba": "numba", "SciPy": "scipy", "torch": "torch",
}  # fmt: skip
#: The module that imports everything that a task needs.
_TASKS = "brianbridge.sweep.dask_workers"


@cache
def facts() -> dict[str, str]:
    """Return the facts that must be the same wherever tasks of one verification run.

    They are determined once per process, because loaded code does not change with the files.

    Returns
    -------
    dict of str to str
        Versions by name, ``"missing"`` for a package that is not installed; under ``"source"`` a
        digest of the files of brianbridge.

    Examples
    --------
    >>> list(facts())
    ['brianbridge', 'source', 'Python', 'machine', 'Brian2', 'NumPy', 'numba', 'SciPy', 'torch']
    """
    spec = find_spec("brianbridge")
    folder = None if spec is None or spec.origin is None else Path(spec.origin).parent
    return {
        "brianbridge": "missing" if folder is None else _version_in(folder),
        "source": "missing" if folder is None else _digest(folder),
        "Python": ".".join(platform.python_version_tuple()[:2]),
        "machine": platform.machine(),
        **{name: _version(package) for name, package in _PACKAGES.items()},
    }


def differences(theirs: Mapping[str, str], ours: Mapping[str, str]) -> str:
    """Describe the differences between two sets of facts; empty if they are the same.

    Examples
    --------
    >>> differences({"NumPy": "2.1", "torch": "2.8"}, {"NumPy": "2.2", "torch": "2.8"})
    'NumPy 2.1 there, 2.2 here'
    """
    if theirs.get("brianbridge") == "missing":
        return "brianbridge is not installed there"
    found = [
        f"{name} {value[:12]} there, {ours.get(name, 'missing')[:12]} here"
        for name, value in theirs.items()
        if value != ours.get(name)
    ]
    return "; ".join(found)


def resource_of(ours: Mapping[str, str]) -> str:
    """Return the name of the Dask resource that each worker with our facts offers once.

    A task that needs the resource runs only on such a worker, one at a time.
    """
    return f"brianbridge-{hashlib.sha256(repr(sorted(ours.items())).encode()).hexdigest()[:12]}"


def plugin(ours: Mapping[str, str]) -> Any:
    """Return a plugin for the present workers and those that join later.

    A worker whose facts are `ours` imports what tasks need and offers the resource. Any other
    worker reports the differences as a metric with the resource's name, and gets no task.
    """
    from distributed import WorkerPlugin

    class Prepared(WorkerPlugin):
        """Prepare a worker."""

        name = resource_of(ours)
        idempotent = True

        def __reduce__(self) -> tuple[Any, ...]:
            # Send the text: the worker could not import the class, and compiled code belongs to one
            # version of Python.
            text = Path(__file__).read_text(encoding="utf-8")
            scope = {"__name__": "brianbridge_worker", "text": text, "ours": dict(ours)}
            return eval, ("exec(text) or plugin(ours)", scope)

        async def setup(self, worker: Any) -> None:
            """Compare, import, and offer the resource; runs in the thread of the event loop."""
            wrong = differences(_loaded_facts(), ours) or _imported()
            worker.metrics[self.name] = lambda _: wrong
            if not wrong and self.name not in worker.state.total_resources:
                await worker.set_resources(**{self.name: 1})
                # Dask looks at waiting tasks when a worker starts to run, but not when it offers a
                # new resource.
                running = worker.status
                worker.status = type(running).paused
                worker.status = running

    return Prepared()


def _loaded_facts() -> dict[str, str]:
    """Return the facts of the loaded package, or of the installed one if none is loaded."""
    loaded = sys.modules.get("brianbridge.sweep.worker")
    return dict(facts() if loaded is None else loaded.facts())


def _imported() -> str:
    """Import what tasks need; return the reason if that is not possible."""
    if "brian2" not in sys.modules and threading.current_thread() is not threading.main_thread():
        return (
            "its event loop is not in the main thread, the only one in which Brian2 can be imported"
        )
    try:
        importlib.import_module(_TASKS)
        # Now, while the files are still those that were loaded.
        importlib.import_module("brianbridge.sweep.worker").facts()
    except Exception as error:
        return f"brianbridge cannot be imported there ({type(error).__name__}: {error})"
    return ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _version_in(folder: Path) -> str:
    """Return the version in the ``version.py`` of a package, without importing it."""
    for line in (folder / "version.py").read_text(encoding="utf-8").splitlines():
        if line.startswith("__version__"):
            return line.partition("=")[2].strip().strip("\"'")
    return "unknown"


def _digest(folder: Path) -> str:
    """Return a digest of a package's files: code, templates, ladders."""
    digest = hashlib.sha256()
    for path in _files(folder):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files of a package in a fixed order, without compiled ones."""
    # In a source tree the shared files are beside the package. Only the client reads them.
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and "__pycache__" not in parts and parts[0] != "_share":
            yield path

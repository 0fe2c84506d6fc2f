"""Call a function as soon as Brian2 is imported, before or after this package.

Importing brianbridge does not import Brian2, but adds to it: preferences, a state updater.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["after_brian2"]


def after_brian2(extend: Callable[[], None]) -> None:
    """Call a function now if Brian2 is imported, or else when it is.

    Parameters
    ----------
    extend : callable
        The function.

    Examples
    --------
    >>> import brian2
    >>> after_brian2(lambda: print("Brian2 is there"))
    Brian2 is there
    """
    if "brian2" in sys.modules:
        extend()
    else:
        sys.meta_path.insert(0, _Finder(extend))


class _Finder(MetaPathFinder):
    """Find Brian2 as Python does, once, with a loader that extends it."""

    def __init__(self, extend: Callable[[], None]) -> None:
        self._extend = extend

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "brian2":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._extend)
        return spec


class _Loader(Loader):
    """Load Brian2 as another loader does, and extend it."""

    def __init__(self, loader: Loader, extend: Callable[[], None]) -> None:
        self._loader, self._extend = loader, extend

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # The module keeps its own loader, which readers of its resources ask for.
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._extend()

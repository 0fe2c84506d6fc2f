"""Let Brian2 compute as IEEE 754 says, so that spikes can be compared.

Brian2 compiles with ``-ffast-math -march=native``: sums may be reordered and a product and a sum
fused into one rounding, differently on every machine. A membrane that lands on its threshold
then fires on one side and not on the other. Within `strict_arithmetic` the same statements run
without these liberties:

- Where the user left Brian2's code generation target at ``"auto"``, NumPy runs them. One group
  holds all the samples of a batch, so NumPy's loops are long, and nothing needs compiling.
- Where the user chose ``"cython"``, they are compiled without fast-math, into a cache of their
  own.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["little_garbage", "strict_arithmetic"]

_FLAGS = ["-w", "-O3", "-ffp-contract=off", "-std=c++11"]
_compiled: dict[Any, Any] = {}


@contextmanager
def little_garbage() -> Iterator[None]:
    """Spare Brian2, which collects garbage before every run, a walk through all of torch.

    What a run leaves is collected at its end, while everything else is still out of the way:
    afterwards it would count as old, for which Python hardly ever looks, and Brian2 goes through
    all objects that it ever made for each name that it gives.
    Where objects are frozen already, the user or a simulation around this one has seen to it, and
    to unfreeze them would undo that.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.collect()
        gc.unfreeze()


@contextmanager
def strict_arithmetic() -> Iterator[None]:
    """Run what is inside without fast-math; restore Brian2's preferences afterwards."""
    from brian2 import prefs
    from brian2.codegen.runtime.cython_rt import extension_manager as cython

    changed = {
        "codegen.cpp.extra_compile_args_gcc": _FLAGS,
        "codegen.runtime.cython.cache_dir": os.path.join(cython.get_cython_cache_dir(), "strict"),
    }
    if prefs["codegen.target"] == "auto":
        changed["codegen.target"] = "numpy"
    before = {name: prefs[name] for name in changed}
    loaded = cython.cython_extension_manager._code_cache
    try:
        for name, value in changed.items():
            prefs[name] = value
        # Brian2 identifies compiled code by its source alone, not by its flags.
        cython.cython_extension_manager._code_cache = _compiled
        yield
    finally:
        for name, value in before.items():
            prefs[name] = value
        cython.cython_extension_manager._code_cache = loaded

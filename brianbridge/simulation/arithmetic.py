"""Make Brian2 compute according to IEEE 754, so that spikes can be compared.

Brian2 compiles with ``-ffast-math -march=native``. Sums may then be reordered, and a product and a
sum fused into one rounding, differently on every machine. A neuron whose potential lands exactly on
its threshold may then fire in one program and not in another. Within `strict_arithmetic` the same
statements run without these optimisations:

- If Brian2's code generation target is ``"auto"``, NumPy runs them. One group holds all samples of
  a batch, so that NumPy's loops are long, and nothing needs compiling.
- If it is ``"cython"``, they are compiled without fast-math, into a separate cache.
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
#: Whether objects were found to be frozen by the user. Python counts them one by one.
_frozen_by_user = False
#: Whether a simulation has frozen them for now.
_frozen_here = False


@contextmanager
def little_garbage() -> Iterator[None]:
    """Exclude existing objects from garbage collection, which Brian2 runs before every run.

    Without this, each collection would visit all objects of torch. The objects of a run are
    collected at its end, while all others are still frozen. Otherwise they would grow old, Python
    rarely collects old objects, and Brian2 searches all its objects whenever it names a new one. If
    objects are frozen already, by the user or an enclosing simulation, they stay frozen. Objects
    that a user has frozen once are assumed to stay frozen.
    """
    global _frozen_by_user, _frozen_here
    if not _frozen_here:
        _frozen_by_user = _frozen_by_user or gc.get_freeze_count() > 0
    if _frozen_here or _frozen_by_user:
        yield
        return
    gc.freeze()
    _frozen_here = True
    try:
        yield
    finally:
        gc.collect()
        gc.unfreeze()
        _frozen_here = False


@contextmanager
def strict_arithmetic() -> Iterator[None]:
    """Run code without fast-math, and restore Brian2's preferences afterwards."""
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
        # Brian2 looks compiled code up by its source alone, not by its flags.
        cython.cython_extension_manager._code_cache = _compiled
        yield
    finally:
        for name, value in before.items():
            prefs[name] = value
        cython.cython_extension_manager._code_cache = loaded

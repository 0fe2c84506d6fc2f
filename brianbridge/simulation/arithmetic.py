"""Let Brian2's compiled code compute as IEEE 754 says, so that spikes can be compared.

Brian2 compiles with ``-ffast-math -march=native``: sums may be reordered and a product and a sum
fused into one rounding, differently on every machine. A membrane that lands on its threshold
then fires on one side and not on the other. Within `strict_arithmetic` the same statements are
compiled without these liberties, into a cache of their own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["strict_arithmetic"]

_FLAGS = ["-w", "-O3", "-ffp-contract=off", "-std=c++11"]
_compiled: dict[Any, Any] = {}


@contextmanager
def strict_arithmetic() -> Iterator[None]:
    """Compile what runs inside without fast-math; restore Brian2's preferences afterwards."""
    from brian2 import prefs
    from brian2.codegen.runtime.cython_rt import extension_manager as cython

    flags = prefs["codegen.cpp.extra_compile_args_gcc"]
    folder = prefs["codegen.runtime.cython.cache_dir"]
    loaded = cython.cython_extension_manager._code_cache
    strict = os.path.join(cython.get_cython_cache_dir(), "strict")
    prefs["codegen.cpp.extra_compile_args_gcc"] = _FLAGS
    prefs["codegen.runtime.cython.cache_dir"] = strict
    # Brian2 identifies compiled code by its source alone, not by its flags.
    cython.cython_extension_manager._code_cache = _compiled
    try:
        yield
    finally:
        prefs["codegen.cpp.extra_compile_args_gcc"] = flags
        prefs["codegen.runtime.cython.cache_dir"] = folder
        cython.cython_extension_manager._code_cache = loaded

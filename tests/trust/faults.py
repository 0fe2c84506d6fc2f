"""Make the n-th call of a kind fail, in what writes files."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

#: What a writer asks of the operating system.
CALLS = ("open", "write", "fsync", "replace", "ftruncate", "close", "unlink", "mkdir")


class Faults:
    """Count calls, and let some fail.

    Parameters
    ----------
    call : str
        One of `CALLS`, the function of `os`.
    fails : callable
        Whether the call of that number (from 0) fails.
    error : callable
        Makes the exception.
    """

    def __init__(
        self,
        call: str,
        fails: Callable[[int], bool] = lambda number: False,
        error: Callable[[], BaseException] = lambda: OSError(
            errno.ENOSPC, os.strerror(errno.ENOSPC)
        ),
    ) -> None:
        self.call, self.fails, self.error = call, fails, error
        self.calls = 0
        self.failed = 0

    @contextmanager
    def injected(self) -> Iterator[Faults]:
        """Let calls fail until the block ends."""
        real = getattr(os, self.call)

        def call(*args: Any, **kwargs: Any) -> Any:
            if self.call == "open" and not args[1] & os.O_CREAT:
                return real(*args, **kwargs)  # to read
            number, self.calls = self.calls, self.calls + 1
            if self.fails(number):
                self.failed += 1
                if self.call == "close":  # as a network file system: closed, and an error
                    real(*args, **kwargs)
                if self.call == "write" and len(args[1]) > 1:  # half of it fits
                    real(args[0], args[1][: len(args[1]) // 2])
                raise self.error()
            return real(*args, **kwargs)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, self.call, call)
            yield self


def contents(folder: Path) -> dict[str, bytes]:
    """Return what is in a folder, by name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }

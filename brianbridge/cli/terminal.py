"""Protect standard output and error that are closed, have no reader, or cannot encode a text."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

__all__ = ["plain", "terminal"]

#: Replacements of characters that have no decomposition into ASCII.
_PLAIN = {
    "×": "x", "−": "-", "–": "-", "—": "-", "…": "...", "‘": "'", "’": "'", "“": '"', "”": '"',
    "·": "*", "→": "->", "✓": "+", "✗": "x", "±": "+-", "µ": "u", "μ": "u", "≤": "<=", "≥": ">=",
}  # fmt: skip


def plain(text: str, encoding: str) -> str:
    """Replace the characters of a text that an encoding lacks.

    Parameters
    ----------
    text : str
        Any text.
    encoding : str
        The encoding.

    Examples
    --------
    >>> plain("3×3 → ‘Kükén’ 你", "ascii")
    "3x3 -> 'Kuken' ?"
    """
    return "".join(c if _encodable(c, encoding) else _ascii(c) for c in text)


def _encodable(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _ascii(character: str) -> str:
    decomposed = unicodedata.normalize("NFKD", character)
    return _PLAIN.get(character) or decomposed.encode("ascii", "ignore").decode() or "?"


@contextmanager
def terminal() -> Iterator[None]:
    """Let `sys.stdout` and `sys.stderr` accept any text within a block.

    Characters that they cannot encode are replaced. A reader that is gone (``| head``) neither
    stops the work nor is reported. A stream that is closed (``>&-``) accepts everything and drops
    it. Afterwards both are restored.
    """
    _occupy_closed_descriptors()
    before = sys.stdout, sys.stderr
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        # Python has None for a stream that was closed when it started.
        out, err = (nowhere if stream is None else stream for stream in before)
        # There is no place to report an error of standard error.
        streams = _Stream(out, BrokenPipeError), _Stream(err, OSError)
        sys.stdout, sys.stderr = streams
        try:
            yield
        finally:
            sys.stdout, sys.stderr = before
            for stream in streams:
                stream.finish()


def _occupy_closed_descriptors() -> None:
    """Open the null device for standard streams that are closed.

    Otherwise the next file that is opened would get their numbers, and a library that prints would
    write into it.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one


class _Stream:
    """Write to a stream, and drop what it cannot accept."""

    def __init__(self, stream: TextIO, ignored: type[OSError]) -> None:
        self._stream, self._ignored, self._gone = stream, ignored, False

    def write(self, text: str) -> int:
        try:
            if not self._gone:
                self._stream.write(text)
        except UnicodeEncodeError:
            self._stream.write(plain(text, self._stream.encoding))
        except self._ignored:
            self._leave()
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        try:
            if not self._gone:
                self._stream.flush()
        except self._ignored:
            self._leave()

    def finish(self) -> None:
        """Write the rest; Python does not try again at its end if that fails."""
        try:
            self.flush()
        except OSError:
            self._leave()

    def _leave(self) -> None:
        """Stop writing, and drop the rest of the stream's buffer when Python ends."""
        self._gone = True
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        except (OSError, ValueError):  # a stream without a descriptor
            pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

"""What encodings share that present the input of another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from brianbridge.encoding.base import Encoding, encoding_from_dict
from brianbridge.errors import InputError

__all__ = ["OfAnother", "inner_encoding", "innermost"]


class OfAnother:
    """Take shapes and description from the field `encoding`; stands before `Encoding` as a base."""

    encoding: Any

    def _warn_of_long_step(self) -> None:
        """Do nothing: the step is that of the other encoding."""

    def shape_of_input(self, sample_shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape of the other encoding's input."""
        return tuple(self.encoding.shape_of_input(sample_shape))

    def shape_of_samples(self, input_shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape of the other encoding's samples."""
        return tuple(self.encoding.shape_of_samples(input_shape))

    @property
    def description(self) -> str:
        """What kind of input the other encoding gives."""
        return str(self.encoding.description)


def inner_encoding(given: Any, kind: str, refused: Sequence[str]) -> Encoding:
    """Return the encoding within another one, which may be given as a mapping.

    Parameters
    ----------
    given : Encoding or mapping
        The encoding, or the result of its `Encoding.to_dict`.
    kind : str
        Kind of the encoding around it, for messages.
    refused : sequence of str
        Kinds that it may not have, so that a file cannot nest encodings without end.

    Raises
    ------
    InputError
        If it is no encoding, or of a kind that is refused.
    """
    found = given.get("kind", "") if isinstance(given, Mapping) else getattr(given, "kind", "")
    found = found if isinstance(found, str) else ""
    if found not in refused:
        if isinstance(given, Mapping):
            return encoding_from_dict(dict(given))
        if isinstance(given, Encoding):
            return given
    # The text of what is nested too deeply would take all of Python's stack.
    what = f"one of kind '{found:.40}'" if found else f"{given!r:.80}"
    raise InputError(f"encoding '{kind}': encoding is {what}; give another encoding")


def innermost(encoding: Encoding) -> Encoding:
    """Return the encoding that makes the input, without those that only present it.

    Examples
    --------
    >>> from brianbridge.encoding import Finer, Latency
    >>> innermost(Finer(encoding=Latency(steps=4), divisor=10)).kind
    'latency'
    """
    while isinstance(encoding, OfAnother):
        encoding = encoding.encoding
    return encoding

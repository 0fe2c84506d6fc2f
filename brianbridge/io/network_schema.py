"""What the JSON of a network file may hold, checked before anything is built from it.

Every key is required: a default that changes in a later version must not change the network of
an old file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Annotated, Any, Literal, get_type_hints

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    create_model,
)

from ..encoding import Encoding
from ..errors import InputError, did_you_mean
from ..network import Readout
from ..schema import validated

__all__ = ["NetworkEntry", "check_entry"]


def _numbers(value: Any) -> Any:
    array = np.asarray(value)  # ValueError if the lists are ragged
    if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
        raise ValueError("expected a finite number, or lists of them")
    return value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class _Quantity(_Strict):
    """A number or array in SI units, and its exponents of the seven base units."""

    value: Annotated[Any, AfterValidator(_numbers)]
    dimensions: Annotated[list[float], Field(min_length=7, max_length=7)] = [0.0] * 7


class _Neuron(_Strict):
    """See `brianbridge.neurons.model.NeuronModel`."""

    equations: str
    emit: str
    reset: str
    receive: str
    drive: str
    method: str
    name: str
    summary: str
    parameters: dict[str, _Quantity]
    initial: dict[str, _Quantity]
    refractory: str | _Quantity = ""  # absent where there is none


class _Population(_Strict):
    name: str
    shape: Annotated[list[PositiveInt], Field(min_length=1)]
    neuron: _Neuron


class _Projection(_Strict):
    source: str
    target: str
    kind: Literal["dense"]


class NetworkEntry(_Strict):
    """What `SpikingNetwork.to_dict` returns."""

    input_shape: list[PositiveInt]
    encoding: dict[str, Any]
    readout: Readout
    populations: Annotated[list[_Population], Field(min_length=1)]
    projections: Annotated[list[_Projection], Field(min_length=1)]


def check_entry(entry: Mapping[str, Any], what: str) -> None:
    """Refuse what is not the outcome of `SpikingNetwork.to_dict`.

    Parameters
    ----------
    entry : mapping
        What was read, or is to be written.
    what : str
        Where it is, for the message.

    Raises
    ------
    InputError
        One line: the key, what was found and what was expected.
    """
    encoding = validated(NetworkEntry, entry, what).encoding
    known = {cls.kind: cls for cls in _encodings(Encoding.__subclasses__())}
    kind = encoding.get("kind")
    if kind not in known:
        raise InputError(
            f"{what}: there is no encoding '{kind}'. " + did_you_mean(str(kind), known)
        )
    validated(_encoding_entry(known[kind]), encoding, f"{what}, encoding")


def _encodings(kinds: Iterable[type[Encoding]]) -> Iterator[type[Encoding]]:
    """Yield all kinds of encoding and what is derived from them, the user's included."""
    for kind in kinds:
        yield kind
        yield from _encodings(kind.__subclasses__())


def _encoding_entry(kind: type[Encoding]) -> type[BaseModel]:
    """Return what `Encoding.to_dict` returns for one kind, read off its fields."""
    # There, dt is in seconds, though an Encoding takes text and quantities too.
    hints = get_type_hints(kind) | {"dt": float}
    options: Any = {field.name: (hints[field.name], ...) for field in fields(kind)}
    return create_model("EncodingEntry", __base__=_Strict, kind=(str, ...), **options)

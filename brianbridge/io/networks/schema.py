"""Check the JSON of a network file before anything is built from it.

All keys are required: a default that changes in a later version must not change the network of an
old file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Annotated, Any, get_type_hints

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    create_model,
)

from brianbridge.encoding import Encoding
from brianbridge.errors import InputError, did_you_mean
from brianbridge.network import Schedule
from brianbridge.network.connections import CONNECTIONS
from brianbridge.network.pooling import PoolingMode
from brianbridge.network.readouts import ReadoutName
from brianbridge.network.sign import Sign
from brianbridge.network.synapses.model import Side
from brianbridge.schema import validated

__all__ = ["NetworkEntry", "check_entry", "upgraded"]


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


class _TimedValues(_Strict):
    """See `brianbridge.neurons.timed.TimedValues`."""

    values: _Quantity
    dt: float


class _RegularCode(_Strict):
    """See `brianbridge.neurons.regular.RegularCode`."""

    code: str
    period: float | None


class _CustomEvent(_Strict):
    """See `brianbridge.neurons.events.CustomEvent`."""

    name: str
    condition: str
    code: str


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
    refractory: str | _Quantity = ""  # absent if there is none
    potential: str = ""  # absent if the equations show it
    timed_arrays: dict[str, _TimedValues] = {}  # absent if there are none
    regular: list[_RegularCode] = []  # absent if there is none
    events: list[_CustomEvent] = []  # absent if there is none


class _Population(_Strict):
    name: str
    shape: Annotated[list[PositiveInt], Field(min_length=1)]
    neuron: _Neuron


class _Pooling(_Strict):
    """See `brianbridge.network.Pooling`."""

    mode: PoolingMode
    size: list[PositiveInt]
    stride: list[PositiveInt]
    padding: list[NonNegativeInt]


class _SynapsePathway(_Strict):
    """See `brianbridge.network.synapses.SynapsePathway`."""

    name: str
    side: Side
    code: str
    order: int


class _SynapseModel(_Strict):
    """See `brianbridge.network.synapses.SynapseModel`."""

    equations: str
    pathways: list[_SynapsePathway]
    trained: str
    constants: dict[str, _Quantity]
    method: str
    updates_first: bool
    after_source: bool = False


class _Projection(_Strict):
    """See `brianbridge.network.Projection`."""

    source: str
    target: str
    receive: str
    delay: float
    feedback: bool
    frozen: bool
    label: str
    connection: dict[str, Any]
    pool: _Pooling | None
    sign: Sign = "any"
    longest_delay: float | None = None
    model: _SynapseModel | None = None  # absent if synapses only add their weight


class NetworkEntry(_Strict):
    """The result of `SpikingNetwork.to_dict`."""

    input_shape: list[PositiveInt]
    encoding: dict[str, Any]
    readout: ReadoutName
    populations: Annotated[list[_Population], Field(min_length=1)]
    projections: list[_Projection]
    schedule: Schedule


def check_entry(entry: Mapping[str, Any], what: str) -> None:
    """Check that an entry is a result of `SpikingNetwork.to_dict`.

    Parameters
    ----------
    entry : mapping
        The entry that was read, or that is to be written.
    what : str
        The origin of the entry, for the message.

    Raises
    ------
    InputError
        If it is not. The message names the key, the value and what was expected.
    """
    checked = validated(NetworkEntry, entry, what)
    for number, projection in enumerate(checked.projections):
        _check_connection(projection.connection, f"{what}, projections[{number}], connection")
    encoding = checked.encoding
    known = {cls.kind: cls for cls in _encodings(Encoding.__subclasses__())}
    kind = encoding.get("kind")
    if kind not in known:
        raise InputError(
            f"{what}: there is no encoding '{kind}'. " + did_you_mean(str(kind), known)
        )
    validated(_encoding_entry(known[kind]), encoding, f"{what}, encoding")


def upgraded(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the JSON of a file of schema 1, where all projections were dense, to schema 2.

    Any other entry is returned unchanged; `check_entry` refuses it.
    """
    known = {"source", "target", "kind"}
    plain = {"receive": "", "delay": 0.0, "feedback": False, "frozen": False, "label": ""}
    found = entry.get("projections")
    projections = found if isinstance(found, list) else []
    dense = {"connection": {"kind": "all_to_all"}, "pool": None, **plain}
    if all(isinstance(p, dict) and set(p) == known and p["kind"] == "dense" for p in projections):
        ends = ({key: p[key] for key in ("source", "target")} for p in projections)
        return {**entry, "projections": [{**p, **dense} for p in ends], "schedule": "canonical"}
    return dict(entry)


def _check_connection(entry: Mapping[str, Any], what: str) -> None:
    """Refuse an unknown kind, and keys that are unknown or missing. Values are checked later."""
    kind = str(entry.get("kind"))
    if kind not in CONNECTIONS:
        hint = did_you_mean(kind, CONNECTIONS.names())
        raise InputError(f"{what}: there is no connection '{kind}'. {hint}")
    cls = CONNECTIONS[kind]
    wanted = {"kind", *(f.name for f in fields(cls))} - set(cls.array_fields())
    for key in set(entry) ^ wanted:
        problem = "unknown" if key in entry else "missing"
        raise InputError(f"{what}: {problem} key '{key}'. " + did_you_mean(key, wanted))


def _encodings(kinds: Iterable[type[Encoding]]) -> Iterator[type[Encoding]]:
    """Yield all encodings and their derived classes, those of the user included."""
    for kind in kinds:
        yield kind
        yield from _encodings(kind.__subclasses__())


def _encoding_entry(kind: type[Encoding]) -> type[BaseModel]:
    """Return the model of `Encoding.to_dict` for one kind, made from its fields."""
    # In files dt is in seconds; an Encoding also accepts strings and quantities.
    hints = get_type_hints(kind) | {"dt": float}
    options: Any = {field.name: (hints[field.name], ...) for field in fields(kind)}
    return create_model("EncodingEntry", __base__=_Strict, kind=(str, ...), **options)

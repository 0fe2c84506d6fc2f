"""Layers as TOML tables: ``[[layers]]`` of a network file, ``[[network.layers]]`` of a study.

``kind`` names the class of `brianbridge.network.layers`; without it the layer is ``"dense"``. The
other keys are the fields of that class, except that a neuron model is given by its name:

```
[[layers]]
kind       = "conv2d"
channels   = 20
kernel     = 5
padding    = 2
bias       = false
neuron     = "lif_zero"                 # or the path of a neuron model file
parameters = { theta = 0.5 }            # of this layer's neurons; method and refractory likewise
```

The pydantic models of these tables are made from the classes, so that fields are listed once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Union, get_type_hints

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, create_model, model_validator

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network.layers import LAYERS, Layer
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel
from brianbridge.schema.docstrings import parameter_texts

__all__ = [
    "ENTRIES",
    "LayerEntries",
    "LayerEntry",
    "NeuronParameters",
    "build_layers",
    "require_models",
]

_Values = dict[str, str | float | list[str | float]]

#: Parameters of all neurons of a model, by model name.
NeuronParameters = dict[str, _Values]

#: The kind of a table without ``kind``.
_DEFAULT = "dense"


class LayerEntry(BaseModel):
    """The table of a layer."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    #: The class of the layer.
    makes: ClassVar[Any]

    def layer(self, shared: Mapping[str, Mapping[str, Any]]) -> Layer:
        """Return the layer; `shared` has parameters of all neurons of a model, by model name."""
        layer: Layer = self.makes(**self._options())
        return layer

    def _options(self) -> dict[str, Any]:
        """Return the values of the layer's fields."""
        names = {field.name for field in dataclasses.fields(self.makes)} - {"neuron"}
        return {name: getattr(self, name) for name in names}


class NeuronEntry(LayerEntry):
    """The table of a layer with neurons.

    Parameters
    ----------
    neuron : str
        Name of the neuron model, or the path of its file.
    method : str, optional
        State update method in place of the model's.
    refractory : str, optional
        Refractory period in place of the model's.
    parameters : mapping of str to str, float or list
        Parameters of the neurons that differ from the model's.
    """

    neuron: str | None
    method: str | None = None
    refractory: str | None = None
    parameters: _Values = {}

    @model_validator(mode="after")
    def _needs_neurons(self) -> NeuronEntry:
        if self.neuron is None:
            for key in ("method", "refractory", "parameters", "name"):
                if getattr(self, key):
                    raise ValueError(f"'{key}' is for neurons; give their model as 'neuron'")
        return self

    def layer(self, shared: Mapping[str, Mapping[str, Any]]) -> Layer:
        """Return the layer; `shared` has parameters of all neurons of a model, by model name."""
        model = None
        if self.neuron is not None:
            model = neuron_model(
                self.neuron,
                method=self.method,
                refractory=self.refractory,
                parameters={**shared.get(self.neuron, {}), **self.parameters},
            )
        layer: Layer = self.makes(neuron=model, **self._options())
        return layer


def _entry(kind: str, cls: Any) -> type[LayerEntry]:
    """Return the model of the table of a layer, made from its class."""
    hints, texts = get_type_hints(cls, include_extras=True), parameter_texts(cls)
    base: type[LayerEntry] = LayerEntry
    # A table is dense by default, so `kind` may be missing only there.
    keys: dict[str, Any] = {"kind": (Literal[kind], kind if kind == _DEFAULT else ...)}
    for field in dataclasses.fields(cls):
        default = ... if field.default is dataclasses.MISSING else field.default
        hint = hints[field.name]
        if field.name == "neuron":
            base, hint = NeuronEntry, str if hint is NeuronModel else str | None
        keys[field.name] = (hint, Field(default, description=texts.get(field.name)))
    entry = create_model(f"{cls.__name__}Entry", __base__=base, __doc__=cls.__doc__, **keys)
    entry.makes = cls
    return entry


#: The model of each kind of table.
ENTRIES = {kind: _entry(kind, cls) for kind, cls in LAYERS.items()}


def _kind(entry: Any) -> str:
    if isinstance(entry, Mapping):
        return str(entry.get("kind", _DEFAULT))
    return getattr(entry, "kind", _DEFAULT)


_AnyEntry: Any = Annotated[
    Union[tuple(Annotated[entry, Tag(kind)] for kind, entry in ENTRIES.items())],  # noqa: UP007
    Discriminator(_kind),
]

#: All layers, from input to output.
LayerEntries = Annotated[list[_AnyEntry], Field(min_length=1)]


def build_layers(
    entries: Sequence[Any], shared: Mapping[str, Mapping[str, Any]] | None = None
) -> list[Layer]:
    """Return the layers that a file describes.

    Parameters
    ----------
    entries : sequence of LayerEntry
        The tables of the file.
    shared : mapping of str to mapping, optional
        Parameters of all neurons of a model, by model name. Those of a layer take precedence.

    Raises
    ------
    InputError
        If there is no such neuron model or parameter, or no layer has neurons of a model in
        `shared`.

    Examples
    --------
    >>> entry = ENTRIES["dense"](units=10, neuron="lif")
    >>> build_layers([entry], {"lif": {"tau": "20 ms"}})[0].neuron.parameters["tau"]
    20. * msecond
    """
    shared = shared or {}
    used = {entry.neuron for entry in entries if getattr(entry, "neuron", None)}
    require_models(shared, used, "no layer")
    return [entry.layer(shared) for entry in entries]


def require_models(names: Iterable[str], used: Collection[str], nothing: str) -> None:
    """Refuse parameters of neuron models that a network does not use.

    Parameters
    ----------
    names : iterable of str
        Names of the models whose parameters are given.
    used : collection of str
        Names of the models that the network uses.
    nothing : str
        What has no such neurons, for the message: ``"no layer"``.

    Raises
    ------
    InputError
        If a model is not used. The message suggests the nearest name.
    """
    for name in names:
        if name not in used:
            hint = did_you_mean(name, used)
            raise InputError(f"neurons.{name}: {nothing} has neurons of model '{name}'. {hint}")

"""Layers as TOML tables: ``[[layers]]`` of a network file, ``[[network.layers]]`` of a study.

``kind`` says which class of `brianbridge.network.layers` is meant, ``"dense"`` if not given. The
other keys are the fields of that class; only the neurons are said by name:

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
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    NonNegativeInt,
    PositiveInt,
    Tag,
    model_validator,
)

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network.layers import (
    AvgPool2d,
    Conv2d,
    Dense,
    Feedback,
    Flatten,
    Layer,
    MaxPool2d,
    Recurrent,
    Residual,
    SumPool2d,
)
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel

__all__ = ["LayerEntries", "LayerEntry", "NeuronParameters", "build_layers"]

_Values = dict[str, str | float | list[str | float]]

#: Parameters of all neurons of a model, by its name.
NeuronParameters = dict[str, _Values]

_Size = PositiveInt | Annotated[list[PositiveInt], Field(min_length=2, max_length=2)]
_Padding = NonNegativeInt | Annotated[list[NonNegativeInt], Field(min_length=2, max_length=2)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    #: The class of the layer; its fields are those of the entry.
    makes: ClassVar[Any]

    def layer(self, shared: Mapping[str, Mapping[str, Any]]) -> Layer:
        """Return the layer; `shared` are parameters of all neurons of a model, by its name."""
        layer: Layer = self.makes(**{key: getattr(self, key) for key in self._own_keys()})
        return layer

    @classmethod
    def _own_keys(cls) -> set[str]:
        return set(cls.model_fields) - {"kind"}


class _NeuronEntry(_Entry):
    """Say what neurons there are."""

    neuron: str | None
    method: str | None = None
    refractory: str | None = None
    parameters: _Values = {}
    name: str = ""

    def layer(self, shared: Mapping[str, Mapping[str, Any]]) -> Layer:
        """Return the layer; `shared` are parameters of all neurons of a model, by its name."""
        options = {key: getattr(self, key) for key in self._own_keys()}
        layer: Layer = self.makes(neuron=self._model(shared), **options)
        return layer

    def _model(self, shared: Mapping[str, Mapping[str, Any]]) -> NeuronModel | None:
        if self.neuron is None:
            return None
        return neuron_model(
            self.neuron,
            method=self.method,
            refractory=self.refractory,
            parameters={**shared.get(self.neuron, {}), **self.parameters},
        )

    @classmethod
    def _own_keys(cls) -> set[str]:
        return super()._own_keys() - {"neuron", "method", "refractory", "parameters"}


class DenseEntry(_NeuronEntry):
    """See `Dense`."""

    makes = Dense

    kind: Literal["dense"] = "dense"
    neuron: str
    units: PositiveInt
    bias: bool = True
    delay: str | float = 0.0


class Conv2dEntry(_NeuronEntry):
    """See `Conv2d`."""

    makes = Conv2d

    kind: Literal["conv2d"]
    neuron: str
    channels: PositiveInt
    kernel: _Size
    stride: _Size = 1
    padding: _Padding = 0
    dilation: _Size = 1
    groups: PositiveInt = 1
    bias: bool = True
    delay: str | float = 0.0


class AvgPool2dEntry(_NeuronEntry):
    """See `AvgPool2d`."""

    makes = AvgPool2d

    kind: Literal["avg_pool2d"]
    neuron: str | None = None
    size: _Size
    stride: _Size | None = None
    padding: _Padding = 0

    @model_validator(mode="after")
    def _needs_neurons(self) -> AvgPool2dEntry:
        if self.neuron is None:
            for key in ("method", "refractory", "parameters", "name"):
                if getattr(self, key):
                    raise ValueError(f"'{key}' is of neurons; name their model by 'neuron'")
        return self


class SumPool2dEntry(AvgPool2dEntry):
    """See `SumPool2d`."""

    makes = SumPool2d

    kind: Literal["sum_pool2d"]  # type: ignore[assignment]


class MaxPool2dEntry(_Entry):
    """See `MaxPool2d`."""

    makes = MaxPool2d

    kind: Literal["max_pool2d"]
    size: _Size
    stride: _Size | None = None
    padding: _Padding = 0
    name: str = ""


class FlattenEntry(_Entry):
    """See `Flatten`."""

    makes = Flatten

    kind: Literal["flatten"]


class ResidualEntry(_Entry):
    """See `Residual`."""

    makes = Residual

    kind: Literal["residual"]
    source: str
    learned: bool | None = None


class RecurrentEntry(_Entry):
    """See `Recurrent`."""

    makes = Recurrent

    kind: Literal["recurrent"]
    delay: str | float = 0.0


class FeedbackEntry(_Entry):
    """See `Feedback`."""

    makes = Feedback

    kind: Literal["feedback"]
    target: str
    kernel: _Size | None = None
    stride: _Size = 1
    padding: _Padding = 0
    dilation: _Size = 1
    delay: str | float = 0.0


def _kind(entry: Any) -> str:
    if isinstance(entry, Mapping):
        return str(entry.get("kind", "dense"))
    return getattr(entry, "kind", "dense")


#: Any layer; what has no ``kind`` is dense.
LayerEntry = Annotated[
    Annotated[DenseEntry, Tag("dense")]
    | Annotated[Conv2dEntry, Tag("conv2d")]
    | Annotated[AvgPool2dEntry, Tag("avg_pool2d")]
    | Annotated[SumPool2dEntry, Tag("sum_pool2d")]
    | Annotated[MaxPool2dEntry, Tag("max_pool2d")]
    | Annotated[FlattenEntry, Tag("flatten")]
    | Annotated[ResidualEntry, Tag("residual")]
    | Annotated[RecurrentEntry, Tag("recurrent")]
    | Annotated[FeedbackEntry, Tag("feedback")],
    Discriminator(_kind),
]

#: All layers, from input to output.
LayerEntries = Annotated[list[LayerEntry], Field(min_length=1)]


def build_layers(
    entries: Sequence[Any], shared: Mapping[str, Mapping[str, Any]] | None = None
) -> list[Layer]:
    """Return the layers that a file describes.

    Parameters
    ----------
    entries : sequence of LayerEntry
        What the file says.
    shared : mapping of str to mapping, optional
        Parameters of all neurons of a model, by its name; what a layer says itself comes first.

    Raises
    ------
    InputError
        If there is no such neuron model or parameter, or no layer has neurons of a model in
        `shared`.

    Examples
    --------
    >>> entry = DenseEntry(units=10, neuron="lif")
    >>> build_layers([entry], {"lif": {"tau": "20 ms"}})[0].neuron.parameters["tau"]
    20. * msecond
    """
    shared = shared or {}
    used = {entry.neuron for entry in entries if getattr(entry, "neuron", None)}
    for name in shared:
        if name not in used:
            hint = did_you_mean(name, used)
            raise InputError(f"neurons.{name}: no layer has neurons of model '{name}'. {hint}")
    return [entry.layer(shared) for entry in entries]

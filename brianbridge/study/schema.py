"""What a study file says: data, network, rule, training and verification, as one TOML file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from brianbridge.errors import InputError
from brianbridge.network import Readout
from brianbridge.network.layer_files import LayerEntries, NeuronParameters
from brianbridge.schema import find_toml, read_toml, validated
from brianbridge.share import share_folder

if TYPE_CHECKING:
    from brianbridge.training import TrainingOptions

__all__ = [
    "DatasetEntry", "Study", "TrainedOn", "read_study", "study_names", "trained_on",
]  # fmt: skip


#: As in `brianbridge.training.options`, which needs torch.
_LARGEST_RATE = 1e6


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatasetEntry(_Entry):
    """Name the data and the split."""

    name: str
    test_fraction: float = Field(default=0.2, gt=0, lt=1)
    folds: int | None = Field(default=None, ge=2)
    folder: str | None = None


class NetworkEntry(_Entry):
    """Describe the network: one of `layers`, `model` and `start`.

    Parameters
    ----------
    layers : list of LayerEntry
        The layers; see `brianbridge.network.layer_files`.
    model : str
        Name or path of a network file; see `brianbridge.network.files`.
    start : str
        Path of a trained network (``network.h5``), to be trained further.
    encoding : dict
        How samples become input; it sets step and number of steps. Beside `model` or `start`, a
        table without ``kind`` changes some options of theirs only.
    readout : {"counts", "potential", "first_spike"}
        What the output is; counts, or that of `model` or `start`.
    neurons : dict
        Parameters of all neurons of a model, by its name; not beside `start`.
    weight_gain : float
        Variance of initial weights times their fan-in; not beside `start`.
    weight_mean : float
        What the initial weights of a neuron add up to, on average; not beside `start`.
    """

    layers: LayerEntries | None = None
    model: str | None = None
    start: str | None = None
    encoding: dict[str, Any] = {}
    readout: Readout | None = None
    neurons: NeuronParameters = {}
    weight_gain: float | None = Field(default=None, gt=0)
    weight_mean: float | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> NetworkEntry:
        given = [key for key in ("layers", "model", "start") if getattr(self, key) is not None]
        if len(given) != 1:
            found = " and ".join(f"'{key}'" for key in given) or "none of them"
            raise ValueError(f"give one of 'layers', 'model' and 'start'; this has {found}")
        if self.layers is not None and not self.encoding:
            raise ValueError("the key 'encoding' is missing")
        if self.start is not None:
            for key in ("neurons", "weight_gain", "weight_mean"):
                if key in self.model_fields_set:
                    raise ValueError(f"'{key}' cannot be changed where a trained network starts")
        return self


class AugmentationEntry(_Entry):
    """Change training images; see `brianbridge.training.Augmentation`."""

    shift: int = Field(default=0, ge=0)
    flip: bool = False
    cut: int = Field(default=0, ge=0)


class SpikeRateEntry(_Entry):
    """Constrain how much neurons fire; see `brianbridge.training.SpikeRate`."""

    rate: float | dict[str, float] = 0.1
    weight: float = Field(default=1.0, ge=0)
    kind: Literal["budget", "target"] = "budget"


class QuantisationEntry(_Entry):
    """Round weights; see `brianbridge.twin.quantisation.Quantisation`."""

    bits: int = Field(default=8, ge=2, le=16)
    per: Literal["tensor", "channel"] = "tensor"
    clip: float = Field(default=0.0, ge=0)
    threshold_bits: int = Field(default=16, ge=1, le=22)


class TrainingEntry(_Entry):
    """Hold the training options; see `brianbridge.training.TrainingOptions` and `to_torch`."""

    epochs: int = Field(default=20, ge=1)
    batch_size: int = Field(default=64, ge=1)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = Field(default=1e-3, gt=0, le=_LARGEST_RATE)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0, le=_LARGEST_RATE)
    schedule: Literal["constant", "cosine", "step"] = "constant"
    step_at: tuple[int, ...] = ()
    step_factor: float = Field(default=0.1, gt=0, le=1)
    warmup: int = Field(default=0, ge=0)
    gradient_clip: float = Field(default=0.0, ge=0)
    ema: float = Field(default=0.0, ge=0, lt=1)
    augmentation: AugmentationEntry = AugmentationEntry()
    spike_rate: SpikeRateEntry | None = None
    channels_last: bool = False
    autocast: Literal["none", "bfloat16"] = "none"
    validation_fraction: float = Field(default=0.1, ge=0, lt=1)
    patience: int = Field(default=0, ge=0)
    deterministic: bool = False
    # What follows is done by the twin.
    batch_norm: bool | Literal["potential"] = False
    dropout: float | dict[str, float] = 0.0
    quantisation: QuantisationEntry | None = None

    def options(self) -> TrainingOptions:
        """Return the options of the trainer."""
        from brianbridge.training import Augmentation, SpikeRate, TrainingOptions

        plain = self.model_dump(
            exclude={
                "batch_norm",
                "dropout",
                "quantisation",
                "augmentation",
                "spike_rate",
            }
        )
        rate = self.spike_rate
        return TrainingOptions(
            **plain,
            augmentation=Augmentation(**self.augmentation.model_dump()),
            spike_rate=None if rate is None else SpikeRate(**rate.model_dump()),
        )

    def of_twin(self) -> dict[str, Any]:
        """Return what the twin does differently in training, as arguments of `to_torch`."""
        from brianbridge.twin.quantisation import Quantisation

        rounding = self.quantisation
        return {
            "batch_norm": self.batch_norm,
            "dropout": self.dropout,
            "quantisation": None if rounding is None else Quantisation(**rounding.model_dump()),
        }


class SpikeFunctionEntry(_Entry):
    """Choose the surrogate derivative of a spike."""

    name: str = "arctan"
    width: float = Field(default=1.0, gt=0)
    scale: float = 1.0


class VerificationEntry(_Entry):
    """Choose the ladder and how many test samples climb it."""

    ladder: str = "short"
    samples: int | None = Field(default=None, ge=1)


class Study(_Entry):
    """Describe a study.

    Parameters
    ----------
    name : str
        The file's name without ``.toml``.
    title : str
        What it is, in one line.
    seed : int
        Seed of the split, the initial weights and the training.
    dataset, network, rule, training, spike_function, verification
        The parts; each a table of the file.
    """

    name: str
    title: str
    seed: int = Field(default=0, ge=0, lt=2**32)  # what scikit-learn takes
    dataset: DatasetEntry
    network: NetworkEntry
    rule: dict[str, Any]
    training: TrainingEntry = TrainingEntry()
    spike_function: SpikeFunctionEntry = SpikeFunctionEntry()
    verification: VerificationEntry = VerificationEntry()

    def quick(self) -> Study:
        """Return the study cut down to a smoke test: two epochs, fifty samples, no folds."""
        return self.model_copy(
            update={
                "training": self.training.model_copy(update={"epochs": 2}),
                "verification": self.verification.model_copy(update={"samples": 50}),
                "dataset": self.dataset.model_copy(update={"folds": None}),
            }
        )


class TrainedOn(BaseModel):
    """Say which split a network was trained on: ``provenance["dataset"]`` of its file.

    Parameters
    ----------
    name, split : str
        The data set and, in words, its split.
    seed, test_fraction, folds, fold
        What makes that split; see `brianbridge.datasets.load_dataset`. None for the default.
    """

    model_config = ConfigDict(frozen=True)

    name: str = ""
    split: str = ""
    seed: int | None = Field(default=None, ge=0, lt=2**32)
    test_fraction: float | None = Field(default=None, gt=0, lt=1)
    folds: int | None = Field(default=None, ge=2)
    fold: int | None = Field(default=None, ge=0)

    def arguments(self) -> dict[str, Any]:
        """Return what `brianbridge.datasets.load_dataset` takes to make the same split."""
        keys = {"seed", "test_fraction", "folds", "fold"}
        return self.model_dump(include=keys, exclude_none=True)


def trained_on(provenance: Mapping[str, Any]) -> TrainedOn:
    """Return what a provenance tells of the training data; it may come from anybody's file.

    Raises
    ------
    InputError
        If it has a ``dataset`` that is no such description.

    Examples
    --------
    >>> trained_on({"dataset": {"name": "digits", "seed": 3}}).arguments()
    {'seed': 3}
    >>> trained_on({"dataset": "x"})
    Traceback (most recent call last):
    brianbridge.errors.InputError: provenance of the network: 'dataset' = 'x'; give a table ...
    """
    what = "provenance of the network"
    entry = provenance.get("dataset", {})
    if not isinstance(entry, Mapping):
        raise InputError(f"{what}: 'dataset' = {entry!r:.80}; give a table with a name and a split")
    return validated(TrainedOn, entry, f"{what}, dataset")


def study_names() -> tuple[str, ...]:
    """Return the names of the studies that come with the package."""
    return tuple(sorted(path.stem for path in share_folder("studies").glob("*.toml")))


def read_study(name: str) -> Study:
    """Read a study by the name of one that comes with the package, or by its path.

    Raises
    ------
    InputError
        If there is no such study, or a key is unknown, missing or out of range.

    Examples
    --------
    >>> read_study("digits_spike_count").dataset.name
    'digits'
    """
    path = find_toml(name, share_folder("studies"), "study")
    entries = read_toml(path, "study file")
    study = validated(Study, {"name": path.stem, **entries}, f"study file '{path}'")
    if "name" not in study.rule:
        raise InputError(f"study file '{path}': the key 'rule.name' is missing")
    return study

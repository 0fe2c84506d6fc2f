"""The tables of a study file. Options that a dataclass defines are not repeated here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from brianbridge.encoding.base import ENCODINGS
from brianbridge.ladder.rungs import Rung, check_ladder, read_ladder
from brianbridge.network.layer_files import LayerEntries, NeuronParameters
from brianbridge.network.readouts import ReadoutName
from brianbridge.schema import TableBy, validated
from brianbridge.training.options import Share, TrainingOptions
from brianbridge.training.perturbed import Under
from brianbridge.twin.learn import Learn
from brianbridge.twin.normalisation import Normalised
from brianbridge.twin.quantisation import Quantisation

__all__ = ["DatasetEntry", "Entry", "NetworkEntry", "TrainingEntry", "VerificationEntry"]


class Entry(BaseModel):
    """Refuse unknown keys of a table."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DatasetEntry(Entry):
    """Name the data set and its split.

    Parameters
    ----------
    name : str
        Name of the data set, or the path of an ``.npz`` file or a folder of ``.npy`` files,
        relative to the study's file.
    test_fraction : float
        Share of the samples that is held out for the test, if the set has no split of its own.
    folds : int, optional
        Number of folds of a cross-validation; a single split if not given.
    folder : str, optional
        Folder that has the data set's files.
    arrays : dict of str to str
        Names of the arrays of a file, if other than ``x`` and ``y``.
    scale : float, optional
        What the samples of a file are divided by, such as 255 for pixels.
    """

    name: str
    test_fraction: float = Field(default=0.2, gt=0, lt=1)
    folds: int | None = Field(default=None, ge=2)
    folder: str | None = None
    arrays: dict[str, str] = {}
    scale: float | None = Field(default=None, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, given: Any) -> Any:
        """Take a name alone: ``dataset = "mine.npz"``."""
        return {"name": given} if isinstance(given, str) else given


class NetworkEntry(Entry):
    """Describe the network by one of `layers`, `model` and `start`.

    Parameters
    ----------
    layers : list of LayerEntry
        The layers from input to output; see `brianbridge.network.layer_files`.
    model : str
        Name or path of a network file; see `brianbridge.network.files`.
    start : str
        Path of a trained network (``network.h5``) to train further.
    encoding : dict
        How samples become input; it sets step and number of steps. Beside `model` or `start`, a
        table without ``kind`` changes only some options of their encoding.
    readout : str
        How the output is read; see `brianbridge.network.readouts`. The default is that of
        `model` or `start`, or counts.
    neurons : dict
        Parameters of all neurons of a model, by its name. Beside `start`, they replace those of
        the trained network.
    weight_gain : float
        Variance of initial weights times their fan-in; not allowed beside `start`.
    weight_mean : float
        Mean sum of the initial weights of a neuron; not allowed beside `start`.
    refractory : str
        Refractory period of all neurons that fire, such as ``"1 ms"``. One step of the network
        changes nothing at this step, but keeps a neuron from firing more often at a finer one.
    after : int
        Number of steps after the input ends (`brianbridge.encodings.Waiting`).
    """

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": [key]} for key in ("layers", "model", "start")],
        }
    )

    layers: LayerEntries | None = None
    model: str | None = None
    start: str | None = None
    encoding: Annotated[dict[str, Any], TableBy(ENCODINGS, "kind", "current", changes=True)] = {}
    readout: ReadoutName | None = None
    neurons: NeuronParameters = {}
    weight_gain: float | None = Field(default=None, gt=0)
    weight_mean: float | None = None
    refractory: str | None = None
    after: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _fits_together(self) -> NetworkEntry:
        given = [key for key in ("layers", "model", "start") if getattr(self, key) is not None]
        if len(given) != 1:
            found = " and ".join(f"'{key}'" for key in given) or "none of them"
            raise ValueError(f"give one of 'layers', 'model' and 'start'; this has {found}")
        if self.layers is not None and not self.encoding:
            raise ValueError("the key 'encoding' is missing")
        if self.start is not None:
            for key in ("weight_gain", "weight_mean"):
                if key in self.model_fields_set:
                    raise ValueError(
                        f"'{key}' cannot change the trained network of 'start'; leave it out"
                    )
        return self


@dataclass(frozen=True)
class PerturbEntry:
    """Describe the conditions under which to train; see `brianbridge.training.perturbed`.

    Parameters
    ----------
    under : str
        Name of a ladder, or the path of its file: train under its rungs.
    rung : list of dict
        Rungs of the study's own, as in a ladder file.
    weights, clean, ramp, every
        As in `brianbridge.training.Under`.
    """

    under: str = ""
    rung: list[dict[str, Any]] = field(default_factory=list)
    weights: dict[str, float] = field(default_factory=dict)
    clean: float = 0.5
    ramp: int = 0
    every: int = 20

    def __post_init__(self) -> None:
        self.conditions()  # raises if something is wrong

    def conditions(self) -> Under:
        """Return the conditions.

        Raises
        ------
        InputError
            If there is no rung, no such ladder, or an option is out of range.
        """
        known = read_ladder(self.under) if self.under else ()
        rungs = (*known, *(validated(Rung, one, "training.perturb.rung") for one in self.rung))
        check_ladder(rungs, "training.perturb")
        return Under(rungs, self.weights, clean=self.clean, ramp=self.ramp, every=self.every)


@dataclass(frozen=True)
class TrainingEntry(TrainingOptions):
    """Hold the options of the trainer, and those that change the twin in training.

    Parameters
    ----------
    batch_norm : bool, "potential" or "weights"
        Whether to normalise the mean input of a presentation, the potential, or the weights.
    dropout : float or mapping of str to float
        Probability that a neuron is silent for a whole presentation, for each population by its
        name. A single number applies to every population that fires, except the output.
    quantisation : Quantisation, optional
        Number of bits and grid of the weights.
    learn : mapping of str to list of str or Learn
        Parameters of neurons and synapses that are trained, by the name of the population or
        projection.
    perturb : PerturbEntry, optional
        Conditions under which to train.
    """

    batch_norm: Normalised = False
    dropout: Share | Mapping[str, Share] = 0.0
    quantisation: Quantisation | None = None
    learn: Mapping[str, list[Learn | str]] = field(default_factory=dict)
    perturb: PerturbEntry | None = None

    def options(self) -> TrainingOptions:
        """Return the options of the trainer."""
        return TrainingOptions(**{f.name: getattr(self, f.name) for f in fields(TrainingOptions)})

    def under(self) -> Under | None:
        """Return the conditions under which to train."""
        return None if self.perturb is None else self.perturb.conditions()

    def of_twin(self) -> dict[str, Any]:
        """Return the options that change the twin in training, as arguments of `to_torch`."""
        return {
            "batch_norm": self.batch_norm,
            "dropout": self.dropout,
            "quantisation": self.quantisation,
            "learn": self.learn,
        }


class VerificationEntry(Entry):
    """Choose the ladder and the test samples.

    Parameters
    ----------
    ladder : str
        Name of a ladder, or the path of its file.
    samples : int, optional
        Number of test samples, counted from the first; all if not given.
    """

    ladder: str = "short"
    samples: int | None = Field(default=None, ge=1)

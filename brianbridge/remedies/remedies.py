"""What to do when a rung fails, and how far it helps: the verdict's before and after.

A remedy changes the network on training samples, under the rung's perturbations and on the same
device (their seed): `calibrate` scales populations until they fire as much as the twin's
(`brianbridge.remedies.calibrate`), `fine_tune` trains with Brian2 in the loop
(`brianbridge.remedies.in_the_loop`). The changed network climbs the rung again, beside the
unchanged twin.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from brianbridge.datasets import Dataset
from brianbridge.datasets.fit import fitted
from brianbridge.errors import InputError
from brianbridge.io.networks.file import load_network, save_network
from brianbridge.ladder.tasks import Task
from brianbridge.measures.accuracy_change import DiscordantPairs
from brianbridge.measures.confidence_intervals import score_interval
from brianbridge.network import SpikingNetwork
from brianbridge.perturbations import Perturbation
from brianbridge.sweep.sweep import Sweep, digest_of

if TYPE_CHECKING:
    from brianbridge.rules import LearningRule

__all__ = ["CalibrateEntry", "FineTuneEntry", "Remedied", "Remedies"]


@dataclass(frozen=True, eq=False)
class Remedied:
    """Hold what a remedy gave.

    Parameters
    ----------
    network : SpikingNetwork
        The changed network, without perturbations.
    facts : mapping
        For the verdict: what was done, and what the rung gives with it.
    """

    network: SpikingNetwork
    facts: Mapping[str, Any]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CalibrateEntry(_Entry):
    """Say how a network is calibrated; see `brianbridge.remedies.calibrate.calibrate`."""

    of: Literal["weights", "threshold"] = "weights"
    samples: int = Field(default=1000, ge=1)


class FineTuneEntry(_Entry):
    """Say how a network is trained on; see `brianbridge.remedies.in_the_loop.fine_tune`.

    Parameters
    ----------
    start : {"trained", "calibrated"}
        Whether it goes on from the network as it was trained, or from what `calibrate` made of it.
    samples, epochs, batch_size, learning_rate
        Of the training.
    """

    start: Literal["trained", "calibrated"] = "trained"
    samples: int = Field(default=4000, ge=1)
    epochs: int = Field(default=3, ge=1)
    batch_size: int = Field(default=100, ge=1)
    learning_rate: float = Field(default=1e-4, gt=0, le=1e6)


class Remedies(_Entry):
    """Say what is tried on a rung.

    Parameters
    ----------
    calibrate : CalibrateEntry, optional
        Scale populations.
    fine_tune : FineTuneEntry, optional
        Train on.
    """

    calibrate: CalibrateEntry | None = None
    fine_tune: FineTuneEntry | None = None

    @property
    def any(self) -> bool:
        """Whether there is anything to try."""
        return self.calibrate is not None or self.fine_tune is not None

    def check(
        self,
        network: SpikingNetwork,
        train: Dataset | None,
        perturbations: tuple[Perturbation, ...],
        seed: int,
    ) -> None:
        """Refuse what cannot be tried, before any work.

        Raises
        ------
        InputError
            If there are no training samples, the network's rule cannot learn in the loop, or
            training is to start from a calibration that is not asked for.
        """
        if not self.any:
            return
        if train is None:
            raise InputError("a remedy needs training samples; give train = a data set")
        if self.calibrate is not None:
            from brianbridge.remedies.calibrate import check_calibration

            check_calibration(network, train, **self.calibrate.model_dump())
        if self.fine_tune is not None:
            if self.fine_tune.start == "calibrated" and self.calibrate is None:
                raise InputError(
                    "remedy.fine_tune has start = 'calibrated', but there is no remedy.calibrate; "
                    "add it"
                )
            from brianbridge.remedies.in_the_loop import InTheLoop

            InTheLoop(_rule_of(network), perturbations, seed).check(network)
            fitted(network, train)

    def tried(
        self,
        sweep: Sweep,
        train: Dataset,
        perturbations: tuple[Perturbation, ...],
        seed: int,
    ) -> dict[str, Remedied]:
        """Try each remedy and return what it gives.

        Parameters
        ----------
        sweep : Sweep
            Of the network on the test samples. Where it keeps what is finished, changed networks
            are kept too, and the training that makes one goes on after an interruption.
        train : Dataset
            The training samples.
        perturbations, seed
            The condition.
        """
        network = sweep.shards.network

        def made(how: str, make: Callable[[Path | None], SpikingNetwork]) -> SpikingNetwork:
            if not sweep.keeps:
                return make(None)
            condition = Task(perturbations, seed, 0).key
            what = json.dumps([how, self.model_dump(), condition, digest_of(train)])
            path = sweep.kept(what, ".h5")
            if not path.exists():
                save_network(make(sweep.kept(what, ".pt")), path)
            return load_network(path)

        def calibrated(_: Path | None) -> SpikingNetwork:
            from brianbridge.remedies.calibrate import calibrate

            assert self.calibrate is not None
            options = self.calibrate.model_dump()
            return calibrate(network, train, perturbations, seed=seed, **options).network

        def fine_tuned(checkpoint: Path | None) -> SpikingNetwork:
            from brianbridge.remedies.in_the_loop import fine_tune

            assert self.fine_tune is not None
            options = self.fine_tune.model_dump()
            start = found["calibrated"].network if options.pop("start") == "calibrated" else network
            chosen = np.random.default_rng(seed).permutation(len(train))[: options.pop("samples")]
            return fine_tune(
                start, train.subset(np.sort(chosen)), perturbations, _rule_of(network),
                seed=seed, schedule="cosine", validation_fraction=0.0, checkpoint=checkpoint,
                **options,
            ).network  # fmt: skip

        found: dict[str, Remedied] = {}
        for how, entry, make in (
            ("calibrated", self.calibrate, calibrated),
            ("fine_tuned", self.fine_tune, fine_tuned),
        ):
            if entry is not None:
                try:
                    changed = made(how, make)
                    again = _again(sweep, changed, perturbations, seed)
                except InputError as error:
                    raise InputError(f"network {how.replace('_', '-')}: {error}") from None
                done = {**entry.model_dump(), "samples": min(entry.samples, len(train))}
                if how == "calibrated":
                    done["scales"] = changed.provenance["calibration"]["scales"]
                found[how] = Remedied(changed, {**done, **again})
        return found


def _again(
    sweep: Sweep,
    changed: SpikingNetwork,
    perturbations: tuple[Perturbation, ...],
    seed: int,
) -> dict[str, Any]:
    """Climb a rung with the changed network, beside the twin of the one that it was."""
    again, shards = sweep.beside(changed), sweep.shards
    tasks = [Task(perturbations, seed, shard) for shard in range(len(shards))]
    again.run(tasks)
    piece, twin = again.piece(tasks), sweep.twin()
    labels = shards.data.y
    right, after = twin.prediction == labels, piece.prediction == labels
    return {
        "accuracy": float(after.mean()),
        "accuracy_change_ci95": score_interval(*DiscordantPairs.of(right, after)),
        "agreement": float(np.mean(piece.prediction == twin.prediction)),
        "spikes_per_sample": sum(int(a.events.sum()) for a in piece.activity.values())
        / len(shards.data),
    }


def _rule_of(network: SpikingNetwork) -> LearningRule:
    """Return the rule that a network was trained with."""
    from brianbridge.rules.base import learning_rule

    entry = network.provenance.get("rule", {})
    if not isinstance(entry, Mapping) or "name" not in entry:
        raise InputError(
            "to fine-tune a network its learning rule must be known, but its provenance has no "
            "'rule'; train it with brianbridge, or use brianbridge.remedies.in_the_loop.fine_tune"
        )
    options = {key: value for key, value in entry.items() if key != "name"}
    return learning_rule(entry["name"], **options)

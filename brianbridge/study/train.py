"""Train the network of a study and write it to ``network.h5``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from brianbridge.datasets import Dataset, Split
from brianbridge.datasets.fit import fitted
from brianbridge.datasets.splits import by_fraction
from brianbridge.io.atomic import writable_file
from brianbridge.io.networks.file import save_network
from brianbridge.network import SpikingNetwork
from brianbridge.provenance import collect
from brianbridge.rules import LearningRule, chosen_rule, learning_rule
from brianbridge.simulation.reader.write_back import write_back
from brianbridge.study.network import build_network
from brianbridge.study.schema import Study
from brianbridge.training import train
from brianbridge.training.determinism import one_thread
from brianbridge.training.history import OnEpoch
from brianbridge.training.perturbed import PerturbedTwins
from brianbridge.training.processes import joined
from brianbridge.twin.learn import checked_learn
from brianbridge.twin.network import NetworkTwin, to_torch

__all__ = ["prepare", "train_study"]


def prepare(study: Study, data: Dataset) -> tuple[SpikingNetwork, LearningRule]:
    """Build the network and the rule of a study, and check that everything fits.

    Parameters
    ----------
    study : Study
        The study.
    data : Dataset
        Its training samples.

    Raises
    ------
    InputError
        If the network, the rule, the training or the data do not fit together.
    """
    network = build_network(study.network, data, study.seed)
    options = dict(study.rule)
    learn = checked_learn(network, study.training.learn)
    rule = learning_rule(options.pop("name"), **options) if options else chosen_rule(network, learn)
    rule.check(network)
    rule.check_learn(learn)
    data = fitted(network, data)
    training = study.training
    training.augmentation.check(data.shape)
    if training.spike_rate is not None:
        training.spike_rate.rates(network)
    # Raises if the twin cannot be built, or if the rule cannot train it.
    twin = _twin_of(study, network)
    rule.prepare(twin)
    under = training.under()
    if under is not None:
        PerturbedTwins(under, twin, rule, study.seed)
    if training.validation_fraction > 0:
        by_fraction(data.name, data.y, training.validation_fraction, study.seed)
    return network, rule


def train_study(
    study: Study,
    out: Path,
    split: Split,
    fold: int | None = None,
    on_epoch: OnEpoch | None = None,
    say: Callable[[str], object] = lambda line: None,
) -> SpikingNetwork:
    """Train, resuming from a checkpoint in `out`, and write ``network.h5``.

    Several processes train together (`brianbridge.train`); the first of them writes.

    Parameters
    ----------
    study : Study
        The study.
    out : Path
        The output folder.
    split : Split
        Its data; see `brianbridge.study.data.load_split`.
    fold : int, optional
        Number of the fold, if the study has folds.
    on_epoch : callable, optional
        Called with the training curve after each epoch; see `brianbridge.train`.
    say : callable
        Called with a line when the training begins.

    Raises
    ------
    InputError
        If something does not fit, or `out` cannot be written.
    """
    network, rule = prepare(study, split.train)
    twin = _twin_of(study, network)
    with joined(twin.device) as processes:
        if processes.first:
            writable_file(out / "network.h5")
        say(f"{study.title}: training on {len(split.train):,} samples")
        result = train(
            twin,
            split.train,
            rule,
            seed=study.seed,
            checkpoint=out / "checkpoint.pt",
            options=study.training.options(),
            under=study.training.under(),
            on_epoch=on_epoch,
        )
    with one_thread(study.training.deterministic):
        origin = collect()  # with the number of threads of the training
    trained = write_back(
        twin,
        study=study.name,
        rule=rule.to_dict(),
        training=asdict(study.training),
        training_curve=result.curve,
        best_epoch=result.best_epoch,
        seed=study.seed,
        dataset={
            "name": split.train.name,
            "split": split.train.split,
            "sha256": split.train.sha256,
            "seed": study.seed,
            "test_fraction": study.dataset.test_fraction,
            "folds": study.dataset.folds if fold is not None else None,
            "fold": fold,
        },
        **({"processes": processes.number} if processes.number > 1 else {}),
        **origin,
    )
    if processes.first:
        save_network(trained, out / "network.h5")
    return trained


def _twin_of(study: Study, network: SpikingNetwork) -> NetworkTwin:
    """Return the twin that is trained."""
    return to_torch(network, spike_function=study.spike_function, **study.training.of_twin())

"""The function `train`, the entry point of training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from brianbridge.errors import InputError, did_you_mean
from brianbridge.rules.base import LearningRule, learning_rule
from brianbridge.rules.choice import chosen_rule
from brianbridge.training.determinism import one_thread
from brianbridge.training.history import OnEpoch, TrainingResult
from brianbridge.training.loop import Trainer
from brianbridge.training.options import TrainingOptions
from brianbridge.training.perturbed import Under
from brianbridge.training.processes import joined
from brianbridge.twin.network import NetworkTwin

__all__ = ["TrainingResult", "train"]

#: Options of training that change the twin, and are beside the others in a study.
_OF_TWIN = ("batch_norm", "dropout", "quantisation", "learn")


def train(
    twin: NetworkTwin,
    data: Any,
    rule: str | LearningRule | None = None,
    *,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    options: TrainingOptions | None = None,
    under: Under | Sequence[Any] | None = None,
    together: bool = True,
    on_epoch: OnEpoch | None = None,
    **changes: Any,
) -> TrainingResult:
    """Train a twin on data. Afterwards it has its best weights and is in evaluation mode.

    Parameters
    ----------
    twin : NetworkTwin
        The twin; its weights change, and so do the neuron parameters that it learns (`learn` of
        `brianbridge.to_torch`).
    data : Dataset, pair of arrays, torch Dataset or torch DataLoader
        The training samples; the validation samples are taken from them. Arrays ``(x, y)`` are read
        as by `brianbridge.from_arrays`. All samples of a loader's dataset are taken, but not its
        order and its batches: training has its own.
    rule : str or LearningRule, optional
        The learning rule. If not given, one that can train the network is chosen
        (`brianbridge.rules.chosen_rule`); the log, the result and the provenance of the network
        say which.
    seed : int
        Seed of the order of samples, of their encoding and of the validation split.
    checkpoint : str or Path, optional
        File that is written after every epoch. If it exists, training resumes from it.
        Of several processes, the first one reads and writes it.
    options : TrainingOptions, optional
        Options of training.
    under : Under or sequence of Rung, optional
        Conditions under which to train: each batch is computed by the network itself, or by the
        twin of one of these rungs; see `brianbridge.training.perturbed`. Half of the batches have
        no condition, unless an `Under` says otherwise.
    together : bool
        Whether the processes that torchrun started, or that belong to torch's process group, train
        this twin together: each computes a part of every batch, and all of them end with the same
        weights. Otherwise each trains by itself.
    on_epoch : callable, optional
        Called after each epoch, when its checkpoint is written, with the training curve so far. An
        error that it raises ends the training.
    **changes
        Single options that replace those of `options`, such as ``epochs=10``.

    Returns
    -------
    TrainingResult

    Raises
    ------
    InputError
        If data and network do not fit, or an option is unknown or out of range. Of several
        processes, if they do not train the same, or one of them ended (`ProcessEnded`).
    """
    if not isinstance(twin, NetworkTwin):
        raise InputError(
            f"train: a {type(twin).__name__} was given in place of a twin; give "
            "bb.to_torch(network)"
        )
    known = {f.name for f in fields(TrainingOptions)}
    for name in changes:
        if name in _OF_TWIN:
            raise InputError(
                f"training: '{name}' is an option of to_torch, which makes the twin; give it there"
            )
        if name not in known:
            raise InputError(f"training has no option '{name}'. {did_you_mean(name, known)}")
    chosen = replace(options or TrainingOptions(), **changes)
    file = None if checkpoint is None else Path(checkpoint)
    with one_thread(chosen.deterministic), joined(twin.device, together) as processes:
        named = chosen_rule(twin.network, twin.learn) if rule is None else learning_rule(rule)
        conditions = under if under is None or isinstance(under, Under) else Under(under)
        return Trainer(twin, data, named, seed, chosen, processes, conditions).run(file, on_epoch)

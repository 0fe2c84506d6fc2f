"""What is observed of a run: spike counts, loss, accuracy, output potential, or a user's function.

An outcome is one number for each sample. Twin and Brian2 give it from the same code, which sees
tensors of either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network import SpikingNetwork
from brianbridge.recording import Recording
from brianbridge.rules.base import learning_rule
from brianbridge.twin.network import NetworkOutput, NetworkTwin

__all__ = ["OUTCOMES", "Observed", "Outcome", "outcomes_of"]

#: The outcomes that have a name.
OUTCOMES = ("accuracy", "counts", "loss", "potential")


@dataclass(frozen=True)
class Observed:
    """The values that outcomes are computed from.

    Parameters
    ----------
    output : Tensor, shape (samples, classes)
        The output.
    counts : mapping of str to Tensor, shape (samples,)
        Spikes of each population in a sample; a spike of another value than 1 counts as often.
    labels : Tensor of int64, shape (samples,), optional
        The correct classes.
    """

    output: Tensor
    counts: Mapping[str, Tensor]
    labels: Tensor | None

    @classmethod
    def of_twin(cls, found: NetworkOutput, labels: Tensor | None) -> Observed:
        """Return the outcome of a twin, with its gradient."""
        counts = {name: found.counts(name).flatten(1).sum(1) for name in found.spikes}
        return cls(found.output, counts, labels)

    @classmethod
    def of_recording(cls, found: Recording, labels: Tensor | None) -> Observed:
        """Return the outcome that Brian2 recorded."""
        counts = {}
        for name in found.shapes:
            events = found.events(name)
            sums = np.bincount(events.sample, np.abs(events.value), found.samples)
            counts[name] = torch.as_tensor(sums, dtype=torch.float64)
        return cls(torch.as_tensor(found.output, dtype=torch.float64), counts, labels)


@dataclass(frozen=True)
class Outcome:
    """Compute an outcome of each sample.

    Parameters
    ----------
    name : str
        What it is, for people.
    of : callable, optional
        Computes it from what was observed, shape ``(samples,)``.
    of_recording : callable, optional
        Computes it from a `Recording` instead; it then has no gradient.
    no_gradient : str
        Why it has no gradient; empty if it has.
    """

    name: str
    of: Callable[[Observed], Tensor] | None = None
    of_recording: Callable[[Recording], Any] | None = None
    no_gradient: str = ""

    def values(self, recording: Recording, labels: Tensor | None) -> np.ndarray:
        """Return the outcome of each sample in Brian2, shape ``(samples,)``.

        Raises
        ------
        InputError
            If a user's function returns anything else.
        """
        if self.of_recording is None:
            assert self.of is not None, "an outcome is computed from one of both"
            return self.of(Observed.of_recording(recording, labels)).numpy()
        given = np.asarray(self.of_recording(recording))
        real = given.dtype.kind in "biuf" and given.shape == (recording.samples,)
        found = given.astype(np.float64) if real else None
        if found is None or not np.isfinite(found).all():
            raise InputError(
                f"of = '{self.name}' returned values of shape {given.shape} and type "
                f"{given.dtype}; return one finite number for each of the {recording.samples} "
                "samples"
            )
        return found


def outcomes_of(
    twin: NetworkTwin, of: str | Callable[[Recording], Any] | Sequence[Any], *, labelled: bool
) -> list[Outcome]:
    """Return the outcomes that a user names.

    Parameters
    ----------
    twin : NetworkTwin
        The twin of the network.
    of : str, callable, or sequence of both
        Names of `OUTCOMES`, or functions of a `Recording`.
    labelled : bool
        Whether the samples have labels.

    Raises
    ------
    InputError
        If there is no such outcome, or the network or the samples do not have it.
    """
    given = list(of) if isinstance(of, list | tuple) else [of]
    if not given:
        raise InputError("of names no outcome; give one, such as 'counts'")
    found = [outcome for one in given for outcome in _named(twin, one, labelled)]
    for number, outcome in enumerate(found):
        if outcome.name in [other.name for other in found[:number]]:
            raise InputError(
                f"of names '{outcome.name}' twice; name each outcome once, and give functions "
                "names of their own (def)"
            )
    return found


def _named(twin: NetworkTwin, of: Any, labelled: bool) -> list[Outcome]:
    network = twin.network
    if callable(of):
        why = "a function of a recording"
        return [Outcome(getattr(of, "__name__", "outcome"), of_recording=of, no_gradient=why)]
    if of not in OUTCOMES:
        raise InputError(f"of = {of!r:.80} is no outcome. {did_you_mean(str(of), OUTCOMES)}")
    if of in ("accuracy", "loss") and not labelled:
        raise InputError(
            f"of = '{of}' needs labels; give a dataset, such as bb.from_arrays(name, x, y), or "
            "of = 'counts'"
        )
    if of in ("loss", "potential"):
        twin.natural_output(torch.zeros(1, network.output.size))  # refused without a natural unit
    if of == "loss":
        return [Outcome("loss", _loss(twin))]
    if of == "accuracy":
        return [Outcome("accuracy", _hits, no_gradient="right or wrong, and nothing between")]
    if of == "counts":
        return [_counts_of(network, p.name) for p in network.firing]
    if network.fires(network.output.name):
        raise InputError(
            f"of = 'potential' needs an output that does not fire, but the readout is "
            f"'{network.readout}'; give of = 'counts'"
        )
    return [Outcome("potential", lambda run: twin.natural_output(run.output).mean(1))]


def _counts_of(network: SpikingNetwork, name: str) -> Outcome:
    size = network.population(name).size
    return Outcome(f"spikes of {name}", lambda run: run.counts[name] / size)


def _hits(run: Observed) -> Tensor:
    assert run.labels is not None, "accuracy was asked for only with labels"
    return run.output.argmax(1).eq(run.labels).double()


def _loss(twin: NetworkTwin) -> Callable[[Observed], Tensor]:
    """Return the loss of each sample by the rule that trained the network, else cross-entropy."""
    known = twin.network.provenance.get("rule")
    options = dict(known) if isinstance(known, Mapping) else {"name": "surrogate_gradient"}
    rule = learning_rule(options.pop("name"), **options)

    def loss(run: Observed) -> Tensor:
        assert run.labels is not None, "the loss was asked for only with labels"
        values = rule.loss_input(twin, run.output)
        single = (rule.loss(v[None], y[None]) for v, y in zip(values, run.labels, strict=True))
        return torch.stack(list(single))

    return loss

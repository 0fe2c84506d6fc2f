"""Training under perturbations: batches that are computed by the twin of a rung.

For each batch a condition is drawn: none, or one of the rungs of a ladder. The twin of that rung
(`brianbridge.to_torch`, ``condition``) computes the batch, and its gradient reaches the weights of
the network itself.

The weights of the rung are a function of those of the network: rounded to four bits, for instance,
or divided by what synapses lose. The function is evaluated when a rung is used for the first time
in an epoch, and then in every `Under.every`-th batch of the rung, with new random numbers. In
between, a weight of the rung follows its own by a straight line,

    w_rung = slope w + (w_rung,0 - slope w_0),    slope = <w_rung,0, w_0> / <w_0, w_0>,

where 0 marks the last evaluation. The slope is that of all weights of a projection: weights that
are rounded to 0 thus still learn, as by a straight-through estimate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network import Projection, SpikingNetwork
from brianbridge.rules.base import LearningRule
from brianbridge.twin.network import NetworkTwin, to_torch

__all__ = ["ByCondition", "PerturbedTwins", "Under"]

#: Separates the random numbers of conditions from those of the order of samples.
_CONDITIONS = 0xC0D


@dataclass(frozen=True)
class Under:
    """Say under which conditions a network is trained, and how often.

    Parameters
    ----------
    rungs : sequence of Rung
        The conditions; see `brianbridge.Rung`. A rung that is ``optional`` is left out if it does
        not apply to the network, and rungs without perturbations are left out, too.
    weights : mapping of str to float
        How often a rung is drawn, relative to the others, by its name. Rungs that are not named are
        left out; all are drawn equally often if none is named.
    clean : float
        Share of the batches without a condition, from 0 to 1.
    ramp : int
        Number of epochs over which the share of the other batches rises to its full size.
    every : int
        Number of batches of a rung after which its weights and random numbers are renewed.

    Raises
    ------
    InputError
        If an option is out of range, or `weights` names no rung.

    Examples
    --------
    >>> from brianbridge.ladder.rungs import Rung
    >>> chip = Rung(name="chip", perturb={"mismatch": {"cv": 0.1}})
    >>> under = Under((chip,), clean=0.5, ramp=4)
    >>> under.share(0), under.share(10)
    (0.1, 0.5)
    """

    rungs: Sequence[Any]
    weights: Mapping[str, float] = field(default_factory=dict)
    clean: float = 0.5
    ramp: int = 0
    every: int = 20

    def __post_init__(self) -> None:
        object.__setattr__(self, "rungs", tuple(self.rungs))
        names = [self._checked_name(rung) for rung in self.rungs]
        for name in self.weights:
            if name not in names:
                raise InputError(
                    f"training under conditions: weights names {name!r}, which is no rung. "
                    f"{did_you_mean(name, names)}"
                )
        for name, value, holds, give in (
            ("clean", self.clean, 0 <= self.clean <= 1, "0 to 1"),
            ("ramp", self.ramp, self.ramp >= 0, "0 or more epochs"),
            ("every", self.every, self.every >= 1, "at least 1"),
            ("weights", self.weights, min(self.weights.values(), default=0) >= 0, "0 or more"),
        ):  # fmt: skip
            if not holds:
                raise InputError(f"training under conditions: {name} = {value!r}; give {give}")

    @staticmethod
    def _checked_name(rung: Any) -> str:
        if not hasattr(rung, "applied_to") or not hasattr(rung, "name"):
            raise InputError(
                f"training under conditions: {rung!r:.80} is not a rung; give bb.Rung("
                'name="dt/10", perturb={"finer_dt": {"divisor": 10}}), or those of '
                "bb.ladder.rungs.read_ladder('short')"
            )
        return str(rung.name)

    def weight(self, name: str) -> float:
        """Return how often a rung is drawn, relative to the others."""
        return self.weights.get(name, 0.0) if self.weights else 1.0

    def share(self, epoch: int) -> float:
        """Return the share of batches with a condition, in an epoch counted from 0."""
        return (1 - self.clean) * min(1.0, (epoch + 1) / (self.ramp + 1))


@dataclass(frozen=True, eq=False, repr=False)
class _Followed(Projection):
    """A projection whose copies in a perturbed network know where they come from."""

    origin: str = ""

    @classmethod
    def of(cls, projection: Projection) -> _Followed:
        values = {f.name: getattr(projection, f.name) for f in fields(Projection)}
        return cls(**values, origin=projection.name)

    def plain(self) -> Projection:
        """Return the projection itself."""
        return Projection(**{f.name: getattr(self, f.name) for f in fields(Projection)})


class PerturbedTwins:
    """Choose the twin of each batch: that of the network, or that of a rung.

    Parameters
    ----------
    under : Under
        The conditions.
    twin : NetworkTwin
        The twin that is trained.
    rule : LearningRule
        The learning rule, which must be able to train the network on every rung.
    seed : int
        Seed of the choice, and of the random numbers of the rungs.

    Raises
    ------
    InputError
        If a rung does not apply to the network, the rule cannot train the network on it, or
        parameters or delays are learned.
    """

    def __init__(self, under: Under, twin: NetworkTwin, rule: LearningRule, seed: int) -> None:
        self.under, self._clean, self._seed = under, twin, seed
        if twin.learn or any(p.longest_delay is not None for p in twin.network.projections):
            raise InputError(
                "training under conditions: the twin learns neuron parameters or delays, which a "
                "condition may change; leave out learn and learned delays, or the conditions"
            )
        if twin.normalises_potential:
            raise InputError(
                'training under conditions: batch_norm = "potential" has no weights that a '
                "condition could change; leave batch_norm out, and start from a trained network"
            )
        chosen = [r for r in under.rungs if under.weight(r.name) and getattr(r, "perturb", True)]
        self._twins = [one for rung in chosen if (one := _made(rung, twin, rule, seed))]
        if not self._twins:
            raise InputError(
                "training under conditions: no rung changes this network; give one that applies"
            )
        weights = np.array([under.weight(one.name) for one in self._twins])
        self._probability = weights / weights.sum()
        self.names = tuple(one.name for one in self._twins)

    def start_epoch(self, epoch: int) -> None:
        """Start an epoch: its choices depend on the seed and on its number alone."""
        self._random = np.random.default_rng((self._seed, epoch, _CONDITIONS))
        self._share = self.under.share(epoch)
        for one in self._twins:
            one.uses = 0

    def twins_of(self, epoch: int) -> Iterator[tuple[str, NetworkTwin]]:
        """Yield rung and twin of each batch of an epoch."""
        self.start_epoch(epoch)
        while True:
            yield self.next()

    def next(self) -> tuple[str, NetworkTwin]:
        """Return the name of the next batch's rung, empty if there is none, and its twin."""
        perturbed = self._random.random() < self._share
        chosen = self._twins[self._random.choice(len(self._twins), p=self._probability)]
        seed = int(self._random.integers(2**31))
        if not perturbed:
            return "", self._clean
        if chosen.uses % self.under.every == 0:
            chosen.take(*chosen.applied(seed))
        chosen.uses += 1
        chosen.follow()
        return chosen.name, chosen.twin

    def evaluated(self, twin: NetworkTwin) -> Iterator[tuple[str, float, NetworkTwin]]:
        """Yield name, probability and twin of each rung, with the weights of a given twin."""
        for one, probability in zip(self._twins, self._probability, strict=True):
            one.follow(twin)
            one.twin.eval()
            yield one.name, float(probability), one.twin
            one.twin.train()


class ByCondition:
    """Count right answers by the condition of their batch.

    Examples
    --------
    >>> found = ByCondition()
    >>> found.add("dt/10", torch.tensor(3), 4)
    >>> found.accuracies(("dt/10",), lambda *numbers: list(numbers))["train_accuracy, dt/10"]
    0.75
    """

    def __init__(self) -> None:
        self._right: dict[str, Tensor] = {}
        self._samples: dict[str, int] = {}

    def add(self, name: str, right: Tensor, samples: int) -> None:
        """Add a batch."""
        self._right[name] = self._right[name] + right if name in self._right else right
        self._samples[name] = self._samples.get(name, 0) + samples

    def accuracies(
        self, names: Sequence[str], sums: Callable[..., list[float]]
    ) -> dict[str, float]:
        """Return the accuracy of clean batches and of each rung; NaN where no batch had it.

        Parameters
        ----------
        names : sequence of str
            The rungs.
        sums : callable
            Adds numbers up over all processes.
        """
        found = {}
        for name in ("", *names):
            right, samples = sums(float(self._right.get(name, 0)), self._samples.get(name, 0))
            found[f"train_accuracy, {name or 'clean'}"] = right / samples if samples else math.nan
        return found


def _made(rung: Any, twin: NetworkTwin, rule: LearningRule, seed: int) -> _TwinOfRung | None:
    """Return the twin of a rung; None if the rung is optional and does not apply."""
    found = _TwinOfRung(rung, twin, rule)
    try:
        changed = found.applied(seed)
    except InputError as error:
        if getattr(rung, "optional", False):
            return None
        raise InputError(f"training under rung '{rung.name}': {error}") from None
    found.take(*changed)
    return found


@dataclass(frozen=True)
class _Line:
    """How a tensor of a rung follows one of the network: ``slope*values + offset``."""

    slope: Tensor
    offset: Tensor

    @classmethod
    def through(cls, before: np.ndarray, after: np.ndarray, like: Tensor, *, shared: bool) -> _Line:
        """Return the line through the present values.

        Parameters
        ----------
        before, after : numpy.ndarray
            Values of the network and of the rung.
        like : Tensor
            A tensor of the type and device of the result.
        shared : bool
            Whether several projections of the rung share the weights, each with 0 where another
            one has a weight.
        """
        one, other = before.astype(np.float64), after.astype(np.float64)
        here = other != 0 if shared else np.ones(one.shape, bool)
        size = float((one * one)[here].sum())
        slope = here * (float((one * other).sum()) / size if size else 1.0)
        return cls(torch.as_tensor(slope).to(like), torch.as_tensor(other - slope * one).to(like))

    def at(self, values: Tensor) -> Tensor:
        return self.slope * values + self.offset


class _TwinOfRung:
    """The twin of a rung, whose weights follow those of the network."""

    def __init__(self, rung: Any, clean: NetworkTwin, rule: LearningRule) -> None:
        self.name, self._rung = str(rung.name), rung
        self._clean, self._rule = clean, rule
        self._structure: Any = None
        self.twin: NetworkTwin
        self.uses = 0

    @torch.no_grad()
    def applied(self, seed: int) -> tuple[SpikingNetwork, SpikingNetwork]:
        """Return the present network, and the network of the rung with new random numbers."""
        network = self._clean.to_network()
        followed = replace(network, projections=tuple(map(_Followed.of, network.projections)))
        return network, self._rung.applied_to(followed, seed).unfolded(seed)

    @torch.no_grad()
    def take(self, network: SpikingNetwork, changed: SpikingNetwork) -> None:
        """Take the weights of a network of the rung; build the twin if anything else changed."""
        found = self._followed(changed)
        plain = replace(changed, projections=tuple(one.plain() for one in found))
        structure = _structure(plain)
        if structure != self._structure:
            self._build(plain)
            self._structure = structure
        self._follow_by(network, found)

    def _followed(self, changed: SpikingNetwork) -> list[_Followed]:
        found = []
        for projection in changed.projections:
            if not isinstance(projection, _Followed):
                raise InputError(
                    f"training under rung '{self.name}': a perturbation makes projection "
                    f"'{projection.name}' anew, so that its weights cannot be learned; leave out "
                    "the rung"
                )
            found.append(projection)
        return found

    def _build(self, network: SpikingNetwork) -> None:
        try:
            self._rule.check(network)
        except InputError as error:
            raise InputError(f"training under rung '{self.name}': {error}") from None
        clean = self._clean
        self.twin = to_torch(
            network, spike_function=clean.spike_function, dtype=clean.dtype, device=clean.device,
            dropout=clean.dropout,
        )  # fmt: skip
        self._rule.prepare(self.twin)
        self.twin.train()
        for projection in network.projections:
            if not projection.frozen:
                module = self.twin.projection(projection.name)
                for name in ("weight", "bias"):  # tensors with a graph take their place
                    module._parameters.pop(name, None)
                    setattr(module, name, None)

    def _follow_by(self, network: SpikingNetwork, found: Sequence[_Followed]) -> None:
        like = self._clean.like
        origins = [one.origin for one in found]
        known = {p.name: p for p in network.projections}
        self._lines: list[tuple[str, str, str, _Line]] = []
        for one in found:
            before = known[one.origin]
            if one.frozen:
                continue
            shared = origins.count(one.origin) > 1
            for part in ("weight", "bias"):
                old, new = getattr(before, part), getattr(one, part)
                if new is None:
                    continue
                if old is None or old.shape != new.shape:
                    raise InputError(
                        f"training under rung '{self.name}': a perturbation changes the shape of "
                        f"the {part} of projection '{before.name}', so that it cannot be learned; "
                        "leave out the rung"
                    )
                line = _Line.through(old, new, like, shared=shared and part == "weight")
                self._lines.append((one.name, one.origin, part, line))

    def follow(self, twin: NetworkTwin | None = None) -> None:
        """Set the weights from those of the network or of a given twin, with their graph."""
        twin, effective = twin or self._clean, {}
        for name, origin, part, line in self._lines:
            if origin not in effective:
                effective[origin] = twin.projection(origin).effective()
            values = effective[origin][0 if part == "weight" else 1]
            assert values is not None
            setattr(self.twin.projection(name), part, line.at(values))


def _structure(network: SpikingNetwork) -> Any:
    """Return the structure that a twin is built from, without the weights."""
    synapses = [
        (
            None if p.failure is None else p.failure.probability,
            None if p.connection.delays is None else p.connection.delays.tobytes(),
        )
        for p in network.projections
    ]
    return network.to_dict(), synapses

"""What a tensor stands for while a torch network runs once, and what functions do to it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

__all__ = ["ALWAYS", "INPUT", "SEQUENCE", "Tag", "combined", "picked", "reshaped", "turned"]

#: The node of the network's input; no module has this name.
INPUT = "(input)"
#: The step of a tensor that is the same in every step.
ALWAYS = None
#: The step of a tensor that has an axis of time.
SEQUENCE = -2

Term = tuple[str, int | None]


@dataclass(frozen=True)
class Tag:
    """Say what a tensor stands for.

    Parameters
    ----------
    terms : tuple of (str, int or None)
        The nodes whose values it sums, each with a step, `ALWAYS` or `SEQUENCE`.
    lead : int
        The number of its axes of time and batch, which come first.
    state : bool
        Whether it is a state of neurons, and not their output.
    reduced : bool
        Whether it sums or averages over steps.
    problem : str
        Why it stands for nothing that can be read; empty if it does.
    axis : int
        Which of its first axes is that of time, if it has one by itself.
    """

    terms: tuple[Term, ...]
    lead: int
    state: bool = False
    reduced: bool = False
    problem: str = ""
    axis: int = -1

    @property
    def names(self) -> tuple[str, ...]:
        """The nodes, without steps and repetitions."""
        return tuple(dict.fromkeys(name for name, _ in self.terms))


def reshaped(tag: Tag, before: Tensor, after: Tensor) -> Tag:
    """Return the tag of a tensor in a new shape with the same features.

    Its axes of time and batch may have been merged or split.
    """
    features = math.prod(before.shape[tag.lead :])
    fits = [k for k in range(1, after.ndim + 1) if math.prod(after.shape[k:]) == features]
    if not fits or math.prod(before.shape) != math.prod(after.shape):
        return replace(tag, problem=f"a change of shape to {tuple(after.shape)}")
    same = before.shape[tag.lead :]
    return replace(tag, lead=min(fits, key=lambda k: (after.shape[k:] != same, abs(k - tag.lead))))


def turned(tag: Tag, before: Tensor, after: Tensor) -> Tag:
    """Return the tag of a tensor whose axes were exchanged; those of features must stay.

    An axis is known by its size and its stride in memory.
    """
    was, now = (list(zip(one.shape, one.stride(), strict=True)) for one in (before, after))
    if was == now:
        return tag
    if was[tag.lead :] != now[tag.lead :] or sorted(was) != sorted(now):
        return replace(tag, problem="an exchange of axes other than those of time and batch")
    return replace(tag, axis=now.index(was[tag.axis]) if tag.axis >= 0 else -1)


def picked(tag: Tag, before: Tensor, index: Any) -> Tag:
    """Return the tag of a part of a tensor: one step, or an axis of time less."""
    parts = index if isinstance(index, tuple) else (index,)
    places = [k for k, part in enumerate(parts) if not _everything(part)]
    if not places:
        return tag
    place = places[0]
    number = parts[place]
    if len(places) > 1 or place >= tag.lead or not isinstance(number, int):
        return replace(tag, problem="a choice of some of its values")
    if any(step == SEQUENCE for _, step in tag.terms) and place != tag.axis:
        return replace(tag, problem="a choice of one sample")
    step = number % before.shape[place]
    terms = tuple((n, step if k == SEQUENCE else k) for n, k in tag.terms)
    return replace(tag, terms=terms, lead=tag.lead - 1)


def _everything(part: Any) -> bool:
    return isinstance(part, slice) and part == slice(None)


def combined(tags: list[Tag]) -> Tag:
    """Return the tag of a sum of tensors."""
    terms = tuple(term for tag in tags for term in tag.terms)
    problem = next((tag.problem for tag in tags if tag.problem), "")
    repeated = [name for name, step in set(terms) if terms.count((name, step)) > 1]
    if repeated and not problem and not any(tag.reduced for tag in tags):
        problem = f"a sum that has '{repeated[0]}' twice"
    return Tag(
        terms,
        max(tag.lead for tag in tags),
        any(tag.state for tag in tags),
        any(tag.reduced for tag in tags),
        problem,
        tags[0].axis,
    )

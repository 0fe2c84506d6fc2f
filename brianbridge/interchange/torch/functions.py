"""What torch functions between modules do to the tags of tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from brianbridge.interchange.frameworks.reading import numbers
from brianbridge.interchange.graph import Flatten, Node, Scale
from brianbridge.interchange.torch.tags import (
    ALWAYS,
    SEQUENCE,
    Tag,
    combined,
    picked,
    reshaped,
    turned,
)  # fmt: skip

__all__ = ["Call", "tensors_in"]

#: What follows the shape of a tensor, and not its values.
_SHAPED_LIKE = frozenset(
    f"{kind}{name}" for name in ("zeros", "ones", "empty", "full") for kind in ("", "new_")
) | {f"{name}_like" for name in ("zeros", "ones", "empty", "full", "rand", "randn")}
_SAME = frozenset(
    [
        "detach",
        "detach_",
        "clone",
        "contiguous",
        "to",
        "float",
        "double",
        "type",
        "type_as",
        "cpu",
        "cuda",
        "requires_grad_",
        "dropout",
    ]
)
_SHAPE = frozenset(
    ["view", "reshape", "flatten", "squeeze", "unsqueeze", "unflatten", "view_as", "reshape_as"]
)
_ADD = frozenset(["add", "add_", "__add__", "__radd__", "__iadd__"])
_TIMES = frozenset(["mul", "mul_", "multiply", "__mul__", "__rmul__", "__imul__"])
_OVER = frozenset(["div", "div_", "divide", "true_divide", "__truediv__", "__itruediv__"])
_TOGETHER = frozenset(["stack", "cat", "concat", "concatenate"])
#: ``__get__`` reads an attribute, such as ``.T`` or ``.data``.
_AXES = frozenset(["transpose", "permute", "swapaxes", "movedim", "t", "__get__"])


def given_to(args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, ...]:
    """Return the operands of a function by place, also those that were given by name."""
    return (*args, *(keywords[name] for name in ("input", "other", "tensors") if name in keywords))


def tensors_in(values: Any) -> Iterator[Tensor]:
    """Yield the tensors in nested tuples, lists and dictionaries."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, dict):
        yield from tensors_in(list(values.values()))
    elif isinstance(values, list | tuple):
        for one in values:
            yield from tensors_in(one)


@dataclass(frozen=True, eq=False)
class Call:
    """Hold one call of a function between modules.

    Parameters
    ----------
    name : str
        Name of the function.
    args : tuple
        Its arguments, without keywords.
    keywords : dict
        Its keyword arguments.
    tag_of : callable
        Returns the tag of a tensor, or None.
    steps : int
        How many steps the network ran so far.
    """

    name: str
    args: tuple[Any, ...]
    keywords: dict[str, Any]
    tag_of: Callable[[Tensor], Tag | None]
    steps: int

    def result(self, made: Tensor, number: int) -> tuple[Tag, Node | None] | None:
        """Return the tag of one tensor of the result, and the node that the function stands for.

        None if it does not depend on the input. `number` is the place of the tensor in the result.
        """
        if self.name in _SHAPED_LIKE:
            return None
        tags = [tag for one in tensors_in([self.args, self.keywords]) if (tag := self.tag_of(one))]
        if not tags:
            return None
        broken = [tag for tag in tags if tag.problem]
        if broken:
            return broken[0], None
        before = self.args[0] if self.args else None
        tag = self.tag_of(before) if isinstance(before, Tensor) else None
        if self.name in _TOGETHER:
            return self._together(tags), None
        if self.name in _ADD:
            return self._added(made), None
        if self.name in _TIMES | _OVER:
            return self._scaled(tags[0])
        if tag is None or before is None:
            return self._unknown(tags[0]), None
        if self.name == "dropout" and self._drops():
            return replace(tag, problem="the function 'dropout' with training=True"), None
        if self.name in _SAME and made.shape == before.shape:
            rounds = before.is_floating_point() and not made.is_floating_point()
            return (replace(tag, problem=f"a cast to {made.dtype}") if rounds else tag), None
        if self.name in _SHAPE:
            return self._shaped(tag, before, made)
        if self.name == "__getitem__":
            return picked(tag, before, self.args[1]), None
        if self.name == "unbind":
            axis = self.args[1] if len(self.args) > 1 else self.keywords.get("dim", 0)
            return picked(tag, before, (*(slice(None),) * axis, number)), None
        if self.name in _AXES and made.ndim == before.ndim:
            return turned(tag, before, made), None
        lead = tag.lead - before.ndim + made.ndim
        if self.name in ("sum", "mean") and made.shape[max(lead, 0) :] == before.shape[tag.lead :]:
            return replace(tag, lead=lead, reduced=True), None
        return self._unknown(tag), None

    def _drops(self) -> bool:
        """Return whether a dropout is one of training."""
        given = self.args[2] if len(self.args) > 2 else self.keywords.get("training", True)
        return bool(given) and bool(self.keywords.get("p", (*self.args, 0.5)[1]))

    def _unknown(self, tag: Tag) -> Tag:
        return replace(tag, problem=f"the function '{self.name}'")

    def _shaped(self, tag: Tag, before: Tensor, made: Tensor) -> tuple[Tag, Node | None]:
        """Return the tag of a new shape; features are flattened by a node."""
        new = reshaped(tag, before, made)
        was, now = tuple(before.shape[tag.lead :]), tuple(made.shape[new.lead :])
        if new.problem or was == now:
            return new, None
        if len(now) == 1:
            return new, Flatten()
        return replace(new, problem=f"a change of shape from {was} to {now}"), None

    def _added(self, made: Tensor) -> Tag:
        """Return the tag of a sum; what does not depend on the input must be 0."""
        given = list(self.args[:2])
        tags = [(self.tag_of(one) if isinstance(one, Tensor) else None) for one in given]
        found = [tag for tag in tags if tag]
        if self.keywords.get("alpha", 1) != 1:
            return self._unknown(found[0])
        for one, tag in zip(given, tags, strict=True):
            if tag is None and np.any(numbers(one)):
                return replace(found[0], problem="the sum with a constant")
            if tag is not None and one.shape != made.shape:
                return replace(tag, problem="a sum of different shapes")
        return combined(found) if len(found) > 1 else found[0]

    def _scaled(self, tag: Tag) -> tuple[Tag, Node | None]:
        """Return the tag of a product with a number, and the node that multiplies."""
        factor = self.args[1] if self._is_tagged(self.args[0]) else self.args[0]
        over = self.name in _OVER
        if self._is_tagged(factor) or np.size(numbers(factor)) != 1:
            return replace(tag, problem="a product with a tensor"), None
        if over and not self._is_tagged(self.args[0]):
            return self._unknown(tag), None
        number = float(numbers(factor).reshape(()))
        return tag, Scale(np.array(1 / number if over else number))

    def _is_tagged(self, value: Any) -> bool:
        return isinstance(value, Tensor) and self.tag_of(value) is not None

    def _together(self, tags: list[Tag]) -> Tag:
        """Return the tag of the outputs of all steps."""
        parts = self.args[0]
        names = {tag.names for tag in tags}
        if len(names) > 1 or len(tags) < len(parts) or self.name != "stack":
            return self._unknown(tags[0])
        steps = [step for tag in tags for _, step in tag.terms[:1] if step is not ALWAYS]
        if steps and steps != list(range(self.steps)):
            return replace(tags[0], problem="a choice or another order of the steps")
        tag = tags[0]
        place = self.args[1] if len(self.args) > 1 else self.keywords.get("dim", 0)
        place %= parts[0].ndim + 1
        terms = tuple((name, SEQUENCE) for name in tag.names)
        among = place <= tag.lead
        return replace(tag, terms=terms, lead=tag.lead + 1, axis=place, reduced=not among)

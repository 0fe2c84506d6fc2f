"""Run a torch network once, and write down which module passes what to which.

Neurons and layers are leaves. Hooks see the tensors that they take and return, and a
`TorchFunctionMode` sees the functions between them. A tensor is known by its identity, so no
number is read but those that must be 0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from brianbridge.errors import InputError
from brianbridge.interchange.frameworks import reader_of, time_axis_of
from brianbridge.interchange.graph import Node
from brianbridge.interchange.torch.functions import Call, given_to, tensors_in
from brianbridge.interchange.torch.layers import is_layer
from brianbridge.interchange.torch.tags import ALWAYS, SEQUENCE, Tag

__all__ = ["Leaf", "Trace"]

Edge = tuple[str, bool]


@dataclass
class Leaf:
    """A module, the shapes of its input and output, and its sources in each step.

    Parameters
    ----------
    module : torch.nn.Module or Node
        The module, or the node that a function stands for.
    seen, made : tuple of int
        Shape of its input and output, without batch and time.
    calls : list of set of (str, bool)
        For each step, the nodes whose values reached it, and whether from the step before.
    """

    module: Any
    seen: tuple[int, ...]
    made: tuple[int, ...]
    calls: dict[int | None, set[Edge]] = field(default_factory=dict)


class Trace(TorchFunctionMode):
    """Follow the tensors of one run.

    Attributes
    ----------
    leaves : dict of str to Leaf
        One for each module, in the order of the first calls.
    """

    def __init__(self) -> None:
        super().__init__()
        self._tags: dict[int, tuple[Tensor, Tag]] = {}
        self._inside = 0
        self._steps: dict[str, int] = defaultdict(int)
        self._made_by_functions: dict[tuple[Any, ...], str] = {}
        self.leaves: dict[str, Leaf] = {}
        self._names: dict[nn.Module, str] = {}

    # ------------------------------------------------------------------ tags

    def tag(self, tensor: Tensor) -> Tag | None:
        """Return the tag of a tensor, if it has one."""
        found = self._tags.get(id(tensor))
        return found[1] if found else None

    def set_tag(self, tensor: Tensor, tag: Tag) -> None:
        """Tag a tensor, and keep it, so that no other takes its identity."""
        self._tags[id(tensor)] = (tensor, tag)

    # ------------------------------------------------------------------ functions

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call a function, and tag what it returns if it is between the leaves."""
        keywords = kwargs or {}
        result = func(*args, **keywords)
        if self._inside:
            return result
        operands = given_to(args, keywords)
        name = getattr(func, "__name__", str(func))
        call = Call(name, operands, keywords, self.tag, self.steps)
        for number, made in enumerate(tensors_in(result)):
            found = call.result(made, number)
            if found is not None:
                tag, node = found
                self.set_tag(made, tag if node is None else self._node(node, call, tag, made))
        return result

    def _node(self, node: Node, call: Call, tag: Tag, made: Tensor) -> Tag:
        """Return the tag of what a node between modules returns; the same one in each step."""
        key = (type(node), tag.names, *(float(v) for v in vars(node).values()))
        name = self._made_by_functions.setdefault(
            key, f"{type(node).__name__.lower()}_{len(self._made_by_functions)}"
        )
        before = next(one for one in tensors_in(list(call.args)) if self.tag(one))
        old = self.tag(before)
        assert old is not None
        leaf = self.leaves.setdefault(
            name, Leaf(node, tuple(before.shape[old.lead :]), tuple(made.shape[tag.lead :]))
        )
        step = _step_of(old)
        leaf.calls[step] = self._edges(old, step, name)
        return replace(tag, terms=((name, step),))

    # ------------------------------------------------------------------ modules

    @property
    def steps(self) -> int:
        """How many steps the network ran in a loop of its own; 0 without one."""
        return max(self._steps.values(), default=0)

    @contextmanager
    def hooked(self, network: nn.Module) -> Iterator[None]:
        """Let hooks follow the leaves of a network."""
        self._names = {module: name or "module" for name, module in network.named_modules()}
        handles: list[Any] = []
        for module in _leaves(network):
            handles += [
                module.register_forward_pre_hook(self._enter),
                module.register_forward_hook(self._leave, with_kwargs=True),
            ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _enter(self, module: nn.Module, args: Any) -> None:
        self._inside += 1

    def _leave(self, module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
        """Write down one call of a leaf."""
        self._inside -= 1
        if self._inside:
            return
        name, made = self._names[module], list(tensors_in(result))
        given = list(tensors_in([args, kwargs]))
        if not given or not made:
            return
        tag = self.tag(given[0])
        if tag is None:
            if bool(given[0].any()):
                return
            tag = Tag((), 1)  # what starts at 0
        if not tag.problem:
            tag = self._called(module, name, given, tag, made[0])
        for k, tensor in reversed(list(enumerate(made))):
            self.set_tag(tensor, replace(tag, state=k > 0))

    def _called(
        self, module: nn.Module, name: str, given: list[Tensor], tag: Tag, made: Tensor
    ) -> Tag:
        """Return the tag of what a leaf returns."""
        neurons = reader_of(module) is not None
        if not neurons and not is_layer(module):
            return replace(tag, problem=f"'{name}' ({type(module).__name__})")
        if tag.reduced:
            return replace(tag, problem=f"a sum over steps before '{name}'")
        if tag.state:
            return replace(tag, problem=f"the state of {tag.names} as the input of '{name}'")
        step = _step_of(tag)
        if neurons:
            _check_time(module, name, tag, step)
        if neurons and step != SEQUENCE:
            step = self._steps[name]
            self._steps[name] += 1
            self._check_states(name, given[1:])
        lead = tag.lead
        leaf = self.leaves.setdefault(
            name, Leaf(module, tuple(given[0].shape[lead:]), tuple(made.shape[lead:]))
        )
        if step in leaf.calls and tag.terms:
            edges = self._edges(tag, step, name)
            if not neurons and edges != leaf.calls[step]:
                raise InputError(
                    f"'{name}' ({type(module).__name__}) is called twice in a step; use a module "
                    "of its own in each place"
                )
        leaf.calls[step] = self._edges(tag, step, name)
        return Tag(((name, step),), lead, axis=tag.axis)

    def _check_states(self, name: str, states: list[Tensor]) -> None:
        """Refuse states that come from elsewhere than the neurons' own step before."""
        for state in states:
            tag = self.tag(state)
            own = not state.any() if tag is None else tag.names == (name,)
            if not own:
                raise InputError(
                    f"'{name}' starts from a state that is given to it; start it at rest, with "
                    "no state or zeros"
                )

    def _edges(self, tag: Tag, step: int | None, name: str) -> set[Edge]:
        """Return where the values of a step come from."""
        edges = set()
        for source, when in tag.terms:
            if when == step or when is ALWAYS or step is ALWAYS:
                edges.add((source, False))
            elif step != SEQUENCE and when == step - 1:
                edges.add((source, True))
            else:
                raise InputError(
                    f"'{name}' takes the value of '{source}' from another step, which cannot be "
                    "read; pass values of the same step, or of the step before in a loop"
                )
        return edges


def _check_time(module: nn.Module, name: str, tag: Tag, step: int | None) -> None:
    """Refuse a sequence for neurons that take a single step, and the reverse."""
    what, axis = f"'{name}' ({type(module).__name__})", time_axis_of(module)
    if axis is None and step == SEQUENCE:
        raise InputError(
            f"{what} takes a single step, but gets all steps at once; let the module loop over the "
            "steps, or give one step as the example, with axes='b' and steps="
        )
    if axis is not None and step != SEQUENCE and tag.terms:
        raise InputError(
            f"{what} takes all steps at once, but gets a single one; give an example with an axis "
            "of time, and let the module pass on all of it"
        )
    if axis is not None and axis >= 0 and tag.terms and (tag.lead, tag.axis) != (2, axis):
        order = ("time and batch", "batch and time")[axis]
        raise InputError(
            f"{what} takes the axes {order} in this order, but gets others; give such an example, "
            f"with axes={('tb', 'bt')[axis]!r}"
        )


def _step_of(tag: Tag) -> int | None:
    """Return the step of a tensor: the latest of its terms."""
    steps = [step for _, step in tag.terms if step is not ALWAYS]
    if not tag.terms:
        return -1
    return max(steps) if steps else ALWAYS


def _leaves(network: nn.Module) -> Iterator[nn.Module]:
    """Yield neurons, layers, and modules without children, but nothing inside of them."""
    if reader_of(network) or is_layer(network) or not any(network.children()):
        yield network
        return
    for child in network.children():
        yield from _leaves(child)

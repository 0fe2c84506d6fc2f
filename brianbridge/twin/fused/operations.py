"""Read the source of a rendered step as a list of single operations.

Each operation names its result, one function of `brianbridge.kernels.vectors` (or ``step``,
``staircase`` or ``detach``), and its arguments: earlier results, arguments of the step, or numbers.
No name is assigned twice. So the list can be run forward, and in reverse for the gradient.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from brianbridge.twin.render import RenderedStep

__all__ = ["NotFusableError", "Operation", "Program", "read_program"]

Argument = str | float
_BINARY = {ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide"}
_COMPARISONS = {
    ast.Lt: ("less", False), ast.LtE: ("less_or_equal", False), ast.Gt: ("less", True),
    ast.GtE: ("less_or_equal", True), ast.Eq: ("equal", False), ast.NotEq: ("unequal", False),
}  # fmt: skip
_MASKS = {"less", "less_or_equal", "equal", "unequal", "both", "either", "no"}


class NotFusableError(Exception):
    """A step cannot become a compiled loop; the message is the reason."""


@dataclass(frozen=True)
class Operation:
    """Hold one operation.

    Parameters
    ----------
    result : str
        Name of the result.
    kind : str
        Name of the operation.
    arguments : tuple of str or float
        Names of values, or numbers.
    """

    result: str
    kind: str
    arguments: tuple[Argument, ...]

    @property
    def is_mask(self) -> bool:
        """Whether the result is a condition."""
        return self.kind in _MASKS

    @property
    def names(self) -> tuple[str, ...]:
        """The arguments that are names."""
        return tuple(a for a in self.arguments if isinstance(a, str))


@dataclass(frozen=True)
class Program:
    """Hold the operations of a step.

    Parameters
    ----------
    operations : tuple of Operation
        In the order in which they run.
    state : dict of str to str
        Name of each state variable's new value.
    conditions : frozenset of str
        The state variables that are conditions.
    emitted : str or float or None
        Name of the spike value; None if the neurons do not fire.
    received : tuple of str
        The arguments that hold synaptic input.
    constants : tuple of str
        The arguments that stay constant and may differ between neurons.
    """

    operations: tuple[Operation, ...]
    state: dict[str, Argument]
    conditions: frozenset[str]
    emitted: Argument | None
    received: tuple[str, ...]
    constants: tuple[str, ...]

    def active(self, given: Collection[str]) -> set[str]:
        """Return the names whose value has a gradient, if those of `given` have one.

        A gradient comes back to a state variable through the variable's value in the next step.
        """
        found = set(given)
        while True:
            before = len(found)
            for one in self.operations:
                if not one.is_mask and one.kind in _SMOOTH and found & set(_valued(one)):
                    found.add(one.result)
            found |= {n for n, new in self.state.items() if new in found} - self.conditions
            if len(found) == before:
                return found


#: Operations with a derivative; the others are constant almost everywhere.
_SMOOTH = {
    "add", "subtract", "multiply", "divide", "negative", "absolute", "root", "choose", "step",
    "staircase",
}  # fmt: skip


def _valued(one: Operation) -> tuple[str, ...]:
    """Return the arguments of which an operation is a function, without the mask of a choice."""
    values = one.arguments[1:] if one.kind == "choose" else one.arguments
    return tuple(a for a in values if isinstance(a, str))


def read_program(
    rendered: RenderedStep,
    given: Collection[str],
    numbers: Mapping[str, float],
    conditions: Collection[str],
) -> Program:
    """Read a rendered step.

    Parameters
    ----------
    rendered : RenderedStep
        The step, in either order.
    given : collection of str
        The arguments of synaptic input that are given; the others are None.
    numbers : mapping of str to float
        Constants that are plain numbers.
    conditions : collection of str
        The state variables that are conditions.

    Raises
    ------
    NotFusableError
        If a step is not made of the operations that have a compiled form.
    """
    if rendered.draws:
        raise NotFusableError("the step draws random numbers")
    functions = {
        node.name: node
        for node in ast.parse(rendered.source).body
        if isinstance(node, ast.FunctionDef)
    }
    halves = ["step"] if rendered.step is not None else ["fire", "settle"]
    if not set(halves) <= set(functions):
        raise NotFusableError("the step has no source")
    reader = _Reader({**rendered.numbers, **numbers}, rendered.state, conditions)
    received: list[str] = []
    for name in halves:
        arguments = [a.arg for a in functions[name].args.args]
        before = arguments[: arguments.index("t")]
        inputs = [a for a in before if a not in rendered.state and a != "emit"]
        constants = arguments[arguments.index("t") + 1 :]
        received += [a for a in inputs if a in given]
        reader.begin({a: a in given for a in inputs}, constants)
        results = reader.run(functions[name].body)
    state = dict(zip(rendered.state, results, strict=False))
    emits = "emit" in reader.names
    return Program(
        tuple(reader.operations),
        state,
        frozenset(conditions),
        reader.names["emit"] if emits else None,
        tuple(received),
        tuple(dict.fromkeys(reader.constants)),
    )


class _Reader:
    """Read statements; `names` has the present value of each variable."""

    def __init__(
        self, numbers: Mapping[str, float], state: Collection[str], conditions: Collection[str]
    ) -> None:
        self._numbers = numbers
        self.operations: list[Operation] = []
        self.names: dict[str, Argument] = {name: name for name in state}
        self.masks: set[str] = set(conditions)
        self.constants: list[str] = []
        self._given: dict[str, bool] = {}

    def begin(self, inputs: Mapping[str, bool], constants: Collection[str]) -> None:
        """Begin a function with these arguments."""
        self._given = dict(inputs)
        self.names |= {name: name for name, given in inputs.items() if given}
        self.names |= {name: name for name in constants if name not in self._numbers}
        self.names["t"] = "t"
        self._arguments = set(constants)

    def run(self, body: list[ast.stmt]) -> list[Argument]:
        """Read the statements of a function; return what it returns."""
        for statement in body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self.names[name] = self.value(value)
                case ast.If(
                    test=ast.Compare(left=ast.Name(id=name), ops=[ast.IsNot()]), body=inner
                ) if name in self._given:
                    if self._given[name]:
                        self.run(inner)
                case ast.Return(value=ast.Tuple(elts=values)):
                    return [self.value(value) for value in values]
                case ast.Pass():
                    pass
                case _:
                    raise NotFusableError(f"'{ast.unparse(statement)}' has no compiled form")
        return []

    def value(self, node: ast.expr) -> Argument:
        """Return the name of an expression's value, or the number that it is."""
        match node:
            case ast.Constant(value=bool(value)):
                return self._mask_of(value)
            case ast.Constant(value=int(value) | float(value)):
                return float(value)
            case ast.Name(id=name):
                return self._named(name)
            case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=2 | 2.0)):
                base = self.value(left)
                return self._add("multiply", base, base)
            case ast.BinOp(left=left, op=ast.BitAnd() | ast.BitOr() as how, right=right):
                kind = "both" if isinstance(how, ast.BitAnd) else "either"
                return self._add(kind, self._condition(left), self._condition(right))
            case ast.BinOp(left=left, op=how, right=right) if type(how) in _BINARY:
                return self._arithmetic(_BINARY[type(how)], self.value(left), self.value(right))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self.value(operand)
                return self._add("negative", inner) if isinstance(inner, str) else -inner
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.value(operand)
            case ast.UnaryOp(op=ast.Invert(), operand=operand):
                return self._add("no", self._condition(operand))
            case ast.Compare(left=left, ops=[how], comparators=[right]):
                kind, swapped = _COMPARISONS[type(how)]
                sides = [self.value(left), self.value(right)]
                return self._add(kind, *(sides[::-1] if swapped else sides))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._call(name, arguments)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr=name)):
                return self._torch(name, node)
            case ast.Call(func=ast.Attribute(value=value, attr="detach"), args=[]):
                return self._add("detach", self.value(value))
        raise NotFusableError(f"'{ast.unparse(node)}' has no compiled form")

    def _named(self, name: str) -> Argument:
        if name in self.names:
            if name in self._arguments:
                self.constants.append(name)
            return self.names[name]
        if name in self._numbers:
            return float(self._numbers[name])
        raise NotFusableError(f"'{name}' has no value")

    def _arithmetic(self, kind: str, a: Argument, b: Argument) -> str:
        self._check_number(a, b)
        if kind == "divide" and not isinstance(a, str):
            # torch divides a number by a tensor in two steps.
            inverse = self._add("divide", 1.0, b)
            return self._add("multiply", inverse, a)
        return self._add(kind, a, b)

    def _call(self, name: str, arguments: list[ast.expr]) -> Argument:
        match name, arguments:
            case "as_number", [x]:
                value = self.value(x)
                if value in self.masks:
                    return self._add("choose", value, 1.0, 0.0)
                return self._add("truncated", value)
            case "negation", [x]:
                return self._add("no", self._condition(x))
            case "abs", [x]:
                return self._add("absolute", self.value(x))
            case "sqrt", [x]:
                return self._add("root", self.value(x))
            case "clip", [x, low, high]:
                value = self.value(x)
                for kind, bound in ((False, self.value(low)), (True, self.value(high))):
                    beyond = self._add("less", *((bound, value) if kind else (value, bound)))
                    value = self._add("choose", beyond, bound, value)
                return value
            case "timestep", [t, dt]:
                step = self.value(dt)
                if isinstance(step, str):
                    raise NotFusableError("the length of a step is no number")
                shifted = self._arithmetic("add", self.value(t), 1e-3 * step)
                return self._add("truncated", self._add("divide", shifted, step))
            case "spike_step", [x, ast.Constant(value=bool(strict)), *unit]:
                scale = self.value(unit[0]) if unit else 1.0
                return self._add("step", self.value(x), float(strict), scale)
            case "spike_staircase", [x, low, high]:
                bounds = [self.value(low), self.value(high)]
                if not all(isinstance(b, float) for b in bounds):
                    raise NotFusableError("the levels of the spikes differ between neurons")
                return self._add("staircase", self.value(x), *bounds)
        raise NotFusableError(f"'{name}()' has no compiled form")

    def _torch(self, name: str, node: ast.Call) -> Argument:
        match name, node.args:
            case "where", [condition, a, b]:
                mask, left, right = self._condition(condition), self.value(a), self.value(b)
                if {left, right} & self.masks:
                    kept = self._add("both", mask, left)
                    return self._add(
                        "either", kept, self._add("both", self._add("no", mask), right)
                    )
                return self._add("choose", mask, left, right)
            case "zeros_like", [_]:
                return self._mask_of(False)
            case "ones_like", [_] if node.keywords:
                return self._mask_of(True)
        raise NotFusableError(f"'{ast.unparse(node)}' has no compiled form")

    def _mask_of(self, value: bool) -> str:
        return self._add("less_or_equal" if value else "less", 0.0, 0.0)

    def _condition(self, node: ast.expr) -> str:
        value = self.value(node)
        if value not in self.masks:
            raise NotFusableError(f"'{ast.unparse(node)}' is no condition")
        return str(value)

    def _add(self, kind: str, *arguments: Argument) -> str:
        values = arguments[1:] if kind == "choose" else arguments
        if kind not in {"both", "either", "no"} and self.masks.intersection(
            a for a in values if isinstance(a, str)
        ):
            raise NotFusableError(f"a condition is an argument of '{kind}'")
        if not any(isinstance(a, str) for a in arguments) and arguments != (0.0, 0.0):
            raise NotFusableError("a term of numbers alone is computed in every step")
        one = Operation(f"v{len(self.operations)}_", kind, arguments)
        if one.is_mask:
            self.masks.add(one.result)
        self.operations.append(one)
        return one.result

    def _check_number(self, *arguments: Argument) -> None:
        # torch computes with plain numbers, such as the time, in double precision.
        if not any(isinstance(a, str) and a != "t" for a in arguments):
            raise NotFusableError("a term of numbers alone is computed in every step")

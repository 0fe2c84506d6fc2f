"""Render the code of synapses as torch source.

Brian2 turns the code of `Synapses` into statements (`brianbridge.network.synapses.code`). Each
block of them becomes a function of tensors with one value for each synapse: a pathway, the exact
step of event-driven equations before it, one step of the clock-driven equations, the summand of a
summed variable. Variables of neurons arrive gathered by synapse. Terms that do not change during a
presentation are computed once, by ``prepare``. The source can be read:
``print(twin.synapses[name].rendered.source)``.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from brianbridge.errors import InputError
from brianbridge.network.synapses.code import SUM, PathwayCode, SynapseCode, masked
from brianbridge.neurons.abstract_code import TEMPORARY
from brianbridge.twin.expression import TorchRenderer
from brianbridge.twin.torch_functions import TORCH_FUNCTIONS, as_number, negation

__all__ = ["ADDED", "Block", "RenderedPathway", "RenderedSynapses", "render_synapses"]

#: Ending of the name of what a synapse adds to a variable of its target.
ADDED = "_added"


@dataclass(frozen=True)
class Block:
    """Hold a rendered function.

    Parameters
    ----------
    function : callable
        Takes the arguments in order and returns a tuple of the results.
    arguments, results : tuple of str
        Their names.
    """

    function: Callable[..., tuple[Any, ...]]
    arguments: tuple[str, ...]
    results: tuple[str, ...]


@dataclass(frozen=True)
class RenderedPathway:
    """Hold the functions of a pathway.

    Parameters
    ----------
    decay, code : Block
        The exact step of event-driven equations since the last event, and the code after it.
    in_turn : bool
        Whether synapses of the same target run one after another.
    masked : tuple of str
        Variables of the target that are not written while their neuron is refractory.
    """

    decay: Block
    code: Block
    in_turn: bool
    masked: tuple[str, ...]


@dataclass(frozen=True)
class RenderedSynapses:
    """Hold the functions of synapses.

    Parameters
    ----------
    source : str
        Their Python source.
    prepare : Block
        Computes the hoisted terms, once per presentation.
    sums : dict of str to Block
        The summand of each summed variable, by its name with ``_pre`` or ``_post``.
    update : Block
        One step of the clock-driven equations.
    pathways : dict of str to RenderedPathway
        What spikes do.
    again : callable
        Compiles the same source, where pickled synapses are loaded.
    """

    source: str
    prepare: Block
    sums: dict[str, Block]
    update: Block
    pathways: dict[str, RenderedPathway]
    again: Callable[[], RenderedSynapses]

    def __reduce__(self) -> tuple[Any, ...]:
        # Functions that were compiled from source have no name by which pickle could find them.
        return self.again, ()

    def __deepcopy__(self, memo: Any) -> RenderedSynapses:
        return self


def render_synapses(
    code: SynapseCode,
    *,
    constants: Collection[str],
    numbers: dict[str, float],
    dtype: torch.dtype,
    what: str,
) -> RenderedSynapses:
    """Render the code of synapses.

    Parameters
    ----------
    code : SynapseCode
        Their statements.
    constants : collection of str
        Names of values that do not change in a presentation, one for each synapse or for all.
    numbers : dict of str to float
        Values that all synapses share.
    dtype : torch.dtype
        Floating point type.
    what : str
        What the synapses belong to, for messages.

    Raises
    ------
    InputError
        If the code calls a function that has no torch rendering.
    """
    helpers = _helpers(dtype)
    if taken := sorted(set(helpers) & (code.used_names() | code.assigned_names())):
        raise InputError(f"{what}: '{taken[0]}' is a reserved name of the torch step; rename it")
    writer = _Writer(code, {*constants, *numbers, *TORCH_FUNCTIONS, *helpers})
    bodies = {"update": writer.block(code.update)}
    bodies |= {f"sum_{name}": writer.sum(found) for name, found in code.sums.items()}
    for name, pathway in code.pathways.items():
        bodies[f"decay_{name}"] = writer.block(pathway.decay)
        bodies[f"code_{name}"] = writer.pathway(pathway)
    # All hoisted terms are known only now.
    hoisted = writer.renderer.hoisted
    bodies["prepare"] = [f"{n} = {c}" for n, c in hoisted], [n for n, _ in hoisted]
    scope = {*TORCH_FUNCTIONS, *numbers, *helpers}
    sources, signatures = [], {}
    for name, (lines, results) in bodies.items():
        body = "\n".join([*filter(None, lines), f"return ({''.join(f'{r}, ' for r in results)})"])
        arguments = tuple(sorted(_free_names(body) - scope))
        signatures[name] = arguments, tuple(results)
        header = f"def {name}({', '.join(arguments)}):"
        sources.append("\n".join([header, *(f"    {line}" for line in body.splitlines())]))
    # Parsing and unparsing removes unneeded parentheses.
    source = "\n\n".join(ast.unparse(f) for f in ast.parse("\n".join(sources)).body)
    pathways = {n: (part.in_turn, masked(code, part)) for n, part in code.pathways.items()}
    return _compiled(what, source, numbers, dtype, signatures, tuple(code.sums), pathways)


def _helpers(dtype: torch.dtype) -> dict[str, Any]:
    """Return the names that the source uses besides the functions of equations."""
    return {"torch": torch, "as_number": partial(as_number, dtype=dtype), "negation": negation}


def _compiled(
    what: str,
    source: str,
    numbers: dict[str, float],
    dtype: torch.dtype,
    signatures: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]],
    sums: tuple[str, ...],
    pathways: Mapping[str, tuple[bool, tuple[str, ...]]],
) -> RenderedSynapses:
    """Compile the source of synapses.

    Parameters
    ----------
    what, numbers, dtype
        As in `render_synapses`.
    source : str
        The source of all functions.
    signatures : mapping of str to (arguments, results)
        The names of what each function takes and returns.
    sums : tuple of str
        The summed variables.
    pathways : mapping of str to (in_turn, masked)
        The pathways; see `RenderedPathway`.
    """
    scope: dict[str, Any] = {**TORCH_FUNCTIONS, **numbers, **_helpers(dtype)}
    exec(compile(source, f"<torch step of {what}>", "exec"), scope)
    blocks = {name: Block(scope[name], *signature) for name, signature in signatures.items()}
    rendered = {
        name: RenderedPathway(blocks[f"decay_{name}"], blocks[f"code_{name}"], *how)
        for name, how in pathways.items()
    }
    summands = {name: blocks[f"sum_{name}"] for name in sums}
    again = partial(_compiled, what, source, numbers, dtype, signatures, sums, pathways)
    return RenderedSynapses(source, blocks["prepare"], summands, blocks["update"], rendered, again)


class _Writer:
    """Write the bodies of all functions, with one list of hoisted terms."""

    def __init__(self, code: SynapseCode, taken: Iterable[str]) -> None:
        self._code = code
        used = code.used_names()
        self._taken = {*taken, *used, *(s.var for s in code.all)}
        constants = set(taken)
        changing = {n for n in used | code.assigned_names() if n not in constants} | {"t"}
        self.renderer = TorchRenderer(changing, self._unused, unit=lambda above, below: 1.0)

    def _unused(self, name: str) -> str:
        while name in self._taken:
            name += "_"
        return name

    def block(self, statements: list[Any]) -> tuple[list[str], list[str]]:
        """Return the lines of statements, and the variables that they change."""
        lines = [self.renderer.assignment(s) for s in statements]
        return lines, _changed(statements)

    def sum(self, statements: list[Any]) -> tuple[list[str], list[str]]:
        """Return the lines that compute a summand."""
        lines, _ = self.block(statements)
        hoisted = dict(self.renderer.hoisted)
        if SUM in hoisted:  # the summand is constant
            return [*lines, f"summand = {SUM}"], ["summand"]
        return lines, [SUM]

    def pathway(self, pathway: PathwayCode) -> tuple[list[str], list[str]]:
        """Return the lines of a pathway, and what it changes or adds to its target."""
        if pathway.in_turn:
            lines = [
                self._masked(s) if s.var in masked(self._code, pathway)
                else self.renderer.assignment(s)
                for s in pathway.statements
            ]  # fmt: skip
            return lines, _changed(pathway.statements)
        lines, results, added = [], [], set()
        for statement in pathway.statements:
            if statement.op == TEMPORARY or not statement.var.endswith("_post"):
                lines.append(self.renderer.assignment(statement))
                results += [] if statement.op == TEMPORARY else [statement.var]
                continue
            name = statement.var + ADDED
            sign = "-" if statement.op == "-=" else ""
            before = f"{name} + " if name in added else ""
            lines.append(f"{name} = {before}{sign}({self.renderer.hard(statement.expr)})")
            added.add(name)
            results.append(name)
        return lines, list(dict.fromkeys(results))

    def _masked(self, statement: Any) -> str:
        """Return an assignment to a variable of the target, which a refractory neuron ignores."""
        name, value = self.renderer.assignment(statement).split(" = ", 1)
        return f"{name} = torch.where(not_refractory_post, {value}, {name})"


def _changed(statements: list[Any]) -> list[str]:
    return list(dict.fromkeys(s.var for s in statements if s.op != TEMPORARY))


def _free_names(body: str) -> set[str]:
    """Return the names that a body reads before it sets them."""
    free: set[str] = set()
    known: set[str] = set()
    for line in body.splitlines():
        node = ast.parse(line.removeprefix("return "))
        names = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
        free |= {n.id for n in names if isinstance(n.ctx, ast.Load)} - known
        known |= {n.id for n in names if isinstance(n.ctx, ast.Store)}
    return free

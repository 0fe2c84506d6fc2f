"""Read `Synapses` objects as projections.

Code that only adds a weight becomes one projection for each line. Other code becomes one projection
whose synapses have a model. In the user's network all pathways of a step run one after another; the
twin runs those of models first. So an addition that comes before a model which reads its variable
becomes a part of a model, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from brian2.utils.stringtools import get_identifiers

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network import INPUT, Projection, Sparse
from brianbridge.network.synapses.code import read_code
from brianbridge.simulation.reader.addition import Addition
from brianbridge.simulation.reader.objects import Parts, check_input
from brianbridge.simulation.reader.synapse_checks import delay_steps
from brianbridge.simulation.reader.synapse_code import additions
from brianbridge.simulation.reader.synapse_model import read_model
from brianbridge.simulation.reader.synapse_names import whole

__all__ = ["ends", "read_projections"]

#: A projection, and where its weights come from.
Found = tuple[Projection, dict[str, Any]]


def ends(synapses: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return source and target indices of each synapse, counted in whole groups, not subgroups."""
    i, j = (np.asarray(numbers[:]) for numbers in (synapses.i, synapses.j))
    return i + synapses.source.start, j + synapses.target.start


def read_projections(
    parts: Parts,
    names: Mapping[str, str],
    dt: float,
    outer: Mapping[str, Any],
    first: Mapping[str, int],
    train: Mapping[str, str | None],
) -> Iterator[Found]:
    """Yield the projections of all `Synapses`, and the origin of their weights.

    Parameters
    ----------
    parts : Parts
        The objects of the network.
    names : mapping of str to str
        Name of the population (or of the input) by the name of its group.
    dt : float
        Time step of the network, in seconds.
    outer : mapping
        Constants that the namespace of the synapses does not have.
    first : mapping of str to int
        The first input neuron of each external source, by the name of its group.
    train : mapping of str to str or None
        The trained variable of some `Synapses`, by their name.

    Raises
    ------
    InputError
        If `Synapses` do something that no projection can hold.
    """
    known = [one.name for one in parts.synapses]
    for name in set(train) - set(known):
        raise InputError(f"train: there are no synapses '{name}'. {did_you_mean(name, known)}")
    for name, chosen in train.items():
        if chosen is not None and not isinstance(chosen, str):
            raise InputError(
                f"train: synapses '{name}' have {chosen!r}; give the name of one variable, and all "
                "others keep their values"
            )
    reader = _Reader(names, dt, outer, first, train)
    for one in parts.synapses:
        _check_connected(one)
        reader.check_ends(one, parts.sources)
    lines = {one.name: reader.simple(one) for one in parts.synapses}
    orders = _orders(parts, lines, outer)
    for one in parts.synapses:
        if lines[one.name]:
            yield from reader.added(one, lines[one.name])
        else:
            yield reader.modelled(one, orders)


def _check_connected(synapses: Any) -> None:
    """Refuse what Brian2 would not run; a condition that no pair fulfils is fine."""
    if not synapses._connect_called:
        raise InputError(
            f"synapses '{synapses.name}' has no synapses; call its connect(...), or leave it out "
            "of the Network"
        )


@dataclass(frozen=True)
class _Reader:
    """Read one `Synapses` object; see `read_projections` for the fields."""

    names: Mapping[str, str]
    dt: float
    outer: Mapping[str, Any]
    first: Mapping[str, int]
    train: Mapping[str, str | None]

    def check_ends(self, synapses: Any, sources: Sequence[Any]) -> None:
        """Refuse synapses of groups that are not in the network, and those to the input."""
        what = f"synapses '{synapses.name}'"
        for role, group in (("source", synapses.source), ("target", synapses.target)):
            if whole(group).name not in self.names:
                raise InputError(
                    f"{what}: its {role} '{whole(group).name}' is not a group of the network; add "
                    "it (synapses onto synapses have no place in a projection)"
                )
        if self.names[whole(synapses.target).name] == INPUT:
            check_input(whole(synapses.target), sources)
            raise InputError(f"{what} leads to the input, whose spikes are given; remove it")

    def simple(self, synapses: Any) -> list[Addition]:
        """Return the terms that synapses add; an empty list if they need a model."""
        found = additions(synapses, self.outer)
        chosen = self.train.get(synapses.name)
        return found if not chosen or chosen in {one.variable for one in found} else []

    def added(self, synapses: Any, lines: list[Addition]) -> Iterator[Found]:
        """Yield a projection for each line that adds a weight."""
        source, target, offset = self._ends(synapses)
        i, j = ends(synapses)
        several = len({line.pathway for line in lines}) > 1
        chosen = self.train.get(synapses.name, "")
        for line in lines:
            label = [synapses.name, *([line.pathway.objname] if several else [])]
            label += [line.receive] if len(lines) > 1 else []
            delay, delays = self._delays(synapses, line)
            weight, element = _weight(synapses, line)
            projection = Projection(
                source,
                target,
                weight,
                connection=Sparse(i + offset, j, delays, element),
                receive=line.receive,
                delay=delay,
                frozen=not line.variable or (chosen != "" and chosen != line.variable),
                label="_".join(label),
            )
            origin = {"synapses": synapses.name, "variable": line.variable, "factor": line.factor}
            origin |= {"first": offset, "pathway": line.pathway.objname}
            yield projection, origin

    def modelled(self, synapses: Any, orders: Mapping[str, int]) -> Found:
        """Return a projection whose synapses have a model."""
        source, target, offset = self._ends(synapses)
        i, j = ends(synapses)
        read = read_model(
            synapses, self.dt, self.outer, orders,
            from_input=source == INPUT, train=self.train,
        )  # fmt: skip
        one_for_all = not read.model.trained or read.model.trained in read.model.shared
        element = np.zeros(len(i), dtype=np.int64) if one_for_all else None
        projection = Projection(
            source,
            target,
            read.weight,
            connection=Sparse(i + offset, j, element=element),
            frozen=not read.model.trained,
            label=synapses.name,
            model=read.model,
        )
        origin = {"synapses": synapses.name, "variable": read.model.trained, "factor": 1.0}
        return projection, {**origin, "first": offset}

    def _ends(self, synapses: Any) -> tuple[str, str, int]:
        """Return the names of source and target, and the first input neuron of the source."""
        source, target = whole(synapses.source).name, whole(synapses.target).name
        return self.names[source], self.names[target], self.first.get(source, 0)

    def _delays(self, synapses: Any, line: Addition) -> tuple[float, np.ndarray | None]:
        """Return the delay that all synapses have, in seconds; if they differ, 0 and all delays."""
        steps = delay_steps(line.pathway, self.dt, f"synapses '{synapses.name}'")
        if not len(steps) or np.all(steps == steps[0]):
            return float(steps[0] * self.dt) if len(steps) else 0.0, None
        return 0.0, steps * self.dt


def _weight(synapses: Any, line: Addition) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the weights in SI units, and the element of each synapse if they share one."""
    if not line.variable:
        return np.full(len(synapses), line.factor), None
    variable = synapses.variables[line.variable]
    weight = np.atleast_1d(np.array(variable.get_value())) * line.factor
    return weight, np.zeros(len(synapses), dtype=np.int64) if variable.scalar else None


# ---------------------------------------------------------------------- the order of pathways


def _orders(
    parts: Parts, lines: dict[str, list[Addition]], outer: Mapping[str, Any]
) -> dict[str, int]:
    """Return the place of each pathway of a model; move lines to models where they must be.

    Parameters
    ----------
    parts : Parts
        The objects of the network.
    lines : dict of str to list of Addition
        What each `Synapses` object adds; emptied for those that become models.
    outer : mapping
        Constants.
    """
    readers: list[_Access] = []
    left = [one for one in parts.synapses if not lines[one.name]]
    while left:
        for one in left:
            readers += _accesses(one, outer)
        left = [
            one
            for one in parts.synapses
            if any(_is_late(line, one, readers) for line in lines[one.name])
        ]
        for one in left:
            lines[one.name] = []
    for one in parts.poisson_inputs:
        target = whole(one.group).name, one.target_var
        if any(target in r.variables and (one.order, one.name) < r.when for r in readers):
            raise InputError(
                f"'{one.name}' (PoissonInput) adds to '{one.target_var}' before synapses read it; "
                "replace it by a PoissonGroup and Synapses"
            )
    first = -len(readers) - 1  # before the pathways of all others, whose order is -1
    in_order = sorted(readers, key=lambda reader: reader.when)
    return {reader.pathway: first + place for place, reader in enumerate(in_order)}


@dataclass(frozen=True)
class _Access:
    """Hold when a pathway of a model runs, and which variables of neurons it depends on."""

    pathway: str
    when: tuple[int, str]
    variables: frozenset[tuple[str, str]] = field(default_factory=frozenset)


def _accesses(synapses: Any, outer: Mapping[str, Any]) -> Iterator[_Access]:
    """Yield the variables that pathways of a `Synapses` object read, or do not merely add to."""
    code = read_code(synapses, outer)
    groups = {"pre": whole(synapses.source).name, "post": whole(synapses.target).name}
    for pathway in synapses._pathways:
        found = code.pathways[pathway.objname]
        names = set().union(*(get_identifiers(s.expr) for s in found.all))
        names |= {s.var for s in found.statements} if found.in_turn else set()
        split = (name.rpartition("_") for name in names)
        variables = frozenset((groups[side], name) for name, _, side in split if side in groups)
        yield _Access(pathway.name, (pathway.order, pathway.name), variables)


def _is_late(line: Addition, synapses: Any, readers: list[_Access]) -> bool:
    """Return whether a line adds to a variable before a model depends on it."""
    target = whole(synapses.target).name, line.receive
    when = line.pathway.order, line.pathway.name
    return any(target in reader.variables and when < reader.when for reader in readers)

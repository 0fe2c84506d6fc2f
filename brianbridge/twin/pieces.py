"""Present a batch in parts of time, of which the backward pass keeps the borders alone.

`in_parts` cuts a presentation and carries its state from part to part; `run_in_parts` does so with
all populations of a twin. See `brianbridge.twin.recompute` for what it saves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from brianbridge.network import INPUT
from brianbridge.network.readouts import read_output
from brianbridge.twin.modules import NetworkModules
from brianbridge.twin.output import TwinOutputRun, summed_sizes
from brianbridge.twin.received import batch_of, steps_of
from brianbridge.twin.recompute import SameDraws, part_lengths, recomputed
from brianbridge.twin.scan import run
from brianbridge.twin.state import TwinState

__all__ = ["Piece", "Recomputed", "in_parts", "run_in_parts"]

#: What a tensor of a piece is, its owner, and the name of its variable if it is one.
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Piece:
    """Results of some steps of a presentation.

    Parameters
    ----------
    listed : mapping of str to Tensor, shape (steps, batch, ...)
        What is kept of every step.
    summed : mapping of str to Tensor
        What is added up over all steps.
    values : mapping of str to mapping of str to Tensor
        The state from which the next steps continue, as in `TwinState`.
    emitted : mapping of str to Tensor, shape (steps, batch, *shape)
        Spikes that may still be on their way, of each population.
    """

    listed: Mapping[str, Tensor] = field(default_factory=dict)
    summed: Mapping[str, Tensor] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    emitted: Mapping[str, Tensor] = field(default_factory=dict)

    def tensors(self) -> dict[Key, Tensor]:
        """Return all tensors, by what they are."""
        found: dict[Key, Tensor] = {("listed", n, ""): x for n, x in self.listed.items()}
        found |= {("summed", name, ""): x for name, x in self.summed.items()}
        found |= {("emitted", name, ""): x for name, x in self.emitted.items()}
        for owner, variables in self.values.items():
            found |= {("values", owner, name): x for name, x in variables.items()}
        return found

    @classmethod
    def of(cls, tensors: Mapping[Key, Tensor]) -> Piece:
        """Return the piece whose `tensors` these are."""
        parts: dict[str, dict[str, Tensor]] = {"listed": {}, "summed": {}, "emitted": {}}
        values: dict[str, dict[str, Tensor]] = {}
        for (what, owner, name), tensor in tensors.items():
            if what == "values":
                values.setdefault(owner, {})[name] = tensor
            else:
                parts[what][owner] = tensor
        return cls(values=values, **parts)


#: Runs a twin for some steps: ``run_piece(current, raster, start, steps)``.
RunPiece = Callable[[Tensor | None, Tensor | None, TwinState, int], Piece]


def in_parts(
    twin: NetworkModules, current: Tensor | None, raster: Tensor | None, run_piece: RunPiece
) -> Piece:
    """Present an encoded batch, in parts that the backward pass runs again if the twin says so.

    Parameters
    ----------
    twin : NetworkModules
        The twin; see `NetworkModules.recomputing`.
    current : Tensor, shape (batch, *input_shape), optional
        Constant input.
    raster : Tensor, shape (T, batch, *input_shape), optional
        Input spikes.
    run_piece : callable
        Runs some steps.

    Returns
    -------
    Piece
        That of the whole presentation.
    """
    steps = steps_of(twin, raster, None)
    if not twin.recomputes:
        return run_piece(current, raster, TwinState(), steps)
    longest, draws = twin.longest_delay(), SameDraws(twin.device)
    found, listed, first = Piece(), [], 0
    for length in part_lengths(steps):
        given = current if raster is None else raster[max(0, first - longest) : first + length]
        assert given is not None, "give a current or a raster"
        carried = Piece(values=found.values, emitted=found.emitted).tensors()
        part = _Rerun(run_piece, raster is None, first, length, tuple(carried))
        results = recomputed(part, twin, (given, *carried.values()), draws)
        piece = Piece.of(dict(zip(part.results, results, strict=True)))
        summed = {
            n: found.summed[n] + x if n in found.summed else x for n, x in piece.summed.items()
        }
        found, first = replace(piece, summed=summed), first + length
        listed.append(piece.listed)
    return replace(found, listed={n: torch.cat([one[n] for one in listed]) for n in found.listed})


class _Rerun:
    """Run a piece from a list of tensors: its input, and what is carried into it."""

    def __init__(
        self, run_piece: RunPiece, constant: bool, first: int, steps: int, carried: tuple[Key, ...]
    ) -> None:
        self._run_piece, self._constant = run_piece, constant
        self._first, self._steps, self._carried = first, steps, carried
        self.results: tuple[Key, ...] = ()

    def __call__(self, given: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return the tensors of the piece; `results` then says what they are."""
        x, *tensors = given
        carried = Piece.of(dict(zip(self._carried, tensors, strict=True)))
        known = 0 if self._constant else len(x) - self._steps
        emitted = {INPUT: x[:known], **carried.emitted} if known else carried.emitted
        start = TwinState(self._first, carried.values, emitted)
        current, raster = (x, None) if self._constant else (None, x[known:])
        found = self._run_piece(current, raster, start, self._steps).tensors()
        self.results = tuple(found)
        return tuple(found.values())


@dataclass(frozen=True)
class Recomputed:
    """Results of a network in one presentation, without the spikes of all steps.

    Parameters
    ----------
    output : Tensor, shape (batch, classes)
        The network's readout of its last population.
    summed : mapping of str to Tensor, shape (batch, *shape)
        Summed sizes of the spike values of each population that fires.
    """

    output: Tensor
    summed: Mapping[str, Tensor]

    def counts(self, name: str) -> Tensor:
        """Return the summed sizes of a population's spike values, ``(batch, *shape)``."""
        return self.summed[name]


def run_in_parts(twin: NetworkModules, current: Tensor | None, raster: Tensor | None) -> Recomputed:
    """Present an encoded batch in parts, which the backward pass runs again.

    Output and random numbers are those of `NetworkTwin.run`; the gradient is, too, up to the order
    in which parts are added.

    Parameters
    ----------
    twin, current, raster
        As in `in_parts`.
    """
    network, last, longest = twin.network, twin.network.output, twin.longest_delay()
    batch = batch_of(current, raster)
    # Spikes of value 1 need no search for negative ones.
    sums = {p.name: _summed if p.neuron.is_binary else summed_sizes for p in network.firing}

    def run_piece(
        current: Tensor | None, raster: Tensor | None, start: TwinState, steps: int
    ) -> Piece:
        spikes, values, _ = run(twin, current, raster, batch, (), None, start, steps)
        return Piece(
            {last.name: spikes[last.name]} if network.fires(last.name) else {},
            {name: sums[name](emitted) for name, emitted in spikes.items()},
            values,
            start.kept(spikes, longest) if longest else {},
        )

    found = in_parts(twin, current, raster, run_piece)
    ran = TwinOutputRun(
        last.neuron, steps_of(twin, raster, None), found.listed.get(last.name),
        found.values[last.name],
    )  # fmt: skip
    return Recomputed(read_output(network.readout, ran), found.summed)


def _summed(values: Tensor) -> Tensor:
    return values.sum(0)

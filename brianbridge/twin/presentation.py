"""One presentation of a batch to a population, step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from brianbridge.twin.draws import Draw
from brianbridge.twin.fused.recurrent import Feedback
from brianbridge.twin.fused.scan import FusedScan
from brianbridge.twin.render import RenderedStep

__all__ = ["Presentation"]


class Presentation:
    """Run a population through one presentation of a batch, step by step.

    Parameters
    ----------
    rendered : RenderedStep
        The step of the population.
    dt : float
        Length of a step, in seconds.
    fires : bool
        Whether the neurons emit spikes.
    received : tuple of str
        The variables that spikes add to.
    constants : tuple of Tensor
        The arguments that the step does not change, including the drive.
    state : tuple of Tensor, each of shape (batch, *shape)
        The initial state.
    draw : callable
        Returns the random numbers of one call in the code, in one step.
    like : Tensor, shape (batch, *shape)
        A tensor of the shape and type of the spikes of a step.
    fused : FusedScan
        Runs several steps in one compiled loop.
    """

    def __init__(
        self,
        rendered: RenderedStep,
        dt: float,
        *,
        fires: bool,
        received: tuple[str, ...],
        constants: tuple[Tensor, ...],
        state: tuple[Tensor, ...],
        draw: Callable[[Draw, int], Tensor],
        like: Tensor,
        fused: FusedScan,
    ) -> None:
        self._rendered, self._dt, self._state = rendered, dt, state
        self._fused = fused
        self._fires, self._received = fires, received
        self._draw, self._like = draw, like
        self._drawn: tuple[int, tuple[Tensor, ...]] | None = None
        self._constants = (*constants, *rendered.prepare(*constants))

    def __getitem__(self, name: str) -> Tensor:
        """Return the present value of a state variable, ``(batch, *shape)``."""
        return self._state[self._rendered.state.index(name)]

    def put(self, name: str, values: Tensor) -> None:
        """Set a state variable, ``(batch, *shape)``."""
        place = self._rendered.state.index(name)
        self._state = (*self._state[:place], values, *self._state[place + 1 :])

    def states(self) -> dict[str, Tensor]:
        """Return the present values of all state variables."""
        return dict(zip(self._rendered.state, self._state, strict=True))

    def run(
        self,
        first: int,
        steps: int,
        inputs: Mapping[str, Tensor],
        record: Sequence[str] = (),
        feedback: Feedback | None = None,
    ) -> tuple[Tensor | None, dict[str, Tensor]]:
        """Run several steps, in one compiled loop if possible.

        Parameters
        ----------
        first, steps : int
            Number of steps before, and of steps.
        inputs : mapping of str to Tensor, shape (T, batch, *shape)
            Synaptic input, by the variable that it adds to.
        record : sequence of str
            State variables to record.
        feedback : Feedback, optional
            Synapses of the population with itself; the variable that they add to has an input.

        Returns
        -------
        spikes : Tensor or None, shape (T, batch, *shape)
            The spike values; None if the neurons do not fire.
        traces : dict of str to Tensor, shape (T, batch, *shape)
            Recorded variables at the end of each step, after the reset.
        """
        if not record:
            # A copy: this object will hold the results, which in turn hold what repeats them.
            result = self._fused.run(
                inputs, self._state, self._constants, self._like, steps, first, self._dt,
                partial(copy(self)._again, first, steps, feedback), feedback,
            )  # fmt: skip
            if result is not None:
                self._state = result[self._fires :]
                return (result[0] if self._fires else None), {}
        return self._one_by_one(first, steps, inputs, record, feedback)

    def _one_by_one(
        self,
        first: int,
        steps: int,
        inputs: Mapping[str, Tensor],
        record: Sequence[str],
        feedback: Feedback | None,
    ) -> tuple[Tensor | None, dict[str, Tensor]]:
        """Run steps with torch's operations; arguments and results are as in `run`."""
        spikes: list[Tensor] = []
        traces: dict[str, list[Tensor]] = {name: [] for name in record}
        # The gradient of `unbind` is one stack; that of `values[k]` fills all steps in each step.
        in_steps = {name: values.unbind(0) for name, values in inputs.items()}
        for k in range(steps):
            x = {name: values[k] for name, values in in_steps.items()}
            if feedback is not None and k >= feedback.lag:
                own = F.linear(spikes[k - feedback.lag].flatten(1), feedback.weight)
                received = x[feedback.variable]
                x[feedback.variable] = received + own.view(received.shape)
            emitted = self.step(first + k, x)
            if emitted is not None:
                spikes.append(emitted)
            for name in record:
                traces[name].append(self[name])
        return (
            torch.stack(spikes) if self._fires else None,
            {name: torch.stack(values) for name, values in traces.items()},
        )

    def _again(
        self,
        first: int,
        steps: int,
        feedback: Feedback | None,
        inputs: Mapping[str, Tensor],
        state: Sequence[Tensor],
        constants: Sequence[Any],
        weight: Tensor | None,
    ) -> tuple[Tensor, ...]:
        """Run other values with torch's operations; return spikes, if any, and the final state."""
        other = copy(self)
        other._state, other._constants = tuple(state), tuple(constants)
        if feedback is not None and weight is not None:
            feedback = replace(feedback, weight=weight)
        spikes, _ = other._one_by_one(first, steps, inputs, (), feedback)
        return (*(() if spikes is None else (spikes,)), *other._state)

    def step(self, k: int, x: Mapping[str, Tensor]) -> Tensor | None:
        """Run step `k`; return the spike values if the neurons fire."""
        function = self._rendered.step
        if function is None:  # Brian2's default order
            emitted = self.fire(k)
            self.settle(k, emitted, x)
            return emitted
        result = function(*self._state, *self._in_order(x), *self._at(k))
        return self._keep_state(result)

    def fire(self, k: int) -> Tensor | None:
        """Run the first half of step `k` in the default order; return the spike values."""
        function = self._rendered.fire
        assert function is not None, "these neurons are stepped in the canonical order"
        return self._keep_state(function(*self._state, *self._at(k)))

    def settle(self, k: int, emitted: Tensor | None, x: Mapping[str, Tensor]) -> None:
        """Run the second half of step `k` in the default order: receive and reset."""
        function = self._rendered.settle
        assert function is not None, "these neurons are stepped in the canonical order"
        spikes = () if emitted is None else (emitted,)
        received = self._in_order(x)
        self._state = function(*self._state, *spikes, *received, *self._at(k))

    def _at(self, k: int) -> tuple[Any, ...]:
        """Return the time, the random numbers and the constants of step `k`."""
        if self._drawn is None or self._drawn[0] != k:  # both halves of a step take the same
            self._drawn = k, tuple(self._draw(one, k) for one in self._rendered.draws)
        return (k * self._dt, *self._drawn[1], *self._constants)

    def _in_order(self, x: Mapping[str, Tensor]) -> tuple[Tensor | None, ...]:
        return tuple(x.get(name) for name in self._received)

    def _keep_state(self, result: tuple[Tensor, ...]) -> Tensor | None:
        if not self._fires:
            self._state = result
            return None
        *state, emitted = result
        self._state = tuple(state)
        if emitted.shape == self._like.shape:
            return emitted
        # A condition on constants or the time alone has no value for each sample.
        return emitted.to(self._like).expand_as(self._like)

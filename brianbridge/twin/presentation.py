"""One presentation of a batch to a population, step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from brianbridge.twin.draws import Draw
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
    ) -> None:
        self._rendered, self._dt, self._state = rendered, dt, state
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

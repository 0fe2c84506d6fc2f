"""A population as a torch module: the rendered step, scanned over time.

Usable alone inside any torch model: time comes first, ``(T, batch, *shape)``. The module has no
trainable parameters and keeps no state between calls; every call is one presentation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import InputError
from ..neurons.model import NeuronModel
from ..neurons.quantities import seconds
from .render import RenderedStep, render
from .spike_function import SpikeFunction

__all__ = ["PopulationOutput", "PopulationTwin"]


@dataclass(frozen=True)
class PopulationOutput:
    """Hold what a population did during one presentation.

    Parameters
    ----------
    spikes : Tensor or None, shape (T, batch, *shape)
        Spike values; None if the population does not fire.
    state : dict of str to Tensor, shape (batch, *shape)
        The state at the end.
    traces : dict of str to Tensor, shape (T, batch, *shape)
        Recorded variables at the end of each step, after the reset.
    """

    spikes: Tensor | None
    state: dict[str, Tensor]
    traces: dict[str, Tensor] = field(default_factory=dict)


class PopulationTwin(nn.Module):
    """Run neurons of one model in torch, step by exact step.

    Parameters
    ----------
    model : NeuronModel
        The description.
    shape : tuple of int
        Shape of the population, without time and batch.
    dt : Quantity or float
        Length of a step (seconds if a plain number).
    spike_function : SpikeFunction, optional
        How to differentiate through a spike.
    fires : bool
        Whether the neurons emit and reset; else the membrane potential is free.
    dtype : torch.dtype, optional
        Floating point type of the state; torch's default type if not given.

    Examples
    --------
    >>> from brian2 import ms
    >>> from brianbridge.neurons.library import neuron_model
    >>> neurons = PopulationTwin(neuron_model("if"), (2,), dt=1*ms)
    >>> x = torch.full((4, 1, 2), 0.5)                   # four steps, one sample
    >>> neurons(x)[:, 0, 0]
    tensor([0., 1., 0., 1.])
    """

    _like: Tensor

    def __init__(
        self,
        model: NeuronModel,
        shape: Sequence[int],
        dt: Any,
        *,
        spike_function: SpikeFunction | None = None,
        fires: bool = True,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.model, self.shape, self.dt = model, tuple(shape), seconds(dt, "dt of a population")
        self.fires = fires and bool(model.emit)
        neurons = int(np.prod(self.shape))
        dtype = dtype or torch.get_default_dtype()
        needed = neurons if model.heterogeneous or _differ(model.initial) else 1
        self.rendered: RenderedStep = render(
            model, needed, self.dt, fires=fires, spike_function=spike_function, dtype=dtype
        )
        self.register_buffer("_like", torch.zeros((), dtype=dtype), persistent=False)
        for name, values in {**self.rendered.arrays, **self.rendered.initial}.items():
            tensor = torch.as_tensor(np.array(values))
            if tensor.dtype != torch.bool:
                tensor = tensor.to(dtype)
            tensor = tensor.reshape(self.shape) if needed > 1 else tensor.reshape(())
            self.register_buffer(f"_{name}_", tensor, persistent=False)

    def extra_repr(self) -> str:
        """Name the model, the shape and the step in the module's representation."""
        return f"{self.model.name or 'neurons'}, shape={self.shape}, dt={self.dt:g} s"

    def initial_state(self, batch: int) -> dict[str, Tensor]:
        """Return the state at the start of a presentation, each ``(batch, *shape)``."""
        shape = (batch, *self.shape)
        return {n: getattr(self, f"_{n}_").expand(shape) for n in self.rendered.state}

    def run(
        self,
        x: Tensor | None = None,
        drive: Tensor | None = None,
        *,
        steps: int | None = None,
        batch: int | None = None,
        record: Sequence[str] = (),
    ) -> PopulationOutput:
        """Present one batch of samples.

        Parameters
        ----------
        x : Tensor, shape (T, batch, *shape), optional
            What the synapses add to the receiving variable in each step.
        drive : Tensor, shape (batch, *shape) or (*shape), optional
            Constant value of the drive variable, in SI units.
        steps, batch : int, optional
            Needed where `x` does not tell them.
        record : sequence of str
            State variables to record.

        Raises
        ------
        InputError
            If the model has no drive, or no such variable to record, or shapes do not fit.
        """
        rendered = self.rendered
        if x is not None:
            steps, batch = x.shape[:2]
        elif batch is None and drive is not None and drive.ndim > len(self.shape):
            batch = drive.shape[0]
        if not steps or batch is None:
            raise InputError("a population needs an input, or to be told steps and batch")
        sample = (batch, *self.shape)
        if x is not None and x.shape != (steps, *sample):
            self._misfit("input", x, "(steps, batch, ...)")
        if drive is not None and drive.shape not in (sample, self.shape):
            self._misfit("drive", drive, f"{sample} or {self.shape}")
        for name in record:
            if name not in rendered.state:
                raise InputError(
                    f"'{name}' is no state variable of {self}; it has {rendered.state}"
                )
        still = [getattr(self, f"_{name}_") for name in (*rendered.arrays, *rendered.inputs)]
        if drive is not None:
            if self.model.drive not in rendered.inputs:
                raise InputError(
                    f"neuron model '{self.model.name}' names no drive, so no constant input can "
                    "reach it; give the model a 'drive'"
                )
            still[len(rendered.arrays) + rendered.inputs.index(self.model.drive)] = drive
        hoisted = rendered.prepare(*still)
        state: tuple[Tensor, ...] = tuple(self.initial_state(batch).values())
        spikes: list[Tensor] = []
        traces: dict[str, list[Tensor]] = {name: [] for name in record}
        inputs = x.unbind(0) if x is not None else (None,) * steps
        for k, received in enumerate(inputs):
            result = rendered.step(*state, received, k * self.dt, *still, *hoisted)
            if self.fires:
                *state, emitted = result  # type: ignore[assignment]
                spikes.append(emitted)
            else:
                state = result
            for name in record:
                traces[name].append(state[rendered.state.index(name)])
        return PopulationOutput(
            spikes=torch.stack(spikes) if self.fires else None,
            state=dict(zip(rendered.state, state, strict=True)),
            traces={name: torch.stack(values) for name, values in traces.items()},
        )

    def _misfit(self, what: str, given: Tensor, wanted: str) -> NoReturn:
        raise InputError(f"{what} of shape {tuple(given.shape)} for {self}; it takes {wanted}")

    def forward(
        self, x: Tensor | None = None, drive: Tensor | None = None, **keywords: Any
    ) -> Tensor:
        """Return the spikes ``(T, batch, *shape)``, or the free potential at the end."""
        output = self.run(x, drive, **keywords)
        return output.state[self.model.potential] if output.spikes is None else output.spikes


def _differ(values: Any) -> bool:
    return any(np.ndim(v) > 0 for v in values.values())

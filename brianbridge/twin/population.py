"""A population as a torch module, which runs the rendered step over time.

It can be used alone in any torch model. Time is the first axis: ``(T, batch, *shape)``. The module
has no trainable parameters and keeps no state between calls; every call is one presentation.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from brianbridge.errors import InputError
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import seconds, si_array
from brianbridge.neurons.quantity_text import quantity_text
from brianbridge.twin.draws import Draw
from brianbridge.twin.fused.recurrent import Feedback
from brianbridge.twin.fused.scan import FusedScan
from brianbridge.twin.initial import InitialExpressions
from brianbridge.twin.learned import checked_learned, start_value
from brianbridge.twin.noise import Noise
from brianbridge.twin.part import Part
from brianbridge.twin.presentation import Presentation
from brianbridge.twin.render import RenderedStep, render
from brianbridge.twin.spike_function import SpikeFunction

__all__ = ["PopulationOutput", "PopulationTwin"]


@dataclass(frozen=True)
class PopulationOutput:
    """Results of a population in one presentation.

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
        Whether the neurons emit and reset. If not, the membrane potential is free.
    dtype : torch.dtype, optional
        Floating point type of the state; torch's default type if not given.
    received : sequence of str, optional
        The variables that spikes add to; the model's ``receive`` by default.
    schedule : {"canonical", "default"}
        The order of operations within a step.
    name : str
        Name of the population, on which its random numbers depend; that of the model by default.
    learned : collection of str
        Parameters of the model, and variables with an initial value, that `run` may be given and
        that a gradient passes to.

    Raises
    ------
    InputError
        If the model has no such parameter.

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

    #: The part of a batch that is computed, on whose rows random numbers depend.
    part: Part | None = None

    def __init__(
        self,
        model: NeuronModel,
        shape: Sequence[int],
        dt: Any,
        *,
        spike_function: SpikeFunction | None = None,
        fires: bool = True,
        dtype: torch.dtype | None = None,
        received: Sequence[str] | None = None,
        schedule: str = "canonical",
        name: str = "",
        learned: Collection[str] = (),
    ) -> None:
        super().__init__()
        if received is None:
            received = (model.receive,) if model.receive else ()
        self.received, self.name = tuple(received), name or model.name
        self.model, self.shape, self.dt = model, tuple(shape), seconds(dt, "dt of a population")
        self.fires = fires and bool(model.emit)
        self.learned = checked_learned(model, learned)
        neurons = int(np.prod(self.shape))
        dtype = dtype or torch.get_default_dtype()
        needed = neurons if model.differ else 1
        self.rendered: RenderedStep = render(
            model, needed, self.dt, fires=fires, spike_function=spike_function, dtype=dtype,
            received=self.received, schedule=schedule,
            learned=[name for name in self.learned if name in model.parameters],
        )  # fmt: skip
        self._fused = FusedScan(self.rendered, spike_function or SpikeFunction(), self.received)
        self._starts = InitialExpressions(model, self.learned)
        self.register_buffer("_like", torch.zeros((), dtype=dtype), persistent=False)
        # A time constant may be in no line of the step, but in coefficients derived from it.
        learned_values = {name: self.start_of(name) for name in self.learned}
        held = {**learned_values, **self.rendered.arrays, **self.rendered.initial}
        for name, values in held.items():
            tensor = torch.as_tensor(np.array(values))
            if tensor.dtype != torch.bool:
                tensor = tensor.to(dtype)
            tensor = tensor.reshape(self.shape) if tensor.numel() > 1 else tensor.reshape(())
            self.register_buffer(f"_{name}_", tensor, persistent=False)

    def extra_repr(self) -> str:
        """Return the text that torch prints for the module: model, shape and step."""
        from brian2 import second

        name = self.model.name or "neurons"
        return f"{name}, shape={self.shape}, dt={quantity_text(self.dt * second)}"

    def start_of(self, name: str) -> np.ndarray:
        """Return the value of a parameter, or a variable's initial value, in SI units."""
        value = si_array(start_value(self.model, name))
        return value if value.size == 1 else np.resize(value, int(np.prod(self.shape)))

    @property
    def unused(self) -> tuple[str, ...]:
        """The learned names that no step and no initial value depends on."""
        rendered, derived = self.rendered, self.rendered.derived
        used = {*rendered.arrays, *rendered.state, *rendered.inputs, *self._starts.names}
        used |= set() if derived is None else derived.parameters
        return tuple(name for name in self.learned if name not in used)

    def initial_state(
        self, batch: int, given: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Return the state at the start of a presentation, each ``(batch, *shape)``."""
        shape, given = (batch, *self.shape), given or {}
        return {
            name: (given[name] if name in given else getattr(self, f"_{name}_")).expand(shape)
            for name in self.rendered.state
        }

    def present(
        self,
        drive: Tensor | None,
        batch: int,
        noise: Noise | None = None,
        parameters: Mapping[str, Tensor] | None = None,
        state: Mapping[str, Tensor] | None = None,
    ) -> Presentation:
        """Start a presentation, whose steps the caller runs; arguments are as in `run`."""
        rendered = self.rendered
        given = self._derived_too(parameters or {})
        names = (*rendered.arrays, *rendered.inputs)
        constants = [given[n] if n in given else getattr(self, f"_{n}_") for n in names]
        if drive is not None:
            if self.model.drive not in rendered.inputs:
                why = "names no drive, so no constant input can reach it; give the model a 'drive'"
                if self.model.drive in rendered.state:
                    why = (
                        f"changes its drive '{self.model.drive}' by reset or synapses, but the "
                        "twin keeps it constant; let them change another variable"
                    )
                raise InputError(f"neuron model '{self.model.name}' {why}")
            constants[len(rendered.arrays) + rendered.inputs.index(self.model.drive)] = drive
        if noise is None and rendered.draws:
            noise = Noise.fresh(batch, self.part)
        shape = (batch, *self.shape)

        def draw(one: Draw, step: int) -> Tensor:
            assert noise is not None, "noise is drawn only where the code is random"
            return noise.drawn(self.name, one, step, shape, self._like)

        return Presentation(
            rendered,
            self.dt,
            fires=self.fires,
            received=self.received,
            constants=tuple(constants),
            state=tuple((self.initial_state(batch, given) if state is None else state).values()),
            draw=draw,
            like=self._like.expand(shape),
            fused=self._fused,
        )

    def _derived_too(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the given parameters, and what the step derives from all that are learned."""
        if not given:
            return {}
        for name in given:
            if name not in self.learned:
                raise InputError(
                    f"parameter '{name}' was given to {self}, which was made with "
                    f"learned = {self.learned}; add it there"
                )
        every = {n: given[n] if n in given else getattr(self, f"_{n}_") for n in self.learned}
        found = {**self._starts(every, self.shape), **given}
        derived = self.rendered.derived
        return found if derived is None else {**found, **derived(every, self.shape)}

    def run(
        self,
        x: Tensor | Mapping[str, Tensor] | None = None,
        drive: Tensor | None = None,
        *,
        steps: int | None = None,
        batch: int | None = None,
        record: Sequence[str] = (),
        noise: Noise | None = None,
        parameters: Mapping[str, Tensor] | None = None,
        state: Mapping[str, Tensor] | None = None,
        first: int = 0,
        feedback: Feedback | None = None,
    ) -> PopulationOutput:
        """Present one batch of samples.

        Parameters
        ----------
        x : Tensor, shape (T, batch, *shape), or mapping of str to such, optional
            What synapses add in each step to the receiving variable, or to each by its name.
        drive : Tensor, shape (batch, *shape) or (*shape), optional
            Constant value of the drive variable, in SI units.
        steps, batch : int, optional
            Steps and samples, if `x` does not determine them.
        record : sequence of str
            State variables to record.
        noise : Noise, optional
            Random numbers of the neurons; fresh ones from torch's generator if not given.
        parameters : mapping of str to Tensor, optional
            Values of learned parameters in SI units, each of a shape that broadcasts to
            ``(batch, *shape)``; those of the model if not given.
        state : dict of str to Tensor, shape (batch, *shape), optional
            The state to continue from, such as that of an earlier `PopulationOutput`; the initial
            one if not given.
        first : int
            Number of steps before this piece of the presentation.
        feedback : Feedback, optional
            Synapses of the population with itself, which add to a variable of `x`.

        Raises
        ------
        InputError
            If the model has no drive, or no such variable to record, or shapes do not fit.
        """
        inputs = x if isinstance(x, Mapping) else {} if x is None else {self.received[0]: x}
        steps, batch = self._sizes(inputs, drive, steps, batch)
        for name in record:
            if name not in self.rendered.state:
                raise InputError(
                    f"'{name}' is not a state variable of {self}; it has {self.rendered.state}"
                )
        presentation = self.present(drive, batch, noise, parameters, state)
        spikes, traces = presentation.run(first, steps, inputs, record, feedback)
        return PopulationOutput(spikes, presentation.states(), traces)

    def _sizes(
        self,
        inputs: Mapping[str, Tensor],
        drive: Tensor | None,
        steps: int | None,
        batch: int | None,
    ) -> tuple[int, int]:
        """Return the steps and the samples of a presentation; refuse shapes that do not fit."""
        if inputs:
            steps, batch = next(iter(inputs.values())).shape[:2]
        elif batch is None and drive is not None and drive.ndim > len(self.shape):
            batch = drive.shape[0]
        if not steps or batch is None:
            raise InputError("a population has no input; give x, or steps and batch")
        sample = (batch, *self.shape)
        for values in inputs.values():
            if values.shape != (steps, *sample):
                self._misfit("input", values, "(steps, batch, ...)")
        if drive is not None and drive.shape not in (sample, self.shape):
            self._misfit("drive", drive, f"{sample} or {self.shape}")
        return steps, batch

    def _misfit(self, what: str, given: Tensor, wanted: str) -> NoReturn:
        raise InputError(f"{what} of shape {tuple(given.shape)} for {self}; give {wanted}")

    def forward(
        self, x: Tensor | None = None, drive: Tensor | None = None, **keywords: Any
    ) -> Tensor:
        """Return the spikes ``(T, batch, *shape)``, or the free potential at the end."""
        output = self.run(x, drive, **keywords)
        if output.spikes is not None:
            return output.spikes
        return output.state[self.model.require_potential("the output of neurons without spikes")]

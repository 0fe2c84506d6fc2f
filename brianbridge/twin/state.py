"""The state of a twin between two pieces of a long presentation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from brianbridge.encoding import EncodedInput
from brianbridge.errors import InputError
from brianbridge.twin.noise import Noise

__all__ = ["TwinState"]


@dataclass(frozen=True, eq=False)
class TwinState:
    """State of a network during a presentation; ``TwinState()`` is its start.

    Parameters
    ----------
    step : int
        Number of steps so far.
    values : mapping of str to mapping of str to Tensor
        State variables, by population, each ``(batch, *shape)``; and by projection those of
        synapses with a model.
    emitted : mapping of str to Tensor, shape (steps, batch, *shape)
        Spikes that may still be on their way, of the input and of each population.
    noise : Noise, optional
        The random numbers of the presentation.

    Examples
    --------
    >>> import brianbridge as bb
    >>> lif = bb.neuron_model("lif")
    >>> net = bb.SpikingNetwork.sequential((4,), [bb.Dense(2, lif)], encoding=bb.Current(5))
    >>> twin, x = bb.to_torch(net), torch.ones(1, 4)
    >>> output, state = twin(x, state=TwinState())
    >>> output, state = twin(x, state=state)
    >>> state.step
    10
    """

    step: int = 0
    values: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    emitted: Mapping[str, Tensor] = field(default_factory=dict)
    noise: Noise | None = None

    def __repr__(self) -> str:
        return f"TwinState(step={self.step})"

    @property
    def known(self) -> int:
        """Number of steps of `emitted`."""
        return max((len(spikes) for spikes in self.emitted.values()), default=0)

    def detach(self) -> TwinState:
        """Return the state without the graph of its gradients, to truncate backpropagation."""
        values = {
            owner: {name: value.detach() for name, value in variables.items()}
            for owner, variables in self.values.items()
        }
        emitted = {name: spikes.detach() for name, spikes in self.emitted.items()}
        return replace(self, values=values, emitted=emitted)

    def check(self, twin: Any, batch: int) -> None:
        """Refuse a twin that cannot continue from this state.

        Raises
        ------
        InputError
            If the state is one of another network or batch, or what the twin computes depends on a
            whole presentation.
        """
        network = twin.network
        names = {*(p.name for p in network.populations), *twin.synapses}
        if self.step and set(self.values) != names:
            raise InputError(
                f"the state holds {sorted(self.values)}, but the twin has {sorted(names)}; give a "
                "state that this twin returned, or bb.twin.TwinState()"
            )
        for name in sorted(names & set(self.values) - set(twin.synapses)):
            for variable, value in self.values[name].items():
                if value.shape != (batch, *network.shape_of(name)):
                    raise InputError(
                        f"the state has '{variable}' of '{name}' in shape {tuple(value.shape)}, "
                        f"but this batch has {batch} samples; give as many as before, or "
                        "bb.twin.TwinState()"
                    )
        whole = []
        if twin.training and any(twin.projection(name).norm for name in twin.projections):
            whole.append("batch_norm normalises")
        if twin.training and any(twin.dropout.values()):
            whole.append("dropout silences neurons")
        for what in whole:
            raise InputError(
                f"{what} for a whole presentation in training; call twin.eval(), or leave out state"
            )
        if network.readout == "first_spike":
            raise InputError(
                "readout 'first_spike' needs a whole presentation; leave out state, or give the "
                "network the readout 'counts'"
            )

    def kept(self, emitted: Mapping[str, Tensor], longest: int) -> dict[str, Tensor]:
        """Return the spikes of the last `longest` steps, after those of a further piece."""
        found = {}
        for name, spikes in emitted.items():
            whole = torch.cat([self.emitted[name], spikes]) if name in self.emitted else spikes
            # A view would hold the spikes of the whole piece.
            found[name] = whole[max(0, len(whole) - longest) :].clone()
        return found


def check_piece(x: Any, state: Any) -> None:
    """Refuse what is no state, and a piece of another number of samples than those before.

    Raises
    ------
    InputError
        If it is one of these.
    """
    if not isinstance(state, TwinState):
        raise InputError(
            f"state is a {type(state).__name__}; give bb.twin.TwinState() at the start, "
            "and then the state that the twin returned"
        )
    shape = getattr(x, "shape", None)
    given = x.samples if isinstance(x, EncodedInput) else shape[0] if shape else None
    before = None if state.noise is None else len(state.noise.numbers)
    if None not in (given, before) and given != before:
        raise InputError(
            f"the state is of {before} samples, but this piece has {given}; give as many as "
            "before, or bb.twin.TwinState()"
        )

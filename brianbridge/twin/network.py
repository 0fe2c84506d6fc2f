"""The torch twin of a spiking network.

Its spikes are those of the network in both orders of computation; see `brianbridge.twin.scan`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from brianbridge.counters import checked_seed
from brianbridge.encoding import EncodedInput
from brianbridge.errors import InputError
from brianbridge.network import INPUT, SpikingNetwork
from brianbridge.network.readouts import read_output
from brianbridge.network.samples import (
    check_encoded,
    checked_index,
    checked_samples,
    checked_variables,
)
from brianbridge.recording import Recording
from brianbridge.twin.export import export_network
from brianbridge.twin.inputs import encoded_tensors
from brianbridge.twin.modules import NetworkModules
from brianbridge.twin.noise import Noise
from brianbridge.twin.output import NetworkOutput, TwinOutputRun, recording_of
from brianbridge.twin.received import batch_of
from brianbridge.twin.scan import run
from brianbridge.twin.spike_function import SpikeFunction
from brianbridge.twin.state import TwinState, check_piece

__all__ = ["Conditional", "NetworkOutput", "NetworkTwin", "to_torch"]


class _Applied(Protocol):
    def unfolded(self, seed: int) -> SpikingNetwork: ...


class Conditional(Protocol):
    """What a twin may be under: a rung of a ladder, for instance."""

    def applied_to(self, network: SpikingNetwork, seed: int) -> _Applied:
        """Return the condition of a network."""


class NetworkTwin(NetworkModules):
    """Run a spiking network in torch; parameters are named like the projections.

    Parameters
    ----------
    network : SpikingNetwork
        The description, with the initial weights.
    spike_function : SpikeFunction, optional
        How to differentiate through a spike.
    dtype : torch.dtype, optional
        Floating point type; torch's default type if not given.
    batch_norm : bool, "potential" or "weights"
        Whether to normalise dense and convolutional projections to neurons that fire in training,
        the potentials of these neurons, or the weights; see `brianbridge.twin.normalisation`.
    dropout : float, or mapping of str to float
        Probability that a neuron is silenced for a whole presentation in training: one mask for
        all steps. A number applies to every population that fires, except the output.
    quantisation : Quantisation, optional
        How to round the trained weights.
    learn : mapping of str to sequence of str or Learn, optional
        Neuron parameters to train, by the name of the population; see `brianbridge.twin.Learn`.

    Examples
    --------
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.network import Dense
    >>> from brianbridge.neurons.library import neuron_model
    >>> lif = neuron_model("lif")
    >>> net = SpikingNetwork.sequential((4,), [Dense(3, lif), Dense(2, lif)], encoding=Current(5))
    >>> twin = NetworkTwin(net)
    >>> twin(torch.ones(7, 4)).shape
    torch.Size([7, 2])
    >>> [name for name, _ in twin.named_parameters()][:2]
    ['projections.input_to_hidden.weight', 'projections.input_to_hidden.bias']
    >>> twin
    NetworkTwin(Current(steps=5, dt=1 ms), readout='counts', 23 parameters, float32 on cpu)
      hidden: PopulationTwin(lif, shape=(3,), dt=1 ms) from input
      output: PopulationTwin(lif, shape=(2,), dt=1 ms) from hidden
    """

    def __repr__(self) -> str:
        network = self.network
        number = sum(p.numel() for p in self.parameters())
        lines = [
            f"NetworkTwin({network.encoding!r}, readout='{network.readout}', {number} parameters, "
            f"{str(self.dtype).removeprefix('torch.')} on {self.device})"
        ]
        for population in network.populations:
            sources = ", ".join(p.source for p in network.incoming(population.name))
            lines.append(f"  {population.name}: {self.population(population.name)} from {sources}")
        return "\n".join(lines)

    def run(
        self,
        current: Tensor | None = None,
        raster: Tensor | None = None,
        record: Sequence[str] = (),
        noise: Noise | None = None,
        state: TwinState | None = None,
    ) -> NetworkOutput:
        """Present an encoded batch (see `encode`) and return all spikes and the output.

        Parameters
        ----------
        current : Tensor, shape (batch, *input_shape), optional
            Constant input.
        raster : Tensor, shape (T, batch, *input_shape), optional
            Input spikes.
        record : sequence of str
            State variables to record in every population that has them.
        noise : Noise, optional
            Random numbers of the neurons, if these have any; fresh ones from torch's generator if
            not given.
        state : TwinState, optional
            Where the presentation continues; ``TwinState()`` is its start. The result then has the
            state at its end.
        """
        if self.normalises_potential:
            if self.training:
                raise InputError(
                    "the twin normalises potentials, which only learning rule 'first_spike' "
                    "supports in training; call twin.eval() first, or train with that rule"
                )
            # Normalisation changes the initial potentials, which belong to the neuron models.
            deployed = to_torch(self.to_network(), dtype=self.dtype, device=self.device)
            with deployed.computing(self.part):
                return deployed.run(current, raster, record, noise, state)
        batch = batch_of(current, raster)
        if state is not None:
            state.check(self, batch)
            noise = state.noise or noise or Noise.fresh(batch, self.part)
        elif noise is None and self._fails:
            noise = Noise.fresh(batch, self.part)
        spikes, values, traces = run(self, current, raster, batch, record, noise, state)
        last = self.network.output
        steps = self.network.steps if raster is None else len(raster)
        last_run = TwinOutputRun(last.neuron, steps, spikes.get(last.name), values[last.name])
        output = self.final_output(read_output(self.network.readout, last_run))
        if state is not None:
            sent = spikes if raster is None else {INPUT: raster, **spikes}
            kept = state.kept(sent, self.longest_delay())
            state = TwinState(state.step + steps, values, kept, noise)
        return NetworkOutput(spikes, output, traces, state)

    def forward(
        self, x: Any, *, index: Any = None, state: TwinState | None = None
    ) -> Tensor | tuple[Tensor, TwinState]:
        """Return the output of samples, and the state at the end if a state was given.

        In training, each call draws new random numbers, which torch's generator decides
        (`torch.manual_seed`). In evaluation, they belong to the number of the sample: the same
        sample has the same input spikes and noise in every call and in every batch.

        Parameters
        ----------
        x : Tensor or array, shape (batch, *input_shape), or EncodedInput
            The samples; there may be none. A raster ``EncodedInput(raster=...)`` of shape
            ``(T, batch, *input_shape)``, array or tensor, is presented as it is. Gradients flow to
            tensors as `brianbridge.twin.expected_input` says.
        index : array of int, shape (batch,), optional
            Number of each sample in its data set; counted from 0 if not given. With a state it
            counts in the first piece.
        state : TwinState, optional
            Present the samples as a further piece of a long presentation, after those that led to
            this state; ``TwinState()`` is the start. A raster may have any number of steps. Spikes
            and potentials are those of a single presentation of all pieces, also with delays,
            loops and noise. The output is that of this piece alone: spike counts of all pieces add
            up, and a potential is that at the end of the piece. Random input is drawn for each
            piece by itself.

        Returns
        -------
        output : Tensor, shape (batch, classes)
            The output.
        state : TwinState
            The state at the end; only if one was given.

        Raises
        ------
        InputError
            If the samples do not fit the network or the state, or require a gradient that the
            encoding has not.
        """
        current, raster, noise = self._presented(x, index, state)
        result = self.run(current, raster, noise=noise, state=state)
        return result.output if result.state is None else (result.output, result.state)

    # The samples are checked, and may be encoded in NumPy.
    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def _presented(
        self, x: Any, index: Any, state: TwinState | None
    ) -> tuple[Tensor | None, Tensor | None, Noise]:
        """Return the encoded samples, and the noise that belongs to them."""
        if state is not None:
            check_piece(x, state)
        # Stream and seed 0 are those of evaluation.
        fresh = 1 + int(torch.randint(2**62, ())) if self.training and self._draws else 0
        stream = fresh if state is None or fresh else state.step
        if state is not None and state.noise is not None:
            if index is not None and not np.array_equal(index, state.noise.numbers):
                raise InputError(
                    "index differs from that of the pieces before; give it in the first piece alone"
                )
            index = state.noise.numbers
        current, raster = encoded_tensors(
            self.network, x, index, stream, self._like, any_steps=state is not None
        )
        return (
            current,
            raster,
            Noise(fresh, checked_index(index, batch_of(current, raster)), own=fresh > 0),
        )

    @property
    def _draws(self) -> bool:
        """Whether a presentation may draw random numbers."""
        neurons = (self.population(name) for name in self.populations)
        fails = self._fails
        return fails or self.network.encoding.draws or any(one.rendered.draws for one in neurons)

    @property
    def _fails(self) -> bool:
        """Whether spikes may fail to arrive."""
        return any(p.failure is not None for p in self.network.projections)

    # ------------------------------------------------------------------ recording

    def record(
        self,
        x: Any,
        record: Sequence[str] = ("spikes",),
        *,
        index: Any = None,
        batch_size: int = 500,
        seed: int | None = None,
    ) -> Recording:
        """Run samples in float64 and return the `Recording` to compare with Brian2's.

        Parameters
        ----------
        x : array, shape (samples, *input_shape), or EncodedInput
            The samples, or what else `brianbridge.simulate` takes.
        record : sequence of str
            ``"spikes"`` and state variables, as `brianbridge.simulate` takes them.
        index : array of int, shape (samples,), optional
            Number of each sample in its data set; counted from 0 if not given.
        batch_size : int
            Samples run at a time.
        seed : int, optional
            Seed of the random numbers of neurons; `brianbridge.simulate` with the same seed draws
            the same numbers. A fresh one each time if not given.
        """
        encoded = isinstance(x, EncodedInput)
        samples: Any = x if encoded else checked_samples(self.network, x)
        if encoded:
            check_encoded(self.network, x)
        number = x.samples if encoded else len(samples)
        numbers = checked_index(index, number)
        checked_variables(self.network, record)
        if batch_size < 1:
            raise InputError(f"batch_size = {batch_size}; give at least 1")
        seed = checked_seed(seed)
        exact = to_torch(self.to_network(), dtype=torch.float64)
        parts = []
        for low in range(0, number, batch_size):
            high = min(low + batch_size, number)
            part = samples.part(low, high) if encoded else samples[low:high]
            parts.append(exact.record_batch(part, numbers[low:high], record, seed))
        return Recording.concatenate(parts)

    @torch.no_grad()
    def record_batch(
        self,
        x: Any,
        index: Any = None,
        record: Sequence[str] = ("spikes",),
        seed: int | None = None,
    ) -> Recording:
        """Run one batch in the twin's own precision, without changing it; see `record`."""
        variables = [name for name in record if name != "spikes"]
        encoded = self.encode(x, index)
        numbers = np.arange(batch_of(*encoded)) if index is None else np.asarray(index)
        noise = Noise(checked_seed(seed), numbers)
        return recording_of(self.network, self.run(*encoded, record=variables, noise=noise))

    def to_network(self, **provenance: Any) -> SpikingNetwork:
        """Return the spiking network with the twin's present weights; the twin is not changed.

        `brianbridge.write_back` also sets them in a Brian2 network.

        Parameters
        ----------
        **provenance
            JSON values that record where the weights come from.
        """
        return export_network(self, **provenance)


def to_torch(
    network: SpikingNetwork,
    *,
    condition: Conditional | None = None,
    seed: int = 0,
    spike_function: SpikeFunction | None = None,
    dtype: torch.dtype | None = None,
    device: Any = None,
    **training: Any,
) -> NetworkTwin:
    """Return the torch twin of a spiking network, or of the network under a condition.

    Parameters
    ----------
    network : SpikingNetwork
        The description, with its weights.
    condition : Rung, optional
        The rung of a ladder: the twin is that of the network with its perturbations, and has the
        spikes that Brian2 has on the rung. Weights and delays are those after the perturbation, and
        the steps are Brian2's.
    seed : int
        Seed of the random numbers of the condition, as that of `brianbridge.verify`.
    spike_function : SpikeFunction, optional
        How to differentiate through a spike; arctan if not given.
    dtype : torch.dtype, optional
        Floating point type; torch's default type if not given.
    device : torch.device, optional
        Where to run.
    **training
        Options that matter in training: ``learn``, ``batch_norm``, ``dropout`` and
        ``quantisation``; see `NetworkTwin`.

    Raises
    ------
    InputError
        If a perturbation does not fit the network, Brian2 draws the input spikes itself, or there
        is no such device.

    Examples
    --------
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.ladder.rungs import Rung
    >>> from brianbridge.network import Dense
    >>> from brianbridge.neurons.library import neuron_model
    >>> net = SpikingNetwork.sequential((4,), [Dense(2, neuron_model("if"))], encoding=Current(5))
    >>> finer = Rung(name="dt/10", perturb={"finer_dt": {"divisor": 10}})
    >>> to_torch(net, condition=finer).network.steps
    50
    """
    _check_device(device)
    if condition is not None:
        if not hasattr(condition, "applied_to"):
            raise InputError(
                f"to_torch: condition = {condition!r:.80} is not a rung; give bb.Rung("
                'name="dt/10", perturb={"finer_dt": {"divisor": 10}})'
            )
        network = condition.applied_to(network, seed).unfolded(seed)
    twin = NetworkTwin(network, spike_function=spike_function, dtype=dtype, **training)
    return twin if device is None else twin.to(device)


def _check_device(device: Any) -> None:
    """Refuse a device that torch does not know, or that is not there."""
    if device is None:
        return
    try:
        torch.empty(0, device=device)
    except Exception:  # each kind of device raises another type
        there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
        known = " or ".join(f"'{kind}'" for kind in ("cpu", *there) if there.get(kind, True))
        raise InputError(
            f"to_torch: torch cannot use the device {str(device)!r:.80} here; give {known}"
        ) from None

"""The checked arguments of a simulation, which every path takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
from brian2 import second

from brianbridge.counters import checked_seed
from brianbridge.encoding import EncodedInput, Poisson
from brianbridge.encoding.base import StepEvents
from brianbridge.encoding.blocks import steps_of_block
from brianbridge.encoding.moments import Moments, Timing, draw_fine_steps, moments_of
from brianbridge.errors import InputError, did_you_mean
from brianbridge.io.spikes.file import SpikeFileWriter
from brianbridge.network import INPUT, Population, SpikingNetwork
from brianbridge.network.readouts import read_output
from brianbridge.network.samples import (
    CROSSING,
    check_encoded,
    checked_index,
    checked_samples,
    checked_variables,
    recorded_of,
)
from brianbridge.neurons.quantities import seconds
from brianbridge.recording import Events, Recording
from brianbridge.simulation.earlier_spikes import EarlierSpikes
from brianbridge.simulation.output_run import SimulatedOutputRun
from brianbridge.simulation.reference.builder import checked_schedule, steps_per_coarse_step

__all__ = ["Request", "check_choice"]

#: Time between two reports of a run.
_REPORTS = 1 * second


def _nothing(samples: int) -> None:
    pass


@dataclass(frozen=True)
class Request:
    """What `simulate` simulates and records.

    Parameters
    ----------
    network : SpikingNetwork
        The network, with weights.
    samples : numpy.ndarray or EncodedInput
        Samples ``(samples, *input_shape)``, encoded or not.
    numbers : numpy.ndarray of int, shape (samples,)
        Number of each sample in its data set.
    dt : float
        Brian2's time step, in seconds.
    coarse : int
        Number of Brian2's steps in a step of the twin.
    variables : tuple of str
        State variables to record, each alone or as ``population.variable``.
    crossing : bool
        Whether to compute when, within a step, potentials crossed their threshold.
    schedule : {"canonical", "default"}
        Order of operations within a step.
    poisson : bool
        Whether Brian2 draws the input spikes itself.
    timing : {"start", "uniform"}
        When input spikes occur within a step of the twin.
    seed : int
        Seed of all random numbers.
    on_chunk : callable, optional
        Called with the recording of each chunk of samples.
    keep : bool
        Whether spikes and traces are kept after the call of `on_chunk`.
    spikes : SpikeFileWriter, optional
        The file that takes the spikes; they are then not kept.
    on_done : callable
        Called with a number of samples when so many more are done; threads may call it.
    """

    network: SpikingNetwork
    samples: np.ndarray | EncodedInput
    numbers: np.ndarray
    dt: float
    coarse: int
    variables: tuple[str, ...]
    crossing: bool
    schedule: str
    poisson: bool
    timing: Timing
    seed: int
    on_chunk: Callable[[Recording], None] | None
    keep: bool
    spikes: SpikeFileWriter | None = None
    on_done: Callable[[int], object] = _nothing

    @classmethod
    def checked(
        cls,
        network: SpikingNetwork,
        x: Any,
        *,
        dt: Any,
        record: Sequence[str],
        index: Any,
        schedule: str | None,
        poisson: bool,
        timing: Timing,
        seed: int | None,
        on_chunk: Callable[[Recording], None] | None,
        keep: bool,
    ) -> Request:
        """Check the arguments of `simulate`.

        Raises
        ------
        InputError
            If the samples do not fit the network or are not finite, no population has a variable
            to record, `dt` does not divide the twin's step, or the seed or the timing is unknown.
        """
        check_choice("timing", timing, Timing)
        chosen_seed = checked_seed(seed)
        samples = x if isinstance(x, EncodedInput) else checked_samples(network, x)
        if isinstance(x, EncodedInput):
            check_encoded(network, x)
        number = samples.samples if isinstance(samples, EncodedInput) else len(samples)
        numbers = checked_index(index, number)
        step = network.dt if dt is None else seconds(dt, "dt")
        if poisson and (isinstance(x, EncodedInput) or not isinstance(network.encoding, Poisson)):
            raise InputError(
                "poisson = True needs samples that are not encoded, and a network with encoding "
                f"'poisson', but this network has '{network.encoding.kind}'; use poisson = False"
            )
        return cls(
            network, samples, numbers, step, steps_per_coarse_step(network, step),
            tuple(checked_variables(network, record)), CROSSING in record,
            checked_schedule(network, schedule), poisson, timing, chosen_seed, on_chunk, keep,
        )  # fmt: skip

    @property
    def steps(self) -> int:
        """Number of Brian2's steps in a presentation."""
        return self.network.steps * self.coarse

    def variables_of(self, population: Population) -> list[str]:
        """Return the state variables to record in a population."""
        return recorded_of(population.name, population.neuron.traceable_variables, self.variables)

    @property
    def traced(self) -> int:
        """Number of values of state variables that are recorded in a step of the twin."""
        of_all = (p.size * len(self.variables_of(p)) for p in self.network.populations)
        return self.coarse * sum(of_all)

    def encode(self, low: int, high: int) -> EncodedInput:
        """Return the encoded samples from index `low` to `high`, exclusive."""
        if isinstance(self.samples, EncodedInput):
            return self.samples.part(low, high)
        return self.network.encoding.encode(self.samples[low:high], self.numbers[low:high])

    def input_events(self, low: int, high: int) -> Iterator[StepEvents] | None:
        """List the input spikes of samples, step by step, if the encoding can; see `encode`."""
        if isinstance(self.samples, EncodedInput):
            return None
        return self.network.encoding.events(self.samples[low:high], self.numbers[low:high])

    def encode_by_blocks(self, low: int, high: int) -> Iterator[EncodedInput]:
        """Yield the encoded samples from index `low` to `high`, exclusive, by blocks of steps."""
        if isinstance(self.samples, EncodedInput):
            yield self.samples.part(low, high)
            return
        samples, numbers = self.samples[low:high], self.numbers[low:high]
        block = steps_of_block(len(samples) * math.prod(self.network.shape_of(INPUT)))
        yield from self.network.encoding.blocks(samples, numbers, block)

    def of(self, low: int, high: int) -> Request:
        """Return the request for the samples from index `low` to `high`; nothing is handed on."""
        given = self.samples
        part = given.part(low, high) if isinstance(given, EncodedInput) else given[low:high]
        numbers = self.numbers[low:high]
        return replace(
            self, samples=part, numbers=numbers, on_chunk=None, spikes=None, on_done=_nothing
        )

    def reporting(self, samples: int) -> dict[str, Any]:
        """Return the arguments by which a run of Brian2 tells how many samples are done."""
        before = 0

        def report(elapsed: Any, completed: float, start: Any, duration: Any) -> None:
            nonlocal before
            done = int(samples * completed)
            self.on_done(done - before)
            before = done

        return {"report": report, "report_period": _REPORTS}

    def fine_steps(self, encoded: EncodedInput, low: int) -> np.ndarray | None:
        """Return the fine step of each cell of a raster; None if all spikes occur in the first."""
        if self.timing == "start" or encoded.raster is None:
            return None
        numbers = self.numbers[low : low + encoded.samples]
        return draw_fine_steps(encoded, numbers, self.coarse, self.seed)

    def moments(self, low: int, high: int) -> Moments | None:
        """Return when listed input spikes occur; None if all occur in the first fine step."""
        if self.timing == "start":
            return None
        inputs = math.prod(self.network.shape_of(INPUT))
        return moments_of(self.numbers[low:high], inputs, self.coarse, self.seed)

    def rates(self, low: int, high: int) -> np.ndarray:
        """Return the input rates of samples from index `low` to `high`, in Hz, flat."""
        encoding = self.network.encoding
        assert isinstance(encoding, Poisson)
        assert isinstance(self.samples, np.ndarray)
        part = self.samples[low:high]
        return encoding.rates(part, self.numbers[low:high], self.dt).reshape(len(part), -1)

    def recording(
        self,
        groups: Mapping[str, Any],
        batch: int,
        samples: int,
        events: Mapping[str, Events],
        traces: Mapping[str, Mapping[str, np.ndarray]],
        earlier: EarlierSpikes | None = None,
    ) -> Recording:
        """Return the recording of a chunk, with the output by the readout of the network.

        Parameters
        ----------
        groups : mapping of str to brian2.NeuronGroup
            The populations, each of ``batch*size`` neurons.
        batch, samples : int
            Number of samples that the groups have room for, and that were presented.
        events, traces : mapping
            Recorded spikes and state variables of these samples, by population.
        earlier : EarlierSpikes, optional
            Spikes of the output that are in the file already.
        """
        last = self.network.output
        run = SimulatedOutputRun(
            last.neuron, self.network.steps, self.coarse, samples, last.size,
            events.get(last.name), groups[last.name], earlier,
        )  # fmt: skip
        shapes = {p.name: p.shape for p in self.network.firing}
        output = read_output(self.network.readout, run)
        return Recording(self.dt, self.steps, samples, shapes, events, output, traces)

    def hand_on(self, part: Recording) -> Recording:
        """Pass a chunk to `on_chunk`; return the part of it that is kept."""
        if self.on_chunk is not None:
            self.on_chunk(part)
        if self.spikes is not None:
            self.spikes.append(part)
            return replace(part.without_events(), traces=part.traces)
        if not self.keep:
            return part.without_events()
        # The only chunk of a small simulation stays as it is.
        return part if part.samples == len(self.numbers) else part.packed()


def check_choice(what: str, value: Any, choices: Any) -> None:
    """Raise `InputError`, with the nearest choice, unless a value is in a `Literal` type."""
    if value not in get_args(choices):
        hint = did_you_mean(str(value), get_args(choices))
        raise InputError(f"there is no {what} '{value}'. {hint}")

"""Write the spikes of a long presentation to a file while it goes on, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from brian2 import BrianObject, Clock

from brianbridge.recording import Events
from brianbridge.simulation.earlier_spikes import EarlierSpikes
from brianbridge.simulation.recorder import LAST, SpikeRecorder

__all__ = ["SpikeStream"]

#: Spikes that are kept in memory, some 15 MB.
_MOST = 1_000_000


class SpikeStream(BrianObject):
    """Hand over the spikes of one sample whenever there are many.

    Parameters
    ----------
    recorders : mapping of str to SpikeRecorder
        The recorders of all populations that fire.
    hand_over : callable
        Takes the spikes that have been recorded since the last call.
    output : str
        Name of the population that is read as the output, which may be silent.
    neurons : int
        Number of its neurons.
    clock : brian2.Clock
        The clock of the simulation.
    """

    def __init__(
        self,
        recorders: Mapping[str, SpikeRecorder],
        hand_over: Callable[[Mapping[str, Events]], None],
        output: str,
        neurons: int,
        clock: Clock,
    ) -> None:
        super().__init__(clock=clock, when="end", order=LAST + 1, name="spike_stream")
        self._recorders, self._hand_over = recorders, hand_over
        self._output, self._neurons = output, neurons
        self._earlier = EarlierSpikes(neurons)

    def run(self) -> None:
        """Hand over all spikes if there are many."""
        if sum(len(recorder) for recorder in self._recorders.values()) < _MOST:
            return
        events = {name: recorder.events(1) for name, recorder in self._recorders.items()}
        self._hand_over(events)
        if self._output in events:
            self._earlier.add(events[self._output])
        for recorder in self._recorders.values():
            recorder.forget()

    def end_sample(self) -> EarlierSpikes:
        """Return the output so far, and start again with the next sample."""
        earlier, self._earlier = self._earlier, EarlierSpikes(self._neurons)
        return earlier

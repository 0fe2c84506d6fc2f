"""Make Ctrl-C end a simulation.

Brian2 turns Ctrl-C during a run into a request to stop after the current step. The run then returns
as if it were complete, without the spikes of the remaining steps and samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from brian2 import Network, prefs

__all__ = ["interruptible"]

_STOP = "core.stop_on_keyboard_interrupt"


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt when the user presses Ctrl-C, also during a run of Brian2.

    Examples
    --------
    >>> with interruptible():
    ...     prefs["core.stop_on_keyboard_interrupt"]
    False
    """
    before, running = prefs[_STOP], Network._globally_running
    prefs[_STOP] = False
    try:
        yield
    finally:
        prefs[_STOP] = before
        # Brian2 does not reset this flag if a run ends by an error, and would then treat the
        # user's next Ctrl-C as a request to stop a run that has already ended.
        Network._globally_running = running

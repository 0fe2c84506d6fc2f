"""Let Ctrl-C end a simulation.

Brian2 turns Ctrl-C during a run into a request to stop after the current step, and the run then
returns as if it were whole: spikes of the remaining steps, and of whole samples, would be missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from brian2 import Network, prefs

__all__ = ["interruptible"]

_STOP = "core.stop_on_keyboard_interrupt"


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt when the user presses Ctrl-C, also within a run of Brian2.

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
        # Brian2 itself does not set this back where a run ends by an error, and would then take
        # the user's next Ctrl-C for a request to stop a run that is long over.
        Network._globally_running = running

"""Ctrl-C ends a simulation; Brian2 alone would stop early and go on as if the run were whole."""

from __future__ import annotations

import signal

import pytest
from batched_networks import X, assert_same, looped
from brian2 import Network, prefs
from brian2.codegen.codeobject import CodeObject

from brianbridge.simulation.backend import Backend
from brianbridge.simulation.simulate import simulate


@pytest.fixture
def ctrl_c(monkeypatch):
    """Press Ctrl-C once, in the main thread, in the third step of a run."""
    real, steps = CodeObject.__call__, []

    def call(self, **options):
        if Network._globally_running and len(steps) < 3:
            steps.append(self)
            if len(steps) == 3:
                signal.raise_signal(signal.SIGINT)
        return real(self, **options)

    monkeypatch.setattr(CodeObject, "__call__", call)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("backend", [Backend(path="reference"), Backend(threads=1, batch_size=1)])
def test_ctrl_c_ends_a_simulation_and_leaves_nothing_behind(backend):
    with pytest.raises(KeyboardInterrupt):
        simulate(looped(), X, backend=backend)
    assert prefs.core.stop_on_keyboard_interrupt
    # Where Brian2 believes that a run is under way, the user's next Ctrl-C would do nothing.
    assert not Network._globally_running
    again = simulate(looped(), X, backend=backend)
    assert_same(again, simulate(looped(), X), rtol=1e-9)

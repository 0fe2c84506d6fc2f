"""What every test gets: a fresh Brian2 that compiles nothing, registries that forget what a test
adds, and a check of error messages.
"""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from brianbridge.errors import InputError

# A shell ignores Ctrl-C for what runs in its background, and Brian2 keeps the handler that it finds
# when it is imported.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module", autouse=True)
def little_garbage() -> None:
    """Spare Brian2, which collects garbage before every run, a walk through all other objects."""
    import brian2  # noqa: F401

    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def fresh_brian2() -> Iterator[None]:
    """Run Brian2 in NumPy, and leave its preferences, clock, device and scope as they were.

    The budget of memory is the same on every machine.
    """
    from brian2 import defaultclock, get_device, ms, prefs, start_scope
    from brian2.devices.device import reset_device, runtime_device

    before = {name: prefs[name] for name in prefs}
    prefs.codegen.target = "numpy"
    prefs["brianbridge.memory"] = 256
    start_scope()
    yield
    while get_device() is not runtime_device:
        reset_device()
    for name, value in before.items():
        if prefs[name] != value:
            prefs[name] = value
    defaultclock.dt = 0.1 * ms
    start_scope()


@pytest.fixture(autouse=True)
def registries_as_they_were() -> Iterator[None]:
    """Forget the extensions that a test, or an example in a docstring, registers."""
    from brianbridge.encoding.base import ENCODINGS
    from brianbridge.ladder.remedy import REMEDIES
    from brianbridge.network.connections import CONNECTIONS
    from brianbridge.network.readouts import READOUTS
    from brianbridge.perturbations.base import PERTURBATIONS
    from brianbridge.rules.base import RULES
    from brianbridge.twin.spike_function import SPIKE_FUNCTIONS

    every = (
        CONNECTIONS, ENCODINGS, PERTURBATIONS, READOUTS, REMEDIES, RULES, SPIKE_FUNCTIONS,
    )  # fmt: skip
    for registry in every:
        registry.names()  # what is found by a search stays
    before = [dict(registry._entries) for registry in every]
    yield
    for registry, entries in zip(every, before, strict=True):
        registry._entries.clear()
        registry._entries.update(entries)


Refused = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def refused() -> Refused:
    """Expect an `InputError` of one line that says all the given things."""

    @contextmanager
    def check(*said: str) -> Iterator[None]:
        with pytest.raises(InputError) as caught:
            yield
        message = str(caught.value)
        assert "\n" not in message
        for part in said:
            assert part in message

    return check

"""Compiled code rounds as the twin does, so that even decimal ties fall the same way."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from brian2 import prefs
from brian2.codegen.runtime.cython_rt.extension_manager import cython_extension_manager
from small_networks import assert_same, one_layer, simulate, twin_recording

from brianbridge.encoding import Current
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel
from brianbridge.simulation.arithmetic import strict_arithmetic
from brianbridge.simulation.backend import Backend

#: Sums of these meet a threshold of 1 in decimals, and miss it, or not, in binary.
DECIMALS = np.array([0.1, 0.2, 0.3, 0.7, 0.9, 1.1, 1 / 3, 0.05])


def spikes_by_hand(
    per_step: np.ndarray, steps: int, theta: float, emit: Callable[[float], float]
) -> np.ndarray:
    """Integrate and fire in Python's own floating point, ``(steps, neurons)``."""
    spikes = np.zeros((steps, len(per_step)))
    for neuron, step_input in enumerate(per_step.tolist()):
        v, current = 0.0, step_input / 1e-3
        for step in range(steps):
            v = v + 1e-3 * current
            spikes[step, neuron] = emit(v)
            v = v - theta * emit(v)
    return spikes


def test_constant_drive_of_a_tenth_is_tied_and_agrees(cython_target):
    network = one_layer(neuron_model("if"), Current(60), DECIMALS[:, None])
    x = np.ones((1, 1))
    twin, brian2 = twin_recording(network, x), simulate(network, x)
    assert_same(brian2, twin)
    expected = spikes_by_hand(DECIMALS, 60, 1.0, lambda v: float(v >= 1.0))
    np.testing.assert_array_equal(brian2.spikes["output"][:, 0], expected)
    # Ten times 0.1 is 0.9999999999999999: the first spike comes with the eleventh step.
    assert brian2.spikes["output"][:, 0, 0].argmax() == 10


#: As the library's multi-threshold model, without the offset that rounds ties up.
GRADED = NeuronModel(
    "dv/dt = drive : 1\ndrive : Hz",
    emit="clip(floor(v/theta), 0, 20)",
    reset="v -= theta*emit",
    drive="drive",
    parameters={"theta": 0.1},
)


def test_decimal_multiples_of_a_threshold_agree(cython_target):
    network = one_layer(GRADED, Current(40), DECIMALS[:, None])
    x = np.ones((1, 1))
    twin, brian2 = twin_recording(network, x), simulate(network, x)
    assert_same(brian2, twin)
    # Brian2 hoists the constant out of v/theta, and writes v*(1/theta).
    expected = spikes_by_hand(DECIMALS, 40, 0.1, lambda v: np.clip(np.floor(v * (1 / 0.1)), 0, 20))
    np.testing.assert_array_equal(brian2.spikes["output"][:, 0], expected)
    # That these are ties is seen by what the division itself would give.
    divided = spikes_by_hand(DECIMALS, 40, 0.1, lambda v: np.clip(np.floor(v / 0.1), 0, 20))
    assert (divided != expected).any()


def state_of_brian2() -> tuple:
    names = (
        "codegen.target",
        "codegen.cpp.extra_compile_args_gcc",
        "codegen.runtime.cython.cache_dir",
    )
    cache = cython_extension_manager._code_cache
    return tuple(prefs[name] for name in names), id(cache), set(cache)


@pytest.mark.parametrize("target", ["auto", "numpy", "cython"])
def test_preferences_and_caches_come_back(target):
    prefs.codegen.target = target
    before = state_of_brian2()
    with strict_arithmetic():
        assert "-ffast-math" not in prefs["codegen.cpp.extra_compile_args_gcc"]
        assert prefs["codegen.target"] == ("cython" if target == "cython" else "numpy")
        assert id(cython_extension_manager._code_cache) != before[1]
        inside = state_of_brian2()
        with strict_arithmetic():
            pass
        assert state_of_brian2() == inside
    assert state_of_brian2() == before


@pytest.mark.parametrize("target", ["auto", "numpy", "cython"])
def test_preferences_and_caches_come_back_after_an_exception(target):
    prefs.codegen.target = target
    before = state_of_brian2()
    with pytest.raises(KeyboardInterrupt), strict_arithmetic():
        raise KeyboardInterrupt
    assert state_of_brian2() == before


def test_preferences_and_caches_come_back_when_a_simulation_fails():
    before = state_of_brian2()
    network = one_layer(neuron_model("if"), Current(3), np.ones((1, 1)))

    def disk_is_full(_):
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        simulate(
            network,
            np.ones((2, 1)),
            backend=Backend(path="reference", batch_size=1),
            on_chunk=disk_is_full,
        )
    assert state_of_brian2() == before

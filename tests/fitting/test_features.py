"""Fits to features of a potential, by efel."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import Hz, Network, Quantity, ms, mV
from hodgkin_huxley import DT, MS, RANGES, currents, neuron, recording

import brianbridge as bb
from brianbridge.fitting import differential, features
from brianbridge.fitting.features import Features

ON = {"stim_start": 3 * ms, "stim_end": 27 * ms}


def of_recording(*names):
    """Return features of the true neuron, in SI units, shape (sweeps, features)."""
    units = features._units()
    measure = Features("v", {name: np.ones(3) * units[name] for name in names}, **ON)
    return measure.measure(neuron())(3, 0.0, 0.03).of(np.asarray(recording()), float(DT))


def test_features_are_those_of_the_trace():
    count, base, peak = of_recording("spike_count", "voltage_base", "AP_amplitude").T
    trace = np.asarray(recording())
    above = trace > -0.02
    assert count.tolist() == (np.diff(above.astype(int), axis=1) == 1).sum(1).tolist()
    assert base == pytest.approx(trace[:, 50], abs=1e-3)
    spiking = np.isfinite(peak)
    assert spiking.any()
    assert ((peak > 0.05) & (peak < 0.12))[spiking].all()


def test_a_neuron_with_the_wanted_features_is_found(monkeypatch):
    monkeypatch.setattr(differential, "_GENERATIONS", 15)
    names = ("spike_count", "AP_amplitude", "AP_width", "time_to_first_spike")
    wanted = of_recording(*names)
    units = features._units()
    values = {
        name: Quantity(one, dim=units[name].dim) for name, one in zip(names, wanted.T, strict=True)
    }
    found = bb.fit(
        neuron(g_na=50 * MS, g_k=5 * MS), input=currents(), dt=DT, learn=RANGES, starts=16, seed=1,
        target=Features("v", values, **ON),
    )  # fmt: skip
    assert found.measured["spike_count"].tolist() == [1, 2, 3]
    assert abs(found.measured["AP_amplitude"] - found.wanted["AP_amplitude"]).max() < 5 * mV
    verified = found.verify()
    assert verified.same
    assert verified.finer != verified.again


REFUSED = {
    "an unknown feature": ({"values": {"AP_amplitud": 70 * mV}}, ("Did you mean 'AP_amplitude'?",)),
    "a feature that needs the current": (
        {"values": {"ohmic_input_resistance": 1}}, ("no feature 'ohmic_input_resistance'",),
    ),
    "another unit": ({"values": {"AP_amplitude": 70}}, ("value of 'AP_amplitude'", "volt")),
    "a scale of another unit": (
        {"scale": {"AP_amplitude": 1 * ms}}, ("scale of 'AP_amplitude'", "second", "volt"),
    ),
    "a scale of nothing": ({"scale": {"AP_width": 1 * ms}}, ("'AP_width'", "no value")),
    "a scale of 0": ({"values": {"mean_frequency": 0 * Hz}}, ("scale of 'mean_frequency' is 0",)),
    "other sweeps": ({"values": {"AP_amplitude": [1, 2] * mV}}, ("(2,)", "the 3 sweeps")),
    "nothing but NaN": ({"values": {"AP_amplitude": np.nan * mV}}, ("no finite value",)),
    "no features": ({"values": {}}, ("no values", "{'AP_amplitude': 70*mV}")),
    "an unknown variable": ({"variable": "V"}, ("no state variable 'V'",)),
    "a variable without volts": ({"variable": "m"}, ("'m'", "efel reads volts")),
    "a stimulus without end": ({"stim_end": 2 * ms}, ("from 3 to 2 ms", "after stim_start")),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_any_work(case, refused, monkeypatch):
    monkeypatch.setattr(Network, "run", lambda *_, **__: pytest.fail("something was simulated"))
    changes, said = REFUSED[case]
    target = {"variable": "v", "values": {"AP_amplitude": 70 * mV}, **ON, **changes}
    with refused(*said):
        bb.fit(neuron(), input=currents(), dt=DT, learn=RANGES, target=Features(**target))


def test_without_efel_the_error_says_how_to_install_it(refused, monkeypatch):
    features._units.cache_clear()
    monkeypatch.setattr(features, "find_spec", lambda _: None)
    with refused("pip install 'brianbridge[features]'"):
        bb.fit(
            neuron(), input=currents(), dt=DT, learn=RANGES,
            target=Features("v", {"AP_amplitude": 70 * mV}),
        )  # fmt: skip


def test_a_missing_feature_and_a_trace_that_is_not_finite_count_as_a_penalty():
    measure = Features("v", {"AP_amplitude": [70, np.nan] * mV}).measure(neuron())(2, 0.0, 0.03)
    silent = np.full((2, 600), -0.065)
    assert measure.loss(measure.of(silent, float(DT))) == 100
    silent[0, 5] = np.nan
    assert measure.loss(measure.of(silent, float(DT))) == 100

"""The models that come as files, and those of the user."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import Hz, Network, SpikeMonitor, amp, ms, mV, pA, volt
from library_units import firing_drive

from brianbridge.neurons.library import model_names, neuron_model, read_model

MINE = """
summary = "Leaky, with a threshold in volt"
equations = '''
dv/dt = (E - v)/tau + drive : volt   # towards rest
drive : volt/second
'''
threshold = "v > v_t"
reset = "v = E"
drive = "drive"

[parameters]
tau = "10 ms"
E = "-70 mV"
v_t = "-50 mV"

[initial]
v = "E"
"""


@pytest.fixture
def model_file(tmp_path):
    """Return a function that writes a model file with one thing replaced."""

    def write(old: str = "", new: str = ""):
        path = tmp_path / "mine.toml"
        assert old in MINE
        path.write_text(MINE.replace(old, new))
        return str(path)

    return write


@pytest.mark.parametrize("name", model_names())
def test_every_model_runs_and_says_what_it_is(name):
    model = neuron_model(name)
    assert model.name == name
    assert model.summary
    group = model.group(2)
    group.variables[model.drive].set_value(3 * firing_drive(model))
    spikes = SpikeMonitor(group)
    Network(group, spikes).run(60 * ms)
    assert spikes.num_spikes > 0


def test_all_families_are_there():
    families = {"if", "lif", "lif_zero", "lif_refractory", "ternary_if", "multi_threshold_lif",
                "single_spike_if", "cuba_lif", "adex", "izhikevich"}  # fmt: skip
    assert families <= set(model_names())


def test_adaptive_exponential_fires_regularly_as_its_paper_has_it():
    # Brette & Gerstner 2005, Table 1 and Fig. 2: rest at -70.6 mV, spikes adapt under 1 nA.
    group = neuron_model("adex").group(1, dt=0.1 * ms)
    assert group.v[0] == -70.6 * mV
    group.drive = 1000 * pA
    spikes = SpikeMonitor(group)
    Network(group, spikes).run(300 * ms)
    intervals = np.diff(spikes.t / ms)
    assert len(intervals) > 4
    assert np.all(np.diff(intervals) > 0)


def test_keywords_change_parameters_and_fields():
    model = neuron_model("lif", tau=20 * ms, theta="2", method="rk4", refractory="1 ms")
    assert model.parameters == {"tau": 20 * ms, "theta": 2.0}
    assert (model.method, model.refractory) == ("rk4", 1 * ms)
    assert neuron_model("lif", parameters={"tau": "30 ms"}).parameters["tau"] == 30 * ms


def test_the_near_name_is_suggested(refused):
    with refused("no neuron model 'lfi'", "Did you mean 'lif'?", ".toml"):
        neuron_model("lfi")
    with refused("no parameter 'teta'", "Did you mean 'theta'?"):
        neuron_model("lif", teta=1.0)
    with refused("no neuron model 'none/such.toml'"):
        neuron_model("none/such.toml")


# ---------------------------------------------------------------------- a file of the user's own


def test_a_file_needs_no_python(model_file):
    model = neuron_model(model_file(), tau="20 ms")
    assert model.name == "mine"
    assert model.emit == "int(v > v_t)"
    assert model.parameters["tau"] == 20 * ms
    group = model.group(1)
    assert group.v[0] == -70 * mV
    group.drive = 5 * volt * Hz
    spikes = SpikeMonitor(group)
    Network(group, spikes).run(50 * ms)
    assert spikes.num_spikes > 0


def test_lists_in_a_file_give_one_value_a_neuron(model_file):
    model = neuron_model(model_file('"10 ms"', '["10 ms", "20 ms"]'))
    np.testing.assert_allclose(model.group(4).tau / ms, [10, 20, 10, 20])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("reset =", "resett =", ["unknown key 'resett'", "Did you mean 'reset'?"]),
        ("equations =", "equation =", ["mine.toml", "equation"]),
        ("threshold = ", "threshold = [", ["mine.toml", "cannot be read"]),
        ('"10 ms"', "{a = 1}", ["mine.toml", "parameters.tau"]),
        ("summary = ", "method = 3\nsummary = ", ["mine.toml", "'method' = 3"]),
        ("v = E", "v = EE", ["neuron model 'mine'", "reset", "'EE'"]),
        ("E = ", "EL = ", ["neuron model 'mine'", "'E'"]),
        ('v = "E"', 'v = "__import__(1)"', ["neuron model 'mine'", "initial value of 'v'"]),
        ("(E - v)/tau", "(E - v)/tau**2", ["neuron model 'mine'", "nits"]),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(refused, model_file, old, new, said):
    path = model_file(old, new)
    with refused(*said):
        neuron_model(path)


def test_a_file_that_is_no_text(refused, tmp_path):
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with refused("x.toml", "cannot be read"):
        read_model(path)
    with refused("cannot be read"):
        folder = tmp_path / "folder.toml"
        folder.mkdir()
        read_model(folder)


def test_amp_is_the_unit_of_a_current():
    assert neuron_model("adex").group(1).variables["drive"].dim is amp.dim

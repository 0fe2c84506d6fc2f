"""`method="propagator"` in C++ standalone mode."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pytest
from brian2 import device, ms, set_device

from brianbridge.neurons.library import neuron_model
from brianbridge.twin.population import PopulationTwin

SCRIPT = """
import sys
import numpy as np
from brian2 import *
import brianbridge.neurons.propagator
from brianbridge.neurons.library import neuron_model

folder, standalone = sys.argv[1], sys.argv[2] == "standalone"
if standalone:
    set_device("cpp_standalone", directory=folder + "/program", build_on_run=False)
else:
    prefs.codegen.target = "numpy"
tau = 10*ms
group = NeuronGroup(3, '''dv/dt = (g - v)/tau + drive : 1 (unless refractory)
                          dg/dt = -g/tau_s : 1
                          drive : Hz
                          tau_s : second (constant)''',
                    threshold="v > 1", reset="v = 0", refractory=2*ms, method="propagator")
group.tau_s, group.drive, group.g = [5, 10, 20]*ms, 200*Hz, 1
ternary = neuron_model("ternary_lif").group(2)
ternary.drive = [200, -200]*Hz
trace = StateMonitor(group, "v", record=True)
spikes = SpikeMonitor(ternary, variables="spike_value", when="after_resets")
run(5*ms)
tau = 20*ms
run(5*ms)
if standalone:
    device.build(directory=folder + "/program")
np.savez(folder + "/" + sys.argv[2], v=trace.v, spikes=spikes.spike_value, t=spikes.t/ms)
"""


@pytest.mark.slow
def test_cpp_standalone_computes_the_same(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    for mode in ("standalone", "runtime"):
        command = [sys.executable, script, tmp_path, mode]
        subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    ours, numpy = (np.load(tmp_path / f"{mode}.npz") for mode in ("standalone", "runtime"))
    np.testing.assert_allclose(ours["v"], numpy["v"], rtol=1e-12, atol=1e-14)
    assert len(numpy["spikes"]) == 2
    for name in ("spikes", "t"):
        np.testing.assert_array_equal(ours[name], numpy[name])


def test_a_model_checked_in_standalone_mode_is_no_part_of_the_program(tmp_path):
    set_device("cpp_standalone", directory=str(tmp_path), build_on_run=False)
    before = len(device.arrays)
    PopulationTwin(neuron_model("adex", E_L="-65 mV"), (2,), 0.1 * ms)
    assert len(device.arrays) == before

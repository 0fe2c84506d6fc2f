"""One second of non-linear neurons: the twin's membrane equals Brian2's to 1e-9."""

import numpy as np
import pytest
import torch
from brian2 import Network, SpikeMonitor, StateMonitor, ms, prefs, second

from brianbridge.neurons.library import neuron_model
from brianbridge.twin.population import PopulationTwin

#: Constant drives (SI) from silent to fast, and the largest value of each variable.
DRIVES = {"adex": [0.3e-9, 0.7e-9, 1.2e-9], "izhikevich": [2.0, 6.0, 14.0]}


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("adex", "heun"),
        ("izhikevich", "euler"),
        pytest.param("adex", "euler", marks=pytest.mark.slow),
        pytest.param("izhikevich", "heun", marks=pytest.mark.slow),
        pytest.param("izhikevich", "rk4", marks=pytest.mark.slow),
    ],
)
def test_equal_to_brian2(name, method):
    prefs.codegen.target = "numpy"
    model = neuron_model(name, method=method)
    drive, dt = np.array(DRIVES[name]), 0.1 * ms
    group = model.group(3, dt=dt)
    group.variables["drive"].set_value(drive)
    # The threshold's slot also holds the reset, as in the canonical step.
    group.resetter["spike"].when = "thresholds"
    group.resetter["spike"].order = 1
    other = "w" if name == "adex" else "u"
    traces = StateMonitor(group, ["v", other], record=True, when="end")
    spikes = SpikeMonitor(group)
    Network(group, traces, spikes).run(1 * second, namespace={})

    twin = PopulationTwin(model, (3,), dt, dtype=torch.float64)
    with torch.no_grad():
        output = twin.run(
            drive=torch.as_tensor(drive)[None], steps=10_000, batch=1, record=("v", other)
        )
    assert spikes.count[0] < spikes.count[2], "the drives matter"
    assert spikes.count[2] > 20
    np.testing.assert_array_equal(output.spikes[:, 0].sum(0).numpy(), spikes.count)
    for variable in ("v", other):
        theirs = np.asarray(getattr(traces, f"{variable}_")).T
        ours = output.traces[variable][:, 0].numpy()
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(ours / scale, theirs / scale, rtol=0, atol=1e-9)

"""Recordings are read from arrays, tables, and files of laboratories, with their units."""

from __future__ import annotations

import datetime
import pickle

import numpy as np
import pytest
from brian2 import amp, mV, pA, volt

from brianbridge.cli import main
from brianbridge.fitting.recorded_values import recorded_values

SWEEPS = np.arange(6.0).reshape(2, 3)


def neo_file(path, sweeps=SWEEPS, rates=(10, 10)):
    """Write two segments of a potential in mV and a current in pA."""
    neo, pq = pytest.importorskip("neo"), pytest.importorskip("quantities")
    block = neo.Block()
    for sweep, rate in zip(sweeps, rates, strict=True):
        segment = neo.Segment()
        for name, values, unit in (("Vm", sweep, "mV"), ("Im", -sweep, "pA")):
            segment.analogsignals.append(
                neo.AnalogSignal(
                    values[:, None], units=unit, sampling_rate=rate * pq.kHz, name=name
                )
            )
        block.segments.append(segment)
    neo.io.NeoMatlabIO(str(path)).write_block(block)
    return path


def nwb_file(path, sweeps=SWEEPS, stimuli=-SWEEPS, **times):
    """Write current-clamp series, in mV and pA by their conversion."""
    pynwb = pytest.importorskip("pynwb")
    from pynwb.icephys import CurrentClampSeries, CurrentClampStimulusSeries

    file = pynwb.NWBFile("a", "b", datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
    device = file.create_device("amplifier")
    electrode = file.create_icephys_electrode(name="e", description="e", device=device)
    times = times or {"rate": 1e4}
    for number, (sweep, stimulus) in enumerate(zip(sweeps, stimuli, strict=True)):
        shared = {"electrode": electrode, "gain": 1.0, **times}
        file.add_acquisition(
            CurrentClampSeries(
                name=f"sweep{number}", data=sweep, conversion=1e-3, offset=0.5, **shared
            )
        )
        file.add_stimulus(
            CurrentClampStimulusSeries(
                name=f"sweep{number}", data=stimulus, conversion=1e-12, **shared
            )
        )
    with pynwb.NWBHDF5IO(str(path), "w") as io:
        io.write(file)
    return path


def test_csv_and_npz_hold_the_same(tmp_path):
    np.savez(tmp_path / "a.npz", v=SWEEPS)
    (tmp_path / "a.csv").write_text("first,second\n0,3\n1,4\n2,5\n")
    one, dt = recorded_values(tmp_path / "a.npz", "v", "mV")
    other, _ = recorded_values(tmp_path / "a.csv", ["first", "second"], "mV")
    assert np.array_equal(one, other)
    assert one.dim is mV.dim
    assert dt is None


def test_segments_of_a_neo_file_are_sweeps_with_their_units(tmp_path):
    path = neo_file(tmp_path / "cell.mat")
    v, dt = recorded_values(path, "Vm")
    assert np.allclose(v / mV, SWEEPS)
    assert dt == pytest.approx(1e-4)
    second, _ = recorded_values(path, "Vm", sweeps=[1])
    assert np.allclose(second / mV, SWEEPS[1:])
    current, _ = recorded_values(path, "Im", "pA")
    assert np.allclose(current / pA, -SWEEPS)


def test_series_of_an_nwb_file_have_conversion_and_offset(tmp_path):
    path = nwb_file(tmp_path / "cell.nwb")
    v, dt = recorded_values(path, ["acquisition/sweep0", "acquisition/sweep1"])
    assert np.allclose(v / volt, SWEEPS * 1e-3 + 0.5)
    assert dt == pytest.approx(1e-4)
    current, _ = recorded_values(path, "stimulus/sweep1")
    assert np.allclose(current / amp, -SWEEPS[1] * 1e-12)


def test_timestamps_of_an_nwb_file_have_to_be_even(tmp_path, refused):
    path = nwb_file(tmp_path / "even.nwb", timestamps=[0.1, 0.2, 0.3])
    assert recorded_values(path, "acquisition/sweep0")[1] == pytest.approx(0.1)
    path = nwb_file(tmp_path / "uneven.nwb", timestamps=[0.1, 0.2, 0.4])
    with refused("'acquisition/sweep0'", "evenly", "resample"):
        recorded_values(path, "acquisition/sweep0")


def test_what_cannot_be_read_is_refused(tmp_path, refused, monkeypatch):
    path = neo_file(tmp_path / "cell.mat")
    with refused("no values 'vm'", "Did you mean 'Vm'?"):
        recorded_values(path, "vm")
    with refused("'Vm' in volt", "'pA'", "leave the unit out"):
        recorded_values(path, "Vm", "pA")
    with refused("['Vm', 'Im'] differ", "unit"):
        recorded_values(path, ["Vm", "Im"])
    with refused("sampling rate"):
        recorded_values(neo_file(tmp_path / "rates.mat", rates=(10, 20)), "Vm")
    with refused("2 sweeps of ['Vm']", "names 2", "from 0"):
        recorded_values(path, "Vm", sweeps=[0, 2])
    with refused("none.abf", "no such file"):
        recorded_values(tmp_path / "none.abf", "Vm")
    np.savez(tmp_path / "empty.npz", v=SWEEPS[:0])
    with refused("no sweeps of ['v']"):
        recorded_values(tmp_path / "empty.npz", ["v"])
    (tmp_path / "text.abf").write_text("no recording")
    with refused("text.abf", "cannot be read", "Neo"):
        recorded_values(tmp_path / "text.abf", "Vm")
    (tmp_path / "code.pkl").write_bytes(pickle.dumps({}))
    with refused("code.pkl", "pickles can run code"):
        recorded_values(tmp_path / "code.pkl", "Vm")
    monkeypatch.setattr("brianbridge.fitting.laboratory_files.find_spec", lambda _: None)
    with refused("needs neo", "pip install 'brianbridge[recordings]'"):
        recorded_values(path, "Vm")


FIT = """
model = "cell_model.toml"
dt = "0.1 ms"
starts = 2
{more}
[input]
file = "cell.nwb"
values = ["stimulus/sweep0", "stimulus/sweep1"]
[target.v]
file = "cell.nwb"
values = ["acquisition/sweep0", "acquisition/sweep1"]
[learn]
tau = ["1 ms", "100 ms"]
"""


def test_a_fit_takes_the_sampling_rate_of_its_file(tmp_path, capsys):
    steps = np.outer([10, 20], np.ones(100))  # pA
    charged = steps * 0.1 * (1 - np.exp(-np.arange(100) * 0.2 / 8))  # mV, at 5 kHz
    nwb_file(tmp_path / "cell.nwb", charged, steps, rate=5e3)
    (tmp_path / "cell_model.toml").write_text(
        'equations = """dv/dt = (E_L - v + R*I)/tau : volt\nI : amp"""\ndrive = "I"\n'
        'receive = ""\nmethod = "exact"\n[initial]\nv = "E_L"\n'
        '[parameters]\ntau = "20 ms"\nR = "100 Mohm"\nE_L = "0.5 volt"\n'
    )
    path = tmp_path / "cell.toml"
    path.write_text(FIT.format(more=""))
    assert main(["fit", str(path)]) == 0
    assert "tau = 8" in capsys.readouterr().out
    path.write_text(FIT.format(more='target_dt = "0.1 ms"'))
    assert main(["fit", str(path)]) == 2
    assert "cell.nwb' has a value each 0.2 ms, but target_dt is 0.1 ms" in capsys.readouterr().err

"""The command line as a user runs it: right input, wrong input, exit status, one line."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from unittest.mock import patch

import h5py
import numpy as np
import pytest

from brianbridge.cli import main
from brianbridge.io.lock import only_writer
from brianbridge.io.networks.file import load_network, save_network
from brianbridge.perturbations import overview, perturbation, perturbation_names

STUDY = """
title = "Iris in a hurry"
seed = 1
[dataset]
name = "iris"
[network]
encoding = { kind = "current", steps = 10, dt = "1 ms" }
readout = "potential"
[[network.layers]]
units = 8
neuron = "if"
[[network.layers]]
units = 3
neuron = "if"
[rule]
name = "spike_count"
[training]
epochs = 2
"""


@pytest.fixture
def study(tmp_path):
    """Return a function that writes the study, with one text replaced by another."""

    def write(old="", new=""):
        assert old in STUDY
        path = tmp_path / "hurry.toml"
        path.write_text(STUDY.replace(old, new, 1))
        return str(path)

    return write


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    (folder / "hurry.toml").write_text(STUDY)
    # At dt/10, 30 samples do not decide about 2 points of accuracy.
    assert main(["study", "run", str(folder / "hurry.toml"), "--out", str(folder / "out")]) == 3
    return folder / "out"


def refusal(capsys, *arguments):
    """Run a command that must fail, and return its one line."""
    status = main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    assert status == 2
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith("brianbridge: ")
    return err


def test_study_leaves_network_spikes_and_verdict(finished):
    verdict = json.loads((finished / "verdict.json").read_text())
    assert verdict["schema"] == 4
    assert (verdict["outcome"], verdict["passed"]) == ("undecided", False)
    summary = json.loads((finished / "summary.json").read_text())
    assert (summary["outcome"], summary["parts"][0]["outcome"]) == ("undecided", "undecided")
    assert [rung["name"] for rung in verdict["rungs"]] == ["parity", "dt/10"]
    parity = verdict["rungs"][0]
    assert parity["spike_mismatches"] == parity["count_mismatches"] == 0
    assert parity["accuracy"] == verdict["twin"]["accuracy"]
    assert verdict["dataset"]["samples"] == 30
    with h5py.File(finished / "spikes.h5") as file:
        spikes = len(file["spikes/hidden/timestamps"])
    assert spikes == round(30 * parity["spikes_per_sample"]["hidden"])
    assert "brianbridge study run hurry.toml" in (finished / "report.html").read_text()


def test_verify_agrees_with_the_study_and_writes_its_own(finished, tmp_path, capsys):
    arguments = ["verify", str(finished / "network.h5"), "--data", "iris", "--out", str(tmp_path)]
    assert main([*arguments, "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["outcome"] == "undecided"
    assert main([*arguments, "--json", "--decide-by", "estimate"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["outcome"], told["decide_by"]) == ("held", "estimate")
    before = json.loads((finished / "verdict.json").read_text())
    assert told["twin"] == before["twin"]
    assert told["dataset"] == before["dataset"]
    assert json.loads((tmp_path / "verdict.json").read_text())["rungs"][0]["passed"]
    assert (tmp_path / "spikes.h5").exists()
    report = (tmp_path / "report.html").read_text()
    assert (
        "brianbridge verify network.h5 --data iris --ladder short --seed 0 --decide-by estimate"
        in report
    )
    assert str(finished) not in report


def test_a_rung_that_falls_short_is_exit_1(finished, tmp_path):
    network = load_network(finished / "network.h5")
    weights = {p.name: (30 * p.weight, p.bias) for p in network.projections}
    save_network(network.with_weights(weights), tmp_path / "saturated.h5")
    ladder = tmp_path / "ladder.toml"
    # A neuron driven far above its threshold fires once a step, so more often at a finer one.
    ladder.write_text(
        '[[rung]]\nname = "dt/7"\nperturb.finer_dt = { divisor = 7 }\nmax_spike_mismatches = 0\n'
    )
    arguments = ["verify", str(tmp_path / "saturated.h5"), "--data", "iris"]
    assert main([*arguments, "--ladder", str(ladder)]) == 1
    # A refractory period of one step keeps it from that.
    held = [*arguments, "--ladder", str(ladder), "--decide-by", "estimate", "--refractory", "1 ms"]
    assert main([*held, "--out", str(tmp_path / "out")]) == 0
    assert "--refractory &#39;1 ms&#39;" in (tmp_path / "out" / "report.html").read_text()


def test_steps_after_a_current_are_refused(finished, capsys):
    arguments = ["verify", str(finished / "network.h5"), "--data", "iris"]
    for options, message in (
        (["--after", "3"], "gives a current"), (["--refractory", "soon"], "refractory period"),
    ):  # fmt: skip
        assert main([*arguments, *options]) == 2
        assert message in capsys.readouterr().err


def test_train_then_inspect(study, tmp_path, capsys):
    out = tmp_path / "trained"
    assert main(["train", study(), "--out", str(out)]) == 0
    assert {p.name for p in out.iterdir()} == {"checkpoint.pt", "network.h5"}
    capsys.readouterr()
    assert main(["inspect", str(out / "network.h5"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "hidden" in json.dumps(told)
    assert main(["inspect", str(out / "network.h5")]) == 0
    assert "dv/dt" in capsys.readouterr().out


def test_inspect_spikes(finished, capsys):
    assert main(["inspect", str(finished / "spikes.h5")]) == 0
    assert "hidden" in capsys.readouterr().out


def test_the_same_command_twice_gives_the_same_network(study, tmp_path):
    for name in ("a", "b"):
        assert main(["train", study(), "--out", str(tmp_path / name)]) == 0
    with h5py.File(tmp_path / "a/network.h5") as a, h5py.File(tmp_path / "b/network.h5") as b:
        key = "projections/input_to_hidden/weight"
        np.testing.assert_array_equal(a[key][()], b[key][()])


@pytest.mark.parametrize("command", [["models"], ["models", "lif"], ["data"], ["data", "iris"]])
@pytest.mark.parametrize("style", [[], ["--json"]])
def test_lists(command, style, capsys):
    assert main([*command, *style]) == 0
    out = capsys.readouterr().out
    assert "lif" in out or "iris" in out or "dv/dt" in out
    if style:
        json.loads(out)


@pytest.mark.parametrize(
    "name", [name for name in perturbation_names() if not overview(name)["required"]]
)
def test_the_entry_that_a_perturbation_shows_is_toml_with_its_options(name, capsys):
    assert main(["perturbations", name]) == 0
    entry = capsys.readouterr().out.partition("In a ladder file:\n\n")[2]
    table = tomllib.loads(entry)["perturb"][name]
    options = overview(name)["options"]
    assert table.keys() == {option for option, value in options.items() if value is not None}
    optional = {line.split("'")[1] for line in entry.splitlines() if line.endswith("is optional")}
    assert optional == options.keys() - table.keys()
    assert perturbation(name, **table)


def test_options_of_workers_that_do_not_go_together_are_refused(capsys):
    given = ["verify", "network.h5", "--data", "iris"]
    both = [*given, "--workers", "2", "--scheduler", "tcp://127.0.0.1:9"]
    assert "give one" in refusal(capsys, *both)
    assert "give --workers too" in refusal(capsys, *given, "--worker-memory", "2 GB")


@pytest.mark.parametrize(
    ("out", "said"), [(True, "resumes where it stopped"), (False, "nothing is kept")]
)
def test_what_an_interrupted_verification_kept_is_told(out, said, finished, tmp_path, capsys):
    arguments = ["verify", str(finished / "network.h5"), "--data", "iris"]
    arguments += ["--out", str(tmp_path)] if out else []
    with patch("brianbridge.ladder.verify.verify", side_effect=KeyboardInterrupt):
        assert main(arguments) == 130
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_another_verification_writes_into_is_refused(finished, tmp_path, capsys):
    with only_writer(tmp_path):
        given = ("verify", finished / "network.h5", "--data", "iris", "--out", tmp_path)
        assert "is writing into" in refusal(capsys, *given)


def test_progress_is_told_from_the_beginning(finished, capsys):
    given = ["verify", str(finished / "network.h5"), "--data", "iris", "--json"]
    assert main([*given, "--decide-by", "estimate"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["rungs"]
    assert err.startswith("verifying 'network.h5' on ")
    assert "twin: 30 samples to do" in err
    assert "Brian2: 60 samples to do" in err


def test_study_list(capsys):
    assert main(["study", "list"]) == 0
    assert "digits_spike_count" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 1", "sed = 1", "unknown key 'sed'. Did you mean 'seed'?"),
        ("epochs = 2", "epoch = 2", "unknown key 'training.epoch'. Did you mean 'epochs'?"),
        ("epochs = 2", "epochs = 0", "'training.epochs' = 0"),
        ('neuron = "if"', 'neuron = "fi"', "there is no neuron model 'fi'. Did you mean 'if'?"),
        ("units = 8", "units = -8", "'network.layers.0.units' = -8"),
        ("units = 3", "units = 2", "3 classes; the network has only 2 outputs"),
        ('"1 ms"', '"1 mV"', "is not a time; write '1 ms'"),
        ('"current"', '"curent"', "there is no encoding 'curent'. Did you mean 'current'?"),
        ('name = "spike_count"', 'name = "spike_cuont"', "Did you mean 'spike_count'?"),
        ('name = "iris"', 'name = "isir"', "Did you mean 'iris'?"),
        ('readout = "potential"', 'readout = "rate"', "'network.readout' = 'rate'"),
        ("units = 8", 'units = 8\nparameters = { theta = "1 mV" }', "neuron model 'if'"),
        ("units = 8", "units = 8\nparameters = { tau = 1 }", "no parameter 'tau'"),
        ("seed = 1", "seed = ", "cannot be read"),
        ("[rule]", "[rule]\ngate = 'open'", "gate = 'open'. Choose from: 'count', 'potential'"),
    ],
)
def test_wrong_studies_are_refused_and_nothing_is_written(
    study, tmp_path, capsys, old, new, message
):
    out = tmp_path / "out"
    assert message in refusal(capsys, "study", "run", study(old, new), "--out", out)
    assert message in refusal(capsys, "train", study(old, new), "--out", out)
    assert not out.exists()


def test_wrong_files_are_refused(finished, tmp_path, capsys):
    other = tmp_path / "other.h5"
    other.write_bytes(b"not HDF5")
    network = finished / "network.h5"
    for arguments in (
        ("verify", other, "--data", "iris"),
        ("verify", tmp_path / "absent.h5", "--data", "iris"),
        ("verify", finished / "spikes.h5", "--data", "iris"),
        ("verify", network, "--data", "isir"),
        ("verify", network, "--data", "digits"),
        ("verify", network, "--data", "iris", "--samples", "0"),
        ("verify", network, "--data", "iris", "--ladder", tmp_path / "absent.toml"),
        ("inspect", other),
        ("inspect", tmp_path / "absent.h5"),
        ("models", "lfi"),
        ("data", "isir"),
        ("study", "run", "digits_spike_cuont"),
        ("study", "run"),
        ("nonsense",),
    ):
        refusal(capsys, *arguments)


def test_an_output_folder_that_cannot_be_written_is_refused(finished, tmp_path, capsys, study):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    for arguments in (
        ("study", "run", study(), "--out", blocked),
        ("train", study(), "--out", blocked / "below"),
        ("verify", finished / "network.h5", "--data", "iris", "--out", blocked),
    ):
        assert str(blocked) in refusal(capsys, *arguments)
    assert blocked.read_text() == "in the way"


@pytest.mark.parametrize("name", ["network.h5", "verdict.json", "report.html", "summary.json"])
def test_a_file_that_cannot_be_written_is_refused_before_any_work(name, study, tmp_path, capsys):
    out = tmp_path / "out"
    (out / name).mkdir(parents=True)
    assert f"'{out / name}' is a folder" in refusal(capsys, "study", "run", study(), "--out", out)
    assert [path.name for path in out.iterdir()] == [name]


def test_a_file_that_is_no_model_is_refused(study, capsys):
    for style in ([], ["--json"]):
        assert "unknown key 'title'" in refusal(capsys, "models", study(), *style)


def test_a_seed_out_of_range_is_named(study, tmp_path, capsys):
    for seed in (-1, 2**32):
        said = refusal(capsys, "train", study(), "--out", tmp_path / "t", f"--seed={seed}")
        assert f"--seed {seed}; give a whole number from 0 to 4294967295" in said


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
def test_a_full_disk_is_told_in_a_line():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "brianbridge", "data"], stdout=full, stderr=subprocess.PIPE,
            text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("brianbridge: No space left on device")
    assert done.stderr.count("\n") == 1


def test_a_bad_ladder_is_refused(finished, tmp_path, capsys):
    ladder = tmp_path / "ladder.toml"
    for text, message in (
        ('[[rung]]\nname = "x"\nrepeat = 3', "Did you mean 'repeats'?"),
        ('[[rung]]\nname = "x"\nperturb.finer_td = {}', "Did you mean 'finer_dt'?"),
        ('[[rung]]\nname = "x"\nperturb.finer_dt = { divisor = 0 }', "divisor = 0; give"),
        ('[[rung]]\nname = "x"\n[[rung]]\nname = "x"', "two rungs have the same name"),
        ("", "the key 'rung' is missing"),
    ):
        ladder.write_text(text)
        assert message in refusal(
            capsys, "verify", finished / "network.h5", "--data", "iris", "--ladder", ladder
        )


def test_a_model_and_a_study_of_ones_own_need_no_change_to_the_package(study, tmp_path):
    model = tmp_path / "mine.toml"
    source = Path(__file__).parents[2] / "models/neurons/lif.toml"
    model.write_text(source.read_text().replace("v -= theta*emit", "v -= 0.9*theta*emit"))
    path = study('neuron = "if"', f'neuron = "{model}"')
    assert main(["study", "run", path, "--decide-by=estimate", "--out", str(tmp_path / "out")]) == 0


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_import_is_light_and_loads_neither_torch_nor_brian2():
    code = "import sys, brianbridge; print([m for m in ('torch', 'brian2') if m in sys.modules])"
    assert run_python(code).stdout.strip() == "[]"


def test_python_m_brianbridge_and_its_exit_status():
    command = [sys.executable, "-m", "brianbridge", "models", "lfi"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "Did you mean 'lif'?" in done.stderr


def test_every_public_name_is_there():
    import brianbridge

    for name in brianbridge.__all__:
        assert getattr(brianbridge, name) is not None
    with pytest.raises(AttributeError, match=r"attribute '?nonsense"):
        _ = brianbridge.nonsense

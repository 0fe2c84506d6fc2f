"""How commands end: the exit status, and one line that says why."""

import errno
import subprocess
import sys

import pytest

from brianbridge import cli
from brianbridge.cli.exits import OF_OUTCOME
from brianbridge.errors import InputError


@pytest.fixture
def fails(monkeypatch, capsys, tmp_path):
    """Return a function that lets a command raise an error, and returns status and its line."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def run(error, arguments=("models",), command="models.show_models"):
        def raises(options):
            raise error

        monkeypatch.setattr(f"brianbridge.cli.{command}", raises)
        status = cli.main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        assert out == ""
        return status, err

    return run


def test_an_internal_error_is_70_in_one_line_with_its_traceback_in_a_file(fails, tmp_path):
    status, line = fails(ZeroDivisionError("division\nby zero"), ["models", "a b"])
    assert status == 70
    assert line.count("\n") == 1
    assert "an error of brianbridge itself in 'brianbridge models 'a b''" in line
    assert "ZeroDivisionError: division by zero" in line
    assert "files that were already finished are complete" in line
    (left,) = tmp_path.iterdir()
    assert f"the traceback is in {left};" in line
    text = left.read_text()
    assert text.startswith("brianbridge models 'a b'\n")
    assert "Traceback (most recent call last)" in text
    assert "brian2 2" in text


def test_the_traceback_is_beside_the_results_if_there_is_a_folder_for_them(fails, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    train = ["train", "x.toml", "--out", out]
    status, line = fails(RecursionError("deep"), train, "train.train")
    assert status == 70
    (left,) = out.iterdir()
    assert str(left) in line


def test_a_traceback_that_can_be_written_nowhere_is_told(fails, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", full)
    status, told = fails(ValueError("odd"))
    assert status == 70
    assert told.startswith("Traceback")
    assert told.splitlines()[-1].startswith("brianbridge: an error of brianbridge itself")
    assert "the traceback is above" in told


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (InputError("x = 3;\n give 4"), 2, "brianbridge: x = 3; give 4\n"),
        (MemoryError(), 2, "not enough memory for 'brianbridge models': give fewer samples"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 2, "prefs.brianbridge.memory"),
        (OSError(errno.EACCES, "Permission denied", "a/b.h5"), 2, "Permission denied (a/b.h5)"),
        (OSError(errno.EXDEV, "Bad link", "a", None, "b"), 2, "Bad link (a to b)"),
        (OSError("Unable to open"), 2, "Unable to open (brianbridge models)"),
        (TimeoutError(), 2, "TimeoutError (brianbridge models)"),
        (InputError("a file says \x1b[2J"), 2, "brianbridge: a file says ?[2J\n"),
        (KeyboardInterrupt(), 130, "brianbridge: interrupted\n"),
    ],
)
def test_what_the_user_can_mend_is_one_line(fails, error, status, told):
    found, line = fails(error)
    assert found == status
    assert told in line
    assert line.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "command", "resumes"),
    [
        (["verify", "a.h5", "--data", "iris"], "verify._verify", False),
        (["verify", "a.h5", "--data", "iris", "--out", "x"], "verify._verify", True),
        (["train", "a", "--out", "x"], "train.train", True),
        (["study", "run", "a"], "study.run_study", True),
        (["study", "list"], "study.list_studies", False),
    ],
)
def test_only_what_resumes_is_said_to_go_on(fails, arguments, command, resumes):
    status, line = fails(KeyboardInterrupt(), arguments, command)
    assert status == 130
    assert ("resumes where it stopped" in line) == resumes


@pytest.mark.parametrize(
    ("arguments", "command", "told"),
    [
        (
            ["verify", "a.h5", "--data", "iris", "--out", "x"],
            "verify._verify",
            "; what is finished is kept in 'x', the same command resumes where it stopped",
        ),
        (
            ["fit", "a.toml"],
            "fit.run_fit",
            "; nothing is kept: give --checkpoint, and the command resumes next time",
        ),
        (["convert", "a.nir", "a.h5"], "convert.convert", "; nothing is kept"),
        (["study", "list"], "study.list_studies", ""),
    ],
)
def test_an_interrupted_command_says_in_one_line_what_is_kept(fails, arguments, command, told):
    assert fails(KeyboardInterrupt(), arguments, command)[1] == (
        f"brianbridge: interrupted{told}\n"
    )


def test_each_outcome_has_its_status():
    assert OF_OUTCOME == {"held": 0, "no limit": 0, "fell short": 1, "undecided": 3}


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_brian2_is_not_blamed_on_the_command_line(tmp_path):
    code = (
        "import sys, tempfile, brian2, brianbridge.cli as cli\n"
        f"tempfile.tempdir = {str(tmp_path)!r}\n"
        "cli.models.show_models = lambda options: 1/0\n"
        "sys.exit(cli.main(['models']))"
    )
    done = run_python(code)
    assert done.returncode == 70
    assert done.stderr.count("\n") == 1
    assert "bug in Brian 2" not in done.stderr


def test_a_warning_is_one_line_without_code():
    code = (
        "import sys, warnings, brianbridge.cli as cli\n"
        "cli.models.show_models = lambda options: warnings.warn('odd\\n\\x1b[2J') or 0\n"
        "before = warnings.formatwarning\n"
        "sys.exit(cli.main(['models']) or warnings.formatwarning is not before)"
    )
    done = run_python(code)
    assert done.returncode == 0
    assert done.stderr == "brianbridge: warning: odd ?[2J\n"


def test_brian2_is_not_blamed_in_a_script_but_for_errors_of_others():
    code = (
        "import sys, brianbridge, brian2\n"
        "from brianbridge.measures import classification\n"
        "def fails():\n"
        "    1/0\n"
        "for call in (lambda: brianbridge.neuron_model('lfi'),\n"
        "             lambda: classification.confusion_matrix(None, None, 'x'), fails):\n"
        "    try: call()\n"
        "    except Exception: sys.excepthook(*sys.exc_info())\n"
    )
    said = [line for line in run_python(code).stderr.splitlines() if line.startswith("ERROR")]
    assert "brianbridge cannot use its input" in said[0]
    assert "an error of brianbridge, not of Brian2" in said[1]
    assert "If you think this is a bug in Brian 2" in said[2]
    assert len(said) == 3

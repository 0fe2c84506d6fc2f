"""``brianbridge completion`` prints scripts that complete what is typed, in three shells."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import redirect_stdout
from functools import cache
from io import StringIO

import pytest

from brianbridge.cli import main

TYPED = [
    (["ver"], ["verify"]),
    (["study", ""], ["run", "sweep", "list"]),
    (["study", "run", "digits_spike_co"], ["digits_spike_count"]),
    (["verify", "digits_spike_co"], ["digits_spike_count"]),
    (["verify", "x.h5", "--data", "fashion"], ["fashion_mnist"]),
    (["verify", "x.h5", "--spikes", "ch"], ["changed"]),
    (["verify", "x.h5", "--samp"], ["--samples"]),
]


@cache
def script(shell: str) -> str:
    with redirect_stdout(StringIO()) as text:
        assert main(["completion", shell]) == 0
    return text.getvalue()


def answer(*command: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def needs(shell: str):
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"there is no {shell} here")


@needs("bash")
@pytest.mark.parametrize(("typed", "found"), TYPED)
def test_bash(typed, found, tmp_path):
    words = " ".join(f"'{word}'" for word in ["brianbridge", *typed])
    code = (
        f"cd {tmp_path}\n{script('bash')}\nCOMP_WORDS=({words}); COMP_CWORD={len(typed)}\n"
        f'_shtab_brianbridge brianbridge {words.split()[-1]}\nprintf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    assert set(found) <= set(answer("bash", "-c", code))


@needs("fish")
@pytest.mark.parametrize(("typed", "found"), TYPED)
def test_fish(typed, found, tmp_path):
    (tmp_path / "script.fish").write_text(script("fish"))
    line = " ".join(["brianbridge", *typed])
    code = f"source {tmp_path}/script.fish; complete -C '{line}'"
    assert set(found) <= {shown.split("\t")[0] for shown in answer("fish", "-c", code)}


@needs("zsh")
def test_zsh(tmp_path):
    (tmp_path / "script.zsh").write_text(script("zsh"))
    made = f'autoload -U compinit; compinit -D; eval "$(<{tmp_path}/script.zsh)"'
    assert answer("zsh", "-f", "-c", f"{made}; print $_comps[brianbridge]") == [
        "_shtab_brianbridge"
    ]
    found = answer("zsh", "-f", "-c", f"{made}; functions _brianbridge_study")
    assert "digits_spike_count" in " ".join(found)


def test_another_shell_is_refused_in_one_line(capsys):
    assert main(["completion", "csh"]) == 2
    assert capsys.readouterr().err.count("\n") == 1

from __future__ import annotations

import getpass
import json
import re
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import brian2
import numpy as np
import pytest
import threadpoolctl
import torch

from brianbridge import __version__, provenance
from brianbridge.provenance import collect


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_what_is_collected() -> None:
    facts = collect(seed=1, rule="spike_count")
    assert json.loads(json.dumps(facts)) == facts
    assert (facts["seed"], facts["rule"]) == (1, "spike_count")
    versions = facts["versions"]
    assert versions["brianbridge"] == __version__
    assert versions["numpy"] == np.__version__
    assert versions["brian2"] == brian2.__version__
    assert {"python", "torch", "scipy", "h5py"} < set(versions)
    age = datetime.now(UTC) - datetime.fromisoformat(facts["date"])
    assert timedelta(0) <= age < timedelta(minutes=1)
    assert facts["machine"]["cores"] >= 1
    assert facts["machine"]["processor"]


def test_threads_are_told_as_they_are() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(before + 1)
        found = collect()["threads"]
    finally:
        torch.set_num_threads(before)
    assert found["torch"] == before + 1
    blas = threadpoolctl.threadpool_info()
    wanted = {(b["internal_api"], b["num_threads"]) for b in blas if b["user_api"] == "blas"}
    assert {(b["library"], b["threads"]) for b in found["blas"]} == wanted


def test_nothing_tells_where_or_by_whom() -> None:
    text = json.dumps(collect())
    for secret in (str(Path.cwd()), str(Path.home()), sys.prefix, socket.gethostname()):
        assert not re.search(rf"(?<![\w.]){re.escape(secret)}(?![\w.])", text)
    assert f'"{getpass.getuser()}"' not in text


def test_a_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "PACKAGES", ("no-such-package",))
    assert collect()["versions"]["no-such-package"] is None


def test_it_is_light() -> None:
    code = (
        "import sys; from brianbridge.provenance import collect; collect();"
        "print({'torch', 'brian2', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_commit_of_a_source_tree(tmp_path: Path) -> None:
    git(tmp_path, "init")
    (tmp_path / "file").write_text("1")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-m", "x")
    git(tmp_path, "tag", "-a", "v1", "-m", "x")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert provenance._commit(tmp_path) == commit
    (tmp_path / "file").write_text("2")
    assert provenance._commit(tmp_path) == f"{commit}-dirty"
    # A package installed somewhere inside a repository is not of that commit.
    (tmp_path / "site-packages").mkdir()
    assert provenance._commit(tmp_path / "site-packages") is None


def test_no_commit_without_git_or_before_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init")
    assert provenance._commit(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance._commit(tmp_path) is None

"""A folder that keeps the finished results of a verification, so that it can resume later.

The name of a file depends on the network, the data, the condition, the shard, the versions and the
source files. A verification therefore finds only results that it would compute again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from brianbridge.datasets import Dataset
from brianbridge.io.networks.file import load_network, save_network
from brianbridge.ladder.results import RunResult
from brianbridge.ladder.tasks import Shards, Task
from brianbridge.network import SpikingNetwork
from brianbridge.sweep.fingerprint import digest_of, fingerprint
from brianbridge.sweep.result_file import DAMAGED, read_result, write_result

__all__ = ["KeptFiles", "delete_kept"]

_RESULT, _NETWORK, _CHECKPOINT = ".json.gz", ".h5", ".pt"


class KeptFiles:
    """Keep results and changed networks of a verification in a folder.

    Parameters
    ----------
    folder : Path
        The folder.
    shards : Shards
        The network and its samples.
    """

    def __init__(self, folder: Path, shards: Shards) -> None:
        self._folder, self._fingerprint = folder, fingerprint(shards)

    def write(self, task: Task, result: RunResult) -> None:
        """Keep the result of a task."""
        write_result(result, self._path(task.key, _RESULT))

    def read(self, task: Task) -> RunResult | None:
        """Return the result of a task; None if there is none, or its file is damaged."""
        path = self._path(task.key, _RESULT)
        if path.exists():
            with suppress(*DAMAGED):
                return read_result(path)
        return None

    def network(
        self, key: str, train: Dataset, make: Callable[[Path | None], SpikingNetwork]
    ) -> SpikingNetwork:
        """Return a changed network from its file, or make and keep it.

        Parameters
        ----------
        key : str
            A text that says how the network was changed.
        train : Dataset
            The training samples that were used.
        make : callable
            Makes the network; it is called with the path of a checkpoint.
        """
        described = f"{key} {digest_of(train)}"
        path = self._path(described, _NETWORK)
        if not path.exists():
            save_network(make(self._path(described, _CHECKPOINT)), path)
        return load_network(path)

    def _path(self, described: str, suffix: str) -> Path:
        digest = hashlib.sha256(f"{self._fingerprint} {described}".encode()).hexdigest()
        return self._folder / f"{digest[:24]}{suffix}"


def delete_kept(folder: Path) -> None:
    """Delete the files that were kept in a folder, and the folder if nothing else is in it."""
    for suffix in (_RESULT, _NETWORK, _CHECKPOINT):
        for path in folder.glob(f"{'[0-9a-f]' * 24}{suffix}"):
            path.unlink()
    with suppress(OSError):
        folder.rmdir()

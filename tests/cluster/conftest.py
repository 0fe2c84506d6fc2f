"""A folder to work in, processes that end with the test, and the verdict of one process."""

from __future__ import annotations

import pytest
from real_processes import LADDER, Processes, told

pytest.importorskip("distributed")


@pytest.fixture
def processes(folder):
    started = Processes(folder)
    yield started
    started.end()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Return a folder with a network and a ladder."""
    import brianbridge as bb

    folder = tmp_path_factory.mktemp("cluster")
    neuron = bb.neuron_model("if")
    net = bb.SpikingNetwork.sequential(
        (1250,), [bb.Dense(20, neuron), bb.Dense(4, neuron)],
        encoding=bb.Current(6), weight_gain=4.0, seed=3,
    )  # fmt: skip
    bb.save_network(net, folder / "network.h5")
    (folder / "ladder.toml").write_text(LADDER)
    return folder


@pytest.fixture(scope="session")
def expected(folder):
    """Return the verdict of one process."""
    started = Processes(folder)
    try:
        return told(started.client())
    finally:
        started.end()

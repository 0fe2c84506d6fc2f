"""NIR files made to do harm: each is refused in one line, without much memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest
from nir_cases import chain, lif

import brianbridge as bb
from brianbridge.errors import InputError

Harm = Callable[[h5py.Group, Path], None]


def replaced(group: h5py.Group, name: str, **options: object) -> None:
    del group[name]
    group.create_dataset(name, **options)


def external_link(nodes: h5py.Group, folder: Path) -> None:
    del nodes["n0/weight"]
    nodes["n0/weight"] = h5py.ExternalLink(str(folder / "other.nir"), "/node/nodes/n0/weight")


def virtual(nodes: h5py.Group, folder: Path) -> None:
    layout = h5py.VirtualLayout((6, 4), "f8")
    layout[:] = h5py.VirtualSource(str(folder / "other.nir"), "/node/nodes/n0/weight", (6, 4))
    del nodes["n0/weight"]
    nodes["n0"].create_virtual_dataset("weight", layout)


def stored_elsewhere(nodes: h5py.Group, folder: Path) -> None:
    (folder / "raw").write_bytes(bytes(6 * 4 * 8))
    replaced(nodes, "n0/weight", shape=(6, 4), dtype="f8", external=[(str(folder / "raw"), 0, 192)])


def references(nodes: h5py.Group, folder: Path) -> None:
    replaced(nodes, "n0/weight", shape=(6, 4), dtype=h5py.ref_dtype)


def bomb(nodes: h5py.Group, folder: Path) -> None:
    replaced(
        nodes, "n0/weight", shape=(2**20, 2**12), dtype="f8", chunks=(2**12, 2**10),
        compression="gzip", fillvalue=1.0,
    )  # fmt: skip
    nodes["n0/weight"][0, 0] = 2.0


def graph_in_itself(nodes: h5py.Group, folder: Path) -> None:
    nodes["again"] = nodes.parent


def no_type(nodes: h5py.Group, folder: Path) -> None:
    del nodes["n1/type"]


def unknown_type(nodes: h5py.Group, folder: Path) -> None:
    replaced(nodes, "n1/type", data="__import__('os').system('touch canary')")


def strange_name(nodes: h5py.Group, folder: Path) -> None:
    nodes.move("n1", "n1\x1b[2J")


def huge_input(nodes: h5py.Group, folder: Path) -> None:
    replaced(nodes, "input/shape", data=np.array([40_000, 40_000]))


def huge_padding(nodes: h5py.Group, folder: Path) -> None:
    del nodes["n0"]
    conv = nodes.create_group("n0")
    for key, value in nir.Conv2d(
        (4, 4), np.ones((1, 1, 3, 3)), 1, 30_000, 1, 1, np.ones(1)
    ).to_dict().items():  # fmt: skip
        if key not in ("metadata",):
            conv.create_dataset(key, data=value)
    replaced(nodes, "input/shape", data=np.array([1, 4, 4]))


def strings_for_numbers(nodes: h5py.Group, folder: Path) -> None:
    replaced(nodes, "n1/tau", data="10 ms")


CASES: dict[Harm, str] = {
    external_link: "'/node/nodes/n0/weight' is not a dataset of this file",
    virtual: "'/node/nodes/n0/weight' is not a dataset of this file",
    stored_elsewhere: "'/node/nodes/n0/weight' is not a dataset of this file",
    references: "expected numbers or text|holds none",
    bomb: "declares 3.436e\\+04 MB of memory",
    graph_in_itself: "16 graphs in each other",
    no_type: "'/node/nodes/n1' has no type",
    unknown_type: r"'n1' \(__import__.*does not know this kind",
    strange_name: r"a node is called 'n1\?\[2J'; rename it",
    huge_input: "more than 20,000,000 values",
    huge_padding: "more than 20,000,000 values",
    strings_for_numbers: r"'n1' \(LIF\): its 'tau' is not finite numbers",
}


@pytest.mark.parametrize("harm", CASES, ids=lambda harm: harm.__name__)
def test_harm_is_refused(harm: Harm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    graph = chain(nir.Linear(np.ones((6, 4))), lif(6), shape=(4,))
    for name in ("net.nir", "other.nir"):
        nir.write(tmp_path / name, graph)
    with h5py.File(tmp_path / "net.nir", "r+") as file:
        harm(file["node/nodes"], tmp_path)
    tracemalloc.start()
    with pytest.raises(InputError, match=CASES[harm]) as caught:
        bb.from_nir(tmp_path / "net.nir", "norse", steps=3, encoding="frames")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert "net.nir" in str(caught.value)
    assert peak < 100e6
    assert not (tmp_path / "canary").exists()


def test_a_file_of_ours_without_nodes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.nir"
    network = bb.SpikingNetwork.sequential(
        (4,), [bb.Dense(3, bb.neuron_model("lif"))], encoding=bb.Bernoulli(5)
    )
    bb.to_nir(network, path)
    with h5py.File(path, "r+") as file:
        del file["node/nodes"]
    with pytest.raises(InputError, match="the graph 'node' has no nodes; give it some"):
        bb.from_nir(path)


def test_damaged_metadata_of_ours_are_refused(tmp_path: Path) -> None:
    network = bb.SpikingNetwork.sequential(
        (4,), [bb.Dense(3, bb.neuron_model("lif"))], encoding=bb.Bernoulli(5)
    )
    for text in ("{}", "[" * 3000, '{"network": 1}', "null", '{"network": NaN}'):
        path = tmp_path / "net.nir"
        bb.to_nir(network, path)
        with h5py.File(path, "r+") as file:
            replaced(file["node/metadata"], "brianbridge", data=text)
        with pytest.raises(InputError, match="metadata of brianbridge") as caught:
            bb.from_nir(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [0, 1, 2**40])
def test_a_heap_of_texts_with_a_damaged_size_is_not_walked(size: int, tmp_path: Path) -> None:
    """HDF5 walks for ever over an object of size 0."""
    path = tmp_path / "net.nir"
    nir.write(path, chain(nir.Linear(np.ones((6, 4))), lif(6), shape=(4,)))
    data = bytearray(path.read_bytes())
    at = data.index(b"GCOL") + 16
    while int.from_bytes(data[at : at + 2], "little"):  # to the free space, whose index is 0
        at += 16 + -(-int.from_bytes(data[at + 8 : at + 16], "little") // 8) * 8
    data[at + 8 : at + 16] = size.to_bytes(8, "little")
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"texts of '.*' are damaged; save the graph again"):
        bb.from_nir(path, "norse", steps=3, encoding="frames")

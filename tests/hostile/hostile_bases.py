"""Write valid files, from which hostile ones are made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np

__all__ = ["Bases", "make_bases"]


@dataclass(frozen=True)
class Bases:
    """Hold valid files, from which cases are made.

    Parameters
    ----------
    networks, spikes : tuple of Path
        Network files and spike files.
    foreign, own : tuple of Path
        NIR files of another tool, and those that brianbridge wrote.
    sonata, csv, parquet, nwb : tuple of Path
        Spikes as another program writes them, and in the formats of other tools.
    npz : tuple of Path
        Labelled samples.
    """

    networks: tuple[Path, ...]
    spikes: tuple[Path, ...]
    foreign: tuple[Path, ...]
    own: tuple[Path, ...]
    sonata: tuple[Path, ...]
    csv: tuple[Path, ...]
    parquet: tuple[Path, ...]
    nwb: tuple[Path, ...]
    npz: tuple[Path, ...]


def make_bases(folder: Path) -> Bases:
    """Write valid network and spike files."""
    import brianbridge as bb
    from brianbridge.io.spikes.file import SpikeFileWriter

    lif = bb.neuron_model("lif", theta=np.linspace(0.5, 1.5, 6))
    dense = bb.SpikingNetwork.sequential(
        (4,), [bb.Dense(6, lif), bb.Dense(3, bb.neuron_model("if"))], encoding=bb.Current(5), seed=1
    )
    image = bb.SpikingNetwork.sequential(
        (1, 4, 4),
        [bb.Conv2d(2, 3, bb.neuron_model("ternary_lif")), bb.Dense(3, bb.neuron_model("if"))],
        encoding=bb.Bernoulli(5),
        seed=1,
    )
    networks, spikes = [], []
    others: dict[str, list[Path]] = {"csv": [], "parquet": [], "nwb": []}
    training = {"epochs": 2, "curve": [1.0, 0.5]}
    facts = {"seed": 1, "dataset": {"name": "iris", "folds": None}, "training": training}
    for name, network in (("dense", dense), ("image", image)):
        network = replace(network, provenance=facts)
        networks.append(folder / f"{name}.h5")
        bb.save_network(network, networks[-1])
        x = np.random.default_rng(1).random((4, *network.input_shape))
        recording = bb.to_torch(network).record(x)
        for compress in (True, False):
            path = folder / f"{name}-spikes-{compress}.h5"
            shapes = {p.name: p.shape for p in network.firing}
            with SpikeFileWriter(
                path, shapes, network.dt, network.steps, {"seed": 1}, compress
            ) as writer:
                writer.append(recording)
            spikes.append(path)
        for ending, paths in others.items():
            paths.append(folder / f"{name}.{ending}")
            bb.io.write_spikes(recording, paths[-1], {"seed": 1})
    npz = folder / "samples.npz"
    np.savez(npz, x=np.random.default_rng(2).random((30, 4)), y=np.arange(30) % 3)
    own = folder / "own.nir"
    bb.to_nir(bb.load_network(networks[0]), own)
    return Bases(
        tuple(networks), tuple(spikes), (_foreign_nir(folder),), (own,), (_sonata(folder),),
        **{ending: tuple(paths) for ending, paths in others.items()}, npz=(npz,),
    )  # fmt: skip


def _sonata(folder: Path) -> Path:
    """Write spikes as other programs do: without a step, and with a unit of variable length."""
    path = folder / "sonata.h5"
    with h5py.File(path, "w") as file:
        file.attrs.update(magic=np.uint32(0x0A7A), version=np.array([0, 1], np.uint32))
        times = file.create_dataset("spikes/V1/timestamps", data=[0.1, 0.3, 12.3])
        times.attrs["units"] = "milliseconds"
        file["spikes/V1/node_ids"] = np.array([7, 0, 3], np.uint64)
    return path


def _foreign_nir(folder: Path) -> Path:
    """Write a NIR file with a convolution, a subgraph with a loop, and a delay."""
    import nir

    one = np.ones(4)
    inner = nir.NIRGraph(
        {
            "in": nir.Input(np.array([4])),
            "w": nir.Linear(np.eye(4)),
            "out": nir.Output(np.array([4])),
            "lif": nir.CubaLIF(0.01 * one, 0.02 * one, one, 0 * one, one, 0 * one),
        },
        [("in", "lif"), ("lif", "w"), ("w", "lif"), ("lif", "out")],
        type_check=False,
    )  # fmt: skip
    nodes = {
        "input": nir.Input(np.array([1, 6, 6])),
        "conv": nir.Conv2d(np.array([6, 6]), np.ones((2, 1, 3, 3)), 1, 0, 1, 1, np.ones(2)),
        "pool": nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "if": nir.IF(np.ones((2, 2, 2)), np.ones((2, 2, 2))),
        "flatten": nir.Flatten(np.array([2, 2, 2]), 0),
        "delay": nir.Delay(np.full(8, 0.002)),
        "affine": nir.Affine(np.ones((4, 8)), one),
        "scale": nir.Scale(2 * one),
        "sub": inner,
        "li": nir.LI(0.01 * one, one, 0 * one),
        "output": nir.Output(np.array([4])),
    }
    edges = list(pairwise(nodes))
    path = folder / "foreign.nir"
    nir.write(path, nir.NIRGraph(nodes, edges, type_check=False))
    return path

"""Find and read network files, ``models/networks/*.toml``; builds nothing.

```
summary     = "what it is, in one line"
source      = "the paper, and what of it was read, remembered or inferred"
input_shape = [1, 28, 28]               # where the data do not say
encoding    = { kind = "bernoulli", steps = 100, dt = "1 ms", gain = 0.5 }
readout     = "potential"
weight_gain = 2.0                       # initial weights: variance times fan-in

[neurons.lif_zero]                      # parameters of all neurons of this model
tau         = "20 ms"

[[layers]]                              # see brianbridge.network.layer_files
units       = 10
neuron      = "lif_zero"
```
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from brianbridge.network.layer_files import LayerEntries, NeuronParameters
from brianbridge.network.readout import Readout
from brianbridge.schema import find_toml, read_toml, validated
from brianbridge.share import share_folder

__all__ = ["NetworkFile", "network_names", "network_path", "read_network"]


class NetworkFile(BaseModel):
    """Hold what a network file says; see `brianbridge.network.library.network_model`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    summary: str
    source: str
    input_shape: list[PositiveInt] = Field(min_length=1)
    encoding: dict[str, Any]
    readout: Readout = "counts"
    weight_gain: float | None = Field(default=None, gt=0)
    weight_mean: float = 0.0
    neurons: NeuronParameters = {}
    layers: LayerEntries


def network_names() -> tuple[str, ...]:
    """Return the names of the networks that come with the package.

    Examples
    --------
    >>> "lenet" in network_names()
    True
    """
    return tuple(sorted(path.stem for path in (share_folder("models") / "networks").glob("*.toml")))


def network_path(name: str) -> Path:
    """Return the file of a network, by its name or its own path.

    Raises
    ------
    InputError
        If there is no such network; the near name is suggested.
    """
    return find_toml(name, share_folder("models") / "networks", "network")


def read_network(path: Path) -> NetworkFile:
    """Read a network file, keys and types checked.

    Raises
    ------
    InputError
        If the file cannot be read, or has unknown or missing keys.
    """
    what = "network file"
    return validated(NetworkFile, read_toml(path, what), f"{what} '{path}'")

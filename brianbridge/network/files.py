"""Find and read network files, ``models/networks/*.toml``. Nothing is built here.

```
summary     = "what the network is, in one line"
source      = "the paper, and which parts of it were read, remembered or inferred"
input_shape = [1, 28, 28]               # unless the dataset has another
encoding    = { kind = "bernoulli", steps = 100, dt = "1 ms", gain = 0.5 }
readout     = "potential"
weight_gain = 2.0                       # variance of initial weights times fan-in

[neurons.lif_zero]                      # parameters of all neurons of this model
tau         = "20 ms"

[[layers]]                              # see brianbridge.network.layer_files
units       = 10
neuron      = "lif_zero"
```
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from brianbridge.encoding.base import ENCODINGS
from brianbridge.network.layer_files import LayerEntries, NeuronParameters
from brianbridge.network.readouts import ReadoutName
from brianbridge.schema import TableBy, files_by_name, find_toml, read_toml, validated
from brianbridge.share import share_folder

__all__ = ["NetworkFile", "network_names", "network_path", "read_network"]


class NetworkFile(BaseModel):
    """Hold a network file; see `brianbridge.network.library.network_model`.

    Parameters
    ----------
    summary : str
        What the network is, in one line.
    source : str
        The paper, and which parts of it were read, remembered or inferred.
    input_shape : list of int
        Shape of one sample, unless the dataset has another.
    encoding : dict
        How samples become input. It sets the time step and the number of steps.
    readout : str
        How the output is read; see `brianbridge.network.readouts`.
    weight_gain : float, optional
        Variance of the initial weights times their fan-in. If not given, they are drawn from
        U(-1, 1)/sqrt(fan_in).
    weight_mean : float
        Mean of the sum of a neuron's initial weights.
    neurons : dict
        Parameters of all neurons of a model, by model name.
    layers : list of LayerEntry
        The layers from input to output.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    summary: str
    source: str
    input_shape: list[PositiveInt] = Field(min_length=1)
    encoding: Annotated[dict[str, Any], TableBy(ENCODINGS, "kind", "current")]
    readout: ReadoutName = "counts"
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
    return tuple(_files())


def network_path(name: str) -> Path:
    """Return the path of a network file, by the network's name or by its path.

    Raises
    ------
    InputError
        If there is no such network. The message suggests the nearest name.
    """
    return find_toml(name, _files(), "network")


def _files() -> dict[str, Path]:
    """Return the network files of this package, by name."""
    return files_by_name(share_folder("models") / "networks")


def read_network(path: Path) -> NetworkFile:
    """Read a network file and check its keys and types.

    Raises
    ------
    InputError
        If the file cannot be read, or has unknown or missing keys.
    """
    what = "network file"
    return validated(NetworkFile, read_toml(path, what), f"{what} '{path}'")

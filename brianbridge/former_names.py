"""Keep names that have moved working for one release, with a warning that says the new name."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

__all__ = ["moved"]

#: Where each name is now, by the module that had it: "module:name", or the module if the name is
#: the same there. A group goes once a release has had the warning.
_NOW = {
    "brianbridge": {
        "load": "brianbridge:load_network",
        "save": "brianbridge:save_network",
        **dict.fromkeys(
            ("Feedback", "Flatten", "MaxPool2d", "Residual", "SumPool2d"), "brianbridge.layers"
        ),
        **dict.fromkeys(
            (
                *("AllToAll", "Convolution", "OneToOne", "Pooling", "Population", "Projection"),
                *("Sparse", "TransposedConvolution"),
            ),
            "brianbridge.connections",
        ),
        **dict.fromkeys(
            (
                *("FirstSpike", "Implicit", "LeakyBackprop", "LearningRule", "MultiThreshold"),
                *("SingleSpikeVectorised", "Spide", "SpikeCount", "SurrogateGradient"),
            ),
            "brianbridge.rules",
        ),
        **dict.fromkeys(("Augmentation", "SpikeRate"), "brianbridge.training"),
        **dict.fromkeys(
            (
                *("NetworkTwin", "PopulationTwin", "Quantisation", "SpikeFunction"),
                "register_spike_function",
            ),
            "brianbridge.twin",
        ),
        **dict.fromkeys(("Condition", "perturbed"), "brianbridge.perturbations"),
        **dict.fromkeys(("EnergyModel", "operations_of"), "brianbridge.measures"),
        "Dataset": "brianbridge.datasets",
        "DenseProjection": "brianbridge.simulation",
        "Events": "brianbridge.recording",
        "SpikeFileWriter": "brianbridge.io",
    },
    "brianbridge.datasets": {"load": "brianbridge.datasets:load_dataset"},
}


def moved(module: str, name: str) -> Any:
    """Return what a module had under a name that has moved, and warn.

    Parameters
    ----------
    module, name : str
        Where it was.

    Raises
    ------
    AttributeError
        If the module never had it.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     _ = moved("brianbridge", "load")
    >>> print(caught[0].message)
    brianbridge.load is now brianbridge.load_network; the old name goes with the next release
    """
    if name not in _NOW[module]:
        raise AttributeError(f"module '{module}' has no attribute '{name}'")
    place, _, new = _NOW[module][name].partition(":")
    warnings.warn(
        f"{module}.{name} is now {place}.{new or name}; the old name goes with the next release",
        FutureWarning,
        stacklevel=3,
    )
    return getattr(import_module(place), new or name)

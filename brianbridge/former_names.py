"""Keep names that have moved working for one release, with a warning that says the new name."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

__all__ = ["moved"]

#: The new place of each name, by the module that had it: "module:name", or only the module if the
#: name is the same there. A group is removed after one release with the warning.
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
    """Return the object that a module had under its old name, and warn.

    Parameters
    ----------
    module, name : str
        The former module and name.

    Raises
    ------
    AttributeError
        If the module never had that name.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     _ = moved("brianbridge", "load")
    >>> print(caught[0].message)
    brianbridge.load is now brianbridge.load_network; the next release removes the old name
    """
    if name not in _NOW[module]:
        raise AttributeError(f"module '{module}' has no attribute '{name}'")
    target, _, new = _NOW[module][name].partition(":")
    warnings.warn(
        f"{module}.{name} is now {target}.{new or name}; the next release removes the old name",
        FutureWarning,
        stacklevel=3,
    )
    return getattr(import_module(target), new or name)

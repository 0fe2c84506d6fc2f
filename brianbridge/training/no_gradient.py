"""Warn of neuron parameters that training does not change."""

from __future__ import annotations

import warnings

from brianbridge.twin.network import NetworkTwin

__all__ = ["warn_of_no_gradient"]


def warn_of_no_gradient(twin: NetworkTwin) -> None:
    """Warn if a learned parameter had no gradient in all steps so far.

    Parameters
    ----------
    twin : NetworkTwin
        A twin that has been trained for an epoch.
    """
    for name, values in twin.named_parameters():
        if not (name.startswith("learned.") and values.requires_grad):
            continue
        # What an optimiser sees of such a parameter is 0 until a gradient moves it.
        if not values.any():
            _, owner, _, parameter, _ = name.split(".")
            warnings.warn(
                f"training: the loss did not depend on '{parameter}' of '{owner}' in the first "
                "epoch, so it did not change; leave it out of learn, or check that these neurons "
                "fire and receive input",
                RuntimeWarning,
                stacklevel=2,
            )

"""What reading a neuron of a framework takes, and what it gives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.interchange.graph import Linear, Node, Scale
from brianbridge.interchange.neuron_models import Values
from brianbridge.neurons.model import NeuronModel

__all__ = ["Cell", "Reading", "decay_time", "numbers"]


@dataclass(frozen=True, eq=False)
class Cell:
    """Hold the neurons of a module of another framework.

    Parameters
    ----------
    model : NeuronModel
        The neuron.
    jump : float or array
        What an input of 1 in one step adds to the variable ``model.receive``.
    fires : bool
        Whether the module returns spikes; otherwise it returns its membrane.
    before : Linear, optional
        Weights of its input, if the module has them.
    recurrent : tuple of Node
        What its spikes of the step before pass through, back to its input; empty without a loop.
    """

    model: NeuronModel
    jump: Values = 1.0
    fires: bool = True
    before: Linear | None = None
    recurrent: tuple[Node, ...] = ()


@dataclass(frozen=True, eq=False)
class Reading:
    """Hold a module of another framework, to be read.

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    name : str
        Its name in the network, for messages.
    dt : float
        Length of one of its steps in seconds.
    shape : tuple of int
        Shape of the neurons, without batch and time.
    """

    module: Any
    name: str
    dt: float
    shape: tuple[int, ...]

    @property
    def what(self) -> str:
        """The module in messages."""
        return f"'{self.name}' ({type(self.module).__name__})"

    def value(self, values: Any) -> Values:
        """Return a number, or one for each neuron in their order.

        Raises
        ------
        InputError
            If the values do not fit the shape of the neurons, or are not numbers.
        """
        array = numbers(values)
        if np.isnan(array).any():
            raise self.refuse("one of its parameters is not a number (nan)", "train it again")
        if array.size == 1:
            return float(array.reshape(())[()])
        try:
            return np.broadcast_to(array, self.shape).ravel()
        except ValueError:
            raise InputError(
                f"{self.what}: values of shape {array.shape} do not fit neurons of shape "
                f"{self.shape}; give one, or one for each neuron"
            ) from None

    def jump(self, values: Values) -> Values:
        """Return the jump by an input, in the shape of the neurons if it differs between them."""
        return values if np.ndim(values) == 0 else np.asarray(values).reshape(self.shape)

    def refuse(self, what: str, remedy: str) -> InputError:
        """Return the error for something that cannot be read."""
        return InputError(f"{self.what}: {what}; {remedy}")

    def expect(self, defaults: Iterable[tuple[str, Any]]) -> None:
        """Refuse options that change what the neurons compute.

        Parameters
        ----------
        defaults : iterable of (str, value)
            Names of attributes, and the only value that can be read.
        """
        for name, value in defaults:
            found = getattr(self.module, name, value)
            if np.any(numbers(found) != value) if hasattr(found, "detach") else found != value:
                raise self.refuse(f"{name} = {found} cannot be read", f"use {name}={value}")

    def linear(self, module: Any, what: str) -> Linear:
        """Return a `torch.nn.Linear` as a node."""
        if not all(hasattr(module, name) for name in ("in_features", "out_features")):
            raise self.refuse(
                f"its {what} is a {type(module).__name__}, which cannot be read", "use nn.Linear"
            )
        bias = None if module.bias is None else numbers(module.bias)
        return Linear(numbers(module.weight), bias)

    def scale(self, values: Any) -> Scale:
        """Return factors for each neuron as a node."""
        return Scale(numbers(values))


def numbers(values: Any) -> np.ndarray:
    """Return a tensor or a number as an array of float64."""
    tensor = values.detach().cpu().numpy() if hasattr(values, "detach") else values
    return np.asarray(tensor, dtype=np.float64)


def decay_time(kept: Values, dt: float) -> Values:
    """Return the time constant whose Euler step keeps a factor of a variable; 1 never decays."""
    lost = 1.0 - np.asarray(kept)
    with np.errstate(divide="ignore"):
        return np.where(lost > 0, dt / np.where(lost > 0, lost, 1.0), np.inf)[()]

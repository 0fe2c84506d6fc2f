"""Steps of an optimiser in natural units.

The weights of a twin are in SI units, so that they are written back exactly. Optimisers need
numbers of order one: a weight of 50 pA would not survive a step of size 1e-3. While a step is
taken, weights and gradients are in natural units (`brianbridge.network.scale`); learning rate,
weight decay and clipping refer to these.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from brianbridge.network import SpikingNetwork
from brianbridge.twin.network import NetworkTwin

__all__ = ["check_scales", "natural_units"]


def check_scales(network: SpikingNetwork) -> None:
    """Refuse neurons in volts or amperes that leave open which variable is their potential.

    Raises
    ------
    InputError
        If a population has no natural scale for this reason.
    """
    from brian2 import Equations

    for population in network.populations:
        neuron = population.neuron
        equations = Equations(neuron.equations)
        if not all(equations[name].dim.is_dimensionless for name in neuron.state_variables):
            neuron.require_potential("training in natural units")


@contextmanager
def natural_units(twin: NetworkTwin) -> Iterator[None]:
    """Hold the parameters of a twin that have a gradient, and their gradients, in natural units.

    Parameters
    ----------
    twin : NetworkTwin
        The twin. After the ``with`` block its parameters are in SI units again.

    Examples
    --------
    A step of your own optimiser:

    >>> import brianbridge as bb
    >>> layer = bb.Dense(2, bb.neuron_model("lif"))
    >>> network = bb.SpikingNetwork.sequential((4,), [layer], encoding=bb.Current(5))
    >>> twin = bb.to_torch(network)
    >>> optimizer = torch.optim.Adam(twin.parameters())
    >>> twin(torch.ones(3, 4)).sum().backward()
    >>> with natural_units(twin):
    ...     _ = optimizer.step()
    """
    units = twin.natural_units()
    scaled = [
        (values, units[name])
        for name, values in twin.named_parameters()
        if units.get(name, 1.0) != 1 and values.grad is not None
    ]
    with torch.no_grad():
        for values, unit in scaled:
            values.div_(unit)
            values.grad.mul_(unit)  # type: ignore[union-attr]
        try:
            yield
        finally:
            for values, unit in scaled:
                values.mul_(unit)
                if values.grad is not None:
                    values.grad.div_(unit)

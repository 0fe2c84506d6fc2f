"""How fast the trace of an input decays: exactly as the potential that it adds to.

While the potential ``u`` of a neuron is linear, ``u(t) = lambda u(t - 1) + x(t) - reset(t)``, its
derivative with respect to an earlier input is a power of lambda, whatever the neuron emits, as long
as the reset counts as a constant: ``du(t)/dx(t - n) = lambda**n``. `trace_decay` takes lambda from
the step that the twin renders (thus from the model's propagator), and tests this formula on it.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from brianbridge.errors import InputError
from brianbridge.network import SpikingNetwork
from brianbridge.network.scale import potential_unit
from brianbridge.twin.noise import Noise
from brianbridge.twin.population import PopulationTwin
from brianbridge.twin.spike_function import SpikeFunction

__all__ = ["trace_decay"]

#: Steps of the test, and neurons in it if all of a population are alike.
_STEPS, _NEURONS = 12, 16

#: The decays found so far, by network (which never changes) and by population.
_known: WeakKeyDictionary[SpikingNetwork, dict[str, float]] = WeakKeyDictionary()


def trace_decay(network: SpikingNetwork, name: str) -> float:
    """Return the factor by which the potential of a population decays in a step.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    name : str
        Name of the population that receives.

    Raises
    ------
    InputError
        If a trace of the input does not describe the potential, because it is not linear, is set by
        its reset, or is refractory, or because neurons of the population differ in their decay.

    Examples
    --------
    >>> import brianbridge as bb
    >>> net = bb.SpikingNetwork.sequential(
    ...     (4,), [bb.Dense(2, bb.neuron_model("lif"))], encoding=bb.Current(5)
    ... )
    >>> round(trace_decay(net, "output"), 6)                           # exp(-1 ms/10 ms)
    0.904837
    """
    known = _known.setdefault(network, {})
    if name not in known:
        known[name] = _computed(network, name)
    return known[name]


def _computed(network: SpikingNetwork, name: str) -> float:
    free = _derivatives(network, name, fires=False)
    decays = free[-2]
    expected = torch.stack([decays**n for n in reversed(range(_STEPS))])
    what = f"neuron model '{network.population(name).neuron.name}' of population '{name}'"
    if not torch.allclose(free, expected):
        raise InputError(
            f"a trace needs a potential that sums its input and decays by one factor, but {what} "
            "has another one; use a model such as 'lif', or the rule 'surrogate_gradient'"
        )
    decay = float(decays.flatten()[0])
    if not torch.allclose(decays, torch.full_like(decays, decay)):
        raise InputError(
            f"a trace has one decay, but the neurons of population '{name}' differ in theirs; give "
            "them all the same time constant, or use 'surrogate_gradient'"
        )
    if network.fires(name) and not torch.allclose(
        _derivatives(network, name, fires=True), expected
    ):
        raise InputError(
            "a trace needs a reset that subtracts, and no refractory period, but a spike of "
            f"{what} erases earlier or later input; use a model such as 'lif', or the rule "
            "'surrogate_gradient'"
        )
    return decay


def _derivatives(network: SpikingNetwork, name: str, *, fires: bool) -> Tensor:
    """Return the derivative of the last potential with respect to the input of every step.

    The neurons have random input, from silence to several spikes; no gradient passes their resets.
    The shape is ``(steps, 1, neurons)``.
    """
    population = network.population(name)
    neuron, size = population.neuron, population.size if population.neuron.differ else _NEURONS
    potential = neuron.require_potential(f"population '{name}'")
    twin = PopulationTwin(
        neuron, (size,), network.dt, fires=fires, dtype=torch.float64, received=(potential,),
        spike_function=SpikeFunction(detach_reset=True), schedule=network.schedule,
    )  # fmt: skip
    random = np.random.default_rng(0).normal(0.6, 1.0, (_STEPS, 1, size))
    x = torch.tensor(potential_unit(network, name) * random, requires_grad=True)
    with torch.enable_grad():
        ran = twin.run(x, noise=Noise(0, np.arange(1)))
        (found,) = torch.autograd.grad(ran.state[potential].sum(), x)
    return found

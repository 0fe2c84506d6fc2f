"""The function `sensitivity`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
import torch
from brian2 import Quantity
from brian2.units.fundamentalunits import get_dimensions
from torch import Tensor

from brianbridge.counters import checked_seed
from brianbridge.datasets.fit import fitted
from brianbridge.datasets.given import has_labels
from brianbridge.errors import InputError
from brianbridge.network import SpikingNetwork
from brianbridge.network.given import check_network_given
from brianbridge.network.samples import checked_samples
from brianbridge.neurons.quantity_text import quantity_text
from brianbridge.progress import Progress
from brianbridge.recording import Recording
from brianbridge.sensitivities.difference import Difference, difference
from brianbridge.sensitivities.estimates import agreement, elasticity
from brianbridge.sensitivities.gradient import ChangingTwin, derivatives
from brianbridge.sensitivities.outcomes import Outcome, outcomes_of
from brianbridge.sensitivities.parameter import Parameter
from brianbridge.sensitivities.parameters import parameters_of
from brianbridge.sensitivities.result import Row, Sensitivity
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.simulate import simulate
from brianbridge.twin.spike_function import SpikeFunction

__all__ = ["sensitivity"]

#: Samples of which the twin keeps all steps at once.
_BATCH = 50


def sensitivity(
    network: SpikingNetwork,
    data: Any,
    of: str | Callable[[Recording], Any] | Sequence[Any] = "loss",
    *,
    samples: int = 100,
    step: float = 0.02,
    seed: int | None = 0,
    spike_function: SpikeFunction | None = None,
    backend: Backend | None = None,
    progress: Progress | None = None,
) -> Sensitivity:
    """Say by how much an outcome changes with each parameter of neurons and synapses.

    The result is in per cent of the outcome for one per cent of the parameter (elasticity), twice:
    by the gradient of the twin, with its surrogate derivative of spikes, and by a central
    difference in Brian2, with the same samples and random numbers. All neurons of a population
    and all synapses of a projection change together. A delay gets longer by one time step. A
    parameter that is 0 changes by per cent of its natural unit.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    data : Dataset, pair ``(x, y)``, torch Dataset or DataLoader, or samples alone
        The samples, with the labels that accuracy and loss need, as `brianbridge.verify` takes
        them; or without labels, as `brianbridge.simulate` takes them.
    of : str, callable, or sequence of both
        ``"counts"``, spikes of each neuron, by population; ``"loss"``, that of the training, else
        cross-entropy; ``"accuracy"``, which has no gradient; ``"potential"``, mean output of a
        network that is read by potentials, from rest; or a function of a `Recording` that returns
        a number for each sample, which has no gradient.
    samples : int
        Number of samples, from the first.
    step : float
        The change of a parameter to both sides in Brian2, as a share. Refractory periods change by
        at least one time step.
    seed : int, optional
        Seed of the random numbers of neurons; a fresh one if None.
    spike_function : SpikeFunction, optional
        How to differentiate through a spike; if not given, arctan with a slope that falls with
        the step below 1 ms (`SpikeFunction.of_step`).
    backend : Backend, optional
        The path through Brian2; see `brianbridge.simulate`.
    progress : Progress, optional
        Shows how much is done; by default a bar on a terminal.

    Returns
    -------
    Sensitivity

    Raises
    ------
    InputError
        If there is no such outcome, the data do not fit, or an option is out of range.

    Examples
    --------
    >>> import brianbridge as bb
    >>> layers = [bb.layers.Dense(4, bb.neuron_model("lif"))]
    >>> net = SpikingNetwork.sequential((3,), layers, encoding=bb.Current(20), weight_gain=8.0)
    >>> found = sensitivity(net, np.ones((5, 3)), of="counts")
    >>> [row.parameter for row in found.rows]
    ['tau', 'theta']
    """
    _check(network, samples, step, spike_function)
    seed = checked_seed(seed)
    x, labels = _samples(network, data, samples)
    parameters, left_out = parameters_of(network, step)
    smooth = [p for p in parameters if not p.no_gradient]
    twin = ChangingTwin(network, smooth, spike_function or SpikeFunction.of_step(network.dt))
    outcomes = outcomes_of(twin, of, labelled=labels is not None)
    progress = Progress() if progress is None else progress
    run = partial(simulate, x=x, seed=seed, backend=backend)
    start = time.monotonic()
    first = run(network)
    base = np.stack([outcome.values(first, labels) for outcome in outcomes])
    seconds = time.monotonic() - start
    slopes = _gradients(twin, x, labels, outcomes, seed, progress)
    runs = sum(1 + (p.down != 0) for p in parameters)
    progress.say(f"{runs} simulations of {len(x)} samples, at most {runs * seconds:.0f} s")
    with progress.count("parameters", runs, "simulations") as done:
        found = [difference(network, p, outcomes, labels, run, base, done) for p in parameters]
    rows = [
        _row(outcome, p, base[o], slopes.get((o, p.owner, p.name)), _of(d, o))
        for o, outcome in enumerate(outcomes)
        for p, d in zip(parameters, found, strict=True)
    ]
    no_gradient = {o.name: o.no_gradient for o in outcomes if o.no_gradient}
    no_gradient |= {f"{p.owner}.{p.name}": p.no_gradient for p in parameters if p.no_gradient}
    means = {o.name: float(np.mean(b)) for o, b in zip(outcomes, base, strict=True)}
    return Sensitivity(means, len(x), tuple(rows), seed, no_gradient, left_out)


def _check(network: Any, samples: Any, step: Any, spike_function: Any) -> None:
    check_network_given(network, "sensitivity")
    whole = isinstance(samples, Integral) and not isinstance(samples, bool)
    if not whole or samples < 1:
        raise InputError(f"samples = {samples!r}; give a whole number of at least 1")
    if not (isinstance(step, int | float | np.floating) and 0 < step <= 0.5):
        raise InputError(f"step = {step!r}; give a share above 0 and up to 0.5, such as 0.02")
    if not isinstance(spike_function, SpikeFunction | None):
        raise InputError(
            f"spike_function = {spike_function!r:.80}; give one, such as "
            "bb.twin.SpikeFunction('arctan')"
        )


def _samples(network: SpikingNetwork, data: Any, samples: int) -> tuple[np.ndarray, Tensor | None]:
    """Return the first samples, and their labels if they have any."""
    if not has_labels(data):
        return checked_samples(network, data)[:samples], None
    data = fitted(network, data)
    return checked_samples(network, data.x)[:samples], torch.as_tensor(data.y[:samples])


#: The slope of each sample, by number of the outcome, owner and name of the parameter.
_Slopes = dict[tuple[int, str, str], np.ndarray]


def _gradients(
    twin: ChangingTwin,
    x: np.ndarray,
    labels: Tensor | None,
    outcomes: Sequence[Outcome],
    seed: int,
    progress: Progress,
) -> _Slopes:
    """Return the derivatives by the twin of all outcomes that have any."""
    smooth = [(o, outcome) for o, outcome in enumerate(outcomes) if not outcome.no_gradient]
    if not (smooth and twin.changing):
        return {}
    with progress.count("gradients", -(-len(x) // _BATCH), "batches") as done:
        slopes = derivatives(
            twin, x, labels, [outcome for _, outcome in smooth],
            seed=seed, batch_size=_BATCH, step=done,
        )  # fmt: skip
    return {
        (o, p.owner, p.name): slopes[k, n]
        for k, (o, _) in enumerate(smooth)
        for n, p in enumerate(twin.changing)
    }


def _of(found: Difference | str, outcome: int) -> tuple[np.ndarray, np.ndarray] | str:
    return found if isinstance(found, str) else (found[0][outcome], found[1][outcome])


def _row(
    outcome: Outcome,
    parameter: Parameter,
    base: np.ndarray,
    slopes: np.ndarray | None,
    found: tuple[np.ndarray, np.ndarray] | str,
) -> Row:
    """Return the row of an outcome and a parameter."""
    note, gradient, brian2, moved, agree = "", None, None, None, None
    if not base.mean():
        note = "the outcome is 0, and there is no per cent of it"
    elif slopes is not None:
        gradient = elasticity(slopes, base)
    if isinstance(found, str):
        note = note or found
    else:
        up, down = found
        moved = int(np.count_nonzero(up != down))
        differences = (up - down) / (parameter.up - parameter.down)
        if base.mean():
            brian2 = elasticity(differences, base)
            # Without a change, the samples do not tell how uncertain it is.
            brian2 = brian2 if moved else replace(brian2, error=None)
            if slopes is not None and (moved or not slopes.any()):
                agree = agreement(slopes, differences, base)
    return Row(
        outcome.name, parameter.owner, parameter.name, _text(parameter.value),
        _text(_unit(parameter)) if parameter.is_zero else "value", parameter.up,
        gradient, brian2, moved, agree, note,
    )  # fmt: skip


def _unit(parameter: Parameter) -> Any:
    return Quantity.with_dimensions(parameter.whole, get_dimensions(parameter.value))


def _text(value: Any) -> str:
    if np.size(value) == 1:
        return quantity_text(value)
    return f"{quantity_text(np.min(value))} to {quantity_text(np.max(value))}"

"""Check the training options of a twin before it is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from brian2 import Quantity

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network import Projection, SpikingNetwork
from brianbridge.network.gain import driven_variable
from brianbridge.network.learned_parameters import with_learned
from brianbridge.network.scale import potential_unit, weight_unit
from brianbridge.twin.learn import Learn
from brianbridge.twin.normalisation import Normalised
from brianbridge.twin.owners import owner_of
from brianbridge.twin.quantisation import Quantisation

__all__ = ["check_quantisation", "checked_dropout", "projections_to_normalise", "threshold_of"]


def checked_dropout(
    network: SpikingNetwork, dropout: float | Mapping[str, float]
) -> dict[str, float]:
    """Return the dropout probability of each population that has dropout.

    Raises
    ------
    InputError
        If there is no such population, or a probability is out of range.
    """
    inner = [p.name for p in network.firing if p.name != network.output.name]
    chosen = dict(dropout) if isinstance(dropout, Mapping) else dict.fromkeys(inner, dropout)
    for name, probability in chosen.items():
        if name not in inner:
            raise InputError(
                f"dropout: there is no population '{name}' before the output. "
                + did_you_mean(name, inner)
            )
        if not 0 <= probability < 1:
            raise InputError(
                f"dropout of '{name}' = {probability!r}; give at least 0 and less than 1"
            )
    return {name: float(p) for name, p in chosen.items() if p}


def projections_to_normalise(network: SpikingNetwork, batch_norm: Normalised) -> frozenset[str]:
    """Return the projections that a batch normalisation applies to.

    Raises
    ------
    InputError
        If the network has loops, or a population that takes no constant input with its spikes. With
        ``"potential"``, if neurons may fire more than once or have biases.
    """
    if batch_norm not in (True, False, "potential", "weights"):
        raise InputError(f"batch_norm = {batch_norm!r}; give true, false, 'potential' or 'weights'")
    if not batch_norm:
        return frozenset()
    if network.has_loops and batch_norm != "weights":
        raise InputError(
            "batch_norm: in a network with feedback the mean input of a presentation is known "
            "only at its end; leave batch_norm out"
        )
    chosen = frozenset(
        p.name
        for p in network.projections
        if not p.frozen and network.fires(p.target) and p.connection.by_target
    )
    for projection in network.projections:
        model = network.population(projection.target).neuron
        if projection.name in chosen and batch_norm == "potential":
            if not model.fires_once or projection.bias is not None:
                raise InputError(
                    f"batch_norm = 'potential': neurons of population '{projection.target}' must "
                    f"fire once and have no biases; give a single-spike model, not '{model.name}', "
                    "and bias = false"
                )
        elif projection.name in chosen and batch_norm == "weights":
            if projection.sign != "any":
                raise InputError(
                    f"batch_norm = 'weights': it gives the weights of projection "
                    f"'{projection.name}' a mean of 0, but they have sign = '{projection.sign}'; "
                    "give sign = 'any', or leave batch_norm out"
                )
        elif projection.name in chosen:
            _check_drive(network, projection)
    return chosen


def _check_drive(network: SpikingNetwork, projection: Projection) -> None:
    """Refuse neurons to which a constant cannot be added where their weighted input is added."""
    model = network.population(projection.target).neuron
    what = f"neuron model '{model.name}' of population '{projection.target}'"
    if not model.drive:
        raise InputError(
            f"batch_norm: it adds a constant input, but {what} has no drive; give it one"
        )
    driven = driven_variable(network, projection.target)
    if network.delivers_spikes(projection) and driven != network.receive_of(projection):
        raise InputError(
            f"batch_norm: it adds a constant to '{network.receive_of(projection)}', but the drive "
            f"of {what} is in the equation of '{driven}'; move it, or leave batch_norm out"
        )


def check_quantisation(
    network: SpikingNetwork,
    quantisation: Quantisation,
    batch_norm: Normalised,
    learn: Mapping[str, Sequence[Learn]],
) -> None:
    """Refuse quantisation together with options that would move weights off the grid.

    Raises
    ------
    InputError
        If there is a normalisation, ``per = "channel"`` with weights not listed by channel, or a
        learned parameter that moves the threshold.
    """
    for projection in network.projections:
        connection = projection.connection
        mixed = projection.weight.ndim > 1 and not connection.by_target
        if quantisation.per == "channel" and mixed and not projection.frozen:
            raise InputError(
                f"quantisation: the weights of projection '{projection.name}' are not listed by "
                f"target channel, as its kind is '{connection.kind}'; give per = 'tensor'"
            )
    if batch_norm:
        raise InputError(
            "quantisation with batch_norm: the weights would be scaled off their grid; train with "
            "batch_norm first, and then the written-back network with quantisation"
        )
    for owner, chosen in learn.items():
        for one in chosen:
            _check_threshold_stays(network, owner, one.name)


def _check_threshold_stays(network: SpikingNetwork, owner: str, name: str) -> None:
    """Refuse a learned parameter on which the distance from rest to threshold depends."""
    values = owner_of(network, owner)
    start = values.start(name).ravel()
    other = np.where(start == 0, 0.01 * (values.unit(name) or 1.0), 1.01 * start)
    one = other[0] if np.all(other == other[0]) else other
    quantity = Quantity.with_dimensions(one, values.dimensions(name))
    changed = with_learned(network, {owner: {name: quantity}})
    for projection in (p for p in network.projections if not p.frozen):
        target = projection.target
        before, after = (
            _threshold(n, target, potential_unit(n, target)) for n in (network, changed)
        )
        if before != after:
            raise InputError(
                f"learn: '{name}' of '{owner}' moves the threshold, which must lie on the grid of "
                f"the quantised weights of projection '{projection.name}'; leave it out, or leave "
                "out quantisation"
            )


def threshold_of(network: SpikingNetwork, projection: Projection) -> float:
    """Return the threshold of a projection's target, in the unit of the weights.

    It is one natural unit of the weights. For a dimensionless potential it is this unit times the
    parameter ``theta``, or alone if the target does not fire.

    Raises
    ------
    InputError
        If its model has no such parameter, or one that differs between neurons.
    """
    return _threshold(network, projection.target, weight_unit(network, projection))


def _threshold(network: SpikingNetwork, name: str, unit: float) -> float:
    """Return the threshold of a population, given one natural unit of a variable."""
    model = network.population(name).neuron
    if model.scale.dimensions or not network.fires(name):
        return unit
    theta = np.asarray(model.parameters.get("theta", np.nan), dtype=float)
    if theta.ndim or not theta > 0:
        raise InputError(
            f"quantisation: population '{name}' of neuron model '{model.name}' has no single "
            "threshold 'theta' above 0, which must lie on the grid of the weights; give it one"
        )
    return float(theta) * unit

"""Perturbations of neurons: their parameters, their noise, and whether they fire at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from brianbridge.errors import InputError
from brianbridge.network import AllToAll, OneToOne, Population, Projection, SpikingNetwork
from brianbridge.network.gain import input_gain
from brianbridge.neurons.edit_equations import with_bounds, with_gate, with_term
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import as_time, seconds
from brianbridge.perturbations.base import Perturbation, Stage
from brianbridge.perturbations.condition import Condition

__all__ = [
    "BackgroundCurrent",
    "DeadNeurons",
    "MembraneNoise",
    "Mismatch",
    "Refractory",
    "UnitSpikes",
]

#: Methods for equations that are linear in each variable, and do not run away without a reset.
_BOUNDED = ("exact", "exponential_euler", "conditional")


@dataclass(frozen=True)
class Mismatch(Perturbation):
    """Let parameters differ from neuron to neuron, as they do on chips and in tissue.

    Each value is multiplied by a number of its own, from a log-normal distribution of mean 1: signs
    stay, and so does the mean.

    Parameters
    ----------
    cv : float, or mapping of str to float
        Standard deviation of the factor; or of each population by name, and 0 for others.
    parameters : tuple of str
        Those that vary, in every population whose model has them.
    populations : tuple of str
        Where; everywhere if empty.
    """

    name: ClassVar[str] = "mismatch"
    keeps: ClassVar[str] = "the mean of each parameter, and signs"
    stage: ClassVar[Stage] = Stage.PARAMETERS
    random: ClassVar[bool] = True

    cv: float | Mapping[str, float] = 0.1
    parameters: tuple[str, ...] = ("tau", "theta")
    populations: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", tuple(self.parameters))
        object.__setattr__(self, "populations", tuple(self.populations))
        spreads = tuple(self.cv.values()) if isinstance(self.cv, Mapping) else (self.cv,)
        if not spreads or not all(isinstance(s, Real) and 0 <= s < np.inf for s in spreads):
            raise self.refuse("cv", "give 0 or more, such as 0.1")
        if isinstance(self.cv, Mapping) and self.populations:
            raise self.refuse("populations", "cv names them already; leave one of the two out")
        if not self.parameters:
            raise self.refuse("parameters", "name at least one, such as 'theta'")

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Draw the factors."""
        network, found = condition.network, False

        def vary(population: Population) -> NeuronModel:
            nonlocal found
            neuron = population.neuron
            spread = self.cv[population.name] if isinstance(self.cv, Mapping) else self.cv
            width = np.sqrt(np.log1p(spread**2))
            for key in self.parameters:
                if key in neuron.parameters:
                    found = True
                    draws = rng.standard_normal(population.size)
                    factor = np.exp(width * draws - width**2 / 2)
                    value = neuron.parameters[key]
                    whole = np.resize(value, population.size) if np.ndim(value) else value
                    neuron = neuron.with_parameters(**{key: factor * whole})
            return neuron

        chosen = tuple(self.cv) if isinstance(self.cv, Mapping) else self.populations
        changed = with_neurons(condition, vary, chosen, self.name)
        if not found:
            known = sorted({k for p in network.populations for k in p.neuron.parameters})
            raise self.refuse("parameters", f"no neuron has any of them; known are {known}")
        return changed


@dataclass(frozen=True)
class DeadNeurons(Perturbation):
    """Keep some neurons from firing, drawn without replacement.

    A dead neuron is not reset, for it does not fire. Where equations are solved exactly or by
    exponential Euler its potential goes on, which nobody reads. By any other method they may have
    an upstroke that only a reset ends (`adex`, `izhikevich`), and a potential that nothing bounds
    would become infinite: there the equations of a dead neuron keep to the state it started with,
    so that its potential only adds up what it receives.

    Parameters
    ----------
    share : float
        Of each population, rounded to whole neurons.
    populations : tuple of str
        Where; in all that fire but the output if empty.
    """

    name: ClassVar[str] = "dead_neurons"
    keeps: ClassVar[str] = "all that the other neurons do by themselves"
    stage: ClassVar[Stage] = Stage.NEURON
    random: ClassVar[bool] = True

    share: float = 0.05
    populations: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "populations", tuple(self.populations))
        if not 0 <= self.share <= 1:
            raise self.refuse("share", "give a share from 0 to 1")

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Draw them."""
        network = condition.network
        chosen = self.populations or tuple(
            p.name for p in network.firing if p.name != network.output.name
        )

        if not chosen:
            raise InputError(
                f"perturbation '{self.name}': nothing but the output fires; name it in populations"
            )
        sizes = [network.population(name).size for name in chosen]
        if self.share and not any(round(self.share * size) for size in sizes):
            raise self.refuse("share", f"of {sizes} neurons none is dead; give more")

        def kill(population: Population) -> NeuronModel:
            alive = np.ones(population.size)
            dead = round(self.share * population.size)
            alive[rng.choice(population.size, dead, replace=False)] = 0
            gated = with_gate(population.neuron, "alive", alive)
            return gated if gated.method in _BOUNDED else with_bounds(gated, alive == 0)

        return with_neurons(condition, kill, chosen, self.name)


@dataclass(frozen=True)
class Refractory(Perturbation):
    """Keep neurons from firing for a while after each spike; their potential goes on.

    Parameters
    ----------
    period : str or Quantity
        How long.
    """

    name: ClassVar[str] = "refractory"
    keeps: ClassVar[str] = "input and leak: charge is stored, not lost"
    stage: ClassVar[Stage] = Stage.NEURON

    period: Any = "2 ms"

    def __post_init__(self) -> None:
        seconds(self.period, f"perturbation '{self.name}': period")  # refuses all but times above 0

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Set the period."""
        for population in condition.network.firing:
            if population.neuron.refractory is not None:
                raise InputError(
                    f"perturbation '{self.name}': neurons of population '{population.name}' have a "
                    "refractory period of their own; leave it out"
                )
        period = as_time(self.period)
        return with_neurons(
            condition,
            lambda p: replace(p.neuron, refractory=period, initial=p.neuron.initial),
            (),
            self.name,
        )


@dataclass(frozen=True)
class MembraneNoise(Perturbation):
    """Add white noise to the membrane, ``+ sigma*sqrt(2/tau_noise)*xi``.

    A membrane that leaks with the time constant `tau` then varies by `sigma` around its mean
    (the Ornstein-Uhlenbeck process); without a leak the variance grows by ``2*sigma**2/tau``.

    Parameters
    ----------
    sigma : float
        In thresholds.
    tau : str or Quantity, optional
        The model's own ``tau`` if not given.
    """

    name: ClassVar[str] = "membrane_noise"
    keeps: ClassVar[str] = "the mean of the potential below the threshold"
    stage: ClassVar[Stage] = Stage.NEURON
    random: ClassVar[bool] = True

    sigma: float = 0.1
    tau: Any = None

    def __post_init__(self) -> None:
        if not 0 <= self.sigma < np.inf:
            raise self.refuse("sigma", "give 0 or more, in thresholds")
        if self.tau is not None:
            seconds(self.tau, f"perturbation '{self.name}': tau")  # refuses all but times above 0

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Add the term; its method is Brian2's ``euler``, which is exact for no equation."""

        def noisy(population: Population) -> NeuronModel:
            neuron = population.neuron
            tau = neuron.parameters.get("tau") if self.tau is None else as_time(self.tau)
            if tau is None:
                raise InputError(
                    f"perturbation '{self.name}': neurons of population '{population.name}' have "
                    "no 'tau'; give tau = '10 ms', say"
                )
            theta = threshold_of(population, self.name)
            return with_term(
                neuron, neuron.potential, "+ noise_sigma*sqrt(2/noise_tau)*xi", method="euler",
                noise_sigma=self.sigma * theta, noise_tau=tau,
            )  # fmt: skip

        changed = with_neurons(condition, noisy, (), self.name)
        network = with_currents_of(condition.network, changed.network)
        return replace(changed, network=network)


@dataclass(frozen=True)
class BackgroundCurrent(Perturbation):
    """Inject a constant current into every neuron.

    Parameters
    ----------
    size : float
        What it adds to a membrane without a leak in one of the twin's steps, in thresholds.
    """

    name: ClassVar[str] = "background_current"
    keeps: ClassVar[str] = "differences between inputs"
    stage: ClassVar[Stage] = Stage.NEURON

    size: float = 0.05

    def __post_init__(self) -> None:
        if not np.isfinite(self.size):
            raise self.refuse("size", "give a number, such as 0.05")

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Add the term."""
        from brian2 import second

        step = condition.network.dt * second

        def driven(population: Population) -> NeuronModel:
            neuron, theta = population.neuron, threshold_of(population, self.name)
            return with_term(
                neuron, neuron.potential, "+ background", background=self.size * theta / step
            )

        return with_neurons(condition, driven, (), self.name)


@dataclass(frozen=True)
class UnitSpikes(Perturbation):
    """Send spikes of size 1 in place of graded ones, one a step.

    What a neuron would have sent at once stays above its threshold and is sent in the steps after,
    for which a finer dt makes room.
    """

    name: ClassVar[str] = "unit_spikes"
    keeps: ClassVar[str] = "charge, where resets subtract and time allows"
    stage: ClassVar[Stage] = Stage.NEURON

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Clip what is emitted to one, of either sign."""
        graded = [p for p in condition.network.firing if not p.neuron.is_binary]
        if not graded:
            raise InputError(
                f"perturbation '{self.name}': all neurons send spikes of size 1 as it is; leave "
                "it out"
            )

        def clipped(population: Population) -> NeuronModel:
            neuron = population.neuron
            if neuron.is_binary or not neuron.emit:
                return neuron
            return replace(neuron, emit=f"clip({neuron.emit}, -1, 1)", initial=neuron.initial)

        return with_neurons(condition, clipped, (), self.name)


def with_neurons(
    condition: Condition,
    change: Callable[[Population], NeuronModel],
    names: tuple[str, ...],
    what: str,
) -> Condition:
    """Return the condition with other neuron models, in the populations named or in all."""
    network: SpikingNetwork = condition.network
    for name in names:
        network.population(name)  # or say that there is none
    populations = tuple(
        replace(p, neuron=change(p)) if not names or p.name in names else p
        for p in network.populations
    )
    return replace(condition, network=replace(network, populations=populations))


def threshold_of(population: Population, what: str) -> Any:
    """Return the threshold of a population's neurons, the parameter ``theta``."""
    if "theta" not in population.neuron.parameters:
        raise InputError(
            f"perturbation '{what}': its size is in thresholds, but neurons of population "
            f"'{population.name}' have no parameter 'theta'"
        )
    return population.neuron.parameters["theta"]


def with_currents_of(before: SpikingNetwork, after: SpikingNetwork) -> SpikingNetwork:
    """Return the network `after` in which the constant currents are those of `before`.

    The twin's input of a step is the exact propagator's charge; any other method takes it for the
    plain charge, ``current*dt``, and a leaky neuron would receive less current. Where neurons of a
    convolution differ, the mean is kept.
    """

    def kept(projection: Projection) -> Projection:
        old, new = (input_gain(network, projection.target) for network in (before, after))
        if old is None or new is None or np.array_equal(old, new):
            return projection
        ratio = np.asarray(new / old)
        own = isinstance(projection.connection, AllToAll | OneToOne)

        def scaled(values: np.ndarray) -> np.ndarray:
            factor = ratio if own and len(values) == ratio.size else np.asarray(ratio.mean())
            rows = factor.reshape(-1, *[1] * (values.ndim - 1))
            return (values * rows).astype(np.result_type(values, np.float32))

        weight, bias = projection.weight, projection.bias
        return replace(
            projection,
            weight=weight if before.delivers_spikes(projection) else scaled(weight),
            bias=None if bias is None else scaled(bias),
        )

    return replace(after, projections=tuple(map(kept, after.projections)))

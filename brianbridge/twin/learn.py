"""Name the parameters that training changes besides the weights, and the range of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network import SpikingNetwork
from brianbridge.schema import check_options
from brianbridge.twin.learned import checked_learned
from brianbridge.twin.synapses.learned import check_learned_synapses

__all__ = ["Learn", "checked_learn"]


@dataclass(frozen=True)
class Learn:
    """Let training change a parameter of neurons or synapses, or an initial value.

    A parameter keeps its sign: one above 0 stays above 0, unless `low` is below 0. A potential in
    volts may take any value between its limits, unless the equations divide by it.

    Parameters
    ----------
    name : str
        A parameter of the model, or a state variable, whose initial value is learned.
    each : {"population", "neuron", "channel", "synapse"}
        Whether all have one value, each neuron or synapse its own, or each channel of an image.
    low, high : Quantity, str or float, optional
        Limits that the values never pass. One of them may be left out.

    Raises
    ------
    InputError
        If an option is out of range.

    Examples
    --------
    >>> Learn("tau", each="neuron", low="2 ms", high="50 ms")
    Learn(name='tau', each='neuron', low='2 ms', high='50 ms')
    """

    name: str
    each: Literal["population", "neuron", "channel", "synapse"] = "population"
    low: float | str | None = None
    high: float | str | None = None

    def __post_init__(self) -> None:
        check_options(self, f"learn '{self.name}'")


def checked_learn(
    network: SpikingNetwork, learn: Mapping[str, Sequence[str | Learn]] | None
) -> dict[str, tuple[Learn, ...]]:
    """Return the parameters that each population, and each projection with a synapse model, learns.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    learn : mapping of str to sequence of str or Learn, optional
        What to learn, by the name of the population or projection.

    Raises
    ------
    InputError
        If there is no such population, projection or parameter, or it has no gradient.

    Examples
    --------
    >>> import brianbridge as bb
    >>> layers = [bb.Dense(3, bb.neuron_model("lif")), bb.Dense(2, bb.neuron_model("lif"))]
    >>> network = bb.SpikingNetwork.sequential((2,), layers, encoding=bb.Current(5))
    >>> checked_learn(network, {"hidden": ["tau"]})["hidden"][0].each
    'population'
    """
    if learn is None:
        return {}
    if not isinstance(learn, Mapping):
        raise InputError(
            f"learn = {learn!r:.80}; give the parameters of each population, such as "
            "{'hidden': ['tau']}"
        )
    found: dict[str, tuple[Learn, ...]] = {}
    for owner, entries in learn.items():
        _check_owner(network, owner)
        if not isinstance(entries, list | tuple):
            raise InputError(f"learn: '{owner}' = {entries!r:.80}; give a list of parameters")
        chosen = tuple(Learn(entry) if isinstance(entry, str) else entry for entry in entries)
        _check_kinds(owner, chosen)
        names = [one.name for one in chosen]
        models = {p.name: p.model for p in network.modelled}
        if owner in models:
            check_learned_synapses(models[owner], names, f"projection '{owner}'")
        else:
            checked_learned(network.population(owner).neuron, names)
            _check_not_summed(network, owner, names)
        if chosen:
            found[owner] = chosen
    return found


def _check_owner(network: SpikingNetwork, name: Any) -> None:
    populations = [p.name for p in network.populations]
    modelled = [p.name for p in network.modelled]
    if name in populations or name in modelled:
        return
    if name in [p.name for p in network.projections]:
        raise InputError(
            f"learn: projection '{name}' only adds its weights, which are trained; leave it out, "
            "or name its delays in learn_delays"
        )
    hint = did_you_mean(str(name), [*populations, *modelled])
    raise InputError(f"learn: there is no population '{name}'. {hint}")


def _check_not_summed(network: SpikingNetwork, owner: str, names: Sequence[str]) -> None:
    """Refuse initial values of variables that synapses, or a link, set in each step."""
    for projection in network.modelled:
        assert projection.model is not None
        for name, side in projection.model.summed:
            end = projection.source if side == "pre" else projection.target
            if end == owner and name in names:
                raise InputError(
                    f"learn: projection '{projection.name}' sets '{name}' of population '{owner}' "
                    "in each step, so its initial value has no effect; leave it out, or learn "
                    "what sets it"
                )


def _check_kinds(population: str, chosen: Sequence[Any]) -> None:
    seen: set[str] = set()
    for one in chosen:
        if not isinstance(one, Learn):
            raise InputError(
                f"learn: '{population}' has the entry {one!r:.80}; give a name, or bb.Learn(name)"
            )
        if one.name in seen:
            raise InputError(f"learn: '{population}' names '{one.name}' twice; name it once")
        seen.add(one.name)

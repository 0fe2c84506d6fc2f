"""Count the networks and spikes that ``bench parity`` compared, by kind of each part."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from brianbridge.bench.parity.check import Checked
from brianbridge.bench.parity.draw import Drawn
from brianbridge.network import INPUT

__all__ = ["Tally"]

#: Groups of kinds that are counted, with the titles of their tables.
GROUPS = {
    "neuron": "Neuron model",
    "projection": "Projection",
    "encoding": "Encoding",
    "readout": "Readout",
    "schedule": "Schedule",
    "numbers": "Numbers",
}


@dataclass
class Tally:
    """Add up the results of networks, in memory that does not grow with their number.

    Parameters
    ----------
    totals : Counter
        Networks, samples, neuron-steps, spikes, differing spikes, silence.
    paths : mapping of str to Counter
        Networks and neuron-steps that each path was compared on.
    groups : mapping of str to mapping of str to Counter
        Networks, spikes and differing networks of each kind in `GROUPS`. Spikes are those that
        populations of a neuron model fired, that arrived over a kind of projection, or all spikes
        of the networks with this encoding, readout, schedule or kind of numbers.
    """

    totals: Counter[str] = field(default_factory=Counter)
    paths: dict[str, Counter[str]] = field(default_factory=dict)
    groups: dict[str, dict[str, Counter[str]]] = field(
        default_factory=lambda: {group: {} for group in GROUPS}
    )

    def add(self, drawn: Drawn, checked: Checked) -> None:
        """Count one more network."""
        spikes = sum(checked.spikes.values())
        silent = sum(count == 0 for count in checked.spikes.values())
        self.totals += Counter(
            networks=1,
            samples=len(drawn.x),
            neuron_steps=checked.neuron_steps,
            spikes=spikes,
            differing=checked.differing,
            differing_networks=bool(checked.differing),
            other_outputs=bool(checked.outputs),
            populations=len(checked.spikes),
            silent_populations=silent,
            silent_networks=spikes == 0,
            threaded=drawn.threads > 1 and drawn.case.batch_size < len(drawn.x),
        )
        for path, neuron_steps in checked.compared.items():
            name = path if "dt/" not in path else "batched and reference, finer step"
            found = self.paths.setdefault(name, Counter())
            found += Counter(networks=1, neuron_steps=neuron_steps)
        differing = bool(checked.differing)
        for group, kinds in _kinds(drawn, checked).items():
            for kind, count in kinds.items():
                entry = self.groups[group].setdefault(kind, Counter(spikes=0, differing=0))
                entry.update(networks=1, spikes=count, differing=differing)

    def to_dict(self) -> dict[str, Any]:
        """Return all counts, for JSON."""
        keys = (
            "networks", "samples", "neuron_steps", "spikes", "differing", "differing_networks",
            "other_outputs", "populations", "silent_populations", "silent_networks", "threaded",
        )  # fmt: skip
        return {
            **{key: int(self.totals[key]) for key in keys},
            "paths": {name: dict(found) for name, found in self.paths.items()},
            "by": {
                group: {kind: dict(kinds[kind]) for kind in sorted(kinds)}
                for group, kinds in self.groups.items()
            },
        }


def _kinds(drawn: Drawn, checked: Checked) -> dict[str, Counter[str]]:
    """Return the number of spikes by kind, for each group."""
    case = drawn.case
    from_input = (checked.carried[p.name] for p in drawn.network.projections if p.source == INPUT)
    every = sum(checked.spikes.values()) + max(from_input, default=0)
    return {
        "neuron": _neurons(drawn, checked),
        "projection": _projections(drawn, checked),
        "encoding": Counter({case.encoding: every}),
        "readout": Counter({case.readout: every}),
        "schedule": Counter({case.schedule: every}),
        "numbers": Counter(dict.fromkeys(_numbers(drawn), every)),
    }


def _neurons(drawn: Drawn, checked: Checked) -> Counter[str]:
    found: Counter[str] = Counter()
    for population in drawn.network.populations:
        dyadic = ", dyadic" if drawn.case.dyadic else ""
        # A population that is read by its potential does not fire; it counts with 0 spikes.
        found[population.neuron.name + dyadic] += checked.spikes.get(population.name, 0)
    return found


def _projections(drawn: Drawn, checked: Checked) -> Counter[str]:
    found: Counter[str] = Counter()
    for p in drawn.network.projections:
        traits = {
            p.connection.kind: True,
            "pooled": p.pool is not None,
            "feedback": p.feedback,
            "to its own population": p.source == p.target,
            "delayed": p.delay > 0,
            "to another variable": bool(p.receive),
            "with a bias": p.bias is not None,
            "of a constant current": not drawn.network.delivers_spikes(p),
        }
        for name in (name for name, there in traits.items() if there):
            found[name] += checked.carried[p.name]
    return found


def _numbers(drawn: Drawn) -> list[str]:
    network = drawn.network
    parameters = [v for p in network.populations for v in p.neuron.parameters.values()]
    traits = {
        "dyadic": drawn.case.dyadic,
        "real": not drawn.case.dyadic,
        "parameters of each neuron": any(np.size(values) > 1 for values in parameters),
        "graded or negative spikes": not all(p.neuron.is_binary for p in network.firing),
        "weights in float32": any(p.weight.dtype == np.float32 for p in network.projections),
        "more than a hundred neurons": drawn.case.large,
    }
    return [name for name, there in traits.items() if there]

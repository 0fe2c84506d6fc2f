"""A new perturbation is one file: of this package, of a user's program, or of another package."""

import json
import pickle
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest

import brianbridge.perturbations
from brianbridge.cli import main
from brianbridge.encoding import Current
from brianbridge.errors import InputError
from brianbridge.ladder.rungs import read_ladder
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.perturbations import Perturbation, Stage, perturbation, perturbed
from brianbridge.perturbations.base import PERTURBATIONS, overview, perturbation_names
from brianbridge.perturbations.condition import Condition

MODULE = '''
from dataclasses import dataclass, replace

from brianbridge.perturbations import Perturbation, Stage


@dataclass(frozen=True)
class WeakWeights(Perturbation):
    """Scale all weights.

    Parameters
    ----------
    factor : float
        Factor of the weights.
    """

    name = "weak_weights"
    keeps = "signs and ratios of weights"
    stage = Stage.WEIGHT_NOISE

    factor: float = 0.5

    def apply(self, condition, rng):
        network = condition.network
        weights = {p.name: (self.factor * p.weight, p.bias) for p in network.projections}
        return replace(condition, network=network.with_weights(weights))
'''


@pytest.fixture(autouse=True)
def forget(monkeypatch):
    """Search again in each test, and forget what it found afterwards."""
    monkeypatch.setattr(PERTURBATIONS, "_entries", dict(PERTURBATIONS._entries))
    monkeypatch.setattr(PERTURBATIONS, "_searched", False)


@pytest.fixture
def dropped_in(tmp_path, monkeypatch):
    """Add a file to the folders of the package."""
    (tmp_path / "weak_weights.py").write_text(MODULE)
    package = brianbridge.perturbations
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, f"{package.__name__}.weak_weights", raising=False)


@pytest.fixture
def other_package(tmp_path, monkeypatch):
    """Install another package with an entry point."""
    (tmp_path / "weakness.py").write_text(MODULE)
    facts = tmp_path / "weakness-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: weakness\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(
        "[brianbridge.perturbations]\nweak_weights = weakness:WeakWeights\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


def network():
    layers = [Dense(6, neuron_model("lif")), Dense(3, neuron_model("lif"))]
    return SpikingNetwork.sequential((4,), layers, encoding=Current(5), weight_gain=4.0)


@pytest.mark.parametrize("way", ["dropped_in", "other_package"])
def test_a_file_is_found_by_name_in_python_in_ladders_and_on_the_command_line(
    way, request, tmp_path, capsys
):
    request.getfixturevalue(way)
    assert "weak_weights" in perturbation_names()

    net = network()
    changed = perturbed(Condition(net), [perturbation("weak_weights", factor=0.25)]).network
    for before, after in zip(net.projections, changed.projections, strict=True):
        np.testing.assert_array_equal(after.weight, before.weight / 4)

    ladder = tmp_path / "ladder.toml"
    ladder.write_text('[[rung]]\nname = "weak"\nperturb.weak_weights = { factor = 0.25 }\n')
    assert read_ladder(ladder)[0].perturbations == (perturbation("weak_weights", factor=0.25),)
    with pytest.raises(InputError, match="Did you mean 'factor'"):
        perturbation("weak_weights", faktor=0.25)

    assert main(["perturbations", "--json"]) == 0
    listed = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert listed["weak_weights"]["summary"] == "Scale all weights."
    assert main(["perturbations", "weak_weights"]) == 0
    assert "perturb.weak_weights = { factor = 0.5 }" in capsys.readouterr().out


@dataclass(frozen=True)
class Silent(Perturbation):
    """Multiply the weights of chosen projections by 0; a class of a user's program."""

    name = "silent"
    keeps = "all other projections"
    stage = Stage.WEIGHT_NOISE

    projections: tuple[str, ...]

    def apply(self, condition, rng):
        weights = {
            p.name: (0 * p.weight, p.bias)
            for p in condition.network.projections
            if p.name in self.projections
        }
        return replace(condition, network=condition.network.with_weights(weights))


def test_a_class_of_a_program_is_known_once_it_is_defined():
    net = network()
    name = net.projections[1].name
    made = perturbation("silent", projections=(name,))
    assert made == Silent((name,)) == pickle.loads(pickle.dumps(made))
    found = perturbed(Condition(net), [made]).network
    assert not found.projections[1].weight.any()
    np.testing.assert_array_equal(found.projections[0].weight, net.projections[0].weight)


def test_an_option_without_a_default_is_required(capsys):
    assert overview("silent")["options"] == {"projections": None}
    assert main(["perturbations", "silent"]) == 0
    assert "perturb.silent = {}\n# 'projections' must be given\n" in capsys.readouterr().out
    with pytest.raises(InputError, match="'projections' is missing"):
        perturbation("silent")


def test_a_class_that_lacks_something_or_takes_a_name_is_refused():
    with pytest.raises(InputError, match="Nameless has no attribute 'stage'"):

        class Nameless(Perturbation):
            name = "nameless"
            keeps = "nothing"

    with pytest.raises(InputError, match="there is already a perturbation 'mismatch'"):

        class Mismatch(Perturbation):
            name = "mismatch"
            keeps = "nothing"
            stage = Stage.TIME

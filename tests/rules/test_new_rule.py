"""A new rule is one file: in the package, in the user's program, or in another package."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import brianbridge as bb
from brianbridge.datasets import from_arrays
from brianbridge.rules.base import LearningRule, Response, learning_rule, rule_names

#: The whole file of a rule; `{name}` is its name.
RULE = """
from dataclasses import dataclass
from typing import ClassVar, Literal

from brianbridge.rules.base import LearningRule, Response


@dataclass(frozen=True)
class NewRule(LearningRule):
    name: ClassVar[str] = "{name}"
    mode: Literal["fast", "slow"] = "fast"

    def respond(self, twin, current, raster):
        activity = twin.run(current, raster)
        return Response(activity.output, lambda name: activity.spikes[name].sum(0))
"""

#: Run in a process of its own, so that no other test sees the rules.
PROGRAM = """
import sys

import numpy as np

import brianbridge as bb
import brianbridge.rules
from brianbridge.datasets import from_arrays

brianbridge.rules.__path__.append(sys.argv[1])
data = from_arrays("mine", np.random.default_rng(0).random((30, 4)), np.arange(30) % 3)
for name in ("from_a_file", "from_a_package"):
    rule = brianbridge.rules.learning_rule(name, mode="slow")
    assert rule.to_dict() == {"name": name, "mode": "slow"}
    net = bb.SpikingNetwork.sequential(
        (4,), [bb.Dense(3, bb.neuron_model("lif"))], encoding=bb.Current(4)
    )
    assert len(bb.train(bb.to_torch(net), data, name, epochs=2).curve["train_loss"]) == 2
    try:
        brianbridge.rules.learning_rule(name, mod="fast")
    except bb.InputError as error:
        print(error)
"""


def test_a_file_and_an_entry_point_are_found_and_trained(tmp_path):
    dropped, installed = tmp_path / "dropped", tmp_path / "installed"
    metadata = installed / "theirs-1.0.dist-info"
    dropped.mkdir()
    metadata.mkdir(parents=True)
    (dropped / "a_new_rule.py").write_text(RULE.replace("{name}", "from_a_file"))
    (installed / "theirs.py").write_text(RULE.replace("{name}", "from_a_package"))
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[brianbridge.rules]\nfrom_a_package = theirs:NewRule\n"
    )
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    paths = [str(installed), str(Path(bb.__file__).parents[1])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    ran = subprocess.run(
        [sys.executable, str(program), str(dropped)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert len(lines) == 2
    assert all(line.endswith("has no option 'mod'. Did you mean 'mode'?") for line in lines)


def test_a_class_of_the_user_is_a_rule_at_once_and_all_its_hooks_are_called():
    called = []

    @dataclass(frozen=True)
    class ReadoutOnly(LearningRule):
        name: ClassVar[str] = "readout_only"

        def check(self, network):
            called.append("check")

        def prepare(self, twin):
            called.append("prepare")
            for projection in twin.network.projections[:-1]:
                twin.projection(projection.name).weight.requires_grad_(False)

        def before_training(self, twin, current, raster):
            called.append("before_training")

        def respond(self, twin, current, raster):
            called.append("respond")
            activity = twin.run(current, raster)
            return Response(
                activity.output,
                lambda name: activity.spikes[name].sum(0),
                metrics={"mean_output": float(activity.output.mean())},
                loss_input=2 * activity.output,
            )

        def loss(self, output, labels):
            called.append("loss")
            return super().loss(output, labels)

        def after_step(self, twin):
            called.append("after_step")

        def after_epoch(self, twin):
            called.append("after_epoch")

        def predict(self, twin, current, raster):
            called.append("predict")
            return super().predict(twin, current, raster)

        def loss_input(self, twin, output):
            called.append("loss_input")
            return 2 * output

    assert "readout_only" in rule_names()
    assert learning_rule("readout_only") == ReadoutOnly()
    data = from_arrays("mine", np.random.default_rng(0).random((40, 4)), np.arange(40) % 4)
    neuron = bb.neuron_model("lif")
    net = bb.SpikingNetwork.sequential(
        (4,), [bb.Dense(5, neuron), bb.Dense(4, neuron)], encoding=bb.Current(6), seed=1,
        weight_gain=6.0,
    )  # fmt: skip
    twin = bb.to_torch(net)
    result = bb.train(
        twin, data, "readout_only", epochs=2, batch_size=40, validation_fraction=0.25,
        learning_rate=0.1,
    )  # fmt: skip
    batch = ["respond", "loss", "after_step"]
    validation = ["predict", "loss_input", "loss"]
    assert called == [
        "check", "prepare", "before_training",
        *batch, "after_epoch", *validation, *batch, *validation,
    ]  # fmt: skip
    assert len(result.curve["mean_output"]) == 2
    back = bb.write_back(twin)
    assert np.array_equal(back.projections[0].weight, net.projections[0].weight)
    assert not np.array_equal(back.projections[1].weight, net.projections[1].weight)


def test_two_rules_cannot_have_the_same_name():
    with pytest.raises(bb.InputError, match="there is already a learning rule 'spike_count'"):

        @dataclass(frozen=True)
        class Mine(LearningRule):
            name: ClassVar[str] = "spike_count"

            def respond(self, twin, current, raster):
                raise NotImplementedError

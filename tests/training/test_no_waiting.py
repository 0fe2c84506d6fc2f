"""No step of training waits for its device, shown on a device that holds no values.

A tensor on the device ``meta`` has a shape and no values. Whatever needs a value, and on a GPU
would wait for it (``item``, ``if tensor``, ``nonzero``, a copy to the processor), fails there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from test_growth_with_time import BATCH, NETWORKS, OF_RULES, presented
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from brianbridge.network import SpikingNetwork
from brianbridge.rules.base import LearningRule, learning_rule, rule_names
from brianbridge.rules.choice import rules_for
from brianbridge.training.batches import Batch
from brianbridge.training.loop import Trainer
from brianbridge.training.options import TrainingOptions
from brianbridge.twin.network import to_torch

STEPS = 12
META = torch.device("meta")
#: Rules that look at values in each step: they measure how far from equilibrium a network is.
LOOKING = ("implicit", "spide")
#: Networks that list the spikes which are on their way, each for as long as its synapse says.
LISTING = ("delays of synapses", "learned delays")


class _Copies(TorchDispatchMode):
    """Count copies from one device to another."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        tensors = [x for x in tree_leaves((args, found)) if isinstance(x, torch.Tensor)]
        copies = func._schema.name in ("aten::_to_copy", "aten::copy_")
        self.number += copies and len({x.device.type for x in tensors}) > 1
        return found


class _Searches(TorchDispatchMode):
    """Count searches for values other than 0, whose result has a size that the device must tell."""

    number = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.number += func._schema.name == "aten::nonzero"
        return func(*args, **(kwargs or {}))


def on_meta(network: SpikingNetwork, rule: LearningRule, **options: Any) -> tuple[Any, ...]:
    """Return a twin on the device meta, and a batch for it."""
    inputs = presented(to_torch(network), STEPS)
    twin = to_torch(network, **options)
    rule.prepare(twin)
    return twin.to(META).train(), *(None if x is None else x.to(META) for x in inputs)


def copies_of_step(network: SpikingNetwork, rule: LearningRule, recompute=False, **options) -> int:
    """Return how often the second step of training copies from another device."""
    twin, *inputs = on_meta(network, rule, **options)
    labels = torch.zeros(BATCH, dtype=torch.int64, device=META)
    for _ in range(2):
        with _Copies() as copies, twin.recomputing(recompute):
            for _, loss in rule.learn(twin, *inputs, labels):
                loss.backward()
    return copies.number


@pytest.mark.parametrize("name", sorted({*NETWORKS} - {*LISTING}))
def test_a_twin_is_trained_without_waiting(name):
    rule = learning_rule("surrogate_gradient")
    assert copies_of_step(NETWORKS[name](STEPS), rule) == 0


@pytest.mark.parametrize("rule", sorted({*rule_names()} - {*LOOKING}))
def test_every_rule_learns_without_waiting(rule):
    network = next(made(STEPS) for made in OF_RULES if rule in rules_for(made(STEPS)))
    assert copies_of_step(network, learning_rule(rule)) == 0


def test_options_of_twins_need_no_waiting():
    network, rule = NETWORKS["layers"](STEPS), learning_rule("surrogate_gradient")
    assert copies_of_step(network, rule, dropout=0.2, batch_norm=True) == 0
    assert copies_of_step(network, rule, learn={"hidden": ["tau", "theta"]}) == 0
    assert copies_of_step(network, rule, dropout=0.2, recompute=True) == 0


def test_a_constant_of_each_neuron_is_copied_once():
    network = OF_RULES[0](STEPS)
    hidden, *others = network.populations
    theta = np.linspace(0.8, 1.2, hidden.size)
    neuron = hidden.neuron.with_parameters(theta=theta)
    different = replace(network, populations=(replace(hidden, neuron=neuron), *others))
    assert copies_of_step(different, learning_rule("spike_count")) == 0


@pytest.mark.parametrize("options", [{}, {"gradient_clip": 1.0}])
def test_the_loop_of_training_reads_nothing_before_the_end_of_an_epoch(options):
    # Adam has one pass over all numbers for processors and GPUs only.
    chosen = TrainingOptions(optimizer="sgd", **options)
    rule = learning_rule("surrogate_gradient")
    twin, *inputs = on_meta(NETWORKS["layers"](STEPS), rule)
    labels = torch.zeros(BATCH, dtype=torch.int64, device=META)
    trainer = Trainer.__new__(Trainer)
    trainer.twin, trainer.rule, trainer.options, trainer.average = twin, rule, chosen, None
    trainer.optimizer = chosen.make_optimizer(twin.parameters())
    with _Copies() as copies:
        response, loss = trainer._learn(Batch(twin, tuple(inputs), labels))
    assert (loss.device, response.output.device) == (META, META)
    assert copies.number == 0


@pytest.mark.parametrize("name", LISTING)
def test_what_waits_is_known(name):
    """The search for spikes asks for their number, on a processor as on a GPU."""
    rule, twin = learning_rule("surrogate_gradient"), to_torch(NETWORKS[name](STEPS)).train()
    rule.prepare(twin)
    inputs = presented(twin, STEPS)
    with _Searches() as searches:
        rule.respond(twin, *inputs)
    assert searches.number > 0


def test_copies_are_seen():
    with _Copies() as copies:
        torch.ones(3).to(META)
        torch.ones(3, device=META) + 1
    assert copies.number == 1

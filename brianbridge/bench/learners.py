"""The contestants of ``brianbridge bench train``: ways to take a step of training on one batch.

All start from the same weights, and get the same spikes, labels, loss (cross entropy of the output
counts) and optimiser. Encoding is not part of a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from brianbridge.bench.layered import LayeredNet, plain_cells, relu_cells
from brianbridge.bench.peers import PEERS
from brianbridge.bench.training_tasks import Task
from brianbridge.rules.base import learning_rule
from brianbridge.rules.choice import rules_for
from brianbridge.training.natural_units import natural_units
from brianbridge.training.options import TrainingOptions
from brianbridge.twin.network import NetworkTwin, to_torch

__all__ = ["ANN", "DEFINITION", "Learner", "contestants_of", "learner_of"]

#: The contestants that are neither ours nor a framework.
ANN, DEFINITION = "ANN", "definition"
#: All samples of a batch.
_ALL = slice(None)


@dataclass(frozen=True)
class Learner:
    """Take steps of training.

    Parameters
    ----------
    weights : dict of str to Parameter
        The trained weights, by projection.
    parts : callable
        Yields output and loss of each part of the presentation, for some samples of the batch. A
        loss is differentiated before the next part is asked for.
    optimizer : Optimizer
        The optimiser.
    units : callable
        Returns the context in which the optimiser takes its step.
    after : callable
        Corrects weights after a step.
    """

    weights: Mapping[str, Tensor]
    parts: Callable[[slice], Iterator[tuple[Tensor, Tensor]]]
    optimizer: torch.optim.Optimizer
    units: Callable[[], AbstractContextManager[None]] = nullcontext
    after: Callable[[], Any] = lambda: None

    def step(self, samples: slice = _ALL) -> None:
        """Take a step on some samples: forward, backward, optimiser."""
        self._differentiate(samples)
        with self.units():
            self.optimizer.step()
        self.after()

    def gradients(self) -> tuple[Tensor, dict[str, Tensor]]:
        """Return output and gradients of the whole batch."""
        output = self._differentiate(_ALL)
        found = {n: w.grad.clone() for n, w in self.weights.items() if w.grad is not None}
        self.optimizer.zero_grad()
        return output, found

    def _differentiate(self, samples: slice) -> Tensor:
        """Compute the gradients; return the output of the last part."""
        self.optimizer.zero_grad()
        for output, loss in self.parts(samples):
            last = output.detach()
            loss.backward()
        return last


def contestants_of(task: Task, peers: Sequence[str]) -> list[str]:
    """Return the names of all contestants: the rules that can train the network, and the others."""
    return [ANN, DEFINITION, *rules_for(task.network), *peers]


def learner_of(
    name: str,
    task: Task,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    recompute: bool = False,
) -> Learner:
    """Return a contestant, ready to train.

    Parameters
    ----------
    name : str
        One of `contestants_of`.
    task : Task
        What to train.
    dtype : torch.dtype
        Floating point type of weights and states.
    device : str
        Where to train.
    recompute : bool
        Whether one of our rules computes parts of a presentation again in the backward pass.
    """
    if name in (ANN, DEFINITION) or name in PEERS:
        return _layered(name, task, dtype, device)
    return _ours(name, task, dtype, device, recompute)


def _layered(name: str, task: Task, dtype: torch.dtype, device: str) -> Learner:
    cells = {ANN: relu_cells, DEFINITION: plain_cells}
    net = LayeredNet(task.network, PEERS[name].cells if name in PEERS else cells[name])
    net = net.to(device, dtype)
    raster = torch.tensor(task.encoded.raster, dtype=dtype, device=device)
    labels = torch.tensor(task.labels, device=device)
    if name == ANN:
        raster = raster.mean(0, keepdim=True)

    def parts(samples: slice) -> Iterator[tuple[Tensor, Tensor]]:
        output = net(raster[:, samples])
        yield output, cross_entropy(output, labels[samples])

    return Learner(net.weights(), parts, TrainingOptions().make_optimizer(net.parameters()))


def _ours(name: str, task: Task, dtype: torch.dtype, device: str, recompute: bool) -> Learner:
    """Return a step as `brianbridge.train` takes it."""
    rule, twin = learning_rule(name), to_torch(task.network, dtype=dtype, device=device)
    if recompute:
        rule.check_recompute(twin)
    rule.prepare(twin)
    twin.train()
    _, raster = twin.as_tensors(task.encoded)
    labels = torch.tensor(task.labels, device=device)
    assert raster is not None

    def parts(samples: slice) -> Iterator[tuple[Tensor, Tensor]]:
        with twin.recomputing(recompute):
            for response, loss in rule.learn(twin, None, raster[:, samples], labels[samples]):
                output = response.output
                del response  # it would hold the spikes of all populations
                yield output, loss

    def after() -> None:
        rule.after_step(twin)
        twin.keep_bounds()

    return Learner(
        _trained(twin), parts, TrainingOptions().make_optimizer(twin.parameters()),
        lambda: natural_units(twin), after,
    )  # fmt: skip


def _trained(twin: NetworkTwin) -> dict[str, Tensor]:
    weights = {name: twin.projection(name).weight for name in twin.projections}
    return {name: weight for name, weight in weights.items() if weight.requires_grad}

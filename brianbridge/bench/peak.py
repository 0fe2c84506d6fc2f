"""The peak memory of a step of training, to be measured in a fresh process."""

from __future__ import annotations

from brianbridge.bench.learners import learner_of
from brianbridge.bench.memory import added_peak_mb
from brianbridge.bench.training_tasks import Setup, task_of

__all__ = ["peak_of_step_mb"]


def peak_of_step_mb(setup: Setup, name: str) -> float | None:
    """Return how much memory a step takes above what the process held before it, in MB.

    A step on two samples comes first: it compiles, and makes the state of the optimiser. Weights,
    input and that state are not part of the result; gradients and all that the step keeps are.

    Parameters
    ----------
    setup : Setup
        The task.
    name : str
        The contestant.
    """
    learner = learner_of(name, task_of(setup))
    learner.step(slice(2))
    learner.optimizer.zero_grad()
    return added_peak_mb(learner.step)

"""What a learning rule is, and the registry of rules.

A rule says how a twin's response and its gradient come about; the trainer does the rest. One rule
a file; a rule is a frozen dataclass of its options, registered by its name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from torch import Tensor
from torch.nn.functional import cross_entropy

from brianbridge.network import SpikingNetwork
from brianbridge.registry import Registry
from brianbridge.twin.network import NetworkTwin

__all__ = ["RULES", "LearningRule", "Response", "learning_rule", "rule_names"]

RULES: Registry[type[LearningRule]] = Registry(
    "learning rule", "brianbridge.rules", "brianbridge.rules"
)


@dataclass(frozen=True)
class Response:
    """Hold what a twin answers to a batch, ready for backward.

    Parameters
    ----------
    output : Tensor, shape (batch, classes)
        What decides; the loss looks at it, but where there is `judged`.
    counts_of : callable
        Returns the summed spike values of a population that fires, ``(batch, *shape)``, with the
        rule's gradient; for constraints on their number.
    notes : dict of str to float
        What the rule has to tell of the batch, once backward is done; the training curve has the
        mean of an epoch.
    judged : Tensor, shape (batch, ...), optional
        What the loss looks at in place of the output.
    """

    output: Tensor
    counts_of: Callable[[str], Tensor]
    notes: dict[str, float] = field(default_factory=dict)
    judged: Tensor | None = None


@dataclass(frozen=True)
class LearningRule(ABC):
    """Compute the response of a twin so that its gradient is the rule's."""

    name: ClassVar[str]
    #: Whether it learns from what the twin is made to emit (`NetworkTwin.emitting`), and not
    #: from a forward pass of its own.
    follows_spikes: ClassVar[bool] = False

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "name" in cls.__dict__:
            RULES.add(cls.name, cls)

    def check(self, network: SpikingNetwork) -> None:
        """Refuse a network that the rule cannot train; by default none."""
        return

    def prepare(self, twin: NetworkTwin) -> None:
        """Set the twin up before training; by default there is nothing to do."""
        return

    @abstractmethod
    def respond(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> Response:
        """Return the response to an encoded batch, ready for backward.

        Parameters
        ----------
        twin : NetworkTwin
            The twin that is trained.
        current : Tensor, shape (batch, *input_shape), optional
            Constant input.
        raster : Tensor, shape (T, batch, *input_shape), optional
            Input spikes.
        """

    def scaled(self, twin: NetworkTwin, output: Tensor) -> Tensor:
        """Return what the loss looks at, of a twin's own output; that itself unless overridden."""
        return output

    def deployed(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> Tensor:
        """Return the output ``(batch, classes)`` by which a network is chosen: the twin's own.

        Parameters
        ----------
        twin, current, raster
            As in `respond`; the twin is in evaluation mode.
        """
        return twin.run(current, raster).output

    def loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss of a batch; cross-entropy unless the rule says otherwise.

        Parameters
        ----------
        output : Tensor, shape (batch, classes)
            `Response.output`, or what is judged in its place.
        labels : Tensor of int64, shape (batch,)
            The right classes.
        """
        return cross_entropy(output, labels)

    def begin(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> None:
        """Look at an encoded batch before training, to set initial weights; by default nothing."""
        return

    def after_step(self, twin: NetworkTwin) -> None:
        """Set right what a step of the optimiser may have broken; by default nothing."""
        return

    def after_epoch(self, twin: NetworkTwin) -> None:
        """Look back at an epoch, before the next; by default nothing.

        Random numbers are to come from torch's generator, which depends on seed and epoch here.
        """
        return

    def to_dict(self) -> dict[str, Any]:
        """Return name and options, for JSON."""
        return {"name": self.name, **asdict(self)}


def rule_names() -> tuple[str, ...]:
    """Return the names of the learning rules."""
    return RULES.names()


def learning_rule(rule: str | LearningRule, /, **options: Any) -> LearningRule:
    """Return a rule by name, with options; a rule object is returned as it is.

    Raises
    ------
    InputError
        If there is no such rule, it has no such option, or an option is of another type.

    Examples
    --------
    >>> learning_rule("spike_count", gate="count")
    SpikeCount(gate='count', threshold='theta')
    """
    if isinstance(rule, LearningRule):
        return rule
    return RULES.make(rule, options)

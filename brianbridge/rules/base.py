"""The base class of learning rules, and the registry that finds them by name.

A rule defines how a twin responds to a batch and what gradient that response has;
`brianbridge.training` does the rest. A rule is a frozen dataclass whose fields are its options.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from torch import Tensor
from torch.nn.functional import cross_entropy

from brianbridge.errors import InputError
from brianbridge.network import SpikingNetwork
from brianbridge.registry import Registry
from brianbridge.twin.learn import Learn
from brianbridge.twin.network import NetworkTwin

__all__ = ["RULES", "LearningRule", "Response", "learning_rule", "rule_names"]

RULES: Registry[type[LearningRule]] = Registry(
    "learning rule", "brianbridge.rules", "brianbridge.rules"
)


@dataclass(frozen=True)
class Response:
    """The response of a twin to a batch, with the gradient of the rule.

    Parameters
    ----------
    output : Tensor, shape (batch, classes)
        The output; its largest value is the predicted class.
    spike_counts : callable
        Returns the summed spike values of a population by name, ``(batch, *shape)``, with the
        gradient of the rule; used by penalties on the spike rate.
    metrics : dict of str to float
        Measurements of this batch, complete after the backward pass. The training curve holds
        their mean over an epoch.
    loss_input : Tensor, shape (batch, ...), optional
        What the loss is computed from; the output if not given.
    share : float
        Share of the presentation whose spikes are counted.
    """

    output: Tensor
    spike_counts: Callable[[str], Tensor]
    metrics: dict[str, float] = field(default_factory=dict)
    loss_input: Tensor | None = None
    share: float = 1.0


@dataclass(frozen=True)
class LearningRule(ABC):
    """Base class of learning rules.

    A subclass sets `name` and defines `respond`; all other methods have defaults. It is registered
    under its name as soon as it is defined. Training calls the methods in this order: `check`,
    `check_learn` and `prepare`; `before_training`, once; for each batch `learn` (which calls
    `respond` and `loss`) and `after_step`; after each epoch `after_epoch`. For a validation batch
    it calls `predict`, `loss_input` and `loss`.

    Notes
    -----
    A complete rule, which trains the readout alone by the surrogate gradient of the twin::

        @dataclass(frozen=True)
        class ReadoutOnly(LearningRule):
            name: ClassVar[str] = "readout_only"

            def prepare(self, twin):
                for projection in twin.network.projections[:-1]:
                    twin.projection(projection.name).weight.requires_grad_(False)

            def respond(self, twin, current, raster):
                activity = twin.run(current, raster)
                return Response(activity.output, lambda name: activity.spikes[name].sum(0))
    """

    #: The name by which users and files choose the rule.
    name: ClassVar[str]
    #: The networks that the rule trains, in a few words; `check` refuses all others.
    takes: ClassVar[str] = "every network"
    #: Whether `respond` computes the gradient from the spikes that replace those of the twin
    #: (`NetworkTwin.replace_spikes`), such as those of Brian2. A rule with its own forward pass,
    #: which ignores them, leaves this at False.
    learns_from_given_spikes: ClassVar[bool] = False
    #: Whether `respond` has the gradient of neuron parameters (``learn`` of `to_torch`). A rule
    #: whose response is `NetworkTwin.run`, differentiated by torch, has it.
    learns_parameters: ClassVar[bool] = False
    #: Whether `respond` keeps what every step computed, and can compute it again in the backward
    #: pass instead (`NetworkTwin.recomputing`).
    recomputes: ClassVar[bool] = False

    @property
    def steps_after_each_part(self) -> bool:
        """Whether the optimiser takes a step after each part that `learn` yields; False."""
        return False

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "name" in cls.__dict__:
            RULES.add(cls.name, cls)

    # ------------------------------------------------------------------ before training

    def check(self, network: SpikingNetwork) -> None:
        """Raise `InputError` if the rule cannot train a network; by default it trains all."""
        return

    def check_learn(self, learn: Mapping[str, Sequence[Learn]]) -> None:
        """Refuse parameters of neurons and synapses, if the rule has no gradient of them.

        Parameters
        ----------
        learn : mapping of str to sequence of Learn
            What populations and projections learn (`NetworkTwin.learn`).

        Raises
        ------
        InputError
            If there are any.
        """
        for owner, chosen in learn.items():
            if not self.learns_parameters:
                raise InputError(
                    f"learning rule '{self.name}' has no gradient of '{chosen[0].name}' of "
                    f"'{owner}', which learn names; leave out learn, or use 'surrogate_gradient'"
                )

    def check_recompute(self, twin: NetworkTwin) -> None:
        """Refuse to compute parts of a presentation again, if the rule or the twin cannot.

        Raises
        ------
        InputError
            If the rule keeps no graph of all steps, or a normalisation takes the mean of them all.
        """
        if not self.recomputes:
            raise InputError(
                f"training: recompute = true, but learning rule '{self.name}' keeps no graph of "
                "all steps that could be computed again; leave out recompute, or use "
                "'surrogate_gradient'"
            )
        for name in twin.projections:
            if twin.projection(name).norm is not None:
                raise InputError(
                    f"training: recompute = true, but batch_norm normalises projection '{name}' by "
                    "its mean input over a whole presentation, which no part of it knows; leave "
                    "out recompute or batch_norm"
                )

    def prepare(self, twin: NetworkTwin) -> None:
        """Set up the twin, for instance its spike function; does nothing by default."""
        return

    def before_training(
        self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None
    ) -> None:
        """Set initial weights from one batch of training samples; does nothing by default.

        Parameters
        ----------
        twin, current, raster
            As in `respond`; the twin is in evaluation mode.
        """
        return

    # ------------------------------------------------------------------ a batch

    @abstractmethod
    def respond(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> Response:
        """Return the response of the twin to an encoded batch, ready for the backward pass.

        Parameters
        ----------
        twin : NetworkTwin
            The twin that is trained.
        current : Tensor, shape (batch, *input_shape), optional
            Constant input.
        raster : Tensor, shape (T, batch, *input_shape), optional
            Input spikes.
        """

    def loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss of a batch; cross-entropy by default.

        Parameters
        ----------
        output : Tensor, shape (batch, classes)
            `Response.loss_input` if it is given, else `Response.output`. For a validation batch,
            the result of the method `loss_input`.
        labels : Tensor of int64, shape (batch,)
            The correct classes.
        """
        return cross_entropy(output, labels)

    def learn(
        self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None, labels: Tensor
    ) -> Iterator[tuple[Response, Tensor]]:
        """Yield the response and the loss of each part of a presentation; one part by default.

        Training differentiates each loss before it asks for the next part, so that a rule which
        learns forward in time needs the memory of one part alone. Gradients and losses of all parts
        add up. The optimiser takes a step after the last part, or after each one
        (`steps_after_each_part`). The output of the last response is that of the presentation.

        Parameters
        ----------
        twin, current, raster
            As in `respond`.
        labels
            As in `loss`.
        """
        # This generator waits while the loss is differentiated, and must not hold the response.
        yield self._responded(twin, current, raster, labels)

    def _responded(
        self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None, labels: Tensor
    ) -> tuple[Response, Tensor]:
        response = self.respond(twin, current, raster)
        given = response.loss_input
        return response, self.loss(response.output if given is None else given, labels)

    def after_step(self, twin: NetworkTwin) -> None:
        """Correct the weights after a step of the optimiser; does nothing by default."""
        return

    def after_epoch(self, twin: NetworkTwin) -> None:
        """Correct the weights after an epoch, except the last; does nothing by default.

        Draw random numbers from torch's global generator: here it depends on seed and epoch alone.
        """
        return

    # ------------------------------------------------------------------ validation

    def predict(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> Tensor:
        """Return the output ``(batch, classes)`` on validation samples; the twin's by default.

        Parameters
        ----------
        twin, current, raster
            As in `respond`; the twin is in evaluation mode.
        """
        return twin.run(current, raster).output

    def loss_input(self, twin: NetworkTwin, output: Tensor) -> Tensor:
        """Convert an output of `predict` to the input of `loss`: by default to natural units."""
        return twin.natural_output(output)

    def to_dict(self) -> dict[str, Any]:
        """Return name and options, for JSON."""
        return {"name": self.name, **asdict(self)}


def rule_names() -> tuple[str, ...]:
    """Return the names of all learning rules."""
    return RULES.names()


def learning_rule(rule: str | LearningRule, /, **options: Any) -> LearningRule:
    """Return a learning rule by name, with options; a rule object is returned unchanged.

    Raises
    ------
    InputError
        If there is no such rule or option, or an option has the wrong type.

    Examples
    --------
    >>> learning_rule("spike_count", gate="count")
    SpikeCount(gate='count', threshold='theta')
    """
    if isinstance(rule, LearningRule):
        return rule
    return RULES.make(rule, options)

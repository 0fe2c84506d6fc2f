"""Online training through time (OTTT): forward in time, with memory that does not grow with T.

Xiao, Meng, Zhang, He & Lin (NeurIPS 2022), "Online training through time for spiking neural
networks". Backpropagation through time keeps every step until the end. OTTT keeps a trace of the
presynaptic spikes instead, and differentiates each step as soon as it has been computed. Let ``s``
be spikes, ``u`` potentials before the reset, ``lambda`` the decay of the target's potential in a
step, and ``L(t)`` the loss of step t. The states of the step before are constants. Then

    a(t)     = lambda a(t - 1) + s(t)                            trace of the source
    delta(t) = dL(t)/du(t)                                       back through the layers at step t
    dL/dW    = sum over t of  delta(t) a(t)^T                    dL/db = sum over t of delta(t)

``delta`` passes from layer to layer by the weights and the surrogate derivative of the spikes. Each
product is thus evaluated with the spikes, and differentiated as if its input were the trace. The
reset is a constant. For a neuron whose reset subtracts, ``a(t) = du(t)/dW`` is exact; what is left
out is how a spike changes later potentials of its own neuron, and later steps of the neurons before
it.

The loss of a step is that of the logits ``o(t)``, what the step adds to the output:

    L(t) = ((1 - mse) cross_entropy(o(t), y) + mse mean((o(t) - onehot(y))**2)) / T

With ``updates = "batch"`` the optimiser takes one step for each batch (OTTT_A of the paper). With
``"online"`` it takes one at every step of time (OTTT_O): learning rate, weight decay and the decay
of ``ema`` then refer to these.

Sources: neurons, models and training loop of the authors' public code (*OTTT-SNN*) were read. The
paper was not; OTTT_A and OTTT_O are its names, from memory. Different from the code, by our choice:

- lambda is the decay of the target's own potential, in the step of the twin. The code takes that of
  the source; all its neurons have the same.
- An output that does not fire is a sum over steps, so that its logits depend on the spikes of their
  own step alone, and these take the place of the trace. The code takes the trace there, too.
- The code standardises the weights and multiplies spikes by 2.74. ``batch_norm = "weights"``
  standardises them here, with an initial size that does not need the factor;
  ``batch_norm = true`` normalises the mean input of a presentation, with the running statistics as
  constants (see `OTTT`).

As in the code, a constant input (a current, a bias) has no trace.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss, one_hot

from brianbridge.errors import InputError
from brianbridge.network import Projection, SpikingNetwork
from brianbridge.rules.base import LearningRule, Response
from brianbridge.rules.layer_checks import check_canonical, check_feedforward, check_reliable
from brianbridge.rules.online.statistics import set_statistics
from brianbridge.rules.online.steps import constant_input, run_online
from brianbridge.rules.online.trace_decay import trace_decay
from brianbridge.rules.option_checks import require_above, require_choice
from brianbridge.twin.network import NetworkTwin
from brianbridge.twin.spike_function import SpikeFunction

__all__ = ["OTTT"]


@dataclass(frozen=True)
class OTTT(LearningRule):
    """Train forward in time, one step after the other, with traces of the spikes.

    Parameters
    ----------
    updates : {"batch", "online"}
        Whether the optimiser takes a step for each batch, or at every step of time.
    derivative : str
        Name of the spike function; that of the twin if empty.
    width, scale : float
        Its width and scale, in natural units; see `brianbridge.twin.spike_function`. The defaults
        are the derivative ``4 s(4 z) (1 - s(4 z))`` of the authors, with ``s`` the logistic
        function.
    mse : float
        Share of the mean squared error in the loss; the rest is cross-entropy.
    gain : float
        Factor of the logits before the loss.

    Notes
    -----
    Batch normalisation needs the mean input of a presentation, which is known only at its end. So
    each step takes the running statistics, as constants, and these follow when the presentation has
    ended. A network in training is thus the one that is evaluated, but the gradient does not know
    how the weights change the statistics. Standardised weights need none.
    """

    name: ClassVar[str] = "ottt"
    takes: ClassVar[str] = (
        "layers without loops and delays, linear neurons whose reset subtracts, canonical order"
    )

    updates: Literal["batch", "online"] = "batch"
    derivative: str = "sigmoid"
    width: float = 0.25
    scale: float = 1.0
    mse: float = 0.05
    gain: float = 1.0

    def __post_init__(self) -> None:
        require_choice(self, "updates", ("batch", "online"))
        require_above(self, "gain")
        if not 0 <= self.mse <= 1:
            raise InputError(f"learning rule '{self.name}': mse = {self.mse}; give 0 to 1")
        if self.derivative:
            self._spike_function()  # raises an error if there is no such spike function

    @property
    def steps_after_each_part(self) -> bool:
        """Whether the optimiser takes a step at every step of time."""
        return self.updates == "online"

    def check(self, network: SpikingNetwork) -> None:
        """Refuse loops, delays, readouts at the end, and potentials that no trace can follow."""
        what = f"learning rule '{self.name}'"
        check_feedforward(network, self.name)
        check_canonical(network, self.name)
        check_reliable(network, self.name)
        if network.readout not in ("potential", "counts"):
            raise InputError(
                f"{what}: its loss needs an output in every step, which readout = "
                f"'{network.readout}' has not; give 'potential' or 'counts'"
            )
        for projection in network.projections:
            if network.delivers_spikes(projection):
                self._check_projection(network, projection)
        for population in network.populations:
            try:
                trace_decay(network, population.name)
            except InputError as error:
                raise InputError(f"{what}: {error}") from None

    def _check_projection(self, network: SpikingNetwork, projection: Projection) -> None:
        what = f"learning rule '{self.name}': projection '{projection.name}'"
        if network.delay_steps(projection) or projection.connection.delays is not None:
            raise InputError(
                f"{what} has a delay, but the gradient of a step does not reach spikes of earlier "
                "ones; leave the delay out, or use 'surrogate_gradient'"
            )
        receive = network.receive_of(projection)
        potential = network.population(projection.target).neuron.potential
        if receive != potential:
            raise InputError(
                f"{what} adds to '{receive}', which reaches the potential '{potential}' only in "
                "later steps, but the gradient of a step ends with it; use a model whose synapses "
                "add to its potential, or the rule 'surrogate_gradient'"
            )

    def prepare(self, twin: NetworkTwin) -> None:
        """Set the spike function of the twin; refuse normalised potentials."""
        if twin.normalises_potential:
            raise InputError(
                f"learning rule '{self.name}' cannot normalise potentials, whose statistics are "
                "those of all steps; give batch_norm = true, or leave it out"
            )
        if self.derivative:
            twin.differentiate_by(self._spike_function())

    def _spike_function(self) -> SpikeFunction:
        return SpikeFunction(self.derivative, self.width, self.scale)

    # ------------------------------------------------------------------ loss

    def loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of logits ``([T,] batch, classes)``, as a mean over steps."""
        if output.ndim == 3:
            return torch.stack([self.loss(logits, labels) for logits in output]).mean()
        target = one_hot(labels, output.shape[1]).to(output.dtype)
        return (1 - self.mse) * cross_entropy(output, labels) + self.mse * mse_loss(output, target)

    def loss_input(self, twin: NetworkTwin, output: Tensor) -> Tensor:
        """Return the mean logits of a presentation."""
        return self.gain / twin.network.steps * twin.natural_output(output)

    # ------------------------------------------------------------------ a batch

    def before_training(
        self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None
    ) -> None:
        """Take the first statistics of batch normalisation from these samples."""
        set_statistics(twin, current, raster)

    def respond(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> Response:
        """Run all steps and keep their graphs: the gradient is that of `learn`, in one part."""
        constants = constant_input(twin, current)
        steps = list(run_online(twin, current, raster, lambda: constants))
        return Response(
            steps[-1].output,
            lambda name: torch.stack([step.spikes[name] for step in steps]).sum(0),
            loss_input=self.gain * torch.stack([step.logits for step in steps]),
        )

    def learn(
        self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None, labels: Tensor
    ) -> Iterator[tuple[Response, Tensor]]:
        """Yield response and loss of each step; no step holds the graph of another."""
        share = 1 / (twin.network.steps if raster is None else len(raster))
        if self.steps_after_each_part:  # the weights change between two steps
            steps = run_online(twin, current, raster, lambda: constant_input(twin, current))
        else:
            whole = constant_input(twin, current)
            leaves = {name: c.detach().requires_grad_() for name, c in whole.items()}
            steps = run_online(twin, current, raster, lambda: leaves)
        for step in steps:
            response = Response(step.output, step.spikes.__getitem__, share=share)
            yield response, share * self.loss(self.gain * step.logits, labels)
        if not self.steps_after_each_part:
            # The constant input has the same product in all steps, which is differentiated once.
            for name, leaf in leaves.items():
                if leaf.grad is not None and whole[name].requires_grad:
                    whole[name].backward(leaf.grad)

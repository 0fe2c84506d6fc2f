"""Batch normalisation of a presentation that is differentiated step by step.

The mean input of a presentation (`brianbridge.twin.normalisation`) is known at its end only. Each
step therefore takes the running statistics as constants, by weights that contain them, as in
evaluation. The statistics follow the mean input after the presentation, and start from that of the
first samples. As weights are linear, the mean input is the product of the mean spikes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from brianbridge.network import INPUT
from brianbridge.rules.layerwise import run_layer
from brianbridge.twin.network import NetworkTwin
from brianbridge.twin.projections import ProjectionTwin
from brianbridge.twin.received import batch_of, inputs_of

__all__ = ["follow", "set_statistics"]


@torch.no_grad()
def follow(weights: ProjectionTwin, sent: Tensor, momentum: float | None = None) -> None:
    """Let the running statistics of a projection follow the mean input of a presentation.

    Parameters
    ----------
    weights : ProjectionTwin
        The projection; nothing happens without a normalisation. It is left in evaluation mode.
    sent : Tensor, shape (batch, *source)
        The mean spikes of a step, or a constant current.
    momentum : float, optional
        Weight of this presentation in the statistics; that of the normalisation if not given.
    """
    norm = weights.norm
    if norm is None:
        return
    usual, norm.momentum = norm.momentum, norm.momentum if momentum is None else momentum
    # Graphs of the steps hold the former statistics.
    norm.mean, norm.variance = norm.mean.clone(), norm.variance.clone()
    weights.train()  # in evaluation the weights contain the normalisation
    mean = weights(sent.detach()).reshape(len(sent), len(norm.mean), -1)
    with torch.enable_grad():  # without gradients the statistics would stay
        norm(mean)
    weights.eval()
    norm.momentum = usual


@torch.no_grad()
def set_statistics(twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> None:
    """Set the running statistics of all projections to those of some samples, layer by layer.

    Parameters
    ----------
    twin : NetworkTwin
        The twin, in evaluation mode.
    current : Tensor, shape (batch, *input_shape), optional
        Constant input.
    raster : Tensor, shape (T, batch, *input_shape), optional
        Input spikes.
    """
    network = twin.network
    spikes = {} if raster is None else {INPUT: raster}
    for name in (population.name for population in network.layers):
        for projection in network.incoming(name):
            source = spikes.get(projection.source)
            sent = current if source is None else source.mean(0)
            assert sent is not None
            follow(twin.projection(projection.name), sent, momentum=1.0)
        x, constant = inputs_of(twin, name, spikes, current)
        activity = run_layer(twin, name, x, constant, batch_of(current, raster))
        if activity.spikes is not None:
            spikes[name] = activity.spikes

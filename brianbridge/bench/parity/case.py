"""The plan of a random network: small, printable, and enough to build the network again."""

from __future__ import annotations

from dataclasses import dataclass

from brianbridge.network import Schedule

__all__ = ["ENCODINGS", "EXTRA", "FORWARD", "Case"]

ENCODINGS = ("current", "bernoulli", "poisson", "latency", "frames")
#: Kinds of projection from one population to the next.
FORWARD = (
    "dense", "dense flat", "conv", "conv", "depthwise", "sparse", "one to one",
    "pool dense", "pool conv", "pool sparse", "pool one to one",
)  # fmt: skip
#: Further projections of a network, each at most once.
EXTRA = (
    "recurrent", "recurrent one to one", "recurrent transposed", "feedback", "feedback sparse",
    "transposed", "skip", "skip sparse", "residual", "twice", "pooled loop",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Determine a network and its samples; all numbers follow from the seed.

    Parameters
    ----------
    model : str
        Neuron model of most populations.
    encoding, readout, schedule : str
        Encoding, readout and schedule of the network.
    forward : tuple of str
        Kind of projection that leads to each population, from `FORWARD`.
    extra : tuple of str
        Further projections, from `EXTRA`.
    delays, bias, per_neuron : bool
        Whether projections have delays, whether they have biases, and whether each neuron has its
        own parameters.
    samples, batch_size, steps : int
        Number of samples, samples per batch, and steps of a presentation.
    dt : float
        Length of a step, in seconds.
    seed : int
        Seed of shapes, weights and samples.
    dyadic : bool
        Whether all numbers are multiples of a power of two.
    large : bool
        Whether there are hundreds or thousands of neurons instead of tens.
    others : tuple of str
        Neuron models of the other populations.
    """

    model: str
    encoding: str
    readout: str
    schedule: Schedule
    forward: tuple[str, ...]
    extra: tuple[str, ...]
    delays: bool
    bias: bool
    per_neuron: bool
    samples: int
    batch_size: int
    steps: int
    dt: float
    seed: int
    dyadic: bool = False
    large: bool = False
    others: tuple[str, ...] = ("lif",)

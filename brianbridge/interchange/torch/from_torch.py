"""`from_torch`: a network of torch layers and neurons of another framework."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from brianbridge.encoding import Current, Encoding, Frames, encoding_from_dict
from brianbridge.errors import InputError, did_you_mean
from brianbridge.interchange.assemble import assemble
from brianbridge.interchange.frameworks import FRAMEWORKS, framework_of, reader_of
from brianbridge.interchange.torch.graph import graph_of
from brianbridge.interchange.torch.tags import ALWAYS, INPUT, SEQUENCE, Tag
from brianbridge.interchange.torch.trace import Trace
from brianbridge.network import SpikingNetwork
from brianbridge.neurons.plain_seconds import warn_of_seconds
from brianbridge.neurons.quantities import seconds
from brianbridge.readable import milliseconds

__all__ = ["from_torch"]

#: The first axes of an example: how many there are, and which is that of time (-1: none).
_AXES = {"tb": (2, 0), "bt": (2, 1), "b": (1, -1), "merged": (1, -1)}


def from_torch(
    module: nn.Module,
    example: Tensor,
    *,
    dt: Any = None,
    axes: str = "tb",
    steps: int | None = None,
    encoding: Encoding | str | None = None,
) -> SpikingNetwork:
    r"""Return a torch network with neurons of another framework as a spiking network.

    The network runs once on `example`, in ``eval()`` mode; brianbridge follows the
    tensors from layer to layer. It may have any structure in Python: a loop over time, or layers
    that take whole sequences. Known are the neurons of snnTorch, Norse, SpikingJelly and sinabs,
    the layers `Linear`, `Conv1d`, `Conv2d`, `BatchNorm` after either, average and sum pooling,
    `Flatten` and `Dropout`, sums of several layers, and loops through the step before.

    Parameters
    ----------
    module : torch.nn.Module
        The network. It keeps its mode and its states.
    example : Tensor
        One input, with its axes of time and batch; its values do not matter.
    dt : Quantity, str or float, optional
        Length of a step (seconds if a number). Most frameworks count steps; Norse has a step in
        seconds, which is taken if `dt` is not given.
    axes : {"tb", "bt", "b", "merged"}
        The first axes of the example: time and batch, batch and time (sinabs), batch alone for
        a constant input, or both in one axis.
    steps : int, optional
        Number of steps of a presentation, if neither the example nor a loop in the module shows it.
    encoding : Encoding or str, optional
        How samples become input: ``"frames"`` of shape ``(steps, ...)`` if the example has an axis
        of time, else the constant ``"current"``.

    Returns
    -------
    SpikingNetwork
        At its own `dt`, its spikes are those of the torch network.

    Raises
    ------
    InputError
        If a module or a function between modules cannot be read; the message names it.

    Examples
    --------
    >>> import snntorch
    >>> net = from_torch(
    ...     nn.Sequential(nn.Linear(4, 3), snntorch.Leaky(beta=0.9, init_hidden=True)),
    ...     torch.zeros(1, 4), axes="b", steps=20, dt="1 ms")
    >>> net.populations[0].neuron.equations
    'dv/dt = -v/tau + drive : 1\ndrive : Hz'
    """
    if not isinstance(module, nn.Module) or not isinstance(example, Tensor):
        raise InputError(
            "from_torch: it takes a torch.nn.Module and an example of its input as a tensor, and "
            f"not a {type(module).__name__} and a {type(example).__name__}"
        )
    warn_of_seconds(dt, "from_torch: dt")
    module = getattr(module, "_orig_mod", module)  # of torch.compile
    lead, axis = _axes(axes, example)
    if isinstance(encoding, Encoding) and dt is None:
        dt = encoding.dt
    step = _step(module, dt)
    trace = Trace()
    returned = _run(trace, module, example, Tag(((INPUT, _kind(axes)),), lead, axis=axis))
    graph = graph_of(trace, returned, tuple(example.shape[lead:]), step)
    shown = example.shape[axis] if axis >= 0 else trace.steps
    number = shown if steps is None or axis >= 0 or shown > 1 else steps
    if steps is None and axis < 0 and trace.steps < 2:
        raise InputError(
            "from_torch: the module runs a single step, and the example has no axis of time; state "
            "the number of steps of a presentation, such as steps=25"
        )
    if steps is not None and steps != number:
        raise InputError(f"from_torch: steps = {steps}, but the module runs {number}; leave it out")
    names = sorted({framework_of(one) for one in module.modules() if reader_of(one)})
    facts = {
        "format": "torch",
        "frameworks": {name: _version(name) for name in names},
        "dt": step,
    }
    built = assemble(graph, _encoding(encoding, axes, number, step))
    facts |= {"names": built.names, "notes": list(built.notes)}
    return replace(built.network, provenance={"interchange": facts})


def _axes(axes: str, example: Tensor) -> tuple[int, int]:
    """Return the number of axes of time and batch, and which is that of time."""
    if axes not in _AXES:
        raise InputError(f"from_torch: axes = {axes!r}. " + did_you_mean(axes, _AXES))
    lead, axis = _AXES[axes]
    if example.ndim <= lead:
        other = "axes='b' if it has no axis of time" if example.ndim == 2 else "other axes"
        raise InputError(
            f"from_torch: the example has the shape {tuple(example.shape)}, of which axes = "
            f"{axes!r} takes {lead}; give an input with features, or {other}"
        )
    if not example.numel():
        raise InputError(
            f"from_torch: the example has the shape {tuple(example.shape)} and no values; give one "
            "sample or more"
        )
    return lead, axis


def _kind(axes: str) -> int | None:
    """Return the step of the input."""
    return ALWAYS if axes == "b" else SEQUENCE


def _step(module: nn.Module, dt: Any) -> float:
    """Return the length of a step in seconds."""
    if dt is not None:
        return seconds(dt, "from_torch: dt")
    own = {
        float(vars(one)["dt"])
        for one in module.modules()
        if framework_of(one) == "norse" and reader_of(one) and "dt" in vars(one)
    }
    if len(own) != 1:
        raise InputError(
            f"from_torch: nothing says how long a step is ({', '.join(FRAMEWORKS)} count steps, "
            "but for Norse); state it, as in dt=1*ms"
        )
    return own.pop()


def _run(trace: Trace, module: nn.Module, example: Tensor, tag: Tag) -> Any:
    """Run a network once, and return what it returns."""
    trace.set_tag(example, tag)
    with _left_as_it_was(module), _uncompiled(), torch.no_grad(), trace.hooked(module), trace:
        try:
            return module(example)
        except InputError:
            raise
        except Exception as error:
            told = " ".join(str(error).split())
            raise InputError(
                f"from_torch: the module fails on an example of shape {tuple(example.shape)} and "
                f"type {example.dtype}: {type(error).__name__}: {told:.300}; give an example on "
                "which module(example) works"
            ) from error


def _uncompiled() -> AbstractContextManager[Any]:
    """Let compiled modules inside the network run in Python, where torch (2.6 or newer) can."""
    stance = getattr(torch.compiler, "set_stance", None)
    return stance("force_eager") if stance else nullcontext()


@contextmanager
def _left_as_it_was(module: nn.Module) -> Iterator[None]:
    """Set a network to ``eval()`` for a run, and give it back its mode and states afterwards.

    Neurons hold their states as attributes, in buffers, or in dictionaries of their own. (A copy
    would be simpler, but recurrent layers of sinabs 3.1 cannot be copied.)
    """
    before = [
        (vars(one), {k: dict(v) if isinstance(v, dict) else v for k, v in vars(one).items()})
        for one in module.modules()
    ]
    module.eval()
    try:
        yield
    finally:
        for now, values in before:
            for name in set(now) - set(values):
                del now[name]
            for name, value in values.items():
                if isinstance(now.get(name), dict) and isinstance(value, dict):
                    now[name].clear()
                    now[name].update(value)
                else:
                    now[name] = value


def _encoding(encoding: Encoding | str | None, axes: str, steps: int, dt: float) -> Encoding:
    """Return the encoding, in the step of the neurons."""
    if isinstance(encoding, Encoding):
        if abs(encoding.dt - dt) > 1e-9 * dt or encoding.steps != steps:
            raise InputError(
                f"from_torch: the encoding has {encoding.steps} steps of "
                f"{milliseconds(encoding.dt)}, the network {steps} of {milliseconds(dt)}; give the "
                "same"
            )
        return encoding
    if encoding is None:
        return (Current if axes == "b" else Frames)(steps=steps, dt=dt)
    return encoding_from_dict({"kind": encoding, "steps": steps, "dt": dt})


def _version(name: str) -> str:
    """Return the version of a framework."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"

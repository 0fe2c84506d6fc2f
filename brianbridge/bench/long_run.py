"""One long run of plain `Synapses`, sample after sample, as a Brian2 user would validate a network.

There is one copy of the network. A `SpikeGeneratorGroup` holds the input spikes of all samples, and
the state is reset when a sample begins. The reset is a `run_regularly` whose step is one
presentation, as a user would write it. With `one_clock` it is a statement that runs in every step
and acts in the first step of a sample: Brian2 is faster with one clock than with two.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import (
    Clock,
    Network,
    SpikeGeneratorGroup,
    SpikeMonitor,
    Synapses,
    TimedArray,
    get_device,
    prefs,
    second,
    set_device,
)
from brian2.devices.device import reset_device

from brianbridge.encoding import EncodedInput
from brianbridge.errors import InputError
from brianbridge.network import INPUT, SpikingNetwork
from brianbridge.neurons.quantities import unit_name
from brianbridge.recording import Events
from brianbridge.simulation.arithmetic import strict_arithmetic
from brianbridge.simulation.drive import Drives
from brianbridge.simulation.interrupts import interruptible
from brianbridge.simulation.reference.builder import steps_per_coarse_step
from brianbridge.simulation.schedule import put_in_order

__all__ = ["LongRun", "run_long"]


@dataclass(frozen=True)
class LongRun:
    """Hold the time and the spikes of a long run.

    Parameters
    ----------
    seconds : float
        Wall time of the run, without building and compiling.
    events : mapping of str to Events
        The spikes, by population.
    """

    seconds: float
    events: dict[str, Events]


def run_long(
    network: SpikingNetwork,
    encoded: EncodedInput,
    dt: float,
    *,
    standalone: bool,
    one_clock: bool = False,
) -> LongRun:
    """Present encoded samples one after the other in one run.

    Parameters
    ----------
    network : SpikingNetwork
        A feed-forward network without delays, with spikes of value 1 and a state that starts at 0.
    encoded : EncodedInput
        The input.
    dt : float
        Brian2's step, in seconds.
    standalone : bool
        Whether to run as a C++ program; otherwise Cython compiles the code.
    one_clock : bool
        Whether the statements that reset the state use the same clock as everything else.

    Raises
    ------
    InputError
        If the network is not of this kind.
    """
    _check(network, encoded)
    with interruptible(), strict_arithmetic(), _target(standalone):
        parts, namespace = _objects(network, encoded, dt, one_clock)
        built = Network(*parts.values())
        duration = encoded.samples * network.steps * network.dt * second
        if standalone:
            built.run(duration, namespace=namespace)
            device = get_device()
            device.build(directory=device.project_dir, run=False, with_output=False)
            started = time.perf_counter()
            device.run(with_output=False)
        else:
            built.run(0 * second, namespace=namespace)  # compiles
            started = time.perf_counter()
            built.run(duration, namespace=namespace)
        seconds = time.perf_counter() - started
        return LongRun(seconds, _events(network, parts, dt))


@contextmanager
def _target(standalone: bool) -> Iterator[None]:
    if not standalone:
        before = prefs["codegen.target"]
        prefs["codegen.target"] = "cython"
        try:
            yield
        finally:
            prefs["codegen.target"] = before
        return
    with tempfile.TemporaryDirectory(prefix="brianbridge-") as folder:
        set_device("cpp_standalone", directory=folder, build_on_run=False)
        try:
            yield
        finally:
            get_device().reinit()
            reset_device()


def _check(network: SpikingNetwork, encoded: EncodedInput) -> None:
    plain = network.schedule == "canonical" and not network.has_loops
    plain = plain and not any(p.delay for p in network.projections)
    binary = all(p.neuron.is_binary for p in network.populations)
    raster = encoded.raster
    if not (plain and binary) or (raster is not None and not np.isin(raster, (0, 1)).all()):
        raise InputError(
            "the long run is for feed-forward networks without delays whose spikes all have "
            "value 1; leave the long run out, or use another network"
        )


def _objects(
    network: SpikingNetwork, encoded: EncodedInput, dt: float, one_clock: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    clock = Clock(dt=dt * second, name="simulation_clock")
    presentation = network.steps * steps_per_coarse_step(network, dt)
    groups: dict[str, Any] = {}
    namespace: dict[str, Any] = {"presentation": presentation}
    if encoded.raster is not None:
        step, sample, neuron = np.nonzero(encoded.raster.reshape(*encoded.raster.shape[:2], -1))
        when = (sample * network.steps + step) * network.dt
        order = np.lexsort((neuron, when))
        groups[INPUT] = SpikeGeneratorGroup(
            int(np.prod(network.shape_of(INPUT))), neuron[order], when[order] * second,
            clock=clock, sorted=True, name=INPUT, order=1,
        )  # fmt: skip
    drives = Drives(network)(encoded.current, encoded.samples)
    for population in network.populations:
        name = population.name
        group = population.neuron.group(
            population.size, fires=network.fires(name), clock=clock, name=name
        )
        changing = _changing(group, population.neuron)
        lines = [_reset_to_0(group, v) if one_clock else f"{v} = 0" for v in changing]
        if name in drives and encoded.current is not None:
            values = TimedArray(drives[name], dt=network.steps * network.dt * second)
            namespace[f"drives_of_{name}"] = values
            lines.append(f"{population.neuron.drive} = drives_of_{name}(t, i)*hertz")
        elif name in drives:
            group.variables[population.neuron.drive].set_value(drives[name][0])
        options = {} if one_clock else {"dt": network.steps * network.dt * second}
        group.run_regularly("\n".join(lines), when="start", **options)
        groups[name] = group
    synapses: dict[str, Any] = {}
    for projection in network.projections:
        if not network.delivers_spikes(projection):
            continue
        ends = network.shape_of(projection.source), network.shape_of(projection.target)
        table = projection.synapses(*ends)
        receive = network.receive_of(projection)
        target = groups[projection.target]
        made = Synapses(
            groups[projection.source], target,
            f"weight : {unit_name(target.variables[receive].dim)}",
            on_pre=f"{receive}_post += weight", clock=clock, name=projection.name,
        )  # fmt: skip
        made.connect(i=table.source, j=table.target)
        made.variables["weight"].set_value(table.weight)
        synapses[projection.name] = made
    for position, population in enumerate(network.populations, start=1):
        into = [synapses[p.name] for p in network.incoming(population.name) if p.name in synapses]
        put_in_order(position, groups[population.name], into)
    monitors = {
        f"{p.name}_spikes": SpikeMonitor(groups[p.name], when="after_resets")
        for p in network.firing
    }
    return {**groups, **synapses, **monitors}, namespace


def _changing(group: Any, model: Any) -> list[str]:
    """Return the variables that a run changes; all must start at 0."""
    flags = [n for n in group.equations.names if group.variables[n].dtype == bool]
    names = [*model.state_variables, *flags]
    for name in names:
        if group.variables[name].get_value().any():
            raise InputError(
                f"the long run resets state to 0, but '{name}' of '{group.name}' does not start "
                "at 0; leave the long run out"
            )
    return names


def _reset_to_0(group: Any, variable: str) -> str:
    """Return the statement that resets a variable at the start of a sample."""
    first = "(timestep(t, dt) % presentation == 0)"
    if group.variables[variable].dtype == bool:
        return f"{variable} = {variable} and not {first}"
    return f"{variable} = {variable}*int(not {first})"


def _events(network: SpikingNetwork, parts: dict[str, Any], dt: float) -> dict[str, Events]:
    steps = network.steps * steps_per_coarse_step(network, dt)
    found = {}
    for population in network.firing:
        monitor = parts[f"{population.name}_spikes"]
        sample, step = np.divmod(np.rint(np.asarray(monitor.t_[:]) / dt).astype(np.int64), steps)
        node = np.array(monitor.i[:])
        found[population.name] = Events(sample, node, step, np.ones(len(step), np.int8), dt)
    return found

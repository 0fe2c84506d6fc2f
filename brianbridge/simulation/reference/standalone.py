"""Run the reference path as a C++ program: one build, many inputs.

For users of Brian2's C++ standalone mode. Each chunk of samples is one run of the same program,
with its own constant currents and input raster (Brian2's ``run_args``). The program is compiled
without fast-math, so that its spikes are those of the other paths. Noise is different: the program
has its own random generator, which is seeded for each chunk of samples.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import Quantity, TimedArray, get_device, second, set_device
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject
from brian2.devices.device import reset_device

from brianbridge.counters import key_of
from brianbridge.errors import InputError
from brianbridge.network import INPUT, SpikingNetwork
from brianbridge.recording import Recording
from brianbridge.simulation.arithmetic import strict_arithmetic
from brianbridge.simulation.drive import Drives
from brianbridge.simulation.memory import fitting_batch
from brianbridge.simulation.recorder import not_a_number
from brianbridge.simulation.reference.builder import build
from brianbridge.simulation.reference.run import SYNAPSE, chunk_of, input_arrays, padded_drives
from brianbridge.simulation.request import Request

__all__ = ["run_standalone"]

#: C++ code that seeds the program's generators at each start, without compiling it again.
_SEEDED = """{
    unsigned long _seed;
    std::ifstream("seed") >> _seed;
    for (auto& _generator : _random_generators) _generator.seed(_seed++);
}"""


def run_standalone(request: Request, *, batch_size: int | None = None) -> Recording:
    """Simulate by the reference path, compiled to one program.

    Parameters
    ----------
    request : Request
        What to simulate and record.
    batch_size : int, optional
        Samples in a chunk; as many as memory allows if not given.
    """
    if request.poisson:
        raise InputError(
            "device 'cpp_standalone' replays input spikes; let Brian2 draw them with device "
            "'runtime'"
        )
    _check_functions(request.network)
    network, number = request.network, len(request.numbers)
    fitting = batch_size or fitting_batch(network, synapse_bytes=SYNAPSE, traced=request.traced)
    batch = min(number, fitting)
    drives = Drives(network)
    parts = []
    with tempfile.TemporaryDirectory(prefix="brianbridge-") as folder, strict_arithmetic():
        set_device("cpp_standalone", directory=folder, build_on_run=False)
        try:
            built = build(
                network, batch, dt=request.dt, record=request.variables,
                schedule=request.schedule, crossing=request.crossing, timing=request.timing,
            )  # fmt: skip
            namespace = {}
            if INPUT in built.groups:
                silent = np.zeros((network.steps, built.groups[INPUT].N))
                namespace = {
                    name: TimedArray(silent, dt=network.dt * second, name=f"input_{name}")
                    for name in ("raster", *(["fine_step"] if request.timing == "uniform" else []))
                }
            get_device().insert_code("main", _SEEDED)
            built.brian2.run(request.steps * request.dt * second, namespace=namespace)
            get_device().build(directory=folder, run=False, with_output=False)
            for low in range(0, number, batch):
                encoded = request.encode(low, low + batch)
                arguments: dict[Any, np.ndarray] = {}
                given = drives(encoded.current, encoded.samples)
                for name, values in padded_drives(given, batch).items():
                    variable = network.population(name).neuron.drive
                    view = getattr(built.groups[name], variable)
                    arguments[view] = Quantity.with_dimensions(values, view.dim)
                if namespace:
                    arrays = input_arrays(request, batch, encoded, low)
                    arguments |= {namespace[name]: values for name, values in arrays.items()}
                Path(folder, "seed").write_text(str(chunk_seed(request.seed, low)))
                get_device().run(run_args=arguments, with_output=False)
                if found := not_a_number(network, built.groups, encoded.samples):
                    raise InputError(f"{found}; device 'runtime' also names the step")
                parts.append(request.hand_on(chunk_of(request, built, encoded.samples)))
                request.on_done(encoded.samples)
        finally:
            get_device().reinit()
            reset_device()
    return Recording.concatenate(parts)


def _check_functions(network: SpikingNetwork) -> None:
    """Refuse functions of the user that a C++ program cannot call."""
    for population in network.populations:
        for name, function in population.neuron.user_functions.items():
            if CPPStandaloneCodeObject not in function.brian2.implementations:
                raise InputError(
                    f"population '{population.name}': function '{name}' has no C++ code, which "
                    "device 'cpp_standalone' needs; register a brian2.Function that has it "
                    "(implementations.add_implementation('cpp', ...)), or use device 'runtime'"
                )


def chunk_seed(seed: int, low: int) -> int:
    """Return the seed of the chunk that begins with sample number `low`."""
    return int(key_of(seed, "cpp_standalone", str(low)) >> np.uint64(33))

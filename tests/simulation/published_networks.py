"""Networks that were published, in plain Brian2 as a user writes them: nothing of brianbridge.

The first two are benchmarks 2 and 1 of Brette et al. (2007, J. Comput. Neurosci. 23:349), which
Brian2 has among its examples; the third is a chain of pools as of Diesmann et al. (1999, Nature
402:529), started by volleys and without their noise. `run_script` runs Brian2's own example
scripts, unchanged, up to the point where they would run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
from brian2 import (
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    Synapses,
    collect,
    ms,
    mV,
)
from brian2.core.namespace import get_local_namespace

#: Where Brian2's examples are; by default, where Debian's package python-brian-doc has them.
SCRIPTS = Path(os.environ.get("BRIAN2_EXAMPLES", "/usr/share/doc/python-brian-doc/examples"))


def cuba() -> tuple[Network, dict[str, Any]]:
    """Return a network of 4000 neurons with synaptic currents, and its constants."""
    constants = {
        "taum": 20 * ms, "taue": 5 * ms, "taui": 10 * ms,
        "Vt": -50 * mV, "Vr": -60 * mV, "El": -49 * mV,
        "we": 1.62 * mV, "wi": -9 * mV,
    }  # fmt: skip
    cells = NeuronGroup(
        4000,
        """
        dv/dt = (ge + gi - (v - El))/taum : volt (unless refractory)
        dge/dt = -ge/taue : volt
        dgi/dt = -gi/taui : volt
        """,
        threshold="v > Vt",
        reset="v = Vr",
        refractory=5 * ms,
        method="exact",
        namespace=constants,
        name="cells",
    )
    cells.v = "Vr + rand()*(Vt - Vr)"
    excitation = Synapses(cells, cells, on_pre="ge += we", namespace=constants, name="excitation")
    excitation.connect("i < 3200", p=0.02)
    inhibition = Synapses(cells, cells, on_pre="gi += wi", namespace=constants, name="inhibition")
    inhibition.connect("i >= 3200", p=0.02)
    return Network(cells, excitation, inhibition), constants


def coba() -> tuple[Network, dict[str, Any]]:
    """Return a balanced network of 4000 neurons with synaptic conductances, and its constants."""
    constants = {
        "taum": 20 * ms, "taue": 5 * ms, "taui": 10 * ms, "Vt": -50 * mV, "Vr": -60 * mV,
        "El": -60 * mV, "Ee": 0 * mV, "Ei": -80 * mV,
    }  # fmt: skip
    cells = NeuronGroup(
        4000,
        """
        dv/dt = (El - v + ge*(Ee - v) + gi*(Ei - v))/taum : volt (unless refractory)
        dge/dt = -ge/taue : 1
        dgi/dt = -gi/taui : 1
        """,
        threshold="v > Vt",
        reset="v = Vr",
        refractory=5 * ms,
        method="exponential_euler",
        namespace=constants,
        name="cells",
    )
    cells.v = "El + (5*randn() - 5)*mV"
    cells.ge, cells.gi = "1.5*randn() + 4", "12*randn() + 20"
    parts = []
    for name, pool, receive, weight in (
        ("excitation", cells[:3200], "ge", 0.6),
        ("inhibition", cells[3200:], "gi", 6.7),
    ):
        parts.append(Synapses(pool, cells, "w : 1", on_pre=f"{receive}_post += w", name=name))
        parts[-1].connect(p=0.02)
        parts[-1].w = weight
    return Network(cells, *parts), constants


def chain() -> tuple[Network, dict[str, Any]]:
    """Return ten pools of 100 neurons that pass on volleys of an input called "volleys"."""
    constants = {"taum": 10 * ms, "taus": 0.3 * ms, "Vr": -70 * mV, "Vt": -55 * mV}
    cells = NeuronGroup(
        1000,
        """
        dv/dt = (Vr - v + x)/taum : volt (unless refractory)
        dx/dt = (y - x)/taus : volt
        dy/dt = -y/taus : volt
        """,
        threshold="v > Vt",
        reset="v = Vr",
        refractory=1 * ms,
        method="exact",
        namespace=constants,
        name="cells",
    )
    cells.v = "Vr + rand()*(Vt - Vr)"
    rng = np.random.default_rng(4)
    times = np.concatenate([at + np.sort(rng.normal(5, 1, 85)) for at in range(0, 1000, 50)])
    volleys = SpikeGeneratorGroup(
        100, np.tile(np.arange(85), 20), np.round(times, 1) * ms, sorted=False, name="volleys"
    )
    start = Synapses(volleys, cells[:100], "w : volt", on_pre="y += w", delay=5 * ms, name="start")
    start.connect()
    link = Synapses(cells, cells, "w : volt", on_pre="y += w", delay=5 * ms, name="link")
    link.connect("i // 100 + 1 == j // 100")
    start.w = link.w = 10 * mV
    return Network(volleys, cells, start, link), constants


def run_script(name: str) -> SimpleNamespace:
    """Run one of Brian2's example scripts until it calls ``run``; return its objects and names."""
    found = SimpleNamespace()

    class Enough(BaseException):
        pass

    def instead_of_run(duration: Any, *rest: Any, **more: Any) -> None:
        found.objects, found.namespace = collect(1), dict(get_local_namespace(1))
        found.scope = scope  # the script's variables keep its objects alive
        raise Enough

    path = SCRIPTS / name
    scope: Mapping[str, Any] = {"__name__": "__main__", "__file__": str(path)}
    with mock.patch("brian2.run", instead_of_run), mock.patch.object(sys, "argv", [str(path)]):
        try:
            exec(compile(path.read_text(), str(path), "exec"), scope)
        except Enough:
            return found
    raise AssertionError(f"{name} never runs")

"""Compare the spikes of four frameworks with ours, and with neurons in continuous time.

    python studies/benchmarks/frameworks.py [--samples 50]

The networks are an MLP, a convolutional and a recurrent network with random weights, in float64,
with the neurons of snnTorch, Norse, SpikingJelly and sinabs. Each gets random input spikes for 40
steps. `from_torch` reads it; its counts in Brian2 are compared with those of the framework, once at
the framework's step and once at a tenth and a hundredth of it, where the neurons are close to the
continuous ones. Needs extra `frameworks`. Writes studies/results/frameworks.json and .md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import norse.torch as norse
import numpy as np
import sinabs.activation
import sinabs.layers
import snntorch
import torch
from spikingjelly.activation_based import functional, neuron
from torch import Tensor, nn

import brianbridge as bb
from brianbridge.provenance import collect

RESULTS = Path(__file__).parents[1] / "results"
STEPS, DT = 40, 1e-3
#: Neurons whose membrane loses a tenth in a step, or about that.
NEURONS: dict[str, Callable[[], nn.Module]] = {
    "snntorch Leaky, subtract": lambda: snntorch.Leaky(beta=0.9),
    "snntorch Leaky, zero": lambda: snntorch.Leaky(beta=0.9, reset_mechanism="zero"),
    "snntorch Synaptic": lambda: snntorch.Synaptic(alpha=0.7, beta=0.9),
    "norse LIFBoxCell": norse.LIFBoxCell,
    "norse LIFCell": norse.LIFCell,
    "spikingjelly LIFNode": lambda: neuron.LIFNode(tau=10.0),
    "spikingjelly LIFNode, soft": lambda: neuron.LIFNode(tau=10.0, v_reset=None),
    "sinabs LIF": lambda: sinabs.layers.LIF(tau_mem=10.0),
    "sinabs LIF, single spikes": lambda: sinabs.layers.LIF(
        tau_mem=10.0, tau_syn=5.0, spike_fn=sinabs.activation.SingleSpike
    ),
}
#: What differs from the continuous neuron, by framework.
CAUSES = {
    "snntorch": "Euler decay; at most one spike in a step; what lies above the threshold stays\n"
    "  (`subtract`), and the threshold is subtracted one step later",
    "norse": "Euler decay; at most one spike in a step; a reset drops what lies above the\n"
    "  threshold",
    "spikingjelly": "Euler decay; at most one spike in a step; a hard reset drops what lies above\n"
    "  the threshold",
    "sinabs": "exact decay; several spikes in a step, unless `SingleSpike`; all at once",
}


class Network(nn.Module):
    """Layers and neurons in a loop over time, with a loop through the step before if `back`."""

    def __init__(self, layers: list[nn.Module], back: nn.Module | None = None) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.back = back

    def forward(self, x: Tensor) -> Tensor:
        """Return the spikes of the last neurons, for input ``(steps, batch, ...)``."""
        states: dict[int, Any] = {}
        before, result = torch.zeros(x.shape[1], 30), []
        for now in x:
            for k, layer in enumerate(self.layers):
                if self.back is not None and k == 1:
                    now = now + self.back(before)
                now = _called(layer, now, states, k)
                if k == 1:
                    before = now
            result.append(now)
        return torch.stack(result)


def _called(layer: nn.Module, x: Tensor, states: dict[int, Any], k: int) -> Tensor:
    """Call a layer as its framework does."""
    package = type(layer).__module__.partition(".")[0]
    if package == "snntorch":
        found = layer(x, *states.get(k, ()))
        states[k] = found[1:]
        return found[0].double()
    if package == "norse":
        found, states[k] = layer(x, states.get(k))
        return found
    if package == "sinabs":
        return layer(x.unsqueeze(1)).squeeze(1).double()
    return layer(x)


def networks(make: Callable[[], nn.Module]) -> dict[str, tuple[Network, tuple[int, ...]]]:
    """Return the three networks, and the shape of their input."""
    torch.manual_seed(0)
    images = [
        nn.Conv2d(1, 6, 3), make(), nn.AvgPool2d(2), nn.Conv2d(6, 8, 3), make(), nn.Flatten(),
        nn.Linear(72, 10), make(),
    ]  # fmt: skip
    back = nn.Linear(30, 30, bias=False)
    return {
        "mlp": (Network([nn.Linear(20, 30), make(), nn.Linear(30, 10), make()]), (20,)),
        "conv": (Network(images), (1, 12, 12)),
        "recurrent": (Network([nn.Linear(20, 30), make(), nn.Linear(30, 10), make()], back), (20,)),
    }


def with_activity(net: Network, x: Tensor) -> Tensor:
    """Scale the weights layer by layer, until each fires in a tenth of all steps; run it."""
    for layer in net.modules():
        if hasattr(layer, "p") and hasattr(layer.p, "_replace"):  # Norse holds float32
            tensors = {k: v.double() for k, v in layer.p._asdict().items() if torch.is_tensor(v)}
            layer.p = layer.p._replace(**tensors)
    result = torch.zeros(())
    layers = list(net.layers)
    for k, layer in enumerate(layers):
        if not isinstance(layer, nn.Linear | nn.Conv2d):
            continue
        part = Network(layers[: k + 2], net.back).double()
        for _ in range(30):
            result = _from_rest(part, x)
            if result.mean() > 0.1:
                break
            layer.weight.data *= 1.25
    return result


def _from_rest(net: Network, x: Tensor) -> Tensor:
    """Run a network; snnTorch, SpikingJelly and sinabs keep states from one call to the next."""
    functional.reset_net(net)
    for layer in net.modules():
        for reset in ("reset_mem", "reset_states"):
            getattr(layer, reset, lambda: None)()
    with torch.no_grad():
        return net(x)


def compared(name: str, samples: int) -> list[dict[str, Any]]:
    """Return what each network of some neurons does in its framework and in Brian2."""
    rows = []
    for kind, (net, shape) in networks(NEURONS[name]).items():
        rng = np.random.default_rng(0)
        x = (rng.random((samples, STEPS, *shape)) < 0.3).astype(float)
        theirs = with_activity(net, torch.tensor(x).transpose(0, 1)).sum(0).double().numpy()
        network = bb.from_torch(net, torch.zeros(STEPS, 1, *shape), dt=DT)
        row: dict[str, Any] = {"neurons": name, "network": kind, "spikes": float(theirs.sum())}
        for finer in (1, 10, 100):
            ours = bb.simulate(network, x, dt=DT / finer).output
            row[f"counts at dt/{finer}"] = float((ours == theirs).all(1).mean())
            row[f"spikes at dt/{finer}"] = float(ours.sum())
            same = ours.argmax(1) == theirs.argmax(1)
            row[f"decisions at dt/{finer}"] = float(same.mean())
        rows.append(row)
        print(row, flush=True)
    return rows


def page(rows: list[dict[str, Any]], facts: dict[str, Any], command: str) -> str:
    """Return the report."""
    lines = [
        f"| {r['neurons']} | {r['network']} | {r['spikes']:,.0f} | {r['counts at dt/1']:.0%} | "
        + " | ".join(
            f"{r[f'spikes at dt/{k}'] / r['spikes'] - 1:+.1%}, {r[f'decisions at dt/{k}']:.0%}"
            for k in (10, 100)
        )
        + " |"
        for r in rows
    ]
    versions = ", ".join(f"{name} {number}" for name, number in facts["frameworks"].items())
    causes = "\n".join(f"- **{name}**: {text}." for name, text in CAUSES.items())
    return f"""# Four frameworks, and the continuous neuron

Written by `{command}`, {facts["date"][:10]}.
Random weights, {STEPS} steps of {DT * 1e3:g} ms, random input spikes; float64. *Equal*: samples of
which all output counts in Brian2 are those of the framework's own forward pass. *dt/10, dt/100*:
change of the number of output spikes, and samples with the same decision, when Brian2 takes a finer
step; there the neurons approach the continuous ones.

| neurons | network | spikes | equal | dt/10 | dt/100 |
|---|---|---|---|---|---|
{chr(10).join(lines)}

## Why a finer step changes the spikes
{causes}

The limit of one spike in a step weighs most: a synaptic current lasts, so that a neuron which is
above its threshold in many steps in a row fires more often at a finer step (*Synaptic*, *LIFCell*,
*sinabs, single spikes*). With several spikes in a step (*sinabs LIF*) little changes.

## What exporters to NIR leave out
Found with nir 1.0.8, nirtorch 2.6,
{versions};
`tests/interchange/test_frameworks_by_nir.py` holds the comparisons.

- **snntorch**: the kind of reset and `reset_delay` are not written (snntorch issues 341 and 364),
  nor is dt, which is 1e-4 s always (pull request 435). One `beta` or threshold for a whole layer
  fails in the inference of types (snntorch issues 334 and 410, NIR issue 176): give one for each
  neuron. A sample with a batch axis needs `ignore_dims=[0]`.
- **norse**: time constants are written as `dt/tau_mem_inv`, a thousandth of their value at 1 ms
  (norse issue 411), and neurons have no size (412). `--from norse` undoes the first.
- **spikingjelly**: its exporter refuses a soft reset. What it writes is read with equal counts.
- **sinabs**: `norm_input`, `tau_syn`, `min_v_mem`, the reset and the kind of spikes are not
  written, and time constants are in steps. r is always 1, which is right for `norm_input=True`
  only, while sinabs' own import takes `norm_input=False`. We found no issue about this.

`bb.from_torch` reads all of this from the modules.
"""


def main() -> None:
    """Compare, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=50)
    args = parser.parse_args()
    torch.set_default_dtype(torch.float64)
    rows = [row for name in NEURONS for row in compared(name, args.samples)]
    packages = ("snntorch", "norse", "spikingjelly", "sinabs")
    facts = {**collect(), "frameworks": {name: version(name) for name in packages}}
    command = f"python studies/benchmarks/frameworks.py --samples {args.samples}"
    text = json.dumps({"rows": rows, "provenance": facts}, indent=1, default=str)
    (RESULTS / "frameworks.json").write_text(text + "\n", encoding="utf-8")
    (RESULTS / "frameworks.md").write_text(page(rows, facts, command), encoding="utf-8")


if __name__ == "__main__":
    main()

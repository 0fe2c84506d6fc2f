"""The neurons of NIR, as neuron models whose step is that of a framework.

NIR's equations are those of continuous time::

    IF    dv/dt = r*I
    LIF   tau*dv/dt = v_leak - v + r*I
    CubaLIF   tau_mem*dv/dt = v_leak - v + r*I,   tau_syn*dI/dt = -I + w_in*S

What an input adds in one step depends on the framework that stepped them; see
`brianbridge.interchange.nir.conventions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from brianbridge.interchange.graph import Population
from brianbridge.interchange.layer_shapes import Shape, spread
from brianbridge.interchange.neuron_models import Firing, cuba_lif, lif
from brianbridge.interchange.nir.conventions import Conventions
from brianbridge.interchange.nir.fields import Fields
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.regular import RegularCode
from brianbridge.readable import milliseconds

__all__ = ["NEURONS", "NeuronNode", "parameter_shape"]

#: The parameters of each kind of neuron, and what an absent one is.
_PARAMETERS: dict[str, dict[str, float | None]] = {
    "I": {"r": None},
    "IF": {"r": None, "v_threshold": None, "v_reset": 0.0},
    "LI": {"tau": None, "r": None, "v_leak": None},
    "LIF": {"tau": None, "r": None, "v_leak": None, "v_threshold": None, "v_reset": 0.0},
    "CubaLI": {"tau_mem": None, "tau_syn": None, "r": None, "v_leak": None, "w_in": 1.0},
    "CubaLIF": {
        "tau_mem": None, "tau_syn": None, "r": None, "v_leak": None, "w_in": 1.0,
        "v_threshold": None, "v_reset": 0.0,
    },
    "Threshold": {"threshold": None},
}  # fmt: skip
NEURONS = tuple(_PARAMETERS)

Values = float | np.ndarray


def parameter_shape(fields: Fields) -> Shape:
    """Return the shape of the parameters of a neuron: that of the population, or of one value."""
    shapes = [np.shape(fields.raw.get(key, 0.0)) for key in _PARAMETERS[fields.kind]]
    return max(shapes, key=lambda shape: int(np.prod(shape)))


@dataclass(frozen=True)
class NeuronNode:
    """Make the population of one node of neurons.

    Parameters
    ----------
    fields : Fields
        The node.
    shape : tuple of int
        Shape of the population.
    conventions : Conventions
        How it was stepped.
    threshold : Fields, optional
        A node ``Threshold`` that follows a node without threshold.
    recurrent : bool
        Whether a way without other neurons leads from the node back to itself.
    """

    fields: Fields
    shape: Shape
    conventions: Conventions
    threshold: Fields | None = None
    recurrent: bool = False

    def population(self) -> tuple[Population, str, str]:
        """Return the population, what is approximate about it, and what was assumed."""
        kind = self.fields.kind
        if kind == "Threshold":
            return self._without_memory()
        given = _PARAMETERS[kind]
        firing = self._firing()
        rest, first = self._first(given)
        options: dict[str, Any] = {
            "step": self.conventions.rules.step,
            "firing": firing,
            "first": first,
        }
        options |= {"v_leak": rest, "name": self._name, "summary": self._summary}
        if kind.startswith("Cuba"):
            model, jump, gain = self._cuba(options)
        else:
            model, jump, gain = self._simple(options)
        approximate, note = self._remarks(jump)
        population = Population(model, self.shape, firing is not None, jump, gain)
        return population, approximate, note

    def parameters(self) -> dict[str, Any]:
        """Return the numbers of the node, for JSON: one for all neurons, or one for each."""
        keys = _PARAMETERS[self.fields.kind]
        values = {key: np.asarray(self._value(key)).tolist() for key in keys}
        return {"type": self.fields.kind, **values, "recurrent": self.recurrent}

    # ------------------------------------------------------------------ parameters

    def _value(self, key: str, fields: Fields | None = None) -> Values:
        """Return a parameter: a number, or one for each neuron, flat."""
        fields = fields or self.fields
        otherwise = _PARAMETERS[fields.kind][key]
        if fields.raw.get(key) is None and otherwise is not None:
            return otherwise
        given = fields.numbers(key, infinite=key in ("tau", "r"))
        flat = (given if given.size == 1 else spread(given, self.shape, fields.what)).ravel()
        return float(flat[0]) if (flat == flat[0]).all() else flat

    def seconds(self, key: str) -> Values:
        """Return a time constant in seconds, as the exporter means it."""
        tau, dt = self._value(key), self.conventions.dt
        if np.any(np.asarray(tau) <= 0):
            raise self.fields.refuse(f"its '{key}' is not above 0", "correct the node")
        if self.conventions.framework == "sinabs":  # in steps
            tau = tau * dt
        elif self.conventions.framework == "norse" and np.all(np.asarray(tau) < dt):
            tau = tau / dt  # its exporter divides the step by 1/tau
        if self.conventions.rules.step == "euler" and np.any(dt > np.asarray(tau) * (1 + 1e-6)):
            raise self.fields.refuse(
                f"its {key} of {float(np.min(tau)) * 1e3:.4g} ms is shorter than the step of "
                f"{milliseconds(dt)}",
                "state the step of training (dt=, --dt)",
            )
        return tau

    @property
    def _name(self) -> str:
        kind = self.fields.kind.lower()
        return (
            kind
            if self.conventions.framework == "exact"
            else (f"{self.conventions.framework}_{kind}")
        )

    @property
    def _summary(self) -> str:
        return f"{self.fields.kind} of NIR, stepped as in {self.conventions.framework}"

    # ------------------------------------------------------------------ parts of the model

    def _firing(self) -> Firing | None:
        rules = self.conventions.rules
        if self.threshold is not None:
            threshold = self._value("threshold", self.threshold)
            return Firing(threshold, rules.strict, "none")
        if "v_threshold" not in _PARAMETERS[self.fields.kind]:
            return None
        threshold, v_reset = self._value("v_threshold"), self._value("v_reset")
        below = np.any(np.asarray(v_reset) >= np.asarray(threshold))
        if below:
            raise self.fields.refuse("its v_reset is not below v_threshold", "correct the node")
        subtract = threshold - v_reset if np.any(v_reset) else None
        reset = self.conventions.reset
        most = rules.most if reset == "subtract" else 1
        if reset == "zero_later" and self.fields.kind == "LIF" and not self.recurrent:
            reset = "to_value"  # Leaky has no late reset to zero, unlike RLeaky and Synaptic
        return Firing(threshold, rules.strict, reset, v_reset, subtract, most)

    def _first(self, given: dict[str, float | None]) -> tuple[Values, Values]:
        """Return the potential at rest, and the one with which the framework starts."""
        rest = self._value("v_leak") if "v_leak" in given else 0.0
        match self.conventions.framework:
            case "norse" | "exact":
                return rest, rest
            case "spikingjelly" if "v_reset" in given:
                return rest, self._value("v_reset")
        return rest, 0.0

    def _simple(self, options: dict[str, Any]) -> tuple[NeuronModel, Values, Values]:
        """Return the model of IF, LIF, I and LI, and what spikes and constant inputs add."""
        c, r, dt = self.conventions, self._value("r"), self.conventions.dt
        if "tau" not in _PARAMETERS[self.fields.kind]:
            added = r if c.framework in ("norse", "sinabs") else r * dt
            return lif(np.inf, **options), _shared(added * (c.area / dt)), _shared(added)
        tau = self.seconds("tau")
        gain: Any
        lost = np.isinf(tau) & np.isinf(r)  # beta = 1: r/tau is 1/dt
        if c.rules.step == "euler" or (c.framework == "rockpool" and options["firing"] is None):
            with np.errstate(invalid="ignore"):
                gain = np.where(lost, 1.0, r * dt / tau)
            jump = gain * (c.area / dt)
        elif c.framework == "sinabs" and self.fields.kind == "LI":  # ExpLeak: norm_input=False
            gain = r * np.ones_like(tau)
            jump = gain * (c.area / dt)
        else:
            gain = -r * np.expm1(-dt / np.asarray(tau))
            jump = gain * (c.area / dt) if c.rules.step == "exponential" else r * c.area / tau
        if not np.isfinite(jump).all() or not np.isfinite(gain).all():
            raise self.fields.refuse("its r or tau is infinite", "give finite numbers")
        return lif(tau, **options), _shared(jump), _shared(gain)

    def _cuba(self, options: dict[str, Any]) -> tuple[NeuronModel, Values, Values]:
        """Return the model of CubaLIF and CubaLI, and what spikes and constant inputs add."""
        c, dt = self.conventions, self.conventions.dt
        tau, tau_syn = self.seconds("tau_mem"), self.seconds("tau_syn")
        r, w_in = self._value("r"), self._value("w_in")
        if c.framework == "lava" and np.all(w_in == tau_syn) and np.all(r == 1):
            raise self.fields.refuse(
                "its r is 1 and its w_in is tau_syn: lava-dl's exporter writes 1/decay in place of "
                "time constants",
                "write them in seconds, r as tau_mem/dt and w_in as tau_syn/dt",
            )
        decayed = c.rules.step == "exponential"
        if c.framework == "rockpool":  # the current reaches the membrane without a factor
            r = _shared(-1 / np.expm1(-dt / np.asarray(tau)))
        if c.framework in ("norse", "sinabs", "rockpool"):
            gain = w_in
        elif c.rules.step == "euler":
            gain = w_in * dt / tau_syn
        else:
            gain = -w_in * np.expm1(-dt / np.asarray(tau_syn))
        jump = w_in * c.area / tau_syn if c.rules.step == "exact" else gain * (c.area / dt)
        model = cuba_lif(tau, tau_syn, r, decayed=decayed, **options)
        return model, _shared(jump), _shared(gain)

    def _without_memory(self) -> tuple[Population, str, str]:
        """Return a threshold on the input of one step."""
        sign = ">" if self.conventions.rules.strict else ">="
        model = NeuronModel(
            "dv/dt = drive : 1\ndrive : Hz",
            emit=f"int(v {sign} theta)",
            drive="drive",
            parameters={"theta": self._value("threshold")},
            regular=(RegularCode("v = 0"),),
            name=self._name,
            summary=self._summary,
        )
        note = "it has no memory: it sees the input of one step, so results depend on the step"
        return Population(model, self.shape), note, ""

    # ------------------------------------------------------------------ remarks

    def _remarks(self, jump: Values) -> tuple[str, str]:
        """Return the approximations and assumptions."""
        c, kind = self.conventions, self.fields.kind
        normalised = {
            "LIF": "; tau in steps, norm_input=True",
            "LI": "; tau in steps, norm_input=False",
        }
        notes = {
            "sinabs": "its exporter drops min_v_mem" + normalised.get(kind, ""),
            "rockpool": "its exporter drops the neurons' own bias, recurrence and noise",
            "lava": "floating point; Loihi rounds weights and states",
        }
        note = notes.get(c.framework, "")
        if c.framework == "norse" and kind in ("LIF", "LI", "CubaLIF", "CubaLI"):
            key = "tau_mem" if kind.startswith("Cuba") else "tau"
            if np.all(np.asarray(self._value(key)) < c.dt):
                note = "its exporter multiplies time constants by the step; they are divided by it"
        if c.framework == "snntorch" and kind in ("LIF", "CubaLIF", "LI", "CubaLI"):
            note = self._step_of_snntorch(jump)
        approximate = note if c.framework == "lava" else ""
        return approximate, note

    def _step_of_snntorch(self, jump: Values) -> str:
        """Refuse a default step that contradicts the file: snnTorch's inputs add 1."""
        added = float(np.max(jump)) * self.conventions.dt / self.conventions.area
        if abs(added - 1) < 1e-3:
            return ""
        key = "tau_syn" if self.fields.kind.startswith("Cuba") else "tau"
        over = "w_in" if self.fields.kind.startswith("Cuba") else "r"
        meant = float(np.max(np.asarray(self._value(key)) / np.asarray(self._value(over))))
        said = f"an input of 1 adds {added:.4g} in a step of {milliseconds(self.conventions.dt)}"
        if "dt" in self.conventions.defaults:
            raise self.fields.refuse(
                f"{said}, but 1 in snnTorch",
                f"state the step with which it was exported, which by its {over} is dt = "
                f"{meant * 1e3:.6g} ms (dt=, --dt)",
            )
        return said


def _shared(values: Values) -> Values:
    """Return one number if all are equal; 1 if they are 1 but for rounding."""
    flat = np.ravel(values)
    flat = np.where(np.isclose(flat, 1, rtol=1e-14, atol=0), 1.0, flat)
    return float(flat[0]) if (flat == flat[0]).all() else flat

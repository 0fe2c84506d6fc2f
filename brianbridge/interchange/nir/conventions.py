"""What a NIR file does not say: the step, the reset, and what a spike is.

NIR describes neurons in continuous time. A network was trained in steps, by the rules of one
framework, which its file does not record. They are stated here, once for each framework, with their
source.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from brianbridge.errors import InputError, did_you_mean
from brianbridge.interchange.neuron_models import RESETS
from brianbridge.neurons.quantities import seconds
from brianbridge.readable import milliseconds

__all__ = ["FRAMEWORKS", "SPIKES", "Conventions", "Framework", "conventions_for"]

#: What a spike is, as an input of a continuous equation.
SPIKES = {
    "step": "a pulse of height 1 for one step, as the frameworks export it",
    "dirac": "a pulse of area 1 s, as NIR's text has it",
}
#: Several spikes in one step count as one of this value at most.
_MOST_SPIKES = 10_000


@dataclass(frozen=True)
class Framework:
    """Say how a framework steps its neurons, and what its exporter assumes.

    Parameters
    ----------
    step : {"euler", "exponential", "exact"}
        How a step integrates; see `brianbridge.interchange.neuron_models.STEPS`.
    resets : tuple of str
        The resets that it has, its default first.
    strict : bool
        Whether the membrane must exceed the threshold to fire.
    dt : float, optional
        The step that its exporter assumes, in seconds.
    most : int
        Largest number of spikes of a neuron in one step.
    source : str
        Where this comes from.
    """

    step: str
    resets: tuple[str, ...]
    strict: bool
    dt: float | None
    most: int
    source: str


FRAMEWORKS = {
    "snntorch": Framework(
        "euler", ("subtract_later", "zero_later", "subtract_waiting", "to_value", "subtract"),
        True, 1e-4, 1, "snntorch 1.0.0: export_nir.py, _neurons/leaky.py",
    ),
    "norse": Framework(
        "euler", ("to_value", "subtract"), True, 1e-3, 1,
        "norse 1.1.0: utils/export_nir.py, functional/lif.py, lif_box.py, iaf.py",
    ),
    "spikingjelly": Framework(
        "euler", ("to_value", "subtract"), False, 1e-4, 1,
        "spikingjelly 2.0.0: nir_exchange/to_nir.py, neuron/lif.py",
    ),
    "sinabs": Framework(
        "exponential", ("subtract", "to_value"), False, None, _MOST_SPIKES,
        "sinabs 3.1.3: nir.py, layers/functional/lif.py; time constants in steps",
    ),
    "rockpool": Framework(
        "exponential", ("subtract",), False, None, _MOST_SPIKES,
        "rockpool: nn/modules/torch/nir.py, lif_torch.py",
    ),
    "lava": Framework(
        "euler", ("to_value",), True, 1e-4, 1, "lava: proc/lif/models.py, in floating point",
    ),
    "exact": Framework(
        "exact", ("to_value", "subtract"), True, None, 1, "the equations of neuroir.org",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Conventions:
    """The choices made to read a network of continuous neurons in steps.

    Parameters
    ----------
    framework : str
        One of `FRAMEWORKS`.
    dt : float
        The step, in seconds.
    reset : str
        One of `brianbridge.interchange.neuron_models.RESETS`.
    spikes : {"step", "dirac"}
        See `SPIKES`.
    defaults : tuple of str
        Which of them nobody stated.
    """

    framework: str
    dt: float
    reset: str
    spikes: str = "step"
    defaults: tuple[str, ...] = ()

    @property
    def rules(self) -> Framework:
        """How the framework steps its neurons."""
        return FRAMEWORKS[self.framework]

    @property
    def area(self) -> float:
        """The area of a spike, in seconds."""
        return self.dt if self.spikes == "step" else 1.0

    def __str__(self) -> str:
        values = {"dt": milliseconds(self.dt), "reset": self.reset, "spikes": self.spikes}
        said = ", ".join(
            f"{name} {value}{' (its default)' if name in self.defaults else ''}"
            for name, value in values.items()
        )
        return f"as {self.framework} steps: {self.rules.step}, {said}"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields and the source of the rules, for JSON."""
        entry = asdict(self)
        return {**entry, "defaults": list(self.defaults), "source": self.rules.source}


def conventions_for(
    framework: str | None, *, dt: Any = None, reset: str | None = None, spikes: str | None = None
) -> Conventions:
    """Return the conventions of a framework, with its documented defaults where nothing is stated.

    Parameters
    ----------
    framework : str
        One of `FRAMEWORKS`: where the network was trained, or ``"exact"``.
    dt : Quantity, str or float, optional
        The step (seconds if a number); the framework's if it has one.
    reset : str, optional
        One of the framework's resets; its default if not given.
    spikes : {"step", "dirac"}, optional
        See `SPIKES`; ``"step"`` if not given.

    Raises
    ------
    InputError
        If there is no such framework, or it needs a step, or does not have this reset.

    Examples
    --------
    >>> print(conventions_for("norse", dt="0.1 ms"))
    as norse steps: euler, dt 0.1 ms, reset to_value (its default), spikes step (its default)
    """
    if framework is None:
        raise InputError(
            "a NIR file does not say how its network was stepped; state the framework "
            f"(framework=, --from): {', '.join(FRAMEWORKS)}"
        )
    if framework not in FRAMEWORKS:
        hint = did_you_mean(str(framework), FRAMEWORKS)
        raise InputError(f"there is no framework '{framework}'. {hint}")
    rules = FRAMEWORKS[framework]
    given = {"dt": dt, "reset": reset, "spikes": spikes}
    if dt is None and rules.dt is None:
        raise InputError(
            f"networks of '{framework}' have no step of their own; state the one of training "
            "(dt='1 ms', --dt '1 ms')"
        )
    step = rules.dt if dt is None else seconds(dt, "dt of the network")
    assert step is not None
    if reset is not None and reset not in rules.resets:
        meaning = "; ".join(f"{name}: {RESETS[name]}" for name in rules.resets)
        raise InputError(f"reset = {reset!r}, but {framework} has only: {meaning}")
    if spikes is not None and spikes not in SPIKES:
        meaning = "; ".join(f"{name}: {text}" for name, text in SPIKES.items())
        raise InputError(f"spikes = {spikes!r}; give one of: {meaning}")
    return Conventions(
        framework,
        step,
        reset or rules.resets[0],
        spikes or "step",
        tuple(name for name, value in given.items() if value is None),
    )

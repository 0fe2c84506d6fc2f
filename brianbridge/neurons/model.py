"""The neuron model, the one description of a neuron: equations, emit, reset and parameters.

Two things come from it: a Brian2 `NeuronGroup` (`NeuronModel.group`), and the torch twin, which
renders that group. `emit` is the spike value as a function of the state. It gives every family of
neurons the same form:

=====================  ==========================================
integrate-and-fire     ``int(v >= theta)``
ternary                ``int(v >= theta) - int(v <= -theta)``
multi-threshold        ``clip(floor(v/theta + 1e-9), 0, s_max)``
single spike           ``int(v > theta and not fired)``
=====================  ==========================================
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import InitVar, dataclass, replace
from functools import cached_property
from typing import Any

from brianbridge.errors import InputError, did_you_mean
from brianbridge.neurons.build import build_group
from brianbridge.neurons.checks import check_model
from brianbridge.neurons.description import SPIKE_VALUE, NeuronDescription
from brianbridge.neurons.events import custom_events
from brianbridge.neurons.expressions import one_line
from brianbridge.neurons.from_group import fields_of_group
from brianbridge.neurons.initial_values import parse_initial, parse_refractory
from brianbridge.neurons.names import check_model_names
from brianbridge.neurons.quantities import from_json, parse_quantity
from brianbridge.neurons.regular import regular_codes
from brianbridge.neurons.scale import NaturalScale, natural_scale
from brianbridge.neurons.shared import without_shared
from brianbridge.neurons.timed import timed_values

__all__ = ["SPIKE_VALUE", "NeuronModel"]

#: Brian2's names for methods that the exact propagator replaces.
_EXACT = ("exact", "linear", "independent", "propagator")


@dataclass(frozen=True, eq=False, repr=False)
class NeuronModel(NeuronDescription):
    r"""Describe a point neuron by its equations.

    Parameters
    ----------
    equations : str
        Brian2 equations with units, one to a line.
    emit : str
        The spike value as a function of state; 0 means no spike.
    reset : str
        Statements that change the state of a neuron that fired; may use ``emit``.
    receive : str, optional
        The variable that a synaptic weight adds to; empty for none. If not given, ``v``, or else
        the membrane potential.
    drive : str
        The variable that a constant input current sets; empty for none.
    parameters : mapping of str to Quantity, float, str or array
        Constants in the equations. An array gives one value for each neuron.
    initial : mapping of str to Quantity, float or str
        State at the start of a presentation, by variable; 0 if not given.
    refractory : str or Quantity, optional
        Refractory period, or an expression, as in Brian2.
    method : str
        ``"exact"`` for the exact propagator, or any of Brian2's methods.
    name, summary : str
        The name of the model, and one line about it.
    potential : str
        The variable that is the membrane potential. If not given, it is found from equations and
        emit (`brianbridge.neurons.potential.derived_potential`); it stays empty if that leaves
        several, and what needs it then asks for it.
    timed_arrays : mapping of str to TimedArray
        Functions of time that the equations call, as ``stimulus(t)`` or ``stimulus(t, column)``.
    regular : sequence of RegularCode
        Statements that all neurons run at the start of a step, as by `run_regularly`.
    events : sequence of CustomEvent
        Custom events, as by `run_on_event`.
    threshold : str, optional
        A condition, as in Brian2: ``threshold="v > 1"`` means ``emit="int(v > 1)"``.

    Raises
    ------
    InputError
        If an expression does not parse, uses an unknown name or has the wrong unit; or if `method`
        is ``"exact"`` and the equations are not linear.

    Examples
    --------
    >>> from brian2 import ms
    >>> lif = NeuronModel(
    ...     "dv/dt = -v/tau + drive : 1\ndrive : Hz", threshold="v >= theta", reset="v -= theta",
    ...     drive="drive", parameters={"tau": 10*ms, "theta": 1.0},
    ... )
    >>> lif.emit
    'int(v >= theta)'
    >>> lif.group(5).N
    5
    >>> lif
    NeuronModel
      dv/dt = -v/tau + drive : 1
      drive : Hz
      emit: int(v >= theta)
      reset: v -= theta
      parameters: tau = 10 ms, theta = 1
      method: exact
    """

    threshold: InitVar[str | None] = None

    def __post_init__(self, threshold: str | None) -> None:
        set_ = object.__setattr__
        if threshold:
            if self.emit:
                raise InputError(f"{self.label}: give emit or threshold, not both")
            set_(self, "emit", f"int({one_line(threshold)})")
        what, method = self.label, self.method.lower()
        set_(self, "method", "exact" if method in _EXACT else method)
        set_(self, "emit", one_line(self.emit))
        set_(self, "equations", "\n".join(s.strip() for s in self.equations.strip().splitlines()))
        parameters = {k: parse_quantity(v, f"{what}, {k}") for k, v in self.parameters.items()}
        set_(self, "parameters", parameters)
        set_(self, "refractory", parse_refractory(self.refractory, what))
        timed = {k: timed_values(v, f"{what}, {k}") for k, v in self.timed_arrays.items()}
        set_(self, "timed_arrays", timed)
        set_(self, "regular", regular_codes(self.regular))
        set_(self, "events", custom_events(self.events))
        check_model_names(self, what)
        set_(self, "equations", without_shared(self, what))
        set_(self, "potential", self.potential or self.derived_potential)
        if self.receive is None:
            set_(self, "receive", "v" if "v" in self.settable_variables else self.potential)
        # Keep the expressions: they are evaluated again when a parameter changes.
        set_(self, "_initial_as_given", dict(self.initial))
        initial = {
            k: parse_initial(v, parameters, f"{what}, initial value of '{k}'")
            for k, v in self.initial.items()
        }
        set_(self, "initial", initial)
        check_model(self, what)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NeuronModel) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self.equations, self.emit, self.reset, self.method))

    @cached_property
    def scale(self) -> NaturalScale:
        """The natural scale: the potential at rest, and the units of the potential and weights."""
        return natural_scale(self)

    @property
    def initial_as_given(self) -> Mapping[str, Any]:
        """The initial values as they were given: expressions are text."""
        return self._initial_as_given  # type: ignore[attr-defined]

    # ------------------------------------------------------------------ Brian2

    def group(self, n: int, *, fires: bool = True, samples: int = 1, **keywords: Any) -> Any:
        """Build an ordinary Brian2 `NeuronGroup` of `n` neurons in their initial state.

        Parameters
        ----------
        n : int
            Number of neurons. If parameters are arrays, a multiple of their length.
        fires : bool
            Whether the neurons have a threshold and a reset. Without them the membrane potential
            is free.
        samples : int
            How many times the population is repeated among the `n` neurons, once for each sample.
            The index ``i`` and the number ``N`` of the equations are those of one sample.
        **keywords
            Further arguments of `NeuronGroup` (``name``, ``order``, ``dt``, ``clock``, ...).

        Returns
        -------
        brian2.NeuronGroup
            If a spike can have a value other than 1, the group has the state variable
            ``spike_value`` and resets right after its threshold, so that synapses see the new
            value.

        Raises
        ------
        InputError
            If `n` is not a multiple of the length of an array.

        Examples
        --------
        >>> from brianbridge.neurons.library import neuron_model
        >>> group = neuron_model("lif").group(3, name="cortex")
        >>> group.events["spike"], group.event_codes["spike"]
        ('v >= theta', 'v -= theta*1')
        """
        return build_group(self, n, fires=fires, samples=samples, **keywords)

    @classmethod
    def from_group(
        cls,
        group: Any,
        *,
        receive: str | None = None,
        drive: str = "",
        potential: str = "",
        namespace: Mapping[str, Any] | None = None,
        followed: Collection[str] = (),
        level: int = 0,
    ) -> NeuronModel:
        """Read the model of a `NeuronGroup` that already exists.

        The model gets the group's equations, threshold, reset, refractory period and constants.
        Constants come from the group's own namespace, else from `namespace`, else from the
        variables around this call, as when Brian2 runs. Parameters that the equations declare with
        the ``(constant)`` flag keep their present values, one for each neuron if they differ;
        present values of state variables become initial values. From a group that
        `NeuronModel.group` built, this reads the same model, whatever values its spikes have.

        Parameters
        ----------
        group : brian2.NeuronGroup
            The group. It is not changed.
        receive : str, optional
            The variable that synaptic weights add to; by default ``v``, or else the membrane
            potential.
        drive : str
            The parameter of the equations that a constant input sets.
        potential : str
            The variable that is the membrane potential, if equations and threshold leave several.
        namespace : mapping, optional
            Where to look up constants that the group's own namespace lacks.
        followed : collection of str
            Linked variables that follow a change in another group, which the network sets in each
            step. All others need a constant source.
        level : int
            How many calls further up to look for variables, as in Brian2.

        Raises
        ------
        InputError
            If a name cannot be found or stands for a function that is not registered, or the group
            does something that a model cannot hold.

        Examples
        --------
        >>> from brian2 import NeuronGroup, ms
        >>> tau = 5*ms
        >>> group = NeuronGroup(3, "dv/dt = -v/tau : 1", threshold="v > 1", reset="v = 0")
        >>> model = NeuronModel.from_group(group)
        >>> model.emit, model.parameters["tau"]
        ('int(v > 1)', 5. * msecond)
        """
        from brian2.core.namespace import get_local_namespace

        if namespace is None:
            namespace = get_local_namespace(level + 1)
        problem: InputError | None = None
        for fields in fields_of_group(group, namespace=namespace, followed=followed):
            try:
                return cls(**fields, receive=receive, drive=drive, potential=potential)
            except InputError as error:
                problem = error  # the next method may work
        raise problem or InputError(f"group '{group.name}' names no state update method")

    # ------------------------------------------------------------------ parameters and files

    def with_parameters(self, **values: Any) -> NeuronModel:
        """Return the model with some parameters changed.

        Raises
        ------
        InputError
            If there is no such parameter. The message suggests the nearest name.

        Examples
        --------
        >>> from brian2 import ms
        >>> from brianbridge.neurons.library import neuron_model
        >>> neuron_model("lif").with_parameters(tau=20*ms).parameters["tau"]
        20. * msecond
        """
        for key in values:
            if key not in self.parameters:
                raise InputError(
                    f"{self.label} has no parameter '{key}'. " + did_you_mean(key, self.parameters)
                )
        return replace(
            self,
            parameters={**self.parameters, **values},
            initial=self.initial_as_given,
        )

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> NeuronModel:
        """Return the model that `to_dict` described, checked again."""
        fields = dict(entry)
        known = cls.__dataclass_fields__
        for key in (*fields, "equations"):
            if key not in known or key not in fields:
                problem = "unknown" if key in fields else "missing"
                raise InputError(
                    f"description of a neuron model: {problem} key '{key}'. "
                    + did_you_mean(key, known)
                )
        for key in ("parameters", "initial"):
            fields[key] = {k: from_json(v) for k, v in fields.get(key, {}).items()}
        if isinstance(fields.get("refractory"), Mapping):
            fields["refractory"] = from_json(fields["refractory"])
        return cls(**fields)

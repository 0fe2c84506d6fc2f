"""Custom events of neurons: a condition, and statements for the neurons that meet it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from brianbridge.errors import InputError
from brianbridge.neurons.expressions import names_in, one_line, parse_expression

__all__ = ["CustomEvent", "check_event", "custom_events", "events_of_group"]


@dataclass(frozen=True)
class CustomEvent:
    """Hold an event other than a spike, and what it does to its neurons.

    As in Brian2, the condition is checked after all thresholds, and the statements run after all
    resets.

    Parameters
    ----------
    name : str
        Name of the event.
    condition : str
        The condition, as of a threshold.
    code : str
        Statements for the neurons that meet it.

    Examples
    --------
    >>> CustomEvent("up", "v > 0.5", "k += 1").name
    'up'
    """

    name: str
    condition: str
    code: str

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, for JSON."""
        return asdict(self)


def custom_events(given: Sequence[Any]) -> tuple[CustomEvent, ...]:
    """Return events in the order of their names, given as such or as results of `to_dict`."""
    events = [CustomEvent(**one) if isinstance(one, Mapping) else one for one in given]
    return tuple(sorted(events, key=lambda one: one.name))


def check_event(event: CustomEvent, is_binary: bool, what: str) -> None:
    """Refuse an event whose place in a step is not clear.

    Parameters
    ----------
    event : CustomEvent
        The event.
    is_binary : bool
        Whether all spikes of its neurons have the value 1.
    what : str
        The name of the model in error messages.
    """
    if not event.name.isidentifier() or event.name == "spike":
        raise InputError(f"{what}: '{event.name}' cannot name a custom event; choose another name")
    parse_expression(event.condition, f"{what}, event '{event.name}'")
    if found := names_in(event.condition) & {"not_refractory", "lastspike"}:
        raise InputError(
            f"{what}: the condition of event '{event.name}' depends on '{min(found)}', which "
            "spikes of the same step change; let it depend on variables of the equations"
        )
    if not is_binary:
        raise InputError(
            f"{what} has the event '{event.name}' and spikes of several values, whose resets run "
            "before the event; let emit be int(...) of a condition"
        )


def events_of_group(group: Any, what: str) -> list[CustomEvent]:
    """Return the custom events of a group that change its state.

    Parameters
    ----------
    group : brian2.NeuronGroup
        The group.
    what : str
        Its name in error messages.

    Raises
    ------
    InputError
        If they are not in Brian2's default slots.
    """
    found = []
    for name in sorted(set(group.events) - {"spike"}):
        if name not in group.resetter:
            continue  # an event that only monitors see
        for part, slot in (
            (group.thresholder[name], "after_thresholds"),
            (group.resetter[name], "after_resets"),
        ):
            if (part.when, part.order) != (slot, group.order):
                raise InputError(
                    f"{what}: '{part.name}' of the custom event '{name}' runs in '{part.when}', "
                    f"order {part.order}; only Brian2's default can be read, '{slot}' in order "
                    f"{group.order}"
                )
        condition = one_line(group.events[name])
        found.append(CustomEvent(name, condition, group.event_codes[name]))
    return found

"""Arguments of a fit that all kinds of fit have, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from brianbridge.errors import InputError

__all__ = ["check_arguments", "check_single"]

#: Far more starts than are of use, and fewer than fill the memory by themselves.
_MOST_STARTS = 2**20


def check_arguments(options: Mapping[str, Any], *, circuit: bool) -> None:
    """Refuse numbers, switches, names and functions that are none.

    Parameters
    ----------
    options : mapping of str to Any
        The arguments of `brianbridge.fit`.
    circuit : bool
        Whether a circuit is fitted, whose clock tells the step.

    Raises
    ------
    InputError
        If one of them is no such thing.

    Examples
    --------
    >>> check_arguments({"starts": 0}, circuit=True)
    Traceback (most recent call last):
    ...
    brianbridge.errors.InputError: starts = 0; give a whole number from 1 to 1048576
    """
    if options.get("dt") is None and not circuit:
        raise InputError("dt is missing; give the length of a step, as in dt=0.1*ms")
    starts, iterations = options["starts"], options.get("iterations", 1)
    if not (_is_whole(starts) and 1 <= starts <= _MOST_STARTS):
        raise InputError(f"starts = {starts!r:.80}; give a whole number from 1 to {_MOST_STARTS}")
    if not (_is_whole(iterations) and iterations >= 1):
        raise InputError(f"iterations = {iterations!r:.80}; give a whole number of 1 or more")
    progress = options.get("progress")
    if progress is not None and not callable(progress):
        raise InputError(f"progress = {progress!r:.80} is no function; leave it out, or give one")
    if not isinstance(options.get("mask_nan", False), bool):
        raise InputError(f"mask_nan = {options['mask_nan']!r:.80}; give True or False")
    if not isinstance(options.get("drive", ""), str):
        raise InputError(
            f"drive = {options['drive']!r:.80}; give the name of the variable that the input sets, "
            "as in drive='I'"
        )


def check_single(group: Any) -> None:
    """Refuse a group of several neurons, of which a fit would need one.

    Parameters
    ----------
    group : NeuronGroup
        What was given.

    Raises
    ------
    InputError
        If it has more than one neuron.
    """
    if len(group) != 1:
        raise InputError(
            f"group '{group.name}' has {len(group)} neurons; give a group with one, which gets a "
            "copy for each sweep, or a Network to fit a circuit"
        )


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)

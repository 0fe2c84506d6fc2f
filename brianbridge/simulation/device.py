"""Check that Brian2's runtime device is active, before anything is built.

Everything that is built while a standalone device is active becomes part of the user's program, and
simulating another network would destroy this program.
"""

from __future__ import annotations

from brian2 import get_device
from brian2.devices.device import RuntimeDevice, all_devices

from brianbridge.errors import InputError

__all__ = ["check_runtime_device", "is_runtime_device"]


def is_runtime_device() -> bool:
    """Return whether Brian2's runtime device is active, not a standalone device."""
    return isinstance(get_device(), RuntimeDevice)


def check_runtime_device(what: str, instead: str = "") -> None:
    """Require that Brian2's runtime device is active.

    Parameters
    ----------
    what : str
        Name of the function that needs it.
    instead : str
        End of the message: an alternative for standalone programs.

    Raises
    ------
    InputError
        If a standalone device is active.

    Examples
    --------
    >>> check_runtime_device("simulate")
    """
    if is_runtime_device():
        return
    active = next((name for name, known in all_devices.items() if known is get_device()), "another")
    raise InputError(
        f"{what} runs in Python, but the active device is '{active}', which builds a program; "
        f"build your program first, then call brian2.devices.reset_device(){instead}"
    )

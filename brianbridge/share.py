"""Find the models, studies, trained networks and data descriptions that ship with brianbridge."""

from __future__ import annotations

from pathlib import Path

from brianbridge.errors import InputError, did_you_mean

__all__ = ["kept_networks", "share_folder"]

_KINDS = ("models", "studies", "data")
_PACKAGE = Path(__file__).resolve().parent


def share_folder(kind: str) -> Path:
    """Find a folder of files that ship with brianbridge.

    Parameters
    ----------
    kind : {"models", "studies", "data"}
        Name of the folder.

    Returns
    -------
    Path
        ``brianbridge/_share/<kind>`` of an installed wheel, else ``<kind>`` of the source tree.

    Raises
    ------
    InputError
        If there is no such kind, or the installation lacks the folder.

    Examples
    --------
    >>> (share_folder("data") / "registry.toml").is_file()
    True
    """
    if kind not in _KINDS:
        raise InputError(f"there is no share folder {kind!r}. {did_you_mean(kind, _KINDS)}")
    installed = _PACKAGE / "_share" / kind
    if installed.is_dir():
        return installed
    root = _PACKAGE.parent
    # Without this check, site-packages/data of another package might be used.
    if (root / "pyproject.toml").is_file() and (root / kind).is_dir():
        return root / kind
    raise InputError(
        f"brianbridge's folder {kind!r} is neither at {installed} nor in a source tree at {root}: "
        "the installation is incomplete, install brianbridge again"
    )


def kept_networks() -> dict[str, Path]:
    """Return the files of the trained networks that are here, by name.

    The source tree has them all, an installed wheel the smallest ones.

    Examples
    --------
    >>> kept_networks()["digits_spike_count"].name
    'digits_spike_count.h5'
    """
    return {path.stem: path for path in (share_folder("studies") / "trained").glob("*.h5")}

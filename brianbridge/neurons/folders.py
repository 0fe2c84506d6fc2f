"""Find the neuron model files of this package and of other installed packages.

A package offers its models by an entry point in the group ``brianbridge.neurons`` that names a
module: all TOML files in the module's folder are models, named after their files. In its
``pyproject.toml``::

    [project.entry-points."brianbridge.neurons"]
    my_models = "my_package.neurons"
"""

from __future__ import annotations

import warnings
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from brianbridge.schema.toml_files import files_by_name
from brianbridge.share import share_folder

__all__ = ["GROUP", "model_files"]

#: The group of entry points by which other packages offer models.
GROUP = "brianbridge.neurons"


@cache
def model_files() -> dict[str, Path]:
    """Return the file of every installed neuron model, by name.

    A broken package, or a name that is taken, gives a warning and does not hide other models.

    Examples
    --------
    >>> model_files()["lif"].name
    'lif.toml'
    """
    files = files_by_name(share_folder("models") / "neurons")
    for point in entry_points(group=GROUP):
        try:
            found = files_by_name(_folder_of(point))
        except Exception as error:
            _warn(point, str(error))
            continue
        for name, path in found.items():
            if name in files:
                _warn(point, f"its model '{name}' has the name of {files[name]}; rename it")
            else:
                files[name] = path
    return files


def _folder_of(point: EntryPoint) -> Path:
    """Return the folder of the module that an entry point names, without running the module."""
    spec = find_spec(point.module)
    if spec is None:
        raise ModuleNotFoundError(f"there is no module '{point.module}'")
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    if spec.origin is None:
        raise FileNotFoundError(f"module '{point.module}' has no folder")
    return Path(spec.origin).parent


def _warn(point: EntryPoint, reason: str) -> None:
    warnings.warn(
        f"neuron models '{point.name}' ({point.value}) cannot be used: {reason}",
        RuntimeWarning,
        stacklevel=4,
    )

"""Find extensions by name, from this package, the user's program and other packages.

One `Registry` holds one kind of extension, such as learning rules. An entry gets there in one of
three ways:

- a file in the registry's package (``brianbridge/rules``), imported when a name is looked up;
- code of the user, which registers a class on definition;
- an entry point of an installed package, in the registry's group (``brianbridge.rules``).
"""

from __future__ import annotations

import dataclasses
import pkgutil
import warnings
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from brianbridge.errors import InputError, did_you_mean
from brianbridge.schema import check_kinds

__all__ = ["Registry", "import_modules"]

T = TypeVar("T")


class Registry(Generic[T]):
    """Hold extensions of one kind by name.

    Parameters
    ----------
    what : str
        What an entry is, for messages: ``"learning rule"``.
    group : str
        The group of entry points by which other packages offer entries.
    package : str, optional
        The package whose modules are imported to find entries.

    Examples
    --------
    >>> from brianbridge.encoding.base import ENCODINGS
    >>> ENCODINGS.names()[:4]
    ('background', 'bernoulli', 'current', 'finer')
    >>> ENCODINGS.make("latency", {"steps": 5})
    Latency(steps=5, dt=1 ms, silent=0.0)
    >>> ENCODINGS.make("latncy", {"steps": 5})
    Traceback (most recent call last):
    brianbridge.errors.InputError: there is no encoding 'latncy'. Did you mean 'latency'?
    """

    def __init__(self, what: str, group: str, package: str | None = None) -> None:
        self.what, self.group, self.package = what, group, package
        self._entries: dict[str, T] = {}
        self._searched = False

    def add(self, name: str, entry: T) -> T:
        """Register an entry and return it.

        A class that is defined again in the same module replaces the earlier one, as when a
        notebook cell runs again.

        Raises
        ------
        InputError
            If another entry has the name.
        """
        known = self._entries.get(name)
        if known is not None and _source(known) != _source(entry):
            raise InputError(
                f"there is already a {self.what} '{name}', {_source(known)}; choose another name "
                f"for {_source(entry)}"
            )
        self._entries[name] = entry
        return entry

    def names(self) -> tuple[str, ...]:
        """Return all names, sorted."""
        self._search()
        return tuple(sorted(self._entries))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self.names()

    def __getitem__(self, name: str) -> T:
        """Return an entry.

        Raises
        ------
        InputError
            If no entry has that name. The message suggests the nearest one.
        """
        if not isinstance(name, str) or name not in self:
            hint = did_you_mean(str(name), self.names())
            raise InputError(f"there is no {self.what} '{name!s:.80}'. {hint}")
        return self._entries[name]

    def make(self, name: str, options: Mapping[str, Any]) -> Any:
        """Create an instance of an entry that is a dataclass.

        Parameters
        ----------
        name : str
            Name of the entry.
        options : mapping of str to object
            Values of its fields. The class may list names that options had in earlier versions, as
            they are in files, in ``former_options``: former name and present name.

        Raises
        ------
        InputError
            If there is no such entry, or an option is unknown, missing or of the wrong type.
        """
        cls: Any = self[name]
        fields = {field.name: field for field in dataclasses.fields(cls) if field.init}
        former = getattr(cls, "former_options", {})
        options = {former.get(option, option): value for option, value in options.items()}
        for option in options:
            if option not in fields:
                hint = did_you_mean(str(option), fields)
                raise InputError(f"{self.what} '{name}' has no option '{option!s:.80}'. {hint}")
        missing = dataclasses.MISSING
        for option, field in fields.items():
            required = field.default is missing and field.default_factory is missing
            if required and option not in options:
                raise InputError(f"{self.what} '{name}': the option '{option}' is missing")
        check_kinds(cls, options, f"{self.what} '{name}'")
        return cls(**options)

    def _search(self) -> None:
        """Import all modules that may register entries, once."""
        if self._searched:
            return
        self._searched = True  # set first: a module that is imported here may look up names
        if self.package is not None:
            import_modules(self.package)
        for point in entry_points(group=self.group):
            try:
                self.add(point.name, point.load())
            except Exception as error:
                # One broken package must not hide the entries of all others.
                warnings.warn(
                    f"{self.what} '{point.name}' ({point.value}) cannot be used: {error}",
                    RuntimeWarning,
                    stacklevel=2,
                )


def import_modules(package: str) -> None:
    """Import all modules of a package, so that they register what they define.

    Parameters
    ----------
    package : str
        Full name of the package.
    """
    for module in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
        import_module(module.name)


def _source(entry: object) -> str:
    module = getattr(entry, "__module__", "")
    return f"{module}.{getattr(entry, '__qualname__', repr(entry))}"

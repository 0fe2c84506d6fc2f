"""What a sweep varies: options of a study by their keys, each with its values or its range."""

from __future__ import annotations

import itertools
import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from brianbridge.errors import InputError

__all__ = ["Over", "Range", "grid", "random_options", "read_over"]

#: What separates the ends of a range, and stands before equal factors.
_TO, _LOG = "..", "log:"
_RANGE = re.compile(r"(log:)?[-+\w.]*\w\.\.[-+\w.]+")


@dataclass(frozen=True)
class Range:
    """Hold the ends of a range, both of which belong to it.

    Parameters
    ----------
    low, high : int or float
        The ends. If both are whole numbers, so is every number that is drawn.
    log : bool
        Whether equal factors are equally likely, instead of equal differences.

    Examples
    --------
    >>> Range(1, 3).draw(np.random.default_rng(0))
    3
    """

    low: float
    high: float
    log: bool = False

    @property
    def whole(self) -> bool:
        """Whether only whole numbers belong to the range."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def draw(self, generator: np.random.Generator) -> float:
        """Return a number of the range."""
        low, high = self.low, self.high
        if self.whole and not self.log:
            return int(generator.integers(int(low), int(high) + 1))
        if self.log:
            drawn = math.exp(generator.uniform(math.log(low), math.log(high)))
        else:
            drawn = generator.uniform(low, high)
        drawn = min(max(drawn, low), high)  # whatever was rounded
        return round(drawn) if self.whole else float(drawn)


#: The values or the range of each option, by its key in the study file.
Over = Mapping[str, tuple[Any, ...] | Range]


def read_over(texts: Sequence[str]) -> Over:
    """Read options of a sweep, such as ``training.learning_rate=1e-4,1e-3``.

    Parameters
    ----------
    texts : sequence of str
        For each option its key, an equals sign, and values with commas between them, or a range:
        ``1e-4..1e-2``, or ``log:1e-4..1e-2`` for equal factors. Values are written as in TOML;
        texts need no quotation marks.

    Raises
    ------
    InputError
        If a text is not of this form, or an option occurs twice.

    Examples
    --------
    >>> read_over(["training.epochs=5,10", "rule.name=spike_count"])
    {'training.epochs': (5, 10), 'rule.name': ('spike_count',)}
    >>> read_over(["training.learning_rate=log:1e-4..1e-2"])
    {'training.learning_rate': Range(low=0.0001, high=0.01, log=True)}
    """
    found: dict[str, tuple[Any, ...] | Range] = {}
    for text in texts:
        key, equals, values = text.partition("=")
        key, values = key.strip(), values.strip()
        if not (key and equals and values):
            raise InputError(f"--over '{text}': give KEY=VALUE,VALUE, as in training.epochs=5,10")
        if key == "seed":
            raise InputError(f"--over '{text}': seeds are not an option; give --seeds NUMBER")
        if key in found:
            raise InputError(f"--over '{text}': '{key}' is given twice; give all values at once")
        found[key] = (_range if _RANGE.fullmatch(values) else _values)(values, text)
    return found


def grid(over: Over) -> Iterator[dict[str, Any]]:
    """Yield each combination of the values.

    Raises
    ------
    InputError
        If an option has a range.

    Examples
    --------
    >>> list(grid({"a": (1, 2), "b": ("x",)}))
    [{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'x'}]
    """
    for key, values in over.items():
        if isinstance(values, Range):
            raise InputError(
                f"--over '{key}' has a range, of which a grid knows no values; give values with "
                "commas between them, or --search random"
            )
    chosen = [values for values in over.values() if not isinstance(values, Range)]
    return (dict(zip(over, one, strict=True)) for one in itertools.product(*chosen))


def random_options(over: Over, number: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield so many random combinations; more of them begin with the same ones.

    Examples
    --------
    >>> over = {"a": Range(0.0, 1.0), "b": ("x", "y")}
    >>> list(random_options(over, 2, seed=1)) == list(random_options(over, 3, seed=1))[:2]
    True
    """
    generator = np.random.default_rng(seed)
    for _ in range(number):
        yield {
            key: values.draw(generator)
            if isinstance(values, Range)
            else values[int(generator.integers(len(values)))]
            for key, values in over.items()
        }


def _range(values: str, text: str) -> Range:
    """Read a range."""
    ends, log = values.removeprefix(_LOG), values.startswith(_LOG)
    low, _, high = (_value(part) for part in ends.partition(_TO))
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (low, high))
    if not numbers or not -math.inf < low < high < math.inf or (log and low <= 0):
        above = " above 0" if log else ""
        raise InputError(f"--over '{text}': give a range of numbers{above}, LOW{_TO}HIGH")
    return Range(low, high, log)


def _values(values: str, text: str) -> tuple[Any, ...]:
    """Read values with commas between them, each once."""
    try:
        found = tomllib.loads(f"values = [{values}]")["values"]
    except ValueError:  # such as a text without quotation marks
        found = [_value(part) for part in values.split(",")]
    once = {repr(value): value for value in found}
    if not once or "" in found:
        raise InputError(f"--over '{text}': a value is empty; give VALUE,VALUE")
    return tuple(once.values())


def _value(text: str) -> Any:
    """Return a value in TOML; any other text is itself."""
    text = text.strip()
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        return text

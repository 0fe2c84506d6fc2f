"""Estimate the energy of operations from published figures for one operation."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FP32_45NM", "INT32_45NM", "EnergyModel"]

_HOROWITZ = "M. Horowitz, ISSCC 2014, 45 nm CMOS (remembered, not read)"


@dataclass(frozen=True)
class EnergyModel:
    """Hold the energy of one operation of each kind, in pJ.

    The figures cover arithmetic alone. They leave out memory traffic, which often costs more: use
    the result to compare operation counts, not to predict the energy of a chip.

    Parameters
    ----------
    name : str
        Name of the figures in files and tables.
    add, multiply, mac : float
        Energy of an addition (accumulating a weight), of a multiplication, and of both in one.
    source : str
        Source of the figures.

    Examples
    --------
    >>> round(FP32_45NM.mac / FP32_45NM.add, 1)
    5.1
    """

    name: str
    add: float
    multiply: float
    mac: float
    source: str


FP32_45NM = EnergyModel("FP32, 45 nm", add=0.9, multiply=3.7, mac=4.6, source=_HOROWITZ)
INT32_45NM = EnergyModel("INT32, 45 nm", add=0.1, multiply=3.1, mac=3.2, source=_HOROWITZ)

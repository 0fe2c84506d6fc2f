"""The sign that training must leave a weight: excitatory or inhibitory, as Dale's principle has it.

A weight of 0 keeps its side as well, by the sign bit of the floating point zero.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

__all__ = ["Sign", "allowed_signs", "sign_of"]

#: Which signs the weights of a projection may have.
Sign = Literal["any", "positive", "negative", "kept"]


def allowed_signs(sign: Sign, weight: np.ndarray) -> np.ndarray | None:
    """Return 1 for weights that must not be below 0, and -1 for those that must not be above.

    Parameters
    ----------
    sign : {"any", "positive", "negative", "kept"}
        Which signs are allowed; with ``"kept"``, those of `weight`.
    weight : numpy.ndarray
        The weights.

    Returns
    -------
    numpy.ndarray or None
        A single value, or for ``"kept"`` one for each weight; None if all signs are allowed.

    Examples
    --------
    >>> allowed_signs("kept", np.array([0.5, 0.0, -0.0, -2.0])).tolist()
    [1.0, 1.0, -1.0, -1.0]
    """
    match sign:
        case "positive":
            return np.array(1.0)
        case "negative":
            return np.array(-1.0)
        case "kept":
            return np.where(np.signbit(weight), -1.0, 1.0)
    return None


def sign_of(weight: np.ndarray) -> Sign:
    """Return the constraint that keeps the signs of weights.

    Examples
    --------
    >>> sign_of(np.array([0.1, 0.2])), sign_of(np.array([-0.1, 0.0])), sign_of(np.array([-1, 1]))
    ('positive', 'negative', 'kept')
    """
    if np.all(weight >= 0):
        return "positive"
    return "negative" if np.all(weight <= 0) else "kept"

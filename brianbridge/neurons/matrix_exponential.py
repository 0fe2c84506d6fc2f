"""The exact step of a linear system, by one matrix exponential.

For ``dx/dt = A x + b`` with ``A`` and ``b`` constant over a step,

    x(t + dt) = Phi x(t) + Gamma b,     Phi = exp(A dt),     Gamma = int_0^dt exp(A s) ds

(Rotter & Diesmann 1999, Biol. Cybern. 81:381). Both blocks come out of *one* matrix exponential,

    exp([[A, I], [0, 0]] dt) = [[Phi, Gamma], [0, I]]

(Van Loan 1978, IEEE TAC 23:395). A vanishing leak and two equal time constants, for which a
symbolic solution divides by zero, are therefore not special cases.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.linalg

__all__ = ["balance", "phi_gamma"]


def phi_gamma(matrix: np.ndarray, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the exact step of ``dx/dt = A x + b`` over `dt`.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (..., states, states)
        ``A``, in 1/second where both variables have the same unit.
    dt : float
        Length of the step, in seconds.

    Returns
    -------
    phi, gamma : numpy.ndarray, shape (..., states, states)
        ``x(t + dt) = phi @ x(t) + gamma @ b``.

    Examples
    --------
    A leaky integrator, and one without leak:

    >>> phi, gamma = phi_gamma(np.array([[[-100.0]], [[0.0]]]), dt=1e-3)
    >>> phi.ravel().round(6), gamma.ravel().round(9)
    (array([0.904837, 1.      ]), array([0.00095163, 0.001     ]))
    """
    n = matrix.shape[-1]
    level = balance(matrix)
    units = level[:, None] / level
    augmented = np.zeros((*matrix.shape[:-2], 2 * n, 2 * n))
    augmented[..., :n, :n] = matrix / units * dt
    augmented[..., :n, n:] = np.eye(n) * dt
    if augmented.ndim > 2:
        # Neurons with equal parameters share one exponential.
        flat = augmented.reshape(-1, 4 * n * n)
        unique, inverse = np.unique(flat, axis=0, return_inverse=True)
        step = _exponentials(unique.tobytes(), 2 * n)[inverse.ravel()].reshape(augmented.shape)
    else:
        step = scipy.linalg.expm(augmented)
    return step[..., :n, :n] * units, step[..., :n, n:] * units


def balance(matrix: np.ndarray) -> np.ndarray:
    """Return a power of two for each state, by which ``A`` is divided and multiplied.

    Entries in amp and in volt differ by many orders of magnitude, and the exponential would lose
    digits. Powers of two balance them without rounding (Parlett & Reinsch 1969).
    """
    n = matrix.shape[-1]
    largest = np.abs(matrix).reshape(-1, n, n).max(axis=0, initial=0)
    _, (level, _) = scipy.linalg.matrix_balance(largest, permute=False, separate=True)
    return np.asarray(level)


@lru_cache(maxsize=8)
def _exponentials(matrices: bytes, size: int) -> np.ndarray:
    """Return the exponentials of matrices, shape (matrices, size, size).

    A model is checked whenever one of its parameters changes, and most do not change the matrices;
    each thread of a simulation needs the same ones again. For many neurons they take seconds.
    """
    step: np.ndarray = scipy.linalg.expm(np.frombuffer(matrices).reshape(-1, size, size))
    step.flags.writeable = False
    return step

"""The signs that the weights of a projection may have, in the twin."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from brianbridge.errors import InputError
from brianbridge.network import Projection
from brianbridge.network.sign import allowed_signs

__all__ = ["WeightSigns"]


class WeightSigns(nn.Module):
    """Check and restore the signs that a projection allows: `brianbridge.network.Projection.sign`.

    Parameters
    ----------
    projection : Projection
        The projection.
    dtype : torch.dtype
        Type of the weights.

    Examples
    --------
    >>> import numpy as np
    >>> signs = WeightSigns(Projection("a", "b", np.ones((1, 1)), sign="positive"), torch.float32)
    >>> signs.kept(torch.tensor([[-0.5]]))
    tensor([[0.]])
    """

    _signs: Tensor | None

    def __init__(self, projection: Projection, dtype: torch.dtype) -> None:
        super().__init__()
        signs = allowed_signs(projection.sign, projection.weight)
        kept = None if signs is None else torch.as_tensor(signs, dtype=dtype)
        self.register_buffer("_signs", kept, persistent=False)
        self._sign, self._what = projection.sign, f"projection '{projection.name}'"

    def __bool__(self) -> bool:
        return self._signs is not None

    def check(self, weight: Tensor, remedy: str) -> None:
        """Refuse weights whose sign is not allowed, with a remedy."""
        wrong = 0 if self._signs is None else int((self._signs * weight < 0).sum())
        if wrong:
            raise InputError(
                f"{self._what}: sign = '{self._sign}', but {wrong} of {weight.numel()} weights "
                f"have the other sign; {remedy}"
            )

    def kept(self, weight: Tensor) -> Tensor:
        """Return weights in which those with another sign are 0."""
        return weight if self._signs is None else self._signs * (self._signs * weight).clamp(min=0)

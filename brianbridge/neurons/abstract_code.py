"""Brian2's statements of some abstract code, as it would compile them."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

import numpy as np

__all__ = ["TEMPORARY", "statements_of"]

#: The operation of Brian2's statements that define a temporary variable.
TEMPORARY = ":="


def statements_of(code: str, variables: Mapping[str, Any], label: str) -> list[Any]:
    """Return the statements that Brian2 makes of abstract code, with its optimisations.

    Parameters
    ----------
    code : str
        The abstract code.
    variables : mapping of str to brian2 Variable or Function
        What its names refer to.
    label : str
        A part of the names of loop invariants. Every block numbers them from 1; different labels
        make their names different.
    """
    from brian2 import prefs
    from brian2.codegen.translation import make_statements

    if not code.strip():
        return []
    optimise = prefs.codegen.loop_invariant_optimisations
    scalar, vector = make_statements(code, variables, np.float64, optimise=optimise)
    # Brian2 caches what it returns, so change copies.
    statements = [copy(statement) for statement in (*scalar, *vector)]
    for statement in statements:
        statement.var = statement.var.replace("_lio_", f"_{label}_")
        statement.expr = str(statement.expr).replace("_lio_", f"_{label}_")
    return statements

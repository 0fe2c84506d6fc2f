"""Find out whether synapses deliver their weight, or use it in another way."""

from __future__ import annotations

import ast

from brianbridge.network.synapses.model import SynapseModel
from brianbridge.neurons.expressions import parse_expression
from brianbridge.neurons.statements import parse_statements

__all__ = ["delivers_weight"]


def delivers_weight(model: SynapseModel) -> bool:
    r"""Return whether all that synapses add to neurons is proportional to their trained variable.

    If it is, a gain multiplies it as it multiplies other weights.

    Parameters
    ----------
    model : SynapseModel
        The description.

    Examples
    --------
    >>> from brianbridge.network.synapses.model import SynapsePathway
    >>> def trained(name, code):
    ...     on_pre = SynapsePathway("pre", "pre", code)
    ...     return SynapseModel("w : 1\nU : 1\nx : 1", [on_pre], trained=name)
    >>> delivers_weight(trained("w", "g_post += w*x/(1 - U); x -= U*x"))
    True
    >>> delivers_weight(trained("U", "g_post += w*U*x; x -= U*x"))
    False
    """
    weight, what = model.trained, "code of synapses"
    for pathway in model.pathways:
        for line in parse_statements(pathway.code, what):
            delivers = line.target.endswith("_post") and line.operation in ("+=", "-=")
            degree = _degree(parse_expression(line.expression, what), weight)
            if line.target == weight or degree != int(delivers):
                return False
    for name, expression, summed in model.expressions:
        if _degree(parse_expression(expression, f"equation of '{name}'"), weight) != int(summed):
            return False
    return True


def _degree(node: ast.AST, name: str) -> int | None:
    """Return 0 if an expression lacks a name, 1 if it is proportional to it, None otherwise."""
    match node:
        case ast.Name(id=found):
            return int(found == name)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            return _degree(operand, name)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            one, other = _degree(left, name), _degree(right, name)
            return None if one is None or other is None or one + other > 1 else one + other
        case ast.BinOp(left=left, op=ast.Div(), right=right) if _degree(right, name) == 0:
            return _degree(left, name)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
            degree = _degree(left, name)
            return degree if degree == _degree(right, name) else None
    inside = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return None if name in inside else 0

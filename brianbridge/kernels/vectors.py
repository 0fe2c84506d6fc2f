"""Vectors of 16 numbers in numba code: explicit SIMD.

numba vectorises a loop only if it can prove that no two of its arrays overlap. With the ten arrays
of a neuron's step it cannot. Code that is written with these functions needs no such proof: each
call is one vector instruction (or several, on processors with shorter vectors). The arithmetic is
that of IEEE 754: no reordering, no fused multiply-add.

All functions exist in compiled code only. Numbers and vectors must be of one
type, ``float32`` or ``float64``. A comparison gives a mask, which `choose`, `both`, `either` and
`no` take.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

__all__ = [
    "LANES", "absolute", "add", "both", "choose", "divide", "either", "equal", "less",
    "less_or_equal", "load", "lowest", "multiply", "negative", "no", "nonzero", "ones", "root",
    "rounded_down", "single", "spread", "store", "subtract", "truncated", "unequal",
]  # fmt: skip

#: Numbers in a vector.
LANES = 16


class Vector(types.Type):
    """The numba type of 16 numbers, or of a mask (``element`` None)."""

    def __init__(self, element: Any) -> None:
        self.element = element
        super().__init__(name=f"Vector({element})")

    @property
    def llvm(self) -> Any:
        """The type of the vector in LLVM."""
        return ir.VectorType(_scalar(self.element), LANES)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, vector: Vector) -> None:
        super().__init__(manager, vector, vector.llvm)


def _scalar(element: Any) -> Any:
    if element is None:
        return ir.IntType(1)
    if isinstance(element, types.Float):
        return ir.FloatType() if element.bitwidth == 32 else ir.DoubleType()
    return ir.IntType(element.bitwidth)


_MASK = Vector(None)


def _binary(name: str, build: Callable[..., Any], result: Any = None, doc: str = "") -> Any:
    def function(context: Any, a: Any, b: Any) -> Any:
        def code(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return build(builder, *arguments)

        return (result or a)(a, b), code

    return _intrinsic(name, function, doc)


def _unary(name: str, build: Callable[..., Any], doc: str) -> Any:
    def function(context: Any, a: Any) -> Any:
        def code(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return build(builder, *arguments)

        return a(a), code

    return _intrinsic(name, function, doc)


def _intrinsic(name: str, function: Any, doc: str) -> Any:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return intrinsic(function)


def _llvm(name: str) -> Callable[..., Any]:
    """Return a function that calls one of LLVM's vector intrinsics."""

    def build(builder: Any, a: Any) -> Any:
        kind = "f32" if isinstance(a.type.element, ir.FloatType) else "f64"
        declared = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(a.type, [a.type]), f"llvm.{name}.v{LANES}{kind}"
        )
        return builder.call(declared, [a])

    return build


def _compared(sign: str) -> Callable[..., Any]:
    # A comparison with NaN is False, but NaN != x is True, as in NumPy.
    how = "fcmp_unordered" if sign == "!=" else "fcmp_ordered"
    return lambda builder, a, b: getattr(builder, how)(sign, a, b)


add = _binary("add", lambda builder, a, b: builder.fadd(a, b), doc="Return ``a + b``.")
subtract = _binary("subtract", lambda builder, a, b: builder.fsub(a, b), doc="Return ``a - b``.")
multiply = _binary("multiply", lambda builder, a, b: builder.fmul(a, b), doc="Return ``a*b``.")
divide = _binary("divide", lambda builder, a, b: builder.fdiv(a, b), doc="Return ``a/b``.")
less = _binary("less", _compared("<"), _MASK, "Return the mask of ``a < b``.")
less_or_equal = _binary("less_or_equal", _compared("<="), _MASK, "Return the mask of ``a <= b``.")
equal = _binary("equal", _compared("=="), _MASK, "Return the mask of ``a == b``.")
unequal = _binary("unequal", _compared("!="), _MASK, "Return the mask of ``a != b``.")
both = _binary("both", lambda builder, a, b: builder.and_(a, b), doc="Return where both hold.")
either = _binary("either", lambda builder, a, b: builder.or_(a, b), doc="Return where one holds.")
no = _unary("no", lambda builder, a: builder.not_(a), "Return where a mask does not hold.")
negative = _unary("negative", lambda builder, a: builder.fneg(a), "Return ``-a``.")
absolute = _unary("absolute", _llvm("fabs"), "Return ``abs(a)``.")
root = _unary("root", _llvm("sqrt"), "Return ``sqrt(a)``.")
rounded_down = _unary("rounded_down", _llvm("floor"), "Return ``floor(a)``.")
truncated = _unary("truncated", _llvm("trunc"), "Return ``trunc(a)``.")


@intrinsic  # type: ignore[untyped-decorator]
def choose(context: Any, mask: Any, a: Any, b: Any) -> Any:
    """Return `a` where the mask holds, and `b` elsewhere."""

    def code(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(*arguments)

    return a(mask, a, b), code


@intrinsic  # type: ignore[untyped-decorator]
def spread(context: Any, value: Any) -> Any:
    """Return a vector of equal numbers."""
    vector = Vector(value)

    def code(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start = ir.Constant(vector.llvm, ir.Undefined)
        first = builder.insert_element(start, arguments[0], ir.Constant(ir.IntType(32), 0))
        places = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(first, start, places)

    return vector(value), code


@intrinsic  # type: ignore[untyped-decorator]
def load(context: Any, array: Any, place: Any) -> Any:
    """Return ``array[place:place + 16]`` of a contiguous array of one axis, unchecked."""
    vector = Vector(array.dtype)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_pointer(context, builder, signature, arguments), align=_align(array))

    return vector(array, types.intp), code


@intrinsic  # type: ignore[untyped-decorator]
def store(context: Any, array: Any, place: Any, vector: Any) -> Any:
    """Set ``array[place:place + 16]`` of a contiguous array of one axis, unchecked."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        where = _pointer(context, builder, signature, arguments)
        builder.store(arguments[2], where, align=_align(array))
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), code


def _bits(array: Any, place: Any, sign: str, number: int) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        where = _pointer(context, builder, signature, arguments)
        values = builder.load(where, align=_align(array))
        real = isinstance(array.dtype, types.Float)
        other = ir.Constant(values.type, [float(number) if real else number] * LANES)
        if real:
            mask = _compared(sign)(builder, values, other)
        else:
            mask = builder.icmp_signed(sign, values, other)
        return builder.zext(builder.bitcast(mask, ir.IntType(LANES)), ir.IntType(32))

    return types.uint32(array, types.intp), code


@intrinsic  # type: ignore[untyped-decorator]
def nonzero(context: Any, array: Any, place: Any) -> Any:
    """Return the bits of the numbers in ``array[place:place + 16]`` that are not 0, unchecked."""
    return _bits(array, place, "!=", 0)


@intrinsic  # type: ignore[untyped-decorator]
def single(context: Any, array: Any, place: Any) -> Any:
    """Return the bits of the numbers in ``array[place:place + 16]`` that are 1, unchecked."""
    return _bits(array, place, "==", 1)


@intrinsic  # type: ignore[untyped-decorator]
def ones(context: Any, bits: Any) -> Any:
    """Return how many bits of a number of 32 bits are 1."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint32(types.uint32), code


@intrinsic  # type: ignore[untyped-decorator]
def lowest(context: Any, bits: Any) -> Any:
    """Return the place of the lowest bit that is 1, of a number of 32 bits that is not 0."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint32(types.uint32), code


def _pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    kind = signature.args[0]
    array = context.make_array(kind)(context, builder, arguments[0])
    first = builder.gep(array.data, [arguments[1]])
    return builder.bitcast(first, Vector(kind.dtype).llvm.as_pointer())


def _align(array: Any) -> int:
    return max(1, array.dtype.bitwidth // 8)

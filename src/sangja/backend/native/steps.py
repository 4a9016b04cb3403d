"""The element-wise operations of kernels: NumPy's ufuncs by name, with NumPy's meaning.

`supported(op, dtypes, dtype)` says what can be computed; `emit` writes the instructions for one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sangja.backend.native import rare_math, vector_math
from sangja.backend.native.emit import TYPES, Code, Value, constant, literal

Emitter = Callable[..., Value]


class Unsupported(Exception):
    """An operation that kernels do not have for these dtypes."""


def number(x: Value, value: Any) -> Value:
    return constant(value, x.kind, x.lanes)


def is_float(x: Value) -> bool:
    return x.kind in ("float", "double")


# -- arithmetic -----------------------------------------------------------------------------------


def arithmetic(for_floats: str, for_integers: str, for_bools: str = "") -> Emitter:
    def emit(b: Code, x: Value, y: Value, signed: bool) -> Value:
        name = for_floats if is_float(x) else for_integers
        if x.kind == "i1":
            if not for_bools:
                raise Unsupported(for_integers)
            name = for_bools
        return b.binary(name, x, y)

    return emit


def divide(b: Code, x: Value, y: Value, signed: bool) -> Value:
    return b.binary("fdiv", x, y)


def negative(b: Code, x: Value, signed: bool) -> Value:
    return (
        b.op(f"fneg {x.type} {x.text}", x.kind, x.lanes) if is_float(x) else b.sub(number(x, 0), x)
    )


def positive(b: Code, x: Value, signed: bool) -> Value:
    return x


def square(b: Code, x: Value, signed: bool) -> Value:
    return b.mul(x, x)


def reciprocal(b: Code, x: Value, signed: bool) -> Value:
    return b.binary("fdiv", number(x, 1.0), x)


def absolute(b: Code, x: Value, signed: bool) -> Value:
    if is_float(x):
        return b.intrinsic("fabs", x)
    if x.kind == "i1" or not signed:
        return x
    return b.select(b.compare("slt", x, number(x, 0)), b.sub(number(x, 0), x), x)


def larger(b: Code, x: Value, y: Value, signed: bool) -> Value:
    return extreme(b, x, y, signed, "ogt", "gt", "or")


def smaller(b: Code, x: Value, y: Value, signed: bool) -> Value:
    return extreme(b, x, y, signed, "olt", "lt", "and")


def extreme(
    b: Code, x: Value, y: Value, signed: bool, floats: str, integers: str, bools: str
) -> Value:
    """The larger or smaller; nan wins."""
    if x.kind == "i1":
        return b.binary(bools, x, y)
    if not is_float(x):
        return b.select(b.compare(("s" if signed else "u") + integers, x, y), x, y)
    if not y.text.startswith("%") and literal(math.nan, y.kind) not in y.text:
        # A constant that is no nan: one comparison is enough.
        return b.select(b.compare("u" + floats[1:], x, y), x, y)
    z = b.select(b.compare(floats, x, y), x, y)
    return b.select(b.compare("uno", x, x), x, z)


def fmax(b: Code, x: Value, y: Value, signed: bool) -> Value:
    z = larger(b, x, y, signed)
    return without_nan(b, x, y, z) if is_float(x) else z


def fmin(b: Code, x: Value, y: Value, signed: bool) -> Value:
    z = smaller(b, x, y, signed)
    return without_nan(b, x, y, z) if is_float(x) else z


def without_nan(b: Code, x: Value, y: Value, z: Value) -> Value:
    z = b.select(b.compare("uno", x, x), y, z)
    return b.select(b.compare("uno", y, y), x, z)


def whole_remainder(b: Code, x: Value, y: Value, signed: bool) -> Value:
    """Python's %: with the sign of the divisor."""
    if not is_float(x):
        raise Unsupported("remainder")
    r = b.binary("frem", x, y)
    zero = number(x, 0.0)
    other = b.compare("one", r, zero)
    crossed = b.binary("xor", b.compare("olt", r, zero), b.compare("olt", y, zero))
    z = b.select(b.binary("and", other, crossed), b.add(r, y), r)
    return b.select(b.compare("oeq", r, zero), b.intrinsic("copysign", zero, y), z)


def sign(b: Code, x: Value, signed: bool) -> Value:
    one, zero = number(x, 1), number(x, 0)
    if not is_float(x):
        above = b.select(b.compare("sgt" if signed else "ugt", x, zero), one, zero)
        return b.select(b.compare("slt", x, zero), number(x, -1), above) if signed else above
    z = b.select(
        b.compare("ogt", x, zero), one, b.select(b.compare("olt", x, zero), number(x, -1), zero)
    )
    return b.select(b.compare("uno", x, x), x, z)


# -- comparisons and logic ------------------------------------------------------------------------


def comparison(floats: str, signed_name: str, unsigned_name: str) -> Emitter:
    def emit(b: Code, x: Value, y: Value, signed: bool) -> Value:
        return b.compare(floats if is_float(x) else signed_name if signed else unsigned_name, x, y)

    return emit


def truth(b: Code, x: Value) -> Value:
    if x.kind == "i1":
        return x
    return b.compare("une" if is_float(x) else "ne", x, number(x, 0))


def logical(name: str) -> Emitter:
    def emit(b: Code, x: Value, y: Value, signed: bool) -> Value:
        return b.binary(name, truth(b, x), truth(b, y))

    return emit


def logical_not(b: Code, x: Value, signed: bool) -> Value:
    t = truth(b, x)
    return b.binary("xor", t, number(t, 1))


def invert(b: Code, x: Value, signed: bool) -> Value:
    return b.binary("xor", x, number(x, 1 if x.kind == "i1" else -1))


def bits(name: str) -> Emitter:
    def emit(b: Code, x: Value, y: Value, signed: bool) -> Value:
        if is_float(x):
            raise Unsupported(name)
        return b.binary(name, x, y)

    return emit


def isnan(b: Code, x: Value, signed: bool) -> Value:
    return b.compare("uno", x, x) if is_float(x) else constant(0, "i1", x.lanes)


def isinf(b: Code, x: Value, signed: bool) -> Value:
    if not is_float(x):
        return constant(0, "i1", x.lanes)
    return b.compare("oeq", b.intrinsic("fabs", x), number(x, math.inf))


def isfinite(b: Code, x: Value, signed: bool) -> Value:
    if not is_float(x):
        return constant(1, "i1", x.lanes)
    return b.compare("olt", b.intrinsic("fabs", x), number(x, math.inf))


def signbit(b: Code, x: Value, signed: bool) -> Value:
    kind = "i32" if x.kind == "float" else "i64"
    return b.compare("slt", b.convert("bitcast", x, kind), constant(0, kind, x.lanes))


# -- functions ------------------------------------------------------------------------------------


def function(emit: Callable[..., Value]) -> Emitter:
    def call(b: Code, *args: Any) -> Value:
        return emit(b, *args[:-1])

    return call


def intrinsic(name: str) -> Emitter:
    def emit(b: Code, *args: Any) -> Value:
        return b.intrinsic(name, *args[:-1])

    return emit


def scaled_log(base: float) -> Emitter:
    def emit(b: Code, x: Value, signed: bool) -> Value:
        return b.mul(vector_math.log(b, x), number(x, 1 / math.log(base)))

    return emit


def sine(shift: int) -> Emitter:
    def emit(b: Code, x: Value, signed: bool) -> Value:
        return vector_math.sine(b, x, shift)

    return emit


def erf(b: Code, x: Value, signed: bool) -> Value:
    return vector_math.erf(b, x) if x.kind == "float" else rare_math.erf(b, x)


def by_kind(floats: Emitter, integers: Emitter) -> Emitter:
    def emit(b: Code, x: Value, y: Value, signed: bool) -> Value:
        return floats(b, x, y, signed) if is_float(x) else integers(b, x, y, signed)

    return emit


def shifted(left: bool) -> Emitter:
    def emit(b: Code, x: Value, y: Value, signed: bool) -> Value:
        return rare_math.shift(b, x, y, signed, left)

    return emit


FLOATS = {"f4", "f8"}
INTEGERS = {"i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"}
# Operations by NumPy's name; the second entry: for which dtypes of the inputs (None: all).
TABLE: dict[str, tuple[Emitter, set[str] | None]] = {
    "add": (arithmetic("fadd", "add", "or"), None),
    "subtract": (arithmetic("fsub", "sub"), None),
    "multiply": (arithmetic("fmul", "mul", "and"), None),
    "divide": (divide, FLOATS),
    "negative": (negative, None),
    "positive": (positive, None),
    "square": (square, None),
    "reciprocal": (reciprocal, FLOATS),
    "absolute": (absolute, None),
    "fabs": (absolute, FLOATS),
    "maximum": (larger, None),
    "minimum": (smaller, None),
    "fmax": (fmax, None),
    "fmin": (fmin, None),
    "remainder": (by_kind(whole_remainder, rare_math.integer_remainder), FLOATS | INTEGERS),
    "floor_divide": (
        by_kind(function(rare_math.floor_divide), rare_math.integer_floor_divide),
        FLOATS | INTEGERS,
    ),
    "fmod": (arithmetic("frem", ""), FLOATS),
    "sign": (sign, None),
    "copysign": (intrinsic("copysign"), FLOATS),
    "sqrt": (intrinsic("sqrt"), FLOATS),
    "floor": (intrinsic("floor"), FLOATS),
    "ceil": (intrinsic("ceil"), FLOATS),
    "trunc": (intrinsic("trunc"), FLOATS),
    "rint": (intrinsic("rint"), FLOATS),
    "exp": (function(vector_math.exp), FLOATS),
    "exp2": (function(vector_math.exp2), FLOATS),
    "expm1": (function(vector_math.expm1), FLOATS),
    "log": (function(vector_math.log), FLOATS),
    "log2": (scaled_log(2), FLOATS),
    "log10": (scaled_log(10), FLOATS),
    "log1p": (function(vector_math.log1p), FLOATS),
    "tanh": (function(vector_math.tanh), FLOATS),
    "sigmoid": (function(rare_math.sigmoid), FLOATS),
    "sinh": (function(rare_math.sinh), FLOATS),
    "cosh": (function(rare_math.cosh), FLOATS),
    "arctan": (function(rare_math.arctan), FLOATS),
    "arctan2": (function(rare_math.arctan2), FLOATS),
    "arcsin": (function(rare_math.arcsin), FLOATS),
    "arccos": (function(rare_math.arccos), FLOATS),
    "hypot": (function(rare_math.hypot), FLOATS),
    "logaddexp": (function(rare_math.logaddexp), FLOATS),
    "sin": (sine(0), FLOATS),
    "cos": (sine(1), FLOATS),
    "tan": (function(vector_math.tangent), FLOATS),
    "erf": (erf, FLOATS),
    "power": (function(vector_math.power), FLOATS),
    "greater": (comparison("ogt", "sgt", "ugt"), None),
    "greater_equal": (comparison("oge", "sge", "uge"), None),
    "less": (comparison("olt", "slt", "ult"), None),
    "less_equal": (comparison("ole", "sle", "ule"), None),
    "equal": (comparison("oeq", "eq", "eq"), None),
    "not_equal": (comparison("une", "ne", "ne"), None),
    "logical_and": (logical("and"), None),
    "logical_or": (logical("or"), None),
    "logical_xor": (logical("xor"), None),
    "logical_not": (logical_not, None),
    "bitwise_and": (bits("and"), INTEGERS | {"b1"}),
    "bitwise_or": (bits("or"), INTEGERS | {"b1"}),
    "bitwise_xor": (bits("xor"), INTEGERS | {"b1"}),
    "invert": (invert, INTEGERS | {"b1"}),
    "left_shift": (shifted(True), INTEGERS),
    "right_shift": (shifted(False), INTEGERS),
    "isnan": (isnan, None),
    "isinf": (isinf, None),
    "isfinite": (isfinite, None),
    "signbit": (signbit, FLOATS),
}
COSTLY = {
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "tanh", "sinh", "cosh", "sin", "cos",
    "tan", "arctan", "arctan2", "arcsin", "arccos", "sigmoid", "logaddexp", "hypot", "erf", "power",
    "remainder", "floor_divide", "fmod",
}  # fmt: skip


def supported(op: str, inputs: tuple[str, ...], dtype: str) -> bool:
    """Whether kernels have the operation for these dtypes."""
    if any(d not in TYPES for d in (*inputs, dtype)):
        return False
    if op in ("cast", "where"):
        return True
    entry = TABLE.get(op)
    if entry is None or (entry[1] is not None and not set(inputs) <= entry[1]):
        return False
    return not (op in ("subtract", "negative", "sign") and "b1" in inputs)


def emit(b: Code, op: str, args: list[Value], dtypes: list[str], dtype: str) -> Value:
    """The result of an operation on values of `dtypes`."""
    if op == "where":
        return b.select(args[0], args[1], args[2])
    if op == "cast":
        return cast(b, args[0], dtypes[0], dtype)
    entry = TABLE.get(op)
    if entry is None:
        raise Unsupported(op)
    signed = dtypes[0][0] in "if"
    return entry[0](b, *args, signed)


def cast(b: Code, x: Value, source: str, target: str) -> Value:
    """x in another dtype, as C converts."""
    kind = TYPES[target]
    if target == "b1":
        return truth(b, x)
    if is_float(x):
        if kind in ("float", "double"):
            if kind == x.kind:
                return x
            return b.convert("fpext" if kind == "double" else "fptrunc", x, kind)
        return b.convert("fptoui" if target[0] == "u" else "fptosi", x, kind)
    unsigned = source[0] in "ub"
    if kind in ("float", "double"):
        return b.convert("uitofp" if unsigned else "sitofp", x, kind)
    sizes = {"i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64}
    if sizes[kind] == sizes[x.kind]:
        return x
    if sizes[kind] < sizes[x.kind]:
        return b.convert("trunc", x, kind)
    return b.convert("zext" if unsigned else "sext", x, kind)

"""Arithmetic, and the choice between elements."""

import numpy as np

from tests.table import Row, case, raises, t

SPECIAL = (0.0, 1.0, -np.inf, np.inf, np.nan)
NUMBERS = ("float32", "float64", "int64", "uint8")
PAIR = [case(t(2, 3), t(2, 3)), case(t(2, 3), t(3)), case(t(2, 3), 2), case(t(3), 1.5)]
MISFIT = raises(RuntimeError, "must match the size of tensor b", t(2, 3), t(2, 4))
AWAY = [
    case(t(2, 3, low=-9, high=9), t(2, 3, low=1, high=5)),
    case(t(3, low=-9, high=9), 3),
    case(t(3, low=-9, high=9), -2.5),
]
FRACTION = raises(
    RuntimeError,
    "argument alpha must not be a floating point number; got alpha=0.5",
    t(3, dtype="int64"),
    t(3, dtype="int64"),
    alpha=0.5,
)
MASKS = raises(
    RuntimeError, "with two bool tensors is not supported", t(3, dtype="bool"), t(3, dtype="bool")
)
BY_ZERO = raises(RuntimeError, "ZeroDivisionError", t(3, dtype="int64"), 0)
BOOLS = raises(RuntimeError, "not implemented for bools", t(3, dtype="bool"), t(3, dtype="bool"))
TRIPLE = [case(t(2, 3), t(2, 3), t(2, 3)), case(t(2, 3), t(3), t(2, 1), value=0.5)]

ROWS = [
    Row(
        "add",
        [*PAIR, case(t(2, 3), t(3), alpha=2)],
        dtypes=("float16", *NUMBERS, "bool"),
        elementwise=True,
        special=SPECIAL,
        errors=[MISFIT, FRACTION],
    ),
    Row(
        "subtract",
        [*PAIR, case(t(2, 3), t(3), alpha=2)],
        dtypes=("float16", *NUMBERS),
        elementwise=True,
        special=SPECIAL,
        errors=[MISFIT, FRACTION, MASKS],
    ),
    Row(
        "rsub",
        [*PAIR, case(t(2, 3), t(3), alpha=2)],
        dtypes=NUMBERS,
        elementwise=True,
        errors=[MASKS],
    ),
    Row(
        "multiply",
        PAIR,
        reference=np.multiply,
        dtypes=("float16", *NUMBERS, "bool"),
        elementwise=True,
        special=SPECIAL,
        errors=[MISFIT],
    ),
    Row(
        "divide",
        [
            *AWAY,
            *(case(*c.args, rounding_mode=mode) for c in AWAY for mode in ("floor", "trunc")),
            case(t(2, 3, dtype="int64"), t(3, dtype="int64")),
        ],
        dtypes=("float32", "float64", "int64"),
        elementwise=True,
        special=SPECIAL,
        errors=[
            MISFIT,
            raises(
                RuntimeError,
                "one of None, 'trunc', or 'floor' but found 'up'",
                t(3),
                2,
                rounding_mode="up",
            ),
        ],
    ),
    Row(
        "negative",
        [case(t(2, 3))],
        reference=np.negative,
        dtypes=NUMBERS,
        elementwise=True,
        special=SPECIAL,
        errors=[
            raises(RuntimeError, "Negation, the `-` operator, on a bool tensor", t(3, dtype="bool"))
        ],
    ),
    Row(
        "positive",
        [case(t(2, 3))],
        reference=np.positive,
        dtypes=NUMBERS,
        elementwise=True,
        errors=[raises(RuntimeError, "on a bool tensor is not supported", t(3, dtype="bool"))],
    ),
    Row(
        "floor_divide",
        AWAY,
        dtypes=("float32", "float64", "int64"),
        order=0,
        errors=[BY_ZERO, BOOLS],
    ),
    Row(
        "remainder",
        AWAY,
        reference=np.remainder,
        dtypes=("float32", "float64", "int64"),
        elementwise=True,
        errors=[BY_ZERO, BOOLS],
    ),
    Row(
        "fmod",
        AWAY,
        reference=np.fmod,
        dtypes=("float32", "float64", "int64"),
        elementwise=True,
        errors=[BY_ZERO, BOOLS],
    ),
    Row(
        "reciprocal",
        [case(t(2, 3))],
        dtypes=("float32", "float64", "int64"),
        elementwise=True,
        special=(0.0, -0.0, 2.0, np.inf, np.nan),
    ),
    Row(
        "absolute",
        [case(t(2, 3))],
        reference=np.abs,
        dtypes=NUMBERS,
        elementwise=True,
        special=SPECIAL,
    ),
    Row(
        "sign",
        [case(t(2, 3))],
        dtypes=(*NUMBERS, "bool"),
        elementwise=True,
        special=(*SPECIAL, -0.0),
    ),
    Row(
        "lerp",
        [case(t(2, 3), t(2, 3), t(2, 3)), case(t(2, 3), t(3), 0.3), case(t(2, 3), t(3), 1.5)],
        elementwise=True,
        errors=[
            raises(RuntimeError, "expected dtype", t(3), t(3, dtype="float64"), 0.5),
            raises(
                RuntimeError, "not implemented for", t(3, dtype="int64"), t(3, dtype="int64"), 0.5
            ),
        ],
    ),
    Row("addcmul", TRIPLE, elementwise=True),
    Row(
        "addcdiv",
        TRIPLE,
        elementwise=True,
        errors=[
            raises(RuntimeError, "Integer division", t(3), t(3, dtype="int64"), t(3, dtype="int64"))
        ],
    ),
    Row(
        "where",
        [
            case(t(2, 3, dtype="bool"), t(2, 3), t(3)),
            case(t(2, 3, dtype="bool"), t(2, 3), 0.5),
            case(t(2, 3, dtype="bool"), 1, t(2, 3)),
            case(t(2, 3, dtype="bool")),
        ],
        dtypes=("float32", "float64", "int64"),
        errors=[
            raises(RuntimeError, "expected condition to be a boolean tensor", t(3), t(3), t(3)),
            raises(TypeError, "or the condition alone", t(3, dtype="bool"), t(3)),
        ],
    ),
]

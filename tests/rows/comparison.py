"""Comparing elements, and choosing the larger or the smaller."""

import numpy as np

from tests.table import Row, case, raises, t

NUMBERS = ("float32", "float64", "int64")
SPECIAL = (0.0, 1.0, -np.inf, np.inf, np.nan)
PAIR = [case(t(2, 3), t(2, 3)), case(t(2, 3), t(3))]
MISFIT = [raises(RuntimeError, "must match the size of tensor b", t(2, 3), t(2, 4))]

COMPARED = [
    Row(
        name,
        [*PAIR, case(t(2, 3, dtype="int64"), t(2, 3)), case(t(3, dtype="int64"), 0.5)],
        reference=getattr(np, reference),
        dtypes=(*NUMBERS, "bool"),
        elementwise=True,
        special=SPECIAL,
        order=0,
        errors=MISFIT,
    )
    for name, reference in [
        ("eq", "equal"),
        ("not_equal", "not_equal"),
        ("less", "less"),
        ("less_equal", "less_equal"),
        ("greater", "greater"),
        ("greater_equal", "greater_equal"),
    ]
]

TRUTH = [
    Row(
        name,
        [*PAIR, case(t(2, 3, dtype="bool"), t(2, 3))],
        reference=getattr(np, name),
        dtypes=(*NUMBERS, "bool"),
        elementwise=True,
        special=SPECIAL,
        order=0,
        errors=MISFIT,
    )
    for name in ("logical_and", "logical_or", "logical_xor")
] + [
    Row(
        name,
        [case(t(2, 3)), case(t(5, values=[0.0, -0.0, 1, 2, -3]))],
        reference=getattr(np, name),
        dtypes=NUMBERS,
        elementwise=True,
        special=(0.0, -0.0, 1.0, -np.inf, np.inf, np.nan),
        order=0,
    )
    for name in ("logical_not", "isnan", "isinf", "isfinite", "isposinf", "isneginf")
]

CLOSE = [t(3, values=[1.0, 2.0, np.inf]), t(3, values=[1.0 + 1e-7, 2.1, np.inf])]
NEGATIVE = raises(RuntimeError, "rtol must be greater than or equal to zero", t(3), t(3), rtol=-1)
OTHER_DTYPE = raises(RuntimeError, "did not match", t(3), t(3, dtype="int64"))

ROWS = [
    *COMPARED,
    *TRUTH,
    Row(
        "signbit",
        [case(t(2, 3)), case(t(3, values=[0, -1, 1]))],
        reference=np.signbit,
        special=(0.0, -0.0, -np.inf, np.inf),
        elementwise=True,
        order=0,
    ),
    Row(
        "isclose",
        [case(*CLOSE), case(*CLOSE, rtol=0.1), case(*CLOSE, equal_nan=True)],
        reference=np.isclose,
        elementwise=True,
        special=SPECIAL,
        order=0,
        errors=[NEGATIVE, OTHER_DTYPE],
    ),
    Row(
        "allclose",
        [case(*CLOSE), case(*CLOSE, rtol=0.1)],
        reference=np.allclose,
        order=0,
        errors=[NEGATIVE, OTHER_DTYPE],
    ),
    Row("equal", [case(t(2, 3), t(2, 3)), case(t(0), t(0)), case(t(2), t(3))], order=0),
    Row("maximum", PAIR, reference=np.maximum, dtypes=NUMBERS, elementwise=True, special=SPECIAL),
    Row("minimum", PAIR, reference=np.minimum, dtypes=NUMBERS, elementwise=True, special=SPECIAL),
    Row("fmax", PAIR, reference=np.fmax, dtypes=NUMBERS, elementwise=True, special=SPECIAL),
    Row("fmin", PAIR, reference=np.fmin, dtypes=NUMBERS, elementwise=True, special=SPECIAL),
    Row(
        "clamp",
        [
            case(t(2, 3), t(2, 3), t(3)),
            case(t(2, 3), -1, 1.5),
            case(t(2, 3), min=0.5),
            case(t(2, 3), max=t(3)),
            case(t(3), 1.0, -1.0),
        ],
        dtypes=NUMBERS,
        special=(0.0, 1.0, np.inf, np.nan),
        errors=[
            raises(RuntimeError, "At least one of 'min' or 'max' must not be None", t(3)),
            raises(TypeError, "must both be numbers or both be tensors", t(3), 0, t(3)),
        ],
    ),
    Row(
        "clamp_min",
        [case(t(2, 3), t(3)), case(t(2, 3), 0.5)],
        dtypes=NUMBERS,
        elementwise=True,
        special=SPECIAL,
        errors=MISFIT,
    ),
    Row(
        "clamp_max",
        [case(t(2, 3), t(3)), case(t(2, 3), 0.5)],
        dtypes=NUMBERS,
        elementwise=True,
        special=SPECIAL,
        errors=MISFIT,
    ),
]

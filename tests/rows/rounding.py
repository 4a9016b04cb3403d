"""Whole numbers near a number, its fraction, its sign."""

import numpy as np

from tests.table import Row, case, raises, t

SPECIAL = (0.0, -0.0, 0.5, 1.5, -2.5, np.inf, -np.inf, np.nan)
ANY = ("float16", "float32", "float64", "int64")
WHOLE = t(3, dtype="int64")

ROWS = [
    Row(
        "floor", [case(t(2, 3))], reference=np.floor, dtypes=ANY, elementwise=True, special=SPECIAL
    ),
    Row("ceil", [case(t(2, 3))], reference=np.ceil, dtypes=ANY, elementwise=True, special=SPECIAL),
    Row(
        "trunc", [case(t(2, 3))], reference=np.trunc, dtypes=ANY, elementwise=True, special=SPECIAL
    ),
    Row(
        "round",
        [
            case(t(2, 3)),
            case(t(2, 3), decimals=2),
            case(t(2, 3, low=-5000, high=5000), decimals=-2),
        ],
        elementwise=True,
        special=SPECIAL,
        errors=[raises(RuntimeError, "decimals=2 needs floating point", WHOLE, decimals=2)],
    ),
    Row(
        "frac",
        [case(t(2, 3))],
        elementwise=True,
        special=(0.5, -1.5, np.nan),
        errors=[raises(RuntimeError, "frac: needs floating point", WHOLE)],
    ),
    Row(
        "copysign",
        [case(t(2, 3), t(2, 3)), case(t(2, 3), -1.0), case(t(3, dtype="int64"), t(3))],
        reference=np.copysign,
        elementwise=True,
        special=(0.0, -0.0, 2.0, -3.0),
    ),
    Row(
        "heaviside",
        [case(t(2, 3), t(2, 3)), case(t(3, values=[0.0, 1.0, -1.0]), t(3))],
        reference=np.heaviside,
        order=0,
        errors=[raises(RuntimeError, "different dtypes", t(3), WHOLE)],
    ),
    Row(
        "nan_to_num",
        [
            case(t(2, 3)),
            case(t(4, values=[np.nan, np.inf, -np.inf, 1.0], grad=False)),
            case(t(4, values=[np.nan, np.inf, -np.inf, 1.0], grad=False), 1.0, 2.0, -3.0),
        ],
        elementwise=True,
        special=SPECIAL,
    ),
]

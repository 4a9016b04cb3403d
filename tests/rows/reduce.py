"""Sums, means and their relatives."""

import numpy as np

from tests.table import Row, case, raises, t

NAN = t(2, 3, values=[[1.0, np.nan, -2.0], [0.5, 0.25, np.nan]])
ZEROS = t(2, 4, values=[[1.5, 0.0, -2.0, 3.0], [0.0, 2.0, 0.0, 1.0]])
SHAPES = [
    case(t(2, 3, 4)),
    case(t(2, 3, 4), 1),
    case(t(2, 3, 4), (0, -1), keepdim=True),
    case(t()),
    case(t(40, 3), 0),
]
SPREADS = [
    case(t(2, 3, 4)),
    case(t(2, 3, 4), 1),
    case(t(2, 3, 4), (0, 2), correction=0, keepdim=True),
    case(t(5), False),
    case(t(2, 5), 1, True, True),
]
INTEGERS = ("float32", "float64", "int64", "uint8", "bool")
NO_INTEGERS = [raises(RuntimeError, "floating point", t(3, dtype="int64"))]

ROWS = [
    Row(
        "sum",
        [*SHAPES, case(t(2, 3, dtype="int32"), dtype="@float64")],
        dtypes=INTEGERS,
        errors=[
            raises(IndexError, "Dimension out of range", t(2, 3), 2),
            raises(RuntimeError, "appears multiple times", t(2, 3), (0, 0)),
        ],
    ),
    Row("nansum", [*SHAPES, case(NAN), case(NAN, 1)], reference=None),
    Row("mean", [*SHAPES, case(t(2, 3, dtype="int32"), dtype="@float64")], errors=NO_INTEGERS),
    Row("nanmean", [*SHAPES, case(NAN), case(NAN, 1)], errors=NO_INTEGERS),
    Row(
        "prod",
        [
            case(t(2, 3, 4)),
            case(t(2, 3, 4), 1),
            case(ZEROS, 1),
            case(ZEROS),
            case(t(3, 5), -1, True),
        ],
        dtypes=("float32", "float64", "int64"),
        tolerance=4,
    ),
    Row("var", SPREADS, errors=NO_INTEGERS, tolerance=4),
    Row("std", SPREADS, errors=NO_INTEGERS, tolerance=4),
    Row("var_mean", SPREADS, errors=NO_INTEGERS, tolerance=4),
    Row("std_mean", SPREADS, errors=NO_INTEGERS, tolerance=4),
    Row(
        "logsumexp",
        [
            case(t(2, 3, 4), 1),
            case(t(2, 3), (0, 1), True),
            case(t(3, values=[1000.0, 1000.0, -1000.0]), 0),
        ],
    ),
    Row("all", SHAPES, dtypes=INTEGERS, order=0),
    Row("any", [*SHAPES, case(t(0, 3), 0)], dtypes=INTEGERS, order=0),
    Row("count_nonzero", [case(t(2, 3)), case(ZEROS, 1), case(ZEROS, (0, 1))], order=0),
]

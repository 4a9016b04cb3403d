"""Running operations and differences."""

import numpy as np

from tests.table import Row, case, raises, t

ZEROS = t(2, 4, values=[[1.5, 0.0, -2.0, 3.0], [0.0, 2.0, 0.0, 1.0]])
TIES = t(2, 4, values=[[1.0, 3.0, 3.0, -1.0], [2.0, 2.0, 0.0, 2.0]], grad=False)
NAN = t(4, values=[1.0, np.nan, 3.0, np.nan], dtype="float64", grad=False)
LINES = [case(t(2, 3, 4), 1), case(t(5), -1), case(t(), 0), case(t(0, 3), 0)]

ROWS = [
    Row(
        "cumsum",
        [*LINES, case(t(3, dtype="int32"), 0, dtype="@float64")],
        dtypes=("float64", "int64"),
    ),
    Row(
        "cumprod",
        [*LINES, case(ZEROS, 1), case(ZEROS, 0)],
        dtypes=("float64", "int64"),
        tolerance=4,
    ),
    Row(
        "logcumsumexp",
        [*LINES[:3], case(t(3, values=[-1000.0, 1000.0, 999.0], grad=False), 0)],
        errors=[raises(RuntimeError, "not implemented", t(3, dtype="int64"), 0)],
        tolerance=4,
    ),
    Row("cummax", [*LINES[:3], case(TIES, 1), case(NAN, 0)]),
    Row("cummin", [*LINES[:3], case(TIES, 1), case(NAN, 0)]),
    Row(
        "diff",
        [
            case(t(2, 5)),
            case(t(5, 2), 2, 0),
            case(t(2, 3), 1, -1, t(2, 1), t(2, 2)),
            case(t(3), 5),
            case(t(5, dtype="bool")),
        ],
        errors=[
            raises(RuntimeError, "at least one-dimensional", t()),
            raises(RuntimeError, "non-negative", t(3), -1),
            raises(RuntimeError, "same dimension as input", t(3), 1, 0, t(1, 1)),
        ],
    ),
    Row(
        "trapezoid",
        [case(t(2, 5)), case(t(2, 5), t(5)), case(t(2, 5), dx=0.5, dim=0), case(t(2, 5), t(2, 5))],
        errors=[raises(RuntimeError, "one `x` value for each sample", t(2, 5), t(4))],
    ),
    Row("cumulative_trapezoid", [case(t(2, 5)), case(t(2, 5), t(5)), case(t(2, 5), dx=0.5, dim=0)]),
]

"""Order, distinct values, places and counts."""

import numpy as np

from tests.table import Row, case, raises, t

TIES = t(2, 5, values=[[1, 3, 3, -1, 2], [2, 2, 0, 2, 2]], grad=False)
NAN = t(4, values=[1.0, np.nan, 3.0, -1.0], dtype="float64", grad=False)
LINES = [
    case(t(2, 5)),
    case(t(4, 3), 0, True),
    case(NAN),
    case(NAN, 0, True),
    case(t()),
    case(t(0, 3), 1),
]
STABLE = case(TIES, dim=1, descending=True, stable=True)
EDGES = t(4, values=[1, 3, 3, 7], grad=False)
ASKED = t(2, 3, values=[[0, 1, 3], [4, 7, 9]], grad=False)
WHOLE = t(5, values=[0, 3, 1, 1, 5], dtype="int64")

ROWS = [
    Row("sort", [*LINES, STABLE], dtypes=("float32", "float64", "int64")),
    Row("argsort", [*LINES, STABLE], dtypes=("float32", "float64", "int64"), order=0),
    Row("msort", [case(t(4, 3))]),
    Row(
        "topk",
        [case(t(2, 6), 2), case(t(6, 2), 3, 0, False), case(NAN, 2), case(t(), 1), case(t(4), 0)],
        errors=[raises(RuntimeError, "k out of range: k is 4", t(3), 4)],
    ),
    Row(
        "kthvalue",
        [case(t(2, 6), 2), case(t(6, 2), 3, 0, True), case(NAN, 4), case(t(), 1)],
        errors=[
            raises(RuntimeError, "expected 1 to 3", t(3), 4),
            raises(IndexError, "non-zero size", t(0), 1),
        ],
    ),
    Row(
        "unique",
        [
            case(TIES),
            case(TIES, True, True, True),
            case(TIES, return_counts=True, dim=1),
            case(t(0, grad=False)),
        ],
        dtypes=("float32", "int64"),
        order=0,
    ),
    Row(
        "unique_consecutive",
        [
            case(TIES),
            case(TIES, True, True),
            case(TIES, return_counts=True, dim=1),
            case(t(0, grad=False)),
        ],
        dtypes=("float32", "int64"),
        order=0,
    ),
    Row(
        "searchsorted",
        [
            case(EDGES, ASKED),
            case(EDGES, ASKED, right=True, out_int32=True),
            case(EDGES, 3.0, side="right"),
            case(t(2, 3, values=[[1, 2, 3], [0, 5, 9]], grad=False), ASKED),
            case(
                t(3, values=[3, 1, 2], grad=False),
                ASKED,
                sorter=t(3, values=[1, 2, 0], dtype="int64"),
            ),
        ],
        dtypes=("float32", "int64"),
        order=0,
        errors=[
            raises(RuntimeError, "opposites", t(3), t(2), right=True, side="left"),
            raises(RuntimeError, "can only be 'left' or 'right'", t(3), t(2), side="middle"),
            raises(RuntimeError, "at least 1 dimension", t(), t(2)),
            raises(RuntimeError, "first N-1 dimensions", t(2, 3), t(3, 3)),
            raises(RuntimeError, "same size", t(3), t(2), sorter=t(2, dtype="int64")),
            raises(RuntimeError, "long dtype", t(3), t(2), sorter=t(3)),
            raises(
                IndexError,
                "sorter index out of range",
                t(1),
                t(2),
                sorter=t(1, values=[4], dtype="int64"),
            ),
        ],
    ),
    Row(
        "bucketize",
        [case(ASKED, EDGES), case(ASKED, EDGES, right=True)],
        dtypes=("float32", "int64"),
        order=0,
        errors=[raises(RuntimeError, "must be 1 dimension", t(3), t(2, 2))],
    ),
    Row(
        "bincount",
        [
            case(WHOLE),
            case(WHOLE, minlength=9),
            case(WHOLE, t(5, grad=False)),
            case(t(0, dtype="int64")),
        ],
        order=0,
        errors=[
            raises(RuntimeError, "1-d non-negative", t(3, values=[1, -1, 0], dtype="int64")),
            raises(RuntimeError, "minlength should be >= 0", WHOLE, minlength=-1),
            raises(RuntimeError, "same length as input", WHOLE, t(4)),
        ],
    ),
    Row(
        "histc",
        [case(t(50)), case(t(50), 10, -1, 1), case(t(3, values=[2, 2, 2]), 5)],
        order=0,
        errors=[
            raises(RuntimeError, "bins must be > 0", t(3), 0),
            raises(RuntimeError, "max must be larger than min", t(3), 4, 2, 1),
            raises(RuntimeError, "is not finite", t(2, values=[1.0, np.inf])),
        ],
    ),
]

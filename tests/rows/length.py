"""Lengths of vectors and matrices, and distances."""

import math

import numpy as np

from tests.table import Row, case, raises, t

INTEGER = t(3, dtype="int64")
ORDERS = (1, 2, 3, 1.5, 0.5, math.inf, -math.inf, -1)
POINTS = (t(4, 3), t(5, 3))

ROWS = [
    Row(
        "linalg.vector_norm",
        [
            *(case(t(2, 3), p) for p in ORDERS),
            case(t(2, 3), 2, 1, True),
            case(t(2, 3, grad=False), 0, 1),
            case(t(2, 3, grad=False, values=[[0, 0, 0], [0, 1, 0]]), 2, 1),
        ],
        errors=[
            raises(RuntimeError, "Expected a floating point", INTEGER),
            raises(RuntimeError, "does not have an identity", t(0), math.inf),
            raises(TypeError, "ord must be a number", t(3), "fro"),
            raises(RuntimeError, "without narrowing", t(3, dtype="float64"), dtype="@float32"),
            raises(RuntimeError, "dtype should be floating", t(3), dtype="@int64"),
        ],
        tolerance=4,
    ),
    Row(
        "linalg.matrix_norm",
        [
            *(case(t(2, 3, 4), p) for p in ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf)),
            case(t(2, 3, 4), "nuc", (0, 2), True),
            case(t(2, 3), 1, (1, 0), True),
        ],
        errors=[
            raises(RuntimeError, "at least 2 dimensions", t(3)),
            raises(RuntimeError, "must be a 2-tuple", t(2, 3), "fro", 1),
            raises(RuntimeError, "dims must be different", t(2, 3), "fro", (0, 0)),
            raises(RuntimeError, "Order 3 not supported", t(2, 3), 3),
        ],
        tolerance=20,
    ),
    Row(
        "linalg.norm",
        [case(t(2, 3, 4)), case(t(2, 3), "fro"), case(t(3), 3), case(t(2, 3), 1, 0)],
        errors=[
            raises(RuntimeError, "the input must be 1D or 2D", t(2, 2, 2), 2),
            raises(RuntimeError, "a norm of matrices", t(3), "nuc"),
        ],
        tolerance=4,
    ),
    Row(
        "norm",
        [
            case(t(2, 3)),
            case(t(2, 3), 1),
            case(t(2, 3), "fro", 1),
            case(t(2, 3), "nuc"),
            case(t(3), 3, 0),
        ],
        errors=[raises(RuntimeError, "only valid string values", t(3), "max")],
        tolerance=10,
    ),
    Row(
        "cdist",
        [
            *(case(*POINTS, p=p) for p in (2.0, 1.0, 3.0, math.inf)),
            case(t(2, 30, 3), t(4, 3)),
            case(*POINTS, compute_mode="use_mm_for_euclid_dist"),
        ],
        errors=[
            raises(RuntimeError, "same number of columns. X1: 3 X2: 4", t(2, 3), t(2, 4)),
            raises(RuntimeError, "at least two dimensions", t(3), t(2, 3)),
            raises(RuntimeError, "non-negative p values", t(2, 3), t(2, 3), p=-1.0),
        ],
        tolerance=40,
    ),
    Row(
        "dist",
        [case(t(2, 3), t(3)), *(case(t(2, 3), t(2, 3), p) for p in (1, 3, math.inf, 0.5))],
        reference=lambda x, y, p=2: np.linalg.norm((x - y).reshape(-1), p),
        errors=[raises(RuntimeError, "must match the size of tensor b", t(2), t(3))],
        tolerance=8,
    ),
]

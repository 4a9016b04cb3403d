"""Matrices taken apart and solved. What depends on the sign of a vector is tested in
`tests/test_decompose.py`."""

import numpy as np

from tests.table import Row, case, raises, t

# Well away from singular, so that PyTorch's library and NumPy's agree to the last digits but one.
A = t(3, 3, values=[[4.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.0, 0.5, 2.0]])
B = t(2, 2, 2, values=[[[2.0, 1.0], [0.5, -3.0]], [[1.0, 0.0], [1.0, 2.0]]])
NEGATIVE = t(2, 2, values=[[1.0, 2.0], [3.0, 4.0]], grad=False)
SYMMETRIC = t(3, 3, values=[[4.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.5, -1.0, 2.0]])
SINGULAR = t(2, 2, values=[[1.0, 2.0], [2.0, 4.0]])
ZERO = t(2, 2, values=[[0.0, 0.0], [0.0, 0.0]])


def matrices(*more, **kwargs):
    return [
        raises(RuntimeError, "batches of square matrices", t(2, 3), *more, **kwargs),
        raises(RuntimeError, "at least 2 dimensions", t(3), *more, **kwargs),
        raises(RuntimeError, "Expected a floating point", t(2, 2, dtype="int64"), *more, **kwargs),
    ]


ROWS = [
    Row(
        "linalg.inv",
        [case(A), case(B)],
        errors=[*matrices(), raises(RuntimeError, "linalg.inv: the matrix is singular", ZERO)],
        tolerance=10,
    ),
    Row(
        "linalg.solve",
        [case(A, t(3)), case(A, t(3, 2)), case(B, t(2, 2)), case(A, t(2, 3), left=False)],
        errors=[
            *matrices(t(2)),
            raises(RuntimeError, "matrix is singular", ZERO, t(2)),
            raises(RuntimeError, "Incompatible shapes of A and B", A, t(4, 2)),
            raises(RuntimeError, "have the same dtype", A, t(3, dtype="int64")),
            raises(RuntimeError, "not supported for left=False", A, t(3), left=False),
        ],
        tolerance=10,
    ),
    Row(
        "linalg.solve_triangular",
        [
            case(A, t(3, 2), upper=True),
            case(A, t(3, 2), upper=False, unitriangular=True),
            case(A, t(2, 3), upper=True, left=False),
        ],
        errors=matrices(t(3, 2), upper=True),
        tolerance=10,
    ),
    Row("linalg.det", [case(A), case(B), case(t(0, 0))], errors=matrices(), tolerance=10),
    # PyTorch gives 0 here, in whose place the cofactors stand in any book.
    Row("linalg.det", [case(SINGULAR)], torch_name="", order=1),
    Row("linalg.slogdet", [case(A), case(B)], errors=matrices(), tolerance=10),
    Row("logdet", [case(A), case(NEGATIVE)], errors=matrices(), tolerance=10),
    Row(
        "linalg.svdvals",
        [case(A), case(t(2, 3, 2)), case(t(2, 4))],
        errors=matrices()[1:],
        tolerance=20,
    ),
    Row("linalg.eigvalsh", [case(A), case(A, "U")], order=0, errors=matrices(), tolerance=10),
    Row(
        "linalg.cholesky",
        [case(SYMMETRIC), case(SYMMETRIC, upper=True)],
        order=0,
        errors=matrices(),
        tolerance=4,
    ),
    Row(
        "cholesky",
        [case(SYMMETRIC, upper=True)],
        torch_name="linalg.cholesky",
        order=0,
        errors=matrices(),
        tolerance=4,
    ),
    Row("linalg.eigh", [case(SYMMETRIC), case(A, "U")], torch_name="", order=0, errors=matrices()),
    Row("linalg.qr", [case(A), case(t(3, 2), "r")], torch_name="", order=0, errors=matrices()[1:]),
    Row(
        "linalg.svd", [case(A), case(t(3, 2), False)], torch_name="", order=0, errors=matrices()[1:]
    ),
]
ROWS += [
    Row(
        "linalg.cond",
        [case(A), case(A, 2), case(A, -2), case(t(4, 2))],
        errors=matrices()[1:],
        tolerance=40,
    ),
    # PyTorch has no gradient of these: a result is changed in place after it was kept.
    Row(
        "linalg.cond",
        [case(A, p) for p in ("fro", "nuc", 1, -1, np.inf, -np.inf)],
        order=0,
        errors=matrices("fro"),
        tolerance=40,
    ),
]
# Their values and derivatives: tests/ops/test_complex_linalg.py and tests/test_decompose.py.
ROWS += [
    Row("linalg.eig", [case(A)], torch_name="", order=0, errors=matrices()),
    Row("linalg.eigvals", [case(A)], torch_name="", order=0, errors=matrices()),
    Row("svd", [case(A), case(t(3, 2), False)], torch_name="", order=0, errors=matrices()[1:]),
    Row("qr", [case(A), case(t(3, 2), False)], torch_name="", order=0, errors=matrices()[1:]),
    Row(
        "linalg.lstsq",
        [case(A, t(3, 2)), case(t(4, 2), t(4, 1)), case(t(2, 4), t(2, 1))],
        torch_name="",
        order=0,
        errors=[
            *matrices(t(2, 1))[1:],
            raises(RuntimeError, "expected A and B of one dtype", A, t(3, 1, dtype="complex64")),
            raises(RuntimeError, "must have as many rows", A, t(4, 1)),
            raises(RuntimeError, "`driver` should be one of", A, t(3, 1), driver="fast"),
        ],
    ),
]

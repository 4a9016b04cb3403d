"""Functions of whole matrices."""

from tests.table import Row, case, raises, t

A = t(3, 3, values=[[4.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.0, 0.5, 2.0]])
LOW = t(3, 3, values=[[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]], grad=False)
COUNTS = t(4, values=[1, 2, 0, 3], dtype="int64")
WEIGHTS = t(4, low=0.5, high=1.5)

ROWS = [
    Row(
        "matrix_exp",
        [case(A), case(t(2, 2, 2)), case(t(3, 3, low=-9, high=9)), case(t(0, 0))],
        errors=[raises(RuntimeError, "square matrices", t(2, 3))],
        tolerance=20,
    ),
    Row(
        "matrix_power",
        [case(A, 0), case(A, 1), case(A, 5), case(A, -2), case(t(2, 2, 2), 3)],
        errors=[raises(RuntimeError, "square matrices", t(2, 3), 2)],
        tolerance=20,
    ),
    Row(
        "linalg.pinv",
        [case(A), case(t(2, 4)), case(t(2, 4, 3)), case(LOW), case(LOW, hermitian=True)],
        errors=[raises(RuntimeError, "at least 2 dimensions", t(3))],
        tolerance=20,
    ),
    Row(
        "linalg.matrix_rank",
        [case(A), case(LOW), case(LOW, 1.5), case(LOW, atol=7.0), case(t(2, 3, 2))],
        order=0,
        errors=[raises(RuntimeError, "at least 2 dimensions", t(3))],
    ),
    Row(
        "linalg.cross",
        [case(t(2, 3), t(2, 3)), case(t(3, 2), t(3, 1), dim=0)],
        errors=[
            raises(RuntimeError, "must have length 3", t(2, 4), t(2, 4)),
            raises(RuntimeError, "same number of dimensions", t(2, 3), t(3)),
        ],
    ),
    Row(
        "cross",
        [case(t(3, 3), t(3, 3), 1)],
        errors=[raises(RuntimeError, "no dimension of size 3", t(2, 4), t(2, 4))],
    ),
    Row(
        "linalg.vecdot",
        [case(t(2, 3), t(2, 3)), case(t(2, 3), t(2, 1), dim=0)],
        errors=[raises(RuntimeError, "expected one dtype", t(3), t(3, dtype="int64"))],
    ),
    Row("linalg.diagonal", [case(t(2, 3, 4)), case(t(3, 3), offset=1)]),
    Row(
        "cov",
        [
            case(t(3, 4)),
            case(t(4)),
            case(t(3, 4), correction=0, fweights=COUNTS),
            case(t(3, 4), aweights=WEIGHTS),
            case(t(3, 4), fweights=COUNTS, aweights=WEIGHTS),
        ],
        errors=[
            raises(RuntimeError, "two or fewer dimensions", t(2, 2, 2)),
            raises(RuntimeError, "the 4 observations", t(3, 4), fweights=t(3, dtype="int64")),
            raises(RuntimeError, "integral dtype", t(3, 4), fweights=t(4)),
            raises(RuntimeError, "cannot be negative", t(3, 4), aweights=t(4, low=-2, high=-1)),
        ],
        tolerance=10,
    ),
    Row(
        "corrcoef",
        [case(t(3, 4))],
        errors=[raises(RuntimeError, "two or fewer dimensions", t(2, 2, 2))],
        tolerance=10,
    ),
]

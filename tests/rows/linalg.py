"""Products of matrices and what is built from them."""

import numpy as np

from tests.table import Row, case, raises, t

BATCH = (t(2, 2, 3), t(2, 3, 4))
DTYPE = "expected both operands to have the same dtype"


def vectors(name):
    return raises(RuntimeError, f"{name}: input must be a vector", t(2, 3), t(3))


ROWS = [
    Row(
        "matmul",
        [
            case(t(2, 3), t(3, 4)),
            case(t(3), t(3)),
            case(t(2, 3), t(3)),
            case(t(3), t(3, 2)),
            case(t(5, 1, 2, 3), t(4, 3, 2)),
            case(t(2, 0), t(0, 3)),
        ],
        reference=np.matmul,
        errors=[
            raises(RuntimeError, "shapes cannot be multiplied (2x3 and 4x5)", t(2, 3), t(4, 5)),
            raises(RuntimeError, "both arguments to matmul need to be at least 1D", t(), t(3)),
            raises(RuntimeError, "same dtype", t(2, 3), t(3, 2, dtype="int64")),
        ],
    ),
    Row(
        "mm",
        [case(t(2, 3), t(3, 4))],
        errors=[
            raises(RuntimeError, "mm: mat2 must be a matrix", t(2, 3), t(3)),
            raises(RuntimeError, "cannot be multiplied", t(2, 3), t(2, 3)),
        ],
    ),
    Row(
        "bmm",
        [case(*BATCH)],
        errors=[raises(RuntimeError, "batches must have the same size", t(2, 2, 3), t(3, 3, 4))],
    ),
    Row(
        "mv",
        [case(t(2, 3), t(3))],
        errors=[raises(RuntimeError, "must be a vector", t(2, 3), t(3, 1))],
    ),
    Row("dot", [case(t(4), t(4)), case(t(0), t(0))], errors=[vectors("dot")]),
    Row("vdot", [case(t(4), t(4))], errors=[vectors("dot")]),
    Row("outer", [case(t(4), t(3))], errors=[vectors("outer")]),
    Row(
        "inner",
        [case(t(2, 3), t(4, 3)), case(t(), t(3)), case(t(3), t(3))],
        errors=[raises(RuntimeError, "last dimension must match", t(2, 3), t(2, 4))],
    ),
    Row(
        "addmm",
        [
            case(t(2, 4), t(2, 3), t(3, 4)),
            case(t(4), t(2, 3), t(3, 4), beta=0.5, alpha=2),
            case(t(4, values=[np.nan] * 4), t(2, 3), t(3, 4), beta=0),
        ],
        errors=[
            raises(RuntimeError, "must broadcast to the shape", t(3), t(2, 3), t(3, 4)),
            raises(RuntimeError, DTYPE, t(4, dtype="int64"), t(2, 3), t(3, 4)),
        ],
    ),
    Row(
        "baddbmm", [case(t(2, 2, 4), *BATCH), case(t(2, 1), *BATCH, beta=2, alpha=-1)], tolerance=4
    ),
    Row("addbmm", [case(t(2, 4), *BATCH), case(t(4), *BATCH, beta=2, alpha=-1)], tolerance=4),
    Row("addmv", [case(t(2), t(2, 3), t(3)), case(t(), t(2, 3), t(3), beta=2, alpha=-1)]),
    Row("addr", [case(t(2, 3), t(2), t(3)), case(t(), t(2), t(3), beta=2, alpha=-1)]),
    Row("chain_matmul", [case(t(2, 5), t(5, 3), t(3, 4))], torch_name="", tolerance=4),
    Row(
        "linalg.multi_dot",
        [case([t(2, 5), t(5, 3), t(3, 4)]), case([t(5), t(5, 3), t(3, 4), t(4)])],
        errors=[
            raises(RuntimeError, "at least 2 tensors", [t(2, 3)]),
            raises(RuntimeError, "tensor 1 must be 2D", [t(2, 3), t(3), t(3, 2)]),
        ],
        tolerance=4,
    ),
    Row("conj", [case(t(3))]),
    Row("adjoint", [case(t(2, 3, 4))]),
]

"""`sangja.linalg`: linear algebra, under PyTorch's names."""

from sangja.core.errors import LinAlgError
from sangja.ops.decompose import (
    cholesky,
    det,
    eigh,
    eigvalsh,
    inv,
    qr,
    slogdet,
    solve,
    solve_triangular,
    svd,
    svdvals,
)
from sangja.ops.eigen import cond, eig, eigvals, lstsq
from sangja.ops.length import matrix_norm, norm, vector_norm
from sangja.ops.linalg import matmul, multi_dot
from sangja.ops.matrix import (
    diagonal,
    linalg_cross as cross,
    matrix_exp,
    matrix_power,
    matrix_rank,
    pinv,
    vecdot,
)

__all__ = [
    "LinAlgError",
    "cholesky",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "inv",
    "lstsq",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "svdvals",
    "vecdot",
    "vector_norm",
]

"""Products of matrices and what is built from them."""

import numpy as np

from tests.table import Row, case, raises, t

ROWS = [
    Row(
        "matmul",
        [
            case(t(2, 3), t(3, 4)),
            case(t(3), t(3)),
            case(t(2, 3), t(3)),
            case(t(3), t(3, 2)),
            case(t(5, 1, 2, 3), t(4, 3, 2)),
        ],
        reference=np.matmul,
        errors=[
            raises(RuntimeError, "shapes cannot be multiplied (2x3 and 4x5)", t(2, 3), t(4, 5)),
            raises(RuntimeError, "both arguments to matmul need to be at least 1D", t(), t(3)),
            raises(RuntimeError, "same dtype", t(2, 3), t(3, 2, dtype="int64")),
        ],
    ),
]

"""Arithmetic, comparison and the elementary functions."""

import numpy as np

from tests.table import Row, case, raises, t

ROWS = [
    Row(
        "add",
        [case(t(2, 3), t(2, 3)), case(t(2, 3), t(3), alpha=2)],
        dtypes=("float16", "float32", "float64", "int64", "uint8"),
        elementwise=True,
        special=(0.0, 1.0, -np.inf, np.inf, np.nan),
        errors=[raises(RuntimeError, "broadcast", t(2, 3), t(2, 4))],
    ),
    Row(
        "tanh",
        [case(t(2, 3))],
        reference=np.tanh,
        elementwise=True,
        special=(0.0, -0.0, 30.0, np.inf, np.nan),
    ),
]

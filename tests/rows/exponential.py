"""Powers, roots, exponentials and logarithms."""

import numpy as np

from tests.table import Row, case, raises, t

SPECIAL = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan)
FLOATS = ("float16", "float32", "float64")
ANY = ("float32", "float64", "int64")
POSITIVE = t(2, 3, low=0.1, high=5)
PAIR = [case(t(2, 3), t(2, 3)), case(t(2, 3), t(3))]
WHOLE = t(3, dtype="int64")

ROWS = [
    Row("exp", [case(t(2, 3))], reference=np.exp, dtypes=FLOATS, elementwise=True, special=SPECIAL),
    Row(
        "exp2", [case(t(2, 3))], reference=np.exp2, dtypes=FLOATS, elementwise=True, special=SPECIAL
    ),
    Row(
        "expm1",
        [case(t(2, 3))],
        reference=np.expm1,
        dtypes=FLOATS,
        elementwise=True,
        special=SPECIAL,
    ),
    Row("log", [case(POSITIVE)], reference=np.log, elementwise=True, special=SPECIAL),
    Row("log2", [case(POSITIVE)], reference=np.log2, elementwise=True, special=SPECIAL),
    Row("log10", [case(POSITIVE)], reference=np.log10, elementwise=True, special=SPECIAL),
    Row("log1p", [case(POSITIVE)], reference=np.log1p, elementwise=True, special=SPECIAL),
    Row("sqrt", [case(POSITIVE)], reference=np.sqrt, elementwise=True, special=SPECIAL),
    Row("rsqrt", [case(POSITIVE)], elementwise=True, special=SPECIAL),
    Row(
        "square",
        [case(t(2, 3))],
        reference=np.square,
        dtypes=ANY,
        elementwise=True,
        special=SPECIAL,
    ),
    Row(
        "logaddexp",
        PAIR,
        reference=np.logaddexp,
        elementwise=True,
        special=(0.0, 1.0, -50.0),
        errors=[raises(RuntimeError, "not implemented for integers", WHOLE, WHOLE)],
    ),
    Row(
        "logaddexp2",
        PAIR,
        reference=np.logaddexp2,
        elementwise=True,
        special=(0.0, 1.0, -50.0),
        errors=[raises(RuntimeError, "not implemented for integers", WHOLE, WHOLE)],
    ),
    Row(
        "xlogy",
        [case(t(2, 3), POSITIVE), case(t(2, 3), 2.0), case(0.5, POSITIVE)],
        elementwise=True,
        special=(0.0, 1.0, 2.0, np.inf, np.nan),
    ),
    Row(
        "pow",
        [
            case(POSITIVE, t(2, 3)),
            *(case(t(2, 3), n) for n in (0, 1, 2, 3, 4)),
            *(case(POSITIVE, n) for n in (0.5, -1.5, -1)),
            case(2.0, t(2, 3)),
            case(t(3, dtype="int64"), 0.5),
            case(t(3, dtype="int64"), t(3, dtype="int64")),
        ],
        elementwise=True,
        special=(1.0, 2.0, 3.0),
        errors=[raises(RuntimeError, "Integers to negative integer powers", WHOLE, -1)],
    ),
    Row(
        "float_power",
        [case(POSITIVE, t(2, 3)), case(t(2, 3), 2), case(t(3, dtype="int64"), 2)],
        dtypes=("float32", "float64"),
    ),
    Row(
        "hypot",
        PAIR,
        reference=np.hypot,
        elementwise=True,
        special=(1.0, -2.0, 1e200),
        errors=[raises(RuntimeError, "not implemented for integers", WHOLE, WHOLE)],
    ),
]

"""The largest, the smallest, the middle."""

import numpy as np

from tests.table import Row, case, raises, t

TIES = t(2, 4, values=[[1.0, 3.0, 3.0, -1.0], [2.0, 2.0, 0.0, 2.0]])
NAN = t(2, 3, values=[[1.0, np.nan, -2.0], [0.5, 0.25, 3.0]], dtype="float64", grad=False)
OVER = [case(t(2, 3, 4)), case(t(2, 3, 4), (0, 2)), case(t(2, 3), 1, True), case(NAN, 1), case(t())]
ONE = [case(t(2, 3, 4)), case(t(2, 3, 4), 1), case(t(2, 3), -1, True), case(NAN, 1), case(NAN)]
EMPTY = [raises(IndexError, "non-zero size", t(0, 3), 0)]
PARTS = t(3, values=[0.1, 0.5, 0.9], grad=False)
QUANTILES = [
    case(t(2, 5), 0.3),
    case(t(2, 5), 0.5, 1, True),
    case(t(4, 5), PARTS, 0, interpolation="midpoint"),
    case(t(4, 5), PARTS, 1, interpolation="nearest"),
    case(t(4, 5), 0.4, 1, interpolation="lower"),
    case(t(4, 5), 0.4, 1, interpolation="higher"),
    case(NAN, 0.4, 1),
]
REFUSED = [
    raises(RuntimeError, "non-empty", t(0), 0.5),
    raises(RuntimeError, "range [0, 1]", t(3), 1.5),
    raises(RuntimeError, "interpolation must be one of", t(3), 0.5, interpolation="cubic"),
    raises(RuntimeError, "either float or double", t(3, dtype="int64"), 0.5),
]

ROWS = [
    Row("amax", OVER, errors=EMPTY),
    Row("amin", OVER, errors=EMPTY),
    Row("aminmax", [case(t(2, 3)), case(t(2, 3), dim=1), case(NAN, dim=1, keepdim=True)]),
    Row(
        "max",
        [*ONE, case(t(2, 3), t(3))],
        dtypes=("float32", "float64", "int64", "uint8"),
        errors=[*EMPTY, raises(RuntimeError, "input.numel() == 0", t(0))],
    ),
    Row(
        "min",
        [*ONE, case(t(2, 3), t(3))],
        dtypes=("float32", "float64", "int64", "uint8"),
        errors=[*EMPTY, raises(RuntimeError, "input.numel() == 0", t(0))],
    ),
    Row("argmax", [*ONE, case(TIES, 1), case(t())], errors=EMPTY, order=0),
    Row("argmin", [*ONE, case(TIES, 1), case(t())], errors=EMPTY, order=0),
    Row("median", [*ONE, case(t(0))], errors=EMPTY),
    Row("nanmedian", ONE, errors=EMPTY),
    Row("quantile", QUANTILES, errors=REFUSED, tolerance=4),
    Row("nanquantile", QUANTILES, errors=REFUSED, tolerance=4),
]

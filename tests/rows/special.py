"""Special functions. Their kernels are measured in `tests/test_special_kernels.py`."""

import numpy as np

from tests.table import Row, case, raises, t

INSIDE, POSITIVE = t(2, 3, low=-0.9, high=0.9), t(2, 3, low=0.1, high=15)
SPECIAL = (0.0, -0.0, 0.3, 1.0, 7.0, np.inf, -np.inf, np.nan)

ROWS = [
    Row("erf", [case(t(2, 3)), case(t(2, 3, low=-7, high=7))], elementwise=True, special=SPECIAL),
    Row(
        "erfc",
        [case(t(2, 3)), case(t(2, 3, low=-7, high=7))],
        elementwise=True,
        special=SPECIAL,
        tolerance=2,
    ),
    Row(
        "erfinv",
        [case(INSIDE)],
        elementwise=False,
        special=(0.0, 0.5, -0.99, 2.0, np.nan),
        tolerance=4,
    ),
    Row(
        "lgamma",
        [case(POSITIVE), case(t(3, values=[-0.5, -1.3, -7.9]))],
        special=(0.5, 3.0, 40.0),
        tolerance=4,
    ),
    Row(
        "digamma",
        [case(POSITIVE), case(t(3, values=[-0.5, -1.3, -7.9]))],
        special=(0.5, 3.0, 40.0),
        tolerance=8,
    ),
    Row(
        "polygamma",
        [*(case(n, POSITIVE) for n in (0, 1, 2, 3)), case(1, t(3, values=[-0.5, -1.3, -7.9]))],
        tolerance=16,
        errors=[raises(RuntimeError, "does not support negative n; got n=-1", -1, t(3))],
    ),
    Row(
        "logit",
        [case(t(2, 3, low=0.05, high=0.95)), case(t(2, 3, low=-0.5, high=1.5), eps=0.1)],
        special=(0.2, 0.5, -1.0, 2.0, np.nan),
    ),
    Row(
        "special.erfcx",
        [case(t(2, 3)), case(t(2, 3, low=-5, high=30))],
        elementwise=True,
        special=(0.0, 0.3, -0.3, 1.0, 7.0, np.inf, -np.inf, np.nan),
        tolerance=8,
    ),
    Row(
        "special.ndtr",
        [case(t(2, 3)), case(t(2, 3, low=-5, high=5))],
        elementwise=True,
        special=(0.0, 1.0, -7.0, np.nan),
        tolerance=8,
    ),
    Row(
        "special.entr",
        [case(POSITIVE)],
        special=(0.0, 0.5, 3.0, -1.0, np.nan),
        tolerance=2,
    ),
]

"""Circular and hyperbolic functions and their inverses."""

import numpy as np

from tests.table import Row, case, t

SPECIAL = (0.0, -0.0, 0.5, 1.0, np.inf, -np.inf, np.nan)
DTYPES = ("float16", "float32", "float64")
INSIDE, ABOVE = t(2, 3, low=-0.9, high=0.9), t(2, 3, low=1.1, high=4)


def row(name, reference, argument=None):
    cases = [case(argument or t(2, 3))]
    return Row(
        name,
        cases,
        reference=reference,
        dtypes=DTYPES,
        elementwise=True,
        special=SPECIAL,
        tolerance=2,
    )


ROWS = [
    row("sin", np.sin),
    row("cos", np.cos),
    row("tan", np.tan, INSIDE),
    row("asin", np.arcsin, INSIDE),
    row("acos", np.arccos, INSIDE),
    row("atan", np.arctan),
    row("sinh", np.sinh),
    row("cosh", np.cosh),
    row("tanh", np.tanh),
    row("asinh", np.arcsinh),
    row("acosh", np.arccosh, ABOVE),
    row("atanh", np.arctanh, INSIDE),
    Row(
        "sinc",
        [case(t(2, 3))],
        reference=np.sinc,
        elementwise=True,
        special=(0.5, 1.0, np.inf, np.nan),
    ),
    row("deg2rad", np.deg2rad),
    row("rad2deg", np.rad2deg),
    Row(
        "atan2",
        [case(t(2, 3), t(2, 3)), case(t(2, 3), t(3))],
        reference=np.arctan2,
        elementwise=True,
        special=(1.0, -2.0, np.inf, np.nan),
    ),
]

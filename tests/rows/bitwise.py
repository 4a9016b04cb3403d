"""Bits."""

import numpy as np

from tests.table import Row, case, raises, t

WHOLE = ("int64", "int8", "uint8", "bool")
SHIFTED = ("int64", "uint8")
FLOATS = raises(RuntimeError, "only integers and bools have bits", t(3), t(3))

ROWS = [
    Row(
        name,
        [case(t(2, 3), t(2, 3)), case(t(2, 3), t(3)), case(t(3), 1)],
        reference=getattr(np, name),
        dtypes=WHOLE,
        elementwise=True,
        order=0,
        errors=[FLOATS],
    )
    for name in ("bitwise_and", "bitwise_or", "bitwise_xor")
] + [
    Row(
        "bitwise_not",
        [case(t(2, 3))],
        reference=np.bitwise_not,
        dtypes=WHOLE,
        elementwise=True,
        order=0,
        errors=[raises(RuntimeError, "only implemented on integer and Boolean-type", t(3))],
    ),
    Row(
        "bitwise_left_shift",
        [case(t(2, 3), t(2, 3, low=0, high=5)), case(t(3), 2)],
        dtypes=SHIFTED,
        order=0,
        errors=[FLOATS],
    ),
    Row(
        "bitwise_right_shift",
        [case(t(2, 3, low=-100, high=100), t(2, 3, low=0, high=5)), case(t(3), 2)],
        dtypes=SHIFTED,
        order=0,
        errors=[FLOATS],
    ),
]
ROWS += [
    Row(
        name,
        [case(t(2, 3), t(2, 3)), case(t(2, 3), t(3))],
        reference=getattr(np, name),
        dtypes=SHIFTED,
        elementwise=True,
        order=0,
        errors=[raises(RuntimeError, "only integers have divisors", t(3), t(3))],
    )
    for name in ("gcd", "lcm")
]

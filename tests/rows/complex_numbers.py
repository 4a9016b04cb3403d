"""Complex numbers and their parts; complex inputs in tests/ops/test_complex_numbers.py."""

import numpy as np

from sangja.core.errors import DTypeError, ShapeError
from tests.table import Row, case, raises, t

NUMBERS = t(3, dtype="complex128", values=[1 + 2j, -3 - 1j, 2j])

ROWS = [
    Row(
        "view_as_complex",
        [],  # it depends on how its input lies in memory: tests/ops/test_complex_numbers.py
        errors=[
            raises(ShapeError, "must have a last dimension of size 2, but got 3", t(2, 3)),
            raises(ShapeError, "must have one or more dimensions", t()),
            raises(DTypeError, "got a tensor of scalar type: sangja.int64", t(2, dtype="int64")),
        ],
    ),
    Row(
        "view_as_real",
        [case(NUMBERS)],
        dtypes=("float64",),
        errors=[raises(DTypeError, "only supported for complex tensors", t(2))],
    ),
    Row("real", [case(t(3)), case(NUMBERS)], np.real),
    Row(
        "imag",
        [case(NUMBERS)],
        np.imag,
        dtypes=("float64",),
        errors=[raises(DTypeError, "not implemented for tensors with non-complex dtypes", t(2))],
    ),
    Row("angle", [case(t(5)), case(NUMBERS)], np.angle, special=(-1.0, 0.0, 2.0, np.nan)),
    Row(
        "polar",
        [case(t(3, low=0.1, grad=False), t(3, grad=False))],
        lambda r, angle: r * np.exp(1j * angle),
        tolerance=3,
        errors=[
            raises(DTypeError, "polar: expected both inputs to be float", t(2), t(2, dtype="int64"))
        ],
    ),
    Row("conj_physical", [case(t(3)), case(NUMBERS)], np.conjugate),
    Row("isreal", [case(t(3)), case(t(2, dtype="complex128", values=[1.0, 1j]))], np.isreal),
    Row("is_conj", [case(t(3))]),
    Row("is_neg", [case(t(3))]),
    Row("resolve_conj", [case(t(3)), case(NUMBERS)]),
    Row("resolve_neg", [case(t(3))]),
]

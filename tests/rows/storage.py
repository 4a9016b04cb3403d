"""Views by hand."""

from sangja.core.errors import ShapeError
from tests.table import Row, case, raises, t

ROWS = [
    Row(
        "as_strided",
        [],  # it depends on how its input lies in memory: tests/ops/test_storage.py
        errors=[
            raises(ShapeError, "out of bounds for storage of size 12", t(3), (2, 2), (2, 1)),
            raises(ShapeError, "mismatch in length of strides and shape", t(3), (3,), (1, 1)),
            raises(ShapeError, "Negative strides are not supported", t(3), (3,), (-1,)),
            raises(ShapeError, "invalid storage offset -1", t(3), (2,), (1,), -1),
        ],
    ),
    Row("is_storage", [case(t(3))]),
]

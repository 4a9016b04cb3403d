"""Views by hand, and questions about memory and dtype."""

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
    # -- questions; the others in tests/test_dtypes.py and tests/engine/test_inference.py
    Row("get_device", [case(t(3))]),
    Row("is_inference", [case(t(3))]),
    Row("is_same_size", [case(t(3), t(3)), case(t(3), t(1, 3))]),
    Row("is_signed", [case(t(3)), case(t(3, dtype="uint8")), case(t(3, dtype="int8"))]),
    Row("empty_strided", []),
    Row("from_dlpack", []),
    Row("frombuffer", []),
    Row("to_dlpack", []),
    Row("range", [], errors=[raises(RuntimeError, "inconsistent with step sign", 0, 1, -1)]),
    Row("typename", []),
    Row(
        "set_default_tensor_type",
        [],
        errors=[raises(TypeError, "only floating-point types are supported", "@LongTensor")],
    ),
]

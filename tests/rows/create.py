"""New tensors, conversions, questions about dtypes."""

import numpy as np

from tests.table import Row, case, raises, t

WHOLE = t(2, 3, dtype="int64")

ROWS = [
    Row(
        "tensor",
        [case([[1.0, 2.0], [3.0, 4.0]]), case([1, 2]), case(True), case([]), case(np.arange(3.0))],
        errors=[
            raises(RuntimeError, "different lengths", [[1.0], [1.0, 2.0]]),
            raises(TypeError, "cannot make a tensor from str", "1"),
            raises(RuntimeError, "sangja computes on the CPU", 1.0, device="cuda"),
        ],
    ),
    Row("as_tensor", [case([1.0, 2.0]), case(np.arange(3)), case(t(2), dtype="@float64")]),
    Row(
        "asarray",
        [case([1.0, 2.0]), case(np.arange(3)), case(WHOLE, copy=True)],
        errors=[raises(ValueError, "can't alias", [1.0], copy=False)],
    ),
    Row(
        "from_numpy",
        [case(np.arange(3.0))],
        errors=[raises(TypeError, "expected np.ndarray (got list)", [1.0])],
    ),
    Row("scalar_tensor", [case(2), case(2.5, dtype="@int64")]),
    Row(
        "full",
        [case((2, 3), 1.5), case((2,), 3), case((), True), case((2,), 1, dtype="@float64")],
        errors=[
            raises(RuntimeError, "negative dimension -1", (-1,), 0),
            raises(TypeError, "fill_value must be a number, not str", (2,), "x"),
        ],
    ),
    Row("zeros", [case(2, 3), case((2,), dtype="@int64")]),
    Row("ones", [case(2, 3), case((2,), dtype="@bool")]),
    Row("empty", [case(0, 3)]),
    Row("full_like", [case(WHOLE, 2.5), case(WHOLE, 2.5, dtype="@float32")]),
    Row("zeros_like", [case(WHOLE)]),
    Row("ones_like", [case(WHOLE), case(WHOLE, dtype="@float64")]),
    Row("empty_like", [case(t(0, 2, grad=False))]),
    Row("Tensor.new_full", [case(WHOLE, (2,), 3)]),
    Row("Tensor.new_zeros", [case(WHOLE, 2, 3), case(WHOLE, size=(2,))]),
    Row("Tensor.new_ones", [case(WHOLE, (2,)), case(WHOLE, 2, dtype="@float32")]),
    Row("Tensor.new_tensor", [case(WHOLE, [1, 2]), case(WHOLE, [3], dtype="@float64")]),
    Row(
        "eye",
        [case(3), case(2, 3), case(2, 0)],
        errors=[raises(RuntimeError, "must be greater or equal to 0, got -1", -1)],
    ),
    Row(
        "arange",
        [
            case(5),
            case(2, 9, 3),
            case(0.3, 40.0, 0.7),
            case(5, 0, -1),
            case(0, 1, 0.1, dtype="@float64"),
            case(0.5, 4.5, dtype="@int64"),
            case(0, 0),
        ],
        errors=[
            raises(RuntimeError, "step must be nonzero", 0, 3, 0),
            raises(RuntimeError, "inconsistent with step sign", 3, 0),
            raises(RuntimeError, "unsupported range", 0, float("inf")),
        ],
    ),
    Row(
        "linspace",
        [
            case(0, 1, 5),
            case(-3.7, 9.1, 50),
            case(0, 10, 5, dtype="@int64"),
            case(2, 2, 1),
            case(0, 1, 0),
            case(t(grad=False), t(grad=False), 7),
        ],
        errors=[
            raises(RuntimeError, "must be non-negative, got -1", 0, 1, -1),
            raises(TypeError, "steps must be int, not float", 0, 1, 2.5),
            raises(RuntimeError, "0-dimensional start and end", t(2), 1, 2),
        ],
    ),
    Row("logspace", [case(0, 3, 4), case(-1, 1, 5, 2.0), case(0, 3, 4, dtype="@float64")]),
    Row(
        "complex",
        [case(t(2, grad=False), t(2, grad=False))],
        errors=[raises(RuntimeError, "both inputs to be float or both double", t(2), WHOLE)],
    ),
    # -- conversions and questions
    Row(
        "Tensor.to",
        [
            case(t(2), dtype="@float64"),
            case(t(2), "cpu"),
            case(t(2), "cpu", dtype="@int64"),
            case(t(2), WHOLE),
        ],
        errors=[
            raises(RuntimeError, "sangja computes on the CPU", t(2), "cuda"),
            raises(RuntimeError, "Invalid device string: 'gpu'", t(2), "gpu"),
            raises(TypeError, "unexpected keyword argument 'kind'", t(2), kind=1),
        ],
    ),
    Row("Tensor.type_as", [case(t(2), WHOLE)]),
    Row(
        "Tensor.type",
        [case(t(2), dtype="@int64"), case(t(2), "torch.DoubleTensor")],
        errors=[raises(TypeError, "invalid type: 'Float'", t(2), "Float")],
    ),
    Row("Tensor.double", [case(WHOLE), case(t(2))]),
    Row("is_tensor", [case(t(2)), case(1)]),
    Row(
        "is_nonzero",
        [case(t()), case(t(1, values=[0.0]))],
        errors=[
            raises(RuntimeError, "with more than one value is ambiguous", t(2)),
            raises(RuntimeError, "with no values is ambiguous", t(0)),
        ],
    ),
    Row("Tensor.cuda", [], errors=[raises(RuntimeError, "sangja computes on the CPU", t(2))]),
    # Their values are in tests/ops/test_views.py: a dtype is no tensor.
    Row("can_cast", [], errors=[raises(TypeError, "'x' is not a dtype", "x", "x")]),
    Row("promote_types", [], errors=[raises(TypeError, "'x' is not a dtype", "x", "x")]),
    Row("result_type", [], dtypes=("float32",)),
    Row("clone", [case(t(2, 3))]),
    Row("detach", [case(t(2, 3))]),
    Row("is_complex", [case(t(2))]),
    Row("is_floating_point", [case(t(2)), case(WHOLE)]),
    Row("numel", [case(t(2, 3))]),
]
ROWS += [
    Row(
        name,
        [
            *(case(n) for n in (0, 1, 2, 9)),
            case(8, False),
            case(1, False),
            case(5, dtype="@float64"),
        ],
        errors=[
            raises(RuntimeError, "requires non-negative window_length", -1),
            raises(RuntimeError, "floating point", 4, dtype="@int64"),
        ],
        tolerance=100,
    )
    for name in ("hann_window", "hamming_window", "blackman_window")
]

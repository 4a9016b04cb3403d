"""Elements picked, put, added and reduced at the places that tensors name."""

from tests.table import Row, case, raises, t


def i(values, dtype="int64"):
    """An index with the given numbers."""
    depth, inner = [], values
    while isinstance(inner, list):
        depth.append(len(inner))
        inner = inner[0] if inner else 0
    return t(*depth, dtype=dtype, values=values, grad=False)


MASK = i([[True, False, True], [False, True, True]], "bool")
ROW = i([0, 2, 0])
GRID = i([[0, 1, 1], [1, 0, 0]])

ROWS = [
    Row(
        "gather",
        [case(t(2, 3), 0, GRID), case(t(3, 3), 1, i([[2, 0]])), case(t(), 0, i(0))],
        errors=[
            raises(
                IndexError, "index 5 is out of bounds for dimension 0 with size 2", t(2), 0, i([5])
            ),
            raises(IndexError, "index -1 is out of bounds", t(2), 0, i([-1])),
            raises(RuntimeError, "same number of dimensions", t(2, 3), 0, i([0])),
            raises(RuntimeError, "no larger than input [1, 3]", t(1, 3), 1, GRID),
            raises(RuntimeError, "Expected dtype int64 or int32", t(2), 0, t(1)),
        ],
    ),
    Row(
        "take_along_dim",
        [case(t(2, 3), i([[1, 0]]), 1), case(t(2, 3), i([5, 0])), case(t(3), i([-1]), 0)],
        errors=[raises(RuntimeError, "got 2 dimensions for input, and 1", t(2, 3), i([0]), 1)],
    ),
    Row(
        "index_select",
        [case(t(3, 2), 0, ROW), case(t(2, 3), -1, ROW), case(t(3), 0, i(1)), case(t(), 0, i([0]))],
        errors=[
            raises(IndexError, "supposed to be a vector", t(3), 0, GRID),
            raises(RuntimeError, "only 1 value", t(), 0, ROW),
            raises(IndexError, "index 2 is out of bounds", t(2), 0, ROW),
        ],
    ),
    Row("take", [case(t(2, 3), GRID), case(t(2, 3), i([-1, 5]))]),
    Row(
        "masked_select",
        [case(t(2, 3), MASK), case(t(3), MASK), case(t(), i(True, "bool"))],
        errors=[raises(RuntimeError, "expected BoolTensor", t(2), i([0, 1]))],
    ),
    Row(
        "select",
        [case(t(2, 3), 0, 1), case(t(2, 3), 1, -1)],
        errors=[
            raises(IndexError, "cannot be applied to a 0-dim tensor", t(), 0, 0),
            raises(IndexError, "index 2 out of range for tensor of size [2, 3]", t(2, 3), 0, 2),
        ],
    ),
    Row(
        "narrow",
        [case(t(4, 2), 0, 1, 2), case(t(2, 4), 1, -3, 2), case(t(4), 0, i(1), 2)],
        errors=[
            raises(RuntimeError, "cannot be applied to a 0-dim tensor", t(), 0, 0, 1),
            raises(
                RuntimeError, "start (2) + length (3) exceeds dimension size (4)", t(4), 0, 2, 3
            ),
            raises(RuntimeError, "length must be non-negative", t(4), 0, 0, -1),
            raises(IndexError, "expected to be in [-4, 4], but got 5", t(4), 0, 5, 0),
            raises(RuntimeError, "start must be an 0-dim integral Tensor", t(4), 0, i([1]), 1),
        ],
    ),
    Row("nonzero", [case(MASK), case(i([0, 3])), case(i(3)), case(MASK, as_tuple=True)]),
    Row("argwhere", [case(MASK), case(i(0))]),
    Row(
        "isin",
        [case(i([1, 2, 3]), i([2, 5])), case(i([1, 2]), 2, invert=True), case(3, i([1, 3]))],
        errors=[raises(RuntimeError, "one of elements and test_elements must be a Tensor", 1, 2)],
    ),
    # -- scatter
    Row(
        "scatter",
        [
            case(t(2, 3), 0, i([[0, 1, 1]]), t(1, 3)),
            case(t(2, 3), 1, i([[2], [0]]), 1.5),
            case(t(2, 3, grad=False), 1, i([[2, 2], [0, 1]]), 1.5, reduce="multiply"),
            case(t(), 0, i([0]), t(1)),
            case(t(2, 3), 0, t(0, 3, dtype="int64"), t(2, 3, grad=False)),
        ],
        errors=[
            raises(
                RuntimeError, "must be either add or multiply", t(2), 0, i([0]), 1.0, reduce="max"
            ),
            raises(TypeError, "`src` or a number `value` must be given", t(2), 0, i([0])),
            raises(RuntimeError, "self.dtype to be equal", t(2), 0, i([0]), t(1, dtype="float64")),
            raises(RuntimeError, "same number of dimensions as src", t(2), 0, i([0]), t(1, 1)),
            raises(RuntimeError, "no larger than src [1]", t(3), 0, ROW, t(1)),
        ],
    ),
    Row("scatter_add", [case(t(2, 3), 0, GRID, t(2, 3)), case(t(4), 0, ROW, t(3))]),
    Row(
        "scatter_reduce",
        [
            case(t(4), 0, ROW, t(3), reduce, include_self=include)
            for reduce in ("sum", "prod", "mean", "amax", "amin")
            for include in (True, False)
        ],
        errors=[
            raises(RuntimeError, "must be either sum, prod, mean", t(2), 0, i([0]), t(1), "max")
        ],
    ),
    Row(
        "index_add",
        [case(t(3, 2), 0, ROW, t(3, 2)), case(t(2, 3), 1, i([2, 0]), t(2, 2), alpha=2)],
        errors=[
            raises(RuntimeError, "have [3, 2]", t(3, 2), 0, ROW, t(2, 2)),
            raises(IndexError, "supposed to be a vector", t(3), 0, GRID, t(3)),
            raises(RuntimeError, "have the same dtype", t(3), 0, ROW, t(3, dtype="int64")),
            raises(RuntimeError, "Number of indices (3) should be equal", t(3), 0, ROW, t()),
        ],
    ),
    Row("index_copy", [case(t(3, 2), 0, i([2, 0]), t(2, 2)), case(t(), 0, i(0), t())]),
    Row(
        "index_fill",
        [case(t(3, 2), 0, ROW, 1.5), case(t(2, 3), 1, i([1]), t()), case(t(), 0, i([0]), 2.0)],
        errors=[
            raises(IndexError, "has to be a vector/scalar", t(3), 0, GRID, 1.0),
            raises(RuntimeError, "only supports a 0-dimensional value", t(3), 0, ROW, t(1)),
        ],
    ),
    Row(
        "index_put",
        [
            case(t(3, 2), (ROW,), t(2), accumulate=True),
            case(t(3, 2), (i([2, 0]), i([1, 1])), t(2)),
            case(t(2, 3), (MASK,), t()),
        ],
        errors=[raises(RuntimeError, "dtypes match", t(2), (i([0]),), t(dtype="int64"))],
    ),
    Row(
        "put",
        [case(t(2, 3), i([5, 0]), t(2)), case(t(3), i([0, 0]), t(2), accumulate=True)],
        errors=[
            raises(RuntimeError, "source.numel() = 1, index.numel() = 3", t(3), ROW, t(1)),
            raises(RuntimeError, "have the same dtype", t(3), i([0]), t(1, dtype="int64")),
        ],
    ),
    Row(
        "masked_fill",
        [case(t(2, 3), MASK, 1.5), case(t(3), MASK, t()), case(t(), i(True, "bool"), 2)],
        errors=[
            raises(RuntimeError, "only supports boolean masks", t(2), i([0, 1]), 1.0),
            raises(RuntimeError, "only supports a 0-dimensional value", t(2, 3), MASK, t(1)),
            raises(RuntimeError, "without overflow", i([1, 2, 3]), MASK, 1.5),
        ],
    ),
    Row(
        "masked_scatter",
        [case(t(2, 3), MASK, t(5)), case(t(), i(True, "bool"), t(1))],
        errors=[
            raises(RuntimeError, "expected BoolTensor", t(2), i([0, 1]), t(2)),
            raises(RuntimeError, "number of ones in mask: 2 < 4", t(2, 3), MASK, t(2)),
            raises(RuntimeError, "same dtypes", t(2, 3), MASK, t(5, dtype="int64")),
        ],
    ),
    Row(
        "select_scatter",
        [case(t(2, 3), t(3), 0, 1)],
        errors=[raises(RuntimeError, "src size = [2], slice size = [3]", t(2, 3), t(2), 0, 1)],
    ),
    Row("slice_scatter", [case(t(4, 2), t(2, 2), 0, 1, 4, 2), case(t(4), t(3), start=1)]),
    Row("diagonal_scatter", [case(t(3, 3), t(3)), case(t(3, 4), t(3), 1)]),
]

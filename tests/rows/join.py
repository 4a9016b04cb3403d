"""Several tensors as one, one as several, one repeated."""

from tests.table import Row, case, raises, t

ANY = ("float32", "float64", "int64")
PAIR = [t(2, 3), t(2, 3)]

ROWS = [
    Row(
        "cat",
        [
            case([t(2, 3), t(1, 3)]),
            case((t(2, 3), t(2, 1)), -1),
            case([t(2, 3), t(0), t(1, 3)]),
            case([t(2), t(3, dtype="int64")]),
            case([t(0), t(0)]),
        ],
        dtypes=ANY,
        errors=[
            raises(
                RuntimeError, "Expected size 3 but got size 4 in dimension 1", [t(2, 3), t(2, 4)]
            ),
            raises(RuntimeError, "same number of dimensions: got 2 and 1", [t(2, 3), t(3)]),
            raises(RuntimeError, "zero-dimensional tensor cannot be concatenated", [t(), t()]),
            raises(ValueError, "expected a non-empty list of Tensors", []),
            raises(TypeError, "must be tuple of Tensors", t(2)),
        ],
    ),
    Row("concat", [case(PAIR, 1)]),
    Row("concatenate", [case(PAIR, 1)]),
    Row(
        "stack",
        [case(PAIR), case(PAIR, 1), case(PAIR, -1), case([t(), t()])],
        dtypes=ANY,
        errors=[
            raises(RuntimeError, "equal size, but got [2] at entry 0 and [3]", [t(2), t(3)]),
        ],
    ),
    Row("hstack", [case(PAIR), case([t(2), t(3)]), case([t(), t()])]),
    Row("vstack", [case(PAIR), case([t(3), t(3)])]),
    Row("row_stack", [case(PAIR)]),
    Row("dstack", [case(PAIR), case([t(3), t(3)])]),
    Row("column_stack", [case(PAIR), case([t(2), t(2, 3), t(2)])]),
    Row(
        "block_diag",
        [case(t(2, 3), t(1, 1)), case(t(2), t())],
        errors=[raises(RuntimeError, "must have 2 or fewer dimensions. Got 3-D", t(1, 1, 1))],
    ),
    Row("kron", [case(t(2, 3), t(2, 2)), case(t(2), t(3, 2)), case(t(), t(2))]),
    Row(
        "meshgrid",
        [
            case(t(2), t(3), indexing="ij"),
            case([t(2), t(3), t()], indexing="xy"),
            case(t(0), t(2), indexing="ij"),
        ],
        errors=[
            raises(RuntimeError, 'must be one of "xy" or "ij"', t(2), t(3), indexing="yx"),
            raises(RuntimeError, "Expected 0D or 1D tensor", t(2, 2)),
            raises(RuntimeError, "to have the same dtype", t(2), t(2, dtype="int64")),
        ],
    ),
    Row(
        "cartesian_prod",
        [case(t(2), t(3)), case(t(2))],
        errors=[raises(RuntimeError, "Expect a 1D vector", t(2, 2))],
    ),
    Row(
        "combinations",
        [case(t(4)), case(t(4), 3), case(t(3), 2, True), case(t(3), 0)],
        errors=[
            raises(RuntimeError, "Expect a 1D vector", t(2, 2)),
            raises(RuntimeError, "Expect a non-negative number, but got -1", t(3), -1),
        ],
    ),
    Row(
        "Tensor.repeat",
        [case(t(2, 3), 2, 1), case(t(2), (3, 2)), case(t(2), 0), case(t(), 3)],
        dtypes=ANY,
        errors=[
            raises(RuntimeError, "can not be smaller than number of dimensions", t(2, 3), 2),
            raises(RuntimeError, "negative dimension", t(2), -1),
        ],
    ),
    Row("tile", [case(t(2, 3), (2,)), case(t(2), (2, 2))]),
    Row(
        "repeat_interleave",
        [
            case(t(2, 3), 2),
            case(t(2, 3), 2, 1),
            case(t(2, 3), t(2, dtype="int64", values=[1, 2]), 0),
            case(t(3, dtype="int64", values=[2, 0, 1])),
            case(t(2), t(2, dtype="int64", values=[1, 2]), output_size=3),
        ],
        errors=[
            raises(RuntimeError, "repeats must be non-negative, got -1", t(2), -1),
            raises(RuntimeError, "can not be negative", t(1), t(dtype="int64", values=-1)),
            raises(RuntimeError, "has to be Long or Int tensor", t(1), t(1)),
            raises(RuntimeError, "same size as input along dim, 2", t(2), t(3, dtype="int64")),
            raises(
                RuntimeError,
                "add up to 3",
                t(2),
                t(2, dtype="int64", values=[1, 2]),
                output_size=4,
            ),
        ],
    ),
    # -- one as several
    Row(
        "split",
        [case(t(5, 2), 2), case(t(2, 5), [1, 4], 1), case(t(0, 2), 3), case(t(4), 4)],
        dtypes=ANY,
        errors=[
            raises(RuntimeError, "split_size be positive", t(3), 0),
            raises(RuntimeError, "sum exactly to 3", t(3), [1, 1]),
            raises(RuntimeError, "at least a 1-dimensional", t(), 1),
        ],
    ),
    Row("split_with_sizes", [case(t(5, 2), [2, 0, 3])]),
    Row("unsafe_split", [case(t(5, 2), 2)]),
    Row(
        "chunk",
        [case(t(5), 3), case(t(2, 5), 2, 1), case(t(0), 2)],
        errors=[raises(RuntimeError, "`chunks` to be greater than 0, got: 0", t(3), 0)],
    ),
    Row(
        "tensor_split",
        [
            case(t(7), 3),
            case(t(7), (2, 5)),
            case(t(2, 7), [1, -2], 1),
            case(t(7), (5, 2)),
            case(t(7), t(2, dtype="int64", values=[1, 3])),
        ],
        errors=[
            raises(RuntimeError, "number of sections must be larger than 0", t(3), 0),
            raises(RuntimeError, "one-dimensional tensor of integers", t(3), t(2)),
            raises(TypeError, "must be an int or a sequence of ints", t(3), "2"),
        ],
    ),
    Row(
        "hsplit",
        [case(t(4), 2), case(t(2, 4), [1, 3])],
        errors=[
            raises(RuntimeError, "at least 1 dimension, but got a tensor with 0", t(), 1),
            raises(RuntimeError, "4 is not divisible by the split_size 3", t(4), 3),
        ],
    ),
    Row("vsplit", [case(t(4, 2), 2)], errors=[raises(RuntimeError, "at least 2 dim", t(4), 2)]),
    Row("dsplit", [case(t(1, 2, 4), 2)], errors=[raises(RuntimeError, "at least 3", t(4, 2), 2)]),
    Row(
        "unbind",
        [case(t(3, 2)), case(t(2, 3), 1), case(t(0, 2))],
        errors=[raises(IndexError, "at least a 1-dimensional", t())],
    ),
]

"""The same elements in another arrangement: shapes, diagonals, order, windows."""

from tests.table import Row, case, raises, t

ANY = ("float32", "float64", "int64", "bool")

ROWS = [
    Row(
        "reshape",
        [case(t(2, 6), (3, -1)), case(t(), (1, 1)), case(t(0, 3), (3, 0))],
        dtypes=ANY,
        errors=[
            raises(RuntimeError, "shape '[5]' is invalid for input of size 6", t(2, 3), (5,)),
            raises(RuntimeError, "only one dimension can be inferred", t(2, 3), (-1, -1)),
            raises(RuntimeError, "is ambiguous", t(0, 3), (0, -1)),
            raises(RuntimeError, "invalid shape dimension -2", t(2, 3), (-2, 3)),
        ],
    ),
    Row(
        "flatten",
        [case(t(2, 3, 4)), case(t(2, 3, 4), 1), case(t(2, 3, 4), 0, 1), case(t())],
        errors=[raises(RuntimeError, "start_dim cannot come after end_dim", t(2, 3), 1, 0)],
    ),
    Row(
        "unflatten",
        [case(t(2, 6), 1, (2, -1)), case(t(4), 0, (2, 2))],
        errors=[
            raises(RuntimeError, "Provided sizes [4, 2] don't multiply up", t(2, 6), 1, (4, 2)),
            raises(RuntimeError, "sizes must be non-empty", t(2, 6), 1, ()),
            raises(IndexError, "a 0-d tensor has no dimension", t(), 0, (1,)),
        ],
    ),
    Row("ravel", [case(t(2, 3)), case(t()), case(t(0, 2))]),
    Row(
        "squeeze",
        [case(t(2, 1, 3, 1)), case(t(2, 1, 3), 1), case(t(2, 1, 3), 0), case(t(1, 2, 1), (0, 2))],
        dtypes=ANY,
        errors=[raises(IndexError, "Dimension out of range", t(2, 1), 2)],
    ),
    Row(
        "unsqueeze",
        [case(t(2, 3), 1), case(t(2, 3), -1), case(t(), 0)],
        dtypes=ANY,
        errors=[raises(IndexError, "expected to be in range of [-3, 2], but got 3", t(2, 3), 3)],
    ),
    Row("atleast_1d", [case(t()), case(t(2)), case([t(), t(2)])]),
    Row("atleast_2d", [case(t()), case(t(2)), case(t(2), t(2, 3))]),
    Row("atleast_3d", [case(t()), case(t(2)), case(t(2, 3)), case(t(1, 2, 3, 4))]),
    Row(
        "permute",
        [case(t(2, 3, 4), (2, 0, 1)), case(t(2, 3), (-1, 0))],
        errors=[
            raises(RuntimeError, "input.dim() = 2 is not equal to len(dims) = 1", t(2, 3), (0,)),
            raises(RuntimeError, "dim 0 appears multiple times", t(2, 3), (0, 0)),
        ],
    ),
    Row("transpose", [case(t(2, 3, 4), 0, 2), case(t(2, 3), -1, 0), case(t(), 0, -1)]),
    Row("swapaxes", [case(t(2, 3, 4), 0, 2)]),
    Row("swapdims", [case(t(2, 3, 4), 0, 2)]),
    Row(
        "t",
        [case(t(2, 3)), case(t(3)), case(t())],
        errors=[raises(RuntimeError, "expects a tensor with <= 2 dimensions", t(2, 3, 4))],
    ),
    Row(
        "movedim",
        [case(t(2, 3, 4), 0, 2), case(t(2, 3, 4), (0, 1), (-1, 0))],
        errors=[
            raises(
                RuntimeError,
                "the same number of dims as destination ([0] dims)",
                t(2, 3),
                (0, 1),
                (0,),
            ),
            raises(RuntimeError, "dim 0 appears multiple times", t(2, 3), (0, 0), (0, 1)),
        ],
    ),
    Row("moveaxis", [case(t(2, 3, 4), 0, 2)]),
    Row(
        "broadcast_to",
        [case(t(3), (2, 3)), case(t(2, 1), (4, 2, 3)), case(t(), (0, 2))],
        errors=[
            raises(RuntimeError, "(4) must match the existing size (3)", t(3), (2, 4)),
            raises(RuntimeError, "must be greater or equal to the number of", t(2, 3), (3,)),
            raises(RuntimeError, "isn't allowed in a leading, non-existing", t(3), (-1, 3)),
        ],
    ),
    Row(
        "broadcast_tensors",
        [case(t(3), t(2, 1)), case(t(2, 3), t())],
        errors=[raises(RuntimeError, "cannot be broadcast together", t(3), t(2))],
    ),
    # -- order and windows
    Row(
        "flip",
        [case(t(2, 3), (0,)), case(t(2, 3), (0, -1)), case(t(2, 3), dims=[1])],
        dtypes=ANY,
        errors=[raises(IndexError, "Dimension out of range", t(2, 3), (2,))],
    ),
    Row(
        "fliplr",
        [case(t(2, 3))],
        errors=[raises(RuntimeError, "fliplr got shape [3]", t(3))],
    ),
    Row("flipud", [case(t(2, 3))], errors=[raises(RuntimeError, "got a 0-d tensor", t())]),
    Row(
        "roll",
        [case(t(2, 3), 1), case(t(2, 3), (1, -2), (0, 1)), case(t(2, 3), 4, 1), case(t(0, 2), 1)],
        dtypes=ANY,
        errors=[
            raises(RuntimeError, "shifts: 2, dims: 1", t(2, 3), (1, 2), (0,)),
            raises(RuntimeError, "`shifts` required", t(2, 3), ()),
        ],
    ),
    Row(
        "rot90",
        [case(t(2, 3)), case(t(2, 3), 2), case(t(2, 3, 4), -1, (1, 2)), case(t(2, 3), 4)],
        errors=[
            raises(RuntimeError, "expected total rotation dims == 2", t(2, 3), 1, (0,)),
            raises(RuntimeError, "expected total dims >= 2", t(3)),
            raises(RuntimeError, "expected rotation dims to be different", t(2, 3), 1, (0, -2)),
        ],
    ),
    Row(
        "Tensor.unfold",
        [case(t(7), 0, 3, 2), case(t(2, 5), 1, 2, 1), case(t(2, 5), -1, 5, 1)],
        errors=[
            raises(RuntimeError, "dimension 0 is 3 but size is 4", t(3), 0, 4, 1),
            raises(RuntimeError, "step is 0 but must be > 0", t(3), 0, 1, 0),
        ],
    ),
    # -- diagonals
    Row(
        "diag",
        [case(t(3)), case(t(3), -1), case(t(2, 3)), case(t(2, 3), 1)],
        errors=[raises(RuntimeError, "Supports 1D or 2D tensors. Got 3D", t(2, 2, 2))],
    ),
    Row(
        "diagonal",
        [case(t(3, 4)), case(t(3, 4), 1), case(t(2, 3, 4), -1, 0, 2)],
        errors=[raises(RuntimeError, "diagonal dimensions cannot be identical", t(2, 3), 0, 1, 1)],
    ),
    Row(
        "diag_embed",
        [case(t(3)), case(t(2, 3), 1), case(t(2, 3), -1, 0, 2)],
        errors=[raises(RuntimeError, "at least a 1-dimensional", t())],
    ),
    Row("diagflat", [case(t(2, 2)), case(t(3), 1), case(t())]),
    Row(
        "trace",
        [case(t(3, 4))],
        dtypes=("float32", "float64", "int64"),
        errors=[raises(RuntimeError, "expected a matrix", t(3))],
    ),
    Row(
        "tril",
        [case(t(3, 4)), case(t(2, 3, 3), 1), case(t(3, 3), -1)],
        dtypes=ANY,
        errors=[raises(RuntimeError, "must have at least 2 dimensions", t(3))],
    ),
    Row("triu", [case(t(3, 4)), case(t(2, 3, 3), 1), case(t(3, 3), -1)], dtypes=ANY),
    Row(
        "tril_indices",
        [case(3, 4), case(3, 3, -1), case(0, 2)],
        errors=[
            raises(RuntimeError, "must be non-negative, got -1 and 2", -1, 2),
            raises(RuntimeError, "dtype must be int32 or int64", 2, 2, dtype="@float32"),
        ],
    ),
    Row("triu_indices", [case(3, 4), case(3, 3, 1)]),
]

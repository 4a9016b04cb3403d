"""Poolings beside the maximum and the mean: p-norms, windows at random places, and the reverse."""

import math

import numpy as np

from sangja.core.errors import ArgumentError, DTypeError, ShapeError
from tests.table import Row, case, raises, t

F = "nn.functional."


def places(*shape: int):
    """Indices that differ from each other within a plane, as those of windows apart do."""
    plane = 7 * np.arange(math.prod(shape[2:])) % 13
    values = np.broadcast_to(plane.reshape(shape[2:]), shape)
    return t(*shape, dtype="int64", values=values, grad=False)


def lp_row(dims: int):
    x = t(2, 3, *(7, 6, 5)[:dims], low=0.5, high=2.0)
    return Row(
        f"{F}lp_pool{dims}d",
        [
            case(x, 2, 2),
            case(x, 3.0, 3, 2, True),
            case(x, 1.5, 2, stride=1),
            case(x, math.inf, 2),
            case(x, -math.inf, 2),
        ],
        tolerance=10,
        errors=[
            raises(ArgumentError, f"lp_pool{dims}d: norm_type must not be 0", x, 0, 2),
            raises(ShapeError, "the kernel does not fit", x, 2, 9),
        ],
    )


def unpool_row(dims: int):
    shape = (2, 3, *(3, 2, 2)[:dims])
    x, index = t(*shape), places(*shape)
    name = f"max_unpool{dims}d"
    far = t(*shape, dtype="int64", values=np.full(shape, 99), grad=False)
    return Row(
        F + name,
        [
            case(x, index, 5, padding=1),
            case(x, index, 4, 5),
            case(x, index, 5, output_size=[n * 5 + 1 for n in shape[2:]]),
            case(x, index, 5, output_size=[2, 3, *[n * 5 - 4 for n in shape[2:]]]),
        ],
        errors=[
            raises(ShapeError, "Found an invalid max index: 99", x, far, 2),
            raises(ArgumentError, "dim 0 must be between", x, index, 5, output_size=[99] * dims),
            raises(ArgumentError, "it has a length of '7'", x, index, 5, output_size=[9] * 7),
            raises(ShapeError, "to be same as that of the input", x, places(2, 3, *[1] * dims), 5),
            raises(DTypeError, "elements in indices should be type int64", x, x, 5),
            raises(ShapeError, "with 1 dimensions", t(2), t(2), 5),
            raises(
                ShapeError,
                "non-zero size",
                t(2, 0, *shape[2:]),
                t(2, 0, *shape[2:], dtype="int64", grad=False),
                5,
            ),
        ],
    )


def fractional_row(dims: int):
    x = t(2, 3, *(8, 7, 9)[:dims])
    samples = t(2, 3, dims, low=0, high=1, grad=False)
    to = (3, 4, 2)[:dims]
    kwargs = {"_random_samples": samples}
    return Row(
        f"{F}fractional_max_pool{dims}d",
        [
            case(x, 2, to, **kwargs),
            case(x, (3, 2, 1)[:dims], output_ratio=(0.5,) * dims, return_indices=True, **kwargs),
            case(x, 3, 1, **kwargs),
            case(t(0, 3, *x.shape[2:]), 2, 2),
        ],
        errors=[
            raises(ArgumentError, "requires specifying either an output_size or", x, 2),
            raises(ArgumentError, "requires output_ratio", x, 2, output_ratio=(0.5,) * 5),
            raises(ShapeError, "8 windows of size 2 do not fit into size 8", x, 2, 8),
            raises(ShapeError, "kernel_size must be greater than zero", x, 0, 2),
            raises(ShapeError, "with non-zero size", t(2, 0, *x.shape[2:]), 2, 2),
            raises(DTypeError, "a floating-point input", t(2, 9, 9, 9, dtype="int64"), 2, 2),
            raises(ShapeError, "Expect _random_samples of shape", x, 2, 2, _random_samples=t(1)),
            raises(
                DTypeError,
                "the same dtype as input",
                x,
                2,
                2,
                _random_samples=t(2, 3, dims, dtype="float16"),
            ),
        ],
    )


ROWS = [
    *(row for dims in (1, 2, 3) for row in (lp_row(dims), unpool_row(dims))),
    *(fractional_row(dims) for dims in (2, 3)),
]

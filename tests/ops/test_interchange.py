"""NumPy's functions of tensors, and memory shared with NumPy, PyTorch and Python's buffers."""

import warnings

import numpy as np
import pytest

import sangja
from sangja.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    DTypeError,
    GradientError,
    OverflowingError,
    RaggedError,
    UnsupportedError,
)

torch = pytest.importorskip("torch")

VALUES = np.array([[0.45, 0.25, 0.75], [0.1, 0.9, 0.3]])
MATRIX = VALUES.T.copy()

UFUNCS = [
    "sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh exp exp2 expm1 log log2 log10 log1p",
    "sqrt square negative positive absolute fabs sign reciprocal deg2rad rad2deg radians degrees",
    "floor ceil trunc rint",
]
DIFFERENTIABLE = {name: getattr(np, name) for line in UFUNCS for name in line.split()} | {
    "arctanh": lambda x: np.arctanh(x),
    "arccosh": lambda x: np.arccosh(x + 1),
    "add": lambda x: np.add(x, VALUES),
    "array first": lambda x: np.multiply(VALUES, x),
    "array operator": lambda x: VALUES - x,
    "array matmul": lambda x: MATRIX @ x,
    "number first": lambda x: np.float64(2) / x,
    "power": lambda x: np.power(x, 3),
    "power of an array": lambda x: VALUES**x,
    "maximum": lambda x: np.maximum(x, 0.3),
    "arctan2": lambda x: np.arctan2(x, VALUES + 1),
    "hypot": lambda x: np.hypot(x, 2.0),
    "logaddexp": lambda x: np.logaddexp(x, VALUES),
    "sum": lambda x: np.sum(x),
    "sum over rows": lambda x: np.sum(x, axis=1, keepdims=True),
    "mean": lambda x: np.mean(x, axis=0),
    "std": lambda x: np.std(x),
    "var": lambda x: np.var(x, axis=1, ddof=1),
    "max": lambda x: np.max(x, axis=1),
    "amin": lambda x: np.amin(x),
    "prod": lambda x: np.prod(x, axis=0),
    "cumsum": lambda x: np.cumsum(x),
    "cumsum over rows": lambda x: np.cumsum(x, axis=1),
    "clip": lambda x: np.clip(x, 0.2, 0.6),
    "transpose": lambda x: np.transpose(x) * MATRIX,
    "reshape": lambda x: np.reshape(x, (3, 2)) * MATRIX,
    "squeeze": lambda x: np.squeeze(np.expand_dims(x, 0)),
    "swapaxes": lambda x: np.swapaxes(x, 0, 1),
    "concatenate": lambda x: np.concatenate([x, VALUES, x], axis=1),
    "concatenate flat": lambda x: np.concatenate((x, x), axis=None),
    "stack": lambda x: np.stack([x, x * 2]),
    "vstack": lambda x: np.vstack([x, x]),
    "hstack": lambda x: np.hstack([x, x]),
    "where": lambda x: np.where(VALUES > 0.4, x, 0.0),
    "dot": lambda x: np.dot(x, MATRIX),
    "outer": lambda x: np.outer(x[0], x[1]),
    "einsum": lambda x: np.einsum("ij,kj->ik", x, VALUES),
    "tensordot": lambda x: np.tensordot(x, MATRIX, 1),
    "norm": lambda x: np.linalg.norm(x),
    "ravel": lambda x: np.ravel(x),
    "moveaxis": lambda x: np.moveaxis(x, 0, 1),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 2, 3)),
    "split": lambda x: np.split(x, 3, axis=1)[1],
    "array_split": lambda x: np.array_split(x, 2, axis=1)[1],
    "flip": lambda x: np.flip(x),
    "roll": lambda x: np.roll(x, 1, 0),
    "tile": lambda x: np.tile(x, (2, 1)),
    "diff": lambda x: np.diff(x),
    "trace": lambda x: np.trace(x),
    "tril": lambda x: np.tril(x),
}


@pytest.mark.parametrize("function", DIFFERENTIABLE.values(), ids=DIFFERENTIABLE)
def test_functions_of_tensors_are_numpys_and_differentiable(function):
    x = sangja.tensor(VALUES, requires_grad=True)
    y = function(x)
    assert type(y) is sangja.Tensor
    np.testing.assert_allclose(y.detach().numpy(), function(VALUES), rtol=1e-12, atol=1e-15)
    assert sangja.autograd.gradcheck(function, (x,))


IN_PYTORCH = {
    "sin": lambda x: np.sin(x),
    "add": lambda x: np.add(x, np.ones(3)),
    "reduce": lambda x: np.add.reduce(x),
    "accumulate": lambda x: np.add.accumulate(x),
    "outer": lambda x: np.multiply.outer(x, x),
    "two results": lambda x: np.modf(x),
    "whole numbers": lambda x: np.sqrt(x.long()),
    "compare": lambda x: np.float64(2) < x,
    "equal": lambda x: np.ones(3) == x,
    "concatenate": lambda x: np.concatenate([x, x]),
    "stack": lambda x: np.stack([x, x]),
    "where": lambda x: np.where(x > 1, x, 0),
    "dot": lambda x: np.dot(x, x),
    "norm": lambda x: np.linalg.norm(x),
    "expand_dims": lambda x: np.expand_dims(x, 0),
    "unique": lambda x: np.unique(x),
    "median": lambda x: np.median(x),
    "array_equal": lambda x: np.array_equal(x, x),
    "copy": lambda x: np.copy(x),
    "shape": lambda x: tuple(np.shape(x)),
    "round": lambda x: np.round(x),
    "clip": lambda x: np.clip(x, 0, 2),
    "zeros_like": lambda x: np.zeros_like(x),
    "number": lambda x: np.float64(2) * x,
    "number of another dtype": lambda x: np.float32(1) / x.long(),
}


@pytest.mark.parametrize("function", IN_PYTORCH.values(), ids=IN_PYTORCH)
def test_kinds_of_results_are_those_of_pytorch(function):
    mine = function(sangja.tensor([1.5, 2.0, 1.0]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # PyTorch's of NumPy's protocol
        theirs = function(torch.tensor([1.5, 2.0, 1.0]))
    pairs = zip(mine, theirs, strict=True) if isinstance(theirs, tuple) else [(mine, theirs)]
    for a, b in pairs:
        assert type(a).__name__ == type(b).__name__
        assert str(getattr(a, "dtype", "")).replace("sangja", "torch") == str(
            getattr(b, "dtype", "")
        )
        np.testing.assert_array_equal(a, b)


def test_results_written_into_an_array_or_a_tensor():
    array, x = np.ones(2, np.float32), sangja.tensor([1.0, 2.0])
    np.add(array, x, out=array)
    assert array.tolist() == [2.0, 3.0]
    y = sangja.zeros(2)
    assert np.add(x, x, out=y) is y
    assert (y.tolist(), y._version) == ([2.0, 4.0], 1)
    assert np.sum(np.ones((2, 2)), axis=0, out=array) is array
    with pytest.raises(GradientError, match="Can't call numpy"):
        np.modf(sangja.ones(2, requires_grad=True))


# -- memory shared ----------------------------------------------------------------------------

SHARED = [np.arange(6.0), np.arange(6).reshape(2, 3).T, np.ones((2, 2), bool), np.float32([1, 2])]


@pytest.mark.parametrize("array", SHARED, ids=lambda a: str(a.dtype))
def test_dlpack_shares_memory_both_ways(array):
    x = sangja.from_dlpack(array)
    np.testing.assert_array_equal(x, array)
    assert np.shares_memory(x.array, array)
    assert np.shares_memory(np.from_dlpack(x), array)
    theirs = torch.from_dlpack(x)
    theirs[(0,) * theirs.dim()] = 1
    assert array[(0,) * array.ndim] == 1
    np.testing.assert_array_equal(sangja.from_dlpack(theirs), array)
    assert x.stride() == theirs.stride()
    again = sangja.utils.dlpack.from_dlpack(sangja.utils.dlpack.to_dlpack(x))
    assert again.data_ptr() == x.data_ptr()
    assert sangja.from_dlpack(x).data_ptr() == x.data_ptr()
    assert sangja.from_dlpack(x, copy=True).data_ptr() != x.data_ptr()
    assert x.__dlpack_device__() == theirs.__dlpack_device__() == (1, 0)


def test_what_dlpack_refuses():
    with pytest.raises(BufferError, match="tensors that require gradient"):
        np.from_dlpack(sangja.ones(2, requires_grad=True))
    with pytest.raises(ArgumentTypeError, match="has no stream"):
        sangja.ones(2).__dlpack__(stream=1)
    with pytest.raises(ArgumentTypeError, match="expected an object with __dlpack__, got list"):
        sangja.from_dlpack([1, 2])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"count": 1},
        {"offset": 4},
        {"count": 1, "offset": 4},
        {"offset": 1},
        {"count": 3},
        {"count": 0},
        {"offset": 8},
        {"offset": -1},
    ],
    ids=str,
)
def test_buffers(options):
    buffer = bytearray(np.float32([1.0, 2.0]).tobytes())
    try:
        expected = torch.frombuffer(buffer, dtype=torch.float32, **options)
    except ValueError:
        with pytest.raises(ArgumentError, match="buffer length"):
            sangja.frombuffer(buffer, dtype=sangja.float32, **options)
    else:
        found = sangja.frombuffer(buffer, dtype=sangja.float32, requires_grad=True, **options)
        np.testing.assert_array_equal(found.detach(), expected)
        found.detach()[0] = 9.0
        assert expected[0] == 9.0
        assert found.requires_grad


def test_arrays_that_cannot_be_tensors():
    for module in (sangja, torch):
        with pytest.raises(TypeError, match=r"can't convert np\.ndarray of type"):
            module.from_numpy(np.array(["a"]))
        with pytest.raises(ValueError, match="negative"):
            module.from_numpy(np.arange(3)[::-1])


REFUSED = {
    "ragged": ([[1, 2], [3]], RaggedError, r"expected sequence of length 2 at dim 1 \(got 1\)"),
    "ragged inside": ([[[1], [2]], [[3], [4, 5]]], RaggedError, r"length 1 at dim 2 \(got 2\)"),
    "None": (None, DTypeError, "Could not infer dtype of NoneType"),
    "None inside": ([1, None], DTypeError, "Could not infer dtype of NoneType"),
    "text": ("a", ArgumentTypeError, "invalid data type"),
    "too large": (2**63, OverflowingError, None),
    "far too large": (2**70, OverflowingError, None),
}


@pytest.mark.parametrize("name", REFUSED)
def test_data_that_cannot_be_a_tensor(name):
    data, error, text = REFUSED[name]
    with pytest.raises(error, match=text or "without overflow"):
        sangja.tensor(data)
    kinds = tuple(k for k in error.__mro__ if k.__module__ == "builtins" and k is not object)
    with pytest.raises(kinds[0:2] if name != "text" else TypeError, match=text):
        torch.tensor(data)


def test_ragged_data_says_where():
    with pytest.raises(RaggedError, match=r"lengths, first at data\[1\]\[1\]"):
        sangja.tensor([[[1], [2]], [[3], [4, 5]]])
    with pytest.raises(RaggedError, match=r"got a number\): .* first at data\[1\]"):
        sangja.tensor([[1, 2], 3])


@pytest.mark.parametrize(("value", "name"), [(300, "uint8"), (-129, "int8"), (2**31, "int32")])
def test_numbers_that_a_dtype_cannot_hold(value, name):
    for module in (sangja, torch):
        with pytest.raises(RuntimeError, match="without overflow"):
            module.tensor([1, value], dtype=getattr(module, name))
        wrapped = module.tensor([-1], dtype=module.uint8)
        assert wrapped.tolist() == [255]


def test_range_includes_its_end():
    for args in [(0, 3), (1, 2, 0.25), (5, 1, -1.5)]:
        with pytest.warns(UserWarning, match="deprecated"):
            expected = torch.range(*args)
        np.testing.assert_array_equal(sangja.range(*args), expected)


def test_the_hub_is_refused():
    with pytest.raises(UnsupportedError, match="runs no code from a repository"):
        sangja.hub.load("repository", "model")

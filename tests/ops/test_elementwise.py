"""Element-wise operations as users write them: operators, in place, mixed dtypes."""

import operator

import numpy as np
import pytest

import sangja
from sangja.backend.generator import default_generator

torch = pytest.importorskip("torch")

DTYPES = ["bool", "uint8", "int32", "int64", "float16", "float32", "float64"]
ARITHMETIC = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow"]
BITS = ["and_", "or_", "xor", "lshift", "rshift"]
COMPARISONS = ["eq", "ne", "lt", "le", "gt", "ge"]
NUMBERS = [True, 2, 1.5]
FLOATING = [
    "acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "deg2rad", "digamma",
    "erf", "erfc", "erfinv", "exp", "exp2", "expm1", "lgamma", "log", "log10", "log1p",
    "log2", "logit", "rad2deg", "reciprocal", "rsqrt", "sigmoid", "sin", "sinc", "sinh",
    "sqrt", "tan", "tanh",
]  # fmt: skip


def pair(dtype, values=(1, 2, 3)):
    array = np.array(values).astype(dtype)
    return sangja.tensor(array), torch.tensor(array)


def assert_same(function, mine, theirs, case=None):
    """Both refuse, or give the same dtype and the same values to the last bit but one."""
    try:
        expected = function(*theirs).detach().numpy()
    except RuntimeError:
        with pytest.raises(RuntimeError):
            function(*mine)
        return
    got = function(*mine).detach().numpy()
    assert got.dtype == expected.dtype, case
    close = 2 * np.finfo(got.dtype).eps if got.dtype.kind == "f" else 0
    np.testing.assert_allclose(got, expected, rtol=close, err_msg=str(case))


@pytest.mark.parametrize("name", [*ARITHMETIC, *BITS, *COMPARISONS])
@pytest.mark.parametrize("left", DTYPES)
def test_operators_of_two_dtypes_give_pytorchs_result(name, left):
    function = getattr(operator, name)
    x, a = pair(left)
    for right in DTYPES:
        if name == "sub" and "bool" in (left, right):
            continue  # see below
        y, b = pair(right, (3, 1, 2))
        assert_same(function, (x, y), (a, b), right)


@pytest.mark.parametrize("name", [*ARITHMETIC, *BITS, *COMPARISONS])
@pytest.mark.parametrize("dtype", DTYPES)
def test_operators_with_a_number_give_pytorchs_result(name, dtype):
    function = getattr(operator, name)
    x, a = pair(dtype)
    for number in NUMBERS:
        if name in ("sub", "pow") and (dtype == "bool" or number is True):
            continue  # see below
        assert_same(function, (x, number), (a, number), number)
        assert_same(function, (number, x), (number, a), number)


def test_a_mask_may_be_subtracted_from_numbers_but_not_from_a_mask():
    """PyTorch refuses the first, too; NumPy's programs are full of `1 - mask`."""
    mask = sangja.tensor([True, False])
    assert (1 - mask).tolist() == [0, 1]
    assert (mask - 1).tolist() == [0, -1]
    with pytest.raises(RuntimeError, match="with two bool tensors is not supported"):
        mask - mask
    with pytest.raises(RuntimeError, match="pow: not implemented for bools"):
        mask**mask


@pytest.mark.parametrize("name", ["abs", "neg", "pos", "invert"])
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32"])
def test_unary_operators(name, dtype):
    function = getattr(operator, name)
    x, a = pair(dtype, (1, 0, 3))
    if (name, dtype) == ("invert", "float32"):
        with pytest.raises(RuntimeError, match="only implemented on integer and Boolean-type"):
            function(x)
    else:
        assert_same(function, (x,), (a,))


@pytest.mark.parametrize(
    "name",
    FLOATING,
)
def test_functions_of_integers_are_of_the_default_dtype(name):
    for dtype in ("bool", "int64"):
        x, a = pair(dtype, (0, 1, 1))
        got, expected = getattr(sangja, name)(x), getattr(torch, name)(a)
        assert got.dtype == sangja.float32
        np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", [*ARITHMETIC[:-2], "pow"])
def test_augmented_assignment_writes_into_the_tensor(name):
    function = getattr(operator, "i" + name)
    x, a = pair("float32")
    y, b = x, a
    assert function(x, 2) is y
    function(a, 2)
    assert y.tolist() == b.tolist()


@pytest.mark.parametrize(
    "name", ["sin_", "exp_", "sqrt_", "reciprocal_", "abs_", "square_", "erf_"]
)
def test_an_in_place_function_keeps_what_its_derivative_needs(name):
    leaf, other = (m.tensor([0.5, 2.0], requires_grad=True) for m in (sangja, torch))
    mine, theirs = leaf * 3, other * 3
    getattr(mine, name)().sum().backward()
    getattr(theirs, name)().sum().backward()
    np.testing.assert_allclose(leaf.grad.numpy(), other.grad.numpy(), rtol=1e-6)


def test_multiplying_in_place_gives_both_factors_their_gradient():
    x, y = (sangja.tensor([2.0, 3.0], requires_grad=True) for _ in "xy")
    z = x * 1
    z *= y
    z.sum().backward()
    assert (x.grad.tolist(), y.grad.tolist()) == ([2.0, 3.0], [2.0, 3.0])


def test_a_comparison_with_something_else_is_pythons():
    x = sangja.ones(2)
    assert (x == None) is False  # noqa: E711
    assert (x != "a") is True
    with pytest.raises(TypeError, match="not supported between"):
        x < "a"  # noqa: B015


def test_where_with_the_condition_alone_gives_indices():
    mask = sangja.tensor([[True, False], [False, True]])
    assert [i.tolist() for i in sangja.where(mask)] == [[0, 1], [0, 1]]


def test_activations_write_into_their_input_when_asked():
    for name in ("relu", "relu6", "leaky_relu", "elu", "selu", "celu", "silu", "mish", "hardtanh"):
        x, a = pair("float32", (-1.5, 0.0, 2.5))
        before = x
        getattr(sangja.nn.functional, name)(x, inplace=True)
        expected = getattr(torch.nn.functional, name)(a)
        np.testing.assert_allclose(before.numpy(), expected.numpy(), rtol=1e-5)


def test_softmax_without_a_dimension_warns_and_chooses_as_pytorch():
    with pytest.warns(UserWarning, match="Implicit dimension choice for softmax"):
        z = sangja.nn.functional.softmax(sangja.ones(2, 4))
    assert z.tolist() == [[0.25] * 4] * 2


def test_relu_keeps_its_result_alone():
    x = sangja.ones(3, requires_grad=True)
    z = sangja.relu(x)
    assert len(z.grad_fn.kept) == 1
    assert z.grad_fn.kept[0] is z.array


def test_rrelu_draws_pytorchs_slopes_in_training():
    values = np.linspace(-3, 3, 200, dtype=np.float32)
    default_generator.manual_seed(7)
    torch.manual_seed(7)
    x = sangja.tensor(values, requires_grad=True)
    a = torch.tensor(values, requires_grad=True)
    z = sangja.nn.functional.rrelu(x, training=True)
    e = torch.nn.functional.rrelu(a, training=True)
    z.sum().backward()
    e.sum().backward()
    np.testing.assert_allclose(z.detach().numpy(), e.detach().numpy(), rtol=1e-6)
    np.testing.assert_allclose(x.grad.numpy(), a.grad.numpy(), rtol=1e-6)


def test_the_gradient_of_a_complex_absolute_value_points_away_from_zero():
    x = sangja.tensor([3 + 4j, -1 - 1j, 0j], requires_grad=True)
    sangja.abs(x).sum().backward()
    expected = np.array([0.6 + 0.8j, -(0.5**0.5) * (1 + 1j), 0])
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-6)

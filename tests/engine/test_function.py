"""`autograd.Function`, gradcheck and numerical differentiation."""

import numpy as np
import pytest

import sangja
from sangja.autograd import Function, gradcheck, gradgradcheck, numerical_diff, once_differentiable

F64 = sangja.float64


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * x * x


def leaf(*values):
    return sangja.tensor(values, dtype=F64, requires_grad=True)


def test_a_function_differentiates_to_every_order():
    x = leaf(2.0)
    (g,) = sangja.autograd.grad(Cube.apply(x).sum(), x, create_graph=True)
    (gg,) = sangja.autograd.grad(g.sum(), x)
    assert (g.tolist(), gg.tolist()) == ([12.0], [12.0])
    assert Cube.apply(x).grad_fn.name() == "CubeBackward"
    assert gradcheck(Cube.apply, leaf(1.0, -2.0)) and gradgradcheck(Cube.apply, leaf(1.0, -2.0))


def test_several_inputs_and_results_and_arguments_that_are_no_tensors():
    class SumAndScaled(Function):
        @staticmethod
        def forward(ctx, x, y, factor):
            ctx.factor = factor
            assert ctx.needs_input_grad == (True, True, False)
            return x + y, x * factor

        @staticmethod
        def backward(ctx, g_sum, g_scaled):
            return g_sum + g_scaled * ctx.factor, g_sum, None

    x, y = leaf(1.0), leaf(2.0)
    total, scaled = SumAndScaled.apply(x, y, 5)
    scaled.sum().backward(retain_graph=True)
    assert (x.grad.tolist(), y.grad.tolist()) == ([5.0], [0.0])
    total.sum().backward()
    assert (x.grad.tolist(), y.grad.tolist()) == ([6.0], [1.0])


def test_setup_context_may_stand_apart():
    class Square(Function):
        @staticmethod
        def forward(x):
            return x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]

    x = leaf(3.0)
    Square.apply(x).sum().backward()
    assert x.grad.tolist() == [6.0]


def test_results_may_be_declared_without_gradient_and_none_passed_for_unused():
    class Parts(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            sign = sangja.tensor(np.sign(x.detach().numpy()))
            ctx.mark_non_differentiable(sign)
            return x * 2, x * 3, sign

        @staticmethod
        def backward(ctx, double, triple, sign):
            assert triple is None and sign is None
            return double * 2

    x = leaf(-4.0)
    double, _, sign = Parts.apply(x)
    assert not sign.requires_grad
    double.sum().backward()
    assert x.grad.tolist() == [2.0]


def backward_returning(*values):
    class Returns(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, g):
            return values if len(values) != 1 else values[0]

    return Returns


@pytest.mark.parametrize(
    ("values", "error", "text"),
    [
        (
            (sangja.ones(2, dtype=F64),),
            RuntimeError,
            "incorrect number of gradients (expected 2, got 1)",
        ),
        ((sangja.ones(2, dtype=F64),) * 3, RuntimeError, "(expected 2, got 3)"),
        (
            (sangja.ones(3, dtype=F64), None),
            RuntimeError,
            "got [3] but expected shape compatible with [2]",
        ),
        ((1.5, None), TypeError, "returned a float as gradient 0; expected a Tensor or None"),
    ],
)
def test_a_backward_that_returns_something_wrong_is_refused_by_name(values, error, text):
    x, y = leaf(1.0, 2.0), leaf(1.0, 2.0)
    z = backward_returning(*values).apply(x, y)
    with pytest.raises(error) as caught:
        z.sum().backward()
    assert text in str(caught.value) and "ReturnsBackward" in str(caught.value)


def test_forward_and_saving_are_checked():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            return 3.0

    class SavesNumber(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(3.0)

    with pytest.raises(TypeError, match=r"Wrong.forward: expected to return Tensors, got float"):
        Wrong.apply(leaf(1.0))
    with pytest.raises(TypeError, match="can only save variables, but got float"):
        SavesNumber.apply(leaf(1.0))
    with pytest.raises(NotImplementedError, match="implement the forward function"):
        Function.apply(leaf(1.0))


def test_a_saved_tensor_changed_or_freed_is_found():
    x = leaf(2.0)
    y = Cube.apply(x)
    with sangja.no_grad():
        x.mul_(0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation: mul_ wrote"):
        y.sum().backward()
    z = Cube.apply(x).sum()
    z.backward()
    with pytest.raises(RuntimeError, match="second time"):
        z.backward()


def test_once_differentiable_is_refused_a_second_time():
    class NumpySine(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.x = x.detach().numpy()
            return sangja.tensor(np.sin(ctx.x))

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            return g * sangja.tensor(np.cos(ctx.x))

    x = leaf(0.5)
    (g,) = sangja.autograd.grad(NumpySine.apply(x), x)
    assert g.item() == np.cos(0.5)
    (g,) = sangja.autograd.grad((NumpySine.apply(x) * x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="marked with @once_differentiable"):
        sangja.autograd.grad(g.sum(), x)


def test_gradcheck_finds_a_wrong_derivative():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 3

        @staticmethod
        def backward(ctx, g):
            return g * 3.01

    x = leaf(1.0, 2.0)
    for fast in (False, True):
        with pytest.raises(
            RuntimeError, match="Jacobian mismatch for output 0 with respect to input 0"
        ):
            gradcheck(Wrong.apply, x, fast_mode=fast)
    assert not gradcheck(Wrong.apply, x, raise_exception=False)
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        gradcheck(lambda x: x, sangja.ones(2))


def test_numerical_diff_gives_the_seeds_values():
    """DeZero step 4: Square at 2.0, and (e^(x²))² at 0.5, with ε = 1e-4."""
    square = numerical_diff(lambda x: x * x, sangja.tensor(2.0, dtype=F64))
    assert square.item() == 4.000000000004
    composite = numerical_diff(
        lambda x: (lambda e: e * e)((x * x).exp()), sangja.tensor(0.5, dtype=F64)
    )
    assert composite.item() == 3.2974426293330694
    with pytest.raises(ValueError, match="eps must be positive"):
        numerical_diff(lambda x: x, 1.0, eps=0)

"""Every function and layer against central differences, also where the original fails."""

import numpy as np
import pytest

import sangja.books.dezero as dezero
from sangja.books.dezero import Variable, functions as F, layers as L, utils
from sangja.books.dezero.functions_conv import Conv2DGradW, Pooling2DGrad, Pooling2DWithIndexes

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.standard_normal(shape)


def positive(*shape):
    return RNG.uniform(0.2, 0.8, shape)


LABELS = np.array([2, 0, 1])
IMAGE = normal(2, 3, 5, 6)
KERNEL = normal(4, 3, 3, 2)
DECONV = normal(3, 4, 3, 2)
BIAS = normal(4)
OTHER = normal(3, 4)

CASES = {
    "square": (dezero.square, normal(3, 4)),
    "add": (lambda x: x + OTHER, normal(4)),
    "radd": (lambda x: OTHER + x, normal(3, 1)),
    "sub": (lambda x: OTHER - x, normal(4)),
    "mul": (lambda x: x * x * OTHER, normal(4)),
    "neg": (lambda x: -x, normal(4)),
    "div": (lambda x: OTHER / x, positive(4)),
    "div by": (lambda x: x / (x + 3.0), positive(4)),
    "pow": (lambda x: x**3, normal(4)),
    "pow of a fraction": (lambda x: x**0.5, positive(4)),
    "sin": (F.sin, normal(3)),
    "cos": (F.cos, normal(3)),
    "tanh": (F.tanh, normal(3)),
    "exp": (F.exp, normal(3)),
    "log": (F.log, positive(3)),
    "reshape": (lambda x: F.reshape(x, (4, 3)), normal(3, 4)),
    "transpose": (lambda x: x.transpose(2, 0, 1) * normal_like, normal(2, 3, 4)),
    "T": (lambda x: x.T, normal(2, 3)),
    "get_item": (lambda x: x[1:, ::-1], normal(3, 4)),
    "get_item twice": (lambda x: x[np.array([0, 0, 2])], normal(3, 4)),
    "expand_dims": (lambda x: F.expand_dims(x, -1), normal(3, 4)),
    "flatten": (F.flatten, normal(2, 3, 2)),
    "concat": (lambda x: F.concat(x, x * 2, axis=1), normal(2, 3)),
    "sum": (lambda x: F.sum(x, axis=(0, 2)), normal(2, 3, 4)),
    "sum_to": (lambda x: F.sum_to(x, (1, 4)), normal(3, 4)),
    "broadcast_to": (lambda x: F.broadcast_to(x, (3, 4)), normal(4)),
    "average": (lambda x: F.average(x, axis=1), normal(3, 4)),
    "matmul": (lambda x: F.matmul(x, x.T), normal(3, 4)),
    "batched linear": (lambda x: F.linear(x, OTHER.T, BIAS[:3]), normal(2, 3, 4)),
    "linear weight": (lambda w: F.linear(OTHER, w), normal(4, 2)),
    "linear_simple": (lambda x: F.linear_simple(x, OTHER, BIAS), normal(2, 3)),
    "sigmoid": (F.sigmoid, normal(3, 4)),
    "sigmoid_simple": (F.sigmoid_simple, normal(3, 4)),
    "relu": (F.relu, normal(3, 4)),
    "leaky_relu": (F.leaky_relu, normal(3, 4)),
    "softmax": (F.softmax, normal(3, 4)),
    "softmax of an axis": (lambda x: F.softmax(x, axis=0), normal(3, 4)),
    "softmax_simple": (F.softmax_simple, normal(3, 4)),
    "log_softmax": (F.log_softmax, normal(3, 4)),
    "mse": (lambda x: F.mean_squared_error(x, OTHER), normal(3, 4)),
    "mse of the other": (lambda x: F.mean_squared_error(OTHER, x), normal(3, 4)),
    "mse_simple": (lambda x: F.mean_squared_error_simple(x, OTHER), normal(3, 4)),
    "softmax_cross_entropy": (lambda x: F.softmax_cross_entropy(x, LABELS), normal(3, 4)),
    "softmax_cross_entropy_simple": (
        lambda x: F.softmax_cross_entropy_simple(x, LABELS),
        normal(3, 4),
    ),
    "sigmoid_cross_entropy": (lambda x: F.sigmoid_cross_entropy(x, LABELS % 2), normal(3, 1)),
    "binary_cross_entropy": (lambda p: F.binary_cross_entropy(p, LABELS % 2), positive(3)),
    "binary_cross_entropy near 1": (
        lambda p: F.binary_cross_entropy(p, np.array([1, 1])),
        np.array([0.9995, 0.5]),
    ),
    "embed_id": (lambda w: F.embed_id(np.array([1, 1, 0]), w), normal(3, 2)),
    "max": (lambda x: F.max(x, axis=1), normal(3, 4)),
    "min": (lambda x: F.min(x, axis=(0, 1), keepdims=True), normal(3, 4)),
    "clip": (lambda x: F.clip(x, -0.5, 0.5), normal(3, 4)),
    "im2col": (lambda x: F.im2col(x, (3, 2), (2, 1), (1, 2)), IMAGE),
    "im2col as images": (lambda x: F.im2col(x, 3, 2, 1, to_matrix=False), IMAGE),
    "col2im": (lambda x: F.col2im(x, (1, 2, 4, 4), 3, 1, 0), normal(4, 18)),
    "col2im of images": (
        lambda x: F.col2im(x, (1, 2, 4, 4), 3, 1, 0, to_matrix=False),
        normal(1, 2, 3, 3, 2, 2),
    ),
    "conv2d": (lambda x: F.conv2d(x, KERNEL, BIAS, (2, 1), (1, 2)), IMAGE),
    "conv2d weight": (lambda w: F.conv2d(IMAGE, w, BIAS, 2, 1), KERNEL),
    "conv2d bias": (lambda b: F.conv2d(IMAGE, KERNEL, b), BIAS),
    "conv2d_simple": (lambda x: F.conv2d_simple(x, KERNEL, BIAS, (2, 1), (1, 2)), IMAGE),
    "deconv2d": (lambda x: F.deconv2d(x, DECONV, BIAS, (2, 1), (1, 0)), IMAGE),
    "deconv2d weight": (lambda w: F.deconv2d(IMAGE, w, None, 2, 1), DECONV),
    "deconv2d outsize": (lambda x: F.deconv2d(x, DECONV, None, 2, 1, (10, 11)), IMAGE),
    "pooling": (lambda x: F.pooling(x, (3, 2), (2, 1), (1, 2)), IMAGE),
    "pooling_simple": (lambda x: F.pooling_simple(x, (3, 2), (2, 1), (1, 2)), IMAGE),
    "average_pooling": (lambda x: F.average_pooling(x, (3, 2), (2, 1), (1, 2)), IMAGE),
}
normal_like = normal(4, 2, 3)
LINEAR_IN_X = {"average_pooling", "conv2d"}


@pytest.mark.parametrize("name", CASES)
def test_first_derivative(name):
    function, x = CASES[name]
    y = function(Variable(x.copy()))
    weights = np.random.default_rng(1).standard_normal(y.shape)
    assert utils.gradient_check(lambda x: function(x) * weights, Variable(x.copy()), rtol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_second_derivative(name):
    """The derivative of Σ(dx · weights): twice through the graph."""
    function, x = CASES[name]
    weights = np.random.default_rng(1).standard_normal(x.shape)

    def slope(x):
        y = function(x)
        (y * y).backward(create_graph=True)
        gx, x.grad = x.grad, None
        return gx * weights

    assert utils.gradient_check(slope, Variable(x.copy()), rtol=1e-5)


def parameters_pass(layer, x, run=None):
    run = run or (lambda: layer(x))
    run()
    for param in layer.params():
        if param.name in ("avg_mean", "avg_var"):
            continue
        param.data = param.data.astype(np.float64)

        def loss(w, param=param):
            param.data[...] = w.data
            y = run()
            return F.sum(y * y)

        w = param.data.copy()
        layer.cleargrads()
        loss(Variable(w)).backward()
        numerical = utils.numerical_grad(loss, Variable(w))
        assert np.allclose(param.grad.data, numerical, rtol=1e-4, atol=1e-5), param.name


@pytest.mark.parametrize(
    "layer, x",
    [
        (L.Linear(3), normal(2, 4)),
        (L.Conv2d(2, (3, 2), (1, 2), 1), IMAGE),
        (L.Deconv2d(2, 3, 2, 1), IMAGE),
        (L.BatchNorm(), normal(4, 3)),
        (L.BatchNorm(), IMAGE),
        (L.EmbedID(4, 2), np.array([0, 3, 3])),
    ],
    ids=lambda v: type(v).__name__,
)
def test_parameters_of_layers(layer, x):
    parameters_pass(layer, x)


@pytest.mark.parametrize("layer", [L.RNN(3), L.LSTM(3), L.RNN(3, in_size=2), L.LSTM(3, in_size=2)])
def test_parameters_of_recurrent_layers_over_three_steps(layer):
    xs = [normal(2, 2) for _ in range(3)]

    def run():
        layer.reset_state()
        return F.concat(*[layer(x) for x in xs])

    parameters_pass(layer, None, run)


def test_batch_normalization_of_its_input():
    ones, zeros = np.ones(3), np.zeros(3)
    function = lambda x: F.batch_nrom(x, ones * 2, ones, zeros.copy(), ones.copy()) ** 3  # noqa: E731
    assert utils.gradient_check(function, normal(4, 3))
    assert utils.gradient_check(function, IMAGE, rtol=1e-3)
    with dezero.test_mode():
        assert utils.gradient_check(function, normal(4, 3))


def test_the_helpers_of_double_backpropagation_are_the_derivatives_of_conv2d_and_pooling():
    x, w = Variable(IMAGE), Variable(KERNEL)
    y = F.conv2d(x, w, stride=2, pad=1)
    gy = normal(*y.shape)
    (y * gy).backward()
    grad_w = Conv2DGradW(y.creator)
    assert np.allclose(grad_w(x, Variable(gy)).data, w.grad.data)
    assert utils.gradient_check(lambda gy: grad_w(x, gy) ** 2, gy)
    assert utils.gradient_check(lambda x: grad_w(x, gy) ** 2, IMAGE)

    x = Variable(IMAGE)
    y = F.pooling(x, (3, 2), 2, 1)
    gy = normal(*y.shape)
    (y * gy).backward()
    grad = Pooling2DGrad(y.creator)
    assert np.allclose(grad(Variable(gy)).data, x.grad.data)
    assert utils.gradient_check(lambda gy: grad(gy) ** 2, gy)
    picked = Pooling2DWithIndexes(y.creator)
    assert np.array_equal(picked(Variable(IMAGE)).data, y.data)
    assert utils.gradient_check(lambda x: picked(x) ** 2, normal(*IMAGE.shape))

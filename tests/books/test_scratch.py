"""`scratch`: the book's functions, layers, optimizers and networks, with the numbers that its own
programs print, held against finite differences also where the book's gradients fail."""

import itertools

import numpy as np
import pytest

from sangja.books import scratch
from sangja.books.scratch import (
    SGD,
    AdaGrad,
    Adam,
    Affine,
    BatchNormalization,
    Convolution,
    DeepConvNet,
    Dropout,
    Momentum,
    MultiLayerNet,
    MultiLayerNetExtend,
    Nesterov,
    Pooling,
    Relu,
    RMSprop,
    Sigmoid,
    SimpleConvNet,
    SoftmaxWithLoss,
    Trainer,
    TwoLayerNet,
)
from sangja.core.errors import (
    ArgumentError,
    DTypeError,
    ForeignFileError,
    GradientError,
    OutOfRangeError,
    ShapeError,
    StateError,
)
from tests.books.differences import assert_close, derivative


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


# -- chapter 2 and functions ------------------------------------------------------------------


def test_gates():
    places = [(0, 0), (1, 0), (0, 1), (1, 1)]
    found = {
        gate: "".join(str(getattr(scratch, gate)(*x)) for x in places)
        for gate in ("AND", "NAND", "OR", "XOR")
    }
    assert found == {"AND": "0001", "NAND": "1110", "OR": "0111", "XOR": "0110"}


def test_functions():
    x = np.array([-1.0, 0.0, 2.0])
    assert scratch.identity_function(x) is x
    assert scratch.step_function(x).tolist() == [0, 0, 1]  # the book's fails: np.int
    assert scratch.step_function(x).dtype.kind == "i"
    assert_close(scratch.sigmoid(x), 1 / (1 + np.exp(-x)), 1e-15)
    assert scratch.relu(x).tolist() == [0.0, 0.0, 2.0]
    assert scratch.relu_grad(x).tolist() == [0.0, 1.0, 1.0]  # the book's fails: np.zeros(x)
    assert_close(scratch.sigmoid_grad(x), derivative(lambda: scratch.sigmoid(x).sum(), x))
    scores = np.array([[0.3, 2.9, 4.0], [1010.0, 1000.0, 990.0]])
    expected = [[0.01821127, 0.24519181, 0.73659691], [9.99954600e-01, 4.53978686e-05, 2.06e-09]]
    assert_close(scratch.softmax(scores), expected, 1e-8)  # the book's pages 94 and 95
    assert_close(scratch.softmax([0.3, 2.9, 4.0]), expected[0], 1e-8)


def test_errors_of_the_books_chapter_4():
    t = np.array([0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
    y = np.array([0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0])
    z = np.array([0.1, 0.05, 0.1, 0.0, 0.05, 0.1, 0.0, 0.6, 0.0, 0.0])
    assert scratch.mean_squared_error(y, t) == pytest.approx(0.0975)
    assert scratch.sum_squared_error(z, t) == pytest.approx(0.5975)
    assert scratch.cross_entropy_error(y, t) == pytest.approx(0.510825457099338)
    assert scratch.cross_entropy_error(z, t) == pytest.approx(2.302584092994546)
    both = np.array([y, z])
    mean = (0.510825457099338 + 2.302584092994546) / 2
    assert scratch.cross_entropy_error(both, np.array([t, t])) == pytest.approx(mean)
    assert scratch.cross_entropy_error(both, np.array([2, 2])) == pytest.approx(mean)
    assert scratch.softmax_loss(np.log(both + 1e-300), np.array([2, 2])) == pytest.approx(mean)


def test_labels_that_do_not_fit():
    y = np.full((2, 3), 1 / 3)
    with pytest.raises(ShapeError, match=r"expected 2 labels or one-hot targets of shape \[2, 3\]"):
        scratch.cross_entropy_error(y, np.array([0, 1, 2]))
    with pytest.raises(OutOfRangeError, match="labels must lie between 0 and 2, got 0 to 3"):
        scratch.cross_entropy_error(y, np.array([0, 3]))


# -- derivatives ------------------------------------------------------------------------------


def test_numerical_differentiation_prints_the_books_digits():
    def parabola(x):
        return 0.01 * x**2 + 0.1 * x

    assert scratch.numerical_diff(parabola, 5) == 0.1999999999990898
    assert scratch.numerical_diff(parabola, 10) == 0.2999999999986347


def sum_of_squares(x):
    return np.sum(x**2)


def test_numerical_gradients():
    x = np.array([3.0, 4.0])
    assert_close(scratch.numerical_gradient(sum_of_squares, x), [6.0, 8.0], 1e-8)
    assert x.tolist() == [3.0, 4.0]
    X = np.array([[3.0, 4.0], [0.0, 2.0]])
    assert_close(scratch.numerical_gradient_2d(sum_of_squares, X), 2 * X, 1e-8)
    assert_close(scratch.numerical_gradient_2d(sum_of_squares, x), 2 * x, 1e-8)


def test_numerical_gradient_in_single_precision():
    """With the book's step of 10⁻⁴ the error is 3 %."""
    x = np.array([30.0, 4.0], np.float32)
    found = scratch.numerical_gradient(sum_of_squares, x)
    assert np.max(np.abs(found / (2 * x) - 1)) < 2e-3


def test_numerical_gradient_of_integers_is_refused():
    """In the book's the step is cut off, and the gradient is 0 without a word."""
    with pytest.raises(DTypeError, match=r"Convert it first: x\.astype"):
        scratch.numerical_gradient(sum_of_squares, np.array([3, 4]))


def test_numerical_gradient_puts_the_array_back():
    x = np.array([3.0, 4.0])

    def fails(x):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        scratch.numerical_gradient(fails, x)
    assert x.tolist() == [3.0, 4.0]


def test_gradient_descent():
    start = np.array([-3.0, 4.0])
    x, history = scratch.gradient_descent(sum_of_squares, start, lr=0.1, step_num=20)
    assert_close(x, 0.8**20 * np.array([-3.0, 4.0]), 1e-10)
    assert history.shape == (20, 2)
    assert history[0].tolist() == start.tolist() == [-3.0, 4.0]  # the book's moves the start too


# -- layers -----------------------------------------------------------------------------------


def check_layer(layer, x, *options, params=()):
    g = numbers(*layer.forward(x, *options).shape, seed=9)

    def total():
        return float(np.sum(layer.forward(x, *options) * g))

    expected = [derivative(total, x), *(derivative(total, getattr(layer, p)) for p in params)]
    layer.forward(x, *options)
    kept = g.copy()
    found = [layer.backward(g), *(getattr(layer, "d" + p) for p in params)]
    for a, b in zip(found, expected, strict=True):
        assert_close(a, b, 1e-5)
    assert np.array_equal(g, kept)


def test_relu_leaves_the_gradient_it_is_given_alone():
    """The book's writes zeros into it."""
    check_layer(Relu(), numbers(3, 4))
    layer = Relu()
    x = np.array([[-1.0, 0.0, 2.0]])
    assert layer.forward(x).tolist() == [[0.0, 0.0, 2.0]]
    assert layer.mask.tolist() == [[True, True, False]]
    dout = np.ones((1, 3))
    assert layer.backward(dout).tolist() == [[0.0, 0.0, 1.0]]
    assert dout.tolist() == [[1.0, 1.0, 1.0]]


def test_sigmoid():
    layer = Sigmoid()
    check_layer(layer, numbers(3, 4))
    assert np.array_equal(layer.out, layer.forward(numbers(3, 4)))


def test_affine_takes_images_too():
    check_layer(Affine(numbers(4, 3), numbers(3)), numbers(5, 4), params=("W", "b"))
    layer = Affine(numbers(12, 3), numbers(3))
    check_layer(layer, numbers(2, 3, 2, 2), params=("W", "b"))
    assert layer.original_x_shape == (2, 3, 2, 2)
    assert layer.x.shape == (2, 12)


@pytest.mark.parametrize("t", [[0, 2, 1], [[1, 0, 0], [0, 0, 1], [0, 1, 0]], [[0], [2], [1]]])
def test_softmax_with_loss(t):
    layer, x, t = SoftmaxWithLoss(), numbers(3, 3), np.array(t)
    p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    picked = p[[0, 1, 2], [0, 2, 1]]
    assert layer.forward(x, t) == layer.loss == pytest.approx(-np.mean(np.log(picked)), abs=1e-6)
    assert_close(layer.y, p, 1e-12)
    assert layer.t is t
    found = layer.backward()
    assert_close(found, derivative(lambda: layer.forward(x, t), x))
    layer.forward(x, t)
    assert_close(layer.backward(2), 2 * found, 1e-12)  # the book's ignores its argument


def test_softmax_with_loss_of_one_row():
    layer, x = SoftmaxWithLoss(), numbers(3)
    layer.forward(x, np.array([0, 0, 1]))
    assert_close(layer.backward(), scratch.softmax(x) - [0, 0, 1], 1e-12)


def test_dropout():
    np.random.seed(0)
    layer, x = Dropout(0.3), np.ones((100, 100))
    out = layer.forward(x)
    np.random.seed(0)
    assert np.array_equal(out, np.random.rand(100, 100) > 0.3)  # not scaled up, as in the book
    assert np.array_equal(layer.backward(x), layer.mask)
    assert np.array_equal(layer.forward(x, False), 0.7 * x)
    # the book's goes back through the mask of some earlier step
    check_layer(Dropout(0.3), numbers(3, 3), False)


@pytest.mark.parametrize("shape", [(5, 3), (4, 2, 2, 3)])
def test_gradients_of_batch_normalization(shape):
    features = int(np.prod(shape[1:]))
    make = BatchNormalization(numbers(features) + 1, numbers(features, seed=1))
    check_layer(make, numbers(*shape, seed=2), True, params=("gamma", "beta"))
    # after a prediction the book's goes back through some earlier batch, or fails
    mean, var = numbers(features, seed=3), np.abs(numbers(features, seed=4)) + 0.5
    make = BatchNormalization(numbers(features), numbers(features), 0.9, mean, var)
    check_layer(make, numbers(*shape, seed=2), False, params=("gamma", "beta"))


def test_what_batch_normalization_keeps():
    layer, x = BatchNormalization(np.ones(3), np.zeros(3)), numbers(50, 3) * 2 + 1
    out = layer.forward(x)
    assert_close(out, (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-6), 1e-12)
    assert_close(layer.running_mean, 0.1 * x.mean(0), 1e-12)
    assert_close(layer.running_var, 0.1 * x.var(0), 1e-12)
    assert_close(layer.xc / layer.std, layer.xn, 1e-12)
    assert layer.batch_size == 50
    predicted = layer.forward(x, False)
    expected = (x - 0.1 * x.mean(0)) / np.sqrt(0.1 * x.var(0) + 1e-6)
    assert_close(predicted, expected, 1e-9)


@pytest.mark.parametrize(("stride", "pad"), [(1, 0), (2, 1), (1, 2)])
def test_convolution(stride, pad):
    W, b, x = numbers(3, 2, 3, 3), numbers(3, seed=1), numbers(2, 2, 5, 6, seed=2)
    layer = Convolution(W, b, stride, pad)
    padded = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    h, w = ((n + 2 * pad - 3) // stride + 1 for n in (5, 6))
    expected = np.zeros((2, 3, h, w))
    for i, j in itertools.product(range(h), range(w)):
        window = padded[:, :, i * stride : i * stride + 3, j * stride : j * stride + 3]
        expected[:, :, i, j] = np.einsum("nckl,ockl->no", window, W) + b
    assert_close(layer.forward(x), expected, 1e-12)
    check_layer(layer, x, params=("W", "b"))


@pytest.mark.parametrize(("stride", "pad"), [(1, 0), (2, 0), (2, 1), (1, 2), (3, 0)])
def test_pooling(stride, pad):
    """With padding the book's fails: it forgets it in the size of the result."""
    x = numbers(2, 2, 5, 6)
    layer = Pooling(2, 3, stride, pad)
    padded = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    h, w = (5 + 2 * pad - 2) // stride + 1, (6 + 2 * pad - 3) // stride + 1
    expected = np.zeros((2, 2, h, w))
    for i, j in itertools.product(range(h), range(w)):
        window = padded[:, :, i * stride : i * stride + 2, j * stride : j * stride + 3]
        expected[:, :, i, j] = window.max((2, 3))
    assert np.array_equal(layer.forward(x), expected)
    check_layer(layer, x)


def test_the_first_of_equal_maxima_gets_the_gradient():
    layer = Pooling(2, 2, 2)
    layer.forward(np.ones((1, 1, 2, 2)))
    assert layer.backward(np.full((1, 1, 1, 1), 5.0)).tolist() == [[[[5.0, 0.0], [0.0, 0.0]]]]
    with pytest.raises(ShapeError, match=r"expected images \(N, C, H, W\), got shape \[2, 2\]"):
        layer.forward(np.ones((2, 2)))


LAYERS = [
    lambda: (Relu(), numbers(2, 3)),
    lambda: (Sigmoid(), numbers(2, 3)),
    lambda: (Affine(numbers(3, 3), numbers(3)), numbers(2, 3)),
    lambda: (Dropout(), numbers(2, 3)),
    lambda: (BatchNormalization(np.ones(3), np.zeros(3)), numbers(2, 3)),
    lambda: (Convolution(numbers(1, 1, 1, 1), numbers(1)), numbers(1, 1, 2, 3)),
    lambda: (Pooling(1, 1), numbers(1, 1, 2, 3)),
]


@pytest.mark.parametrize("make", LAYERS)
def test_layers_say_what_is_wrong(make):
    layer, x = make()
    name = type(layer).__name__
    with pytest.raises(GradientError, match=rf"{name}\.backward\(\) was called before {name}\.f"):
        layer.backward(x)
    out = layer.forward(x)
    with pytest.raises(ShapeError, match="a gradient has the shape of its value"):
        layer.backward(np.ones((7, 7)))
    layer.forward(x + 1)
    layer.forward(x)
    layer.backward(np.ones_like(out))
    with pytest.raises(GradientError, match=f"Use a {name} object of its own for each place"):
        layer.backward(np.ones_like(out))


def test_softmax_with_loss_backward_before_forward():
    with pytest.raises(GradientError, match="SoftmaxWithLoss"):
        SoftmaxWithLoss().backward()


def test_single_precision_stays_single():
    x = numbers(1, 2, 4, 4).astype(np.float32)
    layer = Convolution(numbers(3, 2, 3, 3).astype(np.float32), np.zeros(3, np.float32))
    assert layer.forward(x).dtype == np.float32
    assert scratch.im2col(x, 3, 3).dtype == np.float32  # the book's: float64


# -- util -------------------------------------------------------------------------------------


def test_im2col_of_the_books_chapter_7():
    assert scratch.im2col(np.random.rand(1, 3, 7, 7), 5, 5, stride=1, pad=0).shape == (9, 75)
    assert scratch.im2col(np.random.rand(10, 3, 7, 7), 5, 5, stride=1, pad=0).shape == (90, 75)


def test_im2col_and_back():
    x = numbers(2, 3, 4, 5)
    columns = scratch.im2col(x, 2, 3, 2, 1)
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])
    assert np.array_equal(columns[0], padded[0, :, 0:2, 0:3].ravel())
    assert np.array_equal(columns[-1], padded[1, :, 4:6, 4:7].ravel())
    counts = scratch.col2im(scratch.im2col(np.ones_like(x), 2, 3, 2, 1), x.shape, 2, 3, 2, 1)
    assert_close(scratch.col2im(columns, x.shape, 2, 3, 2, 1), counts * x, 1e-12)


def test_small_tools():
    assert scratch.conv_output_size(28, 5, 1, 0) == 24
    assert scratch.conv_output_size(7, 3, 2, 1) == 4
    for shape in [(6, 2), (6, 2, 3, 3), (6,)]:  # the book knows two of them
        x = np.arange(6.0).reshape(6, *[1] * (len(shape) - 1)) + np.zeros(shape)
        a, t = scratch.shuffle_dataset(x, np.arange(6))
        assert np.array_equal(a.reshape(6, -1)[:, 0], t)
    assert_close(scratch.smooth_curve(np.full(30, 2.0)), np.full(30, 2.0), 1e-12)
    line = np.arange(30.0)
    assert_close(scratch.smooth_curve(line)[6:-6], line[6:-6], 1e-10)
    with pytest.raises(ShapeError, match="at least 11 points are needed, got 5"):
        scratch.smooth_curve(np.ones(5))


# -- optimizers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        (SGD(lr=0.95), "-0.350393 0.084782"),
        (Momentum(lr=0.1), "0.896414 0.088086"),
        (AdaGrad(lr=1.5), "-0.120162 2.486e-17"),
        (Adam(lr=0.3), "0.136007 0.318245"),
        (RMSprop(lr=0.1), "-0.697420 1.48e-08"),
    ],
)
@pytest.mark.parametrize("boxed", [False, True])
def test_the_books_chapter_6_walks(optimizer, expected, boxed):
    """Down x² / 20 + y² from (−7, 2), thirty steps; on numbers and on arrays."""
    optimizer = type(optimizer)(lr=optimizer.lr)
    start = {"x": -7.0, "y": 2.0}
    params = {key: np.array([value]) for key, value in start.items()} if boxed else start
    for _ in range(30):
        optimizer.update(params, {"x": params["x"] / 10.0, "y": 2.0 * params["y"]})
    x, y = (float(np.ravel(params[key])[0]) for key in "xy")
    assert expected in {f"{x:.6f} {y:.6f}", f"{x:.6f} {y:.3e}", f"{x:.6f} {y:.2e}"}


def test_nesterov_steps_as_published():
    """The book's changes the velocity before it uses it. Here against PyTorch, whose velocity is
    −v / lr."""
    torch = pytest.importorskip("torch")
    box = torch.tensor([-7.0, 2.0], dtype=torch.float64, requires_grad=True)
    reference = torch.optim.SGD([box], lr=0.1, momentum=0.9, nesterov=True)
    params = {"x": np.array([-7.0, 2.0])}
    optimizer = Nesterov(lr=0.1, momentum=0.9)
    for _ in range(30):
        reference.zero_grad()
        (box[0] ** 2 / 20 + box[1] ** 2).backward()
        reference.step()
        optimizer.update(params, {"x": params["x"] * np.array([0.1, 2.0])})
        assert_close(params["x"], box.detach().numpy(), 1e-12)


@pytest.mark.parametrize("make", [SGD, Momentum, Nesterov, AdaGrad, RMSprop, Adam])
def test_optimizers_change_arrays_in_place(make):
    array = np.array([1.0, 2.0])
    params = {"W": array}
    make().update(params, {"W": np.array([1.0, -1.0])})
    assert params["W"] is array
    assert array[0] < 1.0
    assert array[1] > 2.0
    whole = {"W": 3}
    make().update(whole, {"W": 2})
    assert whole["W"] < 3


# -- networks ---------------------------------------------------------------------------------


def one_hot(labels, classes):
    return np.eye(classes)[labels]


def check_gradients(network, x, t):
    """To 10⁻⁵: the 10⁻⁷ that the loss adds within its logarithm is not in the gradient."""
    numerical, found = network.numerical_gradient(x, t), network.gradient(x, t)
    assert set(numerical) == set(found) == set(network.params)
    for key in numerical:
        assert_close(found[key], numerical[key], 1e-5)


def test_two_layer_net():
    np.random.seed(0)
    network = TwoLayerNet(input_size=6, hidden_size=5, output_size=3, weight_init_std=1.0)
    np.random.seed(0)
    assert_close(network.params["W1"], np.random.randn(6, 5), 1e-15)
    assert list(network.layers) == ["Affine1", "Relu1", "Affine2"]
    assert network.lastLayer is network.last_layer
    x = numbers(4, 6)
    check_gradients(network, x, np.array([0, 1, 2, 1]))
    check_gradients(network, x, one_hot([0, 1, 2, 1], 3))
    grads = network.gradient(x, np.array([0, 1, 2, 1]))
    assert grads["W1"] is not network.params["W1"]
    assert network.layers["Affine1"].W is network.params["W1"]


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_multi_layer_net(activation):
    np.random.seed(0)
    network = MultiLayerNet(6, [5, 4], 3, activation, activation, weight_decay_lambda=0.1)
    scale = np.sqrt((2 if activation == "relu" else 1) / 6)
    np.random.seed(0)
    assert_close(network.params["W1"], scale * np.random.randn(6, 5), 1e-15)
    assert list(network.layers) == [
        "Affine1",
        "Activation_function1",
        "Affine2",
        "Activation_function2",
        "Affine3",
    ]
    x, t = numbers(4, 6), np.array([0, 1, 2, 1])
    for i in (1, 2, 3):
        network.params[f"b{i}"] += numbers(*network.params[f"b{i}"].shape, seed=i)  # off the kinks
    check_gradients(network, x, t)
    plain = network.last_layer.forward(network.predict(x), t)
    squares = sum(np.sum(network.params[f"W{i}"] ** 2) for i in (1, 2, 3))
    assert network.loss(x, t) == pytest.approx(plain + 0.05 * squares)


def test_accuracy_with_one_hot_labels():
    """In the book's MultiLayerNet they are compared as they are."""
    network = MultiLayerNet(6, [5], 3)
    x = numbers(7, 6)
    t = network.predict(x).argmax(1)
    assert network.accuracy(x, t) == network.accuracy(x, one_hot(t, 3)) == 1.0
    t[0] = (t[0] + 1) % 3
    assert network.accuracy(x, one_hot(t, 3)) == pytest.approx(6 / 7)


def test_multi_layer_net_extend():
    np.random.seed(0)
    network = MultiLayerNetExtend(6, [5, 4], 3, weight_decay_lambda=0.1, use_batchnorm=True)
    assert list(network.layers)[:3] == ["Affine1", "BatchNorm1", "Activation_function1"]
    check_gradients(network, numbers(6, 6), np.array([0, 1, 2, 1, 0, 2]))
    network = MultiLayerNetExtend(6, [5], 3, use_dropout=True, dropout_ration=0.4)
    assert network.layers["Dropout1"].dropout_ratio == 0.4
    x, t = numbers(4, 6), np.array([0, 1, 2, 1])
    assert network.loss(x, t) == network.loss(x, t)
    assert len({network.loss(x, t, train_flg=True) for _ in range(9)}) > 1


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ArgumentError, match='activation must be "relu" or "sigmoid", got \'tanh\''):
        MultiLayerNet(6, [5], 3, activation="tanh")
    with pytest.raises(ArgumentError, match="weight_init_std must be a number"):
        MultiLayerNet(6, [5], 3, weight_init_std="glorot")
    x = np.zeros((4, 2))
    with pytest.raises(ArgumentError, match="optimizer must be one of sgd, momentum"):
        Trainer(TwoLayerNet(2, 2, 2), x, x, x, x, optimizer="rmsprpo")


def test_the_books_gradient_check_of_simple_convnet():
    np.random.seed(0)
    network = SimpleConvNet(
        input_dim=(1, 10, 10),
        conv_param={"filter_num": 10, "filter_size": 3, "pad": 0, "stride": 1},
        hidden_size=10,
        output_size=10,
        weight_init_std=0.01,
    )
    X = np.random.rand(100).reshape((1, 1, 10, 10))
    T = np.array([1]).reshape((1, 1))
    numerical, found = network.numerical_gradient(X, T), network.gradient(X, T)
    for key, value in numerical.items():
        assert np.abs(value - found[key]).mean() < 1e-5


def test_simple_convnet_with_an_odd_image():
    """The book halves 11 to 5.5 and expects 4 · 30.25 inputs of the affine layer."""
    convolution = {"filter_num": 4, "filter_size": 3, "pad": 1, "stride": 1}
    network = SimpleConvNet((1, 11, 11), convolution, hidden_size=6)
    assert network.params["W2"].shape == (4 * 5 * 5, 6)
    assert network.predict(numbers(2, 1, 11, 11)).shape == (2, 10)


def test_simple_convnet_counts_the_last_rows():
    """The book drops what does not fill a batch, and divides by all."""
    convolution = {"filter_num": 2, "filter_size": 3}
    network = SimpleConvNet((1, 6, 6), convolution, hidden_size=5, weight_init_std=1.0)
    x = numbers(7, 1, 6, 6)
    t = network.predict(x).argmax(1)
    assert network.accuracy(x, t, batch_size=4) == 1.0


def test_parameters_can_be_kept(tmp_path):
    convolution = {"filter_num": 2, "filter_size": 3}
    network, other = (SimpleConvNet((1, 6, 6), convolution, hidden_size=5) for _ in range(2))
    x = numbers(2, 1, 6, 6)
    network.save_params(tmp_path / "params")
    other.load_params(tmp_path / "params")
    assert np.array_equal(network.predict(x), other.predict(x))
    with pytest.raises(StateError, match="not the parameters of this TwoLayerNet"):
        TwoLayerNet(2, 3, 4).load_params(tmp_path / "params")
    (tmp_path / "params.pkl").write_bytes(b"\x80\x03}q\x00X\x02\x00\x00\x00W1q\x01K\x01s.")
    with pytest.raises(ForeignFileError, match="a Python pickle"):
        network.load_params(tmp_path / "params.pkl")


def test_the_books_deep_convnet():
    np.random.seed(0)
    network = DeepConvNet()
    shapes = {key: value.shape for key, value in network.params.items()}
    assert shapes["W1"] == (16, 1, 3, 3)
    assert shapes["W6"] == (64, 64, 3, 3)
    assert shapes["W7"] == (64 * 4 * 4, 50)
    assert shapes["W8"] == (50, 10)
    assert [type(network.layers[i]) for i in (0, 2, 5, 7, 10, 12)] == [Convolution] * 6
    assert [type(network.layers[i]) for i in (15, 18)] == [Affine] * 2
    assert [type(network.layers[i]) for i in (17, 19)] == [Dropout] * 2
    assert network.layers[7].pad == 2
    x, t = numbers(2, 1, 28, 28), np.array([3, 1])
    assert network.predict(x).shape == (2, 10)
    assert len({network.loss(x, t) for _ in range(4)}) > 1  # always in training, as in the book
    grads = network.gradient(x, t)
    assert {key: value.shape for key, value in grads.items()} == shapes


def test_gradients_of_deep_convnet():
    np.random.seed(0)
    small = {"filter_num": 2, "filter_size": 3, "pad": 1, "stride": 1}
    network = DeepConvNet((1, 8, 8), *[small] * 6, hidden_size=3, output_size=3)
    for layer in network.layers:
        if isinstance(layer, Dropout):
            layer.dropout_ratio = 0.0
    check_gradients(network, numbers(2, 1, 8, 8), np.array([0, 2]))


# -- the trainer ------------------------------------------------------------------------------


def digits():
    data = pytest.importorskip("sklearn.datasets").load_digits()
    return data.data / 16, data.target


@pytest.mark.parametrize("name", ["SGD", "momentum", "Nesterov", "adagrad", "RMSprop", "adam"])
def test_every_optimizer_trains(name):
    """The book's name for RMSprop is misspelled."""
    np.random.seed(0)
    x, t = digits()
    rates = {"SGD": 0.5, "momentum": 0.1, "Nesterov": 0.1, "adagrad": 0.1}
    trainer = Trainer(
        MultiLayerNet(64, [30], 10),
        *(x[:1000], t[:1000], x[1000:], t[1000:]),
        epochs=5,
        optimizer=name,
        optimizer_param={"lr": rates.get(name, 0.01)},
        verbose=False,
    )
    trainer.train()
    assert trainer.network.accuracy(x[1000:], t[1000:]) > 0.8
    assert len(trainer.train_loss_list) == 50
    assert len(trainer.train_acc_list) == len(trainer.test_acc_list) == 5


def test_epochs_that_are_no_whole_number_of_batches():
    """The book's `current_iter % 10.5` is 0 every second epoch."""
    x, t = numbers(105, 4), np.arange(105) % 2
    trainer = Trainer(TwoLayerNet(4, 3, 2), x, t, x, t, epochs=4, mini_batch_size=10, verbose=False)
    trainer.train()
    assert trainer.iter_per_epoch == 10
    assert trainer.current_epoch == len(trainer.test_acc_list) == 4


def test_no_row_comes_twice_in_a_batch():
    class Watcher:
        params: dict = {}  # noqa: RUF012

        def gradient(self, x, t):
            assert sorted(x[:, 0]) == list(range(10))
            return {}

        def loss(self, x, t):
            return 0.0

        def accuracy(self, x, t):
            return 1.0

    x, t = np.arange(10.0).reshape(10, 1), np.zeros(10, int)
    Trainer(Watcher(), x, t, x, t, 3, 10, verbose=False).train()


def test_what_the_trainer_prints(capsys):
    np.random.seed(0)
    x, t = numbers(20, 4), np.arange(20) % 2
    trainer = Trainer(TwoLayerNet(4, 3, 2), x, t, x, t, 1, 10, evaluate_sample_num_per_epoch=5)
    trainer.train()
    lines = capsys.readouterr().out.splitlines()
    losses, acc = trainer.train_loss_list, trainer.train_acc_list
    assert lines == [
        f"train loss:{losses[0]}",
        f"=== epoch:1, train acc:{acc[0]}, test acc:{acc[0]} ===",
        f"train loss:{losses[1]}",
        "=============== Final Test Accuracy ===============",
        f"test acc:{trainer.network.accuracy(x, t)}",
    ]
    assert acc[0] in {i / 5 for i in range(6)}

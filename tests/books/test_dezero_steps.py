"""The book's steps that need no download, run under its own name, `dezero`.

The numbers are those that the book prints; where it prints none, NumPy or calculus say them.
"""

import importlib
import math
import sys

import numpy as np
import pytest

import sangja.books.dezero


@pytest.fixture(autouse=True)
def dezero(monkeypatch):
    """`dezero` is bound as a reader would: to the package alone."""
    for name in [n for n in sys.modules if n.split(".")[0] == "dezero"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "dezero", sangja.books.dezero)
    yield sangja.books.dezero
    for name in [n for n in sys.modules if n.startswith("dezero.")]:
        del sys.modules[name]


def test_the_submodules_are_the_same_modules(dezero):
    import dezero.functions as F
    import dezero.layers as L
    from dezero import DataLoader, Model, optimizers
    from dezero.core import Parameter
    from dezero.models import MLP

    assert F is sangja.books.dezero.functions
    assert L.Layer is sangja.books.dezero.layers.Layer
    assert issubclass(MLP, Model) and issubclass(Model, L.Layer)
    assert isinstance(L.Linear(2).W, Parameter)
    assert DataLoader is sangja.books.dezero.dataloaders.DataLoader
    assert optimizers is sangja.books.dezero.optimizers
    assert L.__spec__.name == "sangja.books.dezero.layers"
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("dezero.nonsense")


def test_steps_13_and_14_a_variable_used_several_times():
    from dezero import Variable

    x = Variable(np.array(3.0))
    y = x + x
    y.backward()
    assert x.grad.data == 2.0
    x.cleargrad()
    y = (x + x) + x
    y.backward()
    assert x.grad.data == 3.0


def test_steps_15_and_16_a_graph_that_joins_again():
    from dezero import Variable, square

    x = Variable(np.array(2.0))
    a = square(x)
    y = square(a) + square(a)
    assert (x.generation, a.generation, y.generation) == (0, 1, 3)
    y.backward()
    assert (y.data, x.grad.data) == (32.0, 64.0)


def test_step_17_and_18_memory_and_modes():
    from dezero import Config, Variable, no_grad, square, using_config

    x = Variable(np.ones(3))
    y = square(x)
    assert y.creator.outputs[0]() is y
    y.backward()
    assert y.grad is None  # only what has no creator keeps its gradient
    with no_grad():
        assert square(x).creator is None
    with using_config("enable_backprop", False):
        assert not Config.enable_backprop
    assert Config.enable_backprop


def test_step_19_looks_like_an_array():
    from dezero import Variable

    x = Variable(np.array([[1, 2, 3], [4, 5, 6]]), name="x")
    assert (x.shape, x.ndim, x.size, len(x), x.name) == ((2, 3), 2, 6, 2, "x")
    assert x.dtype == np.int64
    assert repr(x) == "variable([[1 2 3]\n          [4 5 6]])"
    assert repr(Variable(None)) == "variable(None)"


def test_steps_20_to_22_operators():
    from dezero import Variable

    a, b = Variable(np.array(3.0)), Variable(np.array(2.0))
    y = a * b + Variable(np.array(1.0))
    y.backward()
    assert (y.data, a.grad.data, b.grad.data) == (7.0, 2.0, 3.0)
    x = Variable(np.array(2.0))
    assert repr(x + np.array(3.0)) == "variable(5.0)"
    assert repr(3.0 * x + 1.0) == "variable(7.0)"
    assert repr(np.array([2.0]) + x) == "variable([4.])"
    assert [float(v) for v in (-x, 2.0 - x, x - 1.0, 3.0 / x, x / 4, x**3)] == [
        -2.0,
        0.0,
        1.0,
        1.5,
        0.5,
        8.0,
    ]


def sphere(x, y):
    return x**2 + y**2


def matyas(x, y):
    return 0.26 * (x**2 + y**2) - 0.48 * x * y


def goldstein(x, y):
    return (1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)) * (
        30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
    )


@pytest.mark.parametrize(
    "function, gx, gy",
    [
        (sphere, 2.0, 2.0),
        (matyas, 0.040000000000000036, 0.040000000000000036),
        (goldstein, -5376.0, 8064.0),
    ],
)
def test_step_24_complex_functions(function, gx, gy):
    from dezero import Variable

    x, y = Variable(np.array(1.0)), Variable(np.array(1.0))
    function(x, y).backward()
    assert (float(x.grad), float(y.grad)) == (gx, gy)


def test_steps_25_and_26_pictures_of_graphs():
    from dezero import Variable
    from dezero.utils import get_dot_graph

    x0, x1 = Variable(np.array(1.0), "x0"), Variable(np.array(1.0), "x1")
    y = x0 + x1
    y.name = "y"
    v, f = [id(i) for i in (y, x0, x1)], id(y.creator)
    orange = "color=orange, style=filled]\n"
    assert get_dot_graph(y, verbose=False) == (
        "digraph g {\n"
        f'{v[0]} [label="y", {orange}'
        f'{f} [label="Add", color=lightblue, style=filled, shape=box]\n'
        f"{v[1]} -> {f}\n{v[2]} -> {f}\n{f} -> {v[0]}\n"
        f'{v[1]} [label="x0", {orange}{v[2]} [label="x1", {orange}'
        "}"
    )
    assert f'{v[1]} [label="x0: () float64", {orange}' in get_dot_graph(y)


def test_step_27_a_function_of_ones_own_and_the_taylor_series():
    from dezero import Function, Variable

    class Sin(Function):
        def forward(self, x):
            return np.sin(x)

        def backward(self, gy):
            x = self.inputs[0].data
            return gy * np.cos(x)

    x = Variable(np.array(np.pi / 4))
    y = Sin()(x)
    y.backward()
    assert float(y) == pytest.approx(0.7071067811865476, abs=2e-16)
    assert float(x.grad) == 0.7071067811865476

    def my_sin(x, threshold):
        y = 0
        for i in range(100000):
            c = (-1) ** i / math.factorial(2 * i + 1)
            t = c * x ** (2 * i + 1)
            y = y + t
            if abs(t.data) < threshold:
                return y
        raise AssertionError

    x.cleargrad()
    y = my_sin(x, 0.0001)
    y.backward()
    assert float(y) == 0.7071064695751781
    assert float(x.grad) == 0.7071032148228457


def rosenbrock(x0, x1):
    return 100 * (x1 - x0**2) ** 2 + (x0 - 1) ** 2


def test_step_28_descent_with_the_array_changed_in_place():
    from dezero import Variable

    x0, x1 = Variable(np.array(0.0)), Variable(np.array(2.0))
    rosenbrock(x0, x1).backward()
    assert (float(x0.grad), float(x1.grad)) == (-2.0, 400.0)
    for _ in range(1000):
        y = rosenbrock(x0, x1)
        x0.cleargrad()
        x1.cleargrad()
        y.backward()
        x0.data -= 0.001 * x0.grad
        x1.data -= 0.001 * x1.grad
    assert float(x0) == pytest.approx(0.6837118569138317, abs=1e-12)
    assert float(x1) == pytest.approx(0.4659526837427042, abs=1e-12)


NEWTON = [
    2.0,
    1.4545454545454546,
    1.1510467893775467,
    1.0253259289766978,
    1.0009084519430513,
    1.0000012353089454,
    1.000000000002289,
    1.0,
    1.0,
    1.0,
]


def quartic(x):
    return x**4 - 2 * x**2


def test_step_29_newtons_method_by_hand():
    from dezero import Variable

    x, seen = Variable(np.array(2.0)), []
    for _ in range(10):
        seen.append(float(x))
        y = quartic(x)
        x.cleargrad()
        y.backward()
        x.data -= x.grad / (12 * x.data**2 - 4)
    assert seen == pytest.approx(NEWTON, abs=3e-16)


def test_step_33_newtons_method_with_second_derivatives():
    from dezero import Variable

    x = Variable(np.array(2.0))
    y = quartic(x)
    y.backward(create_graph=True)
    assert repr(x.grad) == "variable(24.0)"
    gx = x.grad
    x.cleargrad()
    gx.backward()
    assert repr(x.grad) == "variable(44.0)"

    x, seen = Variable(np.array(2.0)), []
    for _ in range(10):
        seen.append(float(x))
        y = quartic(x)
        x.cleargrad()
        y.backward(create_graph=True)
        gx = x.grad
        x.cleargrad()
        gx.backward()
        gx2 = x.grad
        x.data -= gx.data / gx2.data
    assert seen == pytest.approx(NEWTON, abs=3e-16)


def test_step_34_derivatives_of_sine():
    import dezero.functions as F
    from dezero import Variable

    x = Variable(np.linspace(-7, 7, 20))
    y = F.sin(x)
    y.backward(create_graph=True)
    for expected in (np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), np.sin):
        assert np.allclose(x.grad.data, expected(x.data))
        gx = x.grad
        x.cleargrad()
        gx.backward(create_graph=True)


def test_step_35_derivatives_of_tanh_and_their_graph():
    import dezero.functions as F
    from dezero import Variable
    from dezero.utils import get_dot_graph

    x = Variable(np.array(1.0), name="x")
    y = F.tanh(x)
    y.backward(create_graph=True)
    for order in range(3):
        gx = x.grad
        x.cleargrad()
        gx.backward(create_graph=True)
        gx.name = "gx" + str(order + 1)
        text = get_dot_graph(gx, verbose=False)
        assert f'label="gx{order + 1}"' in text
        assert text.count('label="x"') >= 1
        assert gx.generation > order
    t = math.tanh(1.0)
    fourth = (1 - t * t) * (16 * t - 24 * t**3)
    assert float(x.grad) == pytest.approx(fourth, rel=1e-12)


def test_step_36_a_gradient_within_a_computation():
    from dezero import Variable

    x = Variable(np.array(2.0))
    y = x**2
    y.backward(create_graph=True)
    gx = x.grad
    x.cleargrad()
    z = gx**3 + y
    z.backward()
    assert repr(x.grad) == "variable(100.0)"


def test_steps_38_to_41_shapes():
    import dezero.functions as F
    from dezero import Variable

    x = Variable(np.array([[1, 2, 3], [4, 5, 6]]))
    y = F.reshape(x, (6,))
    y.backward(retain_grad=True)
    assert repr(x.grad) == "variable([[1 1 1]\n          [1 1 1]])"
    assert repr(y.grad) == "variable([1 1 1 1 1 1])"
    assert x.reshape((3, 2)).shape == x.reshape(3, 2).shape == x.reshape([3, 2]).shape == (3, 2)
    assert x.transpose().shape == x.T.shape == F.transpose(x).shape == (3, 2)
    y = F.sum(x, axis=0)
    x.cleargrad()
    y.backward()
    assert (repr(y), repr(x.grad)) == (
        "variable([5 7 9])",
        "variable([[1 1 1]\n          [1 1 1]])",
    )
    assert x.sum(keepdims=True).shape == (1, 1)
    x0, x1 = Variable(np.array([1, 2, 3])), Variable(np.array([10]))
    y = x0 + x1
    y.backward()
    assert repr(y) == "variable([11 12 13])"
    assert repr(x1.grad) == "variable([3])"
    x, w = Variable(np.random.randn(2, 3)), Variable(np.random.randn(3, 4))
    y = F.matmul(x, w)
    y.backward()
    assert (x.grad.shape, w.grad.shape) == ((2, 3), (3, 4))


def test_step_42_linear_regression():
    import dezero.functions as F
    from dezero import Variable

    np.random.seed(0)
    x = np.random.rand(100, 1)
    y = 5 + 2 * x + np.random.rand(100, 1)
    x, y = Variable(x), Variable(y)
    W, b = Variable(np.zeros((1, 1))), Variable(np.zeros(1))
    for _ in range(100):
        loss = F.mean_squared_error(y, F.matmul(x, W) + b)
        W.cleargrad()
        b.cleargrad()
        loss.backward()
        W.data -= 0.1 * W.grad.data
        b.data -= 0.1 * b.grad.data
    assert f"{W} {b}" == "variable([[2.11807369]]) variable([5.46608905])"
    assert float(loss) == pytest.approx(0.07908606512411756, abs=1e-14)


def test_step_43_a_neural_network():
    import dezero.functions as F
    from dezero import Variable

    np.random.seed(0)
    x = np.random.rand(100, 1)
    y = np.sin(2 * np.pi * x) + np.random.rand(100, 1)
    W1, b1 = Variable(0.01 * np.random.randn(1, 10)), Variable(np.zeros(10))
    W2, b2 = Variable(0.01 * np.random.randn(10, 1)), Variable(np.zeros(1))
    losses = []
    for i in range(10000):
        y_pred = F.linear(F.sigmoid(F.linear(x, W1, b1)), W2, b2)
        loss = F.mean_squared_error(y, y_pred)
        for v in (W1, b1, W2, b2):
            v.cleargrad()
        loss.backward()
        for v in (W1, b1, W2, b2):
            v.data -= 0.2 * v.grad.data
        if i % 1000 == 0:
            losses.append(float(loss))
    assert losses == pytest.approx(
        [
            0.8473695850105871,
            0.2514286285183606,
            0.2475948546674987,
            0.23786120447054834,
            0.21222231333102928,
            0.16742181117834223,
            0.09681932619992686,
            0.07849528290602333,
            0.07749729552991157,
            0.07722132399559317,
        ],
        rel=1e-11,
    )


def test_steps_44_to_46_layers_models_optimizers():
    import dezero.functions as F
    import dezero.layers as L
    from dezero import Model, optimizers
    from dezero.models import MLP

    np.random.seed(0)
    x = np.random.rand(100, 1)
    y = np.sin(2 * np.pi * x) + np.random.rand(100, 1)

    class TwoLayerNet(Model):
        def __init__(self, hidden_size, out_size):
            super().__init__()
            self.l1 = L.Linear(hidden_size)
            self.l2 = L.Linear(out_size)

        def forward(self, x):
            return self.l2(F.sigmoid(self.l1(x)))

    for model in (TwoLayerNet(10, 1), MLP((10, 1))):
        optimizer = optimizers.Adam(0.05).setup(model)
        for _ in range(1000):
            loss = F.mean_squared_error(y, model(x))
            model.cleargrads()
            loss.backward()
            optimizer.update()
        assert float(loss) < 0.12
        assert [p.name for p in model.params()] == ["W", "b", "W", "b"]
    assert type(model(x).creator).__name__ == "Linear"


def test_steps_47_to_50_the_spiral():
    import dezero
    import dezero.functions as F
    from dezero import DataLoader, optimizers
    from dezero.models import MLP

    train_set, test_set = dezero.datasets.Spiral(train=True), dezero.datasets.Spiral(train=False)
    assert (len(train_set), train_set[0][0].shape, train_set[0][0].dtype) == (300, (2,), np.float32)
    np.random.seed(1)
    train_loader, test_loader = DataLoader(train_set, 30), DataLoader(test_set, 30, shuffle=False)
    model = MLP((10, 3))
    optimizer = optimizers.SGD(1.0).setup(model)
    for _ in range(150):
        for x, t in train_loader:
            loss = F.softmax_cross_entropy(model(x), t)
            model.cleargrads()
            loss.backward()
            optimizer.update()
    correct = 0
    with dezero.no_grad():
        for x, t in test_loader:
            correct += float(F.accuracy(model(x), t)) * len(t)
    assert correct / len(test_set) > 0.8
    assert {p.data.dtype for p in model.params()} == {np.dtype(np.float32)}


def test_step_53_weights_are_saved(tmp_path):
    from dezero.models import MLP

    x = np.ones((2, 3), np.float32)
    first, second = MLP((4, 2)), MLP((4, 2))
    y = first(x)
    first.save_weights(tmp_path / "mlp.npz")
    second.load_weights(tmp_path / "mlp.npz")
    assert sorted(np.load(tmp_path / "mlp.npz")) == ["l0/W", "l0/b", "l1/W", "l1/b"]
    assert np.array_equal(second(x).data, y.data)


def test_step_54_dropout():
    import dezero.functions as F
    from dezero import test_mode

    x = np.ones(1000)
    y = F.dropout(x).data
    assert set(y.tolist()) == {0.0, 2.0}
    assert 400 < (y == 0).sum() < 600
    with test_mode():
        assert np.array_equal(F.dropout(x).data, x)


def test_steps_55_to_57_convolution():
    import dezero.functions as F
    from dezero import Variable
    from dezero.utils import get_conv_outsize

    assert (get_conv_outsize(4, 3, 1, 1), get_conv_outsize(4, 3, 1, 1)) == (4, 4)
    assert F.im2col(np.random.rand(1, 3, 7, 7), kernel_size=5).shape == (9, 75)
    assert F.im2col(np.random.rand(10, 3, 7, 7), kernel_size=(5, 5)).shape == (90, 75)
    x = Variable(np.random.randn(1, 5, 15, 15))
    w = Variable(np.random.randn(8, 5, 3, 3))
    y = F.conv2d_simple(x, w, b=None, stride=1, pad=1)
    y.backward()
    assert (y.shape, x.grad.shape) == ((1, 8, 15, 15), (1, 5, 15, 15))
    assert np.allclose(F.conv2d(x, w, None, 1, 1).data, y.data)


@pytest.mark.parametrize("layer", ["RNN", "LSTM"])
def test_steps_59_and_60_a_sine_curve(layer):
    import dezero
    import dezero.functions as F
    import dezero.layers as L
    from dezero import Model, SeqDataLoader

    np.random.seed(0)
    train_set = dezero.datasets.SinCurve(train=True)
    assert (train_set[0][0].shape, len(train_set)) == ((1,), 999)

    class Net(Model):
        def __init__(self, hidden_size, out_size):
            super().__init__()
            self.rnn = getattr(L, layer)(hidden_size)
            self.fc = L.Linear(out_size)

        def reset_state(self):
            self.rnn.reset_state()

        def forward(self, x):
            return self.fc(self.rnn(x))

    model = Net(20, 1)
    optimizer = dezero.optimizers.Adam(0.01).setup(model)
    losses = []
    for _ in range(12):
        model.reset_state()
        loss, loss_count = 0, 0
        total = 0.0
        for count, (x, t) in enumerate(SeqDataLoader(train_set, batch_size=30), start=1):
            loss = loss + F.mean_squared_error(model(x), t)
            if count % 17 == 0:
                model.cleargrads()
                loss.backward()
                loss.unchain_backward()
                optimizer.update()
                total += float(loss)
                loss_count += 17
                loss = 0
        losses.append(total / loss_count)
    assert losses[-1] < losses[0] / 5
    assert model.rnn.h.generation < 100

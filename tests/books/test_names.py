"""The books' own programs import their packages by name: bound to ours, the names are all there."""

import importlib
import inspect
import sys

import numpy as np
import pytest

from sangja.books import lincoln, scratch


@pytest.fixture
def bound(monkeypatch):
    """`lincoln` and `common` are ours, with their modules."""

    def bind(name, package, modules):
        monkeypatch.setitem(sys.modules, name, package)
        for module in modules:
            found = importlib.import_module(f"{package.__name__}.{module}")
            monkeypatch.setitem(sys.modules, f"{name}.{module}", found)

    files = "activations base conv dense layers losses network optimizers reshape train utils"
    bind("lincoln", lincoln, [*files.split(), "utils.np_utils"])
    files = (
        "functions gradient layers multi_layer_net multi_layer_net_extend optimizer trainer util"
    )
    bind("common", scratch, files.split())


LINCOLN = """
import numpy as np
import lincoln
from lincoln.layers import Dense, Conv2D
from lincoln.losses import SoftmaxCrossEntropy, MeanSquaredError
from lincoln.optimizers import Optimizer, SGD, SGDMomentum
from lincoln.activations import Sigmoid, Tanh, Linear, ReLU
from lincoln.network import NeuralNetwork
from lincoln.train import Trainer
from lincoln.utils.np_utils import to_2d, assert_same_shape
from lincoln.base import Operation, ParamOperation

model = NeuralNetwork(
    layers=[Conv2D(out_channels=4, param_size=5, dropout=0.8, weight_init="glorot", flatten=True,
                   activation=Tanh()),
            Dense(neurons=3, activation=Linear())],
    loss=SoftmaxCrossEntropy(), seed=20190402)
trainer = Trainer(model, SGDMomentum(lr=0.1, momentum=0.9))
X, y = np.random.randn(8, 1, 6, 6), np.eye(3)[np.arange(8) % 3]
trainer.fit(X, y, X, y, epochs=2, eval_every=1, batch_size=4, seed=20190402, conv_testing=True,
            early_stopping=False)
predictions = model.forward(X, inference=True)
"""

COMMON = """
from collections import OrderedDict
import numpy as np
from common.layers import *
from common.functions import softmax, cross_entropy_error
from common.gradient import numerical_gradient
from common.multi_layer_net import MultiLayerNet
from common.multi_layer_net_extend import MultiLayerNetExtend
from common.optimizer import *
from common.trainer import Trainer
from common.util import smooth_curve, shuffle_dataset, im2col, col2im

params = {"x": -7.0, "y": 2.0}
optimizers = OrderedDict()
optimizers["SGD"], optimizers["Adam"] = SGD(lr=0.95), Adam(lr=0.3)
for key in optimizers:
    optimizers[key].update(params, {"x": 0.1, "y": 0.2})
W = np.random.randn(2, 3)
x, t = np.array([0.6, 0.9]), np.array([0, 0, 1])
dW = numerical_gradient(lambda W: cross_entropy_error(softmax(np.dot(x, W)), t), W)
x, t = np.random.randn(12, 4), np.arange(12) % 3
network = MultiLayerNetExtend(input_size=4, hidden_size_list=[5, 5], output_size=3,
                              use_dropout=True, dropout_ration=0.2, use_batchnorm=True)
trainer = Trainer(network, x, t, x, t, epochs=3, mini_batch_size=4, optimizer="sgd",
                  optimizer_param={"lr": 0.01}, verbose=True)
trainer.train()
layers = [Affine(W.T, np.zeros(2)), Relu(), SoftmaxWithLoss(), Convolution, Pooling]
"""


@pytest.mark.parametrize("program", [LINCOLN, COMMON])
def test_programs_in_the_books_manner_run(bound, capsys, program):
    names = {}
    exec(program, names)
    assert np.all(np.isfinite(names.get("predictions", names.get("dW"))))
    assert len(capsys.readouterr().out.splitlines()) > 3


@pytest.mark.parametrize(
    ("thing", "parameters"),
    [
        (lincoln.Dense, "neurons activation conv_in dropout weight_init"),
        (lincoln.Conv2D, "out_channels param_size dropout weight_init activation flatten"),
        (lincoln.NeuralNetwork, "layers loss seed distinct_seeds"),
        (lincoln.SGDMomentum, "lr final_lr decay_type momentum"),
        (lincoln.AdaGrad, "lr final_lr_exp final_lr_linear"),
        (lincoln.RegularizedSGD, "lr alpha"),
        (
            lincoln.Trainer.fit,
            "self X_train y_train X_test y_test epochs eval_every batch_size seed restart "
            "early_stopping conv_testing",
        ),
        (lincoln.rnn.LSTMModel, "layers sequence_length vocab_size hidden_size loss"),
        (scratch.BatchNormalization, "gamma beta momentum running_mean running_var"),
        (scratch.Pooling, "pool_h pool_w stride pad"),
        (scratch.im2col, "input_data filter_h filter_w stride pad"),
        (
            scratch.MultiLayerNetExtend,
            "input_size hidden_size_list output_size activation weight_init_std "
            "weight_decay_lambda use_dropout dropout_ration use_batchnorm",
        ),
        (
            scratch.Trainer,
            "network x_train t_train x_test t_test epochs mini_batch_size optimizer "
            "optimizer_param evaluate_sample_num_per_epoch verbose",
        ),
    ],
)
def test_arguments_have_the_books_names_and_order(thing, parameters):
    assert list(inspect.signature(thing).parameters) == parameters.split()

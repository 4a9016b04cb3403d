"""Seed 002: Weidman's *Deep Learning from Scratch* and its package `lincoln`, over our engine.

Operations go forward and backward by hand; what they call on the way back are the derivative rules
of sangja's primitives. Each file says which page of the seed it follows and what it mends.
"""

from sangja.books.lincoln.activations import Linear, ReLU, Sigmoid, Tanh
from sangja.books.lincoln.base import Operation, ParamOperation
from sangja.books.lincoln.conv import Conv2D_Op
from sangja.books.lincoln.dense import BiasAdd, WeightMultiply
from sangja.books.lincoln.dropout import Dropout
from sangja.books.lincoln.layers import Conv2D, Dense, Layer
from sangja.books.lincoln.losses import Loss, MeanSquaredError, SoftmaxCrossEntropy
from sangja.books.lincoln.metrics import eval_regression_model, mae, rmse
from sangja.books.lincoln.network import LayerBlock, NeuralNetwork
from sangja.books.lincoln.number import NumberWithGrad
from sangja.books.lincoln.optimizers import (
    SGD,
    AdaGrad,
    Optimizer,
    RegularizedSGD,
    SGDMomentum,
)
from sangja.books.lincoln.reshape import Flatten
from sangja.books.lincoln.train import Trainer
from sangja.books.lincoln.utils.np_utils import (
    assert_dim,
    assert_same_shape,
    generate_batch,
    normalize,
    permute_data,
    softmax,
    to_2d,
    unnormalize,
)

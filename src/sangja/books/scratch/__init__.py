"""Seed 003: *Deep Learning from Scratch*, and its package `common`, over sangja's engine.

Layers go forward and backward by hand; what they call on the way back are the derivative rules of
sangja's primitives. Each file says which page of the book it follows and what it mends.
"""

from sangja.books.scratch.deep_convnet import DeepConvNet
from sangja.books.scratch.functions import (
    cross_entropy_error,
    identity_function,
    mean_squared_error,
    relu,
    relu_grad,
    sigmoid,
    sigmoid_grad,
    softmax,
    softmax_loss,
    step_function,
    sum_squared_error,
)
from sangja.books.scratch.gradient import (
    gradient_descent,
    numerical_diff,
    numerical_gradient,
    numerical_gradient_2d,
)
from sangja.books.scratch.layer_naive import AddLayer, MulLayer
from sangja.books.scratch.layers import (
    Affine,
    BatchNormalization,
    Convolution,
    Dropout,
    Pooling,
    Relu,
    Sigmoid,
    SoftmaxWithLoss,
)
from sangja.books.scratch.multi_layer_net import MultiLayerNet, MultiLayerNetExtend
from sangja.books.scratch.optimizer import SGD, AdaGrad, Adam, Momentum, Nesterov, RMSprop
from sangja.books.scratch.perceptron import AND, NAND, OR, XOR
from sangja.books.scratch.simple_convnet import SimpleConvNet
from sangja.books.scratch.trainer import Trainer
from sangja.books.scratch.two_layer_net import TwoLayerNet
from sangja.books.scratch.util import (
    col2im,
    conv_output_size,
    im2col,
    shuffle_dataset,
    smooth_curve,
)

"""The book's chapter 6: recurrent networks, with parameters in dictionaries.

Its `SGD`, `AdaGrad` and `SoftmaxCrossEntropy` are not those of the other chapters, and live here.
"""

from sangja.books.lincoln.losses import Loss
from sangja.books.lincoln.rnn.functions import batch_softmax, dsigmoid, dtanh, sigmoid, tanh
from sangja.books.lincoln.rnn.layers import GRULayer, LSTMLayer, RNNLayer
from sangja.books.lincoln.rnn.losses import SoftmaxCrossEntropy
from sangja.books.lincoln.rnn.model import LSTMModel, RNNModel
from sangja.books.lincoln.rnn.nodes import GRUNode, LSTMNode, RNNNode
from sangja.books.lincoln.rnn.optimizers import SGD, AdaGrad, RNNOptimizer
from sangja.books.lincoln.rnn.trainer import RNNTrainer
from sangja.books.lincoln.utils.np_utils import softmax

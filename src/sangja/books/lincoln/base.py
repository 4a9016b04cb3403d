"""One operation: forward on an array, backward on the gradient of what it gave.

Seed 002, from «먼저 연산의 기반이 되는 Operation»; the book's chapter 3. What differs: `assert`
became `ShapeError`; the missing `raise` is there; `backward()` before `forward()` and an operation
that stands at two places are refused.
"""

from __future__ import annotations

from numpy import ndarray

from sangja.books.lincoln.utils.np_utils import assert_same_shape
from sangja.books.turns import Turns
from sangja.core.errors import ForwardMissingError


class Operation(Turns):
    """Base of all operations: a subclass writes `_output()` and `_input_grad(output_grad)`.

    `forward` keeps `input_` and `output` (and `inference`, whether this is a prediction rather than
    a training step); `backward` checks that every gradient has the shape of its value.
    """

    def __init__(self) -> None:
        pass

    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
        """Keep the input, compute the output."""
        self.input_ = input_
        self.inference = inference
        self.output = self._output()
        self.went_forward(input_)
        return self.output

    def backward(self, output_grad: ndarray) -> ndarray:
        """The gradient of the input. Raises `ShapeError` for one not shaped as the output."""
        self.goes_backward()
        assert_same_shape(self.output, output_grad)
        self.input_grad = self._input_grad(output_grad)
        assert_same_shape(self.input_, self.input_grad)
        return self.input_grad

    def _output(self) -> ndarray:
        raise ForwardMissingError(f"{type(self).__name__} must define _output(self)")

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        raise ForwardMissingError(f"{type(self).__name__} must define _input_grad(self, g)")


class ParamOperation(Operation):
    """An operation with a parameter: a subclass writes `_param_grad(output_grad)` too."""

    def __init__(self, param: ndarray) -> None:
        super().__init__()
        self.param = param

    def backward(self, output_grad: ndarray) -> ndarray:
        """The gradient of the input; that of the parameter is then in `param_grad`."""
        self.goes_backward()
        assert_same_shape(self.output, output_grad)
        self.input_grad = self._input_grad(output_grad)
        self.param_grad = self._param_grad(output_grad)
        assert_same_shape(self.input_, self.input_grad)
        assert_same_shape(self.param, self.param_grad)
        return self.input_grad

    def _param_grad(self, output_grad: ndarray) -> ndarray:
        raise ForwardMissingError(f"{type(self).__name__} must define _param_grad(self, g)")

"""One step of a recurrent layer: from an input and a state to an output and the next state.

The formulas stand here once, in sangja's operations; the engine goes back through them. What
differs: the book's GRU computes its update gate from the reset gate's products, and its backward
pass leaves the way through the output out, so nine of its eleven gradients are wrong.
"""

from __future__ import annotations

from typing import Any

from numpy import ndarray

from sangja.books.lincoln.utils.np_utils import assert_same_shape
from sangja.books.pullback import pullback
from sangja.books.turns import Turns
from sangja.core.errors import ForwardMissingError
from sangja.engine import Tensor
from sangja.ops.activation import sigmoid
from sangja.ops.join import cat
from sangja.ops.trigonometry import tanh

Params = dict[str, dict[str, ndarray]]


class Node(Turns):
    """Base of the nodes: a subclass writes `_step(x, *states, params)` in tensors, and leaves the
    values in between as attributes with `_note`."""

    def __init__(self) -> None:
        pass

    def _step(self, x: Tensor, states: list[Tensor], p: dict[str, Tensor]) -> tuple[Tensor, ...]:
        raise ForwardMissingError(f"{type(self).__name__} must define _step(self, x, states, p)")

    def _note(self, **values: Tensor) -> None:
        for name, value in values.items():
            setattr(self, name, value.array)

    def _forward(self, x_in: ndarray, states: tuple[ndarray, ...], params: Params) -> Any:
        keys, count = list(params), len(states)

        def step(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
            return self._step(x, list(rest[:count]), dict(zip(keys, rest[count:], strict=True)))

        values = [params[key]["value"] for key in keys]
        self._outputs, self._back = pullback(step, x_in, *states, *values)
        self.went_forward(x_in, *states)
        return self._outputs

    def _backward(self, gradients: tuple[ndarray, ...], params: Params) -> tuple[ndarray, ...]:
        self.goes_backward()
        for output, gradient in zip(self._outputs, gradients, strict=True):
            assert_same_shape(output, gradient)
        found = self._back(*gradients)
        count = len(gradients)
        for key, derivative in zip(params, found[count:], strict=True):
            params[key]["deriv"] += derivative
        return found[:count]


class RNNNode(Node):
    """H = tanh([x, H_in] · W_f + B_f), X_out = H · W_v + B_v."""

    def _step(self, x: Tensor, states: list[Tensor], p: dict[str, Tensor]) -> tuple[Tensor, ...]:
        Z = cat([x, states[0]], 1)
        H_int = Z @ p["W_f"] + p["B_f"]
        H_out = tanh(H_int)
        X_out = H_out @ p["W_v"] + p["B_v"]
        self._note(Z=Z, H_int=H_int, H_out=H_out, X_out=X_out)
        return X_out, H_out

    def forward(self, x_in: ndarray, H_in: ndarray, params_dict: Params) -> tuple[ndarray, ndarray]:
        """Input (batch, in) and state (batch, hidden) to output (batch, out) and next state."""
        self.X_in, self.H_in = x_in, H_in
        return self._forward(x_in, (H_in,), params_dict)

    def backward(
        self, X_out_grad: ndarray, H_out_grad: ndarray, params_dict: Params
    ) -> tuple[ndarray, ...]:
        """The gradients of input and state; those of the parameters are added to their `deriv`."""
        return self._backward((X_out_grad, H_out_grad), params_dict)


class LSTMNode(Node):
    """With Z = [x, H_in]:
    f = σ(Z · W_f + B_f), i = σ(Z · W_i + B_i), C_bar = tanh(Z · W_c + B_c), o = σ(Z · W_o + B_o),
    C = f · C_in + i · C_bar, H = o · tanh(C), X_out = H · W_v + B_v."""

    def _step(self, x: Tensor, states: list[Tensor], p: dict[str, Tensor]) -> tuple[Tensor, ...]:
        H_in, C_in = states
        Z = cat([x, H_in], 1)
        f_int = Z @ p["W_f"] + p["B_f"]
        i_int = Z @ p["W_i"] + p["B_i"]
        C_bar_int = Z @ p["W_c"] + p["B_c"]
        o_int = Z @ p["W_o"] + p["B_o"]
        f, i, C_bar, o = sigmoid(f_int), sigmoid(i_int), tanh(C_bar_int), sigmoid(o_int)
        C_out = f * C_in + i * C_bar
        H_out = o * tanh(C_out)
        X_out = H_out @ p["W_v"] + p["B_v"]
        self._note(Z=Z, f_int=f_int, i_int=i_int, C_bar_int=C_bar_int, o_int=o_int)
        self._note(f=f, i=i, C_bar=C_bar, o=o, C_out=C_out, H_out=H_out, X_out=X_out)
        return X_out, H_out, C_out

    def forward(
        self, X_in: ndarray, H_in: ndarray, C_in: ndarray, params_dict: Params
    ) -> tuple[ndarray, ndarray, ndarray]:
        """Input, state and cell to output, next state and next cell."""
        self.X_in, self.H_in, self.C_in = X_in, H_in, C_in
        return self._forward(X_in, (H_in, C_in), params_dict)

    def backward(
        self, X_out_grad: ndarray, H_out_grad: ndarray, C_out_grad: ndarray, params_dict: Params
    ) -> tuple[ndarray, ...]:
        """The gradients of input, state and cell; those of the parameters are added to `deriv`."""
        return self._backward((X_out_grad, H_out_grad, C_out_grad), params_dict)


class GRUNode(Node):
    """r = σ(x · W_xr + H_in · W_hr + B_r), u = σ(x · W_xu + H_in · W_hu + B_u),
    h_bar = tanh(x · W_xh + (r · H_in) · W_hh + B_h),
    H = u · H_in + (1 − u) · h_bar, X_out = H · W_v + B_v."""

    def _step(self, x: Tensor, states: list[Tensor], p: dict[str, Tensor]) -> tuple[Tensor, ...]:
        (H_in,) = states
        X_r, H_r = x @ p["W_xr"], H_in @ p["W_hr"]
        X_u, H_u = x @ p["W_xu"], H_in @ p["W_hu"]
        r_int = X_r + H_r + p["B_r"]
        u_int = X_u + H_u + p["B_u"]
        r, u = sigmoid(r_int), sigmoid(u_int)
        h_reset = r * H_in
        X_h, H_h = x @ p["W_xh"], h_reset @ p["W_hh"]
        h_bar_int = X_h + H_h + p["B_h"]
        h_bar = tanh(h_bar_int)
        H_out = u * H_in + (1 - u) * h_bar
        X_out = H_out @ p["W_v"] + p["B_v"]
        self._note(X_r=X_r, H_r=H_r, X_u=X_u, H_u=H_u, r_int=r_int, u_int=u_int, r=r, u=u)
        self._note(h_reset=h_reset, X_h=X_h, H_h=H_h, h_bar_int=h_bar_int, h_bar=h_bar)
        self._note(H_out=H_out, X_out=X_out)
        return X_out, H_out

    def forward(self, X_in: ndarray, H_in: ndarray, params_dict: Params) -> tuple[ndarray, ndarray]:
        """Input and state to output and next state."""
        self.X_in, self.H_in = X_in, H_in
        return self._forward(X_in, (H_in,), params_dict)

    def backward(
        self, X_out_grad: ndarray, H_out_grad: ndarray, params_dict: Params
    ) -> tuple[ndarray, ...]:
        """The gradients of input and state; those of the parameters are added to their `deriv`."""
        return self._backward((X_out_grad, H_out_grad), params_dict)

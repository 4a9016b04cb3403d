"""Recurrent layers and cells: RNN, LSTM and GRU, written with the operations of the engine.

Names and shapes of the parameters are PyTorch's: `weight_ih_l0` (gates·hidden, input) holds the
gates one below the other, for the LSTM input, forget, cell, output; for the GRU reset, update,
new.
"""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from sangja.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from sangja.engine import Tensor, named, wrap
from sangja.nn import functional as F, init
from sangja.nn.module import Module
from sangja.nn.packed import PackedSequence, runs
from sangja.nn.parameter import Parameter, empty
from sangja.ops.arrange import flip
from sangja.ops.join import cat, stack
from sangja.ops.recurrent import gru_steps, lstm_steps, pieces, rnn_steps

GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}
State = tuple[Any, ...]


def rnn_tanh(i: Any, h: Any, state: State) -> State:
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh)"""
    return ((i + h).tanh(),)


def rnn_relu(i: Any, h: Any, state: State) -> State:
    """h' = relu(W_ih x + b_ih + W_hh h + b_hh)"""
    return (F.relu(i + h),)


def lstm(i: Any, h: Any, state: State) -> State:
    """c' = σ(f) c + σ(i) tanh(g), h' = σ(o) tanh c'. Hochreiter and Schmidhuber, 1997."""
    write, keep, new, show = pieces(i + h, 4)
    cell = F.sigmoid(keep) * state[1] + F.sigmoid(write) * new.tanh()
    return F.sigmoid(show) * cell.tanh(), cell


def gru(i: Any, h: Any, state: State) -> State:
    """h' = (1 − z) n + z h, n = tanh(i_n + σ(r) h_n). Cho et al., 2014."""
    reset_i, update_i, new_i = pieces(i, 3)
    reset_h, update_h, new_h = pieces(h, 3)
    update = F.sigmoid(update_i + update_h)
    new = (new_i + F.sigmoid(reset_i + reset_h) * new_h).tanh()
    return (new + update * (state[0] - new),)


STEPS: dict[str, Callable[[Any, Any, State], State]] = {
    "RNN_TANH": rnn_tanh,
    "RNN_RELU": rnn_relu,
    "LSTM": lstm,
    "GRU": gru,
}


def zeros(*shape: int, like: Tensor) -> Tensor:
    return wrap(np.zeros(shape, like.array.dtype))


def draw_all(module: Module, hidden_size: int) -> None:
    """All parameters ~ U(-1/√hidden, 1/√hidden)."""
    bound = 1.0 / math.sqrt(hidden_size) if hidden_size > 0 else 0
    for parameter in module.parameters():
        init.uniform_(parameter, -bound, bound)


def check_kinds(input_size: Any, hidden_size: Any, bias: Any, batch_first: Any) -> None:
    """Refuse arguments at the wrong place, which would be taken for something else."""
    for name, value in (("bias", bias), ("batch_first", batch_first)):
        if not isinstance(value, bool):
            raise ArgumentTypeError(f"{name} should be of type bool, got: {type(value).__name__}")
    for name, value in (("input_size", input_size), ("hidden_size", hidden_size)):
        if not isinstance(value, int):
            raise ArgumentTypeError(f"{name} should be of type int, got: {type(value).__name__}")
        if value <= 0:
            raise ArgumentError(f"{name} must be greater than zero")


class RNNBase(Module):
    """What RNN, LSTM and GRU share. Input (L, N, in), with `batch_first` (N, L, in), unbatched
    (L, in), or a `PackedSequence`; output of all steps (L, N, directions · hidden) and the last
    state (layers · directions, N, hidden), for the LSTM a pair of them."""

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        check_kinds(input_size, hidden_size, bias, batch_first)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self.check_arguments(dropout)
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            width = input_size if layer == 0 else self.state_size * self.num_directions
            for direction in range(self.num_directions):
                self.add_weights(layer, direction, width, dtype)
        self.reset_parameters()

    def check_arguments(self, dropout: Any) -> None:
        if not isinstance(dropout, numbers.Number) or not 0 <= dropout <= 1:  # type: ignore[operator]
            raise ArgumentError(
                "dropout should be a number in range [0, 1] representing the probability of an "
                "element being zeroed"
            )
        if dropout > 0 and self.num_layers == 1:  # type: ignore[operator]
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero "
                f"dropout expects num_layers greater than 1, but got dropout={dropout} and "
                f"num_layers={self.num_layers}",
                stacklevel=4,
            )
        if self.num_layers <= 0:
            raise ArgumentError("num_layers must be greater than zero")
        if self.proj_size < 0:
            raise ArgumentError(
                "proj_size should be a positive integer or zero to disable projections"
            )
        if self.proj_size >= self.hidden_size:
            raise ArgumentError("proj_size has to be smaller than hidden_size")

    @property
    def num_directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def state_size(self) -> int:
        """The width of h: the hidden size, or that of its projection."""
        return self.proj_size or self.hidden_size

    def add_weights(self, layer: int, direction: int, width: int, dtype: Any) -> None:
        gates = GATES[self.mode] * self.hidden_size
        suffix = f"l{layer}" + ("_reverse" if direction else "")
        shapes: dict[str, tuple[int, ...]] = {
            f"weight_ih_{suffix}": (gates, width),
            f"weight_hh_{suffix}": (gates, self.state_size),
        }
        if self.bias:
            shapes |= {f"bias_ih_{suffix}": (gates,), f"bias_hh_{suffix}": (gates,)}
        if self.proj_size:
            shapes[f"weight_hr_{suffix}"] = (self.proj_size, self.hidden_size)
        for name, shape in shapes.items():
            setattr(self, name, empty(*shape, dtype=dtype))
        self._all_weights.append(list(shapes))

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """Nothing to do here: PyTorch arranges weights for cuDNN."""

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        draw_all(self, self.hidden_size)

    # -- computing -------------------------------------------------------------------------

    def forward(self, input: Any, hx: Any = None) -> Any:
        if isinstance(input, PackedSequence):
            return self.forward_packed(input, hx)
        if input.ndim not in (2, 3):
            raise ArgumentError(
                f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.ndim}D instead: "
                f"{list(input.shape)}; it is (L, input_size) or "
                f"{'(N, L, input_size)' if self.batch_first else '(L, N, input_size)'}"
            )
        batched = input.ndim == 3
        x = input if batched else input.reshape(len(input), 1, -1)
        if batched and self.batch_first:
            x = x.transpose(0, 1)  # (L, N, in)
        self.check_input(x)
        if not len(x):
            raise ShapeError(f"{type(self).__name__}: Expected sequence length to be larger than 0")
        states = self.initial(hx, x.shape[1], x, batched)
        steps = [x.shape[1]] * x.shape[0]
        flat, last = self.run_layers(x.reshape(-1, x.shape[2]), steps, states)
        z = flat.reshape(*x.shape[:2], -1)
        if not batched:
            z = named(z.reshape(len(input), -1), "SqueezeBackward1")
        elif self.batch_first:
            z = z.transpose(0, 1)
        else:
            single = "MkldnnRnnLayerBackward0" if self.mode == "LSTM" else "StackBackward0"
            z = named(z, "CatBackward0" if self.bidirectional else single)
        return z, self.given_back(last, batched)

    def check_input(self, x: Tensor) -> None:
        if x.shape[-1] != self.input_size:
            raise ShapeError(
                f"{self.mode}: input.size(-1) must be equal to input_size. Expected "
                f"{self.input_size}, got {x.shape[-1]} (input {list(x.shape)})"
            )
        weight: Parameter = self.all_weights[0][0]
        if x.dtype != weight.dtype:
            raise ArgumentError(
                f"RNN input dtype ({x.dtype}) does not match weight dtype ({weight.dtype}). "
                f"Convert input: input.to({weight.dtype}), or convert model: model.to({x.dtype})"
            )

    def forward_packed(self, packed: PackedSequence, hx: Any) -> Any:
        sizes = packed.batch_sizes.array.tolist()
        self.check_input(packed.data)
        order, back = packed.sorted_indices, packed.unsorted_indices
        states = self.initial(hx, sizes[0], packed.data, True)
        if order is not None and hx is not None:
            states = tuple(s[:, order] for s in states)
        z, last = self.run_layers(packed.data, sizes, states)
        if back is not None:
            last = tuple(s[:, back] for s in last)
        packed_z = PackedSequence(z, packed.batch_sizes, order, back)
        return packed_z, self.given_back(last, True)

    def initial(self, hx: Any, batch: int, x: Tensor, batched: bool) -> State:
        """The states to begin with, (layers · directions, N, size) each: zeros unless given."""
        rows = self.num_layers * self.num_directions
        sizes = [self.state_size] + ([self.hidden_size] if self.mode == "LSTM" else [])
        if hx is None:
            return tuple(zeros(rows, batch, size, like=x) for size in sizes)
        if self.mode == "LSTM" and (isinstance(hx, Tensor) or len(hx) != 2):
            raise ShapeError("LSTM: Expected hx to be a tuple of two tensors, (h_0, c_0), got one")
        given = tuple(hx) if self.mode == "LSTM" else (hx,)
        if not batched:
            given = tuple(s.reshape(len(s), 1, -1) for s in given)
        for state, size in zip(given, sizes, strict=True):
            if tuple(state.shape) != (rows, batch, size):
                raise ShapeError(
                    f"{self.mode}: Expected hidden size {(rows, batch, size)}, got "
                    f"{list(state.shape)}: (num_layers · directions, N, size)"
                )
        return given

    def given_back(self, last: State, batched: bool) -> Any:
        result = last if batched else tuple(s.reshape(s.shape[0], -1) for s in last)
        return result if self.mode == "LSTM" else result[0]

    def run_layers(self, x: Tensor, sizes: list[int], states: State) -> tuple[Any, State]:
        """All layers over the rows of all steps, `sizes` of them in each."""
        last: list[State] = []
        weights = self.all_weights
        for layer in range(self.num_layers):
            results = []
            for direction in range(self.num_directions):
                row = layer * self.num_directions + direction
                start = tuple(s[row] for s in states)
                z, end = self.run_layer(x, sizes, start, weights[row], bool(direction))
                results.append(z)
                last.append(end)
            x = results[0] if len(results) == 1 else cat(results, -1)
            if self.dropout and self.training and layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout, True)
        return x, tuple(stack(list(same)) for same in zip(*last, strict=True))

    def run_layer(
        self, x: Tensor, sizes: list[int], state: State, weights: list[Any], backwards: bool
    ) -> tuple[Any, State]:
        """One layer in one direction. Rows are sorted by length: the first `sizes[t]` live at t."""
        if len(set(sizes)) == 1 and not self.proj_size:
            return self.run_steps(x, len(sizes), state, weights, backwards)
        w_ih, w_hh, *rest = weights
        b_ih, b_hh = rest[:2] if self.bias else (None, None)
        step = STEPS[self.mode]
        ahead = F.linear(x, w_ih, b_ih)  # the inputs' share of all steps at once
        outputs: list[Any] = []
        whole = state
        for begin, n in runs(sizes, backwards):
            state = tuple(s[:n] for s in whole) if n != whole[0].shape[0] else whole
            state = step(ahead[begin : begin + n], F.linear(state[0], w_hh, b_hh), state)
            if self.proj_size:
                state = (F.linear(state[0], rest[-1]), *state[1:])
            outputs.append(state[0])
            if n != whole[0].shape[0]:
                whole = tuple(cat([s, old[n:]]) for s, old in zip(state, whole, strict=True))
            else:
                whole = state
        if backwards:
            outputs.reverse()
        return cat(outputs), whole

    def run_steps(
        self, x: Tensor, steps: int, state: State, weights: list[Any], backwards: bool
    ) -> tuple[Any, State]:
        """`run_layer` where all samples are equally long: the steps are one operation."""
        w_ih, w_hh, *biases = weights
        b_ih: Any = biases[0] if biases else None
        b_hh: Any = biases[1] if biases else None
        if self.mode != "GRU" and self.bias:
            b_ih = b_ih + b_hh
        ahead: Any = F.linear(x, w_ih, b_ih)
        ahead = ahead.reshape(steps, -1, ahead.shape[-1])  # (steps, N, gates · hidden)
        if backwards:
            ahead = flip(ahead, 0)
        h, *cell = state
        last: State
        if self.mode == "LSTM":
            z, last = lstm_steps(ahead, h, cell[0], w_hh)
        elif self.mode == "GRU":
            z, last = gru_steps(ahead, h, w_hh, b_hh)
        else:
            z, last = rnn_steps(ahead, h, w_hh, rectified=self.mode == "RNN_RELU")
        if backwards:
            z = flip(z, 0)
        return z.reshape(-1, z.shape[-1]), last  # type: ignore[attr-defined]

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size:
            text += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            text += f", num_layers={self.num_layers}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if self.batch_first:
            text += f", batch_first={self.batch_first}"
        if self.dropout:
            text += f", dropout={self.dropout}"
        if self.bidirectional:
            text += f", bidirectional={self.bidirectional}"
        return text


class RNN(RNNBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu. Elman, 1990."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if len(args) > 3:  # PyTorch's fourth positional argument
            nonlinearity, args = args[3], args[:3] + args[4:]
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        self.__dict__["nonlinearity"] = nonlinearity
        super().__init__(f"RNN_{nonlinearity.upper()}", *args, **kwargs)


class LSTM(RNNBase):
    """c' = σ(f) c + σ(i) tanh(g), h' = σ(o) tanh c'; with `proj_size` h' is projected.
    Hochreiter and Schmidhuber, 1997."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)


class GRU(RNNBase):
    """h' = (1 − z) n + z h, n = tanh(W_in x + b_in + σ(r)(W_hn h + b_hn)). Cho et al., 2014."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ArgumentError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)


class RNNCellBase(Module):
    """One step of one layer: input (N, in) or (in), state (N, hidden) or (hidden)."""

    mode: str

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates = GATES[self.mode] * hidden_size
        self.weight_ih = empty(gates, input_size, dtype=dtype)
        self.weight_hh = empty(gates, hidden_size, dtype=dtype)
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, empty(gates, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        draw_all(self, self.hidden_size)

    def check_step(self, input: Tensor, state: State) -> None:
        """Refuse an input and a state that do not fit the layer or each other."""
        batch = input.shape[0] if input.ndim == 2 else 1
        for number, hidden in enumerate(state):
            if hidden.ndim not in (1, 2):
                which = f"hx[{number}]" if self.mode == "LSTM" else "hidden"
                raise ArgumentError(
                    f"{type(self).__name__}: Expected {which} to be 1D or 2D, got {hidden.ndim}D "
                    "instead"
                )
            if hidden.shape[-1] != self.hidden_size:
                raise ShapeError(
                    f"hidden{number} has inconsistent hidden_size: got {hidden.shape[-1]}, "
                    f"expected {self.hidden_size}"
                )
            given = hidden.shape[0] if hidden.ndim == 2 else 1
            if given != batch:
                raise ShapeError(
                    f"Input batch size {batch} doesn't match hidden{number} batch size {given}"
                )
        if input.shape[-1] != self.input_size:
            raise ShapeError(
                f"input has inconsistent input_size: got {input.shape[-1]} expected "
                f"{self.input_size}"
            )

    def next_state(self, input: Tensor, state: State | None) -> State:
        if input.ndim not in (1, 2):
            raise ArgumentError(
                f"{type(self).__name__}: Expected input to be 1D or 2D, got {input.ndim}D instead"
            )
        if state is None:
            blank = zeros(*input.shape[:-1], self.hidden_size, like=input)
            state = (blank, blank) if self.mode == "LSTM" else (blank,)
        self.check_step(input, state)
        i = F.linear(input, self.weight_ih, self.bias_ih)
        h = F.linear(state[0], self.weight_hh, self.bias_hh)
        return STEPS[self.mode](i, h, state)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        return text if self.bias else f"{text}, bias={self.bias}"


class RNNCell(RNNCellBase):
    """One step of `RNN`."""

    mode = "RNN_TANH"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(f"Unknown nonlinearity: {nonlinearity}")
        self.__dict__["nonlinearity"] = nonlinearity
        self.__dict__["mode"] = f"RNN_{nonlinearity.upper()}"
        super().__init__(input_size, hidden_size, bias, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self.next_state(input, None if hx is None else (hx,))[0]

    def extra_repr(self) -> str:
        shown = self.nonlinearity != "tanh"
        return super().extra_repr() + (f", nonlinearity={self.nonlinearity}" if shown else "")


class LSTMCell(RNNCellBase):
    """One step of `LSTM`: (h, c) → (h', c')."""

    mode = "LSTM"

    def forward(self, input: Tensor, hx: State | None = None) -> State:
        return self.next_state(input, hx)


class GRUCell(RNNCellBase):
    """One step of `GRU`."""

    mode = "GRU"

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self.next_state(input, None if hx is None else (hx,))[0]

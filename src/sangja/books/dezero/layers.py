"""Layers: functions with parameters of their own (steps 44, 59, 60)."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from sangja.books.dezero import cuda, functions as F
from sangja.books.dezero.core import Parameter, Variable
from sangja.books.dezero.utils import pair
from sangja.core.errors import ArgumentError, MissingFileError, StateError


class Layer:
    """Base of layers: attributes that are parameters or layers are found again by `params`, in the
    order in which they were set."""

    _params: dict[str, None]

    def __init__(self) -> None:
        self._params = {}

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (Parameter, Layer)):
            self._params[name] = None
        super().__setattr__(name, value)

    def __call__(self, *inputs: Any) -> Any:
        outputs = self.forward(*inputs)
        several = outputs if isinstance(outputs, tuple) else (outputs,)
        self.inputs = [weakref.ref(x) for x in inputs]
        self.outputs = [weakref.ref(y) for y in several]
        return outputs

    def forward(self, *inputs: Any) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__}.forward is missing: write forward(self, x) on Variables"
        )

    def params(self) -> Iterator[Parameter]:
        """Every parameter of this layer and of those inside it."""
        for name in self._params:
            member = getattr(self, name)
            if isinstance(member, Layer):
                yield from member.params()
            elif isinstance(member, Parameter):
                yield member

    def cleargrads(self) -> None:
        for param in self.params():
            param.cleargrad()

    def to_cpu(self) -> None:
        for param in self.params():
            param.to_cpu()

    def to_gpu(self) -> None:
        for param in self.params():
            param.to_gpu()

    def _flatten_params(self, params_dict: dict[str, Parameter], parent_key: str = "") -> None:
        """Enter every parameter under its path, such as `l1/W`."""
        for name in self._params:
            member = getattr(self, name)
            key = f"{parent_key}/{name}" if parent_key else name
            if isinstance(member, Layer):
                member._flatten_params(params_dict, key)
            elif isinstance(member, Parameter):
                params_dict[key] = member

    def save_weights(self, path: Any) -> None:
        """Write the parameters to a compressed .npz file; one that breaks off is removed."""
        self.to_cpu()
        params_dict: dict[str, Parameter] = {}
        self._flatten_params(params_dict)
        arrays = {key: p.data for key, p in params_dict.items() if p.data is not None}
        try:
            np.savez_compressed(path, **arrays)
        except BaseException:
            if isinstance(path, (str, os.PathLike)) and os.path.exists(path):
                os.remove(path)
            raise

    def load_weights(self, path: Any) -> None:
        """Read the parameters from an .npz file; nothing in it is executed. Raises `StateError`
        where a parameter is not in the file."""
        try:
            found = np.load(path, allow_pickle=False)
        except FileNotFoundError as error:
            raise MissingFileError(f"load_weights: there is no file {path}") from error
        params_dict: dict[str, Parameter] = {}
        self._flatten_params(params_dict)
        with found:
            missing = [key for key in params_dict if key not in found]
            if missing:
                raise StateError(f"load_weights: {path} has no {missing}; it has {list(found)}")
            for key, param in params_dict.items():
                param.data = found[key]


def scaled_normal(shape: tuple[int, ...], fan_in: int, dtype: Any) -> Any:
    """Normal numbers of variance 1 / fan_in, from the generator that `np.random.seed` seeds."""
    numbers = np.random.randn(*shape).astype(dtype)
    return (numbers * np.sqrt(1 / fan_in)).astype(dtype)


def zeros_or_none(size: int, nobias: bool, dtype: Any) -> Parameter | None:
    return None if nobias else Parameter(np.zeros(size, dtype=dtype), name="b")


class Linear(Layer):
    """y = x W + b. The weight W (in, out) is drawn at the first call, unless `in_size` is given."""

    def __init__(
        self,
        out_size: int,
        nobias: bool = False,
        dtype: Any = np.float32,
        in_size: int | None = None,
    ) -> None:
        super().__init__()
        self.in_size = in_size
        self.out_size = out_size
        self.dtype = dtype
        self.W = Parameter(None, name="W")
        if self.in_size is not None:
            self._init_W()
        self.b = zeros_or_none(out_size, nobias, dtype)

    def _init_W(self) -> None:
        assert self.in_size is not None
        self.W.data = scaled_normal((self.in_size, self.out_size), self.in_size, self.dtype)

    def forward(self, x: Any) -> Variable:
        if self.W.data is None:
            self.in_size = x.shape[1]
            self._init_W()
        return F.linear(x, self.W, self.b)


class Conv2d(Layer):
    """y = x ∗ W + b, W (out, in, KH, KW)."""

    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        pad: Any = 0,
        nobias: bool = False,
        dtype: Any = np.float32,
        in_channels: int | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.pad = pad
        self.dtype = dtype
        self.W = Parameter(None, name="W")
        if in_channels is not None:
            self._init_W()
        self.b = zeros_or_none(out_channels, nobias, dtype)

    def _init_W(self) -> None:
        assert self.in_channels is not None
        kh, kw = pair(self.kernel_size)
        shape = (self.out_channels, self.in_channels, kh, kw)
        self.W.data = scaled_normal(shape, self.in_channels * kh * kw, self.dtype)

    def forward(self, x: Any) -> Variable:
        if self.W.data is None:
            self.in_channels = x.shape[1]
            self._init_W()
        return F.conv2d(x, self.W, self.b, self.stride, self.pad)


class Deconv2d(Conv2d):
    """y = the transposed convolution of x and W, + b; W (in, out, KH, KW)."""

    def _init_W(self) -> None:
        assert self.in_channels is not None
        kh, kw = pair(self.kernel_size)
        shape = (self.in_channels, self.out_channels, kh, kw)
        self.W.data = scaled_normal(shape, self.in_channels * kh * kw, self.dtype)

    def forward(self, x: Any) -> Variable:
        if self.W.data is None:
            self.in_channels = x.shape[1]
            self._init_W()
        return F.deconv2d(x, self.W, self.b, self.stride, self.pad)


class RNN(Layer):
    """h ← tanh(x Wx + h Wh + b), one step a call; the state h stays in the layer."""

    def __init__(self, hidden_size: int, in_size: int | None = None) -> None:
        super().__init__()
        self.x2h = Linear(hidden_size, in_size=in_size)
        hidden_in = None if in_size is None else hidden_size
        self.h2h = Linear(hidden_size, in_size=hidden_in, nobias=True)
        self.h: Any = None

    def reset_state(self) -> None:
        self.h = None

    def forward(self, x: Any) -> Variable:
        z = self.x2h(x)
        self.h = F.tanh(z if self.h is None else z + self.h2h(self.h))
        return self.h


class LSTM(Layer):
    """Long short-term memory, one step a call; the states h and c stay in the layer.

    f, i, o = σ(x W + h U + b) each with its own W, U, b; u = tanh(…); c ← f c + i u;
    h ← o tanh(c). Source: Hochreiter and Schmidhuber, 1997.
    """

    def __init__(self, hidden_size: int, in_size: int | None = None) -> None:
        super().__init__()
        n, m = hidden_size, in_size
        self.x2f = Linear(n, in_size=m)
        self.x2i = Linear(n, in_size=m)
        self.x2o = Linear(n, in_size=m)
        self.x2u = Linear(n, in_size=m)
        self.h2f = Linear(n, in_size=n, nobias=True)
        self.h2i = Linear(n, in_size=n, nobias=True)
        self.h2o = Linear(n, in_size=n, nobias=True)
        self.h2u = Linear(n, in_size=n, nobias=True)
        self.reset_state()

    def reset_state(self) -> None:
        self.h: Any = None
        self.c: Any = None

    def forward(self, x: Any) -> Variable:
        gates = [layer(x) for layer in (self.x2f, self.x2i, self.x2o, self.x2u)]
        if self.h is not None:
            past = (self.h2f, self.h2i, self.h2o, self.h2u)
            gates = [gate + layer(self.h) for gate, layer in zip(gates, past, strict=True)]
        f, i, o = map(F.sigmoid, gates[:3])
        u = F.tanh(gates[3])
        c_new = i * u if self.c is None else (f * self.c) + (i * u)
        h_new = o * F.tanh(c_new)
        self.h, self.c = h_new, c_new
        return h_new


class EmbedID(Layer):
    """y = the rows of W (in_size, out_size) that x names."""

    def __init__(self, in_size: int, out_size: int) -> None:
        super().__init__()
        self.W = Parameter(np.random.randn(in_size, out_size), name="W")

    def __call__(self, x: Any) -> Variable:
        return self.W[x]


class BatchNorm(Layer):
    """Batch normalization; the averages are parameters so that they are saved, but have no
    gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.avg_mean = Parameter(None, name="avg_mean")
        self.avg_var = Parameter(None, name="avg_var")
        self.gamma = Parameter(None, name="gamma")
        self.beta = Parameter(None, name="beta")

    def _init_params(self, x: Any) -> None:
        if x.ndim not in (2, 4):
            raise ArgumentError(f"BatchNorm: expected (N, C) or (N, C, H, W), got {x.shape}")
        size, dtype = x.shape[1], x.dtype
        xp = cuda.get_array_module(x)
        for param, value in (
            (self.avg_mean, xp.zeros),
            (self.avg_var, xp.ones),
            (self.gamma, xp.ones),
            (self.beta, xp.zeros),
        ):
            if param.data is None:
                param.data = value(size, dtype=dtype)

    def __call__(self, x: Any) -> Variable:
        if self.avg_mean.data is None:
            self._init_params(x)
        return F.batch_nrom(x, self.gamma, self.beta, self.avg_mean.data, self.avg_var.data)

"""Tensors that belong to a module: `Parameter` is learned, `Buffer` is only kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np

from sangja.core import dtypes
from sangja.core.errors import ArgumentTypeError, StateError
from sangja.core.settings import settings
from sangja.core.shapes import check_sizes
from sangja.engine.tensor import Tensor, create, version_of


def over(kind: type[Tensor], data: Tensor | None, requires_grad: bool) -> Any:
    """A leaf of class `kind` over the memory of `data`; the two share their version."""
    z = create(kind)
    z._node = z._grad = z._view = z._hooks = None
    if data is None:
        z._counter = None
        z.array = np.zeros(0, settings.default_dtype)
    elif isinstance(data, Tensor):
        z._counter = version_of(data) if data._view is not None else data._counter
        z.array = data.array
    else:
        raise ArgumentTypeError(
            f"{kind.__name__}: expected a Tensor as data, got {type(data).__name__}; make one with "
            "sangja.tensor(data)"
        )
    z._requires_grad = False
    if requires_grad:
        z.requires_grad = True
    return z


class Parameter(Tensor):
    """A tensor that a module learns: assigned to an attribute of a `Module`, it appears in its
    `parameters()` and `state_dict()`. It requires a gradient unless told otherwise.

    >>> import sangja
    >>> sangja.nn.Parameter(sangja.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    __slots__ = ()

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Any:
        return over(cls, data, requires_grad)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + Tensor.__repr__(self)


class Buffer(Tensor):
    """A tensor that a module keeps but does not learn, such as a running mean. `persistent`:
    whether it is part of the `state_dict()`."""

    __slots__ = ()

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Any:
        z = over(cls, data, False)
        z.persistent = persistent
        return z


class Unknown(Tensor):
    """What a parameter and a buffer have in common whose shape is not known yet."""

    __slots__ = ()

    known: type[Tensor]  # what it becomes

    def materialize(self, shape: Sequence[int], device: Any = None, dtype: Any = None) -> None:
        """Become a real one of this shape, with memory yet to be filled."""
        found = self.array.dtype if dtype is None else dtypes.to_numpy(dtype)
        self.array = np.empty(tuple(shape), found)
        self.__class__ = self.known  # type: ignore[assignment]

    @property
    def shape(self) -> Any:
        raise StateError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually "
            "happens in `load_state_dict` when trying to load an uninitialized parameter into an "
            "initialized one. Call `forward` to initialize the parameters before accessing their "
            "attributes."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedParameter(Unknown, Parameter):
    """A parameter of a lazy layer before its first input was seen."""

    __slots__ = ()
    known = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        z = over(cls, None, requires_grad)
        if dtype is not None:
            z.array = z.array.astype(dtypes.to_numpy(dtype))
        return z


class UninitializedBuffer(Unknown, Buffer):
    """A buffer of a lazy layer before its first input was seen."""

    __slots__ = ()
    known = Buffer

    def __new__(
        cls,
        requires_grad: bool = False,
        device: Any = None,
        dtype: Any = None,
        persistent: bool = True,
    ) -> Any:
        z = over(cls, None, requires_grad)
        z.persistent = persistent
        if dtype is not None:
            z.array = z.array.astype(dtypes.to_numpy(dtype))
        return z


def is_lazy(x: Any) -> TypeGuard[Unknown]:
    """Whether a parameter or buffer still waits for its shape."""
    return isinstance(x, Unknown)


def materialize(x: Tensor | None, shape: Sequence[int]) -> None:
    """Give a parameter or buffer that waits for its shape this one."""
    if is_lazy(x):
        x.materialize(shape)


def empty(*shape: int, dtype: Any = None) -> Parameter:
    """A parameter with memory that an initialiser is about to fill."""
    found = settings.default_dtype if dtype is None else dtypes.to_numpy(dtype)
    z: Parameter = Parameter()
    z.array = np.empty(check_sizes(shape), found)
    return z

"""`Variable`: what tensors with a gradient were called before tensors had one."""

from __future__ import annotations

import warnings
from typing import Any

from sangja.core.errors import ArgumentTypeError
from sangja.engine.tensor import Tensor, share


class VariableMeta(type):
    """Every tensor is a `Variable`."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=VariableMeta):
    """`Variable(tensor)`: a leaf tensor over the same memory. Write the tensor itself instead.

    >>> import sangja
    >>> Variable(sangja.ones(2), requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """

    def __new__(  # type: ignore[misc]
        cls, data: Any, requires_grad: bool = False, volatile: bool | None = None
    ) -> Tensor:
        if volatile is not None:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.",
                UserWarning,
                stacklevel=2,
            )
        if not isinstance(data, Tensor):
            raise ArgumentTypeError(f"Variable: expected a Tensor, got {type(data).__name__}")
        variable = share(data)
        variable.requires_grad = requires_grad
        return variable

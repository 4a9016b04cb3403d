"""The core as it is up to step 31: the gradients are arrays, not Variables.

>>> import numpy as np
>>> x = Variable(np.array(2.0))
>>> y = x**2
>>> y.backward()
>>> print(x.grad)
4.0
"""

from __future__ import annotations

from typing import Any

from sangja.books.dezero import core
from sangja.books.dezero.core import (
    Config,
    Function,
    add,
    as_array,
    div,
    mul,
    neg,
    no_grad,
    pow,
    rdiv,
    rsub,
    setup_variable,
    sub,
    using_config,
)

__all__ = [
    "Config",
    "Function",
    "Variable",
    "add",
    "as_array",
    "as_variable",
    "div",
    "mul",
    "neg",
    "no_grad",
    "pow",
    "rdiv",
    "rsub",
    "setup_variable",
    "sub",
    "using_config",
]


class Variable(core.Variable):
    """A box for an array, whose `grad` is an array too; so is that of whatever is made of it."""

    @property
    def grad(self) -> Any:
        found = super().grad
        return None if found is None else found.data

    @grad.setter
    def grad(self, value: Any) -> None:
        core.Variable.grad.fset(self, value)  # type: ignore[attr-defined]


Variable.family = Variable


def as_variable(obj: Any) -> core.Variable:
    """A Variable as it is; an array in a new one."""
    return obj if isinstance(obj, core.Variable) else Variable(obj)

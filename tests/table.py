"""One row per public operation; `test_table.py` draws its tests from here.

A row says with which arguments an operation is called, and optionally what NumPy or SciPy says it
computes, special values, and the exact errors. The oracle is PyTorch where it is installed, else
the reference, and finite differences for every derivative; never our own output.
"""

from __future__ import annotations

import importlib
import pkgutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests import rows


@dataclass(frozen=True)
class T:
    """A tensor argument: random, uniform in [low, high), in the dtype under test, or in `dtype`.

    `grad=False`: not differentiated. `values`: these instead of random ones.
    """

    shape: tuple[int, ...] = ()
    low: float = -2.0
    high: float = 2.0
    dtype: str | None = None
    grad: bool = True
    values: Any = None

    def draw(self, random: np.random.RandomState, dtype: str) -> np.ndarray:
        found = np.dtype(self.dtype or dtype)
        if self.values is not None:
            return np.array(self.values, found)
        if found.kind == "b":
            return np.array(random.rand(*self.shape) < 0.5)
        if found.kind in "iu":
            low = max(self.low, 0) if found.kind == "u" else self.low
            return random.randint(int(low), max(int(self.high), int(low) + 1), self.shape).astype(
                found
            )
        return np.asarray(random.uniform(self.low, self.high, self.shape)).astype(found)


def t(*shape: int, **kwargs: Any) -> T:
    return T(shape, **kwargs)


@dataclass(frozen=True)
class Case:
    """One call: positional arguments (with `T` for tensors, also inside lists) and keywords."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)


def case(*args: Any, **kwargs: Any) -> Case:
    return Case(args, kwargs)


@dataclass(frozen=True)
class Raises:
    """A call that must be refused with this error and this text (searched as plain text)."""

    error: type[Exception]
    text: str
    call: Case


def raises(error: type[Exception], text: str, *args: Any, **kwargs: Any) -> Raises:
    return Raises(error, text, Case(args, kwargs))


@dataclass(frozen=True)
class Row:
    """`name`: dotted path below `sangja` (and below `torch`, unless `torch_name` differs; "" if
    PyTorch has none). `reference`: the same on arrays, from NumPy or SciPy. `dtypes`: those to
    compute in, the floats among them with derivatives. `elementwise`: also 0-d, empty and broadcast
    shapes are tried.
    `special`: values at which result, first and second derivative must equal PyTorch's.
    `order`: how many derivatives are checked. `rtol`, `atol`: in units of PyTorch's `assert_close`
    defaults for the dtype."""

    name: str
    cases: list[Case]
    reference: Callable[..., Any] | None = None
    torch_name: str | None = None
    dtypes: tuple[str, ...] = ("float32", "float64")
    elementwise: bool = False
    special: tuple[float, ...] = ()
    order: int = 2
    errors: list[Raises] = field(default_factory=list)
    tolerance: float = 1.0

    @property
    def oracle(self) -> str:
        return self.name if self.torch_name is None else self.torch_name

    def random(self) -> np.random.RandomState:
        return np.random.RandomState(zlib.crc32(self.name.encode()))


def all_rows() -> list[Row]:
    """The rows of every module in `tests/rows`."""
    found: list[Row] = []
    for module in sorted(m.name for m in pkgutil.iter_modules(rows.__path__)):
        found += importlib.import_module(f"tests.rows.{module}").ROWS
    return found

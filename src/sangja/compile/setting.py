"""Numbers of the host that may be others at the next call: learning rates, step counts."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any


class Untraceable(Exception):
    """A rule did what cannot be written down: the text says what."""


class Setting:
    """A number of the host that may be another at the next call (a learning rate, a step count).

    `value` is that of this call; `again()` computes it anew at a later one.
    Comparing two settings gives a plain answer, which is noted in `guards`: at a call where it
    would be another one, the step is recorded anew.
    """

    __slots__ = ("again", "guards", "value")

    def __init__(self, value: Any, again: Callable[[], Any], guards: list[Any]):
        self.value = value
        self.again = again
        self.guards = guards

    def combine(self, function: Callable[..., Any], *others: Any, swapped: bool = False) -> Any:
        if not all(isinstance(o, (Setting, bool, int, float, complex)) for o in others):
            return NotImplemented
        operands = (*others, self) if swapped else (self, *others)

        def again() -> Any:
            return function(*[o.again() if isinstance(o, Setting) else o for o in operands])

        return Setting(
            function(*[o.value if isinstance(o, Setting) else o for o in operands]),
            again,
            self.guards,
        )

    def decide(self, function: Callable[..., Any], *others: Any) -> bool:
        result = self.combine(function, *others)
        if result is NotImplemented:
            raise Untraceable("a setting is compared with an array")
        self.guards.append((result.again, result.value))
        return bool(result.value)

    def __float__(self) -> float:
        raise Untraceable("a setting that may change is read as a number")

    __int__ = __index__ = __float__  # type: ignore[assignment]
    __hash__ = object.__hash__
    __array_ufunc__ = None  # NumPy's operators leave a setting to Symbol and to this class

    def __bool__(self) -> bool:
        return self.decide(bool)


def _bind_settings() -> None:
    """The operators of `Setting`, each NumPy's or Python's own."""
    for name in ("add", "sub", "mul", "truediv", "pow", "floordiv", "mod"):
        function = getattr(operator, name)

        def forward(self: Any, other: Any, function: Any = function) -> Any:
            return self.combine(function, other)

        def backward(self: Any, other: Any, function: Any = function) -> Any:
            return self.combine(function, other, swapped=True)

        setattr(Setting, f"__{name}__", forward)
        setattr(Setting, f"__r{name}__", backward)
    for name in ("lt", "le", "gt", "ge", "eq", "ne"):
        function = getattr(operator, name)

        def compare(self: Any, other: Any, function: Any = function) -> Any:
            return self.decide(function, other)

        setattr(Setting, f"__{name}__", compare)
    for name in ("neg", "abs"):
        function = getattr(operator, name)

        def alone(self: Any, function: Any = function) -> Any:
            return self.combine(function)

        setattr(Setting, f"__{name}__", alone)
    setattr(Setting, "__hash__", object.__hash__)  # noqa: B010 (defining == takes it away)


_bind_settings()

"""Whether operations are remembered: `no_grad`, `enable_grad`, `inference_mode`.

The mode is a context variable: every thread and every asyncio task has its own, so that a `no_grad`
in one never loses another's graph. A `watch` sees every operation as it happens; the compiler's
recorder, anomaly detection and the explainer are watches.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Mode:
    """`grad`: record operations. `inference`: never, and results cannot take part in any record.

    `watch` is called after each operation, `check` with each derivative of a backward pass, and
    `collect` in place of each update of an optimizer (which is then not run). `outer` is the mode
    to go back to: a linked stack, so that guards hold no state of their own.
    """

    grad: bool = True
    inference: bool = False
    watch: Callable[..., None] | None = None
    check: Callable[..., None] | None = None
    collect: Callable[..., None] | None = None
    outer: Mode | None = None


MODE: ContextVar[Mode] = ContextVar("sangja_mode", default=Mode())  # noqa: B039 (frozen)


class ModeGuard:
    """Base of the mode switches: a context manager that is also a decorator.

    One guard object may be nested in itself and shared by threads.
    """

    def __init__(self, **changes: Any) -> None:
        self.changes = changes

    def __enter__(self) -> None:
        mode = MODE.get()
        MODE.set(replace(mode, outer=mode, **self.changes_in(mode)))

    def changes_in(self, mode: Mode) -> dict[str, Any]:
        """What to change: inference mode is stronger than `enable_grad`."""
        if mode.inference and "inference" not in self.changes:
            return {**self.changes, "grad": False}
        return self.changes

    def __exit__(self, *exc: object) -> None:
        MODE.set(MODE.get().outer or Mode())

    def __call__(self, function: F) -> F:
        if inspect.isgeneratorfunction(function):
            return self._wrap_generator(function)

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return wrapper  # type: ignore[return-value]

    def _wrap_generator(self, function: F) -> F:
        """The mode holds while the generator's own code runs, not between its yields."""

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self:
                generator = function(*args, **kwargs)
            send, value = generator.send, None
            try:
                while True:
                    with self:
                        item = send(value)
                    try:
                        send, value = generator.send, (yield item)
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        send, value = generator.throw, error
            except StopIteration as stop:
                return stop.value
            finally:
                with self:
                    generator.close()

        return wrapper  # type: ignore[return-value]


class no_grad(ModeGuard):
    """Operations inside are not remembered: faster, and nothing is kept.

    >>> import sangja
    >>> x = sangja.ones(2, requires_grad=True)
    >>> with sangja.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        guard = super().__new__(cls)
        if function is None:
            return guard
        guard.__init__()  # type: ignore[misc]  # `@no_grad` without parentheses
        return guard(function)

    def __init__(self, function: None = None) -> None:
        super().__init__(grad=False)


class enable_grad(no_grad):
    """Operations inside are remembered, also within `no_grad`."""

    def __init__(self, function: None = None) -> None:
        ModeGuard.__init__(self, grad=True)


class ModeSwitch(ModeGuard):
    """Changes the mode from its construction on; as a context manager, until its end."""

    def __init__(self, **changes: Any) -> None:
        super().__init__(**changes)
        self.before = MODE.get()
        MODE.set(replace(self.before, **self.changes_in(self.before)))

    def __enter__(self) -> None:
        """The switch is already made; `with` only promises to undo it."""

    def __exit__(self, *exc: object) -> None:
        MODE.set(self.before)

    def __call__(self, function: F) -> F:
        MODE.set(self.before)  # used as a decorator: nothing changes outside the function
        return ModeGuard(**self.changes)(function)


class set_grad_enabled(ModeSwitch):
    """Remember operations or not, from this call on; as a context manager, until its end."""

    def __init__(self, mode: bool) -> None:
        super().__init__(grad=bool(mode))


class inference_mode(ModeGuard):
    """As `no_grad`, and tensors made inside can take no part in differentiation later: they cannot
    be kept for a gradient or changed in place outside (make a `clone()` there).

    >>> import sangja
    >>> with sangja.inference_mode():
    ...     sangja.ones(2).is_inference()
    True
    """

    def __new__(cls, mode: Any = True) -> Any:
        if isinstance(mode, bool):
            return super().__new__(cls)
        guard = super().__new__(cls)
        guard.__init__()  # type: ignore[misc]  # `@inference_mode` without parentheses
        return guard(mode)

    def __init__(self, mode: bool = True) -> None:
        super().__init__(grad=not mode, inference=mode)


def is_inference_mode_enabled() -> bool:
    """Whether the code runs in `inference_mode`."""
    return MODE.get().inference


class Structure:
    """Counts changes of modules: members added or replaced, training switched. Who keeps something
    about modules looks again only when this moved."""

    version: ClassVar[int] = 0

    @classmethod
    def change(cls) -> None:
        cls.version += 1


def announce(event: str, *things: Any) -> None:
    """Tell a watch of what is no operation: that a value is `read`, a module called, …"""
    watch = MODE.get().watch
    if watch is not None:
        watch(event, things, {}, None)


def is_grad_enabled() -> bool:
    """Whether operations are remembered here and now."""
    return MODE.get().grad

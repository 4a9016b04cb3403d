"""Memory for time: values inside a part of a network are not kept for the backward pass, but
computed again in it. Chen et al., 2016, https://arxiv.org/abs/1604.06174."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sangja.core.errors import ArgumentError
from sangja.engine import Function, Tensor, backward, enable_grad, is_grad_enabled, wrap
from sangja.ops.random import get_rng_state, set_rng_state


class Recomputed(Function):
    """`run(*args)`; its backward runs it again, recorded, and goes on through that."""

    @staticmethod
    def forward(ctx: Any, reach: Any, run: Any, state: Any, *args: Any) -> Any:
        ctx.run, ctx.state, ctx.args = run, state, args
        return run(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        args = [a.detach().requires_grad_(a.requires_grad) if is_leaf(a) else a for a in ctx.args]
        now = get_rng_state()
        if ctx.state is not None:
            set_rng_state(ctx.state)
        with enable_grad():
            results = ctx.run(*args)
        if ctx.state is not None:
            set_rng_state(now)
        results = results if isinstance(results, tuple) else (results,)
        reached = [
            (z, g)
            for z, g in zip(results, grads, strict=True)
            if isinstance(z, Tensor) and z.requires_grad
        ]
        if reached:
            backward([z for z, _ in reached], [g for _, g in reached])
        return (None, None, None, *(a.grad if is_leaf(a) else None for a in args))


def is_leaf(value: Any) -> bool:
    """Whether a value is a tensor that can have a gradient."""
    return isinstance(value, Tensor) and value.array.dtype.kind in "fc"


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """function(*args, **kwargs), whose inner values are computed again in `backward()` rather than
    kept. Dropout inside draws the same numbers again, unless `preserve_rng_state=False`.

    The gradients of parameters that the function uses arrive with `backward()`; `autograd.grad`
    gives those of `args` alone.

    >>> import sangja
    >>> x = sangja.tensor(2.0, requires_grad=True)
    >>> checkpoint(lambda x: x.exp().log() * x, x, use_reentrant=False).backward()
    >>> x.grad
    tensor(4.)
    """
    if not is_grad_enabled():
        return function(*args, **kwargs)
    state = get_rng_state() if preserve_rng_state else None
    reach = wrap(get_rng_state().array[:1] * 0.0).requires_grad_()  # a gradient always comes by

    def run(*values: Any) -> Any:
        return function(*values, **kwargs)

    return Recomputed.apply(reach, run, state, *args)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """The functions one after the other, in `segments` parts; each but the last is a `checkpoint`.

    Raises `ArgumentError` for fewer functions than segments.
    """
    steps = list(functions.children()) if hasattr(functions, "children") else list(functions)
    if not 1 <= segments <= len(steps):
        raise ArgumentError(
            f"checkpoint_sequential: {len(steps)} functions cannot be divided into {segments} "
            f"segments; give a number from 1 to {len(steps)}"
        )
    size = len(steps) // segments

    def chain(part: list[Any]) -> Callable[[Any], Any]:
        def run(x: Any) -> Any:
            for step in part:
                x = step(x)
            return x

        return run

    for start in range(0, size * (segments - 1), size):
        input = checkpoint(chain(steps[start : start + size]), input, **kwargs)
    return chain(steps[size * (segments - 1) :])(input)

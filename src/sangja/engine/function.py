"""`autograd.Function`: an operation with a forward and a backward written by the user, ctx
style."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from sangja.core.errors import ArgumentTypeError, FreedGraphError, GradientError, ShapeError
from sangja.engine.apply import Pick, array_of, remember
from sangja.engine.mode import MODE, ModeGuard
from sangja.engine.primitive import Primitive
from sangja.engine.structure import can_sum_to, conjugate
from sangja.engine.tensor import RESULTS, SEVERAL, Tensor, share, wrap


class Context:
    """What `forward` leaves for `backward`: `ctx` in both. Any attribute may be set on it."""

    def __init__(self) -> None:
        self.needs_input_grad: tuple[bool, ...] = ()
        self.materialize_grads = True
        self.dirty: tuple[Any, ...] = ()
        self.without_gradient: tuple[Any, ...] = ()
        self._saved: Any = ()
        self._versions: list[int] = []

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors (or None) for `backward`, where `ctx.saved_tensors` has them."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise ArgumentTypeError(
                    f"save_for_backward can only save variables, but got {type(t).__name__}; set "
                    "other values as attributes: ctx.value = value"
                )
        self._saved = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        if self._saved is None:
            raise FreedGraphError(
                "Trying to backward through the graph a second time: what this Function saved has "
                "been freed. Specify retain_graph=True the first time."
            )
        for t, version in zip(self._saved, self._versions, strict=True):
            if t is not None and t._counter is not None and t._counter.read() != version:
                raise GradientError(
                    "one of the variables needed for gradient computation has been modified by an "
                    f"inplace operation: {t._counter.where} wrote to a tensor of shape "
                    f"{list(t.array.shape)} that this Function saved"
                )
        return self._saved  # type: ignore[no-any-return]

    def mark_dirty(self, *tensors: Any) -> None:
        """Say which inputs `forward` wrote to."""
        self.dirty = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say which results have no gradient."""
        self.without_gradient = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros (True) or None for results that nobody used."""
        self.materialize_grads = value


class PythonFunction(Primitive):
    """The primitive behind every `Function`: its rule calls the user's `backward`."""

    def forward(xp, *inputs, context, function):
        raise AssertionError("a Function's forward is called by Function.apply")

    def dall(g, context, function, shapes, needs):
        return call_backward(g, context, function, shapes, needs)


def call_backward(g: Any, context: Context, function: Any, shapes: Any, needs: Any) -> Any:
    """The user's backward on tensors; its results checked, and given back in the kind they came."""
    several = isinstance(g, tuple)
    grads = g if several else (g,)
    recorded = any(isinstance(d, Tensor) for d in grads)
    tensors = [d if d is None or isinstance(d, Tensor) else wrap(d) for d in grads]
    tensors = [d if d is None else conjugate(d) for d in tensors]
    with ModeGuard(grad=recorded and MODE.get().grad):
        found = function.backward(context, *tensors)
    found = found if isinstance(found, tuple) else (found,)
    name = function.__name__
    if len(found) > len(needs) and any(d is not None for d in found[len(needs) :]):
        raise GradientError(
            f"function {name}Backward returned an incorrect number of gradients (expected "
            f"{len(needs)}, got {len(found)})"
        )
    if len(found) < len(needs):
        raise GradientError(
            f"function {name}Backward returned an incorrect number of gradients (expected "
            f"{len(needs)}, got {len(found)}); return None for inputs without a gradient"
        )
    for i, (d, shape) in enumerate(zip(found, shapes, strict=False)):
        if d is None or not needs[i]:
            continue
        if not isinstance(d, Tensor):
            raise ArgumentTypeError(
                f"function {name}Backward returned a {type(d).__name__} as gradient {i}; "
                "expected a Tensor or None"
            )
        if not can_sum_to(d.array.shape, shape):
            raise ShapeError(
                f"Function {name}Backward returned an invalid gradient at index {i} - got "
                f"{list(d.array.shape)} but expected shape compatible with {list(shape)}"
            )
    found = tuple(d if d is None else conjugate(d) for d in found)
    return found if recorded else tuple(array_of(d) for d in found)


class Function:
    """Base of user-written operations.

        class Cube(sangja.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x ** 3

            @staticmethod
            def backward(ctx, g):
                (x,) = ctx.saved_tensors
                return g * 3 * x ** 2

        y = Cube.apply(x)

    `backward` gets one gradient per result and returns one (or None) per argument of `forward`.
    Written with tensor operations it can be differentiated again. As in newer PyTorch, `forward`
    may also be written without `ctx`, beside `setup_context(ctx, inputs, output)`.
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx: Context, inputs: tuple[Any, ...], output: Any) -> Any:
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Context, *grad_outputs: Any) -> Any:
        raise NotImplementedError(
            "You must implement the backward for your custom autograd.Function to use it with "
            "backward()."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run `forward` unrecorded and remember `backward` as its derivative."""
        context = Context()
        context.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        needs = sum(1 << i for i, need in enumerate(context.needs_input_grad) if need)
        with ModeGuard(grad=False):
            if cls.setup_context is not Function.setup_context:
                output = cls.forward(*args, **kwargs)
                cls.setup_context(context, args, output)
            else:
                output = cls.forward(context, *args, **kwargs)
        results = output if isinstance(output, tuple) else (output,)
        for t in results:
            if not isinstance(t, Tensor) and t is not None:
                raise ArgumentTypeError(
                    f"{cls.__name__}.forward: expected to return Tensors, got {type(t).__name__}"
                )
        recorded = bool(needs) and MODE.get().grad
        results = tuple(own_result(t, args, context, recorded) for t in results)
        if recorded:
            link(cls, context, args, needs, results)
        context._versions = [0 if t is None else read_version(t) for t in context._saved]
        return results if isinstance(output, tuple) else results[0]


def read_version(t: Tensor) -> int:
    return 0 if t._counter is None else t._counter.read()


def own_result(t: Any, args: tuple[Any, ...], context: Context, recorded: bool) -> Any:
    """A result that may be given a history: an input returned as it was becomes a view of
    itself."""
    if not recorded or t is None or any(t is d for d in context.dirty):
        return t
    return share(t) if any(t is a for a in args) else t


def link(
    cls: type[Function], context: Context, args: Any, needs: int, results: tuple[Any, ...]
) -> None:
    """Give the results a node whose rule calls `cls.backward`."""
    inputs = tuple(a if isinstance(a, Tensor) else None for a in args)
    whole = wrap(np.empty(0))
    past = tuple(history(x) if isinstance(x, Tensor) else x for x in inputs)
    remember(PythonFunction, needs, past, {"context": context, "function": cls}, whole)
    assert whole._node is not None
    whole._node.static = {"grad_name": cls.__name__ + "Backward"}  # `kept` alone holds the context
    live = [t for t in results if t is not None]
    if len(results) == 1 and live:
        whole._node.targets = None
        live[0]._node, live[0]._requires_grad = whole._node, True
        return
    whole._node.static |= {
        RESULTS: [
            ((), np.float32) if t is None else (t.array.shape, t.array.dtype) for t in results
        ],
        "materialize": context.materialize_grads,
    }
    for index, t in enumerate(results):
        frozen = any(t is other for other in context.without_gradient)
        if t is not None and not frozen and t.array.dtype.kind in "fcV":
            pick = wrap(t.array)
            remember(Pick, 1, (whole,), {"index": index}, pick)
            assert pick._node is not None
            pick._node.targets = [SEVERAL]
            t._node, t._requires_grad = pick._node, True


def history(x: Tensor) -> Tensor:
    """The tensor's history so far, safe from `forward` having written to it."""
    old = wrap(x.array)
    old._node, old._requires_grad = x._node, x._requires_grad
    return x if x._node is None else old


class OnlyOnce(Function):
    """Passes a gradient on that must not be differentiated: `anchor` is why it would be."""

    @staticmethod
    def forward(ctx: Context, anchor: Tensor, d: Tensor) -> Tensor:  # type: ignore[override]
        return d

    @staticmethod
    def backward(ctx: Context, *grad_outputs: Any) -> Any:
        raise GradientError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )


def once_differentiable(backward: Any) -> Any:
    """Decorator for a `backward` written with NumPy: differentiating it again is refused."""

    @functools.wraps(backward)
    def wrapper(ctx: Context, *grads: Any) -> Any:
        with ModeGuard(grad=False):
            found = backward(ctx, *grads)
        anchors = [d for d in grads if isinstance(d, Tensor) and d._requires_grad]
        if not anchors or not MODE.get().grad:
            return found
        several = found if isinstance(found, tuple) else (found,)
        guarded = tuple(None if d is None else OnlyOnce.apply(anchors[0], d) for d in several)
        return guarded if isinstance(found, tuple) else guarded[0]

    return wrapper

"""How a module's backward hooks see gradients: its inputs and outputs go through identities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sangja.core.errors import GradientError
from sangja.engine import Function, Tensor

Grads = tuple[Any, ...]


class Passage(Function):
    """Gives tensors on unchanged, and their gradients, all at once, to `observe` and on."""

    @staticmethod
    def forward(ctx: Any, observe: Callable[[Grads], Grads], *tensors: Tensor) -> Any:
        ctx.observe = observe
        ctx.set_materialize_grads(False)
        return tensors

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return None, *ctx.observe(grads)


class Observer:
    """One call of a module with backward hooks."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.input_count = 0
        self.inputs_seen = False
        self.grad_output: Grads = ()

    def watch_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        self.input_count = len(args)
        places = [i for i, x in enumerate(args) if isinstance(x, Tensor)]
        if not any(args[i].requires_grad for i in places):
            return args
        self.inputs_seen = True

        def observe(grads: Grads) -> Grads:
            grad_input = self.run_hooks(spread(grads, places, self.input_count))
            return tuple(grad_input[i] for i in places)

        return replaced(args, places, Passage.apply(observe, *[args[i] for i in places]))

    def watch_outputs(self, output: Any) -> Any:
        several = isinstance(output, tuple)
        results = output if several else (output,)
        places = [i for i, z in enumerate(results) if isinstance(z, Tensor)]
        if not any(results[i].requires_grad for i in places):
            return output

        def observe(grads: Grads) -> Grads:
            self.grad_output = self.run_pre_hooks(spread(grads, places, len(results)))
            if not self.inputs_seen:
                self.run_hooks((None,) * self.input_count)
            return tuple(self.grad_output[i] for i in places)

        passed = replaced(results, places, Passage.apply(observe, *[results[i] for i in places]))
        return passed if several else passed[0]

    def run_pre_hooks(self, grad_output: Grads) -> Grads:
        for hook in tuple(self.module._backward_pre_hooks.values()):
            changed = hook(self.module, grad_output)
            if changed is not None:
                grad_output = as_grads(changed, grad_output, "Backward pre hook", "grad_output")
        return grad_output

    def run_hooks(self, grad_input: Grads) -> Grads:
        for hook in tuple(self.module._backward_hooks.values()):
            changed = hook(self.module, grad_input, self.grad_output)
            if changed is None:
                continue
            if not self.inputs_seen:
                raise GradientError(
                    "Backward hook for Modules where no input requires gradient should always "
                    f"return None or None for all gradients (module {type(self.module).__name__})"
                )
            grad_input = as_grads(changed, grad_input, "Backward hook", "grad_input")
        return grad_input


def spread(grads: Grads, places: list[int], count: int) -> Grads:
    """The gradients at their tensors' places among `count` values, None elsewhere."""
    found = dict(zip(places, grads, strict=True))
    return tuple(found.get(i) for i in range(count))


def replaced(values: tuple[Any, ...], places: list[int], new: tuple[Any, ...]) -> tuple[Any, ...]:
    result = list(values)
    for i, z in zip(places, new, strict=True):
        result[i] = z
    return tuple(result)


def as_grads(changed: Any, before: Grads, what: str, name: str) -> Grads:
    after = changed if isinstance(changed, tuple) else (changed,)
    if len(after) != len(before):
        raise GradientError(
            f"{what} returned an invalid number of {name}, got {len(after)}, but expected "
            f"{len(before)}"
        )
    return after

"""`Module`: a function with parameters, made of smaller ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np

from sangja.core import dtypes
from sangja.core.device import check_device
from sangja.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    ForwardMissingError,
    SangjaError,
    StateError,
)
from sangja.engine import Tensor, wrap
from sangja.engine.hooks import RemovableHandle, add_hook
from sangja.engine.inplace import zero_
from sangja.engine.mode import MODE, announce
from sangja.nn.parameter import is_lazy
from sangja.nn.passage import Observer
from sangja.nn.state import Stateful, own_hooks

M = TypeVar("M", bound="Module")


class Hook(NamedTuple):
    """A function to call around `forward`, and how."""

    function: Callable[..., Any]
    with_kwargs: bool = False
    always_call: bool = False


class Module(Stateful):
    """Base of all layers and models. A subclass makes its parameters and children in `__init__`
    (after `super().__init__()`) by assigning them to attributes, and computes in `forward`.

    >>> import sangja
    >>> class Scale(sangja.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = sangja.nn.Parameter(sangja.ones(1))
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> [name for name, _ in Scale().named_parameters()]
    ['factor']
    """

    _hooked = False  # whether a hook was ever registered here
    _forward_hooks: Mapping[int, Hook] = {}
    _forward_pre_hooks: Mapping[int, Hook] = {}
    _backward_hooks: Mapping[int, Callable[..., Any]] = {}
    _backward_pre_hooks: Mapping[int, Callable[..., Any]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args or kwargs:
            extra = f"{next(iter(kwargs))!r}" if kwargs else f"{len(args)} positional"
            raise ArgumentTypeError(
                f"{type(self).__name__}.__init__() got an unexpected argument: {extra}; "
                "Module.__init__ takes none"
            )
        super().__init__()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes. Every subclass says it."""
        raise ForwardMissingError(
            f'Module [{type(self).__name__}] is missing the required "forward" function: define '
            "forward(self, ...) in the class, or call the modules inside one by one"
        )

    # -- calling ---------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if MODE.get().watch is not None:
                announce("module", self)
            if self._hooked:
                return call_with_hooks(self, args, kwargs)
            return self.forward(*args, **kwargs)
        except SangjaError as error:
            locate(error, self)
            raise

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before `forward`; what it returns replaces the arguments.
        With `with_kwargs`: `hook(module, args, kwargs)`, returning both."""
        return self._add("_forward_pre_hooks", Hook(hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after `forward`; what it returns replaces the output.
        With `with_kwargs`: `hook(module, args, kwargs, output)`. `always_call`: also when
        `forward` raised (the output is None then)."""
        return self._add("_forward_hooks", Hook(hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_output)` when the gradients of the outputs are known; what it
        returns replaces them."""
        return self._add("_backward_pre_hooks", hook, prepend)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when the gradients of the inputs are known;
        what it returns replaces `grad_input`."""
        return self._add("_backward_hooks", hook, prepend)

    register_backward_hook = register_full_backward_hook

    def _add(self, table: str, hook: Any, prepend: bool) -> RemovableHandle:
        self._hooked = True
        hooks = own_hooks(self, table)
        earlier = dict(hooks) if prepend else {}
        handle = add_hook(hooks, hook)
        for key, value in earlier.items():  # those after it are entered anew
            del hooks[key]
            hooks[key] = value
        return handle

    # -- mode, dtype, gradients ------------------------------------------------------------

    def train(self: M, mode: bool = True) -> M:
        """Switch this module and all below to training mode (dropout drops, norms measure)."""
        if not isinstance(mode, bool):
            raise ArgumentError("training mode is expected to be boolean")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self: M) -> M:
        """Switch this module and all below to evaluation mode."""
        return self.train(False)

    def apply(self: M, fn: Callable[[Any], None]) -> M:
        """Call `fn` on every module below, children first, and on this one: to initialise."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Say for all parameters whether gradients are wanted: False freezes them."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; with `set_to_none=False` fill them with 0."""
        for parameter in self.parameters():
            announce("zero_grad", parameter)
            if set_to_none or parameter._grad is None:
                parameter._grad = None
            else:
                parameter._grad = zero_(parameter._grad.detach())

    def _apply(self: M, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> M:
        """Replace the values of all parameters, gradients and buffers by `fn` of them; the
        parameters stay the same objects."""
        if recurse:
            for child in self.children():
                child._apply(fn)
        for parameter in self._parameters.values():
            if parameter is None:
                continue
            grad = parameter._grad
            fresh = fn(parameter.detach())
            if fresh.array is not parameter.array:
                parameter.data = fresh
            if grad is not None:
                parameter._grad = fn(grad.detach())
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def _cast(self: M, dtype: Any, floats_only: bool = True) -> M:
        wanted = dtypes.to_numpy(dtype)

        def cast(x: Tensor) -> Tensor:
            if x.array.dtype == wanted or (floats_only and x.array.dtype.kind not in "fcV"):
                return x
            if is_lazy(x):
                x.array = x.array.astype(wanted)
                return x
            return wrap(x.array.astype(wanted))

        return self._apply(cast)

    def type(self: M, dst_type: Any) -> M:
        """Convert all parameters and buffers to a dtype, those of integers too."""
        return self._cast(dst_type, floats_only=False)

    def float(self: M) -> M:
        """Convert all floating parameters and buffers to float32."""
        return self._cast(dtypes.float32)

    def double(self: M) -> M:
        """Convert all floating parameters and buffers to float64."""
        return self._cast(dtypes.float64)

    def half(self: M) -> M:
        """Convert all floating parameters and buffers to float16."""
        return self._cast(dtypes.float16)

    def bfloat16(self: M) -> M:
        """Convert all floating parameters and buffers to bfloat16 (needs the package ml_dtypes)."""
        return self._cast(dtypes.bfloat16)

    def cpu(self: M) -> M:
        """The module where it is: in the memory of the CPU."""
        return self

    def cuda(self: M, device: Any = None) -> M:
        """The module on a graphics card. Raises `DeviceError`: there is none."""
        check_device("cuda" if device is None else device)
        return self

    def share_memory(self: M) -> M:
        """The module itself. Threads share its tensors as they are; processes get copies."""
        return self

    def to(self: M, *args: Any, **kwargs: Any) -> M:
        """`to(dtype)`, `to(device)`, `to(device, dtype)` or `to(tensor)`: convert all floating
        parameters and buffers to the dtype; `to(memory_format=…)`: lay those of images out anew."""
        dtype = kwargs.get("dtype")
        for value in args:
            if isinstance(value, Tensor):
                dtype = value.dtype
            elif isinstance(value, (dtypes.DType, np.dtype, type)):
                dtype = value
            elif value is not None and not isinstance(value, bool):
                check_device(value)
        check_device(kwargs.get("device"))
        memory_format = kwargs.get("memory_format")
        if memory_format is not None:
            self._apply(lambda x: x.to(memory_format=memory_format) if x.ndim in (4, 5) else x)
        if dtype is None:
            return self
        if dtypes.to_numpy(dtype).kind not in "fcV":
            raise ArgumentTypeError(
                "nn.Module.to only accepts floating point or complex dtypes, but got desired "
                f"dtype={dtypes.of(dtypes.to_numpy(dtype))}"
            )
        return self._cast(dtype)

    # -- text ------------------------------------------------------------------------------

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands between the parentheses of the module's text."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        inside = [f"({name}): {indent(repr(child))}" for name, child in self._modules.items()]
        if len(lines) == 1 and not inside:
            return f"{self._get_name()}({lines[0]})"
        if lines or inside:
            return f"{self._get_name()}(\n  " + "\n  ".join(lines + inside) + "\n)"
        return f"{self._get_name()}()"


def indent(text: str) -> str:
    """The text of a child, moved to the right below its first line."""
    return text.replace("\n", "\n  ")


def call_with_hooks(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call with everything that was registered around it."""
    done: set[int] = set()
    try:
        args, kwargs = run_pre_hooks(module, args, kwargs)
        observer = None
        if module._backward_hooks or module._backward_pre_hooks:
            observer = Observer(module)
            args = observer.watch_inputs(args)
        output = module.forward(*args, **kwargs)
        for key, hook in tuple(module._forward_hooks.items()):
            done.add(key)
            changed = run_forward_hook(module, hook, args, kwargs, output)
            output = output if changed is None else changed
        return output if observer is None else observer.watch_outputs(output)
    except Exception:
        for key, hook in tuple(module._forward_hooks.items()):
            if hook.always_call and key not in done:
                run_forward_hook(module, hook, args, kwargs, None)
        raise


def run_pre_hooks(module: Module, args: Any, kwargs: Any) -> tuple[Any, Any]:
    for hook in tuple(module._forward_pre_hooks.values()):
        if hook.with_kwargs:
            changed = hook.function(module, args, kwargs)
            if changed is None:
                continue
            if not isinstance(changed, tuple) or len(changed) != 2:
                raise StateError(
                    "forward pre-hook must return None or a tuple of (new_args, new_kwargs), but "
                    f"got {changed}."
                )
            args, kwargs = changed
        else:
            changed = hook.function(module, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
    return args, kwargs


def run_forward_hook(module: Module, hook: Hook, args: Any, kwargs: Any, output: Any) -> Any:
    if hook.with_kwargs:
        return hook.function(module, args, kwargs, output)
    return hook.function(module, args, output)


class Place:
    """Where an error passed through modules: its text so far, the innermost module, and the path
    to that from the outermost one it has come to."""

    def __init__(self, text: str, module: Module) -> None:
        self.text = text
        self.module = module
        self.outermost = module
        self.path = ""

    def note(self, module: Module) -> str:
        if module is not self.outermost:
            name = next((n for n, m in module.named_modules() if m is self.outermost), "")
            self.path = ".".join(part for part in (name, self.path) if part)
            self.outermost = module
        path = f"'{self.path}' " if self.path else ""
        brief = f"{self.module._get_name()}({self.module.extra_repr()})"
        inside = f"({brief})" if path else brief
        return f"{self.text}; in module {path}{inside}"


def locate(error: SangjaError, module: Module) -> None:
    """Say in the error's text in which module it happened; each module on its way out adds its
    part of the path."""
    place = error.__dict__.setdefault("place", Place(str(error), module))
    error.args = (place.note(module),)

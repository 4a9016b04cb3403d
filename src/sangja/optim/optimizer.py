"""What all optimizers share: groups of parameters with settings, a state per parameter, hooks."""

from __future__ import annotations

import functools
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from itertools import chain
from types import MethodType
from typing import Any

import numpy as np

from sangja.core.errors import ArgumentError, ArgumentTypeError, ForwardMissingError
from sangja.engine import Tensor, enable_grad, wrap
from sangja.engine.hooks import RemovableHandle, add_hook, retains_grad
from sangja.engine.inplace import overwritten, update, zero_
from sangja.engine.mode import announce

Group = dict[str, Any]
State = dict[str, Any]
Hooks = dict[int, Callable[..., Any]]


class Required:
    """Stands in `defaults` for a setting that every group must give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = Required()


def with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """A `step` with the registered hooks around it."""

    @functools.wraps(step)
    def wrapper(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        for hook in tuple(self._step_pre_hooks.values()):
            changed = hook(self, args, kwargs)
            if changed is not None:
                if not isinstance(changed, tuple) or len(changed) != 2:
                    raise ArgumentTypeError(
                        f"{hook} must return None or a tuple of (new_args, new_kwargs), "
                        f"but got {changed}."
                    )
                args, kwargs = changed
        announce("optimizer", self, args, kwargs)
        result = step(self, *args, **kwargs)
        announce("optimizer_done")
        self._opt_called = True
        for hook in tuple(self._step_post_hooks.values()):
            hook(self, args, kwargs)
        return result

    return wrapper


class Optimizer:
    """Base of all optimizers: `step()` moves every parameter that has a gradient.

    `params`: tensors, (name, tensor) pairs, or groups: dictionaries with `params` and settings of
    their own. A subclass gives `defaults` and `update_parameter`; or it overrides `step`.
    """

    _opt_called = False  # whether it stepped since a scheduler was first attached

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise ArgumentTypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {type(params).__name__}; pass a list: [parameter]"
            )
        self.defaults = defaults
        self.state: Any = defaultdict(dict)
        self.param_groups: list[Group] = []
        self._step_pre_hooks: Hooks = {}
        self._step_post_hooks: Hooks = {}
        self._state_dict_pre_hooks: Hooks = {}
        self._state_dict_post_hooks: Hooks = {}
        self._load_pre_hooks: Hooks = {}
        self._load_post_hooks: Hooks = {}
        groups = listed(params)
        if not groups:
            raise ArgumentError(
                "optimizer got an empty parameter list: the model has no parameters (a layer must "
                "be an attribute or in a ModuleList, not in a plain list), or the generator of "
                "model.parameters() was used up before"
            )
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = with_hooks(cls.step)  # type: ignore[method-assign]

    # -- stepping --------------------------------------------------------------------------

    @with_hooks
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter by its gradient. `closure` computes the loss anew and returns it."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p._grad is not None:
                    self.update_parameter(group, p, p._grad)
        return loss

    def signature(self) -> Any:
        """What the settings of the next updates follow from, to be compared; None where they are
        others at every step."""
        return None

    def update_parameter(self, group: Group, p: Tensor, grad: Tensor) -> None:
        """Move one parameter. Every subclass says how."""
        raise ForwardMissingError(f"{type(self).__name__} has no update_parameter")

    def run(
        self, rule: Callable[..., None], p: Tensor, grad: Tensor, *state: Any, **static: Any
    ) -> None:
        """`rule(p, *state, grad, **static)` on arrays, in place; complex ones as pairs of reals."""
        written = (p, *state)
        if p.array.dtype.kind == "c":
            written, grad = tuple(map(as_real, written)), as_real(grad)
            update(rule, written, (grad,), **static)
            written = (p, *state)
            for x in written:
                overwritten(x, rule.__name__)
        else:
            update(rule, written, (grad,), **static)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; with `set_to_none=False` fill them with 0."""
        for group in self.param_groups:
            announce("zero_grad", *group["params"])
            for p in group["params"]:
                if set_to_none:
                    p._grad = None
                elif p._grad is not None:
                    p._grad = zero_(p._grad.detach())

    # -- groups ----------------------------------------------------------------------------

    def add_param_group(self, param_group: Group) -> None:
        """Add parameters with settings of their own, as when unfreezing layers."""
        if not isinstance(param_group, dict):
            raise ArgumentTypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, set):
            raise ArgumentTypeError(
                "optimizer parameters need to be organized in ordered collections, but the "
                "ordering of tensors in sets will change between runs. Please use a list instead."
            )
        params = [params] if isinstance(params, Tensor) else list(params)
        names = [p[0] for p in params if isinstance(p, tuple)]
        params = [p[1] if isinstance(p, tuple) else p for p in params]
        if names and len(names) != len(params):
            raise ArgumentError(
                "all optimizer params should be with/without names. Some param names are missing"
            )
        param_group["params"] = params
        if names:
            param_group["param_names"] = names
        self._check_params(params)
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ArgumentError(
                    "parameter group didn't specify a value of required optimization parameter "
                    f"{name}"
                )
            param_group.setdefault(name, default)
        self._check_others(param_group)
        self.param_groups.append(param_group)

    def _check_params(self, params: list[Any]) -> None:
        for p in params:
            if not isinstance(p, Tensor):
                raise ArgumentTypeError(
                    "optimizer can only optimize Tensors, but one of the params is "
                    f"{type(p).__name__}; pass model.parameters()"
                )
            if not p.is_leaf and not retains_grad(p):
                made = p.grad_fn.name() if p.grad_fn else "an operation"
                raise ArgumentError(
                    f"can't optimize a non-leaf Tensor: one of shape {list(p.shape)} is the "
                    f"result of {made}; make "
                    "it a leaf with p.detach().requires_grad_()"
                )
        if len(params) != len(set(params)):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this "
                "will cause an error; see github.com/pytorch/pytorch/issues/40967 for more "
                "information",
                stacklevel=4,
            )

    def _check_others(self, group: Group) -> None:
        """That the group goes with those there are."""
        named = "param_names" in group
        for other in self.param_groups:
            if named != ("param_names" in other):
                raise ArgumentError(
                    "all optimizer param groups should be with/without names. cannot add param "
                    f"group {'with' if named else 'without'} names to the optimizer"
                )
            if not set(other["params"]).isdisjoint(group["params"]):
                raise ArgumentError("some parameters appear in more than one parameter group")

    # -- state -----------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """`state` by number of the parameter, and `param_groups` with numbers for parameters."""
        for hook in tuple(self._state_dict_pre_hooks.values()):
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
            packed = {name: value for name, value in group.items() if name != "params"}
            groups.append({**packed, "params": [numbers[id(p)] for p in group["params"]]})
        state = {
            numbers[id(key)] if isinstance(key, Tensor) else key: value
            for key, value in self.state.items()
        }
        result: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in tuple(self._state_dict_post_hooks.values()):
            changed = hook(self, result)
            result = result if changed is None else changed
        return result

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take the settings and the state that `state_dict()` gave, as copies."""
        state_dict = dict(state_dict)
        for hook in tuple(self._load_pre_hooks.values()):
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        saved = deepcopy(state_dict["param_groups"])
        if len(saved) != len(self.param_groups):
            raise ArgumentError(
                "loaded state dict has a different number of parameter groups: "
                f"{len(saved)}, this optimizer has {len(self.param_groups)}"
            )
        both = zip(self.param_groups, saved, strict=True)
        if any(len(mine["params"]) != len(new["params"]) for mine, new in both):
            raise ArgumentError(
                "loaded state dict contains a parameter group that doesn't match the size of "
                "optimizer's group: it has "
                f"{[len(new['params']) for new in saved]} parameters per group, this optimizer "
                f"{[len(mine['params']) for mine in self.param_groups]}; load it into an optimizer "
                "of the same model"
            )
        numbers = chain.from_iterable(group["params"] for group in saved)
        params = chain.from_iterable(group["params"] for group in self.param_groups)
        owners = dict(zip(numbers, params, strict=True))
        state: Any = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in owners:
                state[owners[key]] = fitted(value, owners[key])
            else:
                state[key] = value
        for mine, new in zip(self.param_groups, saved, strict=True):
            new["params"] = mine["params"]
            if "param_names" in mine:
                new.setdefault("param_names", mine["param_names"])
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in tuple(self._load_post_hooks.values()):
            hook(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over the state; groups saved by an older version get the missing defaults."""
        self.__dict__.update(state)
        for group in self.param_groups:
            for name, default in self.defaults.items():
                if default is not required:
                    group.setdefault(name, default)

    def __repr__(self) -> str:
        text = type(self).__name__ + " ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            text += "".join(
                f"    {name}: {group[name]}\n" for name in sorted(group) if name != "params"
            )
        return text + ")"

    # -- hooks -----------------------------------------------------------------------------

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step; it may return new ones."""
        return add_hook(self._step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return add_hook(self._step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call `hook(optimizer)` before the state is collected."""
        return add_hook(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` after it; what it returns replaces the state."""
        return add_hook(self._state_dict_post_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before loading; what it returns is loaded instead."""
        return add_hook(self._load_pre_hooks, hook)

    def register_load_state_dict_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call `hook(optimizer)` after loading."""
        return add_hook(self._load_post_hooks, hook)


def as_real(x: Tensor) -> Tensor:
    """A complex tensor's memory as real and imaginary parts; a real one as it is."""
    array = x.array
    return wrap(array.view(array.real.dtype)) if array.dtype.kind == "c" else x


def fitted(value: Any, p: Tensor, key: str = "") -> Any:
    """A saved state copied, its floats brought to the dtype of the parameter (but a step count)."""
    if isinstance(value, Tensor):
        array = value.array
        floating = p.array.dtype.kind in "fcV"
        return wrap(array.astype(p.array.dtype if floating and key != "step" else array.dtype))
    if isinstance(value, dict):
        return {name: fitted(item, p, name) for name, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, (str, np.ndarray)):
        return type(value)(fitted(item, p) for item in value)  # type: ignore[call-arg]
    return value


def zeros_like(p: Tensor) -> Tensor:
    """A state of zeros of the shape and dtype of a parameter."""
    return wrap(np.zeros_like(p.array))


def step_count() -> Tensor:
    """A count of steps as PyTorch stores it: a float tensor."""
    return wrap(np.zeros((), np.float32))


def count(state: State) -> int:
    """One step more; how many that makes."""
    step = state["step"].array
    step += 1
    return int(step)


def scalar(value: Any) -> float:
    """A setting, which may be a tensor of one element, as a number."""
    if not isinstance(value, Tensor):
        return value  # type: ignore[no-any-return]
    if value.array.size != 1:
        raise ArgumentError(
            f"Tensor lr must be 1-element: a setting is one number, got shape {list(value.shape)}"
        )
    return value.array.item()  # type: ignore[no-any-return]


def listed(params: Any) -> list[Any]:
    """What an optimizer was given, as a list."""
    try:
        return list(params)
    except TypeError:
        fix = (
            f"call it: model.{params.__name__}()"
            if isinstance(params, MethodType)
            else "pass model.parameters()"
        )
        raise ArgumentTypeError(
            f"{type(params).__name__!r} object is not iterable: an optimizer takes the parameters, "
            f"an iterable of Tensors or dicts; {fix}"
        ) from None


def check(valid: bool, name: str, value: Any, expected: str = "") -> None:
    """Refuse a setting: `Invalid learning rate: -1; expected a number ≥ 0`."""
    if not valid:
        raise ArgumentError(f"Invalid {name}: {value}; expected {expected or 'a number >= 0'}")


def check_betas(betas: tuple[Any, ...]) -> None:
    for i, beta in enumerate(betas):
        check(0.0 <= beta < 1.0, f"beta parameter at index {i}", beta, "0 <= beta < 1")

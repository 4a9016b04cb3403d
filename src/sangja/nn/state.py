"""A module's values by name: `state_dict()` and `load_state_dict()`, in PyTorch's layout."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from sangja.core.errors import ArgumentTypeError, SangjaError, StateError
from sangja.engine import Tensor, copy_, no_grad
from sangja.engine.hooks import RemovableHandle, add_hook
from sangja.engine.tensor import share, wrap
from sangja.nn.parameter import Parameter, is_lazy
from sangja.nn.registry import Registry

EXTRA_STATE = "_extra_state"


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` found too few and too many."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return (
            f"_IncompatibleKeys(missing_keys={self.missing_keys}, "
            f"unexpected_keys={self.unexpected_keys})"
        )


def own_hooks(module: Any, table: str) -> dict[int, Any]:
    """A module's own table of hooks; modules without hooks share the empty one of the class."""
    hooks: dict[int, Any] = module.__dict__.setdefault(table, {})
    return hooks


class Stateful(Registry):
    """A registry that can give its values away and take them back."""

    _version = 1
    _state_dict_pre_hooks: Mapping[int, Any] = {}
    _state_dict_hooks: Mapping[int, Any] = {}
    _load_state_dict_pre_hooks: Mapping[int, Any] = {}
    _load_state_dict_post_hooks: Mapping[int, Any] = {}

    def get_extra_state(self) -> Any:
        """Override with `set_extra_state` to have more than tensors in the `state_dict()`."""
        raise ArgumentTypeError(
            f"{type(self).__name__}: set_extra_state is overridden but get_extra_state is not"
        )

    def set_extra_state(self, state: Any) -> None:
        """Override: receives from `load_state_dict` what `get_extra_state` returned."""
        raise ArgumentTypeError(
            f"{type(self).__name__}: get_extra_state is overridden but set_extra_state is not"
        )

    # -- giving ----------------------------------------------------------------------------

    def state_dict(
        self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> Any:
        """All parameters and persistent buffers by path, sharing memory; detached unless
        `keep_vars`. `_metadata` on it notes each module's version.

        >>> import sangja
        >>> list(sangja.nn.Linear(2, 3).state_dict())
        ['weight', 'bias']
        """
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in tuple(self._state_dict_pre_hooks.values()):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, child in self._modules.items():
            if child is not None:
                child.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        for hook in tuple(self._state_dict_hooks.values()):
            changed = hook(self, destination, prefix, metadata)
            destination = destination if changed is None else changed
        return destination

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """This module's own entries, without its children's."""
        for name, value in self._saved_tensors():
            destination[prefix + name] = value if keep_vars or is_lazy(value) else share(value)
        if type(self).get_extra_state is not Stateful.get_extra_state:
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def _saved_tensors(self) -> list[tuple[str, Tensor]]:
        return [
            (name, value)
            for name, value in chain(self._parameters.items(), self._buffers.items())
            if value is not None and name not in self._non_persistent_buffers_set
        ]

    def register_state_dict_pre_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before the state is collected."""
        return add_hook(own_hooks(self, "_state_dict_pre_hooks"), hook)

    def register_state_dict_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after it; it changes in place."""
        return add_hook(own_hooks(self, "_state_dict_hooks"), hook)

    _register_state_dict_hook = register_state_dict_post_hook

    # -- taking ----------------------------------------------------------------------------

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy values by path into this module and those below; with `assign` take the given
        tensors themselves. Raises `StateError` naming every key that is missing, unexpected
        (unless `strict=False`) or of another shape."""
        if not isinstance(state_dict, Mapping):
            raise ArgumentTypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        missing: list[str] = []
        unexpected: list[str] = []
        errors: list[str] = []
        metadata = getattr(state_dict, "_metadata", None)
        state: Any = OrderedDict(state_dict)
        if metadata is not None:
            state._metadata = metadata

        def load(module: Any, state: Any, prefix: str = "") -> None:
            local = {} if metadata is None else metadata.get(prefix[:-1], {})
            if assign:
                local["assign_to_params_buffers"] = assign
            module._load_from_state_dict(state, prefix, local, True, missing, unexpected, errors)
            for name, child in module._modules.items():
                if child is not None:
                    below = f"{prefix}{name}."
                    load(child, {k: v for k, v in state.items() if k.startswith(below)}, below)
            keys = IncompatibleKeys(missing, unexpected)
            for hook in tuple(module._load_state_dict_post_hooks.values()):
                if hook(module, keys) is not None:
                    raise ArgumentTypeError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not "
                        "expected to return new values, if incompatible_keys need to be modified, "
                        "it should be done inplace."
                    )

        load(self, state)
        if strict:
            if unexpected:
                names = ", ".join(f'"{key}"' for key in unexpected)
                errors.insert(0, f"Unexpected key(s) in state_dict: {names}. ")
            if missing:
                names = ", ".join(f'"{key}"' for key in missing)
                errors.insert(0, f"Missing key(s) in state_dict: {names}. ")
        if any(key.startswith("module.") for key in unexpected) and strict:
            errors.append(
                'The keys begin with "module.", as those of a model in DataParallel: load '
                '{key.removeprefix("module."): value for key, value in state.items()}.'
            )
        if errors:
            listing = "\n\t".join(errors)
            raise StateError(
                f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{listing}"
            )
        return IncompatibleKeys(missing, unexpected)

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """This module's own entries, without its children's."""
        arguments = (local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        for hook in tuple(self._load_state_dict_pre_hooks.values()):
            hook(state_dict, prefix, *arguments)
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, old in self._saved_tensors():
            key = prefix + name
            if key not in state_dict:
                if strict:
                    missing_keys.append(key)
                continue
            problem = self._take(name, old, state_dict[key], key, assign)
            if problem:
                error_msgs.append(problem)
        key = prefix + EXTRA_STATE
        if type(self).set_extra_state is not Stateful.set_extra_state:
            if key in state_dict:
                self.set_extra_state(state_dict[key])
            elif strict:
                missing_keys.append(key)
        elif strict and key in state_dict:
            unexpected_keys.append(key)
        if strict:
            unexpected_keys += self._unexpected(state_dict, prefix)

    def _unexpected(self, state_dict: Any, prefix: str) -> list[str]:
        known = {name for name, _ in self._saved_tensors()}
        found = []
        for key in state_dict:
            if key.startswith(prefix) and key != prefix + EXTRA_STATE:
                first, _, rest = key[len(prefix) :].partition(".")
                if (rest and first not in self._modules) or (not rest and first not in known):
                    found.append(key)
        return found

    def _take(self, name: str, old: Tensor, new: Any, key: str, assign: bool) -> str:
        """Give the entry `name` the value `new`; the problem in words if it cannot have it."""
        if isinstance(new, np.ndarray):
            new = wrap(new)
        if not isinstance(new, Tensor):
            return (
                f'While copying the parameter named "{key}", expected sangja.Tensor or Tensor-like '
                f"object from checkpoint but received {type(new)}"
            )
        if not is_lazy(old) and new.array.shape != old.array.shape:
            if old.array.shape == () and new.array.shape == (1,):
                new = new[0]  # saved by a PyTorch older than 0.4
            elif not is_lazy(new):
                return (
                    f"size mismatch for {key}: copying a param with shape {new.shape} from "
                    f"checkpoint, the shape in current model is {old.shape}."
                )
        try:
            if assign:
                setattr(self, name, adopted(old, new))
            else:
                with no_grad():
                    copy_(old, new)
        except SangjaError as error:
            return (
                f'While {"assigning" if assign else "copying"} the parameter named "{key}", '
                f"an exception occurred : {error}."
            )
        return ""

    def register_load_state_dict_pre_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)` before this module takes its values."""

        def with_module(*args: Any) -> None:
            hook(self, *args)

        return add_hook(own_hooks(self, "_load_state_dict_pre_hooks"), with_module)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., None], with_module: bool = False
    ) -> RemovableHandle:
        if with_module:
            return self.register_load_state_dict_pre_hook(hook)
        return add_hook(own_hooks(self, "_load_state_dict_pre_hooks"), hook)

    def register_load_state_dict_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` when this module and those below have theirs."""
        return add_hook(own_hooks(self, "_load_state_dict_post_hooks"), hook)


def adopted(old: Tensor, new: Tensor) -> Tensor:
    """The given tensor as it takes the place of `old`: a parameter if that was one."""
    if isinstance(old, Parameter) and not isinstance(new, Parameter):
        return Parameter(share(new), old._requires_grad)
    if isinstance(old, Parameter):
        new.requires_grad = old._requires_grad
    return new

"""Layers that learn the size of their input from the first one."""

from __future__ import annotations

from typing import Any

from sangja.core.errors import ForwardMissingError, StateError
from sangja.nn.module import Module
from sangja.nn.parameter import is_lazy


class LazyModuleMixin(Module):
    """Before the first call `initialize_parameters(*args)` gives the parameters their shapes; then
    the module becomes an ordinary one, of class `becomes`."""

    becomes: type[Module] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hold_until_ready()

    def hold_until_ready(self) -> None:
        """Have the shapes found before the first call, or taken from the values loaded."""
        self.__dict__["_lazy_handle"] = self.register_forward_pre_hook(make_ready, with_kwargs=True)
        self.__dict__["_lazy_load"] = self.register_load_state_dict_pre_hook(take_shapes)

    def has_uninitialized_params(self) -> bool:
        """Whether some parameter or buffer still waits for its shape."""
        return any(is_lazy(x) for x in members(self))

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give the parameters shapes from the first call's arguments. Every subclass says how."""
        raise ForwardMissingError(
            f"initialize_parameters is not implemented for {type(self).__name__}"
        )


def members(module: Any) -> list[Any]:
    return [*module._parameters.values(), *module._buffers.values()]


def make_ready(module: Any, args: Any, kwargs: Any) -> None:
    """The hook before the first call."""
    module.initialize_parameters(*args, **kwargs)
    if module.has_uninitialized_params():
        raise StateError(
            f"module {module._get_name()} has not been fully initialized by initialize_parameters"
        )
    module.__dict__.pop("_lazy_handle").remove()
    module.__dict__.pop("_lazy_load").remove()
    if module.becomes is not None:
        module.__class__ = module.becomes


def take_shapes(module: Any, state_dict: Any, prefix: str, *rest: Any) -> None:
    """The hook before loading: parameters without shape take that of the values to come."""
    for name, value in (*module._parameters.items(), *module._buffers.items()):
        key = prefix + name
        if value is not None and is_lazy(value) and key in state_dict:
            new = state_dict[key]
            if not is_lazy(new):
                value.materialize(new.shape)

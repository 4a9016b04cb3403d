"""What a module consists of: its parameters, buffers and children, found by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sangja.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    DuplicateNameError,
    MissingAttributeError,
)
from sangja.engine import Tensor
from sangja.engine.mode import Structure
from sangja.nn.parameter import Buffer, Parameter


def typename(x: Any) -> str:
    """The type of a value as PyTorch's messages spell it: `sangja.FloatTensor`, `list`."""
    if isinstance(x, Tensor) and type(x) is Tensor:
        names = {"float32": "Float", "float64": "Double", "float16": "Half", "int64": "Long"}
        names |= {"int32": "Int", "int16": "Short", "int8": "Char", "uint8": "Byte"}
        return f"sangja.{names.get(x.dtype.name, x.dtype.name.capitalize())}Tensor"
    kind = type(x)
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def too_early(module: Any, kind: str) -> MissingAttributeError:
    """The error of an assignment before the tables exist."""
    name = type(module).__name__
    return MissingAttributeError(
        f"cannot assign {kind} before Module.__init__() call: call super().__init__() first in "
        f"{name}.__init__"
    )


def not_a_module(value: Any) -> str:
    """What is wrong with a child that is none, and the fix of the two usual mistakes."""
    if isinstance(value, type):
        path = f"{value.__module__}.{value.__qualname__}"
        return (
            f"{path} is not a Module subclass but a class: make a module of it, {value.__name__}()"
        )
    fix = ""
    if isinstance(value, (list, tuple)):
        fix = "; give the modules one by one, as in nn.Sequential(*modules), or use nn.ModuleList"
    return f"{typename(value)} is not a Module subclass{fix}"


class Registry:
    """Attributes of a module sorted into `_parameters`, `_buffers` and `_modules`."""

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]

    def __init__(self) -> None:
        set_plain = super().__setattr__
        set_plain("training", True)
        set_plain("_parameters", {})
        set_plain("_buffers", {})
        set_plain("_non_persistent_buffers_set", set())
        set_plain("_modules", {})

    # -- attributes ------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        if "_parameters" in own:
            if name in own["_parameters"]:
                return own["_parameters"][name]
            if name in own["_modules"]:
                return own["_modules"][name]
            if name in own["_buffers"]:
                return own["_buffers"][name]
        kind = type(self).__name__
        early = (
            "" if "_parameters" in own else f": call super().__init__() first in {kind}.__init__"
        )
        raise MissingAttributeError(
            f"'{kind}' object has no attribute '{name}'{early}", name=name, obj=self
        )

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        if isinstance(value, Parameter):
            if "_parameters" not in own:
                raise too_early(self, "parameters")
            self._forget(name, own["_parameters"])
            self.register_parameter(name, value)
        elif isinstance(value, Registry):
            if "_modules" not in own:
                raise too_early(self, "module")
            self._forget(name, own["_modules"])
            own["_modules"][name] = value
            Structure.change()
        elif isinstance(value, Buffer):
            if "_buffers" not in own:
                raise too_early(self, "buffer")
            self._forget(name, own["_buffers"])
            self.register_buffer(name, value, persistent=getattr(value, "persistent", True))
        elif "_parameters" in own and self._holds(name):
            self._replace(name, value)
            Structure.change()
        else:
            if name == "training":
                Structure.change()
            super().__setattr__(name, value)

    def _holds(self, name: str) -> bool:
        return name in self._parameters or name in self._modules or name in self._buffers

    def _replace(self, name: str, value: Any) -> None:
        """Set a registered name to a plain value: None always may, a tensor may be a buffer."""
        tables: tuple[tuple[dict[str, Any], str, str], ...] = (
            (self._parameters, "parameter", "sangja.nn.Parameter"),
            (self._modules, "child module", "sangja.nn.Module"),
            (self._buffers, "buffer", "sangja.Tensor"),
        )
        for table, kind, wanted in tables:
            if name not in table:
                continue
            if value is not None and not (kind == "buffer" and isinstance(value, Tensor)):
                fix = "; wrap it in nn.Parameter(...)" if kind == "parameter" else ""
                raise ArgumentTypeError(
                    f"cannot assign '{typename(value)}' as {kind} '{name}' "
                    f"({wanted} or None expected){fix}"
                )
            table[name] = value
            return

    def _forget(self, name: str, but: dict[str, Any]) -> None:
        """Take a name out of every table but one."""
        for table in (self.__dict__, self._parameters, self._buffers, self._modules):
            if table is not but:
                table.pop(name, None)
        if but is not self._buffers:
            self._non_persistent_buffers_set.discard(name)

    def __delattr__(self, name: str) -> None:
        for table in (self._parameters, self._buffers, self._modules):
            if name in table:
                del table[name]  # type: ignore[attr-defined]
                Structure.change()
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        names = [*super().__dir__(), *self._parameters, *self._modules, *self._buffers]
        return sorted(name for name in set(names) if not name[0].isdigit())

    # -- registration ----------------------------------------------------------------------

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under a name; None reserves the name (as `bias=False` does)."""
        if "_parameters" not in self.__dict__:
            raise too_early(self, "parameter")
        self._check_name(name, self._parameters, "parameter")
        if param is not None and not isinstance(param, Parameter):
            raise ArgumentTypeError(
                f"cannot assign '{typename(param)}' object to parameter '{name}' "
                "(sangja.nn.Parameter or None required)"
            )
        if param is not None and param.grad_fn is not None:
            raise ArgumentError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be "
                f"created explicitly. To express '{name}' as a function of another Tensor, compute "
                "the value in the forward() method."
            )
        self._parameters[name] = param
        Structure.change()

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is kept but not learned; only a `persistent` one is saved."""
        if "_buffers" not in self.__dict__:
            raise too_early(self, "buffer")
        self._check_name(name, self._buffers, "buffer")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise ArgumentTypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' "
                "(sangja Tensor or None required)"
            )
        self._buffers[name] = tensor
        Structure.change()
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Any) -> None:
        """Add a child module under a name."""
        if not isinstance(module, Registry) and module is not None:
            raise ArgumentTypeError(not_a_module(module))
        self._check_name(name, self._modules, "module")
        self._modules[name] = module
        Structure.change()

    register_module = add_module

    def _check_name(self, name: str, table: dict[str, Any], kind: str) -> None:
        if not isinstance(name, str):
            raise ArgumentTypeError(f"{kind} name should be a string. Got {typename(name)}")
        if hasattr(self, name) and name not in table:
            raise DuplicateNameError(
                f"attribute '{name}' already exists in {type(self).__name__}; choose another name"
            )
        if "." in name:
            raise DuplicateNameError(
                f'{kind} name can\'t contain ".", got: {name}; dots part the names of a path'
            )
        if name == "":
            raise DuplicateNameError(f'{kind} name can\'t be empty string ""')

    # -- iteration -------------------------------------------------------------------------

    def named_modules(
        self, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """Path and module of this module and all below it, parents first; each once."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, child in self._modules.items():
            if child is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from child.named_modules(memo, path, remove_duplicate)

    def modules(self) -> Iterator[Any]:
        """This module and all below it, parents first; each once."""
        for _, module in self.named_modules():
            yield module

    def named_children(self) -> Iterator[tuple[str, Any]]:
        """Name and module of the direct children; each once."""
        memo = set()
        for name, child in self._modules.items():
            if child is not None and child not in memo:
                memo.add(child)
                yield name, child

    def children(self) -> Iterator[Any]:
        """The direct children; each once."""
        for _, child in self.named_children():
            yield child

    def _named_members(
        self,
        members_of: Callable[[Any], Iterable[tuple[str, Any]]],
        prefix: str = "",
        recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Any]]:
        memo = set()
        modules = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
        for path, module in modules:
            for name, value in members_of(module):
                if value is None or value in memo:
                    continue
                if remove_duplicate:
                    memo.add(value)
                yield (f"{path}.{name}" if path else name), value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Path and parameter of all parameters of this module and those below; each once."""
        yield from self._named_members(
            lambda module: module._parameters.items(), prefix, recurse, remove_duplicate
        )

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters of this module and those below; each once: what an optimizer wants."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Path and buffer of all buffers of this module and those below; each once."""
        yield from self._named_members(
            lambda module: module._buffers.items(), prefix, recurse, remove_duplicate
        )

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers of this module and those below; each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    # -- by path ---------------------------------------------------------------------------

    def get_submodule(self, target: str) -> Any:
        """The module at a path such as `"features.3"`; this one for the empty path."""
        module: Any = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise MissingAttributeError(f"{module._get_name()} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Registry):
                raise MissingAttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module: Any, strict: bool = False) -> None:
        """Put a module at a path in place of the one there; unless `strict`, also at a new name."""
        if not target:
            raise ArgumentError("Cannot set the submodule without a target name!")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise MissingAttributeError(f"{parent._get_name()} has no attribute `{name}`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Registry):
            raise MissingAttributeError(f"`{name}` is not an nn.Module")
        if not isinstance(module, Registry):
            raise ArgumentError(f'"module" is not an nn.Module, found {type(module)}')
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a path such as `"features.3.weight"`."""
        return self._get_member(target, Parameter, "an nn.Parameter")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a path such as `"norm.running_mean"`."""
        path, _, name = target.rpartition(".")
        found: Tensor = self._get_member(target, Tensor, "a buffer")
        if name not in self.get_submodule(path)._buffers:
            raise MissingAttributeError(f"`{name}` is not a buffer")
        return found

    def _get_member(self, target: str, kind: type, words: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise MissingAttributeError(f"{module._get_name()} has no attribute `{name}`")
        value = getattr(module, name)
        if not isinstance(value, kind):
            raise MissingAttributeError(f"`{name}` is not {words}")
        return value

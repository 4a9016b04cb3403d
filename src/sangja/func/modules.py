"""Modules as functions of their parameters: `functional_call`, `stack_module_state`."""

from __future__ import annotations

from typing import Any

from sangja.core.errors import ArgumentError, StateError
from sangja.ops.join import stack


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """`module(*args, **kwargs)` with other parameters and buffers in place of its own.

    They are given by name, in one dictionary or several; the module's own are back afterwards, also
    after an error. Names of one shared tensor go together unless `tie_weights` is False. Raises
    `StateError` with `strict` if names are missing, and always for names that do not exist.

    >>> import sangja
    >>> layer = sangja.nn.Linear(2, 1, bias=False)
    >>> functional_call(layer, {"weight": sangja.ones(1, 2)}, sangja.tensor([3.0, 4.0])).item()
    7.0
    """
    given = parameter_and_buffer_dicts
    new: dict[str, Any] = {}
    for part in [given] if isinstance(given, dict) else given:
        twice = sorted(new.keys() & part.keys())
        if twice:
            raise ArgumentError(f"{twice} appeared in multiple dictionaries; behavior is ambiguous")
        new |= part
    tables = tables_of(module)
    own = {name: table[key] for name, (table, key) in tables.items()}
    unknown = [name for name in new if name not in own]
    missing = [name for name in own if name not in new]
    if unknown or (strict and missing):
        raise StateError(
            f"functional_call: Error(s) for {type(module).__name__}: Unexpected key(s): {unknown}. "
            f"Missing key(s): {missing if strict else []}. The names are those of "
            "named_parameters() and named_buffers()"
        )
    if tie_weights:
        by_tensor = {id(own[name]): value for name, value in new.items()}
        new |= {n: by_tensor[id(own[n])] for n in missing if id(own[n]) in by_tensor}
    try:
        for name, value in new.items():
            table, key = tables[name]
            table[key] = value
        passed = args if isinstance(args, tuple) else () if args is None else (args,)
        return module(*passed, **(kwargs or {}))
    finally:
        for name in new:
            table, key = tables[name]
            table[key] = own[name]


def tables_of(module: Any) -> dict[str, tuple[dict[str, Any], str]]:
    """Where each parameter and buffer of a module and its children stands, by its name."""
    found = {}
    for path, part in module.named_modules(remove_duplicate=False):
        for table in (part._parameters, part._buffers):
            for key, value in table.items():
                if value is not None:
                    found[f"{path}.{key}" if path else key] = (table, key)
    return found


def stack_module_state(models: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the buffers of models of one class, stacked along a new first dimension.

    For an ensemble: `vmap` of a function that calls `functional_call` with one slice of each.
    """
    models = list(models)
    if not models:
        raise StateError("stack_module_state: Expected at least one model, got 0.")
    if len({type(m) for m in models}) > 1 or len({m.training for m in models}) > 1:
        raise StateError(
            "stack_module_state: Expected all models to be of the same class and to have the same "
            f"training/eval mode, got {[type(m).__name__ for m in models]} in modes "
            f"{['train' if m.training else 'eval' for m in models]}"
        )
    parameters = {}
    for name, first in models[0].named_parameters():
        every = [dict(m.named_parameters())[name].detach() for m in models]
        parameters[name] = stack(every).requires_grad_(first.requires_grad)
    buffers = {
        name: stack([dict(m.named_buffers())[name].detach() for m in models])
        for name, _ in models[0].named_buffers()
    }
    return parameters, buffers

"""`sangja.jit`: the marks of TorchScript. What is marked runs as it is."""

from sangja.core.scripting import (
    Final,
    annotate,
    ignore,
    is_scripting,
    is_scripting as is_tracing,
    mark as export,
    mark as unused,
    script,
)

__all__ = [
    "Final",
    "annotate",
    "export",
    "ignore",
    "is_scripting",
    "is_tracing",
    "script",
    "unused",
]

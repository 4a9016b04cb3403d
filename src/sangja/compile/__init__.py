"""A training step as one program: recorded as it runs, replayed as machine code.

`record` writes a call down as a `graph`, `schedule` cuts the graph into tasks, `kernels` and
`calls` make them commands of the native backend, `native` and `interpret` run them, `replay` does
what the host does around them, and `step` is what a user calls.
"""

from sangja.compile.step import CompiledStep, compile

__all__ = ["CompiledStep", "compile"]

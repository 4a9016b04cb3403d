"""Rank 2: what is remembered, and how it is reversed."""

from sangja.engine.apply import apply
from sangja.engine.backward import backward, grad
from sangja.engine.fast import at_once, binary, look, single, unary
from sangja.engine.function import Function
from sangja.engine.inplace import copy_, inplace, rearrange
from sangja.engine.mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from sangja.engine.primitive import Primitive
from sangja.engine.structure import broadcast_to, sum_to
from sangja.engine.tensor import Node, Tensor, named, wrap

__all__ = [
    "Function",
    "Node",
    "Primitive",
    "Tensor",
    "apply",
    "at_once",
    "backward",
    "binary",
    "broadcast_to",
    "copy_",
    "enable_grad",
    "grad",
    "inference_mode",
    "inplace",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "look",
    "named",
    "no_grad",
    "rearrange",
    "set_grad_enabled",
    "single",
    "sum_to",
    "unary",
    "wrap",
]

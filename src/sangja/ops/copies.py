"""How tensors are copied and sent to other processes.

Tensors that look into one memory still do so in a deep copy, and after a journey in one message.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from sangja.core.errors import GradientError
from sangja.engine import Tensor
from sangja.engine.tensor import create, memory_of, node_of, share, version_of, wrap
from sangja.ops.storage import address, flat, look

Array = np.ndarray[Any, Any]
HOOKS = "_post_accumulate_grad_hooks"  # functions, which belong to this tensor alone


def like(kind: type[Tensor], plain: Tensor, requires_grad: bool) -> Tensor:
    """A leaf of a class with the memory of a plain one."""
    z: Tensor = create(kind)
    for name in ("array", "_node", "_grad", "_counter", "_view", "_hooks"):
        setattr(z, name, getattr(plain, name))
    z._requires_grad = requires_grad
    return z


def attributes(input: Tensor) -> dict[str, Any]:
    """What a user hung on the tensor."""
    return {name: value for name, value in input.__dict__.items() if name != HOOKS}


def is_dense(memory: Array) -> bool:
    return bool(memory.size) and (memory.flags.c_contiguous or memory.flags.f_contiguous)


def __copy__(input: Tensor) -> Tensor:
    z = like(type(input), share(input), input.requires_grad)
    z.__dict__.update(attributes(input))
    return z


def __deepcopy__(input: Tensor, memo: dict[int, Any]) -> Tensor:
    if node_of(input) is not None:
        raise GradientError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment. Use .detach().clone() for the value"
        )
    z = like(type(input), copy_of_memory(input, memo), input._requires_grad)
    memo[id(input)] = z
    z._grad = copy.deepcopy(input._grad, memo)
    z.__dict__.update(copy.deepcopy(attributes(input), memo))
    return z


def copy_of_memory(input: Tensor, memo: dict[int, Any]) -> Tensor:
    """A tensor over a copy of the memory of x; over the same copy as all others that share it."""
    memory = memory_of(input)
    if input._counter is None or not is_dense(memory):
        return wrap(input.array.copy())
    if id(memory) not in memo:
        memo[id(memory)] = wrap(flat(memory, np.uint8).copy())
        memo.setdefault(id(memo), []).append(memory)  # alive, so that no other gets its id
    whole = memo[id(memory)]
    array, offset = input.array, address(input.array) - address(memory)
    steps = tuple(s // array.itemsize for s in array.strides)
    z = wrap(look(whole.array, array.dtype, array.shape, steps, offset))
    z._counter = version_of(whole)
    return z


def rebuild(kind: type[Tensor], array: Array, requires_grad: bool, view: Any = None) -> Tensor:
    """A tensor from what `__reduce_ex__` gave: used when processes exchange tensors. With `view`
    (dtype, shape, steps, bytes to skip) it looks into `array`, as others may."""
    if view is None:
        return like(kind, wrap(array), requires_grad)
    z = wrap(look(array, *view))
    version_of(z).memory = array
    version_of(z).borrowed = True  # writes through the others are noticed by checksum
    return like(kind, z, requires_grad)


def __reduce_ex__(input: Tensor, protocol: Any) -> Any:
    if node_of(input) is not None:
        raise GradientError("cannot send a tensor with history to another process; send x.detach()")
    array, memory, view = input.array, memory_of(input), None
    if input._counter is not None and is_dense(memory):
        steps = tuple(s // array.itemsize for s in array.strides)
        view = (array.dtype, array.shape, steps, address(array) - address(memory))
        array = memory
    return (
        rebuild,
        (type(input), array, input._requires_grad, view),
        attributes(input) or None,
    )

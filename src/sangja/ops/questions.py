"""What programs ask of a tensor that lives on the CPU, is dense, and has no names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sangja.core.errors import ArgumentTypeError, ShapeError
from sangja.core.shapes import shape_from
from sangja.engine import Tensor
from sangja.engine.inplace import check_writable, overwrite
from sangja.engine.tensor import create, node_of, share
from sangja.ops.create import empty, finish, new_empty, new_tensor


def always(answer: Any, doc: str) -> Callable[[Tensor], Any]:
    """A property of every tensor."""

    def ask(input: Tensor) -> Any:
        return answer

    ask.__doc__ = doc
    return ask


PROPERTIES: dict[str, Callable[[Tensor], Any]] = {
    "is_cpu": always(True, "Whether the tensor lives in the memory of the CPU: yes."),
    "name": always(None, "None: tensors have no names."),
} | {
    f"is_{kind}": always(False, f"Whether the tensor is {kind}: no.")
    for kind in ("meta", "mkldnn", "mps", "nested", "quantized", "sparse", "sparse_csr", "xpu")
}


def output_nr(input: Tensor) -> int:
    """Which result of its operation x is."""
    node = node_of(input)
    return int(node.static.get("index", 0)) if node is not None and "index" in node.static else 0


def is_signed(input: Tensor) -> bool:
    """Whether numbers of the dtype can be negative."""
    return input.dtype.is_signed


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether both have the same shape."""
    return input.array.shape == other.array.shape


def is_inference(input: Tensor) -> bool:
    """Whether x was made in `inference_mode`."""
    return input.is_inference()


def new(input: Tensor, *args: Any) -> Tensor:
    """A tensor of the dtype of x: `new(2, 3)` of a shape, `new([1, 2])` of these numbers."""
    if len(args) == 1 and not hasattr(args[0], "__index__"):
        data = args[0]
        return (
            new_empty(input, data) if type(data) is type(input.shape) else new_tensor(input, data)
        )
    return new_empty(input, *(args or (0,)))


def as_subclass(input: Tensor, cls: type[Tensor]) -> Tensor:
    """x as an instance of a subclass of Tensor, over the same memory and with the same history."""
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise ArgumentTypeError(f"as_subclass: expected a subclass of Tensor, got {cls!r}")
    plain, z = share(input), create(cls)
    for name in ("array", "_grad", "_counter", "_hooks"):
        setattr(z, name, getattr(plain, name))
    z._node, z._view, z._requires_grad = node_of(input), input._view, input._requires_grad
    return z  # type: ignore[no-any-return]


def map_with(input: Tensor, function: Callable[..., Any], name: str, *others: Tensor) -> Tensor:
    check_writable(input, name)
    values = [input.array, *(np.broadcast_to(o.array, input.array.shape) for o in others)]
    results = [function(*row) for row in zip(*(v.ravel().tolist() for v in values), strict=True)]
    array = np.array(results).astype(input.array.dtype).reshape(input.array.shape)
    return overwrite(input, array, name)


def apply_(input: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """x ← callable(number) for each number, by Python; not differentiated."""
    return map_with(input, callable, "apply_")


def map_(input: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """x ← callable(number, number of `tensor`) for each number, by Python; not differentiated."""
    return map_with(input, callable, "map_", tensor)


def fill_diagonal_(input: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """x ← one number on the main diagonal; with `wrap` again below, in a tall matrix."""
    if input.ndim < 2:
        raise ShapeError("fill_diagonal_: dimensions must larger than 1")
    if input.ndim > 2 and len(set(input.array.shape)) > 1:
        raise ShapeError(
            "fill_diagonal_: all dimensions of input must be of equal length, got "
            f"{list(input.array.shape)}"
        )
    shape = input.array.shape
    if input.ndim > 2:
        input[(np.arange(shape[0]),) * input.ndim] = fill_value
        return input
    rows = np.arange(shape[0])
    columns = rows % (shape[1] + 1) if wrap else rows
    on_it = columns < shape[1]
    input[finish(rows[on_it], False), finish(columns[on_it], False)] = fill_value
    return input


def empty_strided(size: Any, stride: Any, **options: Any) -> Tensor:
    """A tensor of shape `size` with the steps `stride` in memory, to be written to; filled with 0.

    >>> import sangja
    >>> import sangja.ops.questions as questions
    >>> questions.empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    shape, steps = shape_from((size,)), shape_from((stride,))
    reach = sum((n - 1) * s for n, s in zip(shape, steps, strict=True)) + 1
    memory = empty(0 if 0 in shape else reach, **options)
    return memory.as_strided(shape, steps).detach()

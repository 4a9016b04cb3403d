"""From the books' arrays to the one engine and back.

The books call a layer twice by hand: `forward` with arrays, `backward` with the gradient of what it
gave. sangja's derivative rules work on arrays as they are, so a layer that is one operation names
the primitive and calls its rules:

    z = evaluate(Multiply, x, y)        dx = Multiply.dx(g, y)        dy = Multiply.dy(g, x)

For a layer that is several operations, `pullback` asks the engine to remember them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sangja.core.errors import ShapeError
from sangja.engine import Primitive, Tensor, apply, grad, wrap

Array = np.ndarray[Any, Any]
Back = Callable[..., tuple[Array, ...]]


def evaluate(primitive: type[Primitive], *inputs: Any, **static: Any) -> Any:
    """The result of a primitive on arrays; of Python's numbers a Python number.

    Raises `ShapeError` where the shapes do not fit each other.

    >>> from sangja.ops.elementwise import Multiply
    >>> evaluate(Multiply, 100, 2), Multiply.dx(1.1, 2), Multiply.dy(1.1, 100)
    (200, 2.2, 110.00000000000001)
    """
    try:
        z = apply(primitive, *inputs, **static)
    except ValueError as error:
        shapes = " and ".join(str(list(np.shape(x))) for x in inputs)
        raise ShapeError(f"{primitive.__name__}: the shapes {shapes} do not fit: {error}") from None
    return z.item() if all(isinstance(x, (int, float)) for x in inputs) else z


def pullback(function: Callable[..., Any], *arrays: Any) -> tuple[Any, Back]:
    """The value of a function of arrays, and the function that carries gradients back.

    `function` is written with sangja's operations and returns a tensor or a tuple of them. Integers
    become float64, and all inputs one dtype. The second result takes one gradient per value (None
    for one that nobody used) and returns one per input: vᵀ · ∂function/∂input.

    >>> value, back = pullback(lambda x, y: (x * y).sum(), np.array([1.0, 2.0]), 3.0)
    >>> value.item(), *(d.tolist() for d in back(1.0))
    (9.0, [3.0, 3.0], 3.0)
    """
    dtype = np.result_type(*(np.asarray(a) for a in arrays))
    if dtype.kind != "f":
        dtype = np.dtype(np.float64)
    boxes = [wrap(np.asarray(a, dtype)) for a in arrays]
    for box in boxes:
        box.requires_grad = True
    result = function(*boxes)
    results: tuple[Tensor, ...] = result if isinstance(result, tuple) else (result,)

    def back(*gradients: Any) -> tuple[Array, ...]:
        used = [(z, g) for z, g in zip(results, gradients, strict=True) if g is not None]
        seeds = [wrap(np.asarray(g, dtype)) for _, g in used]
        outputs = [z for z, _ in used]
        found = grad(outputs, boxes, seeds, retain_graph=True, materialize_grads=True)
        return tuple(d.array for d in found)  # type: ignore[union-attr]

    values = tuple(z.array for z in results)
    return (values if isinstance(result, tuple) else values[0]), back

"""What a kernel of fused loops is to do, as data: `Nest`, its `Operand`s and its `Step`s;
and what a kernel of products is to do, `Gemm`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

REDUCE = {
    "sum": ("add", 0), "max": ("maximum", -math.inf), "min": ("minimum", math.inf),
    "prod": ("multiply", 1), "any": ("logical_or", False), "all": ("logical_and", True),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Operand:
    """An array: its dtype and its strides, in elements, along rows and columns (0: broadcast).
    `block_stride`: between the results of two blocks, where a fold writes to it."""

    dtype: str
    row_strides: tuple[int, ...]
    col_strides: tuple[int, ...]
    block_stride: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One operation: NumPy's name, or load, store, gather, const, index, a reduction, a fold.

    `args` are numbers of earlier steps; `operand` is which array is read or written; `value`: the
    number of a const, the dimension of an index, the stride of a gather.
    """

    op: str
    args: tuple[int, ...] = ()
    dtype: str = ""
    operand: int = -1
    value: Any = None
    negative: bool = field(default=False, init=False, repr=False)  # −0 equals 0, and is another

    def __post_init__(self) -> None:
        if isinstance(self.value, float) and math.copysign(1, self.value) < 0:
            object.__setattr__(self, "negative", True)


@dataclass(frozen=True, slots=True)
class Nest:
    """Loops over `rows` and `cols`, the arrays they walk, and what is done at each place."""

    rows: tuple[int, ...]
    cols: tuple[int, ...]
    operands: tuple[Operand, ...]
    steps: tuple[Step, ...]
    blocks: int = 1


@dataclass(frozen=True, slots=True)
class Gemm:
    """A batch of products C (+)= A B. Strides in elements: those of the batch, then of the matrix;
    0 in the batch repeats a matrix.

    The epilogue's step 0 is "acc", the finished sums; its loads and stores go to `operands`, each
    (dtype, strides along batch, m, n). C gets the value of its last step that is not a store; a
    step "result" has the value of another.
    """

    batch: tuple[int, ...]
    m: int
    n: int
    k: int
    a: tuple[int, ...]
    b: tuple[int, ...]
    c: tuple[int, ...]
    dtype: str = "f4"
    accumulate: bool = False
    epilogue: tuple[Step, ...] = ()
    operands: tuple[tuple[str, tuple[int, ...]], ...] = ()


def swapped(strides: tuple[int, ...]) -> tuple[int, ...]:
    return (*strides[:-2], strides[-1], strides[-2])

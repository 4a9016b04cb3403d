"""Matrix products of single operations on several threads: OpenBLAS computes, our team divides.

Threads of two kinds do not live together: after a product those of OpenBLAS wait for the next one
in a loop, on the cores that our own then want. So a product that OpenBLAS would divide is cut into
strips here, one for each thread of the team, and each calls OpenBLAS for its own, alone. Nothing is
set for good: products of the user's own NumPy calls, and what lies outside of `product`
(decompositions, complex numbers), keep OpenBLAS's threads.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from sangja.backend import blas
from sangja.backend.native.eager import Array, Routine, usable
from sangja.backend.native.emit import Code, Value, constant, kernel_text
from sangja.backend.native.llvm import Kernel, compile_kernel
from sangja.backend.native.team import get_num_threads

FEW = 1 << 19  # multiplications up to which OpenBLAS computes with one thread
ENOUGH = 1 << 21  # multiplications from which other threads are worth their call
PLAIN, TURNED = 111, 112  # CBLAS's names of a matrix as it lies and of one transposed
ROWS = 101  # and of matrices that lie row by row
# What the kernel is told, in this order: which function, the sizes, the distances of rows, how the
# operands lie; the strips along m (or n), the rows of a strip and of all; how far one row is in the
# memory of each operand; the batch and the distances within it.
NAMES = (
    "function", "m", "n", "k", "lda", "ldb", "ldc", "turn_a", "turn_b", "strips", "strip", "rows",
    "along_n", "row_a", "row_b", "row_c", "batch", "next_a", "next_b", "next_c",
)  # fmt: skip


def product(x: Any, y: Any) -> Array | None:
    """x · y as `numpy.matmul` has it; None if that is to compute it, as it is where one thread does
    all products, where they are small, and where NumPy has another library than OpenBLAS."""
    if x.ndim < 2 or y.ndim < 2 or x.size * y.shape[-1] <= FEW or not usable(x, y):
        return None
    threads = blas.matrix_threads()
    if threads is None or min(threads, get_num_threads()) < 2 or x.shape[-1] != y.shape[-2]:
        return None
    with blas.alone():
        made = divided(x, y, min(threads, get_num_threads()))
        return np.matmul(x, y) if made is None else made


def divided(x: Array, y: Array, threads: int) -> Array | None:
    """x · y in strips; None where they would be too narrow, or an operand must be copied first."""
    shape = (*x.shape[:-1], y.shape[-1])
    if y.ndim == 2 and x.ndim > 2 and x.flags.c_contiguous:
        x = x.reshape(-1, x.shape[-1])
    if x.ndim != y.ndim or (x.ndim > 2 and x.shape[:-2] != y.shape[:-2]):
        return None
    m, k = x.shape[-2:]
    n = y.shape[-1]
    if m == 1 or n == 1 or math.prod(shape) * k < ENOUGH:
        return None
    lies, next_a = lying(x), next_of(x)
    also, next_b = lying(y), next_of(y)
    if lies is None or also is None or next_a is None or next_b is None:
        return None
    z = np.empty((*x.shape[:-1], n), x.dtype)
    made = routine(x.itemsize, math.prod(x.shape[:-2]), m, n, k, lies, also, next_a, next_b)
    made(x, y, z, threads=threads)
    return z.reshape(shape)


def lying(x: Array) -> tuple[bool, int] | None:
    """Whether a matrix lies transposed, and how far its rows are apart, in elements; None if
    OpenBLAS cannot read it as it lies."""
    down, across = x.strides[-2:]
    size = x.itemsize
    if across == size and down >= size * x.shape[-1] and down % size == 0:
        return False, down // size
    if down == size and across >= size * x.shape[-2] and across % size == 0:
        return True, across // size
    return None


def next_of(x: Array) -> int | None:
    """How many bytes the next matrix of a batch is away; None if that differs."""
    if x.ndim == 2:
        return 0
    if any(s != t * n for s, t, n in zip(x.strides, x.strides[1:-2], x.shape[1:-2], strict=False)):
        return None
    return x.strides[-3]


@functools.lru_cache(maxsize=1024)
def routine(
    size: int, batch: int, m: int, n: int, k: int, lies: tuple[bool, int], also: tuple[bool, int],
    next_a: int, next_b: int,
) -> Routine:  # fmt: skip
    """The routine (x, y, z) of a product; `lies`, `also`: how x and y lie."""
    name, wide = blas.product_name("sd"[size == 8])
    along_n = n > m
    rows = n if along_n else m
    strip = 16 if rows >= 256 else 4
    row_a = 1 if lies[0] else lies[1]  # in elements
    column_b = also[1] if also[0] else 1
    values = {
        "function": blas.address_of(name), "m": m, "n": n, "k": k,
        "lda": lies[1], "ldb": also[1], "ldc": n,
        "turn_a": TURNED if lies[0] else PLAIN, "turn_b": TURNED if also[0] else PLAIN,
        "strips": -(-rows // strip), "strip": strip, "rows": rows, "along_n": int(along_n),
        "row_a": 0 if along_n else size * row_a, "row_b": size * column_b if along_n else 0,
        "row_c": size * (1 if along_n else n),
        "batch": batch, "next_a": next_a, "next_b": next_b, "next_c": size * m * n,
    }  # fmt: skip
    numbers = np.array([values[name] for name in NAMES], np.int64)
    names = ("x", "y", "z")
    stage = (kernel("double" if size == 8 else "float", wide), (*names, "numbers"), False)
    return Routine([stage], names, given={"numbers": numbers})


@functools.cache
def kernel(kind: str, wide: bool) -> Kernel:
    """The kernel (x, y, z, numbers): each thread's share of the batch, or of the strips of a single
    product. `wide`: whether OpenBLAS counts in 64 bits."""
    return compile_kernel("product", text, kind, wide)


def text(kind: str, wide: bool) -> str:
    b = Code()
    told = {
        name: b.load(b.element(Value("%p3", "ptr"), "i64", constant(i, "i64")), "i64")
        for i, name in enumerate(NAMES)
    }
    nothing, one = constant(0, "i64"), constant(1, "i64")
    several = b.compare("sgt", told["batch"], one)
    pieces = b.select(several, told["batch"], told["strips"])
    first, last = b.share(pieces, Value("%tid", "i64"), Value("%threads", "i64"))
    begin = b.select(several, nothing, b.mul(first, told["strip"]))
    end = b.select(several, told["rows"], b.mul(last, told["strip"]))
    end = b.select(b.compare("slt", end, told["rows"]), end, told["rows"])
    rows = b.sub(end, begin)
    along_n = b.compare("ne", told["along_n"], nothing)
    m, n = b.select(along_n, told["m"], rows), b.select(along_n, rows, told["n"])
    some = b.convert("zext", b.compare("sgt", rows, nothing), "i64")
    function = b.op(f"inttoptr i64 {told['function'].text} to ptr", "ptr")
    counted = "i64" if wide else "i32"

    def count(x: Value) -> str:
        return f"{counted} {(x if wide else b.convert('trunc', x, 'i32')).text}"

    with b.loop(b.select(several, first, nothing), b.select(several, last, some)) as number:
        x, y, z = (
            b.element(
                Value(f"%p{i}", "ptr"),
                "i8",
                b.add(b.mul(number, told[f"next_{c}"]), b.mul(begin, told[f"row_{c}"])),
            )
            for i, c in enumerate("abc")
        )
        turns = [b.convert("trunc", told[name], "i32").text for name in ("turn_a", "turn_b")]
        given = [
            f"i32 {ROWS}", *(f"i32 {turn}" for turn in turns), count(m), count(n), count(told["k"]),
            f"{kind} 1.0", f"ptr {x.text}", count(told["lda"]), f"ptr {y.text}",
            count(told["ldb"]), f"{kind} 0.0", f"ptr {z.text}", count(told["ldc"]),
        ]  # fmt: skip
        b.line(f"call void {function.text}({', '.join(given)})")
    b.line("ret void")
    return kernel_text("product", 4, b)

"""Nests run by their kernels and, beside them, by NumPy over whole arrays."""

import ctypes
import math

import numpy as np

from sangja.backend.native.nest import Nest, Operand, Step, build
from sangja.backend.native.spec import REDUCE

CALL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


class Program:
    """A nest that grows step by step; arrays are given as they lie in memory."""

    def __init__(self, rows, cols, blocks=1):
        self.rows, self.cols, self.blocks = rows, cols, blocks
        self.operands, self.arrays, self.steps = [], [], []

    def operand(self, array, block_stride=0):
        """An array over (rows, cols): axes of length 1 are broadcast, strides may be any."""
        extents = self.rows + self.cols
        assert array.ndim == len(extents) + bool(block_stride)
        body = array[0] if block_stride else array
        given = body.shape
        if not body.size:  # NumPy gives these any strides
            body = np.empty([max(n, 1) for n in body.shape], body.dtype)
        strides = [
            s // array.itemsize if n != 1 else 0 for s, n in zip(body.strides, given, strict=True)
        ]
        assert all(m in (1, n, max(n, 1)) for m, n in zip(body.shape, extents, strict=True))
        k = len(self.rows)
        dtype = array.dtype.str[1:]
        self.operands.append(Operand(dtype, tuple(strides[:k]), tuple(strides[k:]), block_stride))
        self.arrays.append(array)
        return len(self.operands) - 1

    def step(self, op, *args, dtype="", operand=-1, value=None):
        self.steps.append(Step(op, args, dtype, operand, value))
        return len(self.steps) - 1

    def load(self, array):
        return self.step("load", dtype=array.dtype.str[1:], operand=self.operand(array))

    def const(self, value, dtype="f4"):
        return self.step("const", dtype=dtype, value=value)

    def store(self, step, array):
        return self.step("store", step, operand=self.operand(array))

    def nest(self):
        return Nest(self.rows, self.cols, tuple(self.operands), tuple(self.steps), self.blocks)

    def run(self, threads=1):
        """The shares of the threads one after the other, backwards: none may wait for another."""
        run(build(self.nest()), self.arrays, threads)


def run(kernel, arrays, threads=1):
    table = np.array([a.ctypes.data for a in arrays] or [0], "u8")
    for thread in reversed(range(threads)):
        CALL(kernel.address)(table.ctypes.data, thread, threads)


def watched(shape, dtype, fill=7):
    """An array for results, with untouched memory on both sides, and the check that it is so."""
    count, guard = math.prod(shape), 80
    memory = np.full(count + 2 * guard, fill, dtype)
    fill = memory[0]
    array = memory[guard : guard + count].reshape(shape)

    def untouched():
        return (memory[:guard] == fill).all() and (memory[guard + count :] == fill).all()

    return array, untouched


def unary(op, x, dtype=None, width=None):
    """One operation over an array, as a nest of one row (or rows of `width`)."""
    return apply(op, x, dtype=dtype, width=width)


def apply(op, *arrays, dtype=None, width=None):
    """One operation over equal arrays of one dimension."""
    n = arrays[0].size
    width = width or n
    p = Program((n // width,), (width,))
    args = [p.load(np.ascontiguousarray(a).reshape(n // width, width)) for a in arrays]
    dtype = np.dtype(dtype or arrays[-1].dtype).str[1:]
    out, untouched = watched((n // width, width), np.dtype(dtype).type)
    p.store(p.step(op, *args, dtype=dtype), out)
    p.run()
    assert untouched()
    return out.reshape(-1)


__all__ = ["REDUCE", "Program", "apply", "run", "unary", "watched"]

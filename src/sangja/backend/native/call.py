"""A program's call as a built-in function of Python.

Through ctypes a call costs 0.8 µs, most of it for its arguments, which are the same every time: as
long as a product of 32 × 32 matrices. A function of Python's own interface costs 0.05 µs. Such a
function is an address and an object that it is bound to; the address is that of code made here, the
object a number: where the words (table, count) of the program lie.

Only functions of Python's stable interface are used, and their addresses are asked from Python.
Where there is no such interface, ctypes calls.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from sangja.backend.native.llvm import compile_kernel

NO_ARGUMENTS = 4  # METH_NOARGS
USED = ("PyLong_AsVoidPtr", "PyEval_SaveThread", "PyEval_RestoreThread", "Py_IncRef")

# `learn` is told where everything is, so that the code is the same in every process and can be
# kept on disk: the words 0 … 3 are the functions of `USED`, 4 is None. The number that `call` is
# bound to is the address of six words: a function of the driver and its five arguments.
TEXT = """
@known = internal global [5 x ptr] zeroinitializer
define void @learn(ptr %args, i64 %tid, i64 %threads) {
entry:
  call void @llvm.memcpy.p0.p0.i64(ptr @known, ptr %args, i64 40, i1 false)
  ret void
}
define ptr @call(ptr %self, ptr %nothing) {
entry:
  %k1 = getelementptr ptr, ptr @known, i64 1
  %k2 = getelementptr ptr, ptr @known, i64 2
  %k3 = getelementptr ptr, ptr @known, i64 3
  %k4 = getelementptr ptr, ptr @known, i64 4
  %pointer = load ptr, ptr @known
  %save = load ptr, ptr %k1
  %restore = load ptr, ptr %k2
  %refer = load ptr, ptr %k3
  %none = load ptr, ptr %k4
  %words = call ptr %pointer(ptr %self)
  %w1 = getelementptr i64, ptr %words, i64 1
  %w2 = getelementptr i64, ptr %words, i64 2
  %w3 = getelementptr i64, ptr %words, i64 3
  %w4 = getelementptr i64, ptr %words, i64 4
  %w5 = getelementptr i64, ptr %words, i64 5
  %function = load ptr, ptr %words
  %box = load ptr, ptr %w1
  %table = load ptr, ptr %w2
  %count = load i64, ptr %w3
  %tid = load i64, ptr %w4
  %threads = load i64, ptr %w5
  %state = call ptr %save()
  call void %function(ptr %box, ptr %table, i64 %count, i64 %tid, i64 %threads)
  call void %restore(ptr %state)
  call void %refer(ptr %none)
  ret ptr %none
}
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
"""


class Method(ctypes.Structure):
    """Python's description of a built-in function (PyMethodDef)."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


@functools.cache
def method() -> Method | None:
    """The description of the call; None where Python has no interface for it."""
    if sys.implementation.name != "cpython":
        return None
    api = [ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value for name in USED]
    words = np.array([*api, id(None)], np.uint64)
    code = compile_kernel("learn", TEXT).code
    learn = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    learn(code.address("learn"))(words.ctypes.data, 0, 1)
    made = Method(b"call", code.address("call"), NO_ARGUMENTS, None)
    # Never given back: Python's functions point to it, and may outlive this module.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(made))
    return made


class Call:
    """A call of a function of the driver with its arguments (box, table, count, tid, threads):
    `run` is a function without arguments."""

    def __init__(self, function: Any, *arguments: int) -> None:
        address = ctypes.cast(function, ctypes.c_void_p).value or 0
        self.array = np.array([address, *arguments], np.int64)
        self.words = self.array.data
        described = method()
        self.run: Callable[[], object]
        if described is None:
            self.run = functools.partial(by_ctypes, function, self.words)
            return
        new = ctypes.PYFUNCTYPE(
            ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p
        )
        make = new(("PyCFunction_NewEx", ctypes.pythonapi))
        self.run = make(ctypes.addressof(described), int(self.array.ctypes.data), None)


def by_ctypes(function: Any, words: memoryview[int]) -> None:
    function(*words[1:])

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
# kept on disk: the words 0 … 3 are the functions of `USED`, 4 is None, 5 the driver's `run`.
TEXT = """
@known = internal global [6 x ptr] zeroinitializer
define void @learn(ptr %args, i64 %tid, i64 %threads) {
entry:
  call void @llvm.memcpy.p0.p0.i64(ptr @known, ptr %args, i64 48, i1 false)
  ret void
}
define ptr @call(ptr %self, ptr %nothing) {
entry:
  %p1 = getelementptr ptr, ptr @known, i64 1
  %p2 = getelementptr ptr, ptr @known, i64 2
  %p3 = getelementptr ptr, ptr @known, i64 3
  %p4 = getelementptr ptr, ptr @known, i64 4
  %p5 = getelementptr ptr, ptr @known, i64 5
  %pointer = load ptr, ptr @known
  %save = load ptr, ptr %p1
  %restore = load ptr, ptr %p2
  %refer = load ptr, ptr %p3
  %none = load ptr, ptr %p4
  %run = load ptr, ptr %p5
  %words = call ptr %pointer(ptr %self)
  %second = getelementptr i64, ptr %words, i64 1
  %table = load ptr, ptr %words
  %count = load i64, ptr %second
  %state = call ptr %save()
  call void %run(ptr null, ptr %table, i64 %count, i64 0, i64 1)
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
def method(run: int) -> Method | None:
    """The description of the call, the driver's `run` being at that address; None where Python has
    no interface for it."""
    if sys.implementation.name != "cpython":
        return None
    api = [ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value for name in USED]
    words = np.array([*api, id(None), run], np.uint64)
    code = compile_kernel("learn", TEXT).code
    learn = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    learn(code.address("learn"))(words.ctypes.data, 0, 1)
    return Method(b"call", code.address("call"), NO_ARGUMENTS, None)


def bound(run: Any, words: np.ndarray[Any, Any]) -> Callable[[], object]:
    """A function without arguments that runs a program on this thread: `run` is the driver's, as
    ctypes has it, `words` are (table, count), which must live as long as the function."""
    described = method(ctypes.cast(run, ctypes.c_void_p).value or 0)
    if described is None:
        return functools.partial(run, 0, int(words[0]), int(words[1]), 0, 1)
    new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
    make = new(("PyCFunction_NewEx", ctypes.pythonapi))
    made: Callable[[], object] = make(ctypes.addressof(described), int(words.ctypes.data), None)
    return made

"""Plans of kernels, run by hand on NumPy's arrays."""

import ctypes

import numpy as np

CALL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


def run(plan, arrays, threads=1):
    """Run every stage, the shares of its threads one after the other, backwards: none may wait for
    another. The workspace begins as NaNs, and its end is watched."""
    guard = 64
    work = np.full(plan.workspace + 2 * guard, 255, "u1")
    start = -work.ctypes.data % 64
    work[start + plan.workspace : start + plan.workspace + 16] = 7
    places = {name: array.ctypes.data for name, array in arrays.items()}
    places["work"] = work.ctypes.data + start
    for kernel, roles, serial in plan.stages:
        table = np.array([places[role] for role in roles], "u8")
        count = 1 if serial else threads
        for thread in reversed(range(count)):
            CALL(kernel.address)(table.ctypes.data, thread, count)
    assert (work[start + plan.workspace : start + plan.workspace + 16] == 7).all()


def strides(array):
    """In elements."""
    return tuple(s // array.itemsize for s in array.strides)

"""The most additions and multiplications a second that one core here can do: a loop of independent
fused multiply-adds in registers, or the best matrix product, whichever is faster."""

from __future__ import annotations

import ctypes
import time

import numpy as np

CHAINS, TURNS = 24, 200_000


def loop(width: int) -> str:
    """LLVM text of TURNS rounds of CHAINS fused multiply-adds on vectors of `width` floats."""
    kind = f"<{width} x float>"
    names = range(CHAINS)
    begin = [
        f"  %a{i} = phi {kind} [ splat (float {i}.0), %entry ], [ %b{i}, %loop ]" for i in names
    ]
    body = [
        f"  %b{i} = call {kind} @llvm.fma.v{width}f32({kind} %x, {kind} %x, {kind} %a{i})"
        for i in names
    ]
    total = ["  %s0 = fadd " + kind + " %b0, zeroinitializer"]
    total += [f"  %s{i} = fadd {kind} %s{i - 1}, %b{i}" for i in names if i]
    lines = [
        f"declare {kind} @llvm.fma.v{width}f32({kind}, {kind}, {kind})",
        "define void @peak(ptr %args, i64 %tid, i64 %threads) {",
        "entry:",
        "  %place = load ptr, ptr %args",
        f"  %x = load {kind}, ptr %place, align 4",
        "  br label %loop",
        "loop:",
        "  %i = phi i64 [ 0, %entry ], [ %next, %loop ]",
        *begin,
        *body,
        "  %next = add i64 %i, 1",
        f"  %more = icmp ult i64 %next, {TURNS}",
        "  br i1 %more, label %loop, label %done",
        "done:",
        *total,
        f"  store {kind} %s{CHAINS - 1}, ptr %place, align 4",
        "  ret void",
        "}",
    ]
    return "\n".join(lines)


def by_loop() -> float:
    """Floating-point operations a second of the loop; 0 without llvmlite."""
    from sangja.backend.native import llvm

    if not llvm.available():
        return 0.0
    width = llvm.vector_bytes() // 4
    kernel = llvm.compile_kernel("peak", loop(width))
    data = np.full(width, 1e-3, "f4")
    pointers = np.array([data.ctypes.data], "u8")
    run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(kernel.address)
    best = min(timed(lambda: run(pointers.ctypes.data, 0, 1)) for _ in range(20))
    return 2 * CHAINS * TURNS * width / best


def by_product(size: int = 768) -> float:
    """The same of NumPy's matrix product."""
    a = np.ones((size, size), "f4")
    return 2 * size**3 / min(timed(lambda: a @ a) for _ in range(10))


def timed(run) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def peak() -> float:
    """The greater of both."""
    return max(by_loop(), by_product())

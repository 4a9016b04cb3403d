"""What became of a step: its kernels, what is fused in each, and how long each takes."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from sangja.backend.native.team import Command, Program
from sangja.compile.tasks import Group

ROUNDS = 3  # timings of each kernel, of which the least counts
SHOWN = 40  # kernels that are listed, the slowest first


def explain(program: Any) -> list[str]:
    """Lines about a native program."""
    rows, hosts = measure(program)
    groups = sum(isinstance(part.task, Group) for part in program.parts)
    lines = [
        f"{len(program.nodes)} operations in {len(program.parts)} tasks: {groups} groups of fused "
        f"loops, {len(program.parts) - groups - len(hosts)} products, convolutions and the like, "
        f"{len(hosts)} calls of NumPy",
        f"memory of the step: {program.arena.size / 1e6:.1f} MB",
    ]
    if not rows:
        return [*lines, "no times yet: call it first"]
    total = sum(seconds for seconds, _, _ in rows)
    best = max((flops / seconds for seconds, flops, name in rows if flops > 1e6 and seconds > 0
                and not name.startswith("loops")), default=0.0)  # fmt: skip
    lines.append(f"{total * 1e6:,.0f} µs on one thread; kernels, the slowest first:")
    for seconds, flops, name in sorted(rows, key=lambda row: -row[0])[:SHOWN]:
        speed = ""
        if flops and seconds:
            speed = f"{flops / seconds / 1e9:7.1f} GFLOP/s"
            if best and not name.startswith("loops"):
                speed += f", {100 * flops / seconds / best:3.0f} % of the fastest here"
        lines.append(f"{seconds * 1e6:10.1f} µs {100 * seconds / total:5.1f} %  {name}  {speed}")
    return lines


def measure(program: Any) -> tuple[list[tuple[float, int, str]], list[str]]:
    """Seconds, operations and a name for every command, from a run whose effects are undone."""
    hosts = [str(part.task) for part in program.parts if part.host is not None]
    if not program.ready:
        return [], hosts
    saved = [(array, array.copy()) for array in program.written_arrays()]
    best: list[float] = []
    names: list[str] = []
    flops: list[int] = []
    try:
        for turn in range(ROUNDS):
            for array, before in saved:
                np.copyto(array, before)
            seconds = []
            call = min(
                time_of(Program([], [])) for _ in range(20)
            )  # what every measurement has too much
            for part in program.parts:
                if part.host is not None:
                    begin = time.perf_counter()
                    part.host()
                    seconds.append(time.perf_counter() - begin)
                    if not turn:
                        names.append(f"NumPy: {part.task}")
                        flops.append(0)
                    continue
                for kernel, pointers, _ in part.commands:
                    slots = tuple(range(len(pointers)))
                    where = [program.address_of(p) for p in pointers]
                    one = Program([Command(kernel, slots)], where)
                    seconds.append(max(time_of(one) - call, 1e-8))
                    if not turn:
                        names.append(describe(part, kernel))
                        flops.append(kernel.flops)
            best = seconds if not best else [min(a, b) for a, b in zip(best, seconds, strict=True)]
    finally:
        for array, before in saved:
            np.copyto(array, before)
    return list(zip(best, flops, names, strict=True)), hosts


def time_of(program: Program) -> float:
    """Seconds of one run on this thread alone."""
    begin = time.perf_counter()
    program.run(1)
    return time.perf_counter() - begin


def describe(part: Any, kernel: Any) -> str:
    """A kernel by what it computes."""
    task = part.task
    if isinstance(task, Group):
        names = [n.op for n in task.nodes]
        text = " ".join(names[:8]) + (f" … {len(names) - 8} more" if len(names) > 8 else "")
        size = "×".join(map(str, task.domain)) or "1"
        return f"loops over {size}: {text}"
    node = task.nodes[0]
    shapes = " · ".join("×".join(map(str, x.shape)) for x in node.inputs)
    stage = "" if kernel.name in ("gemm", "taps", "weight", "scatter") else f" ({kernel.name})"
    tail = [s.op for s in task.tail.steps if s.args and s.op not in ("store", "result")] if (
        task.tail and kernel.flops) else []  # fmt: skip
    return f"{node.op}{stage} {shapes}" + (f", then {' '.join(tail)}" if tail else "")

"""One peer in a process of its own: makes steps, then times as many as it is told, line by line."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from workloads import WORKLOADS
from workloads.peers import PEERS, MissingError

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
FIRST_STEPS = 5  # within these everything is recorded and compiled


def resident(field: str) -> float:
    """Megabytes: "VmRSS" now, "VmHWM" the most so far; 0 where the system does not say."""
    if not STATUS.exists():
        return 0.0
    line = next(x for x in STATUS.read_text().splitlines() if x.startswith(field))
    return int(line.split()[1]) / 1024


def forget_the_most() -> None:
    with contextlib.suppress(OSError):
        CLEAR.write_text("5")


def finish(result: Any) -> None:
    """Wait for a result that is still being computed."""
    wait = getattr(result, "block_until_ready", None) or getattr(
        result[0] if isinstance(result, tuple) else None, "block_until_ready", None
    )
    if wait:
        wait()


def prepare(workload: str, peer: str) -> tuple[Any, dict[str, Any]]:
    """The step, and what its first calls showed: losses, memory in the first and in later ones,
    and how long the first call took (with what a second one still had to compile)."""
    step, read = PEERS[peer](WORKLOADS[workload])
    before = resident("VmRSS")
    values, seconds = [], []
    for number in range(FIRST_STEPS):
        start = time.perf_counter()
        values.append(read(step()))
        seconds.append(time.perf_counter() - start)
        if number == FIRST_STEPS - 3:
            with_first = resident("VmHWM") - before
            forget_the_most()
    report = {
        "values": values,
        "start_seconds": sum(seconds) - (FIRST_STEPS - 1) * min(seconds),
        "memory_first_mb": with_first,
        "memory_mb": resident("VmHWM") - before,
    }
    return step, report


def calls_in(step: Any, seconds: float) -> int:
    """How many steps fill about so many seconds."""
    start = time.perf_counter()
    finish(step())
    one = time.perf_counter() - start
    if one < seconds / 20:
        start = time.perf_counter()
        for _ in range(10):
            result = step()
        finish(result)
        one = (time.perf_counter() - start) / 10
    return max(1, round(seconds / one))


def serve(workload: str, peer: str) -> None:
    """Answer on the true standard output; what the peer prints goes to standard error."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**report: Any) -> None:
        print(json.dumps(report), file=out, flush=True)

    try:
        step, report = prepare(workload, peer)
    except MissingError as error:
        answer(missing=str(error))
        return
    except Exception as error:
        traceback.print_exc()
        answer(missing=f"failed: {type(error).__name__}: {error}".splitlines()[0][:200])
        return
    answer(**report)
    calls = 0
    for line in sys.stdin:
        seconds = float(line)
        calls = calls or (calls_in(step, seconds) if seconds else 1)
        start = time.perf_counter()
        for _ in range(calls):
            result = step()
        finish(result)
        answer(seconds=(time.perf_counter() - start) / calls)

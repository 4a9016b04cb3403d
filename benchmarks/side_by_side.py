"""Two programs timed in turn in one process, A B A B …: on a noisy machine only their ratio
counts."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
# A choice of another processor's code would slow NumPy alone.
FORGOTTEN = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
KEPT = {name: value for name, value in os.environ.items() if name not in FORGOTTEN}
if dict(os.environ) != {**KEPT, **ONE_THREAD}:  # read when NumPy loads: start again
    os.execve(sys.executable, [sys.executable, *sys.argv], {**KEPT, **ONE_THREAD})


def arguments(text: str) -> argparse.Namespace:
    """`--rounds` and `--smoke` (one round of one call: does it run?), the same for every script."""
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--smoke", action="store_true", help="run everything once, briefly")
    return parser.parse_args()


def median_pair(
    ours: Callable[[], object], theirs: Callable[[], object], rounds: int, calls: int
) -> tuple[float, float]:
    """Seconds per call of both, in the round whose ratio is the median."""
    ours(), theirs()
    pairs = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(calls):
            ours()
        middle = time.perf_counter()
        for _ in range(calls):
            theirs()
        end = time.perf_counter()
        pairs.append(((middle - start) / calls, (end - middle) / calls))
    pairs.sort(key=lambda pair: pair[0] / pair[1])
    return pairs[len(pairs) // 2]


def compare(
    name: str,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    rounds: int,
    calls: int,
    goal: float,
) -> float:
    """The median ratio of our time to theirs, printed beside the goal."""
    mine, other = median_pair(ours, theirs, rounds, calls)
    print(
        f"{name:34s} sangja {mine * 1e6:9.1f} µs  PyTorch {other * 1e6:9.1f} µs  "
        f"ratio {mine / other:5.2f}  (bar ≤ {goal})"
    )
    return mine / other

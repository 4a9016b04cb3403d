"""Whole training steps of sangja (eager and compiled), PyTorch (eager and torch.compile), JAX and,
for the multilayer perceptrons, NumPy by hand.

    python benchmarks/steps.py [--workload lenet] [--peer jax] [--threads 1 2] [--rounds 3]

Every peer runs in a process of its own; the processes of a workload take turns, round by round, and
the median of all steps counts. Printed beside it: the ratio of the best other peer's time to ours
(above 1 we are faster), the floor (operations at the speed of the fastest matrix product measured
here), the memory a peer takes beyond that before its first step, and the seconds of its first calls
(cold: with an empty cache of machine code; warm: with a full one). Results are kept in `results/`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from workloads import FLOPS, NAMES, data, make, random_arrays

PEERS = ("sangja compiled", "sangja", "torch", "torch.compile", "jax", "numpy")
OURS = "sangja compiled"
FIRST = 5  # calls before the timing begins: recording, compiling, warming up
RESULTS = Path(__file__).parent / "results"


def numpy_step(name: str) -> Callable[[], Any]:
    """A perceptron's step as one would write it for NumPy alone."""
    sizes = {"mlp_small": (784, 100, 10), "mlp_big": (784, 1024, 1024, 10)}[name]
    shapes = {str(i): (b, a) for i, (a, b) in enumerate(itertools.pairwise(sizes))}
    weights = [w.T.copy() for w in random_arrays(shapes).values()]
    biases = [np.zeros(n, np.float32) for n in sizes[1:]]
    speeds = [np.zeros_like(p) for p in (*weights, *biases)]
    x, y = data(name)
    rows = np.arange(len(x))

    def step() -> float:
        kept = [x]
        for w, b in zip(weights, biases, strict=True):
            z = kept[-1] @ w
            z += b
            kept.append(z if w is weights[-1] else np.maximum(z, 0, out=z))
        z = kept.pop()
        z -= z.max(1, keepdims=True)
        e = np.exp(z)
        total = e.sum(1, keepdims=True)
        loss = float((np.log(total[:, 0]) - z[rows, y]).mean())
        g = e / total
        g[rows, y] -= 1
        g /= len(x)
        grads_w, grads_b = [], []
        for i in reversed(range(len(weights))):
            grads_w.append(kept[i].T @ g)
            grads_b.append(g.sum(0))
            if i:
                g = (g @ weights[i].T) * (kept[i] > 0)
        grads = [*reversed(grads_w), *reversed(grads_b)]
        for p, v, d in zip((*weights, *biases), speeds, grads, strict=True):
            v *= 0.9
            v += d
            p -= 0.01 * v
        return loss

    return step


def step_of(peer: str, name: str, threads: int) -> Callable[[], Any]:
    """A peer's step; the imports are part of the peer."""
    if peer.startswith("sangja"):
        import sangja

        sangja.set_num_threads(threads)
        return make(name, sangja, sangja.compile if "compiled" in peer else None)
    if peer.startswith("torch"):
        import torch

        torch.set_num_threads(threads)
        return make(name, torch, torch.compile if "compile" in peer else None)
    if peer == "jax":
        import workloads_jax

        return workloads_jax.make(name)
    return numpy_step(name)


def measure(peer: str, name: str, threads: int, seconds: float) -> dict[str, Any]:
    """What one process finds: times of steps, first calls, memory, the first losses."""
    step = step_of(peer, name, threads)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    losses = [float(np.asarray(detached(step()))) for _ in range(FIRST)]
    first = time.perf_counter() - begin
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"times": times, "first": first, "memory": memory / 1024, "losses": losses}


def detached(loss: Any) -> Any:
    return loss.detach() if hasattr(loss, "detach") else loss


def run_peer(
    peer: str, name: str, threads: int, seconds: float, cache: str
) -> dict[str, Any] | None:
    """One process; None where the peer is not installed or has no such workload."""
    count = str(threads)
    flags = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
    env = {
        **os.environ, "OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count, "XLA_FLAGS": f"{flags} intra_op_parallelism_threads={count}",
        "SANGJA_CACHE_DIR": cache,
    }  # fmt: skip
    command = [sys.executable, __file__, "--child", peer, name, count, str(seconds)]
    if threads == 1 and hasattr(os, "sched_setaffinity"):  # JAX takes every core that it sees
        command = ["taskset", "-c", str(min(os.sched_getaffinity(0))), *command]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no output"]
        print(f"  {peer}: {last[0][:100]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def peak(threads: int) -> float:
    """The fastest product of matrices here, in operations a second."""
    import sangja
    from sangja.backend.native import team

    team.set_num_threads(threads)
    product = sangja.compile(lambda a, b: a @ b)
    a = b = sangja.rand(512, 512)
    best = math.inf
    for _ in range(30):
        begin = time.perf_counter()
        product(a, b)
        best = min(best, time.perf_counter() - begin)
    return 2 * 512**3 / best


def compare(
    name: str, peers: list[str], threads: int, rounds: int, seconds: float
) -> dict[str, Any]:
    """All peers of a workload, in turn."""
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as cache:
        for turn in range(rounds):
            for peer in peers:
                if (turn and peer not in found) or (peer == "numpy" and "mlp" not in name):
                    continue
                one = run_peer(peer, name, threads, seconds, cache)
                if one is None:
                    continue
                known = found.setdefault(peer, {**one, "times": [], "cold": one["first"]})
                known["times"] += one["times"]
                known["warm"] = one["first"]
                known["memory"] = min(known["memory"], one["memory"])
    return {
        peer: {
            "us": statistics.median(one["times"]) * 1e6,
            "cold": one["cold"], "warm": one["warm"], "memory": one["memory"],
            "losses": one["losses"],
        }
        for peer, one in found.items()
    }  # fmt: skip


def report(name: str, found: dict[str, Any], threads: int, floor: float) -> float | None:
    """The lines of a workload; the ratio of the best other peer's time to ours."""
    others = {p: r["us"] for p, r in found.items() if not p.startswith("sangja")}
    best = min(others, key=others.__getitem__, default=None)
    print(f"\n{name}, {threads} thread{'s' * (threads > 1)}; floor {floor * 1e6:,.0f} µs")
    for peer, r in found.items():
        ratio = f"best peer / this {others[best] / r['us']:5.2f}" if best else ""
        print(
            f"  {peer:16s} {r['us']:12,.1f} µs  {ratio}  first calls {r['cold']:5.2f} s cold, "
            f"{r['warm']:5.2f} s warm  memory {r['memory']:6.1f} MB  "
            f"loss {r['losses'][0]:.5f} → {r['losses'][-1]:.5f}"
        )
    return others[best] / found[OURS]["us"] if best and OURS in found else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workload", nargs="*", default=NAMES, choices=NAMES)
    parser.add_argument("--peer", nargs="*", default=PEERS, choices=PEERS)
    parser.add_argument("--threads", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of timing, a peer and round")
    parser.add_argument("--smoke", action="store_true", help="run a little of it, briefly")
    given = parser.parse_args()
    if given.smoke:
        given.workload, given.threads = ["mlp_small"], [1]
        given.peer = [p for p in given.peer if p in (OURS, "sangja", "torch", "numpy")]
        given.rounds, given.seconds = 1, 0.1
    results: dict[str, Any] = {}
    for threads in given.threads:
        speed, ratios = peak(threads), []
        for name in given.workload:
            found = compare(name, list(given.peer), threads, given.rounds, given.seconds)
            results[f"{name}, {threads}"] = found
            ratio = report(name, found, threads, FLOPS[name] / speed)
            ratios += [ratio] if ratio else []
        if ratios:
            mean = math.exp(statistics.fmean(map(math.log, ratios)))
            print(f"\n{threads} thread(s): geometric mean {mean:.2f}, least {min(ratios):.2f}")
    if not given.smoke:
        keep(results)


def keep(results: dict[str, Any]) -> None:
    """Write what was found, with the machine and the versions."""
    versions = {}
    for name in ("numpy", "llvmlite", "torch", "jax"):
        try:
            from importlib.metadata import version

            versions[name] = version(name)
        except ImportError:
            versions[name] = "missing"
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"steps-{time.strftime('%Y-%m-%d')}.json"
    machine = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    text = {"machine": machine, "versions": versions, "results": results}
    path.write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")
    print(f"kept in {path}")


def processor() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(measure(sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5]))))
    else:
        main()

"""Whole training steps of sangja (eager and compiled), PyTorch (eager and compiled), jax.jit and
NumPy by hand, each in a process of its own, timed in turn.

    python benchmarks/steps.py --workload lenet gpt --threads 1

Prints for each workload the median of a step, the best peer's time divided by ours (the median over
rounds, losses as plainly as wins), the floor (the step's arithmetic at this machine's peak), memory
and the seconds of the first call; the results go to `results/` with machine and versions.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from workloads import WORKLOADS
from workloads.peak import peak
from workloads.peers import OURS, PEERS
from workloads.serve import serve

HERE = Path(__file__).resolve().parent
PACKAGES = ("numpy", "torch", "jax", "jaxlib", "llvmlite")
SECONDS = 0.25  # of one peer's turn in a round
REST = 0.2  # before a turn: threads of the last peer spin for up to 0.1 s when its work has ended
# Read when a library loads; a choice of another processor's code would slow some peers alone.
TEAMS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
FORGOTTEN = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


class Process:
    """One peer at one workload."""

    def __init__(self, workload: str, peer: str, threads: int, cache: str) -> None:
        self.peer = peer
        kept = {k: v for k, v in os.environ.items() if k not in FORGOTTEN}
        environment = {
            **kept,
            **dict.fromkeys(TEAMS, str(threads)),
            "SANGJA_CACHE_DIR": f"{cache}/sangja",
            "TORCHINDUCTOR_CACHE_DIR": f"{cache}/torch",
            "JAX_COMPILATION_CACHE_DIR": f"{cache}/jax",
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
            "JAX_PLATFORMS": "cpu",
        }
        command = [sys.executable, __file__, "--serve", workload, peer]
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.report = self.answer()

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"missing": "failed: the process ended"}

    def time(self, seconds: float) -> float:
        """Seconds of a step, over as many as fill `seconds` (0: one)."""
        assert self.process.stdin is not None
        time.sleep(REST if seconds else 0)
        print(seconds, file=self.process.stdin, flush=True)
        return self.answer().get("seconds", math.nan)

    def end(self) -> None:
        self.process.communicate()


def start(workload: str, peer: str, threads: int, cache: str, smoke: bool) -> Process:
    """A peer with a warm cache on disk, whose report also has the first call with an empty one."""
    cold = None
    if not smoke:
        first = Process(workload, peer, threads, cache)
        first.end()
        cold = first.report.get("start_seconds")
    process = Process(workload, peer, threads, cache)
    process.report["start_seconds_cold"] = cold or process.report.get("start_seconds")
    return process


def measure(name: str, threads: int, peers: list[str], rounds: int, smoke: bool) -> dict[str, Any]:
    """Everything about one workload at one number of threads."""
    with tempfile.TemporaryDirectory() as cache:
        running = {peer: start(name, peer, threads, cache, smoke) for peer in peers}
        reports = {peer: process.report for peer, process in running.items()}
        there = {peer: p for peer, p in running.items() if "missing" not in p.report}
        for process in there.values():
            process.time(0 if smoke else SECONDS)
        times: dict[str, list[float]] = {peer: [] for peer in there}
        for _ in range(rounds):
            for peer, process in there.items():
                times[peer].append(process.time(0 if smoke else SECONDS))
        for process in running.values():
            process.end()
    for peer, taken in times.items():
        reports[peer]["microseconds"] = statistics.median(taken) * 1e6
    note_distances(reports)
    return {
        "workload": name,
        "threads": threads,
        "peers": reports,
        "ratios": ratios(times),
    }


def ratios(times: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """For each of ours, the time of every other peer divided by it, paired by rounds."""
    found: dict[str, dict[str, float]] = {}
    for mine in OURS:
        if mine in times:
            found[mine] = {
                peer: statistics.median(b / a for a, b in zip(times[mine], taken, strict=True))
                for peer, taken in times.items()
                if peer not in OURS
            }
    return found


def note_distances(reports: dict[str, Any]) -> None:
    """Note in each report how far its first losses (or result and gradients) are from the median of
    all peers', relative to it or to 1."""
    there = [r for r in reports.values() if "values" in r]
    flat = [[x for values in r["values"] for x in values] for r in there]
    middle = [statistics.median_low(several) for several in zip(*flat, strict=True)]
    for report, values in zip(there, flat, strict=True):
        pairs = zip(values, middle, strict=True)
        report["distance"] = max(abs(a - b) / max(1.0, abs(b)) for a, b in pairs)


def show(result: dict[str, Any], flops_a_second: float) -> None:
    """The table of one workload."""
    workload, threads = WORKLOADS[result["workload"]], result["threads"]
    floor = workload.flops / (flops_a_second * threads) * 1e6
    result["floor_microseconds"] = floor
    print(
        f"\n{workload.name}, {threads} thread{'s' * (threads > 1)}: floor {floor:,.1f} µs, "
        f"bar {workload.bar}, goal {workload.goal}"
    )
    print(
        f"  {'':15s}{'µs':>12s}{'% of peak':>11s}{'MB':>8s}{'first, cold':>13s}{'warm':>8s}"
        f"{'losses apart':>14s}"
    )
    for peer, report in result["peers"].items():
        if "missing" in report:
            print(f"  {peer:15s}{'missing':>12s}  ({report['missing']})")
            continue
        taken = report["microseconds"]
        print(
            f"  {peer:15s}{taken:12,.0f}{100 * floor / taken:11.1f}{report['memory_mb']:8.0f}"
            f"{report['start_seconds_cold']:12.2f}s{report['start_seconds']:7.2f}s"
            f"{report['distance']:14.0e}"
        )
    for mine, others in result["ratios"].items():
        if others:
            best = min(others, key=lambda peer: others[peer])
            each = "  ".join(f"{peer} {ratio:.2f}" for peer, ratio in others.items())
            verdict = "wins" if others[best] >= 1 else "LOSES"
            print(f"  {mine} {verdict}: best peer / ours {others[best]:.2f} ({best})   [{each}]")


def summary(results: list[dict[str, Any]]) -> None:
    """Geometric means of the best peer's time divided by ours."""
    print()
    for mine in OURS:
        for threads in sorted({r["threads"] for r in results}):
            best = [
                min(r["ratios"][mine].values())
                for r in results
                if r["threads"] == threads and r["ratios"].get(mine)
            ]
            if best:
                mean = math.exp(statistics.fmean(map(math.log, best)))
                print(
                    f"{mine}, {threads} thread{'s' * (threads > 1)}: geometric mean {mean:.2f} "
                    f"over {len(best)} workloads, least {min(best):.2f}"
                )


def machine() -> dict[str, Any]:
    """Where and with what this ran."""
    found = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [x for x in information.read_text().splitlines() if x.startswith("model name")]
        found = names[0].split(":")[1].strip() if names else found
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "missing"
    return {
        "processor": found,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": versions,
    }


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workload", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--peer", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--smoke", action="store_true", help="one step each: does it run?")
    parser.add_argument("--output", type=Path, help="where the JSON goes; default results/")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    args = arguments()
    if args.serve:
        serve(*args.serve)
        return
    flops_a_second = peak()
    about = machine()
    print(f"{about['processor']}, {about['cores']} cores; {about['versions']}")
    print(f"peak of a core: {flops_a_second / 1e9:.0f} GFLOP/s (float32)")
    results = []
    for name in args.workload:
        for threads in args.threads:
            rounds = 1 if args.smoke else args.rounds
            results.append(measure(name, threads, args.peer, rounds, args.smoke))
            show(results[-1], flops_a_second)
    summary(results)
    if args.smoke and not args.output:
        return
    today = datetime.datetime.now(datetime.UTC)
    path = args.output or HERE / "results" / f"steps-{today:%Y%m%d-%H%M%S}.json"
    path.parent.mkdir(exist_ok=True)
    about["flops_a_second"] = flops_a_second
    document = {"date": f"{today:%Y-%m-%d}", "machine": about, "results": results}
    path.write_text(json.dumps(document, indent=1) + "\n")
    print(f"kept in {path}")


if __name__ == "__main__":
    main()

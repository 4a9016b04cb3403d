"""Native products and convolutions beside PyTorch's and NumPy's, each shape timed in turn.

    python benchmarks/kernels.py --threads 1 2 --only conv

Times are the shortest of many short turns, A B C A B C …, which is what a shared machine leaves
comparable; `×` is the best other's time divided by ours, losses as plainly as wins.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from sangja.backend.native import convolution, matmul
from sangja.backend.native.image import Conv
from sangja.backend.native.team import Command, Program

TEAMS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# A choice of another processor's code would slow NumPy alone.
FORGOTTEN = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
TURN = 0.003  # seconds
PAUSE = 0.12  # after which no thread of the one before spins any more
# (images, channels, kernels, rows = pixels, window, stride)
CONVOLUTIONS = [
    (32, 64, 64, 32, 3, 1), (32, 128, 128, 16, 3, 1), (32, 256, 256, 8, 3, 1),
    (8, 64, 64, 56, 3, 1), (64, 20, 48, 12, 5, 1), (32, 3, 64, 32, 3, 1), (64, 1, 16, 28, 5, 1),
    (32, 64, 128, 32, 3, 2), (32, 64, 128, 32, 1, 1), (64, 16, 16, 32, 3, 1),
    (64, 32, 32, 16, 3, 1), (64, 64, 64, 8, 3, 1), (64, 1, 20, 28, 5, 1), (64, 20, 50, 12, 5, 1),
]  # fmt: skip
# (batch, m, k, n, n or t: whether A and B lie as they are or transposed)
PRODUCTS = [
    *((1, n, n, n, "nn") for n in (8, 16, 32, 64, 100, 128, 192, 256, 384, 512, 768, 1024, 2048)),
    (1, 64, 784, 100, "nt"), (1, 64, 100, 10, "nt"), (1, 64, 10, 100, "nn"),
    (1, 100, 64, 784, "tn"), (1, 10, 64, 100, "tn"), (1, 128, 784, 1024, "nt"),
    (1, 128, 1024, 1024, "nt"), (1, 128, 1024, 1024, "nn"), (1, 1024, 128, 1024, "tn"),
    (1, 128, 1024, 10, "nt"), (1, 1024, 128, 384, "nt"), (1, 1024, 128, 512, "nt"),
    (1, 1024, 512, 128, "nt"), (1, 1024, 512, 128, "nn"), (1, 512, 1024, 128, "tn"),
    (1, 32, 128, 512, "nt"), (1, 32, 512, 128, "nn"), (1, 1, 1024, 1024, "nn"),
    (1, 1, 1024, 1024, "nt"), (1, 1024, 1024, 1, "nn"), (1, 257, 255, 251, "nn"),
    (64, 64, 32, 64, "nt"), (64, 64, 64, 32, "nn"), (64, 64, 64, 32, "tn"), (256, 16, 16, 16, "nn"),
]  # fmt: skip


def program(plan: matmul.Plan, arrays: dict[str, np.ndarray]) -> Program:
    """A plan with its arrays, ready to run."""
    work = np.empty(plan.workspace + 64, "u1")
    places = {name: array.ctypes.data for name, array in arrays.items()}
    places["work"] = -(-work.ctypes.data // 64) * 64
    names = list(places)
    commands = [
        Command(kernel, tuple(names.index(role) for role in roles), serial)
        for kernel, roles, serial in plan.stages
    ]
    made = Program(commands, list(places.values()))
    made.kept = (work, arrays)  # type: ignore[attr-defined]
    return made


def shortest(
    calls: list[Callable[[], object]], rounds: int, turn: float, pause: float
) -> list[float]:
    """Seconds of a call of each, the shortest over rounds in which all have their turn."""
    counts = []
    for call in calls:
        time.sleep(pause)
        call()
        start = time.perf_counter()
        call()
        counts.append(max(1, int(turn / max(time.perf_counter() - start, 1e-7))))
    best = [float("inf")] * len(calls)
    for _ in range(rounds):
        for i, (call, count) in enumerate(zip(calls, counts, strict=True)):
            if pause:
                time.sleep(pause)
                for _ in range(1 + count // 10):  # awake again
                    call()
            start = time.perf_counter()
            for _ in range(count):
                call()
            best[i] = min(best[i], (time.perf_counter() - start) / count)
    return best


def report(name: str, flops: int, peers: list[str], times: list[float], seconds: float) -> float:
    """One line; the ratio of the best other's time to ours."""
    ratio = min(times[1:]) / times[0]
    rates = "  ".join(
        f"{peer} {flops / t / 1e9:6.1f}" for peer, t in zip(peers, times[1:], strict=True)
    )
    print(
        f"{name:34s} {times[0] * 1e6:9.1f} µs {flops / times[0] / 1e9:6.1f} GFLOP/s   {rates}   "
        f"× {ratio:4.2f}   compiled in {seconds * 1e3:4.0f} ms",
        flush=True,
    )
    return ratio


def product(shape: tuple[int, int, int, int, str], threads: int, rounds: int, turn: float) -> float:
    batch, m, k, n, lies = shape
    random = np.random.default_rng(0)
    a, b = (
        random.standard_normal((batch, *((q, p) if how == "t" else (p, q)))).astype("f4")
        for (p, q), how in zip(((m, k), (k, n)), lies, strict=True)
    )
    a, b = (x.swapaxes(1, 2) if how == "t" else x for x, how in zip((a, b), lies, strict=True))
    if batch == 1:
        a, b = a[0], b[0]
    c = np.empty((*a.shape[:-1], n), "f4")
    strides = [tuple(s // 4 for s in x.strides) for x in (a, b, c)]
    begin = time.perf_counter()
    plan = matmul.plan(matmul.Gemm(c.shape[:-2], m, n, k, *strides))
    seconds = time.perf_counter() - begin
    ours = program(plan, {"a": a, "b": b, "c": c})
    ours.run(threads)
    np.testing.assert_allclose(c, np.matmul(a, b), rtol=1e-3, atol=1e-3)
    ta, tb, other = torch.from_numpy(a), torch.from_numpy(b), np.empty_like(c)
    tc = torch.from_numpy(other)
    calls = [
        lambda: ours.run(threads),
        lambda: torch.matmul(ta, tb, out=tc),
        lambda: np.matmul(a, b, out=other),
    ]
    times = shortest(calls, rounds, turn, PAUSE * (threads > 1))
    name = f"matmul {shape}"
    return report(name, 2 * batch * m * k * n, ["PyTorch", "NumPy"], times, seconds)


def convolve(shape: tuple[int, ...], kind: str, threads: int, rounds: int, turn: float) -> float:
    batch, channels, kernels, size, window, stride = shape
    border = window // 2 if window == 3 else 0
    outer = (size + 2 * border - window) // stride + 1
    random = np.random.default_rng(0)
    x = random.standard_normal((batch, size, size, channels)).astype("f4")
    w = random.standard_normal((kernels, channels, window, window)).astype("f4")
    g = random.standard_normal((batch, outer, outer, kernels)).astype("f4")
    spec = Conv(
        kind, (batch, channels, size, size), (batch, kernels, outer, outer), w.shape,
        (stride,) * 2, ((border,) * 2,) * 2, (1, 1), 1,
    )  # fmt: skip
    out = np.empty_like({"conv": g, "conv_image": x, "conv_weight": w}[kind])
    begin = time.perf_counter()
    plan = convolution.plan(spec)
    seconds = time.perf_counter() - begin
    arrays = {"x": x, "w": w, "g": g, "out": out, "dx": out, "dw": out}
    ours = program(plan, arrays)
    ours.run(threads)
    last = [torch.from_numpy(v).permute(0, 3, 1, 2) for v in (x, g)]
    weights = torch.from_numpy(w), torch.from_numpy(w).to(memory_format=torch.channels_last)
    layouts = [([v.contiguous() for v in last], weights[0]), (last, weights[1])]
    calls: list[Callable[[], object]] = [lambda: ours.run(threads)]
    calls += [theirs(kind, *images, weight, stride, border) for images, weight in layouts]
    expected = calls[2]().numpy()  # type: ignore[attr-defined]
    found = out if kind == "conv_weight" else out.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-4 * abs(expected).max())
    times = shortest(calls, rounds, turn, PAUSE * (threads > 1))
    flops = 2 * g.size * w[0].size
    return report(f"{kind} {shape}", flops, ["NCHW", "channels last"], times, seconds)


def theirs(
    kind: str, x: torch.Tensor, g: torch.Tensor, w: torch.Tensor, stride: int, border: int
) -> Callable[[], torch.Tensor]:
    """PyTorch's convolution, or the one gradient of it."""
    if kind == "conv":
        return lambda: torch.nn.functional.conv2d(x, w, stride=stride, padding=border)
    which = [kind == "conv_image", kind == "conv_weight", False]
    settings = ([stride] * 2, [border] * 2, [1, 1], False, [0, 0], 1, which)
    backward = torch.ops.aten.convolution_backward
    return lambda: backward(g, x, w, None, *settings)[which.index(True)]


def measure(threads: int, only: list[str], rounds: int, turn: float) -> None:
    torch.set_num_threads(threads)
    print(f"{threads} thread{'s' * (threads > 1)}")
    ratios = []
    if "matmul" in only:
        ratios += [product(shape, threads, rounds, turn) for shape in PRODUCTS]
    for kind in ("conv", "conv_image", "conv_weight"):
        if kind in only:
            ratios += [convolve(s, kind, threads, rounds, turn) for s in CONVOLUTIONS]
    mean = np.exp(np.mean(np.log(ratios)))
    print(f"geometric mean × {mean:.2f}, smallest × {min(ratios):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = ["matmul", "conv", "conv_image", "conv_weight"]
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--only", nargs="+", choices=kinds, default=kinds)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--smoke", action="store_true", help="run everything once, briefly")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.here:
        several = args.threads[0] > 1  # whose turns begin with a pause
        rounds = max(1, args.rounds // 10) if several else args.rounds
        rounds, turn = (1, 0.0) if args.smoke else (rounds, TURN)
        measure(args.threads[0], args.only, rounds, turn)
        return
    for threads in args.threads:  # libraries read their number of threads when they load
        kept = {k: v for k, v in os.environ.items() if k not in FORGOTTEN}
        environment = {**kept, **dict.fromkeys(TEAMS, str(threads))}
        command = [sys.executable, __file__, "--here", "--threads", str(threads)]
        command += ["--only", *args.only, "--rounds", str(args.rounds)]
        subprocess.run(command + ["--smoke"] * args.smoke, env=environment, check=True)


if __name__ == "__main__":
    main()

"""Threads of matrix products, against what threadpoolctl sees of the same library."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

threadpoolctl = pytest.importorskip("threadpoolctl")

CODE = """
import numpy as np, threadpoolctl
from sangja.backend.blas import few_matrix_threads, matrix_threads
def seen():
    return [p["num_threads"] for p in threadpoolctl.threadpool_info() if p["user_api"] == "blas"]
before = seen()
assert before == [matrix_threads()], (before, matrix_threads())
with few_matrix_threads(1):
    inside = seen(), matrix_threads()
assert seen() == before
print(before[0], inside[0][0], inside[1])
"""


def run(**variables: str) -> list[int]:
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env=environment | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(number) for number in done.stdout.split()]


def test_one_thread_inside_and_as_before_outside():
    before, seen, said = run()
    assert seen == said == 1
    assert before >= 1


def test_the_users_own_number_stands():
    assert run(OMP_NUM_THREADS="2") == [min(2, os.cpu_count() or 1)] * 3

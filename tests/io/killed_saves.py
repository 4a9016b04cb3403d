"""Run as a program: kills savers of one path again and again and reads what they leave.

    python killed_saves.py FOLDER SEED KILLS

Prints as JSON how many kills there were, of how many a passing file was left, and the names in
the folder after one more save. Ends with an error if a checkpoint is ever less than whole.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time

import numpy as np
from faults import kill_after, kill_before, watched

from sangja.io import load, save


def value(number: int) -> dict:
    size = 1000 + 997 * (number % 200)
    return {"number": number, "x": np.full(size, number), "y": [np.full(7, number, np.float32)]}


def assert_whole(path: str) -> int:
    found = load(path)
    number = found["number"]
    assert np.array_equal(found["x"], value(number)["x"])
    assert np.array_equal(found["y"][0], value(number)["y"][0])
    return number


def save_for_ever(path: str, number: int) -> None:
    while True:
        number += 1
        save(value(number), path)


def kill_at_random(path: str, rng: random.Random) -> None:
    number = assert_whole(path)
    child = os.fork()
    if child == 0:
        save_for_ever(path, number)
    time.sleep(rng.uniform(0.0, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def kill_at_call(path: str, break_at: int, action) -> None:
    number = assert_whole(path)
    child = os.fork()
    if child == 0:
        with watched(break_at, action):
            save(value(number + 1), path)
        os._exit(1)  # the call to be broken was never made
    assert os.waitpid(child, 0)[1] == signal.SIGKILL, f"call {break_at} was not made"


def main(folder: str, seed: int, kills: int) -> None:
    rng = random.Random(seed)
    path = os.path.join(folder, "model.safetensors")
    save(value(0), path)
    with watched() as calls:
        save(value(0), path)
    left = 0
    for _ in range(kills):
        kill_at_random(path, rng)
        left += len(os.listdir(folder)) > 1
    for break_at in range(len(calls)):
        for action in (kill_before, kill_after):
            kill_at_call(path, break_at, action)
            left += len(os.listdir(folder)) > 1
    last = assert_whole(path)
    save(value(last + 1), path)
    assert assert_whole(path) == last + 1
    report = {
        "kills": kills + 2 * len(calls),
        "calls": calls,
        "left": left,
        "saved": last,
        "names": os.listdir(folder),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

"""The main job: `sangja train digits` with several seeds: seconds from command to report, and test
accuracy."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from side_by_side import arguments

if __name__ == "__main__":
    args = arguments(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        for seed in [0] if args.smoke else range(5):
            out = Path(folder) / f"run-{seed}"
            train = [sys.executable, "-m", "sangja", "train", "digits", "--seed", str(seed)]
            start = time.perf_counter()
            done = subprocess.run([*train, "--out", str(out)], capture_output=True, check=True)
            seconds = time.perf_counter() - start
            lines = done.stdout.decode().splitlines()
            result = next(line for line in lines if line.startswith("Test:"))
            print(f"seed {seed}: {seconds:4.1f} s (bar ≤ 30)  {result} (bar ≥ 98 %)")

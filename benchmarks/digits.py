"""The main job: `sangja train digits` with several seeds: seconds of training and test accuracy."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from side_by_side import arguments

if __name__ == "__main__":
    args = arguments(__doc__)
    seeds = [0] if args.smoke else range(5)
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            out = Path(folder) / f"run-{seed}"
            command = [sys.executable, "-m", "sangja", "train", "digits", "--seed", str(seed), "--out", str(out)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            print(seed, [line for line in done.stdout.splitlines() if re.search(r"accuracy|second", line)][-2:])

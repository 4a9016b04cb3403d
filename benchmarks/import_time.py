"""What `import sangja` costs beyond NumPy's own import: both in fresh processes, in turn."""

import os
import statistics
import subprocess
import sys
import tempfile
import time

from side_by_side import arguments

# Compiled files as an installation has them, in a folder of their own.
CACHE = tempfile.mkdtemp()
ENVIRONMENT = {**os.environ, "PYTHONPYCACHEPREFIX": CACHE, "PYTHONDONTWRITEBYTECODE": ""}


def seconds(statement: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, env=ENVIRONMENT)
    return time.perf_counter() - start


if __name__ == "__main__":
    args = arguments(__doc__)
    rounds = 1 if args.smoke else args.rounds
    seconds("import sangja")
    pairs = [(seconds("import sangja"), seconds("import numpy")) for _ in range(rounds)]
    ours, numpy = (statistics.median(column) for column in zip(*pairs, strict=True))
    extra = statistics.median(a - b for a, b in pairs)
    print(
        f"import sangja {ours * 1e3:.0f} ms, import numpy {numpy * 1e3:.0f} ms: "
        f"{extra * 1e3:.0f} ms more (bar ≤ 100 ms)"
    )

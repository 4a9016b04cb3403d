"""The machine that a run was made on, in words."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path

import numpy as np

from sangja.backend.blas import matrix_threads
from sangja.core.version import __version__


def machine_facts() -> dict[str, str]:
    """Processor, cores, memory, operating system and versions; what cannot be found is left out."""
    memory = memory_bytes()
    return {
        "cpu": processor(),
        "cores": str(cores()),
        **({"memory": f"{memory / 2**30:.1f} GiB"} if memory else {}),
        "os": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "sangja": __version__,
    }


def processor() -> str:
    """The processor's name as its maker writes it, else its kind."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux alone knows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads() -> int:
    """How many threads NumPy's matrix products use now."""
    return matrix_threads() or cores()


def memory_bytes() -> int | None:
    """The memory of the machine; None where the system does not tell."""
    with suppress(AttributeError, ValueError, OSError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None


def blas() -> str:
    """The library of matrix products that NumPy was built with."""
    library = np.show_config(mode="dicts")["Build Dependencies"]["blas"]  # type: ignore[call-overload]
    return f"{library['name']} {library['version']}"

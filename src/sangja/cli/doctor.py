"""`sangja doctor`: what is installed on this machine, and what is missing."""

from __future__ import annotations

import os
import shutil
from importlib import import_module, metadata

import click

from sangja.train.jobs.machine import blas, machine_facts, threads

# Optional packages: what they are for, and how to install them.
OPTIONAL = {
    "llvmlite": ("for sangja.compile and fast kernels", "pip install llvmlite"),
    "pillow": ("sangja predict on pictures", "pip install 'sangja[vision]'"),
    "tensorboardX": ("logs for TensorBoard", "pip install 'sangja[tensorboard]'"),
}
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
NAMES = {"cpu": "processor", "os": "system", "python": "Python", "numpy": "NumPy"}


@click.command()
def command() -> None:
    """Tell what is installed here and what is missing."""
    facts = {NAMES.get(name, name): value for name, value in machine_facts().items()}
    set_variables = [f"{v}={os.environ[v]}" for v in THREAD_VARIABLES if v in os.environ]
    facts["threads"] = ", ".join([str(threads()), *set_variables])
    facts["BLAS"] = blas()
    facts["LLVM"] = llvm()
    facts["GPU"] = gpu()
    for name, value in facts.items():
        click.echo(f"{name:<12} {value}")
    missing = []
    for package, (what, install) in OPTIONAL.items():
        version = installed_version(package)
        click.echo(f"{package:<12} {version or 'not installed'}  ({what})")
        if version is None:
            missing.append(f"  for {what}: {install}")
    if missing:
        click.echo("Missing, and needed only if you want it:")
        for line in missing:
            click.echo(line)
    else:
        click.echo("Nothing is missing.")


def installed_version(package: str) -> str | None:
    """The version of an installed package; None if it is not there."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def llvm() -> str:
    """The version of LLVM that llvmlite brings."""
    try:
        binding = import_module("llvmlite.binding")
    except ImportError:
        return "none: everything runs, without native kernels"
    return ".".join(map(str, binding.llvm_version_info))


def gpu() -> str:
    """What is known of a graphics processor."""
    driver = shutil.which("nvidia-smi")
    if driver is None:
        return "none found (no nvidia-smi); everything runs on the CPU"
    return f"an NVIDIA driver is installed ({driver}); training runs on the CPU"

"""PyTorch's hub downloads Python code and runs it; sangja runs no code that it was not given."""

from __future__ import annotations

from typing import Any, NoReturn

from sangja.core.errors import UnsupportedError


def refuse(*args: Any, **kwargs: Any) -> NoReturn:
    """Raises `UnsupportedError`: models are not fetched from a hub."""
    raise UnsupportedError(
        "sangja.hub downloads nothing and runs no code from a repository. Define the model in "
        "Python, download its weights yourself, and read them with "
        "model.load_state_dict(sangja.load(path)): PyTorch's files and safetensors are read"
    )

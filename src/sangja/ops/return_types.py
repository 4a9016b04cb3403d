"""The named tuples of operations with several results: `x.max(dim=0).values`."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

FIELDS = {
    "aminmax": "min max",
    "cummax": "values indices",
    "cummin": "values indices",
    "kthvalue": "values indices",
    "linalg_eig": "eigenvalues eigenvectors",
    "linalg_eigh": "eigenvalues eigenvectors",
    "linalg_lstsq": "solution residuals rank singular_values",
    "linalg_qr": "Q R",
    "linalg_slogdet": "sign logabsdet",
    "linalg_svd": "U S Vh",
    "max": "values indices",
    "median": "values indices",
    "min": "values indices",
    "nanmedian": "values indices",
    "qr": "Q R",
    "sort": "values indices",
    "svd": "U S V",
    "topk": "values indices",
}


def show(self: Any) -> str:
    """PyTorch's text: one field to a line."""
    fields = ",\n".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
    return f"sangja.return_types.{type(self).__name__}(\n{fields})"


def make(name: str) -> Any:
    """The class of the results of operation `name`."""
    base = namedtuple(name, FIELDS[name])  # type: ignore[misc]
    body = {"__slots__": (), "__repr__": show, "__module__": "sangja.return_types"}
    return type(name, (base,), body)


TYPES: dict[str, Any] = {name: make(name) for name in FIELDS}

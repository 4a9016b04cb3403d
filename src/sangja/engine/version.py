"""How a change in place is noticed: one counter per piece of memory, shared by all its views.

Most tensors never meet a view or an in-place write, so a `Version` is made at first need; no
counter means version 0. Memory that others can write behind our back is watched by checksum: an
array *lent* by `Tensor.numpy()` as long as somebody holds it, one *borrowed* by `from_numpy` for
good.
"""

from __future__ import annotations

import weakref
import zlib
from typing import Any

import numpy as np

from sangja.core.errors import GradientError
from sangja.engine.mode import MODE

Array = np.ndarray[Any, Any]


class Loan:
    """What the array that `Tensor.numpy()` gives out has as its base: alive while it is in use."""

    __slots__ = ("__array_interface__", "__weakref__", "owner")

    def __init__(self, array: Array) -> None:
        self.__array_interface__ = array.__array_interface__
        self.owner = array


class Version:
    """`number` counts in-place writes; `where` says which operation wrote last; `memory` is the
    array of the tensor that is no view, at which the storage of all begins."""

    __slots__ = ("borrowed", "loans", "memory", "number", "where")

    def __init__(self, memory: Array) -> None:
        self.memory = memory
        self.number = 0
        self.where = ""
        self.loans: list[list[Any]] | None = None  # [weak reference to the Loan, array, checksum]
        self.borrowed = False

    def check(self, what: str) -> None:
        """Whether `what` may happen: here always."""

    def bump(self, where: str) -> None:
        self.number += 1
        self.where = where

    def lend(self, array: Array) -> Array:
        """The array over the same memory, watched for writes until nobody holds it."""
        loan = Loan(array)
        alive = [entry for entry in self.loans or () if entry[0]() is not None]
        self.loans = [*alive, [weakref.ref(loan), array, checksum(array)]]
        return np.asarray(loan)

    def read(self) -> int:
        """The version number, after a look at what has been lent."""
        if self.loans:
            self._look()
        return self.number

    def token(self, array: Array) -> Any:
        """What to remember beside a kept value, to be held against a later `token`."""
        return (self.read(), checksum(array)) if self.borrowed else self.read()

    def _look(self) -> None:
        for entry in self.loans or ():
            now = checksum(entry[1])
            if now != entry[2]:
                entry[2] = now
                self.bump("a write through the array that numpy() returned")
        self.loans = [entry for entry in self.loans or () if entry[0]() is not None]


class InferenceVersion(Version):
    """That of memory made in `inference_mode`: nothing is counted, so nothing may depend on it."""

    __slots__ = ()

    def check(self, what: str) -> None:
        if not MODE.get().inference:
            raise GradientError(
                f"{what} inference tensor outside InferenceMode is not allowed. You can make a "
                "clone to get a normal tensor before doing it."
            )

    def bump(self, where: str) -> None:
        self.check(f"Inplace update ({where}) to")

    def read(self) -> int:
        raise GradientError("Inference tensors do not track version counter.")

    def token(self, array: Array) -> Any:
        raise GradientError(
            "Inference tensors cannot be saved for backward. To work around you can make a clone "
            "to get a normal tensor and use it in autograd."
        )


INFERENCE = InferenceVersion(np.empty(0))  # stands for one that nobody asked for yet


def checksum(array: Array) -> int:
    """A CRC-32 of an array's bytes (3 GB/s)."""
    return zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data)

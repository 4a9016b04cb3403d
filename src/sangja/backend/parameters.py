"""What a sampler's parameters may be, and how it says no (`SamplingError`, `DTypeError`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from sangja.backend.rounding import Array
from sangja.core.errors import DTypeError, SamplingError

MAX_CATEGORIES = 2**24


def require(condition: bool, text: str) -> None:
    """Raise `SamplingError(text)` unless the condition holds."""
    if not condition:
        raise SamplingError(text)


def floating(dtype: DTypeLike, sampler: str) -> np.dtype[Any]:
    """The dtype, if it is a floating one."""
    kind = np.dtype(dtype)
    if kind.kind != "f":
        raise DTypeError(f"{sampler}: expected a floating dtype, got {kind}; try dtype=float32.")
    return kind


def single_or_double(x: Array, sampler: str) -> Callable[[Any], Any]:
    """The scalar type in which PyTorch computes with the elements of `x`."""
    if x.dtype == np.float32:
        return np.float32
    if x.dtype == np.float64:
        return float
    raise DTypeError(f"{sampler}: expected float32 or float64, got {x.dtype}.")


def largest_count(kind: np.dtype[Any]) -> int:
    """The largest whole number up to which the dtype holds every one."""
    if kind.kind == "b":
        return 1
    return 2 ** (np.finfo(kind).nmant + 1) if kind.kind == "f" else int(np.iinfo(kind).max)


def check_uniform(low: float, high: float, kind: np.dtype[Any]) -> None:
    """low ≤ high, both and their distance within the dtype."""
    most = float(np.finfo(kind).max)
    for name, bound in (("from", low), ("to", high)):
        require(-most <= bound <= most, f"uniform_: {name}={bound} is out of bounds for {kind}.")
    require(
        low <= high,
        f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}.",
    )
    require(
        high - low <= most,
        f"uniform_ expects to - from to fit in {kind}, but found from={low} and to={high}.",
    )


def integer_bounds(low: int, high: int | None, kind: np.dtype[Any]) -> tuple[int, int]:
    """The first and last whole number of [low, high) that the dtype can be given.

    A float dtype moves a bound that it cannot hold inwards: no number is rounded out of range.
    """
    least, most = _limits(kind)
    if high is None:
        last = largest_count(kind)
    else:
        require(
            low < high,
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}.",
        )
        last = high - 1
    for name, bound in (("from", low), ("to - 1", last)):
        require(
            least <= bound <= most,
            f"random_: {name} = {bound} is out of bounds for {kind} ({least} … {most}).",
        )
    if kind.kind == "f":
        low = _first_held(low, kind)
        last = last if high is None else _end_held(high, kind) - 1
        require(low <= last, f"random_: [{low}, {high}) is empty after its bounds became {kind}.")
    return low, last


def _limits(kind: np.dtype[Any]) -> tuple[int, int]:
    if kind.kind == "f":
        most = int(min(float(np.finfo(kind).max), 2.0**63))
        return -most, most
    if kind.kind == "b":
        return 0, 1
    info = np.iinfo(kind)
    return int(info.min), min(int(info.max), 2**63 - 1)


def _step(number: int, kind: np.dtype[Any]) -> int:
    """The distance of floats of the dtype at a whole number too large for it to hold."""
    return int(2 ** (abs(number).bit_length() - 1 - np.finfo(kind).nmant))


def _first_held(low: int, kind: np.dtype[Any]) -> int:
    after = int(kind.type(low + 1))
    return after + _step(low + 1, kind) if after < low else low


def _end_held(high: int, kind: np.dtype[Any]) -> int:
    before = int(kind.type(high - 1))
    return before - _step(high - 1, kind) if before >= high else high


def check_multinomial(weights: Array, num_samples: int, replacement: bool) -> None:
    """Weights as `Generator.multinomial` takes them."""
    floating(weights.dtype, "multinomial")
    require(weights.ndim in (1, 2), f"prob_dist must be 1 or 2 dim, got {weights.ndim}.")
    require(num_samples > 0, f"cannot sample n_sample <= 0 samples, got {num_samples}.")
    categories = weights.shape[-1]
    require(
        replacement or num_samples <= categories,
        "cannot sample n_sample > prob_dist.size(-1) samples without replacement: "
        f"{num_samples} of {categories}; pass replacement=True or fewer samples.",
    )
    require(
        0 < categories <= MAX_CATEGORIES,
        f"multinomial: expected 1 to 2^24 categories, got {categories}.",
    )
    require(
        bool(np.all((weights >= 0) & np.isfinite(weights))),
        "probability tensor contains either `inf`, `nan` or element < 0.",
    )
    require(
        bool(np.all(weights.sum(-1, dtype=np.float64) > 0)),
        "invalid multinomial distribution (sum of probabilities <= 0).",
    )

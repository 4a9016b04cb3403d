"""Samplers that reject: gamma, Poisson and binomial numbers one by one, as PyTorch draws them.

How many uniforms a number takes is known only when it is accepted, so these run element by element
on a stream of float64 uniforms (`uniform()`) and standard normals (`normal()`). Roundings to the
parameter's own dtype are PyTorch's: `kind` is `np.float32` or `float` (float64).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from sangja.backend.rounding import c_log

Draw = Callable[[], float]
Kind = Callable[[Any], Any]

# Constants that PyTorch writes as float32.
THIRD = np.float32(1.0) / np.float32(3.0)
SQUEEZE = float(np.float32(0.0331))

# ln k! − Stirling's formula for k = 0…9.
STIRLING_TAIL = (
    *(0.0810614667953272, 0.0413406959554092, 0.0276779256849983, 0.02079067210376509),
    *(0.0166446911898211, 0.0138761288230707, 0.0118967099458917, 0.0104112652619720),
    *(0.00925546218271273, 0.00833056343336287),
)


def gamma(alpha: float, kind: Kind, uniform: Draw, normal: Draw) -> float:
    """A standard gamma number of shape `alpha` (Marsaglia & Tsang 2000, doi:10.1145/358407.358414).

    For α < 1, γ(α) = γ(α + 1)·U^(1/α).
    """
    shape, scale = kind(alpha), 1.0
    if shape < 1:
        if shape == 0:
            return 0.0
        scale = _power(1.0 - uniform(), float(kind(1) / shape))
        shape = kind(shape + kind(1))
    d = float(kind(shape - kind(THIRD)))
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        y = 0.0
        while y <= 0.0:
            x = normal()
            y = 1.0 + c * x
        v = y * y * y
        u = 1.0 - uniform()
        xx = x * x
        if u < 1.0 - SQUEEZE * xx * xx or math.log(u) < 0.5 * xx + d * (1.0 - v + math.log(v)):
            return scale * d * v


def _power(x: float, exponent: float) -> float:
    """x to a positive exponent, which may be infinite."""
    return 0.0 if math.isinf(exponent) and x < 1.0 else math.pow(x, exponent)


def poisson(rate: float, uniform: Draw) -> int:
    """A Poisson number: products of uniforms below a rate of 10, else transformed rejection (PTRS).

    Source: W. Hörmann, "The transformed rejection method for generating Poisson random
    variables", Insurance: Mathematics and Economics 12, 1993.
    """
    if rate == 0.0:
        return 0
    if rate < 10.0:
        limit, product, count = math.exp(-rate), uniform(), 0
        while product > limit:
            product *= uniform()
            count += 1
        return count
    root, log_rate = math.sqrt(rate), math.log(rate)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_accept = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u, v = uniform() - 0.5, uniform()
        distance = 0.5 - abs(u)
        if distance == 0.0:
            continue
        k = math.floor((2.0 * a / distance + b) * u + rate + 0.43)
        if distance >= 0.07 and v <= v_accept:
            return k
        if k < 0 or (distance < 0.013 and v > distance):
            continue
        log_ratio = c_log(v) + math.log(inverse_alpha) - math.log(a / (distance * distance) + b)
        if log_ratio <= -rate + k * log_rate - math.lgamma(k + 1):
            return k


def binomial(count: float, probability: float, kind: Kind, uniform: Draw) -> float:
    """A binomial number: of n trials, those that succeed.

    Sums of geometric numbers where n·p < 10, else transformed rejection; p > ½ counts failures.
    Source: W. Hörmann, "The generation of binomial random variates", Journal of Statistical
    Computation and Simulation 46, 1993 (algorithm BTRS).
    """
    n, p = kind(count), kind(probability)
    if n <= 0 or p <= 0:
        return 0.0
    if p >= 1:
        return float(n)
    if math.isnan(p) or math.isnan(n):
        return math.nan
    few = p <= 0.5
    q = p if few else kind(1.0 - float(p))
    draw = _transformed if n * q >= 10 else _geometric_sums
    successes = draw(n, q, kind, uniform)
    return successes if few else float(n) - successes


def _geometric_sums(n: Any, p: Any, kind: Kind, uniform: Draw) -> float:
    log_failure = float(kind(math.log1p(-float(p))))
    total, successes = 0.0, 0
    while True:
        u = uniform()
        total += math.ceil(math.log(u) / log_failure) if u > 0.0 else math.inf
        if total > n:
            return float(successes)
        successes += 1


def _transformed(n: Any, p: Any, kind: Kind, uniform: Draw) -> float:
    one = kind(1)
    deviation = math.sqrt(n * p * (one - p)) if kind is float else float(np.sqrt(n * p * (one - p)))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * float(p)
    center = float(n * p) + 0.5
    v_accept = 0.92 - 4.2 / b
    odds = float(p / (one - p))
    alpha = (2.83 + 5.1 / b) * deviation
    mode = math.floor((n + one) * p)
    trials = float(n)
    while True:
        u, v = uniform() - 0.5, uniform()
        distance = 0.5 - abs(u)
        if distance == 0.0:
            continue
        k = float(kind(math.floor((2.0 * a / distance + b) * u + center)))
        if k < 0 or k > trials:
            continue
        if distance >= 0.07 and v <= v_accept:
            return k
        log_ratio = c_log(v * alpha / (a / (distance * distance) + b))
        if log_ratio <= (
            (mode + 0.5) * math.log((mode + 1) / (odds * (trials - mode + 1)))
            + (trials + 1) * math.log((trials - mode + 1) / (trials - k + 1))
            + (k + 0.5) * math.log(odds * (trials - k + 1) / (k + 1))
            + _stirling_tail(mode)
            + _stirling_tail(trials - mode)
            - _stirling_tail(k)
            - _stirling_tail(trials - k)
        ):
            return k


def _stirling_tail(k: float) -> float:
    if k <= 9:
        return STIRLING_TAIL[int(k)]
    square = (k + 1) * (k + 1)
    return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1)

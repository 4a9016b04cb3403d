"""The visible random state: PyTorch's CPU generator on NumPy, bit for bit.

MT19937 gives 32-bit words; everything else is arithmetic on them. "u24" is the low 24 bits of a
word times 2⁻²⁴, "u53" the low 53 bits of two words (high word first) times 2⁻⁵³. "fma" rounds once.

    sampler             recipe                                                        bit-equal for
    rand, uniform       fma(u, high − low, low), u24 (f16, f32) or u53 (f64);         f16 f32 f64
                        what rounds up to `high` becomes `low`
    normal, n ≥ 16      Box–Muller in blocks of 16 (`backend/normals.py`)             f16 f32 f64
    normal, n < 16      Box–Muller by pairs of u53, the second kept for the next      f16 f32 f64
    integers            word mod range; two words from a range of 2²⁸ on              all
    permutation         forward Fisher–Yates, word mod (n − i)                        all
    bernoulli           u24 < p (f16, f32) or u53 < p (f64)                           any
    bernoulli_scalar    u53 < p (dropout keeps with probability 1 − p)                all
    exponential         −log1p(−u53) / rate                                           f16 f32 f64
    geometric           ⌈ln u53 / log1p(−p)⌉                                          all but bool
    cauchy              fma(scale, tan π(u53 − ½), median)                            f16 f32 f64
    log_normal          exp of normals made one by one                                f16 f32 f64
    trunc_normal        rejection from normals, or from uniforms in a far tail        f16 f32 f64
    multinomial         replacement: u53 searched in the cumulated weights; else      f32 f64 (f16:
                        the largest weight / exponential                              one, replaced)
    gamma, poisson,     rejection, one by one (`backend/rejection.py`)                f32 f64
    binomial, dirichlet

Float16 results are the float32 (or float64) ones, rounded. Not bit-equal: `multinomial` without
replacement where chances tie, as in float16 or at weights of zero (PyTorch's top-k leaves ties in
no order), and float64 `dirichlet` of more than three shares (PyTorch sums a row in another order:
an ulp or two, hidden by float32). The C library's `log`, `sin`, … are used where PyTorch calls
them, so float64 equality holds on one machine. A non-contiguous tensor is filled in the order of
its memory; its normals take the one-by-one recipe (`contiguous=False`). Checked against PyTorch
2.13; the measured table is in `docs/random-numbers.md`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from sangja.backend import rejection
from sangja.backend.mersenne import MersenneTwister, OneByOne, Shape
from sangja.backend.normals import BLOCK, fill_normal
from sangja.backend.parameters import (
    check_multinomial,
    check_uniform,
    floating,
    integer_bounds,
    largest_count,
    require,
    single_or_double,
)
from sangja.backend.rounding import Array, c_exp, c_log, fma32, fma64, libm, narrow
from sangja.core.errors import DTypeError, SamplingError

TWO_WORDS_FROM = 2**28  # ranges from here on take two words
PERMUTATION_LIMIT = (2**32 - 1) // 20  # from here on PyTorch permutes by another recipe


class Generator(MersenneTwister):
    """A source of random numbers with PyTorch's CPU stream: the same seed gives the same numbers.

    >>> Generator(0).rand((3,)).tolist()
    [0.49625658988952637, 0.7682217955589294, 0.08847743272781372]
    """

    def rand(self, shape: Shape, dtype: DTypeLike = np.float32) -> Array:
        """Uniform numbers in [0, 1)."""
        return self.uniform(shape, 0.0, 1.0, dtype)

    def uniform(
        self, shape: Shape, low: float = 0.0, high: float = 1.0, dtype: DTypeLike = np.float32
    ) -> Array:
        """Uniform numbers in [low, high): u·(high − low) + low.

        Raises `SamplingError` if low > high or a bound or the range does not fit in the dtype.
        """
        kind = floating(dtype, "uniform")
        check_uniform(low, high, kind)
        work = np.float64 if kind == np.float64 else np.float32
        start, stop = float(work(low)), float(work(high))
        width = float(work(stop) - work(start))

        def draw(n: int) -> Array:
            if work is np.float64:
                uniform = self._u53(n)
                return uniform if (start, width) == (0.0, 1.0) else fma64(uniform, width, start)
            uniform = self._u24(n)
            if (start, width) == (0.0, 1.0):
                return uniform
            return fma32(uniform.astype(np.float64), width, start)

        out = self._fill(shape, kind, draw)
        if (start, stop) != (0.0, 1.0) or kind == np.float16:
            out[out == kind.type(high)] = kind.type(low)
        return out

    # ------------------------------------------------------------------ normals

    def normal(
        self,
        shape: Shape | None = None,
        mean: Any = 0.0,
        std: Any = 1.0,
        dtype: DTypeLike = np.float32,
        contiguous: bool = True,
    ) -> Array:
        """Normal numbers z·std + mean.

        `mean` and `std` may be arrays; then `shape` is theirs (broadcast), and the product and the
        sum are rounded apart, as `torch.normal` does. `contiguous=False` draws as PyTorch fills a
        tensor that is not contiguous. Raises `SamplingError` if std is negative or NaN.
        """
        kind = floating(dtype, "normal")
        if not np.all(np.asarray(std) >= 0.0):
            raise SamplingError(f"normal expects std >= 0.0, but found std {std}.")
        if np.ndim(mean) == 0 and np.ndim(std) == 0:
            return self._normal(() if shape is None else shape, mean, std, kind, contiguous)
        shape = np.broadcast_shapes(np.shape(mean), np.shape(std))
        if np.ndim(std) == 0:
            scaled = self._normal(shape, 0.0, std, kind)
        else:
            scaled = self._normal(shape, 0.0, 1.0, kind)
            scaled *= np.asarray(std, kind)
        scaled += np.asarray(mean, kind)
        return scaled

    def _normal(
        self, shape: Shape, mean: float, std: float, kind: np.dtype[Any], contiguous: bool = True
    ) -> Array:
        n = math.prod(shape)
        if n < BLOCK or not contiguous:
            return narrow(fma64(self._normals(n), std, mean), kind).reshape(shape)
        out = np.empty(n, np.float64 if kind == np.float64 else np.float32)
        draw = self._u53 if kind == np.float64 else self.random_words
        fill_normal(out, draw, float(mean), float(std), draw_rest=kind != np.float16)
        return narrow(out, kind).reshape(shape)

    def log_normal(
        self,
        shape: Shape,
        mean: float = 1.0,
        std: float = 2.0,
        dtype: DTypeLike = np.float32,
    ) -> Array:
        """exp(z·std + mean). Raises `SamplingError` unless std > 0."""
        kind = floating(dtype, "log_normal")
        require(std > 0.0, f"log_normal_ expects std > 0.0, but found std={std}.")
        exponents = fma64(self._normals(math.prod(shape)), std, mean)
        return narrow(libm(c_exp, exponents), kind).reshape(shape)

    def trunc_normal(
        self,
        shape: Shape,
        mean: float = 0.0,
        std: float = 1.0,
        low: float = -2.0,
        high: float = 2.0,
        dtype: DTypeLike = np.float32,
    ) -> Array:
        """Normal numbers that lie in [low, high], as `torch.nn.init.trunc_normal_` draws them.

        Where the interval holds more than 0.3 of the mass: all numbers are drawn again until each
        place has had one inside. Else: uniform candidates, accepted with the density over its peak.
        """
        kind = floating(dtype, "trunc_normal")
        require(std > 0.0, f"trunc_normal expects std > 0.0, but found std {std}.")
        require(low < high, f"trunc_normal expects low < high, but found [{low}, {high}].")
        mass = _normal_mass((low - mean) / std, (high - mean) / std)
        if mass > 0.3:
            return self._trunc_by_normals(shape, mean, std, low, high, kind)
        return self._trunc_by_uniforms(shape, mean, std, low, high, kind)

    def _trunc_by_normals(
        self, shape: Shape, mean: float, std: float, low: float, high: float, kind: np.dtype[Any]
    ) -> Array:
        out = self._normal(shape, mean, std, kind)
        outside = (out < kind.type(low)) | (out > kind.type(high))
        while outside.any():
            out = np.where(outside, self._normal(shape, mean, std, kind), out)
            outside = (out < kind.type(low)) | (out > kind.type(high))
        return out

    def _trunc_by_uniforms(
        self, shape: Shape, mean: float, std: float, low: float, high: float, kind: np.dtype[Any]
    ) -> Array:
        mode = max(low, min(mean, high))
        log_peak = -0.5 * ((mode - mean) / std) ** 2

        def rejected(candidates: Array) -> Array:
            z = (candidates - kind.type(mean)) / kind.type(std)
            log_density = z * z * kind.type(-0.5) - kind.type(log_peak)
            with np.errstate(divide="ignore"):
                return np.asarray(np.log(self.uniform(shape, dtype=kind)) > log_density)

        out = self.uniform(shape, low, high, kind)
        pending = rejected(out)
        while pending.any():
            candidates = self.uniform(shape, low, high, kind)
            out = np.where(pending, candidates, out)
            pending &= rejected(candidates)
        return out

    # ------------------------------------------------------------------ integers

    def integers(
        self,
        low: int | None,
        high: int | None,
        shape: Shape,
        dtype: DTypeLike = np.int64,
    ) -> Array:
        """Whole numbers in [low, high), as `torch.randint` and `Tensor.random_` draw them.

        `high=None`: up to the dtype's largest (floats: to 2^digits). Both None: from 0 up to the
        dtype's largest, the recipe of `random_()`. Raises `SamplingError` for an empty range or one
        that the dtype cannot hold.
        """
        kind = np.dtype(dtype)
        if kind.kind not in "bifu":
            raise DTypeError(f"integers: no random whole numbers of dtype {kind}.")
        if low is None and high is None:
            return self._integers_unbounded(shape, kind)
        low = 0 if low is None else low
        if high is None and low == -(2**63):
            if kind not in (np.int64, np.float32, np.float64):
                raise DTypeError(f"integers: all of 64 bits need int64 or a float, got {kind}.")
            return self._fill(shape, kind, lambda n: self._random_words64(n).view(np.int64))
        first, last = integer_bounds(low, high, kind)
        return self._integers(last - first + 1, first, shape, kind)

    def _integers(self, width: int, base: int, shape: Shape, kind: np.dtype[Any]) -> Array:
        if width < TWO_WORDS_FROM:
            divisor = np.uint32(width)

            def draw(n: int) -> Array:
                return (self.random_words(n) % divisor).astype(np.int64) + base
        else:
            divisor64, base64 = np.uint64(width), np.uint64(base % 2**64)

            def draw(n: int) -> Array:
                return (self._random_words64(n) % divisor64 + base64).view(np.int64)

        return self._fill(shape, kind, draw)

    def _integers_unbounded(self, shape: Shape, kind: np.dtype[Any]) -> Array:
        if kind in (np.uint16, np.uint32, np.uint64):
            raise DTypeError(f"integers: random_() without bounds is not defined for {kind}.")
        count = np.uint64(largest_count(kind) + 1)
        wide = kind in (np.int64, np.float64)

        def draw(n: int) -> Array:
            words = self._random_words64(n) if wide else self.random_words(n)
            return words % count

        return self._fill(shape, kind, draw)

    def permutation(self, n: int, dtype: DTypeLike = np.int64) -> Array:
        """The numbers 0 … n − 1 in random order (`torch.randperm`).

        PyTorch swaps place i with a random place j ≥ i, for i = 0, 1, …. Here all swaps are
        followed backwards at once. What place j holds at time i is j, or what the last swap with
        it, at time t < i, brought: the content of place t at time t, and so on. The times form a
        forest (t's parent is the last swap that came to place t), climbed to its roots by doubling.

        Raises `SamplingError` for n < 0, for n that the dtype cannot count to, and from 214,748,364
        on, where PyTorch's recipe is another.
        """
        kind = np.dtype(dtype)
        require(n >= 0, f"randperm: n must be non-negative, got {n}.")
        require(
            n < PERMUTATION_LIMIT, f"randperm: n must be less than {PERMUTATION_LIMIT}, got {n}."
        )
        require(
            n <= largest_count(kind) + 1,
            f"randperm: n cannot be greater than {largest_count(kind) + 1} for {kind}, got {n}.",
        )
        places = np.arange(n)
        if n < 2:
            return places.astype(kind)
        target = places.copy()
        target[:-1] += self.random_words(n - 1) % np.arange(n, 1, -1, dtype=np.uint32)
        keys = target * n + places
        keys.sort()
        place, time = np.divmod(keys, n)  # the swaps with each place, in order of time
        again = place[1:] == place[:-1]
        now, before = time[1:][again], time[:-1][again]
        came = place != time  # a place's own swap, where j = i, moves nothing
        place, time = place[came], time[came]
        last = np.append(place[1:] != place[:-1], True)[: place.size]
        origin = places
        origin[place[last]] = time[last]
        while not np.array_equal(higher := origin[origin], origin):
            origin = higher
        target[now] = origin[before]
        return target.astype(kind, copy=False)

    # ------------------------------------------------------------------ yes or no

    def bernoulli(self, probability: ArrayLike, dtype: DTypeLike | None = None) -> Array:
        """1 with each element's probability, else 0; in `dtype` or the probabilities' own.

        Raises `SamplingError` unless all lie in [0, 1].
        """
        p = np.asarray(probability)
        floating(p.dtype, "bernoulli")
        require(
            bool(np.all((p >= 0) & (p <= 1))),
            "bernoulli expects all probabilities to be in [0, 1], but found one outside or NaN.",
        )
        draw = self._u53 if p.dtype == np.float64 else self._u24
        uniform = self._fill(p.shape, np.float64 if p.dtype == np.float64 else np.float32, draw)
        return np.asarray(uniform < p).astype(p.dtype if dtype is None else dtype)

    def bernoulli_scalar(self, p: float, shape: Shape, dtype: DTypeLike = np.float32) -> Array:
        """1 with probability `p`, else 0 (`Tensor.bernoulli_(p)`).

        Raises `SamplingError` unless 0 ≤ p ≤ 1.
        """
        require(0.0 <= p <= 1.0, f"bernoulli_ expects p to be in [0, 1], but got p={p}.")
        # u53 < p, said of whole numbers: 53 random bits < ⌈p·2⁵³⌉, compared by halves.
        high, low = divmod(math.ceil(p * 2.0**53), 2**32)

        def draw(n: int) -> Array:
            words = self.random_words(2 * n)
            top = words[0::2] & np.uint32(2**21 - 1)
            return np.asarray((top < high) | ((top == high) & (words[1::2] < low)))

        return self._fill(shape, dtype, draw)

    def dropout_mask(self, shape: Shape, p: float) -> Array:
        """Which elements `dropout(p)` keeps, bool. p = 1 draws nothing, as in PyTorch."""
        require(0.0 <= p <= 1.0, f"dropout probability has to be between 0 and 1, but got {p}.")
        if p == 1.0:
            return np.zeros(shape, np.bool_)
        return self.bernoulli_scalar(1.0 - p, shape, np.bool_)

    # ------------------------------------------------------------------ transformed uniforms

    def _transform(
        self, shape: Shape, kind: np.dtype[Any], function: Callable[[Array], Array]
    ) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            return self._fill(shape, kind, lambda n: narrow(function(self._u53(n)), kind))

    def exponential(self, shape: Shape, rate: float = 1.0, dtype: DTypeLike = np.float32) -> Array:
        """−ln(1 − u) / rate. Raises `SamplingError` unless rate > 0."""
        kind = floating(dtype, "exponential")
        require(rate > 0.0, f"exponential_ expects lambda > 0.0, but found lambda={rate}.")
        return self._transform(shape, kind, lambda u: -1.0 / rate * libm(math.log1p, -u))

    def geometric(self, shape: Shape, p: float, dtype: DTypeLike = np.float32) -> Array:
        """⌈ln u / ln(1 − p)⌉, the trials up to the first success.

        Raises `SamplingError` unless 0 < p < 1.
        """
        require(0.0 < p < 1.0, f"geometric_ expects p to be in (0, 1), but got p={p}.")
        log_failure = math.log1p(-p)
        return self._transform(
            shape, np.dtype(dtype), lambda u: np.ceil(libm(c_log, u) / log_failure)
        )

    def cauchy(
        self, shape: Shape, median: float = 0.0, scale: float = 1.0, dtype: DTypeLike = np.float32
    ) -> Array:
        """median + scale·tan π(u − ½). Raises `SamplingError` unless scale > 0."""
        kind = floating(dtype, "cauchy")
        require(scale > 0.0, f"cauchy_ expects sigma > 0.0, but found sigma={scale}.")
        return self._transform(
            shape, kind, lambda u: fma64(libm(math.tan, math.pi * (u - 0.5)), scale, median)
        )

    # ------------------------------------------------------------------ choices

    def multinomial(self, weights: ArrayLike, num_samples: int, replacement: bool = False) -> Array:
        """Indices drawn with probability proportional to `weights`, (n,) or (rows, n); int64.

        Raises `SamplingError` for weights below 0, not finite or summing to 0, and for more samples
        than weights without replacement.
        """
        w = np.asarray(weights)
        check_multinomial(w, num_samples, replacement)
        shape = (*w.shape[:-1], num_samples)
        if math.prod(shape) == 0:
            return np.empty(shape, np.int64)
        if replacement and num_samples > 1:  # one sample is drawn without
            rows = w.reshape(-1, w.shape[-1])
            return np.stack([self._choices(row, num_samples) for row in rows]).reshape(shape)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            chances = w / self.exponential(w.shape, 1.0, w.dtype)
        if num_samples == 1:
            return np.asarray(np.argmax(chances, axis=-1, keepdims=True))
        return np.argsort(-chances, axis=-1, kind="stable")[..., :num_samples]

    def _choices(self, weights: Array, count: int) -> Array:
        work = np.float64 if weights.dtype == np.float64 else np.float32
        cumulated: Array = np.cumsum(weights, dtype=work)
        cumulated /= cumulated[-1]
        cumulated[-1] = 1.0
        return np.searchsorted(cumulated.astype(np.float64), self._u53(count), side="left")

    # ------------------------------------------------------------------ rejection, one by one

    def standard_gamma(self, alpha: ArrayLike) -> Array:
        """Gamma numbers of rate 1 for each shape α ≥ 0, in its dtype, from its least normal on."""
        a = np.asarray(alpha)
        kind = single_or_double(a, "standard_gamma")
        require(bool(np.all(a >= 0)), "standard_gamma expects all alpha >= 0, but found one below.")
        gammas = self._gammas(a, kind).astype(a.dtype)
        return np.asarray(np.maximum(gammas, np.finfo(a.dtype).tiny))

    def _gammas(self, alpha: Array, kind: Callable[[Any], Any]) -> Array:
        stream = OneByOne(self)
        with np.errstate(over="ignore"):
            values = [
                rejection.gamma(a, kind, stream.uniform, stream.normal)
                for a in alpha.ravel().tolist()
            ]
        stream.close()
        return np.array(values, np.float64).reshape(alpha.shape)

    def dirichlet(self, alpha: ArrayLike) -> Array:
        """Rows of γᵢ / Σγ, γᵢ a gamma number of shape αᵢ: positive, summing to 1; in α's dtype."""
        a = np.asarray(alpha)
        single_or_double(a, "dirichlet")
        require(bool(np.all(a >= 0)), "dirichlet expects all alpha >= 0, but found one below.")
        gammas = np.maximum(self._gammas(a, float), np.finfo(np.float64).tiny)
        shares = (gammas / gammas.sum(-1, keepdims=True)).astype(a.dtype)
        below_one = np.nextafter(a.dtype.type(1), a.dtype.type(0))
        return np.asarray(np.clip(shares, np.finfo(a.dtype).tiny, below_one))

    def poisson(self, rate: ArrayLike) -> Array:
        """Poisson numbers of each rate ≥ 0, in rate's dtype."""
        r = np.asarray(rate)
        floating(r.dtype, "poisson")
        require(
            bool(np.all((r >= 0) & np.isfinite(r))),
            "invalid Poisson rate, expected rate to be non-negative and finite.",
        )
        stream = OneByOne(self)
        values = [rejection.poisson(x, stream.uniform) for x in r.ravel().tolist()]
        stream.close()
        return np.array(values, np.float64).reshape(r.shape).astype(r.dtype)

    def binomial(self, count: ArrayLike, probability: ArrayLike) -> Array:
        """How many of `count` trials succeed, each with `probability`; in count's dtype."""
        n, p = np.broadcast_arrays(count, probability)
        kind = single_or_double(n, "binomial")
        stream = OneByOne(self)
        values = [
            rejection.binomial(trials, chance, kind, stream.uniform)
            for trials, chance in zip(n.ravel().tolist(), p.ravel().tolist(), strict=True)
        ]
        stream.close()
        return np.array(values, np.float64).reshape(n.shape).astype(n.dtype)


def _normal_mass(low: float, high: float) -> float:
    """How much of the standard normal distribution lies in [low, high]."""
    root = math.sqrt(2.0)
    return (1.0 + math.erf(high / root)) / 2.0 - (1.0 + math.erf(low / root)) / 2.0


# The visible random state of the library. Unseeded programs differ run by run, as with PyTorch.
default_generator = Generator()
default_generator.seed()

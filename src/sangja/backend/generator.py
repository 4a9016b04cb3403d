"""PyTorch's CPU random numbers on NumPy, bit for bit.

PyTorch's generator is MT19937, the word stream of `np.random.RandomState`. `u32` is one word, `u64` two
(the first is the high half), `u53` = (u64 mod 2⁵³)·2⁻⁵³.

    rand, uniform        float32: (u32 mod 2²⁴)·2⁻²⁴; float64: u53; float16: (u32 mod 2¹¹)·2⁻¹¹; then
                         one fused multiply-add to [low, high)
    normal               up to 15 elements: Box-Muller on u53, one value kept for the next call;
                         from 16 on: `normals.fill`, in blocks of 16
    integers             low + u32 mod range; u64 from a range of 2³² on
    permutation          forward Fisher-Yates with u32 mod (n − i)
    bernoulli            an array of p: 24-bit uniform < p; one p for all (dropout): u53 < p
    exponential, geometric, cauchy, log_normal      from u53 (or normals), in float64
    multinomial          one draw or without replacement: the largest p/Exp(1); else u53 in the
                         cumulative sum

All are equal to PyTorch 2.13 (on a machine with AVX2; elsewhere PyTorch's own normals may differ by an
ulp), as `tests/test_generator.py` checks.
"""

from __future__ import annotations

import math
import secrets
from typing import Any

import numpy as np

from sangja.backend import normals
from sangja.core.errors import ArgumentError, ArgumentTypeError, DTypeError

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]

DEFAULT_SEED = 67280421310721  # PyTorch's
WORDS = 624  # of MT19937's state
# PyTorch's own layout of a saved state, 5056 bytes
STATE = np.dtype(
    [
        ("seed", "<u8"),
        ("left", "<i4"),
        ("seeded", "<i4"),
        ("next", "<u8"),
        ("words", "<u8", WORDS),
        ("normal_x", "<f8"),
        ("normal_y", "<f8"),
        ("normal_rho", "<f8"),
        ("normal_is_valid", "<i4"),
        ("padding", "<i4"),
        ("float_normal", "<f4"),
        ("float_normal_is_valid", "<u4"),
    ]
)


class Generator:
    """A stream of random numbers. `Generator(0)` gives what PyTorch gives after `manual_seed(0)`."""

    def __init__(self, seed: int = DEFAULT_SEED) -> None:
        self.manual_seed(seed)

    def manual_seed(self, seed: int) -> Generator:
        """Start again from `seed`, of which MT19937 takes the low 32 bits."""
        if not isinstance(seed, (int, np.integer)):
            raise ArgumentTypeError(f"manual_seed expects an int, not {type(seed).__name__}")
        seed = int(seed)
        if not -(2**63) <= seed < 2**64:
            raise ArgumentError(f"Overflow when unpacking long: the seed {seed} has over 64 bits")
        self._seed = seed % 2**64
        self._stream = np.random.RandomState(self._seed & 0xFFFFFFFF)
        self._spare: float | None = None
        return self

    def initial_seed(self) -> int:
        """The seed that this stream started from."""
        return self._seed

    def seed(self) -> int:
        """Start again from a seed taken from the operating system; returns it."""
        seed = secrets.randbits(64)
        self.manual_seed(seed)
        return seed

    # -- the state, interchangeable with torch.get_rng_state() -------------------------------

    def get_state(self) -> Array:
        """The state as PyTorch saves it: 5056 bytes."""
        _, words, position, *_ = self._stream.get_state()
        state = np.zeros((), STATE)
        state["seed"], state["seeded"] = self._seed, 1
        state["left"] = 1 if position == WORDS else WORDS + 1 - int(position)
        state["next"] = position
        state["words"] = words
        if self._spare is not None:
            state["normal_y"], state["normal_is_valid"] = self._spare, 1
        return np.frombuffer(state.tobytes(), np.uint8).copy()

    def set_state(self, state: Array) -> Generator:
        """Go on from a saved state, of ours or of PyTorch."""
        data = np.ascontiguousarray(state)
        if data.dtype != np.uint8:
            raise ArgumentTypeError("RNG state must be a torch.ByteTensor (uint8)")
        if data.nbytes != STATE.itemsize:
            raise ArgumentError(
                f"Expected a CPUGeneratorImplState of size {STATE.itemsize} but found the input "
                f"RNG state size to be {data.nbytes}"
            )
        found = data.view(STATE)[0]
        if not found["seeded"] or not 0 < int(found["left"]) <= WORDS:
            raise ArgumentError("Invalid mt19937 state")
        position = WORDS if found["left"] == 1 else int(found["next"])
        self._seed = int(found["seed"])
        self._stream = np.random.RandomState()
        self._stream.set_state(("MT19937", found["words"].astype(np.uint32), position))
        self._spare = float(found["normal_y"]) if found["normal_is_valid"] else None
        return self

    def clone_state(self) -> Generator:
        """Another generator at the same place."""
        return Generator().set_state(self.get_state())

    # -- words ---------------------------------------------------------------------------------

    def u32(self, n: int) -> Array:
        """n words of 32 random bits."""
        return self._stream.randint(0, 2**32, n, np.uint32)

    def u64(self, n: int) -> Array:
        """n times 64 random bits, the first of two words high."""
        words = self.u32(2 * n).astype(np.uint64)
        return words[0::2] << np.uint64(32) | words[1::2]

    def u53(self, n: int) -> Array:
        """n doubles, uniform in [0, 1) in steps of 2⁻⁵³."""
        return (self.u64(n) & np.uint64(2**53 - 1)).astype(np.float64) * 2.0**-53

    # -- uniform -------------------------------------------------------------------------------

    def rand(self, shape: Shape, dtype: Any = np.float32) -> Array:
        """Uniform in [0, 1)."""
        n, kind = math.prod(shape), np.dtype(dtype)
        if kind == np.float32:
            bits = self.u32(n)
            bits &= np.uint32(0xFFFFFF)
            values = bits.astype(np.float32)
            values *= np.float32(2**-24)
        elif kind == np.float64:
            values = self.u53(n)
        elif kind == np.float16:
            values = ((self.u32(n) & np.uint32(0x7FF)).astype(np.float32) * 2**-11).astype(kind)
        else:
            raise DTypeError(f"rand: random numbers in [0, 1) need a float dtype, not {kind}")
        return values.reshape(shape)

    def uniform(
        self, shape: Shape, low: float = 0.0, high: float = 1.0, dtype: Any = np.float32
    ) -> Array:
        """Uniform in [low, high)."""
        if low > high:
            raise ArgumentError(
                f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}"
            )
        values = self.rand(shape, dtype)
        if values.dtype == np.float64:
            return values * (high - low) + low
        # One rounding, as a fused multiply-add: products of two float32 are exact in float64.
        wide = values.astype(np.float64)
        wide *= np.float64(np.float32(np.float32(high) - np.float32(low)))
        wide += np.float64(np.float32(low))
        return wide.astype(np.float32).astype(values.dtype, copy=False)

    # -- normal --------------------------------------------------------------------------------

    def normal(
        self, shape: Shape, mean: float = 0.0, std: float = 1.0, dtype: Any = np.float32
    ) -> Array:
        """Normal with the given mean and standard deviation."""
        if std < 0:
            raise ArgumentError(f"normal expects std >= 0.0, but found std {std}")
        n, kind = math.prod(shape), np.dtype(dtype)
        if kind.kind != "f":
            raise DTypeError(f"normal: normal numbers need a float dtype, not {kind}")
        if n < 16:
            values = np.array([self._one_normal() * std + mean for _ in range(n)], np.float64)
            return values.astype(kind).reshape(shape)
        values = self.rand((n,), kind)
        whole = n - n % 16
        values[:whole] = normals.fill(values[:whole], mean, std)
        if n % 16:
            values[-16:] = normals.fill(self.rand((16,), kind), mean, std)
        return values.reshape(shape)

    def normal_sequence(self, n: int) -> Array:
        """n standard normals drawn one by one, in float64: for samplers that build on them."""
        return np.array([self._one_normal() for _ in range(n)], np.float64)

    def _one_normal(self) -> float:
        """Box-Muller; the sine is kept for the next call."""
        if self._spare is not None:
            value, self._spare = self._spare, None
            return value
        angle, radius = self.u53(2)
        r, t = math.sqrt(-2.0 * math.log1p(-radius)), 2.0 * math.pi * angle
        self._spare = r * math.sin(t)
        return r * math.cos(t)

    # -- integers ------------------------------------------------------------------------------

    def integers(self, low: int | None, high: int | None, shape: Shape, dtype: Any) -> Array:
        """Uniform integers in [low, high); with None for both, over the range of the dtype as
        `Tensor.random_()` takes it (not negative; whole numbers up to 2^digits for floats)."""
        n, kind = math.prod(shape), np.dtype(dtype)
        if high is None:
            size = self._natural_range(kind)
            low = 0
        else:
            low = 0 if low is None else int(low)
            size = int(high) - low
            if size <= 0:
                raise ArgumentError(
                    f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
                )
        if size >= 2**32 or (high is None and kind.itemsize == 8):
            values = self.u64(n) % np.uint64(size)
        else:
            values = (self.u32(n) % np.uint32(size)).astype(np.uint64)
        return (values.astype(np.int64) + np.int64(low)).astype(kind).reshape(shape)

    @staticmethod
    def _natural_range(kind: np.dtype[Any]) -> int:
        if kind.kind == "f":
            return int(2 ** (np.finfo(kind).nmant + 1)) + 1
        return 2 if kind == bool else int(np.iinfo(kind).max) + 1

    def permutation(self, n: int) -> Array:
        """0 … n − 1 in random order."""
        steps = (self.u32(max(n - 1, 0)) % np.arange(n, 1, -1, dtype=np.uint32)).tolist()
        order = list(range(n))
        for i, step in enumerate(steps):
            j = i + step
            order[i], order[j] = order[j], order[i]
        return np.array(order, np.int64)

    # -- yes or no -----------------------------------------------------------------------------

    def bernoulli(self, p: Array) -> Array:
        """True with the probabilities in an array, as `torch.bernoulli(tensor)`."""
        if p.size and not bool(np.all((p >= 0) & (p <= 1))):
            raise ArgumentError("Expected p_in >= 0 && p_in <= 1 to be true for every probability")
        return self.rand(p.shape, p.dtype) < p

    def bernoulli_scalar(self, p: float, shape: Shape) -> Array:
        """True with one probability, as `Tensor.bernoulli_(p)` and dropout's mask."""
        if not 0 <= p <= 1:
            raise ArgumentError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
        return (self.u53(math.prod(shape)) < p).reshape(shape)

    # -- others --------------------------------------------------------------------------------

    def exponential(self, shape: Shape, lambd: float = 1.0, dtype: Any = np.float32) -> Array:
        """Exponential with rate `lambd`."""
        if lambd <= 0:
            raise ArgumentError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
        values = np.log1p(-self.u53(math.prod(shape)))
        return (-1.0 / lambd * values).astype(dtype).reshape(shape)

    def geometric(self, shape: Shape, p: float, dtype: Any = np.float32) -> Array:
        """The number of trials up to the first success of probability p."""
        if not 0 < p < 1:
            raise ArgumentError(f"geometric_ expects p to be in (0, 1), but got p={p}")
        with np.errstate(divide="ignore"):
            values = np.ceil(np.log(self.u53(math.prod(shape))) / math.log1p(-p))
        return values.astype(dtype).reshape(shape)

    def cauchy(
        self, shape: Shape, median: float = 0.0, sigma: float = 1.0, dtype: Any = np.float32
    ) -> Array:
        """Cauchy with the given median and half width."""
        if sigma <= 0:
            raise ArgumentError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
        values = median + sigma * np.tan(math.pi * (self.u53(math.prod(shape)) - 0.5))
        return values.astype(dtype).reshape(shape)

    def log_normal(
        self, shape: Shape, mean: float = 1.0, std: float = 2.0, dtype: Any = np.float32
    ) -> Array:
        """exp of a normal, drawn one by one."""
        if std <= 0:
            raise ArgumentError(f"log_normal_ expects std > 0.0, but found std={std}")
        values = self.normal_sequence(math.prod(shape)) * std + mean
        return np.exp(values).astype(dtype).reshape(shape)

    def multinomial(self, weights: Array, num_samples: int, replacement: bool = False) -> Array:
        """`num_samples` indices for each row of `weights` (one row or several), index i with a
        probability proportional to its weight."""
        check_weights(weights, num_samples, replacement)
        if not replacement or num_samples == 1:
            race = self.exponential(weights.shape, 1.0, weights.dtype)
            with np.errstate(all="ignore"):
                scores = weights / race
            if num_samples == 1:
                return scores.argmax(-1, keepdims=True)
            return np.argsort(-scores, -1, kind="stable")[..., :num_samples]
        rows = weights.reshape(-1, weights.shape[-1])
        drawn = self.u53(len(rows) * num_samples).reshape(len(rows), num_samples)
        picks = []
        for row, uniform in zip(rows, drawn, strict=True):
            ladder = np.cumsum(row)
            ladder = ladder / ladder[-1]
            ladder[-1] = 1
            picks.append(np.searchsorted(ladder.astype(np.float64), uniform))
        return np.array(picks, np.int64).reshape(*weights.shape[:-1], num_samples)


def check_weights(weights: Array, num_samples: int, replacement: bool) -> None:
    """What `multinomial` cannot draw from."""
    if weights.dtype.kind != "f":
        raise DTypeError("multinomial only supports floating-point dtypes for input")
    if weights.ndim not in (1, 2) or not weights.shape[-1]:
        raise ArgumentError("prob_dist must be 1 or 2 dim, with at least one category")
    if num_samples <= 0:
        raise ArgumentError("cannot sample n_sample <= 0 samples")
    if not replacement and num_samples > weights.shape[-1]:
        raise ArgumentError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement: "
            f"{num_samples} of {weights.shape[-1]}"
        )
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ArgumentError("probability tensor contains either `inf`, `nan` or element < 0")
    if not (weights.sum(-1) > 0).all():
        raise ArgumentError("invalid multinomial distribution (sum of probabilities <= 0)")


default_generator = Generator()

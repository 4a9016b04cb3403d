"""MT19937 as PyTorch keeps it: seeds, the bytes of its state, words, uniforms, waiting normals."""

from __future__ import annotations

import functools
import operator
import os
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from sangja.backend.normals import box_muller
from sangja.backend.rounding import Array
from sangja.core.errors import ArgumentError, ArgumentTypeError, StateError

Shape = tuple[int, ...]

DEFAULT_SEED = 67280421310721  # the seed of a `torch.Generator()`
CHUNK = 4 * 1024  # elements per pass, so that the passes over them stay in the cache

# The bytes of `torch.Generator.get_state()`: the C struct that PyTorch has kept since Lua Torch.
STATE = np.dtype(
    {
        "names": ["seed", "left", "seeded", "next", "key", "normal", "has_normal"],
        "formats": ["<u8", "<i4", "<i4", "<u8", ("<u8", 624), "<f8", "<i4"],
        "offsets": [0, 8, 12, 16, 24, 5024, 5040],
        "itemsize": 5056,
    }
)


class MersenneTwister:
    """The state of a generator and the raw material of its samplers."""

    def __init__(self, seed: int = DEFAULT_SEED) -> None:
        self.manual_seed(seed)

    @functools.cached_property
    def _words(self) -> np.random.MT19937:
        """The words, from the seed on; made at the first draw, so that `import sangja` does not
        load NumPy's random numbers, which takes a hundredth of a second."""
        words = np.random.MT19937(0)
        seeded: Any = np.random.RandomState(self._seed % 2**32).get_state(legacy=False)
        words.state = seeded
        return words

    # ------------------------------------------------------------------ state

    def manual_seed(self, seed: int) -> Self:
        """Start again from `seed`, −2⁶³ … 2⁶⁴ − 1 (a negative one means seed + 2⁶⁴); returns self.

        The stream depends on the low 32 bits only.
        """
        try:
            number = operator.index(seed)
        except TypeError:
            raise ArgumentTypeError(
                f"manual_seed: expected a whole number, got {type(seed).__name__} {seed!r}."
            ) from None
        if not -(2**63) <= number < 2**64:
            raise ArgumentError(
                f"manual_seed: the seed must fit in 64 bits (-2**63 … 2**64 - 1), got {number}."
            )
        self._seed = number % 2**64
        self.__dict__.pop("_words", None)
        self._spare: float | None = None
        return self

    def initial_seed(self) -> int:
        """The seed last set, as a number in 0 … 2⁶⁴ − 1."""
        return self._seed

    def seed(self) -> int:
        """Start again from a seed that the operating system draws; returns it."""
        return self.manual_seed(int.from_bytes(os.urandom(8), "little")).initial_seed()

    def clone(self) -> Self:
        """Another generator in the same state."""
        return type(self)().set_state(self.get_state())

    def get_state(self) -> Array:
        """The state as 5056 bytes (uint8), the same as those of `torch.Generator.get_state()`."""
        words = self._words.state["state"]
        key, position = words["key"].astype(np.uint64), int(words["pos"])
        state = np.zeros((), STATE)
        state["seed"], state["seeded"], state["key"] = self._seed, 1, key
        state["left"] = max(625 - position, 1)
        state["next"] = 0 if position == 624 and _is_seed_key(key) else position
        if self._spare is not None:
            state["normal"], state["has_normal"] = self._spare, 1
        return np.frombuffer(state.tobytes(), np.uint8).copy()

    def set_state(self, state: ArrayLike) -> Self:
        """Continue from the bytes of `get_state()`, ours or PyTorch's; returns self."""
        data = np.asarray(state)
        if data.dtype != np.uint8:
            raise ArgumentTypeError(
                f"set_state: RNG state must be uint8 (a ByteTensor), got {data.dtype}."
            )
        if data.size != STATE.itemsize:
            raise StateError(
                f"set_state: expected a state of {STATE.itemsize} bytes, but found {data.size}."
            )
        fields = np.frombuffer(data.tobytes(), STATE)[0]
        left, position = int(fields["left"]), int(fields["next"])
        fresh = (left, position) == (1, 0)
        if not fields["seeded"] or not (fresh or (0 < left <= 624 and left + position == 625)):
            raise StateError(
                f"set_state: Invalid mt19937 state: seeded {int(fields['seeded'])}, {left} words "
                f"left of 624, next {position}. Pass the unchanged bytes of a get_state()."
            )
        self._seed = int(fields["seed"])
        self._set_words(fields["key"].astype(np.uint32), 624 if fresh else position)
        self._spare = float(fields["normal"]) if fields["has_normal"] else None
        return self

    def _set_words(self, key: Array, position: int) -> None:
        self._words.state = {
            "bit_generator": "MT19937",
            "state": {"key": key, "pos": position},
        }

    # ------------------------------------------------------------------ words and uniforms

    def random_words(self, n: int) -> Array:
        """The next `n` words of the stream, uint32."""
        return self._words.random_raw(n).astype(np.uint32)

    def _random_words64(self, n: int) -> Array:
        pairs = self.random_words(2 * n).astype("<u4", copy=False).view("<u8")
        return (pairs << np.uint64(32)) | (pairs >> np.uint64(32))  # the first word is the high one

    def _u24(self, n: int) -> Array:
        words = self.random_words(n)
        words &= np.uint32(0xFFFFFF)
        uniform = words.view(np.int32).astype(np.float32)
        uniform *= np.float32(2.0**-24)
        return uniform

    def _u53(self, n: int) -> Array:
        words = self._random_words64(n)
        words &= np.uint64(2**53 - 1)
        uniform = words.view(np.int64).astype(np.float64)
        uniform *= 2.0**-53
        return uniform

    def _fill(self, shape: Shape, dtype: DTypeLike, draw: Callable[[int], Array]) -> Array:
        """An array of `draw(n)`'s, made in pieces that stay in the cache."""
        out = np.empty(shape, dtype)
        flat = out.reshape(-1)
        for start in range(0, flat.size, CHUNK):
            piece = flat[start : start + CHUNK]
            piece[...] = draw(piece.size)
        return out

    def _normals(self, n: int) -> Array:
        """`n` standard normals (float64) one by one: the second of a pair may wait in `_spare`."""
        made: list[float] = []
        if n and self._spare is not None:
            made.append(self._spare)
            self._spare = None
        uniforms = iter(self._u53((n - len(made) + 1) // 2 * 2).tolist())
        for u1, u2 in zip(uniforms, uniforms, strict=True):
            made.extend(box_muller(u1, u2))
        if len(made) > n:
            self._spare = made.pop()
        return np.array(made, np.float64)


class OneByOne:
    """Uniforms and normals one at a time, for samplers that cannot say how many they need.

    Words are drawn ahead in blocks; `close` puts the unused ones back.
    """

    BLOCK = 256

    def __init__(self, generator: MersenneTwister) -> None:
        self.generator = generator
        self.block: list[float] = []
        self.used = 0

    def uniform(self) -> float:
        """The next u53."""
        if self.used == len(self.block):
            self.before = self.generator._words.state
            self.block, self.used = self.generator._u53(self.BLOCK).tolist(), 0
        self.used += 1
        return self.block[self.used - 1]

    def normal(self) -> float:
        """The next standard normal."""
        spare, self.generator._spare = self.generator._spare, None
        if spare is not None:
            return spare
        first, self.generator._spare = box_muller(self.uniform(), self.uniform())
        return first

    def close(self) -> None:
        """Leave the generator just after the last uniform used."""
        if self.used < len(self.block):
            self.generator._words.state = self.before
            self.generator.random_words(2 * self.used)


def _is_seed_key(key: Array) -> bool:
    """Whether the key is a seed's own, not yet twisted: PyTorch then says `next` is 0, not 624."""
    first = int(key[0])
    return int(key[1]) == (1812433253 * (first ^ (first >> 30)) + 1) % 2**32

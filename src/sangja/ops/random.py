"""Random tensors. With the same seed the same numbers as PyTorch on a CPU, to the last bit.

Every function draws from the default generator, or from the one given as `generator`; which word
goes where is written down in `backend/generator.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from sangja.backend import generator as backend
from sangja.backend.generator import default_generator
from sangja.core import dtypes
from sangja.core.device import CPU, Device, check_device
from sangja.core.errors import ArgumentTypeError, DTypeError
from sangja.core.shapes import check_sizes, shape_from
from sangja.engine import Primitive, Tensor, apply, wrap
from sangja.engine.inplace import check_writable, overwrite
from sangja.engine.mode import MODE
from sangja.ops.arguments import as_tensor
from sangja.ops.create import finish, to_dtype

Array = np.ndarray[Any, Any]


class Generator(backend.Generator):
    """A stream of random numbers of its own: `sangja.Generator().manual_seed(0)`."""

    def __init__(self, device: Any = "cpu") -> None:
        check_device(device)
        super().__init__()

    @property
    def device(self) -> Device:
        """Where it draws: the CPU."""
        return CPU

    def get_state(self) -> Any:
        """The state as PyTorch saves it, a tensor of 5056 bytes."""
        return wrap(super().get_state())

    def set_state(self, state: Any) -> Generator:
        """Go on from a saved state, of ours or of PyTorch."""
        return super().set_state(state.array if isinstance(state, Tensor) else state)

    def clone_state(self) -> Generator:
        """Another generator at the same place."""
        return Generator().set_state(self.get_state())


class Draw(Primitive):
    """z = new random numbers"""

    def forward(xp, *, draw):
        return draw()


class Sample(Primitive):
    """z = a random number for each element of x, of which it is a parameter; without a
    derivative"""

    def forward(xp, x, *, draw):
        return draw(x)

    def dx(g):
        return g * 0


# -- the default generator --------------------------------------------------------------------


def manual_seed(seed: int) -> backend.Generator:
    """Start the default generator again from `seed`.

    >>> import sangja
    >>> _ = sangja.manual_seed(0)
    >>> sangja.rand(2)
    tensor([0.4963, 0.7682])
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Start the default generator again from a seed of the operating system; returns it."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default generator started from."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default generator, a tensor of bytes that PyTorch understands as well."""
    return wrap(default_generator.get_state())


def set_rng_state(new_state: Tensor) -> None:
    """Let the default generator go on from a state."""
    default_generator.set_state(new_state.array)


@contextmanager
def fork_rng(devices: Any = None, enabled: bool = True, **unused: Any) -> Iterator[None]:
    """What is drawn inside leaves the default generator as it was before."""
    state = default_generator.get_state()
    try:
        yield
    finally:
        if enabled:
            default_generator.set_state(state)


# -- new tensors ------------------------------------------------------------------------------


def drawn(draw: Callable[[], Array], device: Any = None, requires_grad: bool = False) -> Tensor:
    """A new tensor of what `draw` gives; whoever watches learns how to draw again."""
    check_device(device)
    z = finish(draw(), requires_grad)
    watch = MODE.get().watch
    if watch is not None:
        watch(Draw, (), {"draw": draw}, z)
    return z


def source(generator: Any) -> backend.Generator:
    """The generator to draw from."""
    if generator is None:
        return default_generator
    if not isinstance(generator, backend.Generator):
        raise ArgumentTypeError(f"generator must be a Generator, not {type(generator).__name__}")
    return generator


def rand(
    *sizes: Any,
    size: Any = None,
    generator: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Uniform in [0, 1), of shape `size`."""
    if size is not None:
        sizes = (size,)
    shape = check_sizes(shape_from(sizes))
    draw = functools.partial(source(generator).rand, shape, to_dtype(dtype))
    return drawn(draw, device, requires_grad)


def randn(
    *sizes: Any,
    size: Any = None,
    generator: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Standard normal, of shape `size`."""
    if size is not None:
        sizes = (size,)
    shape = check_sizes(shape_from(sizes))
    draw = functools.partial(source(generator).normal, shape, dtype=to_dtype(dtype))
    return drawn(draw, device, requires_grad)


def randint(
    *args: Any,
    low: int = 0,
    high: int | None = None,
    size: Any = None,
    generator: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Uniform integers in [low, high): `randint(high, size)` or `randint(low, high, size)`."""
    bounds = list(args)
    if size is None:
        if not bounds or isinstance(bounds[-1], int):
            raise ArgumentTypeError("randint() missing the argument 'size', a tuple")
        size = bounds.pop()
    low, high = integer_range(bounds, low, high, "randint")
    kind = np.dtype(np.int64) if dtype is None else dtypes.to_numpy(dtype)
    shape = check_sizes(shape_from((size,)))
    draw = functools.partial(source(generator).integers, low, high, shape, kind)
    return drawn(draw, device, requires_grad)


def integer_range(bounds: list[Any], low: int, high: int | None, name: str) -> tuple[int, int]:
    """(low, high) of what may have been given in order or by name."""
    if len(bounds) == 2:
        low, high = bounds
    elif len(bounds) == 1:
        low, high = (low, bounds[0]) if high is None else (bounds[0], high)
    if high is None or len(bounds) > 2:
        raise ArgumentTypeError(f"{name}() expects (high, …) or (low, high, …)")
    return int(low), int(high)


def randperm(
    n: int,
    *,
    generator: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """The numbers 0 … n − 1 in random order."""
    kind = np.dtype(np.int64) if dtype is None else dtypes.to_numpy(dtype)
    draw = functools.partial(source(generator).permutation, n, kind)
    return drawn(draw, device, requires_grad)


def rand_like(input: Tensor, *, dtype: Any = None, **options: Any) -> Tensor:
    """Uniform in [0, 1), in the shape and dtype of another tensor."""
    options.pop("memory_format", None)
    return rand(input.array.shape, dtype=input.array.dtype if dtype is None else dtype, **options)


def randn_like(input: Tensor, *, dtype: Any = None, **options: Any) -> Tensor:
    """Standard normal, in the shape and dtype of another tensor."""
    options.pop("memory_format", None)
    return randn(input.array.shape, dtype=input.array.dtype if dtype is None else dtype, **options)


def randint_like(
    input: Tensor,
    *args: Any,
    low: int = 0,
    high: int | None = None,
    dtype: Any = None,
    **options: Any,
) -> Tensor:
    """Uniform integers in [low, high), in the shape and dtype of another tensor."""
    options.pop("memory_format", None)
    bounds = integer_range(list(args), low, high, "randint_like")
    kind = input.array.dtype if dtype is None else dtype
    return randint(*bounds, size=input.array.shape, dtype=kind, **options)


# -- from parameters in tensors ---------------------------------------------------------------


def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal with a mean and a standard deviation for each element (tensors), or with the same for
    all elements of shape `size`."""
    stream = source(generator)
    if not isinstance(mean, Tensor) and not isinstance(std, Tensor):
        if size is None:
            raise ArgumentTypeError("normal(): `size` must be given when mean and std are numbers")
        shape = check_sizes(shape_from((size,)))
        draw = functools.partial(stream.normal, shape, mean, std, to_dtype(dtype))
        return drawn(draw, device, requires_grad)
    if isinstance(std, Tensor) and std.array.dtype.kind == "c":
        raise DTypeError("normal expects standard deviation to be non-complex")
    if isinstance(mean, Tensor):
        deviation = std.array if isinstance(std, Tensor) else std
        return apply(Sample, mean, draw=lambda m: stream.normal(None, m, deviation, m.dtype))
    return apply(Sample, std, draw=lambda s: stream.normal(None, mean, s, s.dtype))


def bernoulli(input: Tensor, p: float | None = None, *, generator: Any = None) -> Tensor:
    """1 with the probability that each element gives (or `p`), else 0."""
    stream, kind = source(generator), input.array.dtype
    if p is not None:
        return apply(Sample, input, draw=lambda x: stream.bernoulli_scalar(p, x.shape, kind))
    return apply(Sample, input, draw=lambda x: stream.bernoulli(x))


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Any = None
) -> Tensor:
    """Indices drawn with probabilities proportional to the weights in each row, (…,
    num_samples)."""
    stream = source(generator)
    weights = as_tensor(input).detach()
    return apply(Sample, weights, draw=lambda w: stream.multinomial(w, num_samples, replacement))


def poisson(input: Tensor, generator: Any = None) -> Tensor:
    """Poisson numbers of the rate that each element gives."""
    return apply(Sample, as_tensor(input), draw=source(generator).poisson)


def binomial(count: Tensor, prob: Tensor, generator: Any = None) -> Tensor:
    """How many of `count` trials succeed, each with the probability `prob`."""
    stream = source(generator)
    return apply(Sample, as_tensor(count), draw=lambda n: stream.binomial(n, prob.array))


# -- in place ---------------------------------------------------------------------------------


def refill(x: Tensor, name: str, draw: Callable[[tuple[int, ...]], Array]) -> Tensor:
    """Fill `x` with what `draw` gives for a shape, in the order of its memory, as PyTorch does."""
    check_writable(x, name)
    order = sorted(range(x.array.ndim), key=lambda d: -abs(x.array.strides[d]))
    shape = tuple(x.array.shape[d] for d in order)
    back = sorted(range(len(order)), key=order.__getitem__)
    return overwrite(x, drawn(lambda: draw(shape).transpose(back)), name)


def uniform_(input: Tensor, low: float = 0.0, to: float = 1.0, *, generator: Any = None) -> Tensor:
    """Fill with uniform numbers in [low, to)."""
    stream, kind = source(generator), input.array.dtype
    return refill(input, "uniform_", lambda shape: stream.uniform(shape, low, to, kind))


def normal_(input: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Tensor:
    """Fill with normal numbers."""
    stream, kind, whole = source(generator), input.array.dtype, input.array.flags.c_contiguous
    return refill(input, "normal_", lambda shape: stream.normal(shape, mean, std, kind, whole))


def random_(input: Tensor, *bounds: int, generator: Any = None) -> Tensor:
    """Fill with integers: `random_()` over the range of the dtype, `random_(to)` in [0, to),
    `random_(low, to)` in [low, to)."""
    low, high = (None, None) if not bounds else bounds if len(bounds) == 2 else (0, bounds[0])
    stream, kind = source(generator), input.array.dtype
    return refill(input, "random_", lambda shape: stream.integers(low, high, shape, kind))


def bernoulli_(input: Tensor, p: Any = 0.5, *, generator: Any = None) -> Tensor:
    """Fill with 1 with probability `p` (a number, or a tensor of one for each element), else 0."""
    stream, kind = source(generator), input.array.dtype
    if isinstance(p, Tensor):
        chances = np.broadcast_to(p.array, input.array.shape)
        check_writable(input, "bernoulli_")
        return overwrite(input, drawn(lambda: stream.bernoulli(chances, kind)), "bernoulli_")
    return refill(input, "bernoulli_", lambda shape: stream.bernoulli_scalar(p, shape, kind))


def exponential_(input: Tensor, lambd: float = 1.0, *, generator: Any = None) -> Tensor:
    """Fill with exponential numbers of rate `lambd`."""
    stream, kind = source(generator), input.array.dtype
    return refill(input, "exponential_", lambda shape: stream.exponential(shape, lambd, kind))


def geometric_(input: Tensor, p: float, *, generator: Any = None) -> Tensor:
    """Fill with the numbers of trials up to the first success, each with probability `p`."""
    stream, kind = source(generator), input.array.dtype
    return refill(input, "geometric_", lambda shape: stream.geometric(shape, p, kind))


def cauchy_(
    input: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Any = None
) -> Tensor:
    """Fill with Cauchy numbers."""
    stream, kind = source(generator), input.array.dtype
    return refill(input, "cauchy_", lambda shape: stream.cauchy(shape, median, sigma, kind))


def log_normal_(
    input: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Any = None
) -> Tensor:
    """Fill with exp of normal numbers."""
    stream, kind = source(generator), input.array.dtype
    return refill(input, "log_normal_", lambda shape: stream.log_normal(shape, mean, std, kind))


def gumbel_softmax(
    logits: Tensor, tau: float = 1.0, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """z = softmax((x + n) / τ) with Gumbel noise n: a differentiable draw of a class; with `hard` a
    1 at the class drawn and 0 elsewhere, whose gradient is that of the soft draw.

    Sources: Jang et al., 2016, https://arxiv.org/abs/1611.01144; Maddison et al., 2016,
    https://arxiv.org/abs/1611.00712.
    """
    noise = exponential_(wrap(np.zeros(logits.array.shape, logits.array.dtype)))
    soft = ((logits - noise.log()) / tau).softmax(dim)
    if not hard:
        return soft
    chosen = soft.detach().argmax(dim, keepdim=True)
    one = wrap(np.zeros(soft.array.shape, soft.array.dtype)).scatter(dim, chosen, 1.0)
    return one - soft.detach() + soft

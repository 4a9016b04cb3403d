"""Fourier transforms: of one, two or several dimensions, of complex and of real numbers.

    Z[k] = s · Σ x[n] e^(∓2πi kn/N)

with − forward and + back. The factor s is 1 forward and 1/N back ("backward", the default), 1/√N
both ways ("ortho"), or 1/N forward and 1 back ("forward"). A derivative of a transform is the same
transform of the gradient, since the matrix e^(∓2πi kn/N) is symmetric.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sangja.core import dtypes
from sangja.core.errors import DTypeError, ShapeError
from sangja.core.settings import settings
from sangja.core.shapes import normalize_dim
from sangja.engine import Primitive, Tensor, apply, wrap
from sangja.engine.structure import Cast
from sangja.ops.arguments import as_tensor
from sangja.ops.arrange import roll

NORMS = ("backward", "ortho", "forward")
REAL = {np.dtype(np.complex64): np.dtype(np.float32), np.dtype(np.complex128): np.dtype(np.float64)}
COMPLEX = {real: complex_ for complex_, real in REAL.items()}


# -- the transforms ---------------------------------------------------------------------------


class Fft(Primitive):
    """Z[k] = s · Σ x[n] e^(∓2πi kn/N) along `dims`; − where `ahead`"""

    grad_name = "FftC2CBackward0"

    def forward(xp, x, *, dims, scale, ahead):
        z = xp.fft.fftn(x, axes=dims) if ahead else xp.fft.ifftn(x, axes=dims, norm="forward")
        return (z * scale).astype(x.dtype, copy=False)

    def dx(g, dims, scale, ahead):
        return apply(Fft, g, dims=dims, scale=scale, ahead=ahead)


class RealFft(Primitive):
    """Z[k] = s · Σ x[n] e^(−2πi kn/N) along `dims` of real x, k ≤ N/2 in the last of them: the rest
    is its mirror"""

    grad_name = "FftR2CBackward0"

    def forward(xp, x, *, dims, scale):
        return (xp.fft.rfftn(x, axes=dims) * scale).astype(COMPLEX[x.dtype], copy=False)

    def dx(g, x_shape, dims, scale):
        whole = widened(g, dims[-1], x_shape[dims[-1]])
        return apply(Fft, whole, dims=dims, scale=scale, ahead=True).real


class MirroredFft(Primitive):
    """z[n] = s · Σ x[k] e^(2πi kn/N) along `dims`, x[N − k] being x[k]* in the last of them, where
    x has k ≤ N/2 alone: z is real"""

    grad_name = "FftC2RBackward0"

    def forward(xp, x, *, dims, scale, size):
        before = xp.fft.ifftn(x, axes=dims[:-1], norm="forward") if dims[:-1] else x
        z = xp.fft.irfft(before, size, axis=dims[-1], norm="forward")
        return (z * scale).astype(REAL[x.dtype], copy=False)

    def dx(g, x_shape, dims, scale, size):
        z = apply(Fft, as_complex(g), dims=dims, scale=scale, ahead=False)
        n = x_shape[dims[-1]]
        z = z[(slice(None),) * dims[-1] + (slice(n),)]
        twice = np.full(n, 2.0, np.real(getattr(g, "array", g)).dtype)
        twice[0] = 1
        if size % 2 == 0:
            twice[n - 1] = 1  # the middle has no mirror
        return z * twice.reshape((-1,) + (1,) * (g.ndim - 1 - dims[-1]))


def widened(g: Any, dim: int, size: int) -> Any:
    """g with zeros behind it along `dim`, up to `size`."""
    return apply(Zeropad, g, dim=dim, size=size)


class Zeropad(Primitive):
    """z = x with zeros behind it along `dim`, up to `size`, or its first `size` elements"""

    def forward(xp, x, *, dim, size):
        kept = min(size, x.shape[dim])
        shape = (*x.shape[:dim], size, *x.shape[dim + 1 :])
        place = (slice(None),) * dim + (slice(kept),)
        z = xp.zeros(shape, x.dtype)
        z[place] = x[place]
        return z

    def dx(g, x_shape, dim):
        return apply(Zeropad, g, dim=dim, size=x_shape[dim])


def as_complex(x: Any) -> Any:
    """Real numbers as complex ones."""
    dtype = x.array.dtype if isinstance(x, Tensor) else x.dtype
    return apply(Cast, x, dtype=COMPLEX[dtype]) if dtype in COMPLEX else x


# -- what the functions share -----------------------------------------------------------------


def scale_of(name: str, norm: str | None, count: int, ahead: bool) -> float:
    """The factor that `norm` asks for, of a transform of `count` numbers."""
    if norm not in (None, *NORMS):
        raise ShapeError(f'{name}: Invalid normalization mode: "{norm}"; expected one of {NORMS}')
    if norm == "ortho":
        return 1 / math.sqrt(count)
    return 1 / count if (norm == "forward") == ahead else 1.0


def prepared(name: str, input: Any, real: bool = False) -> Tensor:
    """The input in a dtype that can be transformed: integers in the default one."""
    x = as_tensor(input)
    dtype = x.array.dtype
    if real and dtype.kind == "c":
        raise DTypeError(
            f"{name} expects a real input tensor, but got {x.dtype}; use fft, or the real part"
        )
    if dtype == np.float16:
        raise DTypeError(f"{name}: Unsupported dtype {x.dtype}; convert it with .float()")
    if dtype.kind in "bui":
        x = apply(Cast, x, dtype=settings.default_dtype)
    return x if real else as_complex(x)


def sized(name: str, x: Tensor, dims: tuple[int, ...], sizes: Any) -> Tensor:
    """x cut or filled with zeros to the sizes asked for along `dims`."""
    for dim, size in zip(dims, sizes, strict=True):
        if size is not None and size < 1:
            raise ShapeError(f"{name}: Invalid number of data points ({size}) specified")
        if size is not None and size != x.shape[dim]:
            x = apply(Zeropad, x, dim=dim, size=int(size))
    return x


def chosen(name: str, x: Tensor, s: Any, dim: Any) -> tuple[tuple[int, ...], list[Any]]:
    """The dimensions to transform, and the size wanted along each (None: as it is)."""
    sizes = None if s is None else [s] if isinstance(s, int) else list(s)
    if dim is None:
        dims = tuple(range(x.ndim))[x.ndim - len(sizes) :] if sizes else tuple(range(x.ndim))
        if sizes and len(sizes) > x.ndim:
            raise ShapeError(
                f"{name}: Got shape with {len(sizes)} values but input tensor only has {x.ndim} "
                "dimensions."
            )
    else:
        given = (dim,) if isinstance(dim, int) else tuple(dim)
        dims = tuple(normalize_dim(d, x.ndim) for d in given)
    if len(set(dims)) < len(dims):
        raise ShapeError(f"{name}: FFT dims must be unique, got {dim}")
    if sizes is not None and len(sizes) != len(dims):
        raise ShapeError(
            f"{name}: When given, dim and shape arguments must have the same length, got "
            f"{len(dims)} and {len(sizes)}"
        )
    return dims, [None if n == -1 else n for n in sizes] if sizes else [None] * len(dims)


def no_empty(name: str, x: Tensor, dims: tuple[int, ...]) -> None:
    for d in dims:
        if not x.shape[d]:
            raise ShapeError(f"{name}: Invalid number of data points (0) specified")


def transform(name: str, input: Any, s: Any, dim: Any, norm: str | None, ahead: bool) -> Tensor:
    """A complex transform along several dimensions."""
    x = prepared(name, input)
    dims, sizes = chosen(name, x, s, dim)
    x = sized(name, x, dims, sizes)
    no_empty(name, x, dims)
    if not dims:
        return x
    count = math.prod(x.shape[d] for d in dims)
    return apply(Fft, x, dims=dims, scale=scale_of(name, norm, count, ahead), ahead=ahead)  # type: ignore[no-any-return]


def real_transform(name: str, input: Any, s: Any, dim: Any, norm: str | None) -> Tensor:
    """A transform of real numbers."""
    x = prepared(name, input, real=True)
    dims, sizes = chosen(name, x, s, dim)
    if not dims:
        raise ShapeError(f"{name} must transform at least one axis")
    x = sized(name, x, dims, sizes)
    no_empty(name, x, dims)
    count = math.prod(x.shape[d] for d in dims)
    return apply(RealFft, x, dims=dims, scale=scale_of(name, norm, count, True))  # type: ignore[no-any-return]


def mirrored_transform(
    name: str, input: Any, s: Any, dim: Any, norm: str | None, ahead: bool = False
) -> Tensor:
    """A transform to real numbers, of one half of a spectrum."""
    x = prepared(name, input)
    dims, sizes = chosen(name, x, s, dim)
    if not dims:
        raise ShapeError(f"{name} must transform at least one axis")
    last = 2 * (x.shape[dims[-1]] - 1) if sizes[-1] is None else int(sizes[-1])
    if last < 1:
        raise ShapeError(f"{name}: Invalid number of data points ({last}) specified")
    x = sized(name, x, dims, [*sizes[:-1], last // 2 + 1])
    count = math.prod(x.shape[d] for d in dims[:-1]) * last
    scale = scale_of(name, norm, count, ahead)
    return apply(MirroredFft, x, dims=dims, scale=scale, size=last)  # type: ignore[no-any-return]


# -- public: one dimension --------------------------------------------------------------------


def fft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """Z[k] = Σ x[j] e^(−2πi jk/n) along `dim`, of `n` numbers: x is cut or filled with zeros.

    >>> import sangja
    >>> sangja.fft.fft(sangja.tensor([1.0, 0.0, 0.0, 0.0])).real
    tensor([1., 1., 1., 1.])
    """
    return transform("fft", input, None if n is None else [n], dim, norm, True)


def ifft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """z[j] = (1/n) Σ x[k] e^(2πi jk/n) along `dim`: `fft` undone."""
    return transform("ifft", input, None if n is None else [n], dim, norm, False)


def rfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The first n // 2 + 1 numbers of `fft` of real x; the others mirror them. Raises `DTypeError`
    for complex x."""
    return real_transform("rfft", input, None if n is None else [n], dim, norm)


def irfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """`rfft` undone: `n` real numbers (by default 2 · (size − 1)) of the first half of a
    spectrum."""
    return mirrored_transform("irfft", input, None if n is None else [n], dim, norm)


def hfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The real spectrum of a signal that mirrors itself, x[−j] = x[j]*, given by its first half."""
    x = as_tensor(input)
    return mirrored_transform(
        "hfft", x.conj() if x.array.dtype.kind == "c" else x, None if n is None else [n], dim,
        norm, True,
    )  # fmt: skip


def ihfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """`hfft` undone: the first half of the signal of a real spectrum."""
    x = prepared("ihfft", input, real=True)
    turned = {None: "forward", "backward": "forward", "forward": "backward"}.get(norm, norm)
    return real_transform("ihfft", x, None if n is None else [n], dim, turned).conj()  # type: ignore[no-any-return]


# -- public: several dimensions ---------------------------------------------------------------


def fft2(input: Any, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
    """`fft` along two dimensions."""
    return transform("fft2", input, s, dim, norm, True)


def ifft2(input: Any, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
    """`ifft` along two dimensions."""
    return transform("ifft2", input, s, dim, norm, False)


def rfft2(input: Any, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
    """`fft2` of real x: one half of the spectrum along the last dimension."""
    return real_transform("rfft2", input, s, dim, norm)


def irfft2(input: Any, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
    """`rfft2` undone."""
    return mirrored_transform("irfft2", input, s, dim, norm)


def fftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """`fft` along several dimensions: `dim`, the last of `s`, or all."""
    return transform("fftn", input, s, dim, norm, True)


def ifftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """`ifft` along several dimensions."""
    return transform("ifftn", input, s, dim, norm, False)


def rfftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """`fftn` of real x: one half of the spectrum along the last dimension."""
    return real_transform("rfftn", input, s, dim, norm)


def irfftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """`rfftn` undone."""
    return mirrored_transform("irfftn", input, s, dim, norm)


# -- public: frequencies ----------------------------------------------------------------------


def frequencies(values: Any, dtype: Any, requires_grad: bool) -> Tensor:
    kind = settings.default_dtype if dtype is None else dtypes.to_numpy(dtype)
    z = wrap(values.astype(kind))
    return z.requires_grad_() if requires_grad else z


def fftfreq(
    n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """The frequencies of the numbers that `fft` gives, for samples `d` apart: 0, 1/(dn), …, and the
    negative ones after them.

    >>> import sangja
    >>> sangja.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    return frequencies(np.fft.fftfreq(n, d), dtype, requires_grad)


def rfftfreq(
    n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """The frequencies of the numbers that `rfft` gives, for samples `d` apart."""
    return frequencies(np.fft.rfftfreq(n, d), dtype, requires_grad)


def fftshift(input: Any, dim: Any = None) -> Tensor:
    """x with the frequency 0 moved to the middle, along `dim` or all dimensions."""
    x = as_tensor(input)
    dims = chosen("fftshift", x, None, dim)[0]
    return roll(x, [x.shape[d] // 2 for d in dims], dims) if dims else x


def ifftshift(input: Any, dim: Any = None) -> Tensor:
    """`fftshift` undone."""
    x = as_tensor(input)
    dims = chosen("ifftshift", x, None, dim)[0]
    return roll(x, [(x.shape[d] + 1) // 2 for d in dims], dims) if dims else x

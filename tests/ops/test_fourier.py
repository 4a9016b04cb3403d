"""Fourier transforms beside PyTorch's; their derivatives are in `test_complex_gradients.py`."""

import numpy as np
import pytest

import sangja

torch = pytest.importorskip("torch")

COMPLEX = ["fft", "ifft", "irfft", "hfft", "fft2", "ifft2", "irfft2", "fftn", "ifftn", "irfftn"]
REAL = ["fft", "rfft", "ihfft", "fft2", "rfft2", "rfftn", "irfft"]
SETTINGS = [
    {},
    {"norm": "ortho"},
    {"norm": "forward"},
    {"norm": "backward"},
    {"size": 3, "dim": 1},
    {"size": 7, "dim": 0, "norm": "ortho"},
]


def draw(dtype):
    random = np.random.RandomState(0)
    x = random.randn(4, 5, 6)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * random.randn(4, 5, 6)
    return x.astype(dtype)


def arguments(name, settings):
    """`size` as `n` of a transform of one dimension, as `s` of one of several."""
    settings = dict(settings)
    if "size" in settings:
        size, dim = settings.pop("size"), settings.pop("dim")
        if name[-1] in "2n":
            settings |= {"s": (size, 4), "dim": (dim, 2)}
        else:
            settings |= {"n": size, "dim": dim}
    return settings


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize(
    ("name", "dtype"),
    [(n, d) for n in COMPLEX for d in ("complex64", "complex128")]
    + [(n, d) for n in REAL for d in ("float32", "float64", "int64")],
)
def test_a_transform_equals_pytorchs(name, dtype, settings):
    x, kwargs = draw(dtype), arguments(name, settings)
    got = getattr(sangja.fft, name)(sangja.tensor(x), **kwargs)
    expected = getattr(torch.fft, name)(torch.tensor(x), **kwargs).numpy(force=True)
    assert got.numpy(force=True).dtype == expected.dtype
    rtol = 1e-5 if expected.dtype.itemsize < 16 and expected.dtype != np.float64 else 1e-10
    scale = np.abs(expected).max()
    np.testing.assert_allclose(got.numpy(force=True), expected, rtol=rtol, atol=rtol * scale)


def test_sizes_alone_transform_the_last_dimensions():
    x = draw("complex128")
    for s in ((3,), (3, 4), (3, -1)):
        got = sangja.fft.fftn(sangja.tensor(x), s)
        np.testing.assert_allclose(got.numpy(), torch.fft.fftn(torch.tensor(x), s).numpy())


def test_frequencies_and_shifts_equal_pytorchs():
    for n in (1, 4, 5):
        for name in ("fftfreq", "rfftfreq"):
            for kwargs in ({}, {"dtype": "float64"}):
                mine = {k: getattr(sangja, v) for k, v in kwargs.items()}
                theirs = {k: getattr(torch, v) for k, v in kwargs.items()}
                got = getattr(sangja.fft, name)(n, 0.5, **mine).numpy()
                expected = getattr(torch.fft, name)(n, 0.5, **theirs).numpy()
                assert got.dtype == expected.dtype
                np.testing.assert_allclose(got, expected, rtol=1e-7)
    x = draw("float64")
    for name in ("fftshift", "ifftshift"):
        for dim in (None, 1, (0, -1)):
            got = getattr(sangja.fft, name)(sangja.tensor(x), dim).numpy()
            np.testing.assert_array_equal(
                got, getattr(torch.fft, name)(torch.tensor(x), dim).numpy()
            )
    assert sangja.fft.fftfreq(3, requires_grad=True).requires_grad


REFUSED = [
    ("fft", (3,), {"n": 0}, RuntimeError, "Invalid number of data points"),
    ("fft", (0,), {}, RuntimeError, "Invalid number of data points"),
    ("fft", (3,), {"dim": 1}, IndexError, "Dimension out of range"),
    ("fft", (3,), {"norm": "half"}, RuntimeError, "Invalid normalization mode"),
    ("irfft", (1,), {}, RuntimeError, "Invalid number of data points"),
    ("fftn", (3, 3), {"dim": (0, 0)}, RuntimeError, "FFT dims must be unique"),
    ("fftn", (3, 3), {"s": (2,), "dim": (0, 1)}, RuntimeError, "must have the same length"),
    ("fftn", (3, 3), {"s": (2, 2, 2)}, RuntimeError, "input tensor only has 2 dimensions"),
    ("rfftn", (3, 3), {"dim": ()}, RuntimeError, "must transform at least one axis"),
    ("irfftn", (3, 3), {"dim": ()}, RuntimeError, "must transform at least one axis"),
]


@pytest.mark.parametrize(("name", "shape", "kwargs", "error", "text"), REFUSED)
def test_what_pytorch_refuses(name, shape, kwargs, error, text):
    for module in (torch, sangja):
        with pytest.raises(error) as caught:
            getattr(module.fft, name)(module.ones(shape), **kwargs)
    assert text in str(caught.value)


def test_dtypes_that_cannot_be_transformed():
    with pytest.raises(RuntimeError, match="rfft expects a real input tensor"):
        sangja.fft.rfft(sangja.tensor([1j]))
    with pytest.raises(RuntimeError, match=r"Unsupported dtype sangja.float16; convert it"):
        sangja.fft.fft(sangja.ones(2, dtype=sangja.float16))

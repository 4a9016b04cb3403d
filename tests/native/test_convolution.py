"""Convolutions and their gradients beside PyTorch's in double precision."""

import itertools

import numpy as np
import pytest

from sangja.backend.native import convolution
from sangja.backend.native.image import Conv
from sangja.backend.native.spec import Step
from sangja.backend.native.steps import Unsupported
from tests.native.plans import run, strides

torch = pytest.importorskip("torch")
pytest.importorskip("llvmlite")
KINDS = {"conv": ("x", "w", "out"), "conv_image": ("g", "w", "dx"), "conv_weight": ("g", "x", "dw")}


class Case:
    """Arrays of one convolution, channels last, and what PyTorch makes of them."""

    def __init__(
        self, batch=2, channels=3, kernels=5, image=(7, 9), window=(3, 3), stride=(1, 1),
        padding=((1, 1), (1, 1)), dilation=(1, 1), groups=1, dtype="f4",
    ):  # fmt: skip
        self.settings = (stride, padding, dilation, groups)
        self.dtype = dtype
        reach = [(r - 1) * d + 1 for r, d in zip(window, dilation, strict=True)]
        outer = [
            (n + sum(p) - far) // s + 1
            for n, p, far, s in zip(image, padding, reach, stride, strict=True)
        ]
        random = np.random.default_rng(0)
        self.shapes = (
            (batch, channels, *image),
            (batch, kernels, *outer),
            (kernels, channels // groups, *window),
        )
        self.x = random.standard_normal((batch, *image, channels)).astype(dtype)
        self.g = random.standard_normal((batch, *outer, kernels)).astype(dtype)
        self.w = random.standard_normal(self.shapes[2]).astype(dtype)
        self.depth = {
            "conv": np.prod(self.w.shape[1:]),
            "conv_image": kernels // groups * np.prod(window),
            "conv_weight": batch * np.prod(outer),
        }

    def spec(self, kind, **others):
        stride, padding, dilation, groups = self.settings
        return Conv(kind, *self.shapes, stride, padding, dilation, groups, self.dtype, **others)

    def target(self, kind):
        like = {"conv": self.g, "conv_image": self.x, "conv_weight": self.w}[kind]
        return np.full_like(like, np.nan)

    def expected(self, kind):
        """In double precision."""
        stride, padding, dilation, groups = self.settings
        (top, bottom), (left, right) = padding
        x, g = (torch.from_numpy(a.astype("f8")).permute(0, 3, 1, 2) for a in (self.x, self.g))
        w = torch.from_numpy(self.w.astype("f8")).requires_grad_()
        x.requires_grad_()
        bordered = torch.nn.functional.pad(x, (left, right, top, bottom))
        out = torch.nn.functional.conv2d(
            bordered, w, stride=stride, dilation=dilation, groups=groups
        )
        if kind == "conv":
            return out.detach().permute(0, 2, 3, 1).numpy()
        dx, dw = torch.autograd.grad(out, (x, w), g)
        return dw.numpy() if kind == "conv_weight" else dx.permute(0, 2, 3, 1).numpy()

    def found(self, kind, threads=2, target=None, arrays=(), **others):
        target = self.target(kind) if target is None else target
        places = {"x": self.x, "w": self.w, "g": self.g}
        roles = KINDS[kind]
        given = {role: places[role] for role in roles[:2]} | {roles[2]: target} | dict(arrays)
        run(convolution.plan(self.spec(kind, **others)), given, threads)
        return target

    def check(self, kind, threads=2):
        self.close(kind, self.found(kind, threads), self.expected(kind))

    def close(self, kind, found, expected):
        eps = np.finfo(found.dtype).eps
        bound = float(eps * (16 + self.depth[kind]))  # of a sum, one after the other
        np.testing.assert_allclose(found, expected, rtol=bound, atol=bound)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 2, 3, 8, 16, 17, 20, 33])
@pytest.mark.parametrize("kernels", [1, 6, 16, 20, 33, 50])
def test_channels_and_kernels_around_the_vectors(kind, channels, kernels):
    Case(channels=channels, kernels=kernels).check(kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [1, 2, 3, 5, 8, 13, 14, 15, 28, 29, 33, 57])
def test_rows_of_pixels_around_the_tile(kind, width):
    Case(image=(4, width), channels=4, kernels=24).check(kind)


NONE, ONE = ((0, 0), (0, 0)), ((1, 1), (1, 1))
WINDOWS = [((1, 1), NONE), ((1, 1), ONE), ((3, 3), ONE)]
GEOMETRIES = list(
    itertools.product(
        [(1, 1), (2, 2), (1, 3), (3, 2)],  # stride
        [((0, 0), (0, 0)), ((1, 1), (1, 1)), ((0, 2), (3, 1)), ((4, 4), (4, 4))],  # padding
        [(1, 1), (2, 2), (3, 1)],  # dilation
        [(1, 1), (3, 3), (5, 2), (2, 4)],  # window
    )
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("stride", "padding", "dilation", "window"), GEOMETRIES)
def test_geometries(kind, stride, padding, dilation, window):
    Case(image=(13, 11), stride=stride, padding=padding, dilation=dilation, window=window).check(
        kind
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stride", [(1, 1), (2, 1)])
@pytest.mark.parametrize(
    ("channels", "kernels", "groups"),
    [(4, 4, 2), (6, 9, 3), (40, 34, 2), (5, 5, 5), (16, 16, 16), (37, 37, 37), (6, 18, 6)],
)
def test_groups(kind, stride, channels, kernels, groups):
    Case(channels=channels, kernels=kernels, groups=groups, stride=stride).check(kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("window", "border"), WINDOWS)
@pytest.mark.parametrize("groups", [1, 2])
def test_double_precision(kind, window, border, groups):
    Case(channels=10, kernels=18, window=window, padding=border, groups=groups, dtype="f8").check(
        kind
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "sizes",
    [
        {"batch": 9, "channels": 64, "kernels": 64, "image": (16, 16)},
        {"batch": 3, "channels": 144, "kernels": 130, "image": (8, 8)},
        {"batch": 17, "channels": 1, "kernels": 20, "image": (28, 28), "window": (5, 5)},
        {"batch": 5, "channels": 64, "kernels": 40, "window": (1, 1), "padding": ((0, 0), (0, 0))},
    ],
)
def test_any_number_of_threads_gives_the_same_bits(kind, sizes):
    case = Case(**sizes)
    one = case.found(kind, threads=1)
    case.close(kind, one, case.expected(kind))
    for threads in (2, 3, 5):
        np.testing.assert_array_equal(case.found(kind, threads=threads), one)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stride", [(1, 1), (2, 2)])
@pytest.mark.parametrize(("window", "border"), WINDOWS)
def test_sums_go_on_top_of_what_is_there(kind, stride, window, border):
    case = Case(channels=20, kernels=18, stride=stride, window=window, padding=border)
    target = np.random.default_rng(1).standard_normal(case.target(kind).shape).astype("f4")
    expected = target + case.expected(kind)
    case.close(kind, case.found(kind, target=target, accumulate=True), expected)


@pytest.mark.parametrize("kind", ["conv", "conv_image"])
@pytest.mark.parametrize(("window", "border"), WINDOWS)
@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
def test_epilogue_of_bias_and_relu_with_a_second_result(kind, stride, window, border):
    case = Case(channels=18, kernels=21, stride=stride, window=window, padding=border)
    target, second = case.target(kind), case.target(kind)
    bias = np.random.default_rng(2).standard_normal(target.shape[-1]).astype("f4")
    steps = (
        Step("acc", (), "f4"),
        Step("load", (), "f4", 0),
        Step("add", (0, 1), "f4"),
        Step("store", (2,), "f4", 1),
        Step("const", (), "f4", -1, 0.0),
        Step("maximum", (2, 4), "f4"),
    )
    operands = (("f4", (0, 0, 0, 1)), ("f4", strides(second)))
    arrays = {"e0": bias, "e1": second}
    case.found(kind, target=target, arrays=arrays, epilogue=steps, operands=operands)
    expected = case.expected(kind) + bias
    case.close(kind, second, expected)
    case.close(kind, target, np.maximum(expected, 0))


@pytest.mark.parametrize("kind", KINDS)
def test_one_dimension_is_a_plane_of_height_one(kind):
    case = Case(image=(1, 30), window=(1, 5), padding=((0, 0), (2, 2)), stride=(1, 2))
    image, result, weight = ((*s[:2], s[3]) for s in case.shapes)
    spec = Conv(kind, image, result, weight, (2,), ((2, 2),), (1,), 1, "f4")
    target = case.target(kind)
    places = {"x": case.x, "w": case.w, "g": case.g}
    roles = KINDS[kind]
    run(convolution.plan(spec), {r: places[r] for r in roles[:2]} | {roles[2]: target})
    case.close(kind, target, case.expected(kind))


@pytest.mark.parametrize(
    "spec",
    [
        Conv(
            "conv", (1, 1, 4, 4, 4), (1, 1, 4, 4, 4), (1, 1, 1, 1, 1), (1, 1, 1),
            ((0, 0),) * 3, (1, 1, 1), 1,
        ),
        Conv("conv", (0, 1, 4, 4), (0, 1, 4, 4), (1, 1, 1, 1), (1, 1), ((0, 0),) * 2, (1, 1), 1),
        Conv(
            "conv", (1, 1, 4, 4), (1, 1, 4, 4), (1, 1, 1, 1), (1, 1), ((0, 0),) * 2, (1, 1), 1, "f2"
        ),
    ],
)  # fmt: skip
def test_what_has_no_kernels_is_left_to_numpy(spec):
    with pytest.raises(Unsupported, match="conv"):
        convolution.plan(spec)

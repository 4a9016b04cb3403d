"""Convolutions and pooling (step 57 and appendix): images (N, C, H, W), floor sizes."""

from __future__ import annotations

from typing import Any

from sangja.books.dezero.core import Operation, Variable, as_variable
from sangja.books.dezero.functions_tensor import alike, linear
from sangja.books.dezero.utils import get_conv_outsize, get_deconv_outsize, pair
from sangja.core.errors import ShapeError
from sangja.engine import Tensor, apply, enable_grad, grad, is_grad_enabled, wrap
from sangja.ops import conv, pad as padding, patches, pool, shape as shapes

Pair = Any  # an int or two


# -- im2col -----------------------------------------------------------------------------------


class Im2col(Operation):
    """y = the patches of x under the kernel: (N · OH · OW, C · KH · KW) with `to_matrix`, else
    (N, C, KH, KW, OH, OW)"""

    def __init__(self, kernel_size: Pair, stride: Pair, pad: Pair, to_matrix: bool) -> None:
        self.kernel_size, self.stride, self.pad = pair(kernel_size), pair(stride), pair(pad)
        self.to_matrix = to_matrix

    def compute(self, x: Any) -> Tensor:
        n, c = x.shape[:2]
        oh, ow = window_counts(x.shape, self.kernel_size, self.stride, self.pad)
        columns = patches.unfold(x, self.kernel_size, 1, self.pad, self.stride)
        if self.to_matrix:  # (N, C·KH·KW, OH·OW)
            return shapes.reshape(shapes.transpose(columns, 1, 2), (n * oh * ow, -1))
        return shapes.reshape(columns, (n, c, *self.kernel_size, oh, ow))


class Col2im(Operation):
    """y = the columns of `Im2col` added back to where they came from in an image of
    `input_shape`"""

    def __init__(
        self, input_shape: Any, kernel_size: Pair, stride: Pair, pad: Pair, to_matrix: bool
    ) -> None:
        self.input_shape = input_shape
        self.kernel_size, self.stride, self.pad = pair(kernel_size), pair(stride), pair(pad)
        self.to_matrix = to_matrix

    def compute(self, x: Any) -> Tensor:
        n, c, h, w = self.input_shape
        oh, ow = window_counts(self.input_shape, self.kernel_size, self.stride, self.pad)
        rows = c * self.kernel_size[0] * self.kernel_size[1]
        if self.to_matrix:
            x = shapes.transpose(shapes.reshape(x, (n, oh * ow, rows)), 1, 2)
        else:
            x = shapes.reshape(x, (n, rows, oh * ow))
        return patches.fold(x, (h, w), self.kernel_size, 1, self.pad, self.stride)


def window_counts(shape: Any, kernel: Any, stride: Any, pad: Any) -> tuple[int, int]:
    """How many windows fit along height and width."""
    h, w = (
        get_conv_outsize(n, k, s, p)
        for n, k, s, p in zip(shape[2:], kernel, stride, pad, strict=True)
    )
    if h < 1 or w < 1:
        raise ShapeError(
            f"a kernel of {kernel} does not fit an input of {tuple(shape)} with pad {pad}"
        )
    return h, w


def im2col(
    x: Any, kernel_size: Pair, stride: Pair = 1, pad: Pair = 0, to_matrix: bool = True
) -> Variable:
    """The patches of images under a kernel, as rows of a matrix (or see `Im2col`)."""
    return Im2col(kernel_size, stride, pad, to_matrix)(x)


def col2im(
    x: Any,
    input_shape: Any,
    kernel_size: Pair,
    stride: Pair = 1,
    pad: Pair = 0,
    to_matrix: bool = True,
) -> Variable:
    """The reverse of `im2col`; where patches overlap they are added."""
    return Col2im(input_shape, kernel_size, stride, pad, to_matrix)(x)


def im2col_array(
    img: Any, kernel_size: Pair, stride: Pair, pad: Pair, to_matrix: bool = True
) -> Any:
    """`im2col` of an array."""
    return Im2col(kernel_size, stride, pad, to_matrix).forward(img)


def col2im_array(
    col: Any, img_shape: Any, kernel_size: Pair, stride: Pair, pad: Pair, to_matrix: bool = True
) -> Any:
    """`col2im` of an array."""
    return Col2im(img_shape, kernel_size, stride, pad, to_matrix).forward(col)


# -- convolution ------------------------------------------------------------------------------


def both_sides(pad: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    return tuple((p, p) for p in pad)


class Conv2d(Operation):
    """y = x ∗ W + b: x (N, C, H, W), W (OC, C, KH, KW), b (OC,) → (N, OC, OH, OW)"""

    def __init__(self, stride: Pair = 1, pad: Pair = 0) -> None:
        self.stride, self.pad = pair(stride), pair(pad)

    def compute(self, x: Any, W: Any, b: Any = None) -> Tensor:
        x, W, *rest = alike(x, W, *([] if b is None else [b]))
        bias = rest[0] if rest else None
        return conv.conv2d(x, W, bias, stride=self.stride, padding=self.pad)


class Deconv2d(Operation):
    """y = the transposed convolution: x (N, C, H, W), W (C, OC, KH, KW), b (OC,) →
    (N, OC, OH, OW), of size `outsize` where the stride leaves a choice"""

    def __init__(self, stride: Pair = 1, pad: Pair = 0, outsize: Any = None) -> None:
        self.stride, self.pad = pair(stride), pair(pad)
        self.outsize = outsize

    def compute(self, x: Any, W: Any, b: Any = None) -> Tensor:
        x, W, *rest = alike(x, W, *([] if b is None else [b]))
        kernel = tuple(W.shape[2:])
        if self.outsize is None:
            steps = zip(x.shape[2:], kernel, self.stride, self.pad, strict=True)
            outsize = tuple(get_deconv_outsize(*each) for each in steps)
        else:
            outsize = pair(self.outsize)
        reached = window_counts((0, 0, *outsize), kernel, self.stride, self.pad)
        if x.shape[1] != W.shape[0] or reached != tuple(x.shape[2:]):
            raise ShapeError(
                f"deconv2d: an input of {tuple(x.shape)} and a weight of {tuple(W.shape)} (in, "
                f"out, KH, KW) with stride {self.stride} and pad {self.pad} cannot give {outsize}"
            )
        return apply(
            conv.ConvolveImage,
            x,
            W,
            rest[0] if rest else None,
            sizes=outsize,
            stride=self.stride,
            padding=both_sides(self.pad),
            dilation=(1, 1),
            groups=1,
        )


class Conv2DGradW(Operation):
    """gW = ∂(x ∗ W)/∂W applied to gy, for the convolution (or deconvolution) `conv2d`"""

    def __init__(self, conv2d: Any) -> None:
        self.kernel_size = tuple(conv2d.inputs[1].shape[2:])
        self.stride, self.pad = conv2d.stride, conv2d.pad

    def compute(self, x: Any, gy: Any) -> Tensor:
        x, gy = alike(x, gy)
        return apply(
            conv.ConvolveWeight,
            gy,
            x,
            kernel=self.kernel_size,
            stride=self.stride,
            padding=both_sides(self.pad),
            dilation=(1, 1),
            groups=1,
        )


def conv2d(x: Any, W: Any, b: Any = None, stride: Pair = 1, pad: Pair = 0) -> Variable:
    """y = x ∗ W + b (see `Conv2d`)."""
    return Conv2d(stride, pad)(*(v for v in (x, W, b) if v is not None))


def deconv2d(
    x: Any,
    W: Any,
    b: Any = None,
    stride: Pair = 1,
    pad: Pair = 0,
    outsize: Any = None,
) -> Variable:
    """y = the transposed convolution of x and W, + b (see `Deconv2d`)."""
    return Deconv2d(stride, pad, outsize)(*(v for v in (x, W, b) if v is not None))


def conv2d_simple(x: Any, W: Any, b: Any = None, stride: Pair = 1, pad: Pair = 0) -> Variable:
    """`conv2d` as one product of matrices, of `im2col`'s and the weight's."""
    x, weight = as_variable(x), as_variable(W)
    oc, _, kh, kw = weight.shape
    oh, ow = window_counts(x.shape, (kh, kw), pair(stride), pair(pad))
    col = im2col(x, (kh, kw), stride, pad, to_matrix=True)
    t = linear(col, weight.reshape(oc, -1).transpose(), b)
    return t.reshape(x.shape[0], oh, ow, oc).transpose(0, 3, 1, 2)


# -- pooling ----------------------------------------------------------------------------------


class Pooling(Operation):
    """y = the largest x under each window; the border counts as 0"""

    def __init__(self, kernel_size: Pair, stride: Pair = 1, pad: Pair = 0) -> None:
        self.kernel_size, self.stride, self.pad = pair(kernel_size), pair(stride), pair(pad)

    def framed(self, x: Any) -> Tensor:
        """x with its border of zeros."""
        ph, pw = self.pad
        window_counts(x.shape, self.kernel_size, self.stride, self.pad)
        return padding.pad(x, (pw, pw, ph, ph)) if ph or pw else x

    def compute(self, x: Any) -> Tensor:
        return pool.max_pool2d(self.framed(x), self.kernel_size, self.stride)


class AveragePooling(Pooling):
    """y = the mean of x under each window; the border counts as 0"""

    makes_floats = True

    def compute(self, x: Any) -> Tensor:
        return pool.avg_pool2d(self.framed(x), self.kernel_size, self.stride)


class Pooling2DGrad(Operation):
    """gx = gy put where the pooling `mpool` found its largest elements: its derivative for x"""

    def __init__(self, mpool: Pooling) -> None:
        self.mpool = mpool

    def compute(self, gy: Any) -> Tensor:
        recorded = is_grad_enabled()
        x = wrap(self.mpool.inputs[0].data)
        x.requires_grad = True
        with enable_grad():
            (gx,) = grad(self.mpool.compute(x), x, gy, True, recorded)
        assert gx is not None  # the pooling depends on its input
        return gx


class Pooling2DWithIndexes(Operation):
    """y = the elements of x at the places where the pooling `mpool` found its largest: the
    derivative of `Pooling2DGrad`"""

    def __init__(self, mpool: Pooling) -> None:
        self.mpool = mpool
        x = mpool.framed(wrap(mpool.inputs[0].data))
        _, self.indexes = pool.max_pool2d(x, mpool.kernel_size, mpool.stride, return_indices=True)

    def compute(self, x: Any) -> Tensor:
        n, c = x.shape[:2]
        flat = shapes.reshape(self.mpool.framed(x), (n, c, -1))
        picked = flat.gather(2, shapes.reshape(self.indexes, (n, c, -1)))
        return shapes.reshape(picked, self.indexes.shape)


def pooling(x: Any, kernel_size: Pair, stride: Pair = 1, pad: Pair = 0) -> Variable:
    """y = the largest x under each window: (N, C, H, W) → (N, C, OH, OW)."""
    return Pooling(kernel_size, stride, pad)(x)


def pooling_simple(x: Any, kernel_size: Pair, stride: Pair = 1, pad: Pair = 0) -> Variable:
    """`pooling` of several functions."""
    x = as_variable(x)
    n, c = x.shape[:2]
    kernel = pair(kernel_size)
    oh, ow = window_counts(x.shape, kernel, pair(stride), pair(pad))
    col = im2col(x, kernel_size, stride, pad, to_matrix=True).reshape(-1, kernel[0] * kernel[1])
    return col.max(axis=1).reshape(n, oh, ow, c).transpose(0, 3, 1, 2)


def average_pooling(x: Any, kernel_size: Pair, stride: Pair = 1, pad: Pair = 0) -> Variable:
    """y = the mean of x under each window: (N, C, H, W) → (N, C, OH, OW)."""
    return AveragePooling(kernel_size, stride, pad)(x)

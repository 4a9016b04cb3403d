"""sangja (상자, box): deep learning in boxes made of glass. PyTorch's vocabulary and numbers on NumPy."""

from sangja import autograd, linalg, nn, special
from sangja.core.dtypes import (
    DType as dtype,
    bool_ as bool,
    complex64,
    complex128,
    float16,
    float16 as half,
    float32,
    float32 as float,
    float64,
    float64 as double,
    int8,
    int16,
    int16 as short,
    int32,
    int32 as int,
    int64,
    int64 as long,
    uint8,
    uint16,
    uint32,
    uint64,
)
from sangja.core.shapes import Size, broadcast_shapes
from sangja.engine import (
    Tensor,
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from sangja.ops import methods as _methods  # gives Tensor its methods
from sangja.ops.conv import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from sangja.ops.create import arange, from_numpy, full, ones, tensor, zeros
from sangja.ops.elementwise import add, exp, log, multiply, negative, subtract, tanh, where
from sangja.ops.elementwise import multiply as mul
from sangja.ops.embedding import embedding
from sangja.ops.linalg import matmul
from sangja.ops.norm import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from sangja.ops.pool import max_pool1d, max_pool2d, max_pool3d
from sangja.ops.reduce import mean, sum
from sangja.ops.shape import permute, reshape, t, transpose

__version__ = "0.1.0"

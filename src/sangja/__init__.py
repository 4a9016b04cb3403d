"""sangja (상자, box): deep learning in boxes made of glass. PyTorch's vocabulary and numbers on NumPy."""

from sangja import autograd, linalg, nn, optim, special
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
from sangja.core.version import __version__
from sangja.engine import (
    Tensor,
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from sangja.ops import methods as _methods
from sangja.ops.activation import celu, log_softmax, prelu, relu, selu, sigmoid, softmax, threshold
from sangja.ops.adaptive import adaptive_avg_pool1d, adaptive_max_pool1d
from sangja.ops.bitwise import (
    bitwise_and,
    bitwise_left_shift,
    bitwise_not,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
)
from sangja.ops.comparison import (
    allclose,
    clamp,
    clamp as clip,
    clamp_max,
    clamp_min,
    eq,
    equal,
    fmax,
    fmin,
    greater,
    greater as gt,
    greater_equal,
    greater_equal as ge,
    isclose,
    isfinite,
    isinf,
    isnan,
    isneginf,
    isposinf,
    less,
    less as lt,
    less_equal,
    less_equal as le,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    not_equal,
    not_equal as ne,
    signbit,
)
from sangja.ops.conv import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from sangja.ops.create import arange, from_numpy, full, ones, tensor, zeros
from sangja.ops.ctc import ctc_loss
from sangja.ops.dropout import alpha_dropout, dropout, feature_alpha_dropout
from sangja.ops.elementwise import (
    absolute,
    absolute as abs,
    add,
    addcdiv,
    addcmul,
    divide,
    divide as div,
    divide as true_divide,
    floor_divide,
    fmod,
    lerp,
    multiply,
    multiply as mul,
    negative,
    negative as neg,
    positive,
    reciprocal,
    remainder,
    rsub,
    sign,
    sign as sgn,
    subtract,
    subtract as sub,
    where,
)
from sangja.ops.embedding import embedding
from sangja.ops.exponential import (
    exp,
    exp2,
    expm1,
    float_power,
    hypot,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    logaddexp2,
    pow,
    rsqrt,
    sqrt,
    square,
    xlogy,
)
from sangja.ops.linalg import matmul
from sangja.ops.margin import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    triplet_margin_loss,
)
from sangja.ops.norm import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from sangja.ops.patches import channel_shuffle, pixel_shuffle, pixel_unshuffle
from sangja.ops.pool import avg_pool1d, max_pool1d, max_pool2d, max_pool3d
from sangja.ops.probability import binary_cross_entropy_with_logits, kl_div, poisson_nll_loss
from sangja.ops.reduce import mean, sum
from sangja.ops.rounding import (
    ceil,
    copysign,
    floor,
    frac,
    heaviside,
    nan_to_num,
    round,
    trunc,
    trunc as fix,
)
from sangja.ops.shape import permute, reshape, t, transpose
from sangja.ops.similarity import cosine_similarity, pairwise_distance
from sangja.ops.special import digamma, erf, erfc, erfinv, lgamma, logit, polygamma
from sangja.ops.trigonometry import (
    acos,
    acos as arccos,
    acosh,
    acosh as arccosh,
    asin,
    asin as arcsin,
    asinh,
    asinh as arcsinh,
    atan,
    atan as arctan,
    atan2,
    atan2 as arctan2,
    atanh,
    atanh as arctanh,
    cos,
    cosh,
    deg2rad,
    rad2deg,
    sin,
    sinc,
    sinh,
    tan,
    tanh,
)

"""sangja (상자, box): deep learning in boxes made of glass. PyTorch's vocabulary and numbers on
NumPy."""

from sangja import autograd, cuda, linalg, nn, optim, random, return_types, special
from sangja.backend.generator import default_generator
from sangja.core.device import (
    Device as device,
    Layout as layout,
    MemoryFormat as memory_format,
    channels_last,
    channels_last_3d,
    contiguous_format,
    preserve_format,
    strided,
)
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
from sangja.core.limits import finfo, get_default_dtype, iinfo, set_default_dtype
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
from sangja.ops.activation import celu, prelu, relu, rrelu, selu, sigmoid, threshold
from sangja.ops.adaptive import adaptive_avg_pool1d, adaptive_max_pool1d
from sangja.ops.arrange import flip, fliplr, flipud, roll, rot90
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
from sangja.ops.convert import can_cast, is_nonzero, is_tensor, promote_types, result_type
from sangja.ops.create import (
    arange,
    as_tensor,
    asarray,
    complex,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    logspace,
    ones,
    ones_like,
    scalar_tensor,
    tensor,
    zeros,
    zeros_like,
)
from sangja.ops.ctc import ctc_loss
from sangja.ops.decompose import det, inv as inverse, legacy_cholesky as cholesky, logdet, slogdet
from sangja.ops.diagonal import (
    diag,
    diag_embed,
    diagflat,
    diagonal,
    trace,
    tril,
    tril_indices,
    triu,
    triu_indices,
)
from sangja.ops.dropout import alpha_dropout, dropout, feature_alpha_dropout
from sangja.ops.einsum import einsum, tensordot
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
from sangja.ops.extreme import amax, amin, aminmax, argmax, argmin, max, median, min, nanmedian, nanquantile, quantile
from sangja.ops.join import (
    block_diag,
    cartesian_prod,
    cat,
    column_stack,
    combinations,
    concat,
    concatenate,
    dstack,
    hstack,
    kron,
    meshgrid,
    repeat_interleave,
    row_stack,
    stack,
    tile,
    vstack,
)
from sangja.ops.layers import bilinear
from sangja.ops.length import cdist, total_norm as norm
from sangja.ops.linalg import addbmm, addmm, addmv, addr, baddbmm, bmm, chain_matmul, conj, dot, inner, mH as adjoint, matmul, mm, mv, outer, outer as ger, vdot
from sangja.ops.matrix import cov, corrcoef, cross, matrix_exp, matrix_power, pinv as pinverse
from sangja.ops.margin import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    triplet_margin_loss,
)
from sangja.ops.norm import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from sangja.ops.patches import channel_shuffle, pixel_shuffle, pixel_unshuffle
from sangja.ops.pick import (
    argwhere,
    gather,
    index_select,
    isin,
    masked_select,
    narrow,
    nonzero,
    select,
    take,
    take_along_dim,
)
from sangja.ops.pool import avg_pool1d, max_pool1d, max_pool2d, max_pool3d
from sangja.ops.probability import binary_cross_entropy_with_logits, kl_div, poisson_nll_loss
from sangja.ops.protocols import clone, detach, is_complex, is_floating_point, numel
from sangja.ops.random import (
    Generator,
    bernoulli,
    binomial,
    get_rng_state,
    initial_seed,
    manual_seed,
    multinomial,
    normal,
    poisson,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
    seed,
    set_rng_state,
)
from sangja.ops.reduce import (
    all,
    any,
    count_nonzero,
    logsumexp,
    mean,
    nanmean,
    nansum,
    prod,
    std,
    std_mean,
    sum,
    var,
    var_mean,
)
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
from sangja.ops.scan import diff, trapezoid, trapezoid as trapz, cumulative_trapezoid, cummax, cummin, cumprod, cumsum, logcumsumexp
from sangja.ops.scatter import (
    diagonal_scatter,
    index_add,
    index_copy,
    index_fill,
    index_put,
    masked_fill,
    masked_scatter,
    put,
    scatter,
    scatter_add,
    scatter_reduce,
    select_scatter,
    slice_scatter,
)
from sangja.ops.shape import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    broadcast_tensors,
    broadcast_to,
    flatten,
    moveaxis,
    movedim,
    permute,
    ravel,
    reshape,
    squeeze,
    swapaxes,
    swapdims,
    t,
    transpose,
    unflatten,
    unsqueeze,
)
from sangja.ops.similarity import cosine_similarity, pairwise_distance
from sangja.ops.softmax import log_softmax, softmax
from sangja.ops.sort import (
    argsort,
    bincount,
    bucketize,
    histc,
    kthvalue,
    msort,
    searchsorted,
    sort,
    topk,
    unique,
    unique_consecutive,
)
from sangja.ops.special import digamma, erf, erfc, erfinv, lgamma, logit, polygamma
from sangja.ops.split import (
    chunk,
    dsplit,
    hsplit,
    split,
    split_with_sizes,
    tensor_split,
    unbind,
    unsafe_split,
    vsplit,
)
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

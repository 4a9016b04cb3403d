"""Which function is which method of `Tensor`: one table, the same function objects."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from sangja.core.errors import OperandError
from sangja.engine import Primitive, Tensor, backward, binary, hooks, rearrange
from sangja.engine.inplace import check_writable, copy_, fill_, past, write, zero_
from sangja.engine.operations import Operations
from sangja.ops import (
    activation,
    arrange,
    bitwise,
    comparison,
    convert,
    create,
    decompose,
    diagonal,
    elementwise,
    exponential,
    extreme,
    index,
    join,
    length,
    linalg,
    matrix,
    pick,
    protocols,
    random,
    reduce,
    rounding,
    scan,
    scatter,
    shape,
    softmax,
    sort,
    special,
    split,
    trigonometry,
)
from sangja.ops.inplace import INPLACE

METHODS: dict[str, Callable[..., Any]] = {
    # activation
    "relu": activation.relu,
    "sigmoid": activation.sigmoid,
    "hardshrink": activation.hardshrink,
    "prelu": activation.prelu,
    # arrange
    "flip": arrange.flip,
    "fliplr": arrange.fliplr,
    "flipud": arrange.flipud,
    "roll": arrange.roll,
    "rot90": arrange.rot90,
    "unfold": arrange.unfold,
    # bitwise
    "bitwise_and": bitwise.bitwise_and,
    "bitwise_or": bitwise.bitwise_or,
    "bitwise_xor": bitwise.bitwise_xor,
    "bitwise_not": bitwise.bitwise_not,
    "bitwise_left_shift": bitwise.bitwise_left_shift,
    "bitwise_right_shift": bitwise.bitwise_right_shift,
    "__invert__": bitwise.bitwise_not,
    # comparison
    "eq": comparison.eq,
    "ne": comparison.not_equal,
    "not_equal": comparison.not_equal,
    "lt": comparison.less,
    "less": comparison.less,
    "le": comparison.less_equal,
    "less_equal": comparison.less_equal,
    "gt": comparison.greater,
    "greater": comparison.greater,
    "ge": comparison.greater_equal,
    "greater_equal": comparison.greater_equal,
    "isclose": comparison.isclose,
    "allclose": comparison.allclose,
    "equal": comparison.equal,
    "isnan": comparison.isnan,
    "isinf": comparison.isinf,
    "isposinf": comparison.isposinf,
    "isneginf": comparison.isneginf,
    "isfinite": comparison.isfinite,
    "signbit": comparison.signbit,
    "logical_and": comparison.logical_and,
    "logical_or": comparison.logical_or,
    "logical_xor": comparison.logical_xor,
    "logical_not": comparison.logical_not,
    "maximum": comparison.maximum,
    "minimum": comparison.minimum,
    "fmax": comparison.fmax,
    "fmin": comparison.fmin,
    "clamp": comparison.clamp,
    "clip": comparison.clamp,
    "clamp_min": comparison.clamp_min,
    "clamp_max": comparison.clamp_max,
    # convert
    "to": convert.to,
    "type": convert.type_,
    "type_as": convert.type_as,
    "cpu": convert.cpu,
    "cuda": convert.cuda,
    "pin_memory": convert.pin_memory,
    "get_device": convert.get_device,
    "is_nonzero": convert.is_nonzero,
    # create
    "new_tensor": create.new_tensor,
    "new_full": create.new_full,
    "new_zeros": create.new_zeros,
    "new_ones": create.new_ones,
    "new_empty": create.new_empty,
    # decompose
    "inverse": decompose.inv,
    "det": decompose.det,
    "slogdet": decompose.slogdet,
    "logdet": decompose.logdet,
    "cholesky": decompose.legacy_cholesky,
    # diagonal
    "diag": diagonal.diag,
    "diagonal": diagonal.diagonal,
    "diag_embed": diagonal.diag_embed,
    "diagflat": diagonal.diagflat,
    "trace": diagonal.trace,
    "tril": diagonal.tril,
    "triu": diagonal.triu,
    # elementwise
    "add": elementwise.add,
    "sub": elementwise.subtract,
    "subtract": elementwise.subtract,
    "mul": elementwise.multiply,
    "multiply": elementwise.multiply,
    "div": elementwise.divide,
    "divide": elementwise.divide,
    "true_divide": elementwise.divide,
    "floor_divide": elementwise.floor_divide,
    "remainder": elementwise.remainder,
    "fmod": elementwise.fmod,
    "reciprocal": elementwise.reciprocal,
    "neg": elementwise.negative,
    "negative": elementwise.negative,
    "positive": elementwise.positive,
    "abs": elementwise.absolute,
    "absolute": elementwise.absolute,
    "sign": elementwise.sign,
    "sgn": elementwise.sign,
    "lerp": elementwise.lerp,
    "addcmul": elementwise.addcmul,
    "addcdiv": elementwise.addcdiv,
    "where": elementwise.where_or,
    "__abs__": elementwise.absolute,
    "__neg__": elementwise.negative,
    "__pos__": elementwise.positive,
    # exponential
    "exp": exponential.exp,
    "exp2": exponential.exp2,
    "expm1": exponential.expm1,
    "log": exponential.log,
    "log2": exponential.log2,
    "log10": exponential.log10,
    "log1p": exponential.log1p,
    "logaddexp": exponential.logaddexp,
    "logaddexp2": exponential.logaddexp2,
    "xlogy": exponential.xlogy,
    "sqrt": exponential.sqrt,
    "rsqrt": exponential.rsqrt,
    "square": exponential.square,
    "pow": exponential.pow,
    "float_power": exponential.float_power,
    "hypot": exponential.hypot,
    "__pow__": exponential.pow,
    "__rpow__": exponential.rpow,
    # extreme
    "aminmax": extreme.aminmax,
    "amax": extreme.amax,
    "amin": extreme.amin,
    "max": extreme.max,
    "min": extreme.min,
    "argmax": extreme.argmax,
    "argmin": extreme.argmin,
    "median": extreme.median,
    "nanmedian": extreme.nanmedian,
    "quantile": extreme.quantile,
    "nanquantile": extreme.nanquantile,
    # index
    "__getitem__": index.getitem,
    "__setitem__": index.setitem,
    # join
    "kron": join.kron,
    "repeat": join.repeat,
    "tile": join.tile,
    "repeat_interleave": join.repeat_interleave,
    # length
    "norm": length.total_norm,
    # linalg
    "matmul": linalg.matmul,
    "mm": linalg.mm,
    "bmm": linalg.bmm,
    "mv": linalg.mv,
    "dot": linalg.dot,
    "vdot": linalg.vdot,
    "outer": linalg.outer,
    "inner": linalg.inner,
    "addmm": linalg.addmm,
    "baddbmm": linalg.baddbmm,
    "addbmm": linalg.addbmm,
    "addmv": linalg.addmv,
    "addr": linalg.addr,
    "ger": linalg.outer,
    "conj": linalg.conj,
    "adjoint": linalg.mH,
    "__rmatmul__": linalg.rmatmul,
    # matrix
    "matrix_exp": matrix.matrix_exp,
    "matrix_power": matrix.matrix_power,
    "pinverse": matrix.pinv,
    "cross": matrix.cross,
    "cov": matrix.cov,
    "corrcoef": matrix.corrcoef,
    # pick
    "gather": pick.gather,
    "take": pick.take,
    "take_along_dim": pick.take_along_dim,
    "index_select": pick.index_select,
    "masked_select": pick.masked_select,
    "select": pick.select,
    "narrow": pick.narrow,
    "nonzero": pick.nonzero,
    "argwhere": pick.argwhere,
    "isin": pick.isin,
    # random
    "bernoulli": random.bernoulli,
    "multinomial": random.multinomial,
    "uniform_": random.uniform_,
    "normal_": random.normal_,
    "random_": random.random_,
    "bernoulli_": random.bernoulli_,
    "exponential_": random.exponential_,
    "geometric_": random.geometric_,
    "cauchy_": random.cauchy_,
    "log_normal_": random.log_normal_,
    # rounding
    "floor": rounding.floor,
    "ceil": rounding.ceil,
    "round": rounding.round,
    "trunc": rounding.trunc,
    "fix": rounding.trunc,
    "frac": rounding.frac,
    "copysign": rounding.copysign,
    "heaviside": rounding.heaviside,
    "nan_to_num": rounding.nan_to_num,
    # scatter
    "scatter": scatter.scatter,
    "scatter_add": scatter.scatter_add,
    "scatter_reduce": scatter.scatter_reduce,
    "index_add": scatter.index_add,
    "index_copy": scatter.index_copy,
    "index_fill": scatter.index_fill,
    "index_put": scatter.index_put,
    "masked_fill": scatter.masked_fill,
    "masked_scatter": scatter.masked_scatter,
    "put": scatter.put,
    "select_scatter": scatter.select_scatter,
    "slice_scatter": scatter.slice_scatter,
    "diagonal_scatter": scatter.diagonal_scatter,
    # shape
    "reshape": shape.reshape,
    "reshape_as": shape.reshape_as,
    "view": shape.view,
    "view_as": shape.view_as,
    "flatten": shape.flatten,
    "unflatten": shape.unflatten,
    "ravel": shape.ravel,
    "squeeze": shape.squeeze,
    "unsqueeze": shape.unsqueeze,
    "permute": shape.permute,
    "transpose": shape.transpose,
    "swapaxes": shape.swapaxes,
    "swapdims": shape.swapdims,
    "t": shape.t,
    "movedim": shape.movedim,
    "moveaxis": shape.moveaxis,
    "expand": shape.expand,
    "expand_as": shape.expand_as,
    "broadcast_to": shape.broadcast_to,
    "sum_to_size": shape.sum_to_size,
    # softmax
    "softmax": softmax.softmax,
    "log_softmax": softmax.log_softmax,
    # scan
    "cumsum": scan.cumsum,
    "cumprod": scan.cumprod,
    "cummax": scan.cummax,
    "cummin": scan.cummin,
    "logcumsumexp": scan.logcumsumexp,
    "diff": scan.diff,
    # sort
    "sort": sort.sort,
    "argsort": sort.argsort,
    "msort": sort.msort,
    "topk": sort.topk,
    "kthvalue": sort.kthvalue,
    "unique": sort.unique,
    "unique_consecutive": sort.unique_consecutive,
    "bincount": sort.bincount,
    "histc": sort.histc,
    # special
    "erf": special.erf,
    "erfc": special.erfc,
    "erfinv": special.erfinv,
    "lgamma": special.lgamma,
    "digamma": special.digamma,
    "polygamma": special.polygamma_of,
    "logit": special.logit,
    # split
    "split": split.split,
    "split_with_sizes": split.split_with_sizes,
    "unsafe_split": split.unsafe_split,
    "chunk": split.chunk,
    "tensor_split": split.tensor_split,
    "hsplit": split.hsplit,
    "vsplit": split.vsplit,
    "dsplit": split.dsplit,
    "unbind": split.unbind,
    # trigonometry
    "sin": trigonometry.sin,
    "cos": trigonometry.cos,
    "tan": trigonometry.tan,
    "asin": trigonometry.asin,
    "arcsin": trigonometry.asin,
    "acos": trigonometry.acos,
    "arccos": trigonometry.acos,
    "atan": trigonometry.atan,
    "arctan": trigonometry.atan,
    "atan2": trigonometry.atan2,
    "arctan2": trigonometry.atan2,
    "sinh": trigonometry.sinh,
    "cosh": trigonometry.cosh,
    "tanh": trigonometry.tanh,
    "asinh": trigonometry.asinh,
    "arcsinh": trigonometry.asinh,
    "acosh": trigonometry.acosh,
    "arccosh": trigonometry.acosh,
    "atanh": trigonometry.atanh,
    "arctanh": trigonometry.atanh,
    "sinc": trigonometry.sinc,
    "deg2rad": trigonometry.deg2rad,
    "rad2deg": trigonometry.rad2deg,
    # others
    # reduce
    "sum": reduce.sum,
    "mean": reduce.mean,
    "nansum": reduce.nansum,
    "nanmean": reduce.nanmean,
    "prod": reduce.prod,
    "var": reduce.var,
    "std": reduce.std,
    "logsumexp": reduce.logsumexp,
    "all": reduce.all,
    "any": reduce.any,
    "count_nonzero": reduce.count_nonzero,
    "backward": backward,
    "copy_": copy_,
    "fill_": fill_,
    "zero_": zero_,
    "register_hook": hooks.register_hook,
    "register_post_accumulate_grad_hook": hooks.register_post_accumulate_grad_hook,
    "retain_grad": hooks.retain_grad,
    "__matmul__": linalg.matmul,
}
METHODS |= convert.CONVERSIONS
METHODS |= {name: getattr(protocols, name) for name in protocols.__all__}

PROPERTIES: dict[str, Callable[[Tensor], Any]] = {
    "device": convert.device,
    "layout": convert.layout,
    "is_cuda": convert.is_cuda,
    "T": shape.T,
    "mT": shape.mT,
    "mH": linalg.mH,
    "retains_grad": hooks.retains_grad,
}

# In place without a write: `x.t_()` is x itself, seen in another shape.
REARRANGE = ["squeeze", "unsqueeze", "transpose", "swapaxes", "swapdims", "t"]

OPERATORS: dict[str, type[Primitive]] = {
    "add": elementwise.Add,
    "sub": elementwise.Subtract,
    "mul": elementwise.Multiply,
    "truediv": elementwise.Divide,
    "floordiv": elementwise.FloorDivide,
    "mod": elementwise.Remainder,
    "and": bitwise.BitwiseAnd,
    "or": bitwise.BitwiseOr,
    "xor": bitwise.BitwiseXor,
    "lshift": bitwise.LeftShift,
    "rshift": bitwise.RightShift,
}
COMPARISONS: dict[str, type[Primitive]] = {
    "eq": comparison.Equal,
    "ne": comparison.NotEqual,
    "lt": comparison.Less,
    "le": comparison.LessEqual,
    "gt": comparison.Greater,
    "ge": comparison.GreaterEqual,
}


def operator_of(primitive: type[Primitive], name: str) -> Callable[..., Any]:
    """`x ∘ y`; an operand we cannot take is left to its own operator."""

    def operate(x: Any, y: Any) -> Tensor:
        try:
            return binary(primitive, x, y)
        except OperandError:
            return NotImplemented

    operate.__name__ = operate.__qualname__ = name
    return operate


def reflected_of(primitive: type[Primitive], name: str) -> Callable[..., Any]:
    """`y ∘ x` where y is no tensor."""

    def operate(x: Any, y: Any) -> Tensor:
        try:
            return binary(primitive, y, x)
        except OperandError:
            return NotImplemented

    operate.__name__ = operate.__qualname__ = name
    return operate


def inplace_of(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """`x.name(…)`: the value and the history of `function(x, …)` written into x."""

    @functools.wraps(function)
    def operate(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        check_writable(x, name)
        return write(x, function(past(x), *args, **kwargs), name)

    operate.__name__ = operate.__qualname__ = name
    operate.__doc__ = f"`{name.rstrip('_')}` in place."
    return operate


def rearranging(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """`x.name(…)`: x becomes the view `function(x, …)` of itself."""

    @functools.wraps(function)
    def operate(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return rearrange(x, lambda old: function(old, *args, **kwargs), name)

    operate.__name__ = operate.__qualname__ = name
    operate.__doc__ = f"`{name.rstrip('_')}` in place."
    return operate


def bind() -> None:
    """Give `Tensor` its methods."""
    for name, function in METHODS.items():
        setattr(Operations, name, function)
    for name, function in PROPERTIES.items():
        setattr(Operations, name, property(function))
    for name in INPLACE:
        setattr(Operations, name + "_", inplace_of(METHODS[name], name + "_"))
    for name in REARRANGE:
        setattr(Operations, name + "_", rearranging(METHODS[name], name + "_"))
    for name, primitive in OPERATORS.items():
        setattr(Operations, f"__{name}__", operator_of(primitive, f"__{name}__"))
        setattr(Operations, f"__r{name}__", reflected_of(primitive, f"__r{name}__"))
        compute = functools.partial(binary, primitive)
        setattr(Operations, f"__i{name}__", inplace_of(compute, f"__i{name}__"))
    Operations.__ipow__ = inplace_of(exponential.pow, "__ipow__")
    for name, primitive in COMPARISONS.items():
        setattr(Operations, f"__{name}__", operator_of(primitive, f"__{name}__"))


bind()

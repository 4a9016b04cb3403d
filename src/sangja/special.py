"""`sangja.special`: special functions, under PyTorch's names."""

from sangja.ops.activation import sigmoid as expit
from sangja.ops.exponential import (
    exp2,
    expm1,
    log1p,
    xlogy,
)
from sangja.ops.reduce import logsumexp
from sangja.ops.rounding import (
    round,
)
from sangja.ops.softmax import log_softmax, softmax
from sangja.ops.special import (
    digamma,
    digamma as psi,
    entr,
    erf,
    erfc,
    erfcx,
    erfinv,
    lgamma as gammaln,
    logit,
    ndtr,
    polygamma,
)
from sangja.ops.trigonometry import (
    sinc,
)

__all__ = [
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammaln",
    "log1p",
    "log_softmax",
    "logit",
    "logsumexp",
    "ndtr",
    "polygamma",
    "psi",
    "round",
    "sinc",
    "softmax",
    "xlogy",
]

"""`sangja.autograd`: differentiation, under PyTorch's names."""

from sangja.autograd import functional
from sangja.engine.anomaly import detect_anomaly, set_detect_anomaly
from sangja.engine.backward import backward, grad
from sangja.engine.checks import GradcheckError, gradcheck, gradgradcheck, numerical_diff
from sangja.engine.function import Context as FunctionCtx, Function, once_differentiable
from sangja.engine.mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from sangja.engine.variable import Variable

__all__ = [
    "Function",
    "FunctionCtx",
    "GradcheckError",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "no_grad",
    "numerical_diff",
    "once_differentiable",
    "set_detect_anomaly",
    "set_grad_enabled",
]

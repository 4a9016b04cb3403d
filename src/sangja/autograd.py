"""`sangja.autograd`: differentiation, under PyTorch's names."""

from sangja.engine.backward import backward, grad
from sangja.engine.function import Function
from sangja.engine.mode import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = ["Function", "backward", "enable_grad", "grad", "inference_mode", "no_grad", "set_grad_enabled"]

"""`sangja.autograd.functional`: Jacobians, Hessians and products with them."""

from sangja.func.classic import hessian, hvp, jacobian, jvp, vhp, vjp

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

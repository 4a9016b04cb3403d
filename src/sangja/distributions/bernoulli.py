"""Yes or no."""

from __future__ import annotations

from typing import Any, ClassVar

from sangja.core.errors import ArgumentError
from sangja.core.limits import finfo
from sangja.distributions import constraints
from sangja.distributions.distribution import Distribution, tensors
from sangja.engine import Tensor, no_grad
from sangja.ops.activation import softplus
from sangja.ops.random import bernoulli


class Bernoulli(Distribution):
    """P(1) = probs = sigmoid(logits), P(0) = 1 − probs.

    >>> from sangja.distributions import Bernoulli
    >>> Bernoulli(0.25)
    Bernoulli(probs: 0.25)
    """

    arg_constraints: ClassVar = {
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    support = constraints.boolean

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: Any = None) -> None:
        if (probs is None) == (logits is None):
            raise ArgumentError("Either `probs` or `logits` must be specified, but not both.")
        if probs is None:
            (self.logits,) = tensors(logits)
        else:
            (self.probs,) = tensors(probs)
        given = self.logits if probs is None else self.probs
        super().__init__(given.shape, (), validate_args)

    def __getattr__(self, name: str) -> Tensor:
        """The parameter that was not given, from the one that was."""
        if name == "probs" and "logits" in self.__dict__:
            return self.logits.sigmoid()
        if name == "logits" and "probs" in self.__dict__:
            tiny = finfo(self.probs.dtype).eps
            p = self.probs.clamp(tiny, 1 - tiny)
            return p.log() - (-p).log1p()
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def mean(self) -> Tensor:
        """probs."""
        return self.probs

    @property
    def variance(self) -> Tensor:
        """probs (1 − probs)."""
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Zeros and ones, PyTorch's for the same seed."""
        with no_grad():
            return bernoulli(self.probs.expand(self._shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        """x · logits − softplus(logits)."""
        self._check_sample(value)
        return value * self.logits - softplus(self.logits)

    def entropy(self) -> Tensor:
        """softplus(logits) − probs · logits."""
        return softplus(self.logits) - self.probs * self.logits

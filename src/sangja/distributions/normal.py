"""The normal distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from sangja.distributions import constraints
from sangja.distributions.distribution import Distribution, tensors
from sangja.engine import Tensor, no_grad
from sangja.ops.create import ones, zeros
from sangja.ops.random import normal
from sangja.ops.special import erf, erfinv


class Normal(Distribution):
    """p(x) = exp(−(x − loc)² / (2 scale²)) / (scale √(2π)).

    >>> from sangja.distributions import Normal
    >>> Normal(0.0, 2.0)
    Normal(loc: 0.0, scale: 2.0)
    """

    arg_constraints: ClassVar = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = tensors(loc, scale)
        super().__init__(self.loc.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        """loc."""
        return self.loc

    mode = mean

    @property
    def stddev(self) -> Tensor:
        """scale."""
        return self.scale

    @property
    def variance(self) -> Tensor:
        """scale²."""
        return self.scale**2

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws without gradient, PyTorch's for the same seed."""
        shape = self._shape(sample_shape)
        with no_grad():
            return normal(self.loc.expand(shape), self.scale.expand(shape))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """loc + z · scale with z standard normal."""
        shape, dtype = self._shape(sample_shape), self.loc.dtype
        z = normal(zeros(shape, dtype=dtype), ones(shape, dtype=dtype))
        return self.loc + z * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        """−(x − loc)² / (2 scale²) − log scale − ½ log 2π."""
        self._check_sample(value)
        square = (value - self.loc) ** 2 / (2 * self.variance)
        return -square - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def cdf(self, value: Tensor) -> Tensor:
        """½ (1 + erf((x − loc) / (scale √2)))."""
        self._check_sample(value)
        return 0.5 * (1 + erf((value - self.loc) / (self.scale * math.sqrt(2))))

    def icdf(self, value: Tensor) -> Tensor:
        """loc + scale √2 erfinv(2q − 1)."""
        return self.loc + self.scale * erfinv(2 * value - 1) * math.sqrt(2)

    def entropy(self) -> Tensor:
        """½ + ½ log 2π + log scale."""
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()

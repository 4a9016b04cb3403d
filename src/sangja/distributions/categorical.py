"""One of several categories."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from sangja.core.errors import ArgumentError
from sangja.core.limits import finfo
from sangja.core.shapes import Size
from sangja.distributions import constraints
from sangja.distributions.distribution import Distribution
from sangja.engine import Tensor, no_grad
from sangja.ops.random import multinomial
from sangja.ops.shape import broadcast_tensors


class Categorical(Distribution):
    """P(x = k) = probs[…, k], which are scaled to a sum of 1, or softmax(logits)[…, k].

    >>> import sangja
    >>> sangja.distributions.Categorical(sangja.tensor([1.0, 3.0])).probs
    tensor([0.2500, 0.7500])
    """

    arg_constraints: ClassVar = {
        "probs": constraints.simplex,
        "logits": constraints.real_vector,
    }

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: Any = None) -> None:
        if (probs is None) == (logits is None):
            raise ArgumentError("Either `probs` or `logits` must be specified, but not both.")
        given = logits if probs is None else probs
        if given.ndim < 1:
            name = "logits" if probs is None else "probs"
            raise ArgumentError(f"`{name}` parameter must be at least one-dimensional.")
        if probs is None:
            self.logits = logits - logits.logsumexp(-1, keepdim=True)
        else:
            self.probs = probs / probs.sum(-1, keepdim=True)
        self._events = given.shape[-1]
        super().__init__(given.shape[:-1], (), validate_args)

    def __getattr__(self, name: str) -> Tensor:
        """The parameter that was not given, from the one that was."""
        if name == "probs" and "logits" in self.__dict__:
            return self.logits.softmax(-1)
        if name == "logits" and "probs" in self.__dict__:
            tiny = finfo(self.probs.dtype).eps
            return self.probs.clamp(tiny, 1 - tiny).log()
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def support(self) -> constraints.Constraint:
        """0 to the number of categories − 1."""
        return constraints.integer_interval(0, self._events - 1)

    @property
    def mean(self) -> Tensor:
        """nan: categories have no order."""
        return (self.probs.sum(-1) * math.nan).detach()

    variance = mean

    @property
    def mode(self) -> Tensor:
        """The likeliest category."""
        return self.probs.argmax(-1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Categories, PyTorch's for the same seed."""
        rows = self.probs.reshape(-1, self._events)
        with no_grad():
            drawn = multinomial(rows, math.prod(sample_shape), True)
        return drawn.T.reshape(self._shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """log probs[…, x]."""
        self._check_sample(value)
        places, table = broadcast_tensors(value.long().unsqueeze(-1), self.logits)
        return table.gather(-1, places[..., :1]).squeeze(-1)

    def entropy(self) -> Tensor:
        """−Σ p log p."""
        logits = self.logits.clamp(min=finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def expand(self, batch_shape: Any) -> Categorical:
        """The same categories in a larger batch shape."""
        shape = Size((*batch_shape, self._events))
        wide = {name: value.expand(shape) for name, value in self._arguments().items()}
        return type(self)(**wide, validate_args=self._checks)

"""Several independent numbers as one event."""

from __future__ import annotations

from typing import Any, ClassVar

from sangja.core.errors import ArgumentError
from sangja.distributions import constraints
from sangja.distributions.distribution import Distribution
from sangja.engine import Tensor


class Independent(Distribution):
    """`base_dist` with its last `reinterpreted_batch_ndims` batch dimensions read as the event.

    >>> import sangja
    >>> from sangja.distributions import Independent, Normal
    >>> Independent(Normal(sangja.zeros(2, 3), 1.0), 1).event_shape
    sangja.Size([3])
    """

    def __init__(
        self,
        base_distribution: Distribution,
        reinterpreted_batch_ndims: int,
        validate_args: Any = None,
    ) -> None:
        count, batch = reinterpreted_batch_ndims, base_distribution.batch_shape
        if count > len(batch):
            raise ArgumentError(
                "Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), "
                f"actual {count} vs {len(batch)}"
            )
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, count
        cut = len(batch) - count
        event = tuple(batch[cut:]) + tuple(base_distribution.event_shape)
        super().__init__(batch[:cut], event, validate_args)

    @property
    def has_rsample(self) -> bool:
        """Whether gradients pass through the draws of the base."""
        return self.base_dist.has_rsample

    @property
    def support(self) -> constraints.Constraint:
        """The support of the base, event by event."""
        return constraints.independent(self.base_dist.support, self.reinterpreted_batch_ndims)

    @property
    def mean(self) -> Tensor:
        """The mean of the base."""
        return self.base_dist.mean

    @property
    def variance(self) -> Tensor:
        """The variance of the base."""
        return self.base_dist.variance

    def _sum(self, x: Tensor) -> Tensor:
        count = self.reinterpreted_batch_ndims
        return x.sum(tuple(range(-count, 0))) if count else x

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws of the base."""
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws of the base, with gradients."""
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """The sum over an event of the base's."""
        return self._sum(self.base_dist.log_prob(value))

    def entropy(self) -> Tensor:
        """The sum over an event of the base's."""
        return self._sum(self.base_dist.entropy())

    def expand(self, batch_shape: Any) -> Independent:
        """The same in a larger batch shape."""
        cut = len(self.event_shape) - len(self.base_dist.event_shape)
        base = self.base_dist.expand(tuple(batch_shape) + tuple(self.event_shape[:cut]))
        return type(self)(base, self.reinterpreted_batch_ndims, self._checks)

    def __repr__(self) -> str:
        return f"Independent({self.base_dist!r}, {self.reinterpreted_batch_ndims})"

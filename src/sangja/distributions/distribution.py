"""What every distribution has: shapes, checks and what follows from other methods."""

from __future__ import annotations

from typing import Any, ClassVar

from sangja.core.errors import ArgumentError
from sangja.core.shapes import Size
from sangja.distributions.constraints import Constraint
from sangja.engine import Tensor, no_grad
from sangja.ops.create import as_tensor
from sangja.ops.shape import broadcast_tensors


def tensors(*values: Any) -> tuple[Tensor, ...]:
    """Numbers and tensors as tensors of one shape; numbers take the dtype of the tensors."""
    known = [value.dtype for value in values if isinstance(value, Tensor)]
    dtype = known[0] if known else None
    made = [v if isinstance(v, Tensor) else as_tensor(v, dtype=dtype) for v in values]
    floats = [v if v.is_floating_point() else v.float() for v in made]
    return tuple(broadcast_tensors(*floats))


class Distribution:
    """A probability distribution: `batch_shape` independent ones, each of events of
    `event_shape`."""

    arg_constraints: ClassVar[Any] = {}
    has_rsample: Any = False
    support: Any = None
    _checks = True

    def __init__(
        self, batch_shape: Any = (), event_shape: Any = (), validate_args: bool | None = None
    ) -> None:
        self.batch_shape, self.event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._checks = validate_args
        if self._checks:
            for name, constraint in self.arg_constraints.items():
                if name in self.__dict__:
                    self._check_parameter(name, constraint)

    def _check_parameter(self, name: str, constraint: Constraint) -> None:
        value = self.__dict__[name]
        if not bool(constraint.check(value).all()):
            raise ArgumentError(
                f"Expected parameter {name} ({type(value).__name__} of shape "
                f"{tuple(value.shape)}) of distribution {self!r} to satisfy the constraint "
                f"{constraint!r}, but found invalid values:\n{value}"
            )

    def _check_sample(self, value: Any) -> None:
        """Refuse a value that cannot be an event."""
        if not self._checks:
            return
        if not isinstance(value, Tensor):
            raise ArgumentError("The value argument to log_prob must be a Tensor")
        whole = self.batch_shape + self.event_shape
        start = value.ndim - len(self.event_shape)
        if tuple(value.shape[start:]) != tuple(self.event_shape):
            raise ArgumentError(
                "The right-most size of value must match event_shape: "
                f"{value.shape} vs {self.event_shape}."
            )
        for here, there in zip(reversed(value.shape), reversed(whole), strict=False):
            if here != there and here != 1 and there != 1:
                raise ArgumentError(
                    "Value is not broadcastable with batch_shape+event_shape: "
                    f"{value.shape} vs {Size(whole)}."
                )
        if not bool(self.support.check(value).all()):
            raise ArgumentError(
                f"Expected value argument ({type(value).__name__} of shape "
                f"{tuple(value.shape)}) to be within the support ({self.support!r}) of the "
                f"distribution {self!r}, but found invalid values:\n{value}"
            )

    def _shape(self, sample_shape: Any) -> Size:
        return Size(tuple(sample_shape) + tuple(self.batch_shape) + tuple(self.event_shape))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws through which gradients reach the parameters."""
        raise NotImplementedError

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws of shape `sample_shape + batch_shape + event_shape`, without gradient."""
        with no_grad():
            return self.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density or probability of a value."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """The entropy in nats, of shape `batch_shape`."""
        raise NotImplementedError

    def perplexity(self) -> Tensor:
        """exp(entropy)."""
        return self.entropy().exp()

    @property
    def mean(self) -> Tensor:
        """The expected value."""
        raise NotImplementedError

    @property
    def variance(self) -> Tensor:
        """The expected squared distance from the mean."""
        raise NotImplementedError

    @property
    def stddev(self) -> Tensor:
        """√variance."""
        return self.variance.sqrt()

    def _arguments(self) -> dict[str, Tensor]:
        return {name: self.__dict__[name] for name in self.arg_constraints if name in self.__dict__}

    def expand(self, batch_shape: Any) -> Distribution:
        """The same distribution with its parameters seen in a larger batch shape."""
        wide = {
            name: value.expand(tuple(batch_shape) + tuple(value.shape[len(self.batch_shape) :]))
            for name, value in self._arguments().items()
        }
        made = type(self)(**wide, validate_args=False)
        made._checks = self._checks
        return made

    def __repr__(self) -> str:
        parts = (
            f"{name}: {value if value.numel() == 1 else value.size()}"
            for name, value in self._arguments().items()
        )
        return f"{type(self).__name__}({', '.join(parts)})"

"""The Kullback–Leibler divergence KL(p ‖ q) = E_p[log p − log q], pair by pair."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from sangja.distributions.bernoulli import Bernoulli
from sangja.distributions.categorical import Categorical
from sangja.distributions.distribution import Distribution
from sangja.distributions.independent import Independent
from sangja.distributions.normal import Normal
from sangja.distributions.uniform import Uniform
from sangja.engine import Tensor
from sangja.ops.activation import softplus

RULES: dict[tuple[type, type], Callable[[Any, Any], Tensor]] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Any], Any]:
    """Makes a function of (p, q) the rule for a pair of families and their subclasses."""

    def enter(rule: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Tensor]:
        RULES[type_p, type_q] = rule
        return rule

    return enter


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """KL(p ‖ q) in nats, of shape `batch_shape`; raises where no rule is registered for the pair.

    >>> from sangja.distributions import Normal, kl_divergence
    >>> kl_divergence(Normal(1.0, 1.0), Normal(0.0, 1.0))
    tensor(0.5000)
    """
    for left in type(p).__mro__:
        for right in type(q).__mro__:
            if (left, right) in RULES:
                return RULES[left, right](p, q)
    raise NotImplementedError(
        f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}"
    )


@register_kl(Normal, Normal)
def kl_normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log())


@register_kl(Uniform, Uniform)
def kl_uniform(p: Uniform, q: Uniform) -> Tensor:
    value = ((q.high - q.low) / (p.high - p.low)).log()
    return value.masked_fill((q.low > p.low) | (q.high < p.high), inf)


@register_kl(Categorical, Categorical)
def kl_categorical(p: Categorical, q: Categorical) -> Tensor:
    return weighed(p.probs, p.logits - q.logits, q.probs).sum(-1)


@register_kl(Bernoulli, Bernoulli)
def kl_bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    ones = weighed(p.probs, softplus(-q.logits) - softplus(-p.logits), q.probs)
    zeros = weighed(1 - p.probs, softplus(q.logits) - softplus(p.logits), 1 - q.probs)
    return ones + zeros


def weighed(p: Tensor, log_ratio: Tensor, q: Tensor) -> Tensor:
    """p · log(p / q), with its limits: ∞ where only q is 0, and 0 where p is."""
    return (p * log_ratio).masked_fill(q == 0, inf).masked_fill(p == 0, 0.0)


@register_kl(Independent, Independent)
def kl_independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError(
            "KL(p || q) of two Independent needs the same reinterpreted_batch_ndims, got "
            f"{p.reinterpreted_batch_ndims} and {q.reinterpreted_batch_ndims}"
        )
    return p._sum(kl_divergence(p.base_dist, q.base_dist))

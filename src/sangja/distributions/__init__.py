"""Probability distributions, under PyTorch's names."""

from sangja.distributions import constraints
from sangja.distributions.bernoulli import Bernoulli
from sangja.distributions.categorical import Categorical
from sangja.distributions.distribution import Distribution
from sangja.distributions.divergence import kl_divergence, register_kl
from sangja.distributions.independent import Independent
from sangja.distributions.normal import Normal
from sangja.distributions.uniform import Uniform

__all__ = [
    "Bernoulli",
    "Categorical",
    "Distribution",
    "Independent",
    "Normal",
    "Uniform",
    "constraints",
    "kl_divergence",
    "register_kl",
]

"""Every distribution beside PyTorch's: shapes, draws, densities, gradients, printing, errors."""

import numpy as np
import pytest

import sangja

torch = pytest.importorskip("torch")

LIBRARIES = (sangja, torch)
CASES = {
    "normal": lambda m: m.distributions.Normal(m.tensor([0.5, -1.0]), m.tensor([[1.0], [0.3]])),
    "normal of numbers": lambda m: m.distributions.Normal(0.5, 2.0),
    "uniform": lambda m: m.distributions.Uniform(m.tensor([0.0, -1.0]), 3.0),
    "bernoulli": lambda m: m.distributions.Bernoulli(m.tensor([0.1, 0.7])),
    "bernoulli of logits": lambda m: m.distributions.Bernoulli(logits=m.tensor([-3.0, 0.7])),
    "categorical": lambda m: m.distributions.Categorical(m.tensor([[1.0, 2.0, 3.0], [3, 1, 1]])),
    "categorical of logits": lambda m: m.distributions.Categorical(
        logits=m.tensor([0.1, -2.0, 1.0])
    ),
    "independent": lambda m: m.distributions.Independent(
        m.distributions.Normal(m.zeros(2, 3), m.ones(3)), 1
    ),
}


def close(ours, theirs):
    assert tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), 2e-6, 2e-6)


@pytest.mark.parametrize("case", CASES)
def test_draws_and_values(case):
    ours, theirs = (CASES[case](m) for m in LIBRARIES)
    assert repr(ours) == repr(theirs).replace("torch.Size", "sangja.Size")
    assert tuple(ours.batch_shape) == tuple(theirs.batch_shape)
    assert tuple(ours.event_shape) == tuple(theirs.event_shape)
    assert ours.has_rsample == theirs.has_rsample
    for shape in ((), (5,), (20, 3)):
        drawn = []
        for library, one in zip(LIBRARIES, (ours, theirs), strict=True):
            library.manual_seed(3)
            drawn.append(one.sample(shape))
        close(*drawn)
        close(ours.log_prob(drawn[0]), theirs.log_prob(drawn[1]))
    for name in ("mean", "variance", "stddev"):
        close(getattr(ours, name), getattr(theirs, name))
    close(ours.entropy(), theirs.entropy())
    wide = (4, *ours.batch_shape)
    close(ours.expand(wide).entropy(), theirs.expand(wide).entropy())


@pytest.mark.parametrize("name", ["Normal", "Uniform"])
def test_gradients_pass_through_draws_and_densities(name):
    gradients = []
    for m in LIBRARIES:
        a, b = m.tensor([0.0, 0.5], requires_grad=True), m.tensor([1.0, 2.0], requires_grad=True)
        one = getattr(m.distributions, name)(a, b)
        m.manual_seed(1)
        (one.rsample((4,)) ** 2).sum().backward()
        one.log_prob(m.tensor([0.5, 0.7])).sum().backward()
        gradients.append((a.grad, b.grad))
    for ours, theirs in zip(*gradients, strict=True):
        close(ours, theirs)


@pytest.mark.parametrize("name", ["Normal", "Uniform"])
def test_cumulative_probabilities(name):
    ours, theirs = (getattr(m.distributions, name)(-1.0, 2.0) for m in LIBRARIES)
    close(ours.cdf(sangja.tensor([-0.5, 1.0])), theirs.cdf(torch.tensor([-0.5, 1.0])))
    close(ours.icdf(sangja.tensor([0.1, 0.8])), theirs.icdf(torch.tensor([0.1, 0.8])))


@pytest.mark.parametrize("case", ["normal", "bernoulli", "categorical", "independent"])
def test_divergence(case):
    found = []
    for m in LIBRARIES:
        p, d = CASES[case](m), m.distributions
        q = {
            "normal": lambda d=d: d.Normal(1.0, 0.5),
            "bernoulli": lambda d=d: d.Bernoulli(0.4),
            "categorical": lambda d=d, m=m: d.Categorical(m.tensor([0.2, 0.2, 0.6])),
            "independent": lambda d=d, m=m: d.Independent(d.Normal(m.ones(2, 3), 2.0), 1),
        }[case]()
        found.append(d.kl_divergence(p, q))
    close(*found)


def test_divergence_at_the_limits():
    """Where a probability is 0 or 1, or an interval lies outside the other."""
    found = []
    for m in LIBRARIES:
        d, t = m.distributions, m.tensor
        kl = d.kl_divergence
        found.append(
            [
                kl(
                    d.Bernoulli(t([0.0, 1.0, 0.5, 0.5, 0.0])), d.Bernoulli(t([0.3, 0.3, 0, 1, 1.0]))
                ),
                kl(d.Categorical(t([0.0, 1.0])), d.Categorical(t([0.5, 0.5]))),
                kl(d.Categorical(t([0.5, 0.5])), d.Categorical(t([0.0, 1.0]))),
                kl(d.Uniform(t([0.0, 0.0, -1.0]), 1.0), d.Uniform(-0.5, t([2.0, 0.5, 2.0]))),
            ]
        )
    for ours, theirs in zip(*found, strict=True):
        close(ours, theirs)


def test_divergence_of_unlike_independents_is_refused():
    d, normal = sangja.distributions, sangja.distributions.Normal(sangja.ones(2, 3), 1.0)
    with pytest.raises(NotImplementedError, match="same reinterpreted_batch_ndims, got 1 and 2"):
        d.kl_divergence(d.Independent(normal, 1), d.Independent(normal, 2))


MISTAKES = {
    "scale": lambda m: m.distributions.Normal(0.0, -1.0),
    "probs": lambda m: m.distributions.Bernoulli(1.5),
    "low": lambda m: m.distributions.Uniform(2.0, 1.0),
    "both": lambda m: m.distributions.Categorical(),
    "no dimension": lambda m: m.distributions.Categorical(m.tensor(1.0)),
    "support": lambda m: m.distributions.Bernoulli(0.5).log_prob(m.tensor(0.5)),
    "category": lambda m: m.distributions.Categorical(m.ones(3)).log_prob(m.tensor(3)),
    "number": lambda m: m.distributions.Normal(0.0, 1.0).log_prob(0.5),
    "shape": lambda m: m.distributions.Normal(m.zeros(2), 1.0).log_prob(m.zeros(3)),
    "event": lambda m: m.distributions.Independent(m.distributions.Normal(0.0, 1.0), 1),
    "pair": lambda m: m.distributions.kl_divergence(
        m.distributions.Bernoulli(0.5),
        m.distributions.Independent(m.distributions.Normal(m.ones(2), 1.0), 1),
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_errors_have_pytorch_texts(mistake):
    with pytest.raises((ValueError, NotImplementedError)) as theirs:
        MISTAKES[mistake](torch)
    with pytest.raises(theirs.type) as ours:
        MISTAKES[mistake](sangja)
    assert str(ours.value) == str(theirs.value).replace("torch.Size", "sangja.Size")


def test_checks_can_be_left_out():
    one = sangja.distributions.Bernoulli(0.5, validate_args=False)
    other = torch.distributions.Bernoulli(0.5, validate_args=False)
    close(one.log_prob(sangja.tensor(0.5)), other.log_prob(torch.tensor(0.5)))

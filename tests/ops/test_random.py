"""The same seed, the same numbers, as PyTorch's: bit for bit and as printed."""

import numpy as np
import pytest

import sangja
from sangja.core.errors import ArgumentTypeError, DeviceError, SamplingError

torch = pytest.importorskip("torch")

DRAWS = {
    "rand": lambda t: t.rand(3, 5),
    "rand of float64": lambda t: t.rand((7,), dtype=t.float64),
    "randn, few": lambda t: t.randn(3),
    "randn, many": lambda t: t.randn(4, 5),
    "randint": lambda t: t.randint(0, 10, (20,)),
    "randint, high alone": lambda t: t.randint(5, (3, 2)),
    "randint, by name": lambda t: t.randint(low=-3, high=3, size=(9,), dtype=t.float32),
    "randperm": lambda t: t.randperm(17),
    "rand_like": lambda t: t.rand_like(t.zeros(2, 3, dtype=t.float64)),
    "randn_like": lambda t: t.randn_like(t.zeros(20)),
    "randint_like": lambda t: t.randint_like(t.zeros(5), 2, 9),
    "normal of numbers": lambda t: t.normal(1.0, 2.0, (20,)),
    "normal of tensors": lambda t: t.normal(t.arange(20.0), t.full((20,), 0.5)),
    "normal of a mean": lambda t: t.normal(t.arange(4.0), 2.0),
    "normal of a deviation": lambda t: t.normal(1.0, t.full((3,), 3.0)),
    "bernoulli": lambda t: t.bernoulli(t.full((9,), 0.3)),
    "bernoulli of a number": lambda t: t.bernoulli(t.zeros(9), 0.3),
    "multinomial": lambda t: t.multinomial(t.tensor([0.1, 0.2, 0.3, 0.4]), 3),
    "multinomial again": lambda t: t.multinomial(t.tensor([[0.1, 0.9], [0.5, 0.5]]), 6, True),
    "poisson": lambda t: t.poisson(t.tensor([0.5, 3.0, 20.0])),
    "uniform_": lambda t: t.empty(6).uniform_(-2, 3),
    "normal_": lambda t: t.empty(20).normal_(1, 2),
    "normal_ of a transpose": lambda t: t.zeros(4, 5).t().normal_(),
    "uniform_ of a transpose": lambda t: t.zeros(4, 5).t().uniform_(),
    "random_": lambda t: t.zeros(5, dtype=t.int64).random_(),
    "random_ to": lambda t: t.zeros(5, dtype=t.int32).random_(10),
    "random_ from, to": lambda t: t.zeros(5).random_(-5, 5),
    "bernoulli_": lambda t: t.zeros(9).bernoulli_(0.3),
    "bernoulli_ of a tensor": lambda t: t.zeros(2, 3).bernoulli_(t.tensor([0.1, 0.5, 0.9])),
    "exponential_": lambda t: t.zeros(9).exponential_(2.0),
    "geometric_": lambda t: t.zeros(9).geometric_(0.3),
    "cauchy_": lambda t: t.zeros(9).cauchy_(1.0, 2.0),
    "log_normal_": lambda t: t.zeros(9).log_normal_(0.0, 0.5),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
@pytest.mark.parametrize("seed", [0, 2**33 + 7])
def test_every_sampler_gives_pytorchs_numbers_to_the_bit(draw, seed):
    torch.manual_seed(seed)
    sangja.manual_seed(seed)
    for _ in range(2):
        wanted, got = draw(torch).numpy(), draw(sangja).numpy()
        assert got.dtype == wanted.dtype
        np.testing.assert_array_equal(got, wanted)


def test_print_is_equal_to_the_digit():
    torch.manual_seed(0)
    sangja.manual_seed(0)
    assert str(sangja.randn(3)) == str(torch.randn(3)) == "tensor([ 1.5410, -0.2934, -2.1788])"


def test_a_generator_is_a_stream_of_its_own():
    sangja.manual_seed(0)
    alone = sangja.rand(4)
    sangja.manual_seed(0)
    ours = sangja.Generator().manual_seed(3)
    theirs = torch.Generator().manual_seed(3)
    mixed = [sangja.rand(2)]
    for name in ("rand", "randn"):
        np.testing.assert_array_equal(
            getattr(sangja, name)(5, generator=ours), getattr(torch, name)(5, generator=theirs)
        )
    np.testing.assert_array_equal(
        sangja.zeros(3).uniform_(generator=ours), torch.zeros(3).uniform_(generator=theirs)
    )
    mixed.append(sangja.rand(2))
    np.testing.assert_array_equal(sangja.cat(mixed), alone)
    assert ours.initial_seed() == 3
    assert ours.device == sangja.device("cpu")


def test_states_go_to_pytorch_and_back():
    sangja.manual_seed(5)
    sangja.randn(3)
    torch.set_rng_state(torch.tensor(sangja.get_rng_state().numpy()))
    np.testing.assert_array_equal(sangja.randn(5), torch.randn(5))
    sangja.set_rng_state(sangja.tensor(torch.get_rng_state().numpy()))
    np.testing.assert_array_equal(sangja.randn(40), torch.randn(40))
    clone = sangja.Generator().manual_seed(1).clone_state()
    assert clone.initial_seed() == 1


def test_fork_rng_leaves_no_trace():
    sangja.manual_seed(0)
    with sangja.random.fork_rng():
        sangja.rand(10)
    got = sangja.rand(2)
    sangja.manual_seed(0)
    np.testing.assert_array_equal(got, sangja.rand(2))
    assert sangja.initial_seed() == 0
    assert sangja.seed() == sangja.initial_seed() != 0


def test_samples_of_a_parameter_have_a_derivative_of_zero():
    p = sangja.full((3,), 0.5, requires_grad=True)
    z = sangja.bernoulli(p)
    assert z.grad_fn is not None
    z.sum().backward()
    np.testing.assert_array_equal(p.grad, np.zeros(3))


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(SamplingError, match=r"std >= 0\.0"):
        sangja.zeros(3).normal_(0, -1)
    with pytest.raises(ArgumentTypeError, match="missing the argument 'size'"):
        sangja.randint(3)
    with pytest.raises(ArgumentTypeError, match=r"randint_like\(\) expects"):
        sangja.randint_like(sangja.zeros(3))
    with pytest.raises(ArgumentTypeError, match="generator must be a Generator, not int"):
        sangja.rand(3, generator=0)
    with pytest.raises(ArgumentTypeError, match="`size` must be given"):
        sangja.normal(0.0, 1.0)
    with pytest.raises(DeviceError, match="sangja computes on the CPU"):
        sangja.rand(3, device="cuda")
    with pytest.raises(RuntimeError, match="leaf Variable"):
        sangja.zeros(3, requires_grad=True).uniform_()

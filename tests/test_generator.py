"""`Generator` beside PyTorch, bit for bit, and against published numbers."""

import math
import struct
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from sangja.backend.generator import PERMUTATION_LIMIT, Generator, default_generator
from sangja.backend.normals import fill_normal
from sangja.backend.rounding import fma32, fma64
from sangja.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    DTypeError,
    SamplingError,
    StateError,
)
from tests.random_table import PAGE, ROWS, page

try:
    import torch
except ImportError:
    torch = None
needs_torch = pytest.mark.skipif(torch is None, reason="PyTorch is not installed")
# PyTorch warns, in its own C++ code, of whole numbers that a float dtype cannot all hold.
beyond_digits = pytest.mark.filterwarnings("ignore:.*out of bounds:UserWarning")

CASES = [pytest.param(row, d, id=f"{row.sampler}-{d}") for row in ROWS for d in row.dtypes]


def same_bits(ours: np.ndarray, theirs) -> bool:
    theirs = theirs.numpy()
    alike = ours.shape == theirs.shape and ours.dtype == theirs.dtype
    return alike and ours.tobytes() == np.ascontiguousarray(theirs).tobytes()


def beside(seed: int):
    return Generator(seed), torch.Generator().manual_seed(seed)


# ---------------------------------------------------------------------- beside PyTorch


@needs_torch
@beyond_digits
@pytest.mark.parametrize(("row", "dtype"), CASES)
def test_bits_and_place_in_the_stream_agree_with_pytorch(row, dtype):
    """One stream through all sizes, so that a waiting normal meets every next size."""
    kind = getattr(torch, dtype)
    for seed in (0, 42):
        g, t = beside(seed)
        for n in (*range(41), 1000, *(() if seed else (100003,))):
            if n < row.least:
                continue
            n = min(n, row.most)
            assert same_bits(np.asarray(row.ours(g, n, dtype)), row.theirs(torch, t, n, kind)), n
            assert same_bits(g.rand((1,)), torch.rand(1, generator=t)), n
        assert np.array_equal(g.get_state(), t.get_state().numpy())


@needs_torch
@beyond_digits
@pytest.mark.parametrize("seed", [1, -7, 2**32 + 5, 2**64 - 1])
def test_any_order_of_samplers_keeps_the_stream(seed):
    order = np.random.RandomState(seed % 2**32)
    g, t = beside(seed)
    assert g.initial_seed() == t.initial_seed()
    for _ in range(150):
        row = ROWS[order.randint(len(ROWS))]
        dtype = row.dtypes[order.randint(len(row.dtypes))]
        n = max(int(order.randint(35)), row.least)
        theirs = row.theirs(torch, t, n, getattr(torch, dtype))
        assert same_bits(np.asarray(row.ours(g, n, dtype)), theirs), row.sampler
    assert np.array_equal(g.get_state(), t.get_state().numpy())


@needs_torch
def test_state_passes_both_ways_in_the_middle_of_a_stream():
    for draws, normals in ((0, 0), (1, 1), (0, 3), (623, 0), (624, 0), (625, 5)):
        g, t = beside(3)
        g.rand((draws,)), torch.rand(draws, generator=t)
        g.normal((normals,)), torch.randn(normals, generator=t)
        assert np.array_equal(g.get_state(), t.get_state().numpy())
        back = torch.Generator().set_state(torch.from_numpy(g.get_state()))
        here = Generator(99).set_state(t.get_state())
        assert here.initial_seed() == back.initial_seed() == 3
        assert same_bits(here.normal((5,)), torch.randn(5, generator=back))
        assert same_bits(here.rand((1000,)), torch.rand(1000, generator=back))


@needs_torch
def test_shapes_and_tensor_means_agree_with_pytorch():
    g, t = beside(5)
    for shape in ((), (0,), (3, 0, 2), (2, 3), (4, 5, 6)):
        assert same_bits(g.rand(shape), torch.rand(shape, generator=t))
        assert same_bits(g.normal(shape), torch.randn(shape, generator=t))
        assert same_bits(g.integers(0, 9, shape), torch.randint(0, 9, shape, generator=t))
        p = np.full(shape, 0.4, np.float32)
        assert same_bits(g.bernoulli(p), torch.bernoulli(torch.from_numpy(p), generator=t))
        assert same_bits(g.exponential(shape), torch.empty(shape).exponential_(generator=t))
        alpha = np.full(shape, 1.5, np.float32)
        gammas = torch._standard_gamma(torch.from_numpy(alpha), generator=t)
        assert same_bits(g.standard_gamma(alpha), gammas)
    mean, std = np.ones((7, 1), np.float32), np.arange(5, dtype=np.float32) / 3
    tensors = torch.from_numpy(mean), torch.from_numpy(std)
    assert same_bits(g.normal(mean=mean, std=0.7), torch.normal(tensors[0], 0.7, generator=t))
    assert same_bits(g.normal(mean=0.3, std=std), torch.normal(0.3, tensors[1], generator=t))
    assert same_bits(g.normal(mean=mean, std=std), torch.normal(*tensors, generator=t))


@needs_torch
def test_a_transposed_tensor_is_filled_in_the_order_of_its_memory():
    g, t = beside(5)
    assert same_bits(g.rand((30, 40)), torch.empty(30, 40).t().uniform_(generator=t).t())
    ours = g.normal((30, 40), contiguous=False)
    assert same_bits(ours, torch.empty(30, 40).t().normal_(generator=t).t())


@needs_torch
def test_dropout_keeps_what_pytorch_keeps():
    g = Generator(8)
    torch.manual_seed(8)
    for p in (0.0, 0.1, 0.5, 1.0):
        kept = torch.nn.functional.dropout(torch.ones(50, 7), p) > 0
        ours = g.dropout_mask((50, 7), p) if p else np.ones((50, 7), np.bool_)
        assert same_bits(ours, kept)
    assert np.array_equal(g.get_state(), torch.get_rng_state().numpy())


@needs_torch
def test_seeds_of_loader_workers_are_pytorchs():
    g = Generator(8)
    torch.manual_seed(8)
    loader = torch.utils.data.DataLoader(list(range(11)), shuffle=True, batch_size=None)
    base = iter(loader)._base_seed
    assert int(g.integers(None, None, ())) == base
    torch.manual_seed(8)
    order = [int(x) for x in loader]
    again = Generator(8)
    again.integers(None, None, ())
    assert Generator(int(again.integers(None, None, ()))).permutation(11).tolist() == order


@needs_torch
def test_two_words_from_a_range_of_two_to_the_28_on():
    for width, words in ((2**28 - 1, 1), (2**28, 2)):
        g, t = beside(0)
        g.integers(0, width, ())
        torch.randint(0, width, (), generator=t)
        assert struct.unpack_from("<Q", g.get_state(), 16) == (words,)
        assert np.array_equal(g.get_state(), t.get_state().numpy())


@needs_torch
@beyond_digits
def test_float_bounds_move_inwards_as_in_pytorch():
    for dtype, low, high in (
        ("float16", 0, 65504),
        ("float16", 2047, 4099),
        ("float32", 2**24 - 3, 2**24 + 9),
        ("float32", -(2**24) - 9, -3),
        ("float32", -(2**40), 2**40),
        ("float64", 0, 2**60 + 1),
    ):
        g, t = beside(2)
        theirs = torch.empty(500, dtype=getattr(torch, dtype)).random_(low, high, generator=t)
        assert same_bits(g.integers(low, high, (500,), dtype), theirs), (dtype, low, high)


@needs_torch
def test_what_rounds_up_to_the_end_of_a_range_starts_it():
    """The largest uniform in [1, 2) rounds to 2; these streams are of words that are all ones."""
    state = torch.Generator().get_state().numpy().copy()
    struct.pack_into("<iiQ", state, 8, 624, 1, 1)
    # Every word's bits are one after MT19937's tempering of this number.
    np.frombuffer(state, "<u8")[3:627] = untempered(2**32 - 1)
    for dtype in ("float16", "float32", "float64"):
        g = Generator().set_state(state)
        t = torch.Generator().set_state(torch.from_numpy(state))
        theirs = torch.empty(4, dtype=getattr(torch, dtype)).uniform_(1, 2, generator=t)
        ours = g.uniform((4,), 1, 2, dtype)
        assert ours.tolist() == [1.0] * 4
        assert same_bits(ours, theirs)


def untempered(word: int) -> int:
    """The MT19937 state word whose tempering gives `word`, found bit by bit (it is linear)."""

    def temper(y: int) -> int:
        y ^= y >> 11
        y ^= (y << 7) & 0x9D2C5680
        y ^= (y << 15) & 0xEFC60000
        return y ^ (y >> 18)

    rows = {}
    for bit in range(32):
        image, source = temper(1 << bit), 1 << bit
        for lead, (other, origin) in rows.items():
            if image >> lead & 1:
                image, source = image ^ other, source ^ origin
        lead = image.bit_length() - 1
        for key, (other, origin) in rows.items():
            if other >> lead & 1:
                rows[key] = other ^ image, origin ^ source
        rows[lead] = image, source
    result = 0
    for lead, (_, origin) in rows.items():
        if word >> lead & 1:
            result ^= origin
    return result


@needs_torch
def test_radius_sine_and_cosine_are_pytorchs_at_the_hard_places():
    """Near the zeros of sine and cosine, near u = 0 and 1, and along the octants' edges."""
    near = np.add.outer(np.arange(9) * 2**21, np.arange(-40, 40)).ravel() % 2**24
    words = np.concatenate([near, np.random.RandomState(0).randint(0, 2**24, 400)])
    words = words[: words.size // 16 * 16].astype(np.uint32)
    for u1, u2 in ((words, words[::-1]), (np.full_like(words, 6601320), words)):
        given = np.concatenate([u1.reshape(-1, 8), u2.reshape(-1, 8)], axis=1).astype(np.uint32)
        for block in given.reshape(-1, 16):
            state = torch.Generator().get_state().numpy().copy()
            struct.pack_into("<iiQ", state, 8, 624, 1, 1)
            np.frombuffer(state, "<u8")[4:20] = [untempered(int(word)) for word in block]
            t = torch.Generator().set_state(torch.from_numpy(state))
            out = np.empty(16, np.float32)
            fill_normal(out, lambda n, block=block: block[:n].copy(), 0.0, 1.0)
            assert same_bits(out, torch.randn(16, generator=t))


@needs_torch
def test_shares_of_a_long_float64_row_differ_in_the_last_bits_only():
    alpha = np.random.RandomState(0).rand(50, 33) + 0.1
    g, t = beside(0)
    theirs = torch._sample_dirichlet(torch.from_numpy(alpha), generator=t).numpy()
    assert np.abs(g.dirichlet(alpha) / theirs - 1).max() < 4 * np.finfo(np.float64).eps
    assert np.array_equal(g.get_state(), t.get_state().numpy())


@needs_torch
@pytest.mark.parametrize("bounds", [(0, 0), (5, 3), (0, 300), (-1, 3)])
def test_bounds_are_refused_where_pytorch_refuses_them(bounds):
    with pytest.raises(RuntimeError):
        torch.empty(2, dtype=torch.uint8).random_(*bounds)
    with pytest.raises(RuntimeError):
        Generator().integers(*bounds, (2,), np.uint8)


def test_the_page_is_what_the_table_says():
    assert PAGE.read_text(encoding="utf-8") == page()


# ---------------------------------------------------------------------- published numbers


def test_words_of_the_cpp_standard():
    """ISO C++ 26.6.6: the 10000th number of a default mt19937 (seed 5489) is 4123659995."""
    assert Generator(5489).random_words(10000)[-1] == 4123659995


@pytest.mark.parametrize("seed", [0, 1, 42, 2**32 - 1])
def test_words_are_those_of_numpys_random_state(seed):
    words = np.random.RandomState(seed).randint(0, 2**32, 1300, np.uint32)
    assert np.array_equal(Generator(seed).random_words(1300), words)
    assert np.array_equal(Generator(seed + 2**32).random_words(1300), words)
    assert np.array_equal(Generator(seed - 2**32).random_words(1300), words)


def test_numbers_printed_in_pytorchs_pages():
    """`torch.manual_seed(0)` and `(42)` as tutorials print them, to four places."""
    printed = [0.4963, 0.7682, 0.0885, 0.1320, 0.3074, 0.6341]
    assert Generator(0).rand((6,)).round(4).tolist() == pytest.approx(printed)
    assert Generator(42).rand((3,)).round(4).tolist() == pytest.approx([0.8823, 0.9150, 0.3829])
    assert Generator(0).normal((3,)).round(4).tolist() == pytest.approx([1.5410, -0.2934, -2.1788])
    assert Generator(42).normal((3,)).round(4).tolist() == pytest.approx([0.3367, 0.1288, 0.2345])
    blocks = Generator(0).normal((20,))[:4].round(4).tolist()
    assert blocks == pytest.approx([-1.1258, -1.1524, -0.2506, -0.4339])


@given(st.integers(0, 300), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_permutation_is_the_forward_shuffle(n, seed):
    expected, words = list(range(n)), Generator(seed).random_words(max(n - 1, 0)).tolist()
    for i, word in enumerate(words):
        j = i + word % (n - i)
        expected[i], expected[j] = expected[j], expected[i]
    assert Generator(seed).permutation(n).tolist() == expected


def nearest(value: Fraction, dtype: type) -> float:
    """The number of the dtype nearest to a fraction, ties to the even mantissa."""
    guess = dtype(float(value))
    around = [np.nextafter(guess, dtype(-np.inf)), guess, np.nextafter(guess, dtype(np.inf))]
    integers = {x: int(x.view(f"i{x.itemsize}")) for x in around}
    return float(min(around, key=lambda x: (abs(Fraction(float(x)) - value), integers[x] & 1)))


SINGLE = st.floats(2.0**-20, 2.0**20, width=32)
DOUBLE = st.floats(2.0**-60, 2.0**60)
SIGN = st.sampled_from([-1.0, 1.0])


@given(SINGLE, SINGLE, SINGLE, SIGN)
def test_fma32_rounds_once(x, a, b, sign):
    exact = Fraction(x) * Fraction(a) + Fraction(sign * b)
    assert fma32(np.array([x]), a, sign * b)[0] == nearest(exact, np.float32)


def test_fma32_rounds_once_where_float64_would_land_halfway():
    """1 + 2⁻²⁴ + less lies above the middle of two float32; float64 alone says: in the middle."""
    x = np.array([(1 + 2.0**-23) * 2.0**-24])
    assert fma32(x, 1.0, 1.0)[0] == np.float32(1 + 2.0**-23)
    tiny = np.array([2.0**-47])
    assert fma32(tiny, 2.0**-23, float(np.float32(1 + 2.0**-23)))[0] == np.float32(1 + 2.0**-23)
    x, a = float(np.float32(2**-24 * (1 + 2**-12))), float(np.float32(1 + 2**-12 - 2**-11))
    exact = Fraction(x) * Fraction(a) + 1
    assert fma32(np.array([x]), a, 1.0)[0] == nearest(exact, np.float32)


@given(DOUBLE, DOUBLE, DOUBLE, SIGN)
def test_fma64_rounds_once(x, a, b, sign):
    exact = Fraction(x) * Fraction(a) + Fraction(sign * b)
    assert fma64(np.array([x]), a, sign * b)[0] == nearest(exact, np.float64)


def test_state_is_pytorchs_struct():
    """uint64 seed; int left, seeded; uint64 next; uint64[624]; the waiting normal and its flag."""
    g = Generator(-1)
    state = g.get_state()
    assert state.dtype == np.uint8
    assert state.size == 5056
    assert struct.unpack_from("<QiiQ", state) == (2**64 - 1, 1, 1, 0)
    assert struct.unpack_from("<Q", state, 24) == (2**32 - 1,)
    g.normal((3,))
    after = g.get_state()
    assert struct.unpack_from("<QiiQ", after) == (2**64 - 1, 617, 1, 8)
    assert struct.unpack_from("<i", after, 5040) == (1,)
    waiting = struct.unpack_from("<d", after, 5024)[0]
    assert float(g.clone().normal((), dtype=np.float64)) == waiting
    assert np.array_equal(g.set_state(state).normal((40,)), Generator(-1).normal((40,)))


def test_state_at_every_edge_of_a_block_of_words():
    for n in (0, 1, 623, 624, 625, 1248):
        g = Generator(4)
        g.random_words(n)
        assert np.array_equal(g.clone().random_words(700), g.random_words(700))


def test_seed_draws_a_fresh_one():
    g = Generator()
    assert g.initial_seed() == 67280421310721
    first, second = g.seed(), g.seed()
    assert first != second == g.initial_seed()
    assert default_generator.initial_seed() != 67280421310721


N = 20_000


@pytest.mark.parametrize(
    ("draw", "mean", "variance"),
    [
        (lambda g: g.uniform((N,), -1, 3), 1, 16 / 12),
        (lambda g: g.normal((N,), 2, 3), 2, 9),
        (lambda g: g.normal((N,), 2, 3, np.float64), 2, 9),
        (lambda g: g.exponential((N,), 2), 0.5, 0.25),
        (lambda g: g.geometric((N,), 0.25), 4, 12),
        (lambda g: g.log_normal((N,), 0, 0.5), math.exp(0.125), 0.3646958),
        (lambda g: g.trunc_normal((N,)), 0, 0.7737413),
        (lambda g: g.trunc_normal((N,), low=2, high=4), 2.3706332, 0.1095831),
        (lambda g: g.bernoulli_scalar(0.3, (N,)), 0.3, 0.21),
        (lambda g: g.standard_gamma(np.full(N, 0.5)), 0.5, 0.5),
        (lambda g: g.standard_gamma(np.full(N, 7.0)), 7, 7),
        (lambda g: g.poisson(np.full(N, 3.0)), 3, 3),
        (lambda g: g.poisson(np.full(N, 40.0)), 40, 40),
        (lambda g: g.binomial(np.full(N, 8.0), 0.3), 2.4, 1.68),
        (lambda g: g.binomial(np.full(N, 200.0), 0.6), 120, 48),
        (lambda g: g.dirichlet(np.full((N, 2), 2.0))[:, 0], 0.5, 0.05),
        (lambda g: g.multinomial(np.array([1.0, 2.0, 1.0]), N, True), 1, 0.5),
    ],
)
def test_mean_and_variance_are_those_of_the_distribution(draw, mean, variance):
    """Moments of textbooks; the mean within five standard errors."""
    drawn = np.asarray(draw(Generator(1)), np.float64)
    assert abs(drawn.mean() - mean) < 5 * math.sqrt(variance / N)
    assert drawn.var() == pytest.approx(variance, rel=0.06)


def test_cauchy_has_its_quartiles():
    quartiles = np.quantile(Generator(1).cauchy((N,), 3.0, 2.0), [0.25, 0.5, 0.75])
    assert quartiles == pytest.approx([1, 3, 5], abs=0.15)


def test_multinomial_without_replacement_takes_the_heavy_first():
    drawn = Generator(0).multinomial(np.array([[1.0, 0.0, 3.0], [0.0, 5.0, 1.0]] * 2000), 2)
    assert set(map(tuple, drawn[0::2].tolist())) == {(0, 2), (2, 0)}
    assert np.mean(drawn[0::2, 0] == 2) == pytest.approx(0.75, abs=0.05)
    assert np.mean(drawn[1::2, 0] == 1) == pytest.approx(5 / 6, abs=0.05)


# ---------------------------------------------------------------------- errors

G = Generator(0)
NAN = math.nan


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: G.bernoulli_scalar(1.5, (2,)), SamplingError, "p to be in [0, 1], but got p=1.5"),
        (lambda: G.bernoulli_scalar(NAN, (2,)), SamplingError, "but got p=nan"),
        (lambda: G.bernoulli(np.array([0.5, -0.1])), SamplingError, "all probabilities to be in"),
        (lambda: G.bernoulli(np.array([NAN])), SamplingError, "all probabilities to be in"),
        (lambda: G.bernoulli(np.array([1])), DTypeError, "bernoulli: expected a floating dtype"),
        (lambda: G.dropout_mask((2,), -0.1), SamplingError, "has to be between 0 and 1"),
        (lambda: G.normal((2,), 0, -1), SamplingError, "std >= 0.0, but found std -1"),
        (lambda: G.normal((0,), 0, NAN), SamplingError, "std >= 0.0, but found std nan"),
        (lambda: G.normal(mean=np.zeros(2), std=np.array([1, -1])), SamplingError, "std >= 0.0"),
        (lambda: G.normal((2,), dtype=np.int64), DTypeError, "normal: expected a floating dtype"),
        (lambda: G.uniform((2,), 2, 1), SamplingError, "found from=2 > to=1"),
        (lambda: G.uniform((2,), 0, 1e39), SamplingError, "to=1e+39 is out of bounds for float32"),
        (lambda: G.uniform((2,), NAN, 1), SamplingError, "from=nan is out of bounds"),
        (lambda: G.uniform((2,), -3e38, 3e38), SamplingError, "to - from to fit in float32"),
        (lambda: G.rand((2,), np.int32), DTypeError, "try dtype=float32"),
        (lambda: G.exponential((2,), 0), SamplingError, "lambda > 0.0, but found lambda=0"),
        (lambda: G.geometric((2,), 1), SamplingError, "p to be in (0, 1), but got p=1"),
        (lambda: G.cauchy((2,), 0, 0), SamplingError, "sigma > 0.0, but found sigma=0"),
        (lambda: G.log_normal((2,), 0, 0), SamplingError, "std > 0.0, but found std=0"),
        (lambda: G.trunc_normal((2,), 0, 0), SamplingError, "std > 0.0, but found std 0"),
        (lambda: G.trunc_normal((2,), low=1, high=1), SamplingError, "low < high"),
        (lambda: G.integers(3, 3, (2,)), SamplingError, "but got from=3 >= to=3"),
        (lambda: G.integers(0, 300, (2,), np.uint8), SamplingError, "to - 1 = 299 is out of"),
        (lambda: G.integers(-1, 3, (2,), np.uint8), SamplingError, "from = -1 is out of bounds"),
        (lambda: G.integers(0, 2, (2,), np.complex64), DTypeError, "no random whole numbers"),
        (lambda: G.integers(None, None, (2,), np.uint16), DTypeError, "without bounds"),
        (lambda: G.integers(-(2**63), None, (2,), np.int32), DTypeError, "all of 64 bits"),
        (lambda: G.integers(4097, 4098, (2,), np.float16), SamplingError, "empty after its bounds"),
        (lambda: G.permutation(-1), SamplingError, "must be non-negative, got -1"),
        (lambda: G.permutation(PERMUTATION_LIMIT), SamplingError, "must be less than 214748364"),
        (lambda: G.permutation(3000, np.float16), SamplingError, "cannot be greater than 2049"),
        (lambda: G.multinomial(np.zeros(2), 1), SamplingError, "sum of probabilities <= 0"),
        (lambda: G.multinomial(np.array([-1.0, 2]), 1), SamplingError, "element < 0"),
        (lambda: G.multinomial(np.array([math.inf, 2]), 1), SamplingError, "`inf`, `nan`"),
        (lambda: G.multinomial(np.ones(2), 3), SamplingError, "3 of 2; pass replacement=True"),
        (lambda: G.multinomial(np.ones(2), 0), SamplingError, "n_sample <= 0"),
        (lambda: G.multinomial(np.ones((1, 1, 1)), 1), SamplingError, "must be 1 or 2 dim, got 3"),
        (lambda: G.multinomial(np.ones((2, 0)), 1, True), SamplingError, "1 to 2^24 categories"),
        (lambda: G.multinomial(np.ones(2, np.int64), 1), DTypeError, "multinomial: expected a"),
        (lambda: G.poisson(np.array([-1.0])), SamplingError, "invalid Poisson rate"),
        (lambda: G.poisson(np.array([NAN])), SamplingError, "invalid Poisson rate"),
        (lambda: G.standard_gamma(np.array([-1.0])), SamplingError, "all alpha >= 0"),
        (lambda: G.dirichlet(np.array([-1.0, 1])), SamplingError, "all alpha >= 0"),
        (lambda: G.standard_gamma(np.ones(2, np.float16)), DTypeError, "float32 or float64"),
        (lambda: G.manual_seed(2**64), ArgumentError, "must fit in 64 bits"),
        (lambda: G.manual_seed(-(2**63) - 1), ArgumentError, "must fit in 64 bits"),
        (lambda: G.manual_seed(1.5), ArgumentTypeError, "expected a whole number, got float 1.5"),
        (lambda: G.set_state(np.zeros(5, np.uint8)), StateError, "5056 bytes, but found 5"),
        (lambda: G.set_state(np.zeros(5056)), ArgumentTypeError, "must be uint8"),
        (lambda: G.set_state(np.zeros(5056, np.uint8)), StateError, "Invalid mt19937 state"),
    ],
)
def test_errors_say_what_is_wrong(call, error, text):
    before = G.get_state()
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
    assert np.array_equal(G.get_state(), before)  # nothing was drawn


def test_sampling_errors_are_what_users_of_pytorch_catch():
    assert issubclass(SamplingError, RuntimeError)
    assert issubclass(SamplingError, ValueError)

"""Products of matrices: every size around the tiles' edges, every way to lie in memory."""

import itertools

import numpy as np
import pytest

from sangja.backend.native import llvm, matmul
from sangja.backend.native.matmul import layout, merged, plan
from sangja.backend.native.spec import Gemm, Step
from sangja.backend.native.steps import Unsupported
from sangja.backend.native.tile import split, tile_shape
from tests.native.plans import run, strides

pytest.importorskip("llvmlite")
TOLERANCE = {"f4": 2e-6, "f8": 1e-14}


def matrix(random, dtype, batch, rows, columns, how):
    """A matrix that lies in memory as `how` says."""
    shape = (*batch, rows, columns)
    if how == "rows":
        return random.standard_normal(shape).astype(dtype)
    if how == "columns":
        return random.standard_normal((*batch, columns, rows)).astype(dtype).swapaxes(-1, -2)
    if how == "spread":
        wide = random.standard_normal((*batch, 2 * rows, 3 * columns)).astype(dtype)
        return wide[..., ::2, ::3]
    if how == "backward":
        return random.standard_normal(shape).astype(dtype)[..., ::-1, ::-1]
    assert how == "padded"
    return random.standard_normal((*batch, rows, columns + 5)).astype(dtype)[..., :columns]


def gemm(a, b, c, **others):
    batch = c.shape[:-2]
    a, b = (np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (a, b))
    return Gemm(
        batch, *c.shape[-2:], a.shape[-1], strides(a), strides(b), strides(c), c.dtype.str[1:],
        **others,
    )  # fmt: skip


def exact(a, b):
    return np.matmul(a.astype("f8"), b.astype("f8"))


def close(found, expected, depth):
    """Within rounding of a sum of `depth` products of standard normal numbers."""
    bound = TOLERANCE[found.dtype.str[1:]] * (4 + depth**0.5) * 4
    np.testing.assert_allclose(found, expected, rtol=bound, atol=bound)


def check(a, b, c, threads=1, **others):
    before = c.astype("f8") if others.get("accumulate") else 0
    expected = exact(a, b) + before
    run(plan(gemm(a, b, c, **others)), {"a": a, "b": b, "c": c}, threads)
    close(c, expected, a.shape[-1])


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 65, 100])
@pytest.mark.parametrize("m", [1, 2, 5, 13, 14, 15, 29, 64])
def test_sizes_around_the_tile(m, n):
    random = np.random.default_rng(m * 1000 + n)
    a, b = matrix(random, "f4", (), m, 19, "rows"), matrix(random, "f4", (), 19, n, "rows")
    check(a, b, np.full((m, n), np.nan, "f4"))


@pytest.mark.parametrize("k", [1, 2, 3, 15, 16, 17, 33, 255, 256, 2049, 3072, 3073, 4097])
@pytest.mark.parametrize("how", ["rows", "columns"])
def test_depths_around_the_blocks(k, how):
    random = np.random.default_rng(k)
    a, b = matrix(random, "f4", (), 17, k, how), matrix(random, "f4", (), k, 37, how)
    check(a, b, np.full((17, 37), np.nan, "f4"), threads=2)


LIES = ["rows", "columns", "spread", "backward", "padded"]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("how", LIES)
@pytest.mark.parametrize("k", [1, 7, 8, 16, 17, 40, 100])
@pytest.mark.parametrize(("m", "n"), [(1, 1), (1, 33), (7, 1), (16, 1), (33, 1), (2, 40)])
def test_thin_products(m, n, k, how, dtype):
    random = np.random.default_rng(6)
    a, b = matrix(random, dtype, (3,), m, k, how), matrix(random, dtype, (3,), k, n, how)
    c = matrix(random, dtype, (3,), m, n, how)
    check(a, b, c, threads=2, accumulate=k % 2 == 1)
    bias = matrix(random, dtype, (3,), m, n, "rows")
    steps = (Step("acc", (), dtype), Step("load", (), dtype, 0), Step("add", (0, 1), dtype))
    made = plan(gemm(a, b, c, epilogue=steps, operands=((dtype, strides(bias)),)))
    run(made, {"a": a, "b": b, "c": c, "e0": bias})
    close(c, exact(a, b) + bias, k)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(("how_a", "how_b", "how_c"), list(itertools.product(LIES, LIES, LIES)))
def test_ways_to_lie_in_memory(dtype, how_a, how_b, how_c):
    random = np.random.default_rng(1)
    a, b = matrix(random, dtype, (), 30, 21, how_a), matrix(random, dtype, (), 21, 35, how_b)
    c = matrix(random, dtype, (), 30, 35, how_c)
    around = c.base.copy() if c.base is not None and how_c == "spread" else None
    check(a, b, c, accumulate=how_a == how_b)
    if around is not None:  # what lies between the numbers of C is not touched
        np.testing.assert_array_equal(c.base[..., 1::2, :], around[..., 1::2, :])


@pytest.mark.parametrize("how", ["rows", "columns"])
@pytest.mark.parametrize("width", [1024, 2048, 4096])
def test_rows_that_meet_in_the_cache(width, how):
    random = np.random.default_rng(2)
    wide = random.standard_normal((200, width)).astype("f4")
    a = wide[:, :100] if how == "rows" else wide[:100, :200].T
    b = matrix(random, "f4", (), 100, 300, how)
    check(a, b, np.full((a.shape[0], 300), np.nan, "f4"), threads=3)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("how", ["rows", "columns"])
@pytest.mark.parametrize(
    ("batch_a", "batch_b"), [((6,), (6,)), ((6,), ()), ((), (6,)), ((2, 3), (2, 1)), ((1,), (4,))]
)
def test_batches(batch_a, batch_b, how, dtype):
    random = np.random.default_rng(3)
    a, b = matrix(random, dtype, batch_a, 18, 11, how), matrix(random, dtype, batch_b, 11, 20, how)
    batch = np.broadcast_shapes(batch_a, batch_b)
    for accumulate in (False, True):
        c = random.standard_normal((*batch, 18, 20)).astype(dtype)
        check(a, b, c, threads=2, accumulate=accumulate)


@pytest.fixture
def small_caches(monkeypatch):
    """Small products are cut as large ones are."""
    plan.cache_clear()
    for name in ("MEMORY", "NEAR", "PANEL"):
        monkeypatch.setattr(matmul, name, 0)
    for name, value in (("DEEP", 32), ("COLUMNS", 8192), ("BLOCK", 40)):
        monkeypatch.setattr(matmul, name, value)
    yield
    plan.cache_clear()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("batch_b", [(), (2,)])
@pytest.mark.parametrize("how_b", ["rows", "columns", "spread"])
@pytest.mark.parametrize("how_a", ["rows", "columns", "spread"])
@pytest.mark.parametrize(("m", "n", "k"), [(43, 300, 48), (64, 260, 70), (29, 531, 300)])
def test_blocks_of_every_kind(small_caches, m, n, k, how_a, how_b, batch_b, dtype):
    random = np.random.default_rng(7)
    a, b = matrix(random, dtype, (2,), m, k, how_a), matrix(random, dtype, batch_b, k, n, how_b)
    c = random.standard_normal((2, m, n)).astype(dtype)
    how = layout(merged(gemm(a, b, c)))
    assert (how.copy_a, how.parts > 1) == (how_a == "columns", k > 48)
    check(a, b, c, threads=3, accumulate=True)
    steps = (Step("acc", (), dtype), Step("const", (), dtype, -1, 3.0), Step("add", (0, 1), dtype))
    run(plan(gemm(a, b, c, epilogue=steps)), {"a": a, "b": b, "c": c}, threads=2)
    close(c, exact(a, b) + 3, k)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("how", LIES)
@pytest.mark.parametrize("m", [1, 2, 3, 4])
@pytest.mark.parametrize(("n", "k"), [(129, 16), (144, 17), (401, 18), (2048, 35), (4099, 16)])
def test_few_rows_and_a_large_matrix(monkeypatch, m, n, k, how, dtype):
    plan.cache_clear()
    monkeypatch.setattr(matmul, "FAR", 0)
    random = np.random.default_rng(8)
    a, b = matrix(random, dtype, (2,), m, k, how), matrix(random, dtype, (2,), k, n, "padded")
    c = matrix(random, dtype, (2,), m, n, how)
    check(a, b, c, threads=5, accumulate=k == 17)
    assert matmul.is_flat(gemm(a, b, c))
    if k != 17:
        before = c.copy()
        check(a, b, c, threads=1)
        np.testing.assert_array_equal(c, before)
    bias = matrix(random, dtype, (2,), m, n, "rows")
    steps = (Step("acc", (), dtype), Step("load", (), dtype, 0), Step("add", (0, 1), dtype))
    made = plan(gemm(a, b, c, epilogue=steps, operands=((dtype, strides(bias)),)))
    run(made, {"a": a, "b": b, "c": c, "e0": bias}, threads=2)
    close(c, exact(a, b) + bias, k)
    plan.cache_clear()


@pytest.mark.parametrize("n", [33, 48, 50, 128, 129])
def test_many_rows_that_come_from_memory(n, monkeypatch):
    monkeypatch.setattr(matmul, "MEMORY", 10_000)
    plan.cache_clear()
    random = np.random.default_rng(9)
    a, b = matrix(random, "f4", (), 101, 40, "rows"), matrix(random, "f4", (), 40, n, "columns")
    c = np.full((101, n), np.nan, "f4")
    assert (layout(gemm(a, b, c)).rows <= matmul.STREAMED) == (n <= 128)
    check(a, b, c, threads=3)
    plan.cache_clear()


@pytest.mark.parametrize(("m", "n"), [(0, 5), (5, 0), (0, 0)])
def test_empty_products(m, n):
    check(np.ones((m, 3), "f4"), np.ones((3, n), "f4"), np.ones((m, n), "f4"))


def test_an_empty_sum_is_zero():
    check(np.ones((4, 0), "f4"), np.ones((0, 20), "f4"), np.full((4, 20), np.nan, "f4"))


@pytest.mark.parametrize("sizes", [(300, 200, 260), (64, 500, 900), (3, 700, 300), (400, 1, 50)])
def test_any_number_of_threads_gives_the_same_bits(sizes):
    m, n, k = sizes
    random = np.random.default_rng(4)
    a, b = matrix(random, "f4", (), m, k, "rows"), matrix(random, "f4", (), k, n, "columns")
    results = []
    for threads in (1, 2, 3, 7):
        c = np.full((m, n), np.nan, "f4")
        check(a, b, c, threads)
        results.append(c)
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


@pytest.mark.parametrize("k", [40, 3100])
@pytest.mark.parametrize("how", ["rows", "columns", "spread"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_epilogue_of_bias_and_relu_with_a_second_result(dtype, how, k):
    random = np.random.default_rng(5)
    a, b = matrix(random, dtype, (), 31, k, "rows"), matrix(random, dtype, (), k, 45, "rows")
    bias = np.broadcast_to(random.standard_normal(45).astype(dtype), (31, 45))
    c, second = matrix(random, dtype, (), 31, 45, how), matrix(random, dtype, (), 31, 45, how)
    steps = (
        Step("acc", (), dtype),
        Step("load", (), dtype, 0),
        Step("add", (0, 1), dtype),
        Step("store", (2,), dtype, 1),
        Step("const", (), dtype, -1, 0.0),
        Step("maximum", (2, 4), dtype),
    )
    operands = ((dtype, strides(bias)), (dtype, strides(second)))
    made = plan(gemm(a, b, c, epilogue=steps, operands=operands))
    run(made, {"a": a, "b": b, "c": c, "e0": bias, "e1": second}, threads=2)
    expected = exact(a, b) + bias
    close(second, expected, k)
    close(c, np.maximum(expected, 0), k)


def test_an_epilogue_without_kernels_is_refused_before_anything_is_compiled():
    steps = (Step("acc", (), "f4"), Step("bessel", (0,), "f4"))
    with pytest.raises(Unsupported, match="bessel"):
        plan(Gemm((), 4, 4, 4, (4, 1), (4, 1), (4, 1), epilogue=steps))


def test_one_weight_for_a_batch_is_one_product():
    spec = merged(Gemm((5, 3), 4, 20, 7, (84, 28, 7, 1), (0, 0, 20, 1), (240, 80, 20, 1)))
    assert (spec.batch, spec.m) == ((), 60)


def test_small_batches_are_packed_where_they_are_used():
    spec = Gemm((64,), 64, 64, 32, (2048, 32, 1), (2048, 1, 32), (4096, 64, 1))
    assert layout(spec).local
    assert [kernel.name for kernel, _, _ in plan(spec).stages] == ["gemm"]


@pytest.mark.parametrize("count", [1, 5, 13, 14, 15, 64, 100])
def test_pieces_are_nearly_equal_and_make_up_the_whole(count):
    pieces = split(count, 14)
    assert sum(size * number for size, number in pieces) == count
    assert max(s for s, _ in pieces) - min(s for s, _ in pieces) <= 1


@pytest.mark.parametrize("m", [1, 3, 8, 64, 1000])
@pytest.mark.parametrize("n", [1, 10, 64, 1000])
def test_a_tile_fits_into_the_registers(m, n):
    rows, vectors = tile_shape(m, n, "f4")
    assert rows <= m
    assert rows * vectors + vectors + 1 <= llvm.vector_registers()

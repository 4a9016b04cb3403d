"""Fused loops against NumPy: every length around a vector's edge, every way to lie in memory."""

import re
from pathlib import Path

import numpy as np
import pytest

from sangja.backend.native import llvm, nest as nests, stages
from sangja.backend.native.nest import Nest, Operand, Step, build
from sangja.backend.native.steps import Unsupported
from tests.native.nests import Program, run, watched

pytest.importorskip("llvmlite")
W = llvm.vector_bytes() // 4
EDGES = sorted({0, 1, 2, 3, W - 1, W, W + 1, 2 * W + 3, 4 * W, 4 * W + 1, 9 * W + 5})
GOLDEN = Path(__file__).parent / "golden"


def normal(*shape, dtype="f4", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("columns", EDGES)
def test_softmax_of_any_length(columns):
    """Three loops over a row: maximum, sum, quotient; and nothing beside the row is touched."""
    x = normal(5, columns) * 3
    out, untouched = watched((5, columns), np.float32)
    total, untouched_total = watched((5, 1), np.float32)
    p = Program((5,), (columns,), blocks=3)
    v = p.load(x)
    e = p.step("exp", p.step("subtract", v, p.step("max", v, dtype="f4"), dtype="f4"), dtype="f4")
    s = p.step("sum", e, dtype="f4")
    p.store(s, total)
    p.store(p.step("divide", e, s, dtype="f4"), out)
    p.run(threads=2)
    assert untouched()
    assert untouched_total()
    if columns:
        expected = np.exp(x.astype("f8") - x.max(axis=1, keepdims=True))
        np.testing.assert_allclose(total, expected.sum(axis=1, keepdims=True), rtol=2e-6)
        np.testing.assert_allclose(out, expected / expected.sum(axis=1, keepdims=True), rtol=3e-6)
    else:
        assert (total == 0).all()


@pytest.mark.parametrize("columns", EDGES)
@pytest.mark.parametrize("dtype", ["f8", "i4", "b1"])
def test_elements_of_any_length(columns, dtype):
    x = normal(3, columns) * 9 > 0 if dtype == "b1" else (normal(3, columns) * 9).astype(dtype)
    p = Program((3,), (columns,))
    out, untouched = watched((3, columns), np.dtype(dtype).type)
    p.store(p.step("maximum", p.load(x), p.const(1, dtype), dtype=dtype), out)
    p.run()
    assert untouched()
    np.testing.assert_array_equal(out, np.maximum(x, np.array(1, dtype)))


@pytest.mark.parametrize("rows", [0, 1, 2, 7])
@pytest.mark.parametrize("columns", [1, W + 1, 9 * W + 5])
def test_folds_over_rows(rows, columns):
    """A result a block; a block of no rows leaves what changes nothing."""
    x = normal(rows, columns)
    p = Program((rows,), (columns,), blocks=3)
    v = p.load(x)
    found = {}
    for op in ("sum", "max", "min"):
        found[op], _ = watched((3, 1, columns), np.float32)
        p.step("fold_" + op, v, dtype="f4", operand=p.operand(found[op], columns))
    biggest, _ = watched((3, 1, 1), np.float32)
    p.step("fold_max", p.step("max", v, dtype="f4"), dtype="f4", operand=p.operand(biggest, 1))
    p.run(threads=2)
    neutral = {"sum": 0, "max": -np.inf, "min": np.inf}
    for op, joined in found.items():
        expected = getattr(x, op)(axis=0, initial=neutral[op])
        whole = getattr(joined[:, 0], op)(axis=0)
        np.testing.assert_allclose(whole, expected, rtol=1e-6, atol=1e-6)
    assert biggest.max() == x.max(initial=-np.inf)


REDUCTIONS = [
    ("sum", "f4", "f4"), ("sum", "f8", "f8"), ("sum", "i4", "i8"), ("sum", "b1", "i8"),
    ("max", "i4", "i4"), ("min", "u1", "u1"), ("max", "f8", "f8"), ("prod", "f8", "f8"),
    ("any", "f4", "b1"), ("all", "b1", "b1"), ("any", "i8", "b1"), ("all", "u1", "b1"),
]  # fmt: skip


@pytest.mark.parametrize("op, source, dtype", REDUCTIONS)
@pytest.mark.parametrize("columns", [1, W + 1, 500])
def test_reductions(op, source, dtype, columns):
    x = np.abs(normal(4, columns) * 1.5)
    x[1:, -1] = 0
    x[2] = 0
    x = x.astype("?" if source == "b1" else source)
    p = Program((4,), (columns,))
    out = np.zeros((4, 1), dtype)
    p.store(p.step(op, p.load(x), dtype=dtype), out)
    p.run()
    expected = getattr(x, op)(axis=1, keepdims=True)
    np.testing.assert_allclose(out, expected.astype(dtype), rtol=1e-6)


@pytest.mark.parametrize("columns", [0, 1, 3, 5, 24])
def test_reductions_of_columns_that_are_all_equal(columns):
    x = normal(3, 1)
    p = Program((3,), (columns,))
    p.operand(np.zeros((3, columns), "f4"))
    v = p.load(x)
    total, product = np.full((3, 1), 7, "f4"), np.full((3, 1), 7, "f4")
    p.store(p.step("sum", v, dtype="f4"), total)
    p.store(p.step("prod", v, dtype="f4"), product)
    p.run()
    np.testing.assert_allclose(total, x * columns, rtol=1e-6)
    np.testing.assert_allclose(product, x.astype("f8") ** columns, rtol=1e-5)


@pytest.mark.parametrize("name", ["nan", "inf"])
def test_nan_and_infinity_in_reductions(name):
    x = normal(2, 3 * W + 2)
    x[0, W + 1] = np.nan if name == "nan" else np.inf
    results = {op: np.zeros((2, 1), "f4") for op in ("sum", "max", "min")}
    p = Program((2,), (x.shape[1],))
    v = p.load(x)
    for op, out in results.items():
        p.store(p.step(op, v, dtype="f4"), out)
    p.run()
    for op, out in results.items():
        expected = getattr(x, op)(axis=1, keepdims=True)
        np.testing.assert_allclose(out, expected, rtol=1e-5, err_msg=op)


def test_a_long_sum_is_as_good_as_numpys():
    """PyTorch's and NumPy's sums go by halves; ours in parts. Ten million numbers in one row."""
    for seed, make in enumerate(("random", "standard_normal")):
        x = getattr(np.random.default_rng(seed), make)(10_000_000).astype("f4")
        out = np.zeros((1, 1), "f4")
        p = Program((1,), (x.size,))
        p.store(p.step("sum", p.load(x[None]), dtype="f4"), out)
        p.run()
        exact = x.sum(dtype="f8")
        unit = np.spacing(np.float32(np.abs(exact)))
        assert abs(out[0, 0] - exact) <= max(4 * abs(float(x.sum()) - exact), unit)


LAYOUTS = [
    lambda x: x,
    lambda x: x[::-1, :, ::-1],
    lambda x: x[:, ::-1],
    lambda x: np.asfortranarray(x),
    lambda x: x[:, :, :1],
    lambda x: x[:1],
    lambda x: x[:, :1, :1],
    lambda x: np.repeat(np.repeat(x, 2, axis=2), 3, axis=1)[:, ::3, ::2],
]


@pytest.mark.parametrize("layout", range(len(LAYOUTS)))
@pytest.mark.parametrize("rows", [1, 2])
def test_arrays_lie_in_memory_as_they_like(layout, rows):
    """Broadcast, backward, spread, transposed; with one or two dimensions as rows."""
    x, y = normal(3, 4, W + 3), normal(3, 4, W + 3, seed=1)
    other = LAYOUTS[layout](y)
    backing = np.full((3, 8, 2 * W + 6), 7, "f4")
    out = backing[:, ::2, ::2]
    p = Program(x.shape[:rows], x.shape[rows:], blocks=2)
    first = p.load(x)
    second = p.load(other)
    value = p.step("subtract", first, second, dtype="f4")
    total = np.zeros((*x.shape[:rows], *[1] * (3 - rows)), "f4")
    p.store(p.step("sum", value, dtype="f4"), total)
    p.store(value, out)
    p.run(threads=3)
    np.testing.assert_array_equal(out, x - other)
    np.testing.assert_allclose(total.ravel(), (x - other).sum(tuple(range(rows, 3))).ravel(),
                               rtol=1e-4, atol=1e-5)  # fmt: skip
    out[...] = 7
    assert (backing == 7).all()


def test_rows_are_gathered():
    table = normal(10, 3 * W + 1)
    at = np.array([[3], [0], [9], [3]], "u1")
    out = np.zeros((4, table.shape[1]), "f4")
    p = Program((4,), (table.shape[1],))
    p.arrays.append(table)
    p.operands.append(Operand("f4", (0,), (1,)))
    p.store(p.step("gather", p.load(at), dtype="f4", operand=0, value=table.shape[1]), out)
    p.run()
    np.testing.assert_array_equal(out, table[at[:, 0]])


def test_elements_are_gathered_by_numbers_of_any_size():
    table = normal(300)
    for dtype in ("u1", "i2", "i4", "i8"):
        at = np.random.default_rng(0).integers(100, 250, (3, W + 5)).astype(dtype)
        if dtype == "i2":
            at %= 100
        out = np.zeros(at.shape, "f4")
        p = Program((3,), (W + 5,))
        p.arrays.append(table)
        p.operands.append(Operand("f4", (0,), (0,)))
        p.store(p.step("gather", p.load(at), dtype="f4", operand=0, value=1), out)
        p.run()
        np.testing.assert_array_equal(out, table[at])


def test_the_running_index():
    out = np.zeros((2, 3, W + 3), "i8")
    p = Program((2, 3), (W + 3,))
    row, middle, column = (p.step("index", dtype="i8", value=d) for d in range(3))
    hundreds = p.step("multiply", row, p.const(10000, "i8"), dtype="i8")
    tens = p.step("multiply", middle, p.const(100, "i8"), dtype="i8")
    p.store(p.step("add", p.step("add", hundreds, tens, dtype="i8"), column, dtype="i8"), out)
    p.run()
    i, j, k = np.indices(out.shape)
    np.testing.assert_array_equal(out, 10000 * i + 100 * j + k)


def test_where_and_mixed_dtypes():
    x, y = normal(3, 2 * W + 1), normal(3, 2 * W + 1, dtype="f8")
    mask = normal(3, 2 * W + 1, seed=2) > 0
    out = np.zeros(x.shape, "f8")
    p = Program((3,), (x.shape[1],))
    wide = p.step("cast", p.load(x), dtype="f8")
    p.store(p.step("where", p.load(mask), wide, p.load(y), dtype="f8"), out)
    p.run()
    np.testing.assert_array_equal(out, np.where(mask, x, y))


def test_an_update_in_place_reads_before_it_writes():
    """Two operands, one array: q is made of the old x, although x is stored first."""
    x, q = normal(4, 5 * W + 3), np.zeros((4, 5 * W + 3), "f4")
    before = x.copy()
    p = Program((4,), (x.shape[1],))
    old = p.load(x)
    p.store(p.step("multiply", old, p.const(2.0), dtype="f4"), x)
    p.store(p.step("add", old, p.const(1.0), dtype="f4"), q)
    p.run()
    np.testing.assert_array_equal(x, before * 2)
    np.testing.assert_array_equal(q, before + 1)


def test_results_do_not_depend_on_the_number_of_threads():
    x = normal(37, 201)
    found = set()
    for threads in (1, 2, 3, 4, 40):
        p = Program((37,), (201,), blocks=8)
        v = p.load(x)
        out, partial = np.zeros((37, 1), "f4"), np.zeros((8, 1, 201), "f4")
        p.store(p.step("sum", p.step("tanh", v, dtype="f4"), dtype="f4"), out)
        p.step("fold_sum", v, dtype="f4", operand=p.operand(partial, 201))
        p.run(threads)
        found.add(out.tobytes() + partial.tobytes())
    assert len(found) == 1


def test_a_value_for_every_row_can_fill_it():
    x = normal(3, 2 * W + 1)
    out, untouched = watched(x.shape, np.float32)
    p = Program((3,), (x.shape[1],))
    p.store(p.step("max", p.load(x), dtype="f4"), out)
    p.run()
    np.testing.assert_array_equal(out, np.broadcast_to(x.max(axis=1, keepdims=True), x.shape))
    assert untouched()


def test_a_nest_is_built_once():
    nest = Nest((2,), (3,), (Operand("f4", (3,), (1,)),) * 2,
                (Step("load", (), "f4", 0), Step("store", (0,), "", 1)))  # fmt: skip
    assert build(nest) is build(nest)


def test_what_cannot_be_done_is_said_first(monkeypatch):
    monkeypatch.setattr(nests, "compile_kernel", None)  # no LLVM at all
    operands = (Operand("f4", (3,), (1,)),) * 2
    steps = (Step("load", (), "f4", 0), Step("bessel", (0,), "f4"), Step("store", (1,), "", 1))
    with pytest.raises(Unsupported, match="bessel"):
        build(Nest((2,), (3,), operands, steps))
    with pytest.raises(Unsupported, match="c8"):
        build(Nest((2,), (3,), operands, (Step("load", (), "c8", 0),)))


# -- the text of kernels, whole -------------------------------------------------------------------


def scaled():
    p = Program((4,), (40,), blocks=2)
    x, out = np.zeros((4, 40), "f4"), np.zeros((4, 40), "f4")
    p.store(p.step("add", p.load(x), p.const(1.5), dtype="f4"), out)
    return p.nest()


def row_sums():
    p = Program((4,), (11,))
    x, out = np.zeros((4, 11), "f4"), np.zeros((4, 1), "f4")
    p.store(p.step("sum", p.load(x), dtype="f4"), out)
    return p.nest()


def centred():
    p = Program((2, 3), (50,))
    x, out = np.zeros((2, 3, 50), "f8"), np.zeros((2, 3, 50), "f8")
    v = p.load(x)
    p.store(p.step("subtract", v, p.step("max", v, dtype="f8"), dtype="f8"), out)
    return p.nest()


@pytest.mark.parametrize("make", [scaled, row_sums, centred])
def test_the_text_of_a_kernel(make, monkeypatch):
    """A change of a kernel shows itself here; after a look, the golden file is written anew."""
    monkeypatch.setattr(stages, "vector_bytes", lambda: 32)
    nest = make()
    code = nests.Writer(nest).write()
    text = nests.kernel_text("nest", len(nest.operands), code, apart=False)
    module = llvm.binding().parse_assembly(text)
    module.verify()
    golden = (GOLDEN / f"{make.__name__}.ll").read_text()
    llvm.binding().parse_assembly(golden).verify()
    assert re.sub(r"\s+", " ", text).strip() == re.sub(r"\s+", " ", golden).strip()
    kernel = build.__wrapped__(nest)  # narrow vectors run here as well
    arrays = [np.ones((8, 50), "f8") for _ in nest.operands]
    run(kernel, arrays)

"""Every operation of the table, compiled to machine code and run by NumPy from the same recording,
beside eager mode: values, gradients, and shapes and dtypes of them."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import sangja
from sangja.compile import compile
from tests.table import Row, all_rows
from tests.test_table import call, drawn, flat, ours, to_array, variants

CALLS = 3  # the first two are recorded, the third is replayed
TOLERANCE = {"float16": (2e-3, 1e-3), "float32": (2e-5, 2e-5), "float64": (1e-9, 1e-10)}
WEIGHT = np.random.RandomState(0).standard_normal(4096)


def program(row: Row, case, specs):
    """A function of the tensors of a case: its results and the gradients of their weighted sum."""

    def run(*tensors):
        given = iter(tensors)
        pairs = [(spec, None) for spec in specs]
        result, _ = call(sangja, row.name, case, pairs, lambda spec, _: next(given))
        found = [z for z in flat(result) if isinstance(z, sangja.Tensor)]
        leaves = [x for x in tensors if x.requires_grad]
        loss = None
        for z in found:
            if z.requires_grad and z.numel():
                weight = sangja.tensor(np.resize(WEIGHT, tuple(z.shape)), dtype=z.dtype)
                part = (z * weight).sum()
                loss = part if loss is None else loss + part
        if leaves and loss is not None and row.order:
            grads = sangja.autograd.grad(loss, leaves, allow_unused=True)
            found += [g for g in grads if g is not None]
        return [z.detach() for z in found]

    return run


def seeded(function, tensors):
    sangja.manual_seed(0)
    return [to_array(z).copy() for z in function(*tensors)]


def check(row: Row, backend: str) -> None:
    for dtype in row.dtypes:
        for case in variants(row):
            arrays = drawn(row, case, dtype)
            make = functools.partial(ours, grad=True)
            tensors = [make(spec, array) for spec, array in arrays]
            run = program(row, case, [spec for spec, _ in arrays])
            expected = seeded(run, tensors)
            step = compile(run, backend=backend)
            for _ in range(CALLS):
                got = seeded(step, tensors)
            assert all(v.replays for v in step.variants.values()), step.explain()
            assert len(got) == len(expected)
            rtol, atol = TOLERANCE.get(dtype, (0, 0))
            for g, e in zip(got, expected, strict=True):
                assert (g.shape, g.dtype) == (e.shape, e.dtype)
                np.testing.assert_allclose(g, e, rtol * row.tolerance, atol * row.tolerance)


ROWS = all_rows()


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
def test_the_recorded_graph_run_by_numpy_equals_eager(row: Row):
    check(row, "numpy")


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
def test_the_machine_code_equals_eager(row: Row):
    check(row, "native")

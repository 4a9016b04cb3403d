"""What every operation must hold, drawn from the rows of `tests/table.py`."""

from __future__ import annotations

import functools
import inspect
import operator

import numpy as np
import pytest

import sangja
from sangja.autograd import gradcheck, gradgradcheck
from tests.table import Case, Row, T, all_rows

try:
    import torch
except ImportError:  # the extra `parity` is not installed
    torch = None

ROWS = all_rows()
needs_torch = pytest.mark.skipif(torch is None, reason="the extra `parity` is not installed")
TOLERANCE = {"float16": (2e-3, 1e-5), "float32": (2e-6, 1e-5), "float64": (1e-7, 1e-9)}
by_name = functools.partial(pytest.mark.parametrize, "row", ids=lambda r: r.name)


def find(root, path):
    return operator.attrgetter(path)(root)


def each_tensor(value, change):
    """The arguments with every `T` replaced by `change(T)`."""
    if isinstance(value, T):
        return change(value)
    if isinstance(value, Case):
        return [each_tensor(a, change) for a in value.args], {
            k: each_tensor(v, change) for k, v in value.kwargs.items()
        }
    if isinstance(value, (list, tuple)):
        return type(value)(each_tensor(v, change) for v in value)
    return value


def drawn(row, case, dtype):
    """The arrays of a case, in the order of its tensors."""
    random = row.random()
    arrays = []
    each_tensor(case, lambda spec: arrays.append((spec, spec.draw(random, dtype))))
    return arrays


def call(module, path, case, arrays, make, method=None):
    """The operation on tensors that `make(spec, array)` makes of the drawn arrays."""
    supply = iter(arrays)
    tensors = []

    def place(spec):
        _, array = next(supply)
        tensors.append(make(spec, array))
        return tensors[-1]

    args, kwargs = each_tensor(case, place)
    args = [constant(module, a) for a in args]
    kwargs = {name: constant(module, value) for name, value in kwargs.items()}
    return find(module, path)(*args, **kwargs), tensors


def constant(module, value):
    """What "@float64" in a row means: that name in the module under test."""
    return find(module, value[1:]) if isinstance(value, str) and value[:1] == "@" else value


def ours(spec, array, grad=False):
    return sangja.tensor(array, requires_grad=grad and spec.grad and array.dtype.kind == "f")


def theirs(spec, array, grad=False):
    return torch.tensor(array, requires_grad=grad and spec.grad and array.dtype.kind == "f")


def flat(result):
    """The tensors in a result, as a list."""
    if isinstance(result, (list, tuple)):
        return [t for part in result for t in flat(part)]
    return [result]


def to_array(value):
    return value.detach().numpy(force=True) if hasattr(value, "detach") else np.asarray(value)


def assert_same(got, expected, dtype, scale=1.0):
    got, expected = to_array(got), to_array(expected)
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    rtol, atol = TOLERANCE.get(dtype, (0, 0))
    np.testing.assert_allclose(got, expected, rtol=rtol * scale, atol=atol * scale)


def variants(row):
    """The cases of a row, and for an element-wise one also 0-d, empty and broadcast shapes."""
    yield from row.cases
    if row.elementwise:
        first = row.cases[0]
        count = sum(isinstance(a, T) for a in first.args)
        for shapes in [[()] * 3, [(0, 3)] * 3, [(2, 1, 3), (3,), (2, 3)], [(1, 3), (2, 3), ()]]:
            supply = iter(shapes[:count])

            def reshape(spec, supply=supply):
                return T(next(supply), spec.low, spec.high, spec.dtype, spec.grad)

            args, kwargs = each_tensor(first, reshape)
            yield Case(tuple(args), kwargs)


@needs_torch
@by_name([r for r in ROWS if r.oracle])
def test_value_and_gradient_equal_pytorch(row: Row):
    for dtype in row.dtypes:
        for case in variants(row):
            arrays = drawn(row, case, dtype)
            mine, my_inputs = call(
                sangja, row.name, case, arrays, functools.partial(ours, grad=True)
            )
            other, inputs = call(
                torch, row.oracle, case, arrays, functools.partial(theirs, grad=True)
            )
            compare_results(row, dtype, mine, my_inputs, other, inputs)


def compare_results(row, dtype, mine, my_inputs, other, inputs):
    my_results, results = flat(mine), flat(other)
    assert len(my_results) == len(results)
    for got, expected in zip(my_results, results, strict=True):
        assert_same(got, expected, dtype, row.tolerance)
        assert getattr(got, "requires_grad", False) == getattr(expected, "requires_grad", False)
    random = np.random.RandomState(0)
    my_loss, loss = 0, 0
    for got, expected in zip(my_results, results, strict=True):
        if getattr(expected, "requires_grad", False):
            weight = random.standard_normal(tuple(expected.shape)).astype(to_array(expected).dtype)
            my_loss = my_loss + (got * sangja.tensor(weight)).sum()
            loss = loss + (expected * torch.tensor(weight)).sum()
    if row.order and not isinstance(loss, int):
        my_loss.backward()
        loss.backward()
        for got, expected in zip(my_inputs, inputs, strict=True):
            assert (got.grad is None) == (expected.grad is None)
            if expected.grad is not None:
                assert_same(got.grad, expected.grad, dtype, 10 * row.tolerance)


@by_name([r for r in ROWS if r.reference])
def test_value_equals_reference(row: Row):
    for dtype in row.dtypes:
        for case in row.cases:
            arrays = drawn(row, case, dtype)
            got, _ = call(sangja, row.name, case, arrays, ours)
            supply = iter(arrays)
            args, kwargs = each_tensor(case, lambda spec, supply=supply: next(supply)[1])
            expected = row.reference(*args, **kwargs)
            for z, e in zip(flat(got), flat(expected), strict=True):
                rtol, atol = TOLERANCE.get(dtype, (0, 0))
                scale = 4 * row.tolerance
                np.testing.assert_allclose(to_array(z), e, rtol=rtol * scale, atol=atol * scale)


@by_name([r for r in ROWS if r.order])
def test_derivatives_against_finite_differences(row: Row):
    for case in row.cases:
        arrays = drawn(row, case, "float64")
        positions = [
            i for i, (s, a) in enumerate(arrays) if s.grad and a.dtype.kind == "f" and a.size
        ]
        if not positions:
            continue

        def function(*values, case=case, arrays=arrays, positions=positions):
            chosen = dict(zip(positions, values, strict=True))
            supply = iter([chosen.get(i, sangja.tensor(a)) for i, (_, a) in enumerate(arrays)])
            result, _ = call(sangja, row.name, case, arrays, lambda spec, array: next(supply))
            return tuple(z for z in flat(result) if getattr(z, "requires_grad", False))

        inputs = tuple(sangja.tensor(arrays[i][1], requires_grad=True) for i in positions)
        assert gradcheck(function, inputs, fast_mode=True)
        if row.order > 1:
            assert gradgradcheck(function, inputs, fast_mode=True)


@by_name(ROWS)
def test_layout_of_inputs_does_not_matter_and_they_stay_untouched(row: Row):
    """Results for strided, Fortran-ordered and read-only inputs are those for contiguous ones."""
    dtype = row.dtypes[-1]
    for case in row.cases:
        arrays = drawn(row, case, dtype)
        expected, _ = call(sangja, row.name, case, arrays, ours)

        def strided(array):
            padded = np.zeros(tuple(2 * n for n in array.shape), array.dtype)
            view = padded[(*(slice(None, None, 2) for _ in array.shape), ...)]
            view[...] = array
            return view

        def fortran(array):
            return np.array(array, order="F")

        def read_only(array):
            array = np.array(array)
            array.flags.writeable = False
            return array

        for change in (strided, functools.partial(np.array, order="F"), read_only):
            changed = [(s, change(a)) for s, a in arrays]
            got, _ = call(sangja, row.name, case, changed, lambda s, a: sangja.from_numpy(a))
            for z, e in zip(flat(got), flat(expected), strict=True):
                np.testing.assert_allclose(to_array(z), to_array(e), rtol=1e-5, atol=1e-6)
            for (_, before), (_, after) in zip(arrays, changed, strict=True):
                np.testing.assert_array_equal(before, after)


@needs_torch
@by_name([r for r in ROWS if r.special])
def test_special_values_equal_pytorch_to_second_order(row: Row):
    values = np.array(row.special)
    for first in row.cases[:1]:
        specs = [a for a in first.args if isinstance(a, T)]
        grid = np.meshgrid(*[values] * min(len(specs), 2), indexing="ij")
        arrays = [(s, grid[min(i, 1)].reshape(-1).copy()) for i, s in enumerate(specs)]
        mine = derivatives(sangja, row.name, first, arrays, ours)
        expected = derivatives(torch, row.oracle, first, arrays, theirs)
        assert len(mine) == len(expected)
        for got, want in zip(mine, expected, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-12)


def derivatives(module, path, case, arrays, make):
    """Result, first and second derivatives of the sum, each as an array."""
    result, inputs = call(module, path, case, arrays, functools.partial(make, grad=True))
    found = [to_array(z) for z in flat(result)]
    wanted = [x for x in inputs if x.requires_grad]
    if not flat(result)[0].requires_grad:
        return found
    first = module.autograd.grad(result.sum(), wanted, create_graph=True, allow_unused=True)
    found += [to_array(d) for d in first if d is not None]
    total = sum(d.sum() for d in first if d is not None and d.requires_grad)
    if not isinstance(total, int):
        second = module.autograd.grad(total, wanted, allow_unused=True)
        found += [
            np.zeros(x.shape) if d is None else to_array(d)
            for x, d in zip(wanted, second, strict=True)
        ]
    else:
        found += [np.zeros(tuple(x.shape)) for x in wanted]
    return found


@pytest.mark.parametrize(
    ("row", "refused"),
    [(row, refused) for row in ROWS for refused in row.errors],
    ids=lambda v: v.name if isinstance(v, Row) else v.error.__name__,
)
def test_bad_arguments_are_refused_by_name(row: Row, refused):
    arrays = drawn(row, refused.call, "float32")
    with pytest.raises(refused.error) as caught:
        call(sangja, row.name, refused.call, arrays, functools.partial(ours, grad=True))
    assert refused.text in str(caught.value)


def public_operations():
    """Every function of `sangja.ops` that is offered under sangja, its functional, linalg or
    special."""
    spaces = {"": sangja, "nn.functional.": sangja.nn.functional, "linalg.": sangja.linalg}
    spaces["special."] = sangja.special
    for prefix, space in spaces.items():
        for name in dir(space):
            value = getattr(space, name)
            home = getattr(inspect.unwrap(value), "__module__", "") if callable(value) else ""
            if home == "sangja.ops.random":  # no two calls are equal: tests/ops/test_random.py
                continue
            if home.startswith("sangja.ops") and inspect.isfunction(value) and name[0] != "_":
                if name[-1] == "_":  # the in-place form, which the row of the function draws
                    continue
                yield prefix + name, value


def test_every_public_operation_has_a_row():
    rowed = {find(sangja, row.name) for row in ROWS}
    missing = sorted({name for name, function in public_operations() if function not in rowed})
    assert missing == []

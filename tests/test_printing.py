"""What is printed of a tensor made through the public API is what PyTorch prints, but for our name
in dtypes (so lines are made long enough that its length moves no break)."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as npst

import sangja

torch = pytest.importorskip("torch")

KINDS = ["float16", "bfloat16", "float32", "float64", "complex64", "complex128", "bool", "uint8"]
KINDS += ["int8", "int16", "int32", "int64"]
CHAINS = {
    "leaf": lambda x: x,
    "mul": lambda x: x * 2,
    "exp": lambda x: x.exp(),
    "sum": lambda x: x.sum(),
    "mean": lambda x: x.mean(),
    "reshape": lambda x: x.reshape(-1),
    "transpose": lambda x: x.transpose(0, -1),
    "clone": lambda x: x.clone(),
    "detach": lambda x: x.detach(),
    "slice": lambda x: x[..., ::2],
    "real": lambda x: x.real,
}


@pytest.fixture(autouse=True)
def long_lines():
    for module in (sangja, torch):
        module.set_printoptions(profile="default", linewidth=1000)
    yield
    for module in (sangja, torch):
        module.set_printoptions(profile="default")


def printed(module, function):
    try:
        return repr(function(module)).replace("sangja.", "torch.")
    except (RuntimeError, TypeError, IndexError) as error:
        return next(k.__name__ for k in type(error).__mro__ if k.__module__ == "builtins")


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_any_tensor(data):
    kind = data.draw(st.sampled_from(KINDS))
    dtype = np.dtype("float32" if kind == "bfloat16" else kind)
    shape = data.draw(npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
    array = data.draw(npst.arrays(dtype, shape, elements=npst.from_dtype(dtype)))
    wants = dtype.kind in "fc" and data.draw(st.booleans())
    chain = CHAINS[data.draw(st.sampled_from(sorted(CHAINS)) if wants else st.just("leaf"))]
    options = {
        "precision": data.draw(st.integers(0, 6)),
        "threshold": data.draw(st.sampled_from([0, 5, 20, 1000])),
        "edgeitems": data.draw(st.integers(1, 4)),
        "sci_mode": data.draw(st.sampled_from([None, True, False])),
    }

    def make(module):
        module.set_printoptions(**options)
        x = module.tensor(array, dtype=getattr(module, kind))
        return chain(x.requires_grad_()) if wants else x

    assert printed(sangja, make) == printed(torch, make)


BY_HAND = {
    "parameter": lambda t: t.nn.Parameter(t.ones(2, 3)),
    "frozen parameter": lambda t: t.nn.Parameter(t.ones(2), requires_grad=False),
    "matmul": lambda t: t.ones(2, 2, requires_grad=True) @ t.ones(2, 2),
    "linear": lambda t: t.nn.functional.linear(t.ones(2, 2, requires_grad=True), t.ones(2, 2)),
    "indexed": lambda t: t.arange(6.0).reshape(2, 3).requires_grad_()[t.tensor([1, 0])],
    "in place": lambda t: t.zeros(3, requires_grad=True).clone().mul_(2),
    "filled": lambda t: t.zeros(3, requires_grad=True).clone().fill_(2),
    "filled with a tensor": lambda t: t.zeros(3, requires_grad=True).clone().fill_(t.tensor(2.0)),
    "zeroed": lambda t: t.zeros(3, requires_grad=True).clone().zero_(),
    "copied": lambda t: t.zeros(3, requires_grad=True).clone().copy_(t.ones(3)),
    "transposed number": lambda t: t.tensor(1.0, requires_grad=True).transpose(0, 0),
    "vector as a matrix": lambda t: t.ones(2, requires_grad=True).t(),
    "sizes": lambda t: (t.Size([2, 3]), t.Size([]), t.zeros(2, 0).shape),
    "dtypes": lambda t: [t.float32, t.int64, t.bool, t.bfloat16, t.complex64, t.uint8],
    "devices": lambda t: [t.device("cpu"), t.device("cuda:1"), t.device("cuda")],
    "layouts": lambda t: [t.strided, t.channels_last, t.contiguous_format],
    "max": lambda t: t.arange(6.0).reshape(2, 3).max(1),
    "sort": lambda t: t.tensor([3, 1, 2]).sort(),
    "aminmax": lambda t: t.tensor([3, 1, 2]).aminmax(),
    "list": lambda t: [t.ones(1), (t.zeros(2),)],
    "dictionary": lambda t: {"a": t.ones(1, requires_grad=True) * 2},
    "empty": lambda t: [t.tensor([]), t.zeros(0, 3), t.zeros(2, 0, dtype=t.int32)],
    "empty of truth": lambda t: t.zeros(0).bool(),
    "big batch": lambda t: t.arange(20000).reshape(20, 10, 100),
    "deep": lambda t: t.zeros(1, 1, 1, 1, 2),
    "extremes": lambda t: t.tensor([float("inf"), float("-inf"), float("nan"), 1.0]),
    "only nan": lambda t: t.tensor([float("nan")]),
    "negative zero": lambda t: t.tensor([-0.0, 0.0]),
    "finfo": lambda t: [t.finfo(t.float32), t.iinfo(t.int8)],
    "inference": lambda t: t.inference_mode()(lambda: t.ones(2) * 2)(),
}


@pytest.mark.parametrize("make", BY_HAND.values(), ids=BY_HAND)
def test_by_hand(make):
    assert printed(sangja, make) == printed(torch, make)


@pytest.mark.parametrize("width", [20, 40, 80, 120])
def test_lines_are_broken_alike_where_no_dtype_is_named(width):
    for make in (
        lambda t: t.arange(60).reshape(3, 20),
        lambda t: t.linspace(0, 1, 50).requires_grad_(),
        lambda t: t.linspace(-1, 1, 12).reshape(2, 6).requires_grad_() * 1000,
        lambda t: t.ones(9, dtype=t.complex64) * (1 - 2j),
    ):
        for module in (sangja, torch):
            module.set_printoptions(linewidth=width)
        assert printed(sangja, make) == printed(torch, make)


def test_print_and_format():
    for make in (
        lambda t: str(t.tensor([1.0, 2.5])),
        lambda t: f"{t.tensor(2.0)} {t.tensor(2.0):.3f} {t.tensor(7):03d} {t.tensor(True)}",
        lambda t: f"{t.tensor([1.0])}",
        lambda t: "%.2f %d" % (t.tensor(1.5), t.tensor(3)),  # noqa: UP031
        lambda t: f"{t.tensor([1.0]):.2f}",
        lambda t: f"{t.tensor(1.5, requires_grad=True)}",
    ):
        assert printed(sangja, make) == printed(torch, make)

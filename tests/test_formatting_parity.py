"""The text of a tensor is repr() of it in PyTorch, to the character.

The dtypes are named `torch.…` here, because a longer name would rightly move a line break.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as npst

from sangja.core.formatting import PrintOptions, array_suffixes, format_array, format_number

torch = pytest.importorskip("torch")

FLOAT32 = np.dtype("float32")
DTYPES = ["float16", "float32", "float64", "complex64", "complex128", "bool"] + [
    f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)
]
NAN, INF = math.nan, math.inf


def text_of(array, options=None, extra=(), default=FLOAT32):
    suffixes = array_suffixes(array, f"torch.{array.dtype}", default, options)
    return format_array(array, suffixes=[*suffixes, *extra], options=options)


def check(array, options=None, default="float32"):
    torch.set_default_dtype(getattr(torch, default))
    chosen = {} if options is None else vars(options)
    try:
        with torch._tensor_str.printoptions(**chosen):
            expected = repr(torch.from_numpy(array))
    finally:
        torch.set_default_dtype(torch.float32)
    got = text_of(array, options, default=np.dtype(default))
    assert got == expected


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_array(data):
    dtype = np.dtype(data.draw(st.sampled_from(DTYPES)))
    shape = data.draw(npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6))
    array = data.draw(npst.arrays(dtype, shape, elements=npst.from_dtype(dtype)))
    options = PrintOptions(
        precision=data.draw(st.integers(0, 8)),
        threshold=data.draw(st.sampled_from([0, 1, 5, 20, 1000, INF])),
        edgeitems=data.draw(st.integers(0, 4)),
        linewidth=data.draw(st.integers(1, 130)),
        sci_mode=data.draw(st.sampled_from([None, None, True, False])),
    )
    check(array, options, data.draw(st.sampled_from(["float32", "float64"])))


@settings(max_examples=200, deadline=None)
@given(
    npst.arrays(
        st.sampled_from(["float16", "float32", "float64"]),
        npst.array_shapes(min_dims=0, max_dims=3, max_side=9),
        elements=st.sampled_from(
            [0.0, -0.0, 1.0, -2.0, 0.5, 1e-4, 9.9e-5, 100.0, 1000.0, 1001.0, NAN, INF, -INF]
        ),
    )
)
def test_near_the_borders_between_notations(array):
    check(array)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(2000, dtype="float32"),
        np.arange(1001) - 500,
        np.random.RandomState(0).randn(40, 40),
        np.random.RandomState(1).randn(3, 7, 100).astype("float32"),
        np.zeros((2, 2, 2, 2, 2, 2), "uint8"),
        np.zeros((0, 3), "float64"),
        np.zeros((0,), "complex64"),
        np.zeros((2, 0, 2), "bool"),
        np.float32([1e8, 1.0]),
        np.float32([1.00001e8]),
        np.float64([1e-300, 1e300]),
        np.array(-0.0, "float32"),
        np.array(NAN),
        np.array(1 - 0j, "complex128"),
        np.array([complex(NAN, -INF), complex(-0.0, -0.0), 1e-5j], "complex64"),
        np.array([0, 2**64 - 1], "uint64"),
        np.float16([65504.0, 6e-8]),
        np.array(True),
        np.random.RandomState(2).randn(30, 30).astype("complex64").T[::2],
    ],
    ids=lambda array: f"{array.dtype}-{array.shape}",
)
def test_by_hand(array):
    check(array)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 12), st.integers(20, 90), st.integers(3, 60))
def test_suffixes_move_to_a_new_line_alike(columns, linewidth, name_length):
    array = np.zeros((2, columns), "float32")
    x = torch.from_numpy(array).requires_grad_()
    name = "S" * name_length
    y = type(name, (torch.autograd.Function,), {
        "forward": staticmethod(lambda ctx, x: x.to(torch.float64)),
    }).apply(x)  # fmt: skip
    options = PrintOptions(linewidth=linewidth)
    with torch._tensor_str.printoptions(linewidth=linewidth):
        expected = repr(y), repr(x), repr(torch.nn.Parameter(x.detach()))
    got = (
        text_of(y.detach().numpy(), options, [f"grad_fn=<{name}Backward>"]),
        text_of(array, options, ["requires_grad=True"]),
        format_array(
            array,
            prefix="Parameter containing:\ntensor(",
            suffixes=[*array_suffixes(array, "", FLOAT32, options), "requires_grad=True"],
            options=options,
        ),
    )
    assert got == expected


@pytest.mark.parametrize("value", [2.0, 1234567.891, -3, True, NAN])
@pytest.mark.parametrize("spec", ["", ".3f", ">12", "e", ",.2f", "5d"])
def test_format_of_a_number(value, spec):
    array = np.array(value)
    tensor = torch.from_numpy(array)
    try:
        expected = format(tensor, spec)
    except ValueError as error:
        with pytest.raises(ValueError, match=str(error)[:20]):
            format_number(array, spec)
    else:
        assert format_number(array, spec) == expected

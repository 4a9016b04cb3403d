"""The text of a tensor, as PyTorch's documentation prints it, and the choice of print options."""

from __future__ import annotations

import math

import numpy as np
import pytest

import sangja
from sangja.core import formatting
from sangja.core.errors import ArgumentError, ArgumentTypeError
from sangja.core.formatting import (
    PrintOptions,
    array_suffixes,
    format_array,
    format_number,
    printoptions,
    set_printoptions,
)

FLOAT32 = np.dtype("float32")


def text_of(array):
    return format_array(array, suffixes=array_suffixes(array, f"sangja.{array.dtype}", FLOAT32))


# Outputs that PyTorch 2.13's documentation prints for tensor, bitwise_or, bitwise_xor, nan_to_num,
# full_like, meshgrid and fft, those of its examples that show the format of today.
MAX = 3.402823e38
DOCUMENTED = [
    (3.14159, "float32", "tensor(3.1416)"),
    ([], "float32", "tensor([])"),
    ([-1, -2, 3], "int8", "tensor([-1, -2,  3], dtype=sangja.int8)"),
    ([True, False, False], "bool", "tensor([ True, False, False])"),
    (
        [0.0, MAX, -MAX, 3.14],
        "float32",
        "tensor([ 0.0000e+00,  3.4028e+38, -3.4028e+38,  3.1400e+00])",
    ),
    ([[7, 7, 7], [7, 7, 7]], "float32", "tensor([[7., 7., 7.],\n        [7., 7., 7.]])"),
    ([[1, 2, 3], [4, 5, 6]], "int64", "tensor([[1, 2, 3],\n        [4, 5, 6]])"),
    ([6, -2 + 2j, -2, -2 - 2j], "complex64", "tensor([ 6.+0.j, -2.+2.j, -2.+0.j, -2.-2.j])"),
    ([0, 1, 2, 3], "complex64", "tensor([0.+0.j, 1.+0.j, 2.+0.j, 3.+0.j])"),
]


@pytest.mark.parametrize(("values", "dtype", "expected"), DOCUMENTED)
def test_as_printed_in_pytorchs_documentation(values, dtype, expected):
    assert text_of(np.array(values, dtype)) == expected


def test_print_options_as_in_pytorchs_documentation():
    with printoptions(precision=2):
        assert text_of(np.float32([1.12345])) == "tensor([1.12])"
    with printoptions(threshold=5):  # printed with two spaces, whatever the documentation shows
        assert text_of(np.arange(10)) == "tensor([0, 1, 2,  ..., 7, 8, 9])"
    assert text_of(np.arange(10)) == "tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])"


def test_a_parameters_prefix_indents_by_its_last_line():
    text = format_array(
        np.eye(2, dtype="float32"),
        prefix="Parameter containing:\ntensor(",
        suffixes=["requires_grad=True"],
    )
    lines = ["Parameter containing:", "tensor([[1., 0.],", "        [0., 1.]], requires_grad=True)"]
    assert text.split("\n") == lines


def test_profiles_and_the_end_of_a_with_block():
    before = formatting.get_printoptions()
    with printoptions(profile="short"):
        assert formatting.print_options == PrintOptions(precision=2, edgeitems=2)
        set_printoptions(profile="full", linewidth=120, sci_mode=True)
        assert formatting.print_options == PrintOptions(4, math.inf, 3, 120, True)
        set_printoptions(precision=1)
        assert formatting.print_options == PrintOptions(1, math.inf, 3, 120, None)
    assert formatting.get_printoptions() == before


def test_wrong_print_options_change_nothing():
    before = formatting.get_printoptions()
    with pytest.raises(ArgumentError, match="no profile 'long'; the profiles are 'default'"):
        set_printoptions(profile="long")
    with pytest.raises(ArgumentError, match="precision must not be negative, got -1"):
        set_printoptions(linewidth=10, precision=-1)
    assert formatting.get_printoptions() == before


def test_the_format_of_a_number_is_refused_for_an_array():
    with pytest.raises(ArgumentTypeError, match=r"'.2f' is for one number.* shape \(2,\)"):
        format_number(np.ones(2), ".2f")


def test_a_tensor_prints_itself_this_way():
    x = sangja.tensor([[1.0, 2.5]], requires_grad=True)
    assert repr(x) == "tensor([[1.0000, 2.5000]], requires_grad=True)"
    assert str(x * 2) == "tensor([[2., 5.]], grad_fn=<MulBackward0>)"
    assert repr(sangja.zeros(0, 3)) == "tensor([], size=(0, 3))"
    assert repr(sangja.ones(2, dtype=sangja.float64)) == "tensor([1., 1.], dtype=sangja.float64)"
    assert f"{x.sum():.3f} {x.detach()}" == "3.500 tensor([[1.0000, 2.5000]])"

    class Pixels(sangja.Tensor):
        pass

    assert repr(Pixels([1.0, 1.0])) == "Pixels([1., 1.])"
    with pytest.raises(ArgumentTypeError, match=r"'.1f' is for one number"):
        format(x, ".1f")

"""Seed 003: the sum and the product, and what apples and oranges cost, as its post prints it."""

import numpy as np
import pytest

from sangja.books.scratch import AddLayer, MulLayer
from sangja.core.errors import GradientError, ShapeError


def test_the_sum_passes_the_gradient_on():
    layer = AddLayer()
    assert layer.forward(10, 5) == 15
    assert layer.backward(1.3) == (1.3, 1.3)


def test_the_product_exchanges_its_inputs():
    """The post prints «1.35=6.5» and «1.310=13», having lost the ×."""
    layer = MulLayer()
    assert layer.forward(10, 5) == 50
    assert layer.backward(1.3) == (6.5, 13)


def test_apples(capsys):
    apple, apple_cnt, tax = 100, 2, 1.1
    mul_apple_layer = MulLayer()
    mul_tax_layer = MulLayer()
    apple_price = mul_apple_layer.forward(apple, apple_cnt)
    price = mul_tax_layer.forward(apple_price, tax)
    print(f"최종 사과 가격 : {price}")
    dprice = 1
    dapple_price, dtax = mul_tax_layer.backward(dprice)
    dapple, dapple_cnt = mul_apple_layer.backward(dapple_price)
    print(f"사과 가격 * 사과 개수에 대한 미분값 : {dapple_price}")
    print(f"사과 가격에 대한 미분값 : {dapple}")
    print(f"사과 개수에 대한 미분값 : {dapple_cnt}")
    print(f"소비세에 대한 미분값 : {dtax}")
    assert capsys.readouterr().out.splitlines() == [
        "최종 사과 가격 : 220.00000000000003",
        "사과 가격 * 사과 개수에 대한 미분값 : 1.1",
        "사과 가격에 대한 미분값 : 2.2",
        "사과 개수에 대한 미분값 : 110.00000000000001",
        "소비세에 대한 미분값 : 200",
    ]
    assert repr(price) == "220.00000000000003"  # a number of Python's, as by hand


def test_apples_and_oranges(capsys):
    mul_apple_layer, mul_orange_layer = MulLayer(), MulLayer()
    add_apple_orange_layer = AddLayer()
    mul_tax_layer = MulLayer()
    apple_price = mul_apple_layer.forward(100, 2)
    orange_price = mul_orange_layer.forward(150, 3)
    total_price = add_apple_orange_layer.forward(apple_price, orange_price)
    price = mul_tax_layer.forward(total_price, 1.1)
    print(f"최종 가격 : {int(price)}")
    dtotal_price, dtax = mul_tax_layer.backward(1)
    dapple_price, dorange_price = add_apple_orange_layer.backward(dtotal_price)
    dorange, dorange_cnt = mul_orange_layer.backward(dorange_price)
    dapple, dapple_cnt = mul_apple_layer.backward(dapple_price)
    print(f"사과 개수에 대한 미분값 : {dapple_cnt}")
    print(f"사과 가격에 대한 미분값 : {dapple}")
    print(f"귤 개수에 대한 미분값 : {dorange_cnt}")
    print(f"귤 가격에 대한 미분값 : {dorange}")
    assert capsys.readouterr().out.splitlines() == [
        "최종 가격 : 715",
        "사과 개수에 대한 미분값 : 110.00000000000001",
        "사과 가격에 대한 미분값 : 2.2",
        "귤 개수에 대한 미분값 : 165.0",
        "귤 가격에 대한 미분값 : 3.3000000000000003",
    ]
    assert (price, dtotal_price, dtax) == (715.0000000000001, 1.1, 650)


def test_arrays_go_through_too():
    layer = MulLayer()
    x, y, g = np.array([1.0, 2.0]), np.array([3.0, 5.0]), np.array([1.0, 10.0])
    assert layer.forward(x, y).tolist() == [3.0, 10.0]
    dx, dy = layer.backward(g)
    assert dx.tolist() == [3.0, 50.0]
    assert dy.tolist() == [1.0, 20.0]


def test_backward_before_forward_says_so():
    with pytest.raises(GradientError, match=r"MulLayer.backward\(\) was called before MulLayer.f"):
        MulLayer().backward(1)


def test_one_layer_at_two_places_is_refused():
    """The second forward overwrites x and y: the post's own layer returns a wrong gradient."""
    layer = MulLayer()
    price = layer.forward(100, 2)
    layer.forward(price, 1.1)
    assert layer.backward(1) == (1.1, 200)
    with pytest.raises(GradientError, match="Use a MulLayer object of its own for each place"):
        layer.backward(1.1)


def test_forward_again_with_the_same_inputs_is_no_reuse():
    layer = MulLayer()
    layer.forward(2, 3)
    layer.forward(2, 3)
    assert layer.backward(1) == layer.backward(1) == (3, 2)


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ShapeError, match=r"Add: the shapes \[2\] and \[3\] do not fit"):
        AddLayer().forward(np.ones(2), np.ones(3))

"""Dtypes, old tensor types, bfloat16: what PyTorch answers, number for number."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

import sangja
from sangja.core.errors import ArgumentTypeError, DTypeError

torch = pytest.importorskip("torch")
pytest.importorskip("ml_dtypes")

NAMES = ["float16", "bfloat16", "float32", "float64", "complex64", "complex128", "bool"]
NAMES += ["int8", "int16", "int32", "int64", "uint8"]
OLD = ["Bool", "Byte", "Char", "Short", "Int", "Long", "Half", "Float", "Double", "BFloat16"]


def text(value):
    return repr(value).replace("sangja.", "torch.")


@pytest.mark.parametrize("name", NAMES)
def test_what_a_dtype_knows_of_itself(name):
    mine, theirs = getattr(sangja, name), getattr(torch, name)
    for question in ("itemsize", "is_floating_point", "is_complex", "is_signed"):
        assert getattr(mine, question) == getattr(theirs, question)
    assert text(mine) == text(theirs)
    assert text(mine.to_real()) == text(theirs.to_real())
    assert pickle.loads(pickle.dumps(mine)) is mine
    assert sangja.zeros(1, dtype=mine).dtype is mine
    if theirs.is_floating_point or theirs.is_complex:
        assert text(sangja.finfo(mine)) == text(torch.finfo(theirs))
        if name != "float16":  # its complex dtype is none of NumPy's
            assert text(mine.to_complex()) == text(theirs.to_complex())
    else:
        with pytest.raises(DTypeError, match="has no complex dtype"):
            mine.to_complex()


@pytest.mark.parametrize("first", NAMES)
def test_promotion(first):
    for second in NAMES:
        a, b = getattr(sangja, first), getattr(sangja, second)
        c, d = getattr(torch, first), getattr(torch, second)
        if {c.is_complex, d.is_complex} == {True, False} and torch.float16 in (c, d):
            continue  # PyTorch's complex32 is no dtype of NumPy's
        assert text(sangja.promote_types(a, b)) == text(torch.promote_types(c, d))
        assert sangja.can_cast(a, b) == torch.can_cast(c, d)
        for shapes in [((2,), (2,)), ((2,), ()), ((), ())]:
            mine = [sangja.ones(s, dtype=t) for s, t in zip(shapes, (a, b), strict=True)]
            theirs = [torch.ones(s, dtype=t) for s, t in zip(shapes, (c, d), strict=True)]
            assert text(sangja.result_type(*mine)) == text(torch.result_type(*theirs))
            assert text((mine[0] + mine[1]).dtype) == text((theirs[0] + theirs[1]).dtype)


@pytest.mark.parametrize("name", OLD)
def test_old_types(name):
    for module in (sangja, torch):
        kind = getattr(module, f"{name}Tensor")
        x = kind([1, 0])
        assert x.type() == module.typename(x) == f"torch.{name}Tensor"
        assert isinstance(x, kind)
        assert not isinstance(module.ones(2, dtype=module.complex64), kind)
        assert kind(2, 3).shape == (2, 3)
        assert kind().shape == (0,)
        assert module.ones(2).type(kind).dtype == x.dtype
        assert module.ones(2).type(f"torch.{name}Tensor").tolist() == [1, 1]


def test_old_types_refuse():
    with pytest.raises(ArgumentTypeError, match=r"expected a tensor of sangja\.float32"):
        sangja.FloatTensor(sangja.ones(2, dtype=sangja.int64))
    with pytest.raises(ArgumentTypeError, match="expected sizes"):
        sangja.FloatTensor(1.5)
    with pytest.raises(ArgumentTypeError, match="invalid type: 'FloatTensor'"):
        sangja.ones(2).type("FloatTensor")
    assert text(sangja.FloatTensor) == text(torch.FloatTensor)
    assert sangja.typename(3) == torch.typename(3)


@pytest.mark.filterwarnings("ignore:torch.set_default_tensor_type")
def test_the_default_dtype_by_an_old_type():
    for module in (sangja, torch):
        module.set_default_tensor_type(module.DoubleTensor)
        try:
            assert module.tensor(1.0).dtype == module.float64
        finally:
            module.set_default_tensor_type("torch.FloatTensor")
        assert module.tensor(1.0).dtype == module.float32


# -- bfloat16 ---------------------------------------------------------------------------------

FUNCTIONS = {
    "add": lambda t, x, y: x + y,
    "times a number": lambda t, x, y: x * 0.1,
    "minus a whole number": lambda t, x, y: 3 - x,
    "divide": lambda t, x, y: x / y,
    "exp": lambda t, x, y: x.exp(),
    "tanh": lambda t, x, y: x.tanh(),
    "relu": lambda t, x, y: t.relu(x),
    "gelu": lambda t, x, y: t.nn.functional.gelu(x),
    "sum": lambda t, x, y: x.sum(1),
    "mean": lambda t, x, y: x.mean(),
    "max": lambda t, x, y: x.max(1)[0],
    "softmax": lambda t, x, y: x.softmax(-1),
    "matmul": lambda t, x, y: x @ y.t(),
    "linear": lambda t, x, y: t.nn.functional.linear(x, y),
    "layer_norm": lambda t, x, y: t.nn.functional.layer_norm(x, (7,)),
    "index": lambda t, x, y: x[:, 1:][t.tensor([1, 0, 1])],
    "where": lambda t, x, y: t.where(x > 0, x, y),
    "cat": lambda t, x, y: t.cat([x, y], 1),
    "with float32": lambda t, x, y: x * y.float(),
    "with whole numbers": lambda t, x, y: x * t.arange(7),
    "cast": lambda t, x, y: x.double() + y.half(),
    "transpose": lambda t, x, y: x.t().reshape(-1),
    "pow": lambda t, x, y: x**2,
    "sqrt": lambda t, x, y: (x * x + 1).sqrt(),
    "cross_entropy": lambda t, x, y: t.nn.functional.cross_entropy(x, t.arange(5)),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_bfloat16_computes_as_pytorch(function):
    values = np.random.RandomState(0).standard_normal((2, 5, 7))
    found = []
    for module in (sangja, torch):
        x, y = (module.tensor(v).to(module.bfloat16).requires_grad_() for v in values)
        z = function(module, x, y)
        z.sum().backward()
        grads = [None if a.grad is None else a.grad.float().numpy() for a in (x, y)]
        dtypes = [text(a.grad.dtype) for a in (x, y) if a.grad is not None]
        found.append((text(z.dtype), z.detach().double().numpy(), dtypes, grads))
    mine, theirs = found
    assert (mine[0], mine[2]) == (theirs[0], theirs[2])
    np.testing.assert_allclose(mine[1], theirs[1], rtol=2**-7, atol=2**-9)
    for got, expected in zip(mine[3], theirs[3], strict=True):
        assert (got is None) == (expected is None)
        if got is not None:
            np.testing.assert_allclose(got, expected, rtol=2**-6, atol=2**-6)


@pytest.mark.parametrize("name", ["add", "times a number", "divide", "sum", "matmul", "max"])
def test_bfloat16_rounds_once(name):
    values = np.random.RandomState(1).standard_normal((2, 5, 7))
    found = []
    for module in (sangja, torch):
        x, y = (module.tensor(v).to(module.bfloat16) for v in values)
        found.append(FUNCTIONS[name](module, x, y).double().numpy())
    np.testing.assert_array_equal(*found)


def test_bfloat16_is_printed_and_read_as_in_pytorch():
    values = [1.5, -2.25, 1e-8, 3e38, float("nan")]
    mine, theirs = (t.tensor(values, dtype=t.bfloat16) for t in (sangja, torch))
    assert text(mine).split() == text(theirs).split()
    np.testing.assert_array_equal(mine.tolist(), theirs.tolist())
    assert float(mine[0]) == 1.5
    assert f"{mine[1]:.1f}" == f"{theirs[1]:.1f}"
    assert sangja.ones(2, dtype=sangja.bfloat16).sum().item() == 2.0


def test_a_module_in_bfloat16_learns_and_is_saved(tmp_path):
    model = sangja.nn.Sequential(sangja.nn.Linear(3, 4), sangja.nn.ReLU(), sangja.nn.Linear(4, 1))
    model.bfloat16()
    optimizer = sangja.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    x = sangja.tensor(np.random.RandomState(0).standard_normal((16, 3))).bfloat16()
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = ((model(x) - x.sum(1, keepdim=True)) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    assert {p.dtype for p in model.parameters()} == {sangja.bfloat16}
    path = tmp_path / "model.safetensors"
    sangja.save(model.state_dict(), path)
    loaded = sangja.load(path)
    for name, value in model.state_dict().items():
        assert loaded[name].dtype is sangja.bfloat16
        np.testing.assert_array_equal(loaded[name].float(), value.float())
    theirs = pytest.importorskip("safetensors.torch").load_file(path)
    for name, value in model.state_dict().items():
        assert theirs[name].dtype == torch.bfloat16
        np.testing.assert_array_equal(theirs[name].float(), value.float())


def test_bfloat16_says_what_to_install_where_its_package_is_missing():
    code = (
        "import sys; sys.modules['ml_dtypes'] = None\n"
        "import sangja\n"
        "assert sangja.bfloat16.itemsize == 2 and sangja.bfloat16.is_floating_point\n"
        "sangja.zeros(2, dtype=sangja.bfloat16)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "MissingPackageError: sangja.bfloat16 needs the package ml_dtypes" in done.stderr
    assert 'pip install "sangja[bfloat16]"' in done.stderr

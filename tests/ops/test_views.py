"""Views share memory, by PyTorch's rules: what `view` refuses, writes through views, shapes in
place."""

import numpy as np
import pytest

import sangja
from sangja.core.errors import GradientError, ShapeError

torch = pytest.importorskip("torch")

BASES = {
    "contiguous": lambda t: t.arange(24.0).reshape(2, 3, 4),
    "transposed": lambda t: t.arange(24.0).reshape(2, 3, 4).transpose(0, 2),
    "sliced": lambda t: t.arange(48.0).reshape(4, 3, 4)[1:3, :, ::2],
    "expanded": lambda t: t.arange(4.0).expand(3, 4),
    "strided rows": lambda t: t.arange(24.0).reshape(6, 4)[::2],
}
SHAPES = [(24,), (4, 6), (2, 12), (12,), (3, 4), (2, 3, 2), (1, 12), (4, 3, 2), (6, 2), (3, 2, 2)]


@pytest.mark.parametrize("base", BASES.values(), ids=BASES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_view_refuses_what_pytorch_refuses_where_reshape_copies(base, shape):
    theirs, ours = base(torch), base(sangja)
    if theirs.numel() != np.prod(shape):
        return
    try:
        wanted = theirs.view(shape)
    except RuntimeError:
        with pytest.raises(ShapeError, match=r"Use .reshape\(\["):
            ours.view(shape)
        assert ours.reshape(shape)._base is None or not np.shares_memory(
            ours.reshape(shape).array, ours.array
        )
    else:
        np.testing.assert_array_equal(ours.view(shape), wanted)
        assert np.shares_memory(ours.view(shape).array, ours.array)
    np.testing.assert_array_equal(ours.reshape(shape), theirs.reshape(shape))


VIEWS = {
    "select": lambda x: x[1],
    "narrow": lambda x: x.narrow(1, 1, 2),
    "diagonal": lambda x: x.diagonal(0, 1, 2),
    "transpose": lambda x: x.transpose(0, 2),
    "mT": lambda x: x.mT,
    "movedim": lambda x: x.movedim(0, 1),
    "squeeze": lambda x: x[:1].squeeze(0),
    "unsqueeze": lambda x: x.unsqueeze(1),
    "split": lambda x: x.split(1)[1],
    "chunk": lambda x: x.chunk(2, 1)[0],
    "tensor_split": lambda x: x.tensor_split(3, 2)[2],
    "unbind": lambda x: x.unbind(1)[2],
    "hsplit": lambda x: x.hsplit(3)[0],
    "flatten": lambda x: x.flatten(1),
    "unflatten": lambda x: x.unflatten(2, (2, 2)),
    "view": lambda x: x.view(6, 4),
}


@pytest.mark.parametrize("look", VIEWS.values(), ids=VIEWS)
def test_a_write_through_a_view_reaches_its_base_and_its_gradient(look):
    """PyTorch says where the view looks; the write itself it forbids for the parts of a split."""
    seen = torch.zeros(2, 3, 4)
    look(seen).fill_(1)
    there = torch.arange(24.0).reshape(2, 3, 4).requires_grad_()
    wanted = torch.where(seen > 0, there * 6, there * 2)
    (wanted * wanted).sum().backward()
    here = sangja.arange(24.0).reshape(2, 3, 4).requires_grad_()
    x = here * 2
    part = look(x)
    assert part._base is x
    part.mul_(3)
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.detach(), wanted.detach())
    np.testing.assert_array_equal(here.grad, there.grad)


def test_dtype_views_share_bytes():
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    for dtype in ("int32", "float64", "int16", "uint8"):
        ours = sangja.tensor(x).view(getattr(sangja, dtype))
        np.testing.assert_array_equal(ours, torch.tensor(x).view(getattr(torch, dtype)))
    z = sangja.zeros(2)
    z.view(sangja.int32)[0] = 0x3F800000
    np.testing.assert_array_equal(z, [1, 0])
    with pytest.raises(ShapeError, match=r"self.size\(-1\) must be divisible by 2"):
        sangja.zeros(3).view(sangja.float64)
    with pytest.raises(ShapeError, match=r"self.stride\(-1\) must be 1"):
        sangja.zeros(2, 4).t().view(sangja.float64)
    with pytest.raises(ShapeError, match="cannot be 0 to view"):
        sangja.zeros(()).view(sangja.float64)


def test_shapes_change_in_place_and_older_views_stay_right():
    def run(module):
        w = module.ones(2, 3).requires_grad_()
        x = w * 2
        row = x[0]
        assert x.t_() is x
        x[0, 1] = 7.0
        row.mul_(5)
        x.unsqueeze_(0).squeeze_(0).transpose_(0, 1)
        x.mul_(module.arange(6.0).reshape(2, 3))
        (x * x).sum().backward()
        return x.detach().numpy(), row.detach().numpy(), w.grad.numpy()

    for got, wanted in zip(run(sangja), run(torch), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_a_leaf_changes_its_shape_only_without_a_history():
    w = sangja.ones(2, 3, requires_grad=True)
    with pytest.raises(GradientError, match="leaf Variable"):
        w.t_()
    with sangja.no_grad():
        w.t_()
    assert w.shape == (3, 2)
    assert w.is_leaf
    assert w.requires_grad


def test_backward_through_all_parts_costs_one_pass():
    x = sangja.ones(100, 3, requires_grad=True)
    parts = x.unbind()
    assert len({id(p.grad_fn.edges[0]) for p in parts}) == 1
    sum(p.sum() * i for i, p in enumerate(parts)).backward()
    np.testing.assert_array_equal(x.grad[:, 0], np.arange(100))


def test_properties():
    x = sangja.zeros(2, 3, 4)
    assert x.T.shape == (4, 3, 2)
    assert x.mT.shape == (2, 4, 3)
    assert x.device == sangja.device("cpu")
    assert repr(x.device) == "device(type='cpu')"
    assert repr(sangja.device("cuda", 1)) == repr(torch.device("cuda", 1))
    assert str(sangja.device("cuda:1")) == "cuda:1"
    assert sangja.device("cpu") != "cpu"
    assert x.layout is sangja.strided
    assert not x.is_cuda
    assert not sangja.cuda.is_available()
    assert sangja.cuda.device_count() == 0
    assert x.cpu() is x
    with pytest.raises(ShapeError, match="mT is only supported on matrices"):
        _ = sangja.zeros(2).mT


@pytest.mark.parametrize(
    "name", ["float16", "float32", "float64", "int8", "uint8", "int32", "bool"]
)
def test_questions_about_dtypes(name):
    ours, theirs = getattr(sangja, name), getattr(torch, name)
    if name.startswith("float"):
        for key in ("bits", "eps", "max", "min", "tiny", "resolution", "smallest_normal", "dtype"):
            got, wanted = getattr(sangja.finfo(ours), key), getattr(torch.finfo(theirs), key)
            assert got == pytest.approx(wanted) if key == "resolution" else got == wanted
    elif name != "bool":
        assert repr(sangja.iinfo(ours)).removeprefix("iinfo(") == repr(
            torch.iinfo(theirs)
        ).removeprefix("iinfo(")
    for other in ("float16", "float64", "int8", "uint8", "int64", "bool", "complex64"):
        mine, yours = getattr(sangja, other), getattr(torch, other)
        assert (
            str(sangja.promote_types(ours, mine))[7:] == str(torch.promote_types(theirs, yours))[6:]
        )
        assert sangja.can_cast(ours, mine) == torch.can_cast(theirs, yours)
    x, y = sangja.zeros(2, dtype=ours), torch.zeros(2, dtype=theirs)
    for number in (True, 1, 1.5):
        assert str(sangja.result_type(x, number))[7:] == str(torch.result_type(y, number))[6:]
    assert x.type() == y.type()


def test_the_default_dtype_can_be_changed():
    assert sangja.get_default_dtype() is sangja.float32
    sangja.set_default_dtype(sangja.float64)
    try:
        assert sangja.zeros(1).dtype is sangja.float64
        assert sangja.finfo().bits == 64
    finally:
        sangja.set_default_dtype(sangja.float32)
    with pytest.raises(TypeError, match="only floating-point types"):
        sangja.set_default_dtype(sangja.int64)
    with pytest.raises(TypeError, match=r"requires a floating point input type\. Use iinfo"):
        sangja.finfo(sangja.int8)
    with pytest.raises(TypeError, match=r"requires an integer input type\. Use finfo"):
        sangja.iinfo(sangja.float32)


def test_whole_numbers_have_no_gradient():
    x = sangja.ones(2, requires_grad=True)
    assert not x.int().requires_grad
    assert x.double().requires_grad
    assert x.float() is x
    assert x.to(sangja.float32, copy=True) is not x

"""What a module is: registration, calls and hooks, state, containers, errors that say where."""

import copy
from collections import OrderedDict

import numpy as np
import pytest

import sangja
from sangja import nn
from sangja.core.errors import (
    ArgumentTypeError,
    DuplicateNameError,
    ForwardMissingError,
    GradientError,
    MissingAttributeError,
    ShapeError,
    StateError,
)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 3))
        self.head = nn.Linear(3, 2)
        self.register_buffer("mean", sangja.zeros(2))
        self.register_buffer("scratch", sangja.zeros(1), persistent=False)

    def forward(self, x):
        return self.head(self.features(x)) - self.mean


def test_members_by_path():
    net = Net()
    names = [name for name, _ in net.named_parameters()]
    layers = ("features.0", "features.2", "head")
    assert names == [f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")]
    assert [name for name, _ in net.named_buffers()] == ["mean", "scratch"]
    assert [name for name, _ in net.named_children()] == ["features", "head"]
    assert len(list(net.modules())) == 6
    assert net.get_submodule("features.2") is net.features[2]
    assert net.get_parameter("head.bias") is net.head.bias
    assert net.get_buffer("mean") is net.mean
    net.set_submodule("features.1", nn.Tanh())
    assert isinstance(net.features[1], nn.Tanh)
    with pytest.raises(MissingAttributeError, match="Sequential has no attribute `7`"):
        net.get_submodule("features.7")


def test_shared_members_come_once():
    layer = nn.Linear(2, 2)
    twice = nn.Sequential(layer, layer)
    assert len(list(twice.parameters())) == 2
    assert len(list(twice.named_parameters(remove_duplicate=False))) == 4
    assert len(list(twice.modules())) == 2


def test_assignment_registers_and_replaces():
    net = nn.Module()
    net.w = nn.Parameter(sangja.ones(2))
    net.w = None
    assert list(net.parameters()) == [] and net.w is None
    net.w = nn.Parameter(sangja.zeros(2))
    net.b = nn.Buffer(sangja.ones(1), persistent=False)
    net.b = sangja.zeros(3)
    assert list(net.state_dict()) == ["w"]
    net.w = nn.ReLU()
    assert list(net.parameters()) == [] and isinstance(net.w, nn.ReLU)
    del net.w
    with pytest.raises(MissingAttributeError, match="'Module' object has no attribute 'w'"):
        _ = net.w


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda m: setattr(m, "weight", 3),
            ArgumentTypeError,
            "cannot assign 'int' as parameter 'we",
        ),
        (lambda m: m.register_parameter("a.b", None), DuplicateNameError, 'can\'t contain "."'),
        (lambda m: m.register_parameter("", None), DuplicateNameError, "can't be empty"),
        (
            lambda m: m.register_buffer("weight", None),
            DuplicateNameError,
            "'weight' already exists",
        ),
        (lambda m: m.register_buffer("x", 3), ArgumentTypeError, "'int' object to buffer 'x'"),
        (lambda m: m.add_module("x", 3), ArgumentTypeError, "int is not a Module subclass"),
        (lambda m: nn.Module()(1), ForwardMissingError, 'missing the required "forward" function'),
        (lambda m: m.to(sangja.int64), ArgumentTypeError, "only accepts floating point or complex"),
        (
            lambda m: m.load_state_dict([1]),
            ArgumentTypeError,
            "Expected state_dict to be dict-like",
        ),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call(nn.Linear(2, 2))


def test_assignment_before_init_is_refused():
    class Early(nn.Module):
        def __init__(self):
            self.w = nn.Parameter(sangja.ones(1))

    with pytest.raises(MissingAttributeError, match=r"before Module.__init__\(\) call"):
        Early()


def test_state_goes_round():
    a, b = Net(), Net()
    state = a.state_dict()
    assert "scratch" not in state and "mean" in state and not state["head.bias"].requires_grad
    assert repr(b.load_state_dict(state)) == "<All keys matched successfully>"
    x = sangja.ones(1, 4)
    np.testing.assert_array_equal(a(x).detach().array, b(x).detach().array)
    assert b.head.weight is not a.head.weight
    b.load_state_dict(state, assign=True)
    b.head.weight.array[...] = 7
    assert (a.head.weight.array == 7).all()


def test_state_that_does_not_fit():
    net = Net()
    state = OrderedDict(net.state_dict())
    state["head.bias"] = sangja.zeros(5)
    del state["mean"]
    state["more.x"] = sangja.zeros(1)
    with pytest.raises(StateError) as caught:
        net.load_state_dict(state)
    assert str(caught.value) == (
        "Error(s) in loading state_dict for Net:\n"
        '\tMissing key(s) in state_dict: "mean". \n'
        '\tUnexpected key(s) in state_dict: "more.x". \n'
        "\tsize mismatch for head.bias: copying a param with shape sangja.Size([5]) from "
        "checkpoint, the shape in current model is sangja.Size([2])."
    )
    del state["head.bias"]
    found = net.load_state_dict(state, strict=False)
    assert found.missing_keys == ["mean", "head.bias"] and found.unexpected_keys == ["more.x"]


def test_text_of_state_errors_is_pytorchs():
    torch = pytest.importorskip("torch")
    mine, theirs = nn.Linear(2, 3), torch.nn.Linear(2, 3)
    with pytest.raises(StateError) as a:
        mine.load_state_dict({"weight": sangja.zeros(2, 2), "x": sangja.zeros(1)})
    with pytest.raises(RuntimeError) as b:
        theirs.load_state_dict({"weight": torch.zeros(2, 2), "x": torch.zeros(1)})
    assert str(a.value) == str(b.value).replace("torch", "sangja")


def test_extra_state():
    class Counter(nn.Module):
        seen = 0

        def get_extra_state(self):
            return {"seen": self.seen}

        def set_extra_state(self, state):
            self.seen = state["seen"]

    a, b = nn.Sequential(Counter()), nn.Sequential(Counter())
    a[0].seen = 5
    assert a.state_dict() == {"0._extra_state": {"seen": 5}}
    b.load_state_dict(a.state_dict())
    assert b[0].seen == 5


def test_hooks_see_and_change():
    net = nn.Linear(2, 2)
    seen = []
    net.register_forward_pre_hook(lambda m, args: (args[0] * 2,))
    net.register_forward_hook(lambda m, args, z: seen.append(args[0].array.tolist()))
    handle = net.register_forward_hook(lambda m, args, kwargs, z: z * 0, with_kwargs=True)
    net.register_forward_hook(lambda m, args, z: seen.append("first"), prepend=True)
    x = sangja.ones(2)
    assert net(x).detach().array.tolist() == [0, 0]
    assert seen == ["first", [2.0, 2.0]]
    handle.remove()
    assert net(x).detach().array.any()


def test_always_called_hook():
    net, seen = nn.Linear(2, 2), []
    net.register_forward_hook(lambda m, args, z: seen.append(z), always_call=True)
    with pytest.raises(ShapeError):
        net(sangja.ones(3))
    assert seen == [None]


def test_backward_hooks():
    net, seen = nn.Linear(2, 1, bias=False), []
    net.weight.array[...] = 3
    net.register_full_backward_pre_hook(lambda m, g: (g[0] * 10,))

    def hook(module, grad_input, grad_output):
        seen.append((grad_input[0].array.tolist(), grad_output[0].array.tolist()))
        return (grad_input[0] + 1,)

    net.register_full_backward_hook(hook)
    x = sangja.ones(1, 2, requires_grad=True)
    net(x).sum().backward()
    assert seen == [([[30.0, 30.0]], [[10.0]])]
    assert x.grad.array.tolist() == [[31.0, 31.0]]
    assert net.weight.grad.array.tolist() == [[10.0, 10.0]]


def test_backward_hook_without_input_gradient():
    net, seen = nn.Linear(2, 1), []
    net.register_full_backward_hook(lambda m, i, o: seen.append((i, len(o))))
    net(sangja.ones(1, 2)).sum().backward()
    assert seen == [((None,), 1)]
    net.register_full_backward_hook(lambda m, i, o: (sangja.ones(1),))
    with pytest.raises(GradientError, match="no input requires gradient"):
        net(sangja.ones(1, 2)).sum().backward()


def test_state_dict_hooks():
    net = nn.Linear(2, 2)

    def drop_bias(module, state, prefix, metadata):
        del state[prefix + "bias"]

    net.register_state_dict_post_hook(drop_bias)
    assert list(net.state_dict()) == ["weight"]
    net.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear())
    assert net.load_state_dict(net.state_dict()).missing_keys == []


def test_modes_dtypes_gradients():
    net = Net()
    assert not net.eval().features[0].training and net.train().features[0].training
    weight = net.head.weight
    net.double()
    assert net.head.weight is weight and weight.dtype == sangja.float64 == net.mean.dtype
    assert net.to(sangja.float32).half().to("cpu").head.weight.dtype == sangja.float16
    net.float().requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())
    net.requires_grad_()(sangja.ones(1, 4)).sum().backward()
    assert net.head.bias.grad.array.tolist() == [1, 1]
    net.zero_grad()
    assert net.head.bias.grad is None
    seen = []
    net.apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Linear", "ReLU", "Linear", "Sequential", "Linear", "Net"]


def test_deepcopy_is_apart():
    net = Net()
    other = copy.deepcopy(net)
    other.head.weight.array[...] = 9
    assert not (net.head.weight.array == 9).any()
    assert isinstance(other.head.weight, nn.Parameter) and other.head.weight.requires_grad


def test_error_names_the_module():
    net = Net()
    with pytest.raises(ShapeError) as caught:
        nn.Sequential(net)(sangja.ones(1, 5))
    text = str(caught.value)
    where = "; in module '0.features.0' (Linear(in_features=4, out_features=3, bias=True))"
    assert text.endswith(where) and text.count("in module") == 1
    with pytest.raises(ShapeError, match=r"; in module Linear\(in_features=4"):
        net.features[0](sangja.ones(1, 5))


def test_sequential():
    chain = nn.Sequential(OrderedDict(a=nn.ReLU(), b=nn.Tanh()))
    assert chain.b is chain[-1] and list(chain[:1]._modules) == ["a"]
    chain = nn.Sequential(nn.ReLU(), nn.Tanh()).append(nn.GELU()).insert(1, nn.ELU())
    assert [type(m).__name__ for m in chain] == ["ReLU", "ELU", "Tanh", "GELU"]
    del chain[1:3]
    assert list(chain._modules) == ["0", "1"] and len(chain + chain) == 4 and len(chain * 3) == 6
    assert isinstance(chain.pop(0), nn.ReLU) and len(chain) == 1


def test_lists_and_dicts_of_modules_and_parameters():
    modules = nn.ModuleList([nn.ReLU(), nn.ReLU()])
    modules.insert(0, nn.Tanh())
    assert len(modules) == 3 and len([*modules, nn.GELU()]) == 4 and len(modules[1:]) == 2
    named = nn.ModuleDict({"a": nn.ReLU()})
    named.update([("b", nn.Tanh())])
    assert list(named) == ["a", "b"] and "b" in named and named.pop("a") and len(named) == 1
    values = nn.ParameterList([sangja.ones(2)])
    values += [sangja.zeros(1), "text"]
    assert len(list(values.parameters())) == 2 and values[-1] == "text"
    table = nn.ParameterDict({"w": sangja.ones(2)}) | {"v": sangja.ones(1)}
    assert list(table.keys()) == ["w", "v"] and isinstance(table["v"], nn.Parameter)
    assert table.popitem()[0] == "v" and table.get("v") is None and list(table) == ["w"]


def test_text_of_containers_is_pytorchs():
    torch = pytest.importorskip("torch")

    def make(n, tensor):
        return n.ModuleDict(
            {
                "list": n.ModuleList([n.ReLU(), n.ReLU(), n.Sequential(n.Tanh())]),
                "numbers": n.ParameterList([tensor]),
                "table": n.ParameterDict({"w": tensor}),
            }
        )

    mine, theirs = make(nn, sangja.ones(2, 3)), make(torch.nn, torch.ones(2, 3))
    assert repr(mine) == repr(theirs).replace("torch", "sangja")


def test_lazy_layer_takes_loaded_shapes():
    lazy, known = nn.LazyLinear(3), nn.Linear(4, 3)
    lazy.load_state_dict(known.state_dict())
    np.testing.assert_array_equal(lazy.weight.array, known.weight.array)
    with pytest.raises(StateError, match="shape of an uninitialized parameter"):
        _ = nn.LazyLinear(3).weight.shape


def test_vector_of_parameters():
    net = Net()
    vector = nn.utils.parameters_to_vector(net.parameters())
    assert vector.shape == (4 * 3 + 3 + 3 * 3 + 3 + 3 * 2 + 2,)
    nn.utils.vector_to_parameters(vector.detach() * 0, net.parameters())
    assert not any(p.array.any() for p in net.parameters())

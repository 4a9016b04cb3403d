"""Every class of `sangja.nn` beside PyTorch's, on the inputs with which PyTorch tests its own:
results, gradients of inputs and parameters, buffers and the state dict."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

import sangja
from sangja import nn
from sangja.backend.generator import default_generator
from sangja.core.errors import SangjaError

torch = pytest.importorskip("torch")
common_modules = pytest.importorskip("torch.testing._internal.common_modules")

DATABASE = {info.module_cls.__name__: info for info in common_modules.module_db}


TOLERANCE = {"float32": 1e-4, "float64": 1e-9}
SLACK = {
    "CTCLoss": 10,  # sums of 50 steps in the logarithm: 1e-4 from the truth in both
    "Hardsigmoid": 100,  # PyTorch rounds 1/6 to float32, whatever the dtype
}


class Twins:
    """Makes of each of PyTorch's arguments a pair: a copy for PyTorch, and the same for sangja."""

    def __init__(self):
        self.tensors = []

    def __call__(self, value):
        if isinstance(value, torch.Tensor):
            theirs = value.detach().clone()
            mine = sangja.tensor(theirs.numpy().copy())
            if value.requires_grad:
                theirs.requires_grad_()
                mine.requires_grad = True
            self.tensors.append((mine, theirs))
            return mine, theirs
        if isinstance(value, torch.nn.utils.rnn.PackedSequence):
            parts = [self(part) for part in value]
            mine = nn.utils.rnn.PackedSequence(*(a for a, _ in parts))
            return mine, torch.nn.utils.rnn.PackedSequence(*(b for _, b in parts))
        if isinstance(value, (tuple, list)):
            pairs = [self(item) for item in value]
            return type(value)(a for a, _ in pairs), type(value)(b for _, b in pairs)
        if isinstance(value, dict):
            pairs = {name: self(item) for name, item in value.items()}
            return {n: a for n, (a, _) in pairs.items()}, {n: b for n, (_, b) in pairs.items()}
        if isinstance(value, (torch.nn.TransformerEncoderLayer, torch.nn.TransformerDecoderLayer)):
            return layer_like(value), value
        if isinstance(value, torch.dtype):
            return getattr(sangja, str(value).removeprefix("torch.")), value
        if callable(value):
            return getattr(nn.functional, value.__name__), value
        return value, value


def layer_like(layer):
    """Our layer with the settings of PyTorch's."""
    return getattr(nn, type(layer).__name__)(
        layer.linear1.in_features,
        layer.self_attn.num_heads,
        layer.linear1.out_features,
        layer.dropout.p,
        getattr(nn.functional, layer.activation.__name__),
        batch_first=layer.self_attn.batch_first,
        norm_first=layer.norm_first,
        bias=layer.linear1.bias is not None,
    )


def seed(number=0):
    default_generator.manual_seed(number)
    torch.manual_seed(number)


def flat(value, kind):
    """All tensors in a result."""
    if isinstance(value, kind):
        return [value]
    if isinstance(value, (tuple, list)):
        return [t for item in value for t in flat(item, kind)]
    return []


def near(mine, theirs, what, slack=1):
    if theirs is None:
        assert mine is None or not np.any(mine.array), what
        return
    theirs = theirs.detach().numpy()
    if mine is None:
        assert not np.any(theirs), what
        return
    assert mine.array.dtype == theirs.dtype, what
    assert mine.array.shape == theirs.shape, what
    finite = np.abs(theirs[np.isfinite(theirs)])
    scale = max(1.0, float(finite.max(initial=0)))
    rtol = TOLERANCE.get(theirs.dtype.name, 0) * slack
    np.testing.assert_allclose(
        mine.array, theirs, rtol=rtol, atol=rtol * scale / 10, err_msg=str(what)
    )


def compare_states(mine, theirs, what):
    state, wanted = mine.state_dict(), theirs.state_dict()
    assert list(state) == list(wanted), what
    for name, value in wanted.items():
        near(state[name], value, (what, name))


def compare(name, construct, call, dtype, training, what=""):
    """Build both, give ours the values of PyTorch's, run both forward and backward."""
    twins = Twins()
    (args, torch_args), (kwargs, torch_kwargs) = twins(construct[0]), twins(construct[1])
    seed(1)
    theirs = getattr(torch.nn, name)(*torch_args, **torch_kwargs)
    seed(1)
    mine = getattr(nn, name)(*args, **kwargs)
    theirs.to(getattr(torch, dtype)).train(training)
    mine.to(getattr(sangja, dtype)).train(training)
    if not any(torch.nn.parameter.is_lazy(v) for v in theirs.state_dict().values()):
        mine.load_state_dict({k: sangja.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    (args, torch_args), (kwargs, torch_kwargs) = twins(call[0]), twins(call[1])
    seed(2)
    w = theirs(*torch_args, **torch_kwargs)
    seed(2)
    z = mine(*args, **kwargs)
    results = list(zip(flat(z, sangja.Tensor), flat(w, torch.Tensor), strict=True))
    for a, b in results:
        near(a, b, (name, what, "result"))
    compare_states(mine, theirs, (name, what))
    total, wanted = 0, 0
    random = np.random.RandomState(0)
    for a, b in results:
        assert a.requires_grad == b.requires_grad, (name, what)
        if b.requires_grad:
            g = random.uniform(-1, 1, a.shape).astype(a.array.dtype)
            total, wanted = (
                total + (a * sangja.tensor(g)).sum(),
                wanted + (b * torch.tensor(g)).sum(),
            )
    if isinstance(wanted, torch.Tensor):
        total.backward()
        wanted.backward()
    for i, (a, b) in enumerate(twins.tensors):
        if b.is_leaf:
            near(a.grad, b.grad, (name, what, f"gradient of input {i}"), SLACK.get(name, 1))
    for (n, p), (_, q) in zip(mine.named_parameters(), theirs.named_parameters(), strict=True):
        near(p.grad, q.grad, (name, what, f"gradient of {n}"))


def modes(info):
    return (True, False) if info.train_and_eval_differ else (True,)


@pytest.mark.filterwarnings(
    "ignore:.*azy:UserWarning",
    "ignore:reduction. 'mean' divides:UserWarning",
    "ignore:enable_nested_tensor:UserWarning",
    "ignore:LSTM with projections:UserWarning",
    "ignore:linear_cross_entropy. ``options`` ignored:UserWarning",  # they change no number
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", DATABASE)
def test_on_the_inputs_of_pytorch(name, dtype):
    info = DATABASE[name]
    for training in modes(info):
        seed()
        inputs = info.module_inputs_func(info, "cpu", getattr(torch, dtype), True, training)
        for given in inputs:
            construct, call = given.constructor_input, given.forward_input
            what = f"{given.desc} {construct.args} {construct.kwargs} training={training}"
            compare(
                name,
                (construct.args, construct.kwargs),
                (call.args, call.kwargs),
                dtype,
                training,
                what,
            )


def x(*shape, low=-2.0, high=2.0):
    """An argument drawn from [low, high), to be differentiated."""
    return ("float", shape, low, high)


def places(*shape, high):
    """Indices below `high`."""
    return ("int", shape, 0, high)


def arguments(specs, dtype):
    """The arguments that such descriptions stand for."""
    random = np.random.RandomState(0)
    found = []
    for spec in specs:
        if not isinstance(spec, tuple) or spec[0] not in ("float", "int"):
            found.append(spec)
            continue
        kind, shape, low, high = spec
        if kind == "int":
            found.append(torch.tensor(random.randint(low, high, shape)))
        else:
            data = random.uniform(low, high, shape).astype(dtype)
            found.append(torch.tensor(data, requires_grad=True))
    return found


IMAGE = x(2, 3, 6, 6)
# What PyTorch's database does not have: arguments of the class, keywords, arguments of the call.
OTHERS = [
    ("AlphaDropout", (0.3,), {}, (x(40),)),
    ("ChannelShuffle", (3,), {}, (x(2, 6, 4, 4),)),
    ("CosineSimilarity", (), {}, (x(4, 5), x(4, 5))),
    ("CosineSimilarity", (0, 1e-3), {}, (x(4, 5), x(4, 1))),
    ("Dropout", (0.3,), {}, (x(40),)),
    ("Dropout", (0.3, True), {}, (torch.ones(40),)),
    ("Dropout1d", (0.3,), {}, (x(3, 5, 4),)),
    ("Dropout2d", (0.3,), {}, (IMAGE,)),
    ("Dropout3d", (0.3,), {}, (x(2, 5, 3, 3, 2),)),
    ("EmbeddingBag", (7, 3), {}, (places(4, 5, high=7),)),
    ("EmbeddingBag", (7, 3), {"mode": "max"}, (places(4, 5, high=7),)),
    ("EmbeddingBag", (7, 3), {"mode": "max"}, (places(5, high=7), torch.tensor([0, 3, 3]))),
    ("EmbeddingBag", (7, 3), {"mode": "sum"}, (places(4, 2, high=7), None, x(4, 2))),
    ("EmbeddingBag", (7, 3), {"padding_idx": 2}, (places(9, high=7), torch.tensor([0, 2, 7]))),
    (
        "EmbeddingBag",
        (7, 3),
        {"include_last_offset": True, "mode": "sum"},
        (places(9, high=7), torch.tensor([0, 2, 2, 9])),
    ),
    ("EmbeddingBag", (7, 3, 0.5, 1.0), {}, (places(4, 5, high=7),)),
    ("FeatureAlphaDropout", (0.3,), {}, (IMAGE,)),
    ("Flatten", (), {}, (IMAGE,)),
    ("Flatten", (0, 2), {}, (IMAGE,)),
    ("Fold", ((5, 4), (2, 3)), {"stride": (1, 1), "padding": (0, 1)}, (x(2, 12, 16),)),
    ("Hardsigmoid", (), {}, (x(9, low=-5, high=5),)),
    ("Identity", (3,), {"anything": 4}, (x(9),)),
    ("LazyLinear", (3,), {}, (x(4, 5),)),
    ("LazyBatchNorm1d", (), {}, (x(4, 3),)),
    ("LazyBatchNorm2d", (), {"momentum": None}, (IMAGE,)),
    ("LazyBatchNorm3d", (), {"affine": False}, (x(2, 3, 2, 2, 2),)),
    ("LazyInstanceNorm1d", (), {"affine": True}, (x(4, 3, 5),)),
    ("LazyInstanceNorm2d", (), {"affine": True, "track_running_stats": True}, (IMAGE,)),
    ("LazyInstanceNorm3d", (), {}, (x(2, 3, 2, 2, 2),)),
    ("InstanceNorm1d", (3,), {"track_running_stats": True}, (x(4, 3, 5),)),
    ("MaxUnpool1d", (2,), {}, (x(1, 1, 3), torch.tensor([[[0, 3, 4]]]))),
    ("MaxUnpool1d", (2,), {}, (x(1, 1, 3), torch.tensor([[[0, 3, 6]]]), (1, 1, 7))),
    ("MaxUnpool2d", (3, 2, 1), {}, (x(1, 2, 2), torch.tensor([[[0, 2], [6, 8]]]))),
    ("MaxUnpool3d", (2,), {}, (x(1, 1, 1, 2), torch.tensor([[[[7, 15]]]]))),
    ("PairwiseDistance", (), {}, (x(4, 5), x(4, 5))),
    ("PairwiseDistance", (1.0, 1e-3, True), {}, (x(4, 5), x(5))),
    ("PairwiseDistance", (math.inf,), {}, (x(4, 5), x(4, 5))),
    ("PixelShuffle", (2,), {}, (x(1, 8, 3, 3),)),
    ("PixelUnshuffle", (2,), {}, (IMAGE,)),
    ("RReLU", (0.1, 0.4), {}, (x(40),)),
    (
        "TransformerDecoder",
        (torch.nn.TransformerDecoderLayer(4, 2, 8, 0.0), 2),
        {},
        (x(3, 2, 4), x(5, 2, 4)),
    ),
    ("TripletMarginLoss", (), {}, (x(4, 5), x(4, 5), x(4, 5))),
    ("TripletMarginLoss", (0.5, 1.0, 1e-3, True), {}, (x(4, 5), x(4, 5), x(4, 5))),
    ("TripletMarginLoss", (), {"reduction": "none"}, (x(5), x(5), x(5))),
    ("TripletMarginWithDistanceLoss", (), {"swap": True}, (x(4, 5), x(4, 5), x(4, 5))),
    (
        "TripletMarginWithDistanceLoss",
        (),
        {"distance_function": torch.nn.functional.l1_loss, "reduction": "sum"},
        (x(4, 5), x(4, 5), x(4, 5)),
    ),
    ("Unflatten", (1, (3, 2)), {}, (x(2, 6),)),
    ("Unfold", (2,), {"dilation": 2, "padding": 1, "stride": 2}, (IMAGE,)),
    ("Upsample", (), {"scale_factor": 2}, (IMAGE,)),
    ("Upsample", ((9, 4),), {"mode": "bilinear"}, (IMAGE,)),
    ("Upsample", (), {"scale_factor": (1.5, 2), "mode": "bicubic"}, (IMAGE,)),
    ("Upsample", (5,), {"mode": "linear", "align_corners": True}, (x(2, 3, 7),)),
    ("Upsample", (5,), {"mode": "trilinear"}, (x(1, 1, 3, 3, 3),)),
    ("UpsamplingBilinear2d", (), {"scale_factor": 2}, (IMAGE,)),
    ("UpsamplingNearest2d", ((9, 4),), {}, (IMAGE,)),
    ("FractionalMaxPool2d", (2, 3), {"return_indices": True}, (IMAGE,)),
    ("FractionalMaxPool2d", ((2, 3),), {"output_ratio": (0.5, 0.4)}, (x(3, 7, 9),)),
    ("FractionalMaxPool3d", (2, (3, 2, 1)), {}, (x(2, 3, 5, 4, 6),)),
    ("LPPool1d", (2, 3), {}, (torch.zeros(2, 6, requires_grad=True),)),
    ("LPPool3d", (3, 2, 1), {"ceil_mode": True}, (x(2, 3, 4, 5, 4, low=0.1),)),
    ("BCELoss", (), {"reduction": "sum"}, (x(4, low=0.0, high=1.0), x(4, low=0.0, high=1.0))),
    ("GaussianNLLLoss", (), {"full": True}, (x(4, 5), x(4, 5), x(4, 1, low=0.0, high=2.0))),
    ("MultiLabelMarginLoss", (), {}, (x(4), torch.tensor([2, 0, -1, 1]))),
]
# Made of other modules or of nothing: tests/nn/test_module.py and test_parity.py have them.
WITHOUT_A_CASE = {
    "DataParallel",
    "Buffer",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "RNNBase",
    "RNNCellBase",
    "Sequential",
    "UninitializedBuffer",
    "UninitializedParameter",
}


@pytest.mark.filterwarnings("ignore:.*azy:UserWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", OTHERS, ids=lambda case: f"{case[0]}-{case[1]}")
def test_on_further_inputs(case, dtype):
    name, args, kwargs, given = case
    for training in (True, False):
        call = arguments(given, dtype)
        compare(name, (args, kwargs), (call, {}), dtype, training, f"training={training}")


def test_bag_gradients_by_frequency():
    """As those of an embedding and a mean: PyTorch's own bag looks the frequencies of other rows up
    where an index comes up more than once."""
    data = np.random.RandomState(0).randn(7, 3)
    index = np.array([[0, 2, 2], [6, 2, 0]])
    theirs = torch.tensor(data, requires_grad=True)
    picked = torch.nn.functional.embedding(
        torch.tensor(index), theirs, scale_grad_by_freq=True
    ).mean(1)
    (picked * picked).sum().backward()
    bag = nn.EmbeddingBag.from_pretrained(
        sangja.tensor(data), freeze=False, scale_grad_by_freq=True
    )
    z = bag(sangja.tensor(index))
    (z * z).sum().backward()
    np.testing.assert_allclose(bag.weight.grad.array, theirs.grad.numpy(), rtol=1e-12)


def test_every_class_has_a_case():
    classes = {name for name, value in vars(nn).items() if inspect.isclass(value)}
    assert classes - WITHOUT_A_CASE == set(DATABASE) | {case[0] for case in OTHERS}


def refused_inputs():
    return [name for name, info in DATABASE.items() if info.module_error_inputs_func]


@pytest.mark.parametrize("name", refused_inputs())
def test_what_pytorch_refuses(name):
    """The same class of error; the texts say more than PyTorch's."""
    info = DATABASE[name]
    for refused in info.module_error_inputs_func(info, "cpu", torch.float32, True, True):
        construct = refused.module_error_input.constructor_input
        call = refused.module_error_input.forward_input
        twins = Twins()
        args, kwargs = twins(construct.args)[0], twins(construct.kwargs)[0]
        if refused.error_on is common_modules.ModuleErrorEnum.CONSTRUCTION_ERROR:
            with pytest.raises(refused.error_type) as caught:
                getattr(nn, name)(*args, **kwargs)
        else:
            module = getattr(nn, name)(*args, **kwargs)
            args, kwargs = twins(call.args)[0], twins(call.kwargs)[0]
            with pytest.raises(refused.error_type) as caught:
                module(*args, **kwargs)
        assert isinstance(caught.value, SangjaError)


def test_instance_norm_warns_of_another_number_of_channels():
    with pytest.warns(UserWarning, match="input's size at dim=1 does not match num_features"):
        nn.InstanceNorm1d(4)(sangja.ones(2, 3, 5))
    with pytest.raises(ValueError, match=r"to match num_features \(4\), but got: 3"):
        nn.InstanceNorm1d(4, affine=True)(sangja.ones(3, 5))

"""Modules beside PyTorch's: signatures, texts, state_dict keys, initial values, values,
gradients."""

import inspect

import numpy as np
import pytest

import sangja
from sangja import nn
from sangja.backend.generator import default_generator

torch = pytest.importorskip("torch")

OTHER_SIGNATURE = {  # *args pass through a common base, or settings that nobody needs here
    *(f"LazyConv{n}d" for n in (1, 2, 3)),
    *(f"LazyConvTranspose{n}d" for n in (1, 2, 3)),
    "Hardtanh",  # without the two names that PyTorch deprecated
    "Module",
    "RNNCellBase",  # knows the number of gates from its subclass
    *("Transformer", "TransformerEncoderLayer", "TransformerDecoderLayer"),  # default is our relu
}
CLASSES = [
    name for name in nn.__all__ if inspect.isclass(getattr(nn, name)) and hasattr(torch.nn, name)
]


def settings(thing):
    return [(p.name, p.kind, str(p.default)) for p in inspect.signature(thing).parameters.values()]


@pytest.mark.parametrize("name", [n for n in CLASSES if n not in OTHER_SIGNATURE])
def test_signature(name):
    assert settings(getattr(nn, name)) == settings(getattr(torch.nn, name))


@pytest.mark.parametrize("name", nn.init.__dict__.keys() & torch.nn.init.__dict__.keys())
def test_signature_of_initialiser(name):
    if name.endswith("_") and not name.startswith("_"):
        assert settings(getattr(nn.init, name)) == settings(getattr(torch.nn.init, name))


CASES = {
    "linear": (lambda n: n.Linear(5, 3), (4, 5)),
    "linear without bias": (lambda n: n.Linear(5, 3, bias=False), (2, 4, 5)),
    "identity": (lambda n: n.Identity(7, a=1), (4, 5)),
    "lazy linear": (lambda n: n.LazyLinear(3), (4, 5)),
    "conv1d": (lambda n: n.Conv1d(2, 4, 3, padding=1, padding_mode="circular"), (2, 2, 6)),
    "conv2d": (lambda n: n.Conv2d(4, 6, (3, 2), stride=2, dilation=(1, 2), groups=2), (2, 4, 9, 9)),
    "conv2d same": (lambda n: n.Conv2d(3, 2, 3, padding="same", bias=False), (1, 3, 5, 5)),
    "conv2d reflect": (lambda n: n.Conv2d(3, 2, 3, padding=1, padding_mode="reflect"), (3, 5, 5)),
    "conv3d": (lambda n: n.Conv3d(2, 3, 2), (1, 2, 4, 4, 4)),
    "transposed": (lambda n: n.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2), (1, 4, 5, 5)),
    "lazy conv2d": (lambda n: n.LazyConv2d(8, 3), (2, 3, 7, 7)),
    "relu6": (lambda n: n.ReLU6(), (3, 4)),
    "leaky relu": (lambda n: n.LeakyReLU(0.2), (3, 4)),
    "elu": (lambda n: n.ELU(0.5), (3, 4)),
    "celu": (lambda n: n.CELU(0.5), (3, 4)),
    "selu": (lambda n: n.SELU(), (3, 4)),
    "gelu": (lambda n: n.GELU("tanh"), (3, 4)),
    "silu": (lambda n: n.SiLU(), (3, 4)),
    "mish": (lambda n: n.Mish(), (3, 4)),
    "hardswish": (lambda n: n.Hardswish(), (3, 4)),
    "hardsigmoid": (lambda n: n.Hardsigmoid(), (3, 4)),
    "hardtanh": (lambda n: n.Hardtanh(-0.5, 2.0), (3, 4)),
    "hardshrink": (lambda n: n.Hardshrink(), (3, 4)),
    "softshrink": (lambda n: n.Softshrink(0.3), (3, 4)),
    "softplus": (lambda n: n.Softplus(2.0), (3, 4)),
    "softsign": (lambda n: n.Softsign(), (3, 4)),
    "tanhshrink": (lambda n: n.Tanhshrink(), (3, 4)),
    "logsigmoid": (lambda n: n.LogSigmoid(), (3, 4)),
    "tanh": (lambda n: n.Tanh(), (3, 4)),
    "threshold": (lambda n: n.Threshold(0.1, -2.0), (3, 4)),
    "prelu": (lambda n: n.PReLU(3), (2, 3, 4)),
    "glu": (lambda n: n.GLU(), (3, 4)),
    "softmax": (lambda n: n.Softmax(1), (3, 4)),
    "softmin": (lambda n: n.Softmin(1), (3, 4)),
    "log softmax": (lambda n: n.LogSoftmax(1), (3, 4)),
    "softmax2d": (lambda n: n.Softmax2d(), (2, 3, 2, 2)),
    "dropout": (lambda n: n.Dropout(0.3), (40,)),
    "dropout2d": (lambda n: n.Dropout2d(0.3), (2, 5, 3, 3)),
    "alpha dropout": (lambda n: n.AlphaDropout(0.3), (40,)),
    "batch norm": (lambda n: n.BatchNorm2d(3), (4, 3, 5, 5)),
    "batch norm, averaging": (lambda n: n.BatchNorm1d(3, momentum=None, bias=False), (4, 3)),
    "batch norm, plain": (
        lambda n: n.BatchNorm1d(3, affine=False, track_running_stats=False),
        (4, 3),
    ),
    "lazy batch norm": (lambda n: n.LazyBatchNorm1d(), (4, 3)),
    "layer norm": (lambda n: n.LayerNorm((3, 4)), (2, 3, 4)),
    "rms norm": (lambda n: n.RMSNorm(4), (2, 3, 4)),
    "group norm": (lambda n: n.GroupNorm(2, 4), (2, 4, 5)),
    "max pool": (lambda n: n.MaxPool2d(3, 2, 1), (2, 3, 8, 8)),
    "max pool 1d": (lambda n: n.MaxPool1d(2), (2, 3, 8)),
    "average pool": (lambda n: n.AvgPool2d(3, 2, 1, count_include_pad=False), (2, 3, 8, 8)),
    "average pool 1d": (lambda n: n.AvgPool1d(2), (2, 3, 8)),
    "adaptive average pool": (lambda n: n.AdaptiveAvgPool2d((2, None)), (1, 2, 5, 5)),
    "adaptive max pool": (lambda n: n.AdaptiveMaxPool2d(2), (1, 2, 5, 5)),
    "zero pad": (lambda n: n.ZeroPad2d((1, 2, 0, 1)), (1, 2, 3, 3)),
    "constant pad": (lambda n: n.ConstantPad1d(2, 3.5), (1, 2, 3)),
    "reflection pad": (lambda n: n.ReflectionPad2d(1), (1, 2, 3, 3)),
    "replication pad": (lambda n: n.ReplicationPad3d(1), (1, 1, 2, 2, 2)),
    "circular pad": (lambda n: n.CircularPad2d(1), (1, 2, 3, 3)),
    "upsample": (lambda n: n.Upsample(scale_factor=2), (1, 2, 3, 3)),
    "upsample bilinear": (lambda n: n.UpsamplingBilinear2d(size=(5, 4)), (1, 2, 3, 3)),
    "pixel shuffle": (lambda n: n.PixelShuffle(2), (1, 8, 2, 2)),
    "pixel unshuffle": (lambda n: n.PixelUnshuffle(2), (1, 2, 4, 4)),
    "channel shuffle": (lambda n: n.ChannelShuffle(2), (1, 4, 2, 2)),
    "unfold": (lambda n: n.Unfold(2, stride=2), (1, 2, 4, 4)),
    "fold": (lambda n: n.Fold((4, 4), 2, stride=2), (1, 8, 4)),
    "flatten": (lambda n: n.Flatten(), (2, 3, 4)),
    "unflatten": (lambda n: n.Unflatten(1, (2, 3)), (2, 6)),
    "instance norm": (lambda n: n.InstanceNorm1d(3, affine=True), (2, 3, 8)),
    "instance norm, no batch": (lambda n: n.InstanceNorm2d(3, bias=False), (3, 4, 4)),
    "local response norm": (lambda n: n.LocalResponseNorm(2), (1, 4, 3, 3)),
    "rnn": (lambda n: n.RNN(4, 5, nonlinearity="relu"), (3, 2, 4)),
    "lstm": (lambda n: n.LSTM(4, 5, 2, bidirectional=True, proj_size=3), (3, 2, 4)),
    "gru": (lambda n: n.GRU(4, 5, batch_first=True, bias=False), (3, 2, 4)),
    "lstm, no batch": (lambda n: n.LSTM(4, 5), (3, 4)),
    "rnn cell": (lambda n: n.RNNCell(4, 5, nonlinearity="relu"), (3, 4)),
    "lstm cell": (lambda n: n.LSTMCell(4, 5), (3, 4)),
    "gru cell": (lambda n: n.GRUCell(4, 5, bias=False), (3, 4)),
    "encoder layer": (lambda n: n.TransformerEncoderLayer(8, 2, 16, 0.0, "gelu"), (4, 3, 8)),
    "chain": (
        lambda n: n.Sequential(n.Conv2d(1, 4, 3), n.BatchNorm2d(4), n.ReLU(), n.MaxPool2d(2)),
        (2, 1, 8, 8),
    ),
}


def made(make, seed=0):
    default_generator.manual_seed(seed)
    torch.manual_seed(seed)
    return make(nn), make(torch.nn)


def first(result):
    while isinstance(result, tuple):
        result = result[0]
    return result


def near(mine, theirs, rtol=1e-4):
    theirs = theirs.detach().numpy()
    scale = max(float(np.abs(theirs).max(initial=0)), 1e-3)
    np.testing.assert_allclose(
        mine.array, theirs, rtol=rtol, atol=1e-6 * max(scale, 1) + 1e-5 * scale
    )


@pytest.mark.filterwarnings("ignore:.*azy:UserWarning", "ignore:LSTM with projections")
@pytest.mark.parametrize("case", CASES)
def test_module(case):
    make, shape = CASES[case]
    mine, theirs = made(make)
    assert repr(mine) == repr(theirs)
    data = np.random.RandomState(1).uniform(-2, 2, shape).astype(np.float32)
    x = sangja.tensor(data, requires_grad=True)
    y = torch.tensor(data, requires_grad=True)
    z, w = first(mine(x)), first(theirs(y))
    near(z, w)
    assert repr(mine) == repr(theirs)
    state, wanted = mine.state_dict(), theirs.state_dict()
    assert list(state) == list(wanted)
    g = np.random.RandomState(2).uniform(-1, 1, z.shape).astype(np.float32)
    z.backward(sangja.tensor(g))
    w.backward(torch.tensor(g))
    near(x.grad, y.grad, 1e-3)
    for (name, p), (_, q) in zip(mine.named_parameters(), theirs.named_parameters(), strict=True):
        np.testing.assert_array_equal(p.array, q.detach().numpy(), err_msg=name)  # initial values
        if q.grad is not None:
            near(p.grad, q.grad, 1e-3)
    for (name, p), (_, q) in zip(mine.named_buffers(), theirs.named_buffers(), strict=True):
        np.testing.assert_allclose(p.array, q.numpy(), rtol=1e-5, atol=1e-6, err_msg=name)
    near(first(mine.eval()(x)), first(theirs.eval()(y)))


@pytest.mark.parametrize("padding_idx", [None, 2, -1])
def test_embedding(padding_idx):
    mine, theirs = made(lambda n: n.Embedding(7, 3, padding_idx))
    assert repr(mine) == repr(theirs)
    np.testing.assert_array_equal(mine.weight.array, theirs.weight.detach().numpy())
    index = np.array([[0, 2, 6], [2, 6, 1]])
    mine(sangja.tensor(index)).sum().backward()
    theirs(torch.tensor(index)).sum().backward()
    near(mine.weight.grad, theirs.weight.grad)


LOSSES = {
    "mse": (lambda n: n.MSELoss(), (3, 4), (3, 4)),
    "mse sum": (lambda n: n.MSELoss(reduction="sum"), (3, 4), (3, 4)),
    "cross entropy": (lambda n: n.CrossEntropyLoss(label_smoothing=0.1), (3, 4), "classes"),
    "cross entropy, old flags": (
        lambda n: n.CrossEntropyLoss(size_average=False),
        (3, 4),
        "classes",
    ),
    "l1": (lambda n: n.L1Loss(), (3, 4), (3, 4)),
    "smooth l1": (lambda n: n.SmoothL1Loss(beta=0.5), (3, 4), (3, 4)),
    "huber": (lambda n: n.HuberLoss(delta=0.5), (3, 4), (3, 4)),
    "bce with logits": (lambda n: n.BCEWithLogitsLoss(), (3, 4), (3, 4)),
    "kl": (lambda n: n.KLDivLoss(reduction="batchmean", log_target=True), (3, 4), (3, 4)),
    "poisson": (lambda n: n.PoissonNLLLoss(), (3, 4), (3, 4)),
    "soft margin": (lambda n: n.SoftMarginLoss(), (3, 4), (3, 4)),
    "multi margin": (lambda n: n.MultiMarginLoss(), (3, 4), "classes"),
    "nll": (lambda n: n.NLLLoss(ignore_index=1), (3, 4), "classes"),
}


@pytest.mark.filterwarnings("ignore:size_average and reduce")
@pytest.mark.parametrize("case", LOSSES)
def test_loss(case):
    make, shape, target = LOSSES[case]
    mine, theirs = made(make)
    assert repr(mine) == repr(theirs)
    random = np.random.RandomState(0)
    data = random.randn(*shape).astype(np.float32)
    aim = np.array([3, 1, 0]) if target == "classes" else random.randn(*target).astype(np.float32)
    x, y = sangja.tensor(data, requires_grad=True), torch.tensor(data, requires_grad=True)
    z, w = mine(x, sangja.tensor(aim)), theirs(y, torch.tensor(aim))
    near(z, w)
    z.backward()
    w.backward()
    near(x.grad, y.grad)


INITIALISERS = {
    "uniform_": ((-1, 2), (5, 4)),
    "normal_": ((1, 2), (5, 4)),
    "trunc_normal_": ((0, 1, -1, 1), (5, 4)),
    "constant_": ((3.5,), (5, 4)),
    "ones_": ((), (5, 4)),
    "zeros_": ((), (5, 4)),
    "eye_": ((), (5, 4)),
    "dirac_": ((2,), (6, 2, 3, 3)),
    "xavier_uniform_": ((2.0,), (5, 4)),
    "xavier_normal_": ((), (5, 4, 3)),
    "kaiming_uniform_": ((0.3, "fan_out"), (5, 4, 3)),
    "kaiming_normal_": ((0, "fan_in", "relu"), (5, 4)),
    "sparse_": ((0.4,), (5, 4)),
}


@pytest.mark.parametrize("name", INITIALISERS)
def test_initialiser_is_bit_equal(name):
    args, shape = INITIALISERS[name]
    made(lambda n: None, 3)
    x, y = sangja.ones(*shape), torch.ones(*shape)
    assert getattr(nn.init, name)(x, *args) is x
    getattr(torch.nn.init, name)(y, *args)
    np.testing.assert_array_equal(x.array, y.numpy())


def test_orthogonal_is_orthogonal():
    x = nn.init.orthogonal_(sangja.zeros(3, 2, 4), gain=2.0).array.reshape(3, 8)
    np.testing.assert_allclose(x @ x.T, 4 * np.eye(3), atol=1e-5)


@pytest.mark.parametrize(
    "name", ["linear", "tanh", "relu", "selu", "sigmoid", "leaky_relu", "conv2d"]
)
def test_gain(name):
    assert nn.init.calculate_gain(name) == torch.nn.init.calculate_gain(name)


def masks():
    causal = np.triu(np.ones((4, 4), bool), 1)
    padding = np.array([[False, False, False, True]] * 3)
    return causal, padding


def test_multihead_attention():
    causal, padding = masks()
    mine, theirs = made(
        lambda n: n.MultiheadAttention(
            8, 2, kdim=5, vdim=6, add_bias_kv=True, add_zero_attn=True, batch_first=True
        )
    )
    assert repr(mine) == repr(theirs)
    random = np.random.RandomState(0)
    data = [random.randn(3, 4, d).astype(np.float32) for d in (8, 5, 6)]
    z = mine(
        *map(sangja.tensor, data),
        attn_mask=sangja.tensor(causal),
        key_padding_mask=sangja.tensor(padding),
    )
    w = theirs(
        *map(torch.tensor, data),
        attn_mask=torch.tensor(causal),
        key_padding_mask=torch.tensor(padding),
    )
    for a, b in zip(z, w, strict=True):
        near(a, b)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_transformer():
    mine, theirs = made(lambda n: n.Transformer(8, 2, 2, 2, 16, norm_first=True, dropout=0.0))
    assert repr(mine) == repr(theirs)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    wanted = torch.nn.Transformer.generate_square_subsequent_mask(5)
    np.testing.assert_array_equal(mask.array, wanted.numpy())
    random = np.random.RandomState(0)
    source, target = (random.randn(n, 3, 8).astype(np.float32) for n in (4, 5))
    z = mine(sangja.tensor(source), sangja.tensor(target), tgt_mask=mask)
    near(z, theirs(torch.tensor(source), torch.tensor(target), tgt_mask=wanted), 1e-3)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_packed_sequences(kind):
    mine, theirs = made(lambda n: getattr(n, kind)(3, 5, 2, bidirectional=True))
    data = np.random.RandomState(0).randn(4, 6, 3).astype(np.float32)
    lengths = [2, 4, 1, 3, 4, 2]
    ours, reference = nn.utils.rnn, torch.nn.utils.rnn
    x, y = sangja.tensor(data, requires_grad=True), torch.tensor(data, requires_grad=True)
    packed, state = mine(ours.pack_padded_sequence(x, lengths, enforce_sorted=False))
    packed_w, state_w = theirs(
        reference.pack_padded_sequence(y, torch.tensor(lengths), enforce_sorted=False)
    )
    z, counts = ours.pad_packed_sequence(packed, padding_value=-1.0, total_length=5)
    w, counts_w = reference.pad_packed_sequence(packed_w, padding_value=-1.0, total_length=5)
    near(z, w)
    assert counts.tolist() == counts_w.tolist() == lengths
    near(first(state) if kind == "LSTM" else state, first(state_w) if kind == "LSTM" else state_w)
    z.sum().backward()
    w.sum().backward()
    near(x.grad, y.grad, 1e-3)


def test_gradient_clipping():
    random = np.random.RandomState(0)
    mine, theirs = made(lambda n: n.Linear(4, 3))
    grads = [random.randn(*p.shape).astype(np.float32) for p in mine.parameters()]
    for norm_type in (1.0, 2.0, float("inf")):
        for p, q, g in zip(mine.parameters(), theirs.parameters(), grads, strict=True):
            p.grad, q.grad = sangja.tensor(g), torch.tensor(g)
        z = nn.utils.clip_grad_norm_(mine.parameters(), 0.7, norm_type)
        w = torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.7, norm_type)
        near(z, w)
        for p, q in zip(mine.parameters(), theirs.parameters(), strict=True):
            near(p.grad, q.grad)
    nn.utils.clip_grad_value_(mine.parameters(), 0.01)
    assert max(np.abs(p.grad.array).max() for p in mine.parameters()) <= np.float32(0.01)


def test_weight_norm_and_spectral_norm():
    for name in ("weight_norm", "spectral_norm"):
        mine, theirs = made(lambda n, name=name: n.Linear(4, 3))
        default_generator.manual_seed(5)
        torch.manual_seed(5)
        getattr(nn.utils, name)(mine)
        with pytest.warns() if name == "weight_norm" else np.errstate():
            getattr(torch.nn.utils, name)(theirs)
        assert set(mine.state_dict()) == set(theirs.state_dict())
        data = np.random.RandomState(0).randn(2, 4).astype(np.float32)
        z, w = mine(sangja.tensor(data)), theirs(torch.tensor(data))
        near(z, w)
        z.sum().backward()
        w.sum().backward()
        for (_, p), (n, q) in zip(
            sorted(mine.named_parameters()), sorted(theirs.named_parameters()), strict=True
        ):
            assert p.shape == tuple(q.shape), n
            near(p.grad, q.grad, 1e-3)
        before = mine(sangja.tensor(data)).array if name == "weight_norm" else None
        getattr(nn.utils, f"remove_{name}")(mine)
        assert set(mine.state_dict()) == {"weight", "bias"}
        if before is not None:
            np.testing.assert_allclose(mine(sangja.tensor(data)).array, before, rtol=1e-6)

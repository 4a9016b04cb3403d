"""What scripts ask of their surroundings: accelerators, switches, old names. Where PyTorch is
installed its answers, on a machine without a card, are what is expected."""

import importlib
import inspect
import warnings

import numpy as np
import pytest

import sangja
from sangja import nn


def test_there_is_no_accelerator():
    assert not sangja.cuda.is_available()
    assert not sangja.backends.mps.is_available()
    assert not sangja.accelerator.is_available()
    assert sangja.accelerator.current_accelerator() is None
    assert sangja.cuda.device_count() == sangja.cuda.memory_allocated() == 0
    sangja.cuda.manual_seed_all(1)
    sangja.cuda.empty_cache()
    for refused in (sangja.cuda.synchronize, sangja.cuda.get_device_name):
        with pytest.raises(RuntimeError, match=r"there is no GPU: .* sangja.cuda.is_available"):
            refused()


def test_modules_are_not_moved_to_a_device_that_is_not_there():
    layer = nn.Linear(1, 1)
    assert layer.to("cpu") is layer
    assert layer.to(sangja.device("cpu"), sangja.float64).weight.dtype is sangja.float64
    for move in (layer.cuda, lambda: layer.to("cuda"), lambda: layer.to(device="mps")):
        with pytest.raises(RuntimeError, match="cannot put a tensor on"):
            move()


def test_switches_keep_what_they_were_told():
    sangja.backends.cudnn.benchmark = True
    assert sangja.backends.cudnn.benchmark
    sangja.use_deterministic_algorithms(True, warn_only=True)
    assert sangja.are_deterministic_algorithms_enabled()
    assert sangja.is_deterministic_algorithms_warn_only_enabled()
    sangja.use_deterministic_algorithms(False)
    assert not sangja.is_deterministic_algorithms_warn_only_enabled()
    sangja.set_float32_matmul_precision("high")
    assert sangja.get_float32_matmul_precision() == "high"
    sangja.set_float32_matmul_precision("highest")
    with pytest.raises(ValueError, match="'low' is no precision; expected one of highest, high"):
        sangja.set_float32_matmul_precision("low")
    with pytest.raises(TypeError, match="expected True or False, got str"):
        sangja.use_deterministic_algorithms("yes")


def test_autocast_says_that_it_changes_nothing():
    x = sangja.ones(2, 2)
    with pytest.warns(UserWarning, match="CUDA is not available. Disabling autocast"):
        context = sangja.autocast("cuda")
    with context:
        assert (x @ x).dtype is sangja.float32
    with pytest.warns(UserWarning, match="in the dtype of the inputs on the CPU"):
        sangja.amp.autocast("cpu")
    with pytest.warns(UserWarning, match="Disabling"):
        decorated = sangja.cuda.amp.autocast()(lambda: x @ x)
    assert decorated().dtype is sangja.float32
    assert not sangja.is_autocast_enabled()
    with pytest.raises(RuntimeError, match="'gpu' is no type of device"):
        sangja.autocast("gpu")


def scaled_steps(t, overflow):
    """Three steps under a GradScaler, the second of them with an infinite gradient or not."""
    t.manual_seed(0)
    model = t.nn.Linear(3, 2)
    optimizer = t.optim.SGD(model.parameters(), lr=0.1)
    scaler = t.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
    seen = []
    for step in range(3):
        optimizer.zero_grad()
        loss = model(t.ones(4, 3)).pow(2).sum()
        scaler.scale(loss).backward()
        if overflow and step == 1:
            model.weight.grad[0, 0] = float("inf")
        scaler.unscale_(optimizer)
        seen.append(model.weight.grad.tolist())
        scaler.step(optimizer)
        scaler.update()
        seen.append([scaler.get_scale(), model.weight.tolist()])
    return [*seen, scaler.state_dict()]


@pytest.mark.parametrize("overflow", [False, True])
def test_loss_scaling_as_in_pytorch(overflow):
    torch = pytest.importorskip("torch")
    ours, theirs = scaled_steps(sangja, overflow), scaled_steps(torch, overflow)
    assert ours[-1] == theirs[-1]
    for a, b in zip(ours[1:-1:2], theirs[1:-1:2], strict=True):
        assert a[0] == b[0]
        np.testing.assert_allclose(a[1], b[1], rtol=1e-5)
    for a, b in zip(ours[:-1:2], theirs[:-1:2], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_a_loss_scaler_is_used_in_order():
    model = nn.Linear(1, 1)
    optimizer = sangja.optim.SGD(model.parameters(), lr=0.1)
    scaler = sangja.amp.GradScaler("cpu")
    with pytest.raises(RuntimeError, match="No inf checks were recorded prior to update"):
        scaler.update()
    scaler.scale(model(sangja.ones(1, 1)).sum()).backward()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match=r"unscale_\(\) has already been called"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match=r"step\(\) has already been called"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match=r"unscale_\(\) is being called after step\(\)"):
        scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="Closure use is not currently supported"):
        scaler.step(optimizer, closure=lambda: None)
    with pytest.raises(TypeError, match="expected a Tensor or a list of Tensors, got float"):
        scaler.scale(1.0)
    with pytest.raises(RuntimeError, match="source state dict is empty"):
        scaler.load_state_dict({})
    other = sangja.amp.GradScaler("cpu", init_scale=2.0)
    other.load_state_dict(scaler.state_dict())
    assert other.get_scale() == 65536.0
    with pytest.raises(ValueError, match=r"growth factor must be > 1.0, got 0.5"):
        sangja.amp.GradScaler("cpu", growth_factor=0.5)
    with pytest.raises(ValueError, match=r"backoff factor must be < 1.0, got 2"):
        sangja.amp.GradScaler("cpu", backoff_factor=2)
    half = nn.Linear(1, 1).half()
    half.weight.grad = sangja.ones_like(half.weight)
    scaler.update()
    with pytest.raises(ValueError, match="Attempting to unscale FP16 gradients"):
        scaler.unscale_(sangja.optim.SGD(half.parameters(), lr=0.1))


def test_a_loss_scaler_for_a_card_hands_on_what_it_gets():
    with pytest.warns(UserWarning, match="CUDA is not available.  Disabling"):
        scaler = sangja.cuda.amp.GradScaler()
    loss = sangja.ones(())
    assert scaler.scale(loss) is loss
    assert not scaler.is_enabled()
    assert scaler.state_dict() == {}


def test_data_parallel_without_cards_is_the_module():
    layer = nn.Linear(2, 1)
    parallel = nn.DataParallel(layer)
    x = sangja.ones(3, 2)
    assert list(parallel.state_dict()) == ["module.weight", "module.bias"]
    assert parallel(x).tolist() == layer(x).tolist()
    assert nn.parallel.data_parallel(layer, x).tolist() == layer(x).tolist()
    state = parallel.state_dict()
    nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")
    layer.load_state_dict(state)
    with pytest.raises(RuntimeError, match="cannot put a tensor on 'cuda:1'"):
        nn.DataParallel(layer, device_ids=[1])


def test_marks_of_torchscript_leave_a_function_alone():
    def double(x):
        return 2 * x

    jit = sangja.jit
    marks = (jit.script, jit.export, jit.unused, jit.ignore, jit.ignore(drop=True))
    assert all(mark(double) is double for mark in marks)
    assert not jit.is_scripting()
    assert jit.annotate(int, 3) == 3
    with pytest.raises(NotImplementedError, match="writes no ONNX files"):
        sangja.onnx.export(double, (), "file.onnx")


def test_files_of_layers_are_where_pytorch_has_them():
    modules = nn.modules
    assert isinstance(nn.BatchNorm2d(1), modules.batchnorm._BatchNorm)
    assert isinstance(nn.ConvTranspose1d(1, 1, 1), modules.conv._ConvNd)
    assert isinstance(nn.BCELoss(), modules.loss._Loss)
    assert isinstance(nn.Dropout(), modules.dropout._DropoutNd)
    assert modules.utils._pair(3) == (3, 3) == modules.utils._pair([3, 3])
    layers = [name for name in modules.__all__ if inspect.isclass(getattr(modules, name))]
    assert len(layers) > 80
    assert all(getattr(modules, name) is getattr(nn, name) for name in layers)


def test_variables_are_tensors():
    Variable = sangja.autograd.Variable
    x = sangja.ones(2)
    y = Variable(x, requires_grad=True)
    assert y.requires_grad and y.is_leaf and not x.requires_grad
    assert isinstance(x, Variable) and not isinstance(1.0, Variable)
    y.data[0] = 3
    assert x.tolist() == [3, 1]
    with pytest.warns(UserWarning, match="volatile was removed"):
        Variable(x, volatile=True)
    with pytest.raises(TypeError, match="Variable: expected a Tensor, got list"):
        Variable([1.0])


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda x: x.add_(2, x), [3, 6]),
        (lambda x: sangja.sub(x, 2, x), [-1, -2]),
        (lambda x: x.addcmul_(0.5, x, x), [1.5, 4]),
        (lambda x: x.addcdiv(-1, x, x), [0, 1]),
    ],
)
def test_a_factor_before_the_tensor_is_still_understood(call, expected):
    with pytest.warns(UserWarning, match="This overload of .* is deprecated"):
        assert call(sangja.tensor([1.0, 2.0])).tolist() == expected


def test_old_names_warn_and_work():
    x = sangja.ones(2, 2)
    with pytest.warns(FutureWarning, match=r"favor of `nn.init.constant_`"):
        assert nn.init.constant(x, 3).tolist() == [[3, 3], [3, 3]]
    x.grad = sangja.full((2, 2), 2.0)
    with pytest.warns(FutureWarning, match="clip_grad_norm"):
        assert nn.utils.clip_grad_norm([x], 1.0).item() == 4
    with pytest.warns(UserWarning, match="Use `nn.functional.interpolate` instead"):
        assert nn.functional.upsample(sangja.ones(1, 1, 2, 2), scale_factor=2).shape[2:] == (4, 4)
    assert sangja.optim.lr_scheduler._LRScheduler is sangja.optim.lr_scheduler.LRScheduler


def test_a_result_goes_into_the_tensor_that_is_there():
    x, out = sangja.ones(2, 2), sangja.zeros(2, 2)
    view = out[0]
    assert sangja.add(x, x, out=out) is out
    assert view.tolist() == [2, 2]
    empty = sangja.empty(0)
    assert sangja.cat([x, x], out=empty).shape == (4, 2)
    with pytest.warns(UserWarning, match=r"resized since it had shape \[2, 2\]"):
        assert sangja.matmul(x, sangja.ones(2), out=out).shape == (2,)
    with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
        sangja.exp(x.requires_grad_(), out=out)
    with pytest.raises(RuntimeError, match="can't be cast to the desired output type"):
        sangja.sin(sangja.ones(2), out=sangja.zeros(2, dtype=sangja.int64))
    with pytest.raises(TypeError, match="argument 'out' must be Tensor, not list"):
        sangja.sin(sangja.ones(2), out=[0.0])


def test_a_write_through_out_is_noticed_by_backward():
    x = sangja.ones(2, requires_grad=True)
    kept = sangja.ones(2)
    z = (x * kept).sum()
    sangja.add(kept, kept, out=kept)
    with pytest.raises(
        RuntimeError, match=r"modified by an inplace operation.*changed last by out=\."
    ):
        z.backward()


def test_a_contiguous_copy_has_its_elements_in_order():
    x = sangja.arange(6.0, requires_grad=True).reshape(2, 3)
    y = x.t().contiguous()
    assert y.stride() == (2, 1)
    assert y[:2].view(-1).tolist() == [0, 3, 1, 4]
    assert x.t().clone().stride() == (1, 3)
    copy = x.t().clone(memory_format=sangja.contiguous_format)
    assert copy.stride() == (2, 1)


def test_no_module_of_the_surroundings_warns_when_imported():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("amp", "backends.cudnn", "backends.mps", "cuda.amp", "jit", "nn.parallel"):
            importlib.import_module(f"sangja.{name}")


@pytest.mark.parametrize(
    ("named", "placed"),
    [
        (lambda t, x: t.zeros(size=(2, 3)), lambda t, x: t.zeros(2, 3)),
        (lambda t, x: t.empty(size=[1]) * 0, lambda t, x: t.zeros(1)),
        (lambda t, x: t.ones(size=()), lambda t, x: t.ones(())),
        (lambda t, x: t.randn(size=(2,)), lambda t, x: t.randn(2)),
        (lambda t, x: t.rand(size=(2,)), lambda t, x: t.rand(2)),
        (lambda t, x: t.arange(end=3), lambda t, x: t.arange(3)),
        (lambda t, x: x.view(size=(6,)), lambda t, x: x.view(6)),
        (lambda t, x: x.reshape(shape=(3, -1)), lambda t, x: x.reshape(3, -1)),
        (lambda t, x: x.permute(dims=(1, 0)), lambda t, x: x.permute(1, 0)),
        (lambda t, x: x[:, :1].expand(size=(2, 3)), lambda t, x: x[:, :1].expand(2, 3)),
        (lambda t, x: x.repeat(repeats=(1, 2)), lambda t, x: x.repeat(1, 2)),
        (lambda t, x: x.tile(dims=(2,)), lambda t, x: x.tile(2)),
        (lambda t, x: t.cat([x, x], axis=1), lambda t, x: t.cat([x, x], 1)),
        (lambda t, x: t.stack([x, x], axis=1), lambda t, x: t.stack([x, x], 1)),
        (lambda t, x: t.chunk(x, 3, axis=1)[2], lambda t, x: x[:, 2:]),
        (lambda t, x: t.unbind(x, axis=1)[2], lambda t, x: x[:, 2]),
        (lambda t, x: x[:1].squeeze(axis=0), lambda t, x: x[0]),
    ],
)
def test_arguments_may_be_named(named, placed):
    results = []
    for call in (named, placed):
        sangja.manual_seed(0)
        results.append(call(sangja, sangja.arange(6.0).view(2, 3)))
    assert results[0].shape == results[1].shape
    assert results[0].tolist() == results[1].tolist()


def test_the_choice_of_a_kernel_for_attention_changes_nothing():
    attention = nn.attention
    q = sangja.randn(1, 2, 3, 4)
    plain = nn.functional.scaled_dot_product_attention(q, q, q)
    with attention.sdpa_kernel([attention.SDPBackend.MATH]):
        assert nn.functional.scaled_dot_product_attention(q, q, q).tolist() == plain.tolist()
    with (
        pytest.raises(TypeError, match="expected one or several of SDPBackend, got 'math'"),
        attention.sdpa_kernel("math"),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("sin", ()), ("relu", ()), ("clamp", (0, 1)), ("celu", (2.0,)), ("threshold", (0.5, 3.0))],
)
def test_in_place_forms_are_functions_too(name, arguments):
    x = sangja.tensor([-1.0, 0.25, 2.0])
    expected = getattr(sangja, name)(x, *arguments)
    assert getattr(sangja, name + "_")(x, *arguments) is x
    assert x.tolist() == expected.tolist()


@pytest.mark.parametrize("name", ["relu", "elu", "leaky_relu", "hardtanh", "selu"])
def test_in_place_activations(name):
    x = sangja.tensor([-2.0, 0.25, 2.0])
    expected = getattr(nn.functional, name)(x)
    assert getattr(nn.functional, name + "_")(x) is x
    assert x.tolist() == expected.tolist()


@pytest.mark.parametrize("hard", [False, True])
def test_a_gumbel_draw_as_in_pytorch(hard):
    torch = pytest.importorskip("torch")
    drawn = []
    for t in (sangja, torch):
        t.manual_seed(0)
        x = t.linspace(-1, 1, 12).view(3, 4).requires_grad_()
        z = t.nn.functional.gumbel_softmax(x, tau=0.5, hard=hard)
        (z * t.arange(4.0)).sum().backward()
        drawn.append((z.tolist(), x.grad.tolist()))
    np.testing.assert_allclose(drawn[0][0], drawn[1][0], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(drawn[0][1], drawn[1][1], rtol=1e-4, atol=1e-6)


def through(t, kept):
    """A network with dropout, its inner values kept or computed again."""
    checkpoint = importlib.import_module(f"{t.__name__}.utils.checkpoint")
    t.manual_seed(0)
    part = t.nn.Sequential(t.nn.Linear(3, 8), t.nn.Tanh(), t.nn.Dropout(0.5), t.nn.Linear(8, 2))
    x = t.ones(4, 3, requires_grad=True)
    z = part(x) if kept else checkpoint.checkpoint(part, x, use_reentrant=False)
    after = t.rand(2).tolist()
    z.square().sum().backward()
    return [z.tolist(), x.grad.tolist(), *(p.grad.tolist() for p in part.parameters()), after]


def test_values_computed_again_give_the_same_gradients():
    assert through(sangja, True) == through(sangja, False)
    torch = pytest.importorskip("torch")
    for ours, theirs in zip(through(sangja, False), through(torch, False), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_a_network_in_checkpointed_segments():
    checkpoint = sangja.utils.checkpoint
    layers = nn.Sequential(*(nn.Linear(3, 3) for _ in range(5)))
    x = sangja.ones(2, 3)  # without a gradient of its own
    checkpoint.checkpoint_sequential(layers, 2, x, use_reentrant=False).sum().backward()
    grads = [p.grad.tolist() for p in layers.parameters()]
    layers.zero_grad()
    layers(x).sum().backward()
    assert grads == [p.grad.tolist() for p in layers.parameters()]
    with sangja.no_grad():
        assert not checkpoint.checkpoint(layers, x).requires_grad
    with pytest.raises(ValueError, match=r"5 functions cannot be divided into 6 segments"):
        checkpoint.checkpoint_sequential(layers, 6, x)

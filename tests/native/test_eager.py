"""Eager operations by kernels: the same numbers as PyTorch's and as NumPy's, from operands of every
layout; small ones, other dtypes and switched-off kernels stay with NumPy."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import sangja
from sangja.backend.native import eager, images, norms, pointwise, updates
from sangja.backend.native.turn import turn
from sangja.backends import native

torch = pytest.importorskip("torch")
pytest.importorskip("llvmlite")
TOLERANCE = {"float32": 2e-6, "float64": 1e-13}  # of the largest number in a result


@pytest.fixture
def calls(monkeypatch):
    """How many routines have run."""
    count = []
    run = eager.Routine.__call__

    def counted(self, *arrays, **named):
        count.append(self)
        return run(self, *arrays, **named)

    monkeypatch.setattr(eager.Routine, "__call__", counted)
    return count


def close(ours, theirs, times=1.0):
    theirs = theirs.detach().numpy()
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    bound = times * TOLERANCE[str(theirs.dtype)] * max(np.abs(theirs).max(), 1e-30)
    assert np.abs(ours - theirs).max() <= bound


def draw(*shape, dtype="float32", seed=0):
    return np.random.RandomState(seed).randn(*shape).astype(dtype)


def both_ways(module, function, arrays, seed):
    """The result of a function and the gradients of all its arrays."""
    tensors = [module.tensor(a, requires_grad=True) for a in arrays]
    z = function(module, *tensors)
    z.backward(module.tensor(draw(*z.shape, dtype=arrays[0].dtype, seed=seed)))
    return [z, *(t.grad for t in tensors)]


def agree(function, arrays, calls, times=1.0, at_least=1):
    found = both_ways(sangja, function, arrays, 9)
    assert len(calls) >= at_least
    with native.flags(False):
        before = len(calls)
        plain = both_ways(sangja, function, arrays, 9)
        assert len(calls) == before
    for ours, slow, theirs in zip(found, plain, both_ways(torch, function, arrays, 9), strict=True):
        close(ours.detach().numpy(), theirs, times)
        close(slow.detach().numpy(), theirs, times)


CONVOLUTIONS = {
    "one channel": ((8, 1, 28, 28), (20, 1, 5, 5), {}),
    "many": ((4, 20, 12, 12), (50, 20, 5, 5), {}),
    "padding": ((3, 17, 15, 13), (9, 17, 3, 3), {"padding": (1, 2)}),
    "stride": ((4, 16, 17, 19), (33, 16, 3, 3), {"stride": (2, 3), "padding": 1}),
    "dilation": ((2, 8, 20, 21), (12, 8, 3, 3), {"dilation": (2, 3)}),
    "groups": ((4, 12, 16, 16), (24, 4, 3, 3), {"groups": 3, "padding": 1}),
    "depthwise": ((4, 32, 16, 16), (32, 1, 3, 3), {"groups": 32, "padding": 1}),
    "points": ((4, 32, 16, 16), (24, 32, 1, 1), {"stride": 2}),
    "whole image": ((40, 16, 5, 5), (31, 16, 5, 5), {}),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolutions_and_their_gradients(case, dtype, calls):
    image, weight, settings = CONVOLUTIONS[case]
    arrays = [draw(*image, dtype=dtype), draw(*weight, dtype=dtype, seed=1)]
    arrays.append(draw(weight[0], dtype=dtype, seed=2))

    def function(module, x, w, b):
        return module.nn.functional.conv2d(x, w, b, **settings)

    agree(function, arrays, calls, at_least=3)


def test_one_dimension_and_transposed(calls):
    arrays = [draw(8, 16, 100), draw(24, 16, 7, seed=1), draw(24, seed=2)]
    agree(lambda m, *a: m.nn.functional.conv1d(*a, stride=2, padding=3), arrays, calls, at_least=3)
    arrays = [draw(4, 16, 9, 9), draw(16, 24, 3, 3, seed=1), draw(24, seed=2)]
    calls.clear()
    agree(
        lambda m, *a: m.nn.functional.conv_transpose2d(*a, stride=2, padding=1, output_padding=1),
        arrays, calls, at_least=3,
    )  # fmt: skip


@pytest.mark.parametrize("layout", ["channels last", "transposed", "sliced"])
def test_images_of_any_layout(layout, calls):
    x, w = draw(4, 12, 16, 18), draw(10, 12, 3, 3, seed=1)
    laid = {
        "channels last": np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
        "transposed": np.ascontiguousarray(x.swapaxes(2, 3)).swapaxes(2, 3),
        "sliced": np.repeat(x, 2, axis=3)[..., ::2],
    }[layout]
    ours = sangja.nn.functional.conv2d(sangja.from_numpy(laid), sangja.tensor(w))
    assert calls and ours.is_contiguous()
    close(ours.numpy(), torch.nn.functional.conv2d(torch.tensor(x), torch.tensor(w)))


def test_second_derivatives(calls):
    def second(module):
        x = module.tensor(draw(4, 8, 12, 12), requires_grad=True)
        w = module.tensor(draw(8, 8, 3, 3, seed=1), requires_grad=True)
        z = module.nn.functional.conv2d(x, w, padding=1)
        z = module.nn.functional.batch_norm(z, None, None, training=True)
        (g,) = module.autograd.grad((z**3).sum(), x, create_graph=True)
        return module.autograd.grad((g * g).sum(), (x, w))

    for ours, theirs in zip(second(sangja), second(torch), strict=True):
        close(ours.numpy(), theirs, 20)
    assert calls


NORMS = {
    "batch": ((16, 12, 17, 15), 12, lambda f, x, w, b: f.batch_norm(x, None, None, w, b, True)),
    "batch of rows": ((900, 33), 33, lambda f, x, w, b: f.batch_norm(x, None, None, w, b, True)),
    "layer": ((9, 31, 130), 130, lambda f, x, w, b: f.layer_norm(x, (130,), w, b)),
    "group": ((4, 8, 40, 41), 8, lambda f, x, w, b: f.group_norm(x, 4, w, b)),
    "instance": ((4, 8, 40, 41), 8, lambda f, x, w, b: f.instance_norm(x, None, None, w, b)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", NORMS)
def test_norms_and_their_gradients(kind, dtype, calls):
    shape, channels, call = NORMS[kind]
    arrays = [draw(*shape, dtype=dtype) * 2 + 1, draw(channels, dtype=dtype, seed=1)]
    arrays.append(draw(channels, dtype=dtype, seed=2))
    agree(lambda m, *a: call(m.nn.functional, *a), arrays, calls, times=2, at_least=3)


def test_a_norm_without_weight(calls):
    agree(lambda m, x: m.nn.functional.layer_norm(x, (64,)), [draw(300, 64)], calls, at_least=3)


def test_not_a_number_stays_where_it_is(calls):
    x = draw(4, 8, 64, 64)
    x[2, 3, 4, 5] = np.nan
    z = sangja.nn.functional.batch_norm(sangja.tensor(x), None, None, training=True).numpy()
    assert calls
    assert np.isnan(z[:, 3]).all() and not np.isnan(np.delete(z, 3, axis=1)).any()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (3, 7, 5), (2, 16, 16), (2, 17, 33), (1, 1, 40), (5, 31, 8), (2, 48, 3)]
)
def test_matrices_turned(shape, dtype):
    x = draw(*shape).astype(dtype)
    batch, rows, columns = shape
    z = np.full((batch, columns, rows), 7, dtype)
    routine = eager.Routine(
        [(turn(dtype), ("x", "z", "sizes"), False)], ("x", "z"), {}, {"sizes": np.array(shape)}
    )
    routine(x, z)
    assert (z == x.swapaxes(1, 2)).all()


def test_results_do_not_depend_on_the_number_of_threads():
    def results():
        arrays = [draw(8, 16, 20, 20), draw(24, 16, 3, 3, seed=1)]
        return [
            t.detach().numpy().copy()
            for t in both_ways(
                sangja,
                lambda m, x, w: m.nn.functional.batch_norm(
                    m.nn.functional.conv2d(x, w, padding=1), None, None, training=True
                ),
                arrays,
                3,
            )
        ]

    before, found = sangja.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            sangja.set_num_threads(threads)
            found.append(results())
    finally:
        sangja.set_num_threads(before)
    for others in found[1:]:
        assert all((a == b).all() for a, b in zip(found[0], others, strict=True))


def test_several_python_threads_at_once():
    x, w = draw(4, 8, 20, 20), draw(8, 8, 3, 3, seed=1)
    wanted = [
        torch.nn.functional.conv2d(torch.tensor(x * k), torch.tensor(w)).numpy()
        for k in range(1, 5)
    ]
    wrong = []

    def work(k):
        for _ in range(20):
            z = sangja.nn.functional.conv2d(sangja.tensor(x * k), sangja.tensor(w)).numpy()
            if np.abs(z - wanted[k - 1]).max() > 1e-4:
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_small_operands_and_other_dtypes_stay_with_numpy(calls):
    conv2d = sangja.nn.functional.conv2d
    conv2d(sangja.ones(1, 1, 6, 6), sangja.ones(1, 1, 3, 3))
    conv2d(
        sangja.ones(2, 8, 20, 20, dtype=sangja.complex64),
        sangja.ones(8, 8, 3, 3, dtype=sangja.complex64),
    )
    sangja.nn.functional.layer_norm(sangja.ones(4, 8), (8,))
    sangja.nn.functional.conv3d(sangja.ones(2, 8, 9, 9, 9), sangja.ones(8, 8, 3, 3, 3))
    assert not calls


def test_the_switch():
    before = native.set_flags(False)
    try:
        assert not native.enabled()
        x = draw(4, 8, 64, 64)
        assert images.convolve(
            "conv", x, draw(8, 8, 1, 1), None, x.shape, x.shape, (8, 8, 1, 1), (1, 1),
            ((0, 0), (0, 0)), (1, 1), 1,
        ) is None  # fmt: skip
        assert norms.mean(x, (0, 2, 3)) is None
        assert native.set_flags(True) is False and native.enabled()
    finally:
        native.set_flags(before)


def test_the_environment_switches_off_and_llvmlite_is_loaded_late():
    text = (
        "import sys, sangja\n"
        "F = sangja.nn.functional\n"
        "F.conv2d(sangja.ones(1, 1, 5, 5), sangja.ones(1, 1, 3, 3))\n"
        "early = 'llvmlite' in sys.modules\n"
        "F.conv2d(sangja.ones(8, 8, 20, 20), sangja.ones(8, 8, 3, 3))\n"
        "print(early, 'llvmlite' in sys.modules)\n"
    )
    for value, expected in (("1", "False True"), ("0", "False False")):
        environment = {**os.environ, "SANGJA_NATIVE": value}
        made = subprocess.run(
            [sys.executable, "-c", text],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert made.stdout.strip() == expected


@pytest.mark.parametrize("count", [16384, 16385, 100_000, 262_144, 600_001])
def test_curves_of_any_length(count, calls, monkeypatch):
    runs = []
    run = pointwise.Program.run
    monkeypatch.setattr(pointwise.Program, "run", lambda self, n: runs.append(n) or run(self, n))
    x = draw(count) * 3
    x[:4] = [0.0, 40.0, -40.0, np.nan]
    y = x.copy()
    y[1:3] = [np.inf, -np.inf]
    pairs = [(torch.nn.functional.gelu, sangja.nn.functional.gelu, x), (torch.erf, sangja.erf, y)]
    for theirs, ours, values in pairs:
        z = ours(sangja.tensor(values)).numpy()
        wanted = theirs(torch.tensor(values, dtype=torch.float64))
        assert np.allclose(z, wanted.numpy(), rtol=2e-6, atol=1e-6, equal_nan=True)
    assert len(runs) == 2


def test_the_gradient_of_gelu():
    def gradients(module):
        x = module.tensor(draw(40, 1000) * 3, requires_grad=True)
        z = module.nn.functional.gelu(x)
        (g,) = module.autograd.grad((z * z).sum(), x, create_graph=True)
        return g, *module.autograd.grad((g * g).sum(), x)

    for ours, theirs in zip(gradients(sangja), gradients(torch), strict=True):
        close(ours.detach().numpy(), theirs, 5)


OPTIMIZERS = [
    ("Adam", {}),
    ("Adam", {"weight_decay": 0.1}),
    ("Adam", {"amsgrad": True}),
    ("AdamW", {"weight_decay": 0.1}),
    ("AdamW", {"maximize": True}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "weight_decay": 0.1}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("count", [131_072, 200_001])
@pytest.mark.parametrize("name,settings", OPTIMIZERS)
def test_optimizers_move_to_the_same_bits(name, settings, count, dtype):
    def moved(module, **more):
        p = module.tensor(draw(count, dtype=dtype), requires_grad=True)
        optimizer = getattr(module.optim, name)([p], lr=0.01, **settings, **more)
        for seed in range(4):
            p.grad = module.tensor(draw(count, dtype=dtype, seed=seed))
            optimizer.step()
        return p.detach()

    with native.flags(False):
        plain = moved(sangja).numpy()
    found = moved(sangja).numpy()
    assert (found == plain).all()
    close(found, moved(torch))


def test_an_optimizer_uses_a_kernel_for_long_arrays_alone(monkeypatch):
    runs = []
    run = updates.Program.run
    monkeypatch.setattr(updates.Program, "run", lambda self, n: runs.append(n) or run(self, n))
    for count, expected in ((1000, 0), (140_000, 1)):
        p = sangja.zeros(count, requires_grad=True)
        p.grad = sangja.ones(count)
        sangja.optim.Adam([p]).step()
        assert len(runs) == expected

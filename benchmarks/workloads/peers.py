"""Each peer's way to make one training step of a workload: `PEERS[name](workload)` gives a function
that makes a step, and one that reads from its result the numbers that all peers must agree on."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from workloads.workload import Workload

Step = tuple[Callable[[], Any], Callable[[Any], list[float]]]


class MissingError(Exception):
    """This peer cannot run this workload."""


def eager(package: str, workload: Workload) -> Step:
    """PyTorch's words, run as they come."""
    module = importlib.import_module(package)
    step, model, data = words(module, workload)
    return lambda: step(*data), reader(model, workload)


def words(module: Any, workload: Workload, change: Any = None) -> tuple[Any, Any, list[Any]]:
    """The step in PyTorch's words, its model and its data; `change` is applied to the loss."""
    model = workload.model(module)
    drawn = {**workload.weights(), **workload.first_buffers()}
    state = {name: module.tensor(array) for name, array in drawn.items()}
    report = model.load_state_dict(state, strict=False)
    assert not report.unexpected_keys and all("batches" in k for k in report.missing_keys)
    data = [module.tensor(x) for x in workload.data()]
    kind, settings = workload.optimizer

    def forward(*inputs):
        return workload.loss(module, model, *inputs)

    loss_of = forward if change is None else change(forward)
    if not kind:
        parameters, seed = list(model.parameters()), module.ones(8, 8)

        def backward_alone():
            for p in parameters:
                p.grad = None
            result = loss_of()
            result.backward(seed)
            return result

        return backward_alone, model, data
    optimizer = getattr(module.optim, kind)(model.parameters(), **settings)

    def step(*inputs):
        optimizer.zero_grad()
        loss = loss_of(*inputs)
        loss.backward()
        optimizer.step()
        return loss

    return step, model, data


def reader(model: Any, workload: Workload) -> Callable[[Any], list[float]]:
    """The loss; where there is no optimizer, the sums of the result and of the gradients."""

    def read(result: Any) -> list[float]:
        found = [float(result.detach().sum())]
        if not workload.optimizer[0]:
            found += [float(p.grad.sum()) for p in model.parameters()]
        return found

    return read


def sangja_eager(workload: Workload) -> Step:
    return eager("sangja", workload)


def torch_eager(workload: Workload) -> Step:
    return eager("torch", workload)


def sangja_compiled(workload: Workload) -> Step:
    """The whole step, `sangja.compile`d."""
    module = importlib.import_module("sangja")
    if not hasattr(module, "compile"):
        raise MissingError("sangja.compile is not there")
    step, model, data = words(module, workload)
    compiled = module.compile(step)
    return lambda: compiled(*data), reader(model, workload)


def torch_compiled(workload: Workload) -> Step:
    """`torch.compile` of the loss, forward and backward; the optimizer as it is."""
    module = importlib.import_module("torch")
    step, model, data = words(module, workload, module.compile)
    return lambda: step(*data), reader(model, workload)


def jax_jit(workload: Workload) -> Step:
    """One jitted function from old weights and state to new ones, whose memory it may reuse."""
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(cpus)[: int(os.environ["OMP_NUM_THREADS"])])
    jax = importlib.import_module("jax")
    numpy = importlib.import_module("jax.numpy")
    jax.block_until_ready(numpy.zeros(8) + 1)  # JAX makes as many threads as it may use cores
    for thread in os.listdir("/proc/self/task"):
        os.sched_setaffinity(int(thread), cpus)
    data = [numpy.asarray(x) for x in workload.data()]
    weights = {name: numpy.asarray(x) for name, x in workload.weights().items()}
    buffers = {name: numpy.asarray(x) for name, x in workload.first_buffers().items()}
    gradient = jax.value_and_grad(workload.jax_loss, has_aux=True)
    if not workload.optimizer[0]:
        both = jax.jit(lambda w: gradient(w, {}))
        return lambda: both(weights), lambda r: [
            float(r[0][0]),
            *(float(g.sum()) for g in r[1].values()),
        ]
    start, move = jax_optimizer(workload)

    def whole(state, *inputs):
        weights, buffers, memory = state
        (loss, buffers), gradients = gradient(weights, buffers, *inputs)
        weights, memory = move(weights, gradients, memory)
        return (weights, buffers, memory), loss

    jitted = jax.jit(whole, donate_argnums=0)
    held = [(weights, buffers, start(weights))]

    def step():
        held[0], loss = jitted(held[0], *data)
        return loss

    return step, lambda loss: [float(loss)]


def jax_optimizer(workload: Workload) -> tuple[Any, Any]:
    """(first state, rule) of SGD with momentum, or of Adam and AdamW."""
    jax = importlib.import_module("jax")
    numpy = importlib.import_module("jax.numpy")
    each = jax.tree_util.tree_map
    kind, settings = workload.optimizer
    lr, decay = settings["lr"], settings.get("weight_decay", 0.01 if kind == "AdamW" else 0.0)

    def start_momentum(weights):
        return each(numpy.zeros_like, weights)

    def momentum(weights, gradients, velocity):
        velocity = each(
            lambda v, g, w: settings["momentum"] * v + (g + decay * w if decay else g),
            velocity,
            gradients,
            weights,
        )
        return each(lambda w, v: w - lr * v, weights, velocity), velocity

    def start_adam(weights):
        return each(numpy.zeros_like, weights), each(numpy.zeros_like, weights), numpy.zeros(())

    def adam(weights, gradients, memory):
        m, v, t = memory
        t = t + 1
        m = each(lambda m, g: m + 0.1 * (g - m), m, gradients)
        v = each(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradients)
        first, second = 1 - 0.9**t, numpy.sqrt(1 - 0.999**t)

        def moved(w, m, v):
            w = w * (1 - lr * decay) if decay else w
            return w - lr / first * m / (numpy.sqrt(v) / second + 1e-8)

        return each(moved, weights, m, v), (m, v, t)

    return (start_momentum, momentum) if kind == "SGD" else (start_adam, adam)


def numpy_by_hand(workload: Workload) -> Step:
    """NumPy with the derivatives written out."""
    if workload.numpy_step is None:
        raise MissingError("not written by hand")
    step = workload.numpy_step(workload.weights(), *workload.data())
    if workload.optimizer[0]:
        return step, lambda loss: [float(loss)]
    return step, lambda r: [float(r[0]), *(float(np.sum(g)) for g in r[1].values())]


PEERS: dict[str, Callable[[Workload], Step]] = {
    "sangja": sangja_eager,
    "sangja.compile": sangja_compiled,
    "torch": torch_eager,
    "torch.compile": torch_compiled,
    "jax.jit": jax_jit,
    "numpy": numpy_by_hand,
}
OURS = ("sangja", "sangja.compile")

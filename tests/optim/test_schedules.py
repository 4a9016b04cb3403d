"""Learning-rate schedules beside PyTorch's, step by step, and against closed forms."""

import math
import warnings

import numpy as np
import pytest

import sangja
from sangja import optim
from sangja.core.errors import ArgumentError, ArgumentTypeError, MissingSettingError
from sangja.optim import lr_scheduler

torch = pytest.importorskip("torch")


def half(epoch):
    return 0.5**epoch


CASES = {
    "LambdaLR": lambda m, o: m.LambdaLR(o, [half, lambda epoch: 1 / (1 + epoch)]),
    "MultiplicativeLR": lambda m, o: m.MultiplicativeLR(o, lambda epoch: 0.9),
    "StepLR": lambda m, o: m.StepLR(o, 3, 0.5),
    "MultiStepLR": lambda m, o: m.MultiStepLR(o, [2, 5, 5], 0.5),
    "ConstantLR": lambda m, o: m.ConstantLR(o, 0.5, 4),
    "LinearLR": lambda m, o: m.LinearLR(o, 0.1, 0.9, 6),
    "ExponentialLR": lambda m, o: m.ExponentialLR(o, 0.8),
    "PolynomialLR": lambda m, o: m.PolynomialLR(o, 7, 2.0),
    "CosineAnnealingLR": lambda m, o: m.CosineAnnealingLR(o, 4, 0.01),
    "CosineAnnealingWarmRestarts": lambda m, o: m.CosineAnnealingWarmRestarts(o, 2, 2, 0.01),
    "CyclicLR": lambda m, o: m.CyclicLR(o, 0.01, [0.1, 0.2], 3, 2, "triangular2"),
    "CyclicLR range": lambda m, o: m.CyclicLR(o, 0.01, 0.1, 3, mode="exp_range", gamma=0.9),
    "OneCycleLR": lambda m, o: m.OneCycleLR(o, 0.5, 20),
    "OneCycleLR three": lambda m, o: m.OneCycleLR(
        o, [0.5, 1.0], epochs=5, steps_per_epoch=4, anneal_strategy="linear", three_phase=True
    ),
    "ChainedScheduler": lambda m, o: m.ChainedScheduler(
        [m.ConstantLR(o, 0.5, 4), m.ExponentialLR(o, 0.9)]
    ),
    "SequentialLR": lambda m, o: m.SequentialLR(
        o,
        [m.LinearLR(o, 0.1, total_iters=3), m.ExponentialLR(o, 0.9), m.CosineAnnealingLR(o, 5)],
        [3, 8],
    ),
}


def optimizers(kind="SGD"):
    settings = {"lr": 0.2, "momentum": 0.9} if kind == "SGD" else {"lr": 0.2}

    def made(library):
        p, q = (library.ones(2, requires_grad=True) for _ in range(2))
        groups = [{"params": [p]}, {"params": [q], "lr": 0.4}]
        return getattr(library.optim, kind)(groups, **settings)

    return made(sangja), made(torch)


def seen(optimizer):
    names = ("lr", "momentum", "betas")
    return [[group.get(name) for name in names] for group in optimizer.param_groups]


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("case", CASES)
def test_rates(case, kind):
    mine, theirs = optimizers(kind)
    a = CASES[case](lr_scheduler, mine)
    b = CASES[case](torch.optim.lr_scheduler, theirs)
    for _ in range(18):
        assert seen(mine) == seen(theirs)  # bit-equal
        assert a.get_last_lr() == b.get_last_lr()
        mine.step()
        theirs.step()
        a.step()
        b.step()


@pytest.mark.parametrize("case", CASES)
def test_state_goes_over_from_pytorch(case):
    mine, theirs = optimizers()
    a = CASES[case](lr_scheduler, mine)
    b = CASES[case](torch.optim.lr_scheduler, theirs)
    for _ in range(4):
        theirs.step()
        b.step()
    a.load_state_dict(b.state_dict())
    for group, other in zip(mine.param_groups, theirs.param_groups, strict=True):
        group["lr"] = other["lr"]
    for _ in range(5):
        mine.step()
        theirs.step()
        a.step()
        b.step()
        np.testing.assert_array_equal([g[0] for g in seen(mine)], [g[0] for g in seen(theirs)])


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
def test_plateau(mode, threshold_mode):
    mine, theirs = optimizers()
    settings = {"mode": mode, "threshold_mode": threshold_mode, "patience": 1, "cooldown": 1}
    a = lr_scheduler.ReduceLROnPlateau(mine, min_lr=[0.001, 0.01], **settings)
    b = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, min_lr=[0.001, 0.01], **settings)
    for metric in np.random.RandomState(0).uniform(1, 2, 25):
        a.step(metric)
        b.step(metric)
        assert seen(mine) == seen(theirs)
        assert (a.best, a.num_bad_epochs, a.in_cooldown) == (
            b.best,
            b.num_bad_epochs,
            b.in_cooldown,
        )
    assert a.state_dict().keys() == b.state_dict().keys()


def test_cosine_closed_form():
    optimizer = optim.SGD([sangja.ones(1, requires_grad=True)], lr=1.0)
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, 10)
    for t in range(11):
        wanted = (1 + math.cos(math.pi * t / 10)) / 2
        assert scheduler.get_last_lr()[0] == pytest.approx(wanted, abs=1e-12)
        optimizer.step()
        scheduler.step()


def test_rate_in_a_tensor_stays_the_same_tensor():
    rate = sangja.tensor(0.5)
    optimizer = optim.SGD([sangja.ones(1, requires_grad=True)], lr=rate)
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is rate and float(rate) == 0.25


def test_warnings():
    optimizer, _ = optimizers()
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        scheduler.step()
    with pytest.warns(UserWarning, match="get_last_lr"):
        scheduler.get_lr()
    with pytest.warns(UserWarning, match="epoch parameter"):
        scheduler.step(5)
    assert scheduler.get_last_lr()[0] == 0.2 * 0.5**5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda o: lr_scheduler.StepLR(3, 1), ArgumentTypeError, "int is not an Optimizer"),
        (
            lambda o: lr_scheduler.StepLR(o, 1, last_epoch=3),
            MissingSettingError,
            "param 'initial_lr' is not specified",
        ),
        (
            lambda o: lr_scheduler.LambdaLR(o, [half]),
            ArgumentError,
            "Expected 2 lr_lambdas, but got 1",
        ),
        (lambda o: lr_scheduler.LinearLR(o, 2.0), ArgumentError, "Starting multiplicative factor"),
        (lambda o: lr_scheduler.ConstantLR(o, 2.0), ArgumentError, "between 0 and 1"),
        (lambda o: lr_scheduler.OneCycleLR(o, 1.0), ArgumentError, "either total_steps OR"),
        (lambda o: lr_scheduler.OneCycleLR(o, 1.0, -3), ArgumentError, "Expected positive integer"),
        (lambda o: lr_scheduler.SequentialLR(o, [], []), ArgumentError, "at least one scheduler"),
        (
            lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 0),
            ArgumentError,
            "Expected positive integer T_0",
        ),
        (
            lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=2.0),
            ArgumentError,
            "Factor should be",
        ),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call(optimizers()[0])

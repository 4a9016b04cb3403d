"""`inference_mode`: what is made inside takes no part in differentiation, by PyTorch's rules."""

import pytest

import sangja
from sangja.core.errors import GradientError

torch = pytest.importorskip("torch")

MODULES = [sangja, torch]


@pytest.mark.parametrize("module", MODULES, ids=["sangja", "torch"])
def test_what_is_made_inside_is_marked(module):
    w = module.ones(3, requires_grad=True)
    outside = module.ones(3)
    with module.inference_mode():
        assert module.is_inference_mode_enabled()
        assert not module.is_grad_enabled()
        made = [module.zeros(3), module.tensor([1.0, 2.0, 3.0]), w * 2, w + w, w.sum(), w.exp()]
        made += [module.cat([w, w]), (w * 2)[1:], *(w * 2).unbind(), (w * 2).detach()]
        made += [module.randn(3), module.stack([w, w]).max(0)[0]]
        assert all(x.is_inference() for x in made)
        assert all(module.is_inference(x) for x in made)
        assert not any(x.requires_grad for x in made)
        assert not outside[1:].is_inference()
        made[0].add_(1)
        with module.inference_mode(False):
            assert (w * 2).requires_grad
        with module.enable_grad():
            assert not (w * 2).requires_grad
    assert not module.is_inference_mode_enabled()
    assert (w * 2).requires_grad
    assert not made[0].clone().is_inference()
    assert (w + made[0]).requires_grad


REFUSED = {
    "Inplace update": lambda module, x, w: x.add_(1),
    "cannot be saved for backward": lambda module, x, w: w * x,
    "Setting requires_grad=True": lambda module, x, w: x.requires_grad_(),
    "do not track version counter": lambda module, x, w: x._version,
}


@pytest.mark.parametrize("message", REFUSED)
@pytest.mark.parametrize("module", MODULES, ids=["sangja", "torch"])
def test_what_is_refused_outside(module, message):
    w = module.ones(3, requires_grad=True)
    with module.inference_mode():
        made = [module.zeros(3), w * 2, (w * 2).view(3, 1).view(3)]
    for x in made:
        with pytest.raises(RuntimeError, match=message):
            REFUSED[message](module, x, w)
        fresh = x.clone()
        REFUSED[message](module, fresh, w)
    if module is sangja:  # where PyTorch has written before it refuses
        assert made[1].tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize("module", MODULES, ids=["sangja", "torch"])
def test_as_a_decorator_with_and_without_parentheses(module):
    w = module.ones(2, requires_grad=True)

    @module.inference_mode
    def bare():
        return w * 2

    @module.inference_mode()
    def called():
        return w * 2

    assert bare().is_inference()
    assert called().is_inference()


def test_the_error_says_what_to_do():
    with sangja.inference_mode():
        x = sangja.zeros(2)
    with pytest.raises(GradientError, match=r"Inplace update \(mul_\) to inference tensor outside"):
        x.mul_(2)

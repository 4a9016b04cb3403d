"""A batch norm folded into its layer gives the weights that PyTorch gives."""

import numpy as np
import pytest

import sangja

torch = pytest.importorskip("torch")

CASES = {
    "conv": (lambda t: (t.nn.Conv2d(3, 4, 3), t.nn.BatchNorm2d(4)), "fuse_conv_bn_eval", ()),
    "conv without bias": (
        lambda t: (t.nn.Conv1d(3, 4, 3, bias=False), t.nn.BatchNorm1d(4)),
        "fuse_conv_bn_eval",
        (),
    ),
    "transposed": (
        lambda t: (t.nn.ConvTranspose2d(3, 4, 3), t.nn.BatchNorm2d(4)),
        "fuse_conv_bn_eval",
        (True,),
    ),
    "not affine": (
        lambda t: (t.nn.Conv2d(3, 4, 3), t.nn.BatchNorm2d(4, affine=False)),
        "fuse_conv_bn_eval",
        (),
    ),
    "linear": (lambda t: (t.nn.Linear(3, 4), t.nn.BatchNorm1d(4)), "fuse_linear_bn_eval", ()),
}


@pytest.mark.parametrize("name", CASES)
def test_weights_and_biases_equal_pytorch(name):
    make, function, more = CASES[name]
    found = []
    for t in (sangja, torch):
        t.manual_seed(0)
        layer, bn = make(t)
        bn.running_mean.uniform_()
        bn.running_var.uniform_(1, 2)
        if bn.weight is not None:
            with t.no_grad():
                bn.weight.uniform_()
                bn.bias.uniform_()
        both = getattr(t.nn.utils, function)(layer.eval(), bn.eval(), *more)
        found.append((both.weight.detach().numpy(), both.bias.detach().numpy()))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)


def test_what_cannot_be_folded_is_refused():
    conv, bn = sangja.nn.Conv2d(3, 4, 3), sangja.nn.BatchNorm2d(4)
    with pytest.raises(
        ValueError, match=r"fuse_conv_bn_eval: Fusion only for eval! Call .eval\(\)"
    ):
        sangja.nn.utils.fuse_conv_bn_eval(conv, bn)
    bare = sangja.nn.BatchNorm2d(4, track_running_stats=False)
    with pytest.raises(ValueError, match="Only support fusing BN with running_mean"):
        sangja.nn.utils.fuse_conv_bn_eval(conv.eval(), bare.eval())
    with pytest.raises(ValueError, match=r"To fuse, linear\.out_features == bn\.num_features"):
        sangja.nn.utils.fuse_linear_bn_eval(sangja.nn.Linear(3, 5), sangja.nn.BatchNorm1d(4))

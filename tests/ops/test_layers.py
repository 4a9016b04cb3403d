"""What the rows of the table cannot say about layers and losses: masks, buffers, warnings."""

import warnings

import numpy as np
import pytest

import sangja
import sangja.nn.functional as F
from sangja.backend.generator import default_generator


def draw(*shape, dtype="float32"):
    return np.random.RandomState(0).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("p", [0.3, 0.5, 1.0])
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("dropout", (4, 6, 5)),
        ("dropout1d", (4, 6, 5)),
        ("dropout2d", (4, 6, 5, 3)),
        ("dropout3d", (4, 6, 2, 3, 3)),
        ("alpha_dropout", (4, 6)),
        ("feature_alpha_dropout", (4, 6, 5)),
    ],
)
def test_dropout_drops_what_pytorch_drops(name, shape, p):
    torch = pytest.importorskip("torch")
    x = draw(*shape)
    torch.manual_seed(5)
    default_generator.manual_seed(5)
    expected = getattr(torch.nn.functional, name)(torch.tensor(x), p, training=True)
    got = getattr(F, name)(sangja.tensor(x), p, training=True)
    np.testing.assert_array_equal(got.numpy(), expected.numpy())


def test_dropout_in_place_writes_into_its_input():
    x = sangja.ones(100)
    z = F.dropout(x, 0.5, inplace=True)
    assert z is x
    assert set(np.unique(x.numpy())) == {0.0, 2.0}


def test_dropout2d_of_three_dimensions_warns_what_it_assumes():
    with pytest.warns(UserWarning, match="assuming that channel-wise 1D dropout"):
        F.dropout2d(sangja.ones(2, 3, 4), 0.5)


@pytest.mark.parametrize("function", ["batch_norm", "instance_norm"])
def test_running_statistics_move_as_in_pytorch(function):
    torch = pytest.importorskip("torch")
    x = draw(4, 3, 5)
    mine = [sangja.zeros(3), sangja.ones(3)]
    other = [torch.zeros(3), torch.ones(3)]
    for momentum in (0.1, 0.3):
        getattr(F, function)(sangja.tensor(x), *mine, None, None, True, momentum)
        getattr(torch.nn.functional, function)(torch.tensor(x), *other, None, None, True, momentum)
    for got, expected in zip(mine, other, strict=True):
        np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-6)


def test_padding_row_of_an_embedding_gets_no_gradient():
    table = sangja.tensor(draw(4, 2), requires_grad=True)
    F.embedding(sangja.tensor([0, 1, 1, 3]), table, padding_idx=-1).sum().backward()
    np.testing.assert_array_equal(table.grad.numpy(), [[1, 1], [2, 2], [0, 0], [0, 0]])


def test_gradient_of_an_embedding_divided_by_frequency():
    table = sangja.tensor(draw(4, 2), requires_grad=True)
    index = sangja.tensor([0, 1, 1, 3])
    F.embedding(index, table, scale_grad_by_freq=True).sum().backward()
    np.testing.assert_array_equal(table.grad.numpy(), [[1, 1], [1, 1], [0, 0], [1, 1]])


def test_embedding_shortens_the_rows_it_uses_in_place():
    table = sangja.tensor([[3.0, 4.0], [0.3, 0.4], [6.0, 8.0]])
    F.embedding(sangja.tensor([0, 1]), table, max_norm=1.0)
    np.testing.assert_allclose(table.numpy(), [[0.6, 0.8], [0.3, 0.4], [6.0, 8.0]], rtol=1e-6)


def test_cross_entropy_of_one_sample():
    x = np.array([1.0, 2.0, 3.0])
    z = F.cross_entropy(sangja.tensor(x), sangja.tensor(2))
    assert z.item() == pytest.approx(np.log(np.exp(x).sum()) - 3.0)


def test_cross_entropy_of_large_scores_is_finite():
    x = sangja.tensor([[1000.0, 0.0]], requires_grad=True)
    z = F.cross_entropy(x, sangja.tensor([1]))
    z.backward()
    assert z.item() == 1000.0
    np.testing.assert_array_equal(x.grad.numpy(), [[1.0, -1.0]])


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_a_broadcast_target_warns_with_the_mending(name):
    with pytest.warns(UserWarning, match="different to the input size") as seen:
        getattr(F, name)(sangja.ones(4, 1), sangja.ones(4))
    assert "target.reshape(input.shape)" in str(seen[0].message)
    assert seen[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        getattr(F, name)(sangja.ones(4, 1), sangja.ones(4, 1))


def test_deprecated_reductions_warn_and_work():
    x, y = sangja.tensor([1.0, 3.0]), sangja.tensor([0.0, 0.0])
    with pytest.warns(UserWarning, match="please use reduction='sum' instead"):
        assert F.mse_loss(x, y, size_average=False).item() == 10.0
    with pytest.warns(UserWarning, match="please use reduction='none' instead"):
        assert F.mse_loss(x, y, reduce=False).tolist() == [1.0, 9.0]


def test_kl_div_mean_warns_that_it_is_not_the_divergence():
    with pytest.warns(UserWarning, match="'batchmean' divides only by the batch size"):
        F.kl_div(sangja.ones(2, 3), sangja.ones(2, 3))


@pytest.mark.parametrize("zero_infinity", [False, True])
def test_ctc_gradient_equals_pytorch(zero_infinity):
    torch = pytest.importorskip("torch")
    scores, targets = draw(6, 3, 5), [[1, 2, 2], [3, 1, 0], [4, 4, 4]]
    found = []
    for m in (sangja, torch):
        x = m.tensor(scores, requires_grad=True)
        log_probs = m.nn.functional.log_softmax(x, 2)
        lengths = (m.tensor([6, 5, 4]), m.tensor([3, 2, 3]))
        z = m.nn.functional.ctc_loss(
            log_probs, m.tensor(targets), *lengths, reduction="none", zero_infinity=zero_infinity
        )
        z[:2].sum().backward()
        found.append((z.detach().numpy(), x.grad.numpy()))
    for got, expected in zip(*found, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)


def test_nan_wins_in_max_pooling_and_the_first_of_equals_gets_the_gradient():
    x = sangja.tensor([[[1.0, 1.0, np.nan, 2.0]]], requires_grad=True)
    z = F.max_pool1d(x, 2)
    assert z[0, 0, 0].item() == 1.0
    assert np.isnan(z[0, 0, 1].item())
    z.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[[1.0, 0.0, 1.0, 0.0]]])


def test_convolution_of_many_images_equals_that_of_each():
    """The batch is larger than what is unrolled at a time, and does not divide by it."""
    x, w = draw(37, 8, 20, 20), draw(4, 8, 3, 3)
    whole = F.conv2d(sangja.tensor(x), sangja.tensor(w), padding=1).numpy()
    for n in (0, 17, 36):
        one = F.conv2d(sangja.tensor(x[n]), sangja.tensor(w), padding=1).numpy()
        np.testing.assert_allclose(whole[n], one, rtol=1e-4, atol=1e-4)

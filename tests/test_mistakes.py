"""The usual mistakes of beginners: each is refused with a text that says what happened, what was
expected, what was got and how to mend it, and with the builtin error that PyTorch's is."""

import warnings
from importlib.util import find_spec

import pytest

import sangja
from sangja.core.errors import SangjaError
from tests.mistakes import layers, losses, modules, sequences, tensors, training

TABLES = (layers, losses, modules, sequences, tensors, training)
MISTAKES = [mistake for table in TABLES for mistake in table.MISTAKES]
with_torch = MISTAKES if find_spec("torch") else []


def named(mistake):
    return mistake.name


def test_the_table_is_long_and_has_each_mistake_once():
    names = [mistake.name for mistake in MISTAKES]
    assert len(names) == len(set(names)) > 160


@pytest.mark.parametrize("mistake", MISTAKES, ids=named)
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_the_mistake_is_refused_in_words(mistake):
    with pytest.raises(mistake.error) as caught:
        mistake.make(sangja)
    assert mistake.text in str(caught.value)
    assert isinstance(caught.value, SangjaError)


@pytest.mark.parametrize("mistake", with_torch, ids=named)
@pytest.mark.filterwarnings("ignore")
def test_pytorch_raises_the_same_builtin(mistake):
    torch = pytest.importorskip("torch")
    if "cuda" in mistake.name and torch.cuda.is_available():
        return  # there it is no mistake
    expected = mistake.theirs or mistake.error
    with pytest.raises(expected) as caught:
        mistake.make(torch)
    kinds = [kind for kind in type(caught.value).__mro__ if kind.__module__ == "builtins"]
    assert kinds[0] is expected


def test_a_target_that_would_be_broadcast_is_warned_of():
    loss = sangja.nn.MSELoss()
    with pytest.warns(UserWarning, match=r"target size \(sangja.Size\(\[4\]\)\) that is different"):
        z = loss(sangja.ones(4, 1), sangja.tensor([0.0, 1.0, 2.0, 3.0]))
    assert z.item() == pytest.approx(1.5)  # the mean of (1 − y)² over the 4 x 4 pairs
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss(sangja.ones(4, 1), sangja.ones(4, 1))


def test_a_missing_attribute_names_the_near_one_in_a_traceback():
    with pytest.raises(AttributeError) as caught:
        _ = sangja.nn.Linear(2, 2).wieght
    assert caught.value.name == "wieght" and isinstance(caught.value.obj, sangja.nn.Linear)

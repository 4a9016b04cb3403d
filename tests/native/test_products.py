"""Products of matrices in strips on the threads of a team: NumPy's float64 values, from operands of
every layout, and OpenBLAS's own threads left out of it while they last."""

import itertools
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import sangja
from sangja.backend import blas
from sangja.backend.native import products
from sangja.backend.native.team import get_num_threads

torch = pytest.importorskip("torch")
pytest.importorskip("llvmlite")
TOLERANCE = {"float32": 1e-5, "float64": 1e-13}  # of the largest number in a result


@pytest.fixture
def two_threads():
    """The team and OpenBLAS with two threads each, however many processors there are."""
    before = get_num_threads(), blas.matrix_threads()
    assert before[1] is not None, "NumPy brings another library than OpenBLAS"
    sangja.set_num_threads(2)
    yield
    sangja.set_num_threads(before[0])
    blas.set_matrix_threads(before[1])


def draw(*shape, dtype="float32", seed=0):
    return np.random.RandomState(seed).randn(*shape).astype(dtype)


def close(z, x, y):
    exact = x.astype("float64") @ y.astype("float64")
    assert z.shape == exact.shape and z.dtype == x.dtype and z.flags.c_contiguous
    assert np.abs(z - exact).max() <= TOLERANCE[str(z.dtype)] * np.abs(exact).max()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "m, k, n",
    [(128, 256, 512), (500, 64, 800), (2001, 64, 19), (19, 64, 2001), (3, 9000, 300),
     (257, 255, 251), (300, 9000, 3), (2, 2000, 600)],
)  # fmt: skip
def test_matrices_as_they_lie_and_transposed(m, k, n, dtype, two_threads):
    for a, b in itertools.product((False, True), repeat=2):
        x = draw(k, m, dtype=dtype).T if a else draw(m, k, dtype=dtype)
        y = draw(n, k, dtype=dtype, seed=1).T if b else draw(k, n, dtype=dtype, seed=1)
        for operand in (x, y):
            operand.flags.writeable = False
        close(products.divided(x, y, 2), x, y)
        close(products.product(x, y), x, y)


def test_parts_of_larger_matrices(two_threads):
    x, y = draw(200, 400)[20:180, 37:337], draw(400, 500, seed=1)[5:305, 100:]
    close(products.divided(x, y, 2), x, y)
    close(products.divided(y.T, x.T, 2), y.T, x.T)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_batches(dtype, two_threads):
    x, y = draw(4, 6, 64, 48, dtype=dtype), draw(4, 6, 48, 80, dtype=dtype, seed=1)
    close(products.divided(x, y, 2), x, y)
    swapped = draw(4, 6, 80, 48, dtype=dtype).swapaxes(-1, -2)
    close(products.divided(x, swapped, 2), x, swapped)
    close(products.divided(x[:2], y[:2], 2), x[:2], y[:2])
    weight = draw(48, 400, dtype=dtype)
    close(products.divided(x, weight, 2), x, weight)  # rows of all batches together


def test_what_openblas_cannot_read_as_it_lies_is_left_to_numpy(two_threads):
    x, y = draw(300, 600)[:, ::2], draw(300, 300, seed=1)
    assert products.divided(x, y, 2) is None
    close(products.product(x, y), x, y)
    heads = draw(8, 64, 4, 64).transpose(0, 2, 1, 3)  # batches that are no single distance apart
    assert products.divided(heads, heads.swapaxes(-1, -2), 2) is None
    close(products.product(heads, heads.swapaxes(-1, -2)), heads, heads.swapaxes(-1, -2))
    row, square = draw(1, 2000), draw(2000, 2000)
    close(products.product(row, square), row, square)


def test_numpy_computes_what_is_small_of_another_dtype_or_for_one_thread(two_threads):
    large = draw(200, 200)
    assert products.product(large, large) is not None
    assert products.product(large[:64, :64], large[:64, :64]) is None
    assert products.product(large.astype(complex), large.astype(complex)) is None
    assert products.product(large, large.astype("float64")) is None
    with sangja.backends.native.flags(False):
        assert products.product(large, large) is None
    blas.set_matrix_threads(1)
    assert products.product(large, large) is None
    sangja.set_num_threads(1)
    assert products.product(large, large) is None


def test_sizes_that_do_not_fit_are_numpys_to_refuse(two_threads):
    with pytest.raises(ValueError, match="mismatch"):
        np.matmul(draw(300, 200), draw(300, 200))
    assert products.product(draw(300, 200), draw(300, 200)) is None


def test_operations_and_their_gradients_as_pytorch(two_threads, monkeypatch):
    asked = []
    divided = products.divided
    monkeypatch.setattr(products, "divided", lambda *given: asked.append(1) or divided(*given))
    arrays = [draw(4, 50, 300), draw(400, 300, seed=1), draw(400, seed=2), draw(400, 310, seed=3)]
    found = []
    for module in (sangja, torch):
        x, w, b, v = tensors = [module.tensor(a, requires_grad=True) for a in arrays]
        z = module.nn.functional.linear(x, w, b) @ v
        z.backward(module.tensor(draw(*z.shape, seed=4)))
        found.append([z, *(t.grad for t in tensors)])
    assert len(asked) == 6  # two products, and two in the derivative of each
    for ours, theirs in zip(*found, strict=True):
        a, b = ours.detach().numpy(), theirs.detach().numpy()
        assert np.abs(a - b).max() <= 1e-5 * np.abs(b).max()


def test_openblas_computes_alone_inside_and_as_before_afterwards(two_threads, monkeypatch):
    told = blas.setter
    library, get = blas._library()
    ask = getattr(library, get)
    seen = []
    run = products.divided

    def asked(*given):
        seen.append(ask())
        return run(*given)

    monkeypatch.setattr(products, "divided", asked)
    x = draw(200, 200)
    products.product(x, x)
    assert seen == [1] and ask() == blas.matrix_threads() == 2
    with pytest.raises(ZeroDivisionError), blas.alone():
        assert ask() == 1 and blas.matrix_threads() == 2
        raise ZeroDivisionError
    assert ask() == 2 and told is blas.setter


def test_several_threads_ask_for_it_at_a_time(two_threads):
    library, get = blas._library()
    ask, inside, leave = getattr(library, get), threading.Barrier(3), threading.Event()

    def stay():
        with blas.alone():
            inside.wait(60)
            leave.wait(60)

    threads = [threading.Thread(target=stay) for _ in range(2)]
    for thread in threads:
        thread.start()
    inside.wait(60)
    with blas.alone():
        assert ask() == 1
    assert ask() == 1
    blas.set_matrix_threads(3)  # counts when all have left
    assert ask() == 1 and blas.matrix_threads() == 3
    leave.set()
    for thread in threads:
        thread.join(60)
    assert ask() == 3


CHILD = """
import os, threading
import numpy as np
import sangja
from sangja.backend import blas
from sangja.backend.native import products
sangja.set_num_threads(2)
x = np.ones((200, 200), "float32")
assert (products.product(x, x) == 200).all()
library, get = blas._library()
held, leave = threading.Event(), threading.Event()
def stay():
    with blas.alone():
        held.set()
        leave.wait(60)
threading.Thread(target=stay).start()
held.wait(60)
child = os.fork()
if not child:
    right = getattr(library, get)() == 2 and (products.product(x, x) == 200).all()
    os._exit(0 if right else 1)
leave.set()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_child_after_a_fork_begins_anew():
    subprocess.run([sys.executable, "-W", "ignore", "-c", CHILD], check=True, timeout=120)

"""The graph: what is remembered, in which order it is reversed, what is kept and freed."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

import sangja
from sangja.engine.tensor import Node

F64 = sangja.float64


def scalar(value):
    return sangja.tensor(value, dtype=F64, requires_grad=True)


def test_a_variable_used_twice_gets_both_gradients():
    x = scalar(3.0)
    y = x * x + x  # y' = 2x + 1
    y.backward()
    assert x.grad.item() == 7.0


def test_rejoined_branches_are_reversed_in_the_right_order():
    """DeZero step 15: y = (x²)² + (x²)² at 2, so y' = 8x³ = 64."""
    x = scalar(2.0)
    a = x * x
    y = a * a + a * a
    y.backward()
    assert (y.item(), x.grad.item()) == (32.0, 64.0)


def test_sixty_diamonds_have_a_gradient_of_two_to_the_sixty():
    x = scalar(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**60


def test_gradients_accumulate_in_place_and_can_be_cleared():
    x = scalar(3.0)
    (x * 2).backward()
    first = x.grad
    (x * 2).backward()
    assert x.grad is first and first.item() == 4.0
    x.grad = None
    (x * 2).backward()
    assert x.grad.item() == 2.0


def test_two_leaves_never_share_the_memory_of_their_gradients():
    x, y = scalar([1.0, 2.0]), scalar([3.0, 4.0])
    seed = sangja.ones(2, dtype=F64)
    (x + y).backward(seed)
    x.grad.mul_(10)
    assert y.grad.tolist() == [1.0, 1.0] and seed.tolist() == [1.0, 1.0]


def test_second_backward_is_refused_with_advice_unless_the_graph_is_retained():
    x = scalar(3.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 12.0
    with pytest.raises(RuntimeError, match="Specify retain_graph=True") as caught:
        y.backward()
    assert "MulBackward0" in str(caught.value)


def test_nodes_without_kept_values_may_be_passed_again():
    x, y = scalar(1.0), scalar(2.0)
    z = x + y
    z.backward()
    z.backward()
    assert x.grad.item() == 2.0


def test_intermediate_gradients_are_kept_only_on_request():
    x = scalar(3.0)
    a = x * 2
    b = a * 5
    a.retain_grad()
    b.backward()
    assert a.retains_grad and a.grad.item() == 5.0 and b.grad is None


def test_backward_refuses_what_it_cannot_do():
    x = scalar([1.0, 2.0])
    with pytest.raises(RuntimeError, match=r"only for scalar outputs: this one has shape \[2\]"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match="does not require grad and does not have a grad_fn"):
        sangja.ones(1).backward()
    with pytest.raises(RuntimeError, match=r"Mismatch in shape: grad_output has a shape of \[3\]"):
        (x * 2).backward(sangja.ones(3, dtype=F64))
    with pytest.raises(RuntimeError, match="only Tensors of floating point dtype can require"):
        sangja.tensor([1, 2], requires_grad=True)
    with pytest.raises(TypeError, match="gradients must be Tensors or None, not list"):
        (x * 2).backward([[1.0, 1.0]])


def test_grad_leaves_every_grad_alone_and_reports_unused_inputs():
    x, unused = scalar(3.0), scalar(1.0)
    (dx,) = sangja.autograd.grad(x * x, x)
    assert dx.item() == 6.0 and x.grad is None
    with pytest.raises(RuntimeError, match="Set allow_unused=True"):
        sangja.autograd.grad(x * x, [x, unused])
    found = sangja.autograd.grad(x * x, [x, unused], allow_unused=True)
    assert found[1] is None
    found = sangja.autograd.grad(x * x, [x, unused], materialize_grads=True)
    assert found[1].item() == 0.0


def test_grad_of_an_intermediate_and_backward_with_inputs():
    x = scalar(3.0)
    a = x * x
    y = a * a
    (da,) = sangja.autograd.grad(y, a, retain_graph=True)
    assert da.item() == 18.0
    y.backward(inputs=[a])
    assert a.grad.item() == 18.0 and x.grad is None


def test_every_order_of_derivative_comes_from_the_same_rules():
    x = scalar(0.7)
    y, derivatives = (x * x).exp(), []
    for _ in range(4):
        (y,) = sangja.autograd.grad(y, x, create_graph=True)
        derivatives.append(y.item())
    e = np.exp(0.49)
    expected = [1.4 * e, 3.96 * e, (8 * 0.343 + 12 * 0.7) * e, (16 * 0.2401 + 48 * 0.49 + 12) * e]
    np.testing.assert_allclose(derivatives, expected, rtol=1e-12)


def test_hooks_see_and_replace_gradients():
    x = scalar(2.0)
    seen = []
    a = x * 3
    handle = a.register_hook(lambda g: seen.append(g.item()) or g * 10)
    x.register_hook(lambda g: g + 1)
    (a * 1).backward(retain_graph=True)
    assert seen == [1.0] and x.grad.item() == 31.0
    handle.remove()
    x.grad = None
    (a * 1).backward()
    assert seen == [1.0] and x.grad.item() == 4.0
    y = x * 1
    y.register_hook(lambda g: 3.0)
    with pytest.raises(TypeError, match="a gradient hook must return a Tensor or None, not float"):
        y.backward()


def test_broadcasting_and_promotion_are_undone():
    x = sangja.tensor([[1.0], [2.0]], dtype=F64, requires_grad=True)
    y = sangja.tensor([1.0, 2.0, 3.0], requires_grad=True)  # float32
    (x * y).sum().backward()
    assert x.grad.tolist() == [[6.0], [6.0]] and x.grad.dtype == F64
    assert y.grad.tolist() == [3.0, 3.0, 3.0] and y.grad.dtype == sangja.float32


def nodes_below(tensor):
    stack, seen = [tensor.grad_fn], set()
    while stack:
        node = stack.pop()
        if isinstance(node, Node) and node not in seen:
            seen.add(node)
            stack += node.edges
    return seen


def kept_bytes(tensor):
    """The bytes of all arrays that a graph keeps for its backward pass, each once."""
    arrays = {}
    for node in nodes_below(tensor):
        for value in node.kept or ():
            array = getattr(value, "array", value)
            if isinstance(array, np.ndarray):
                arrays[id(array)] = array.nbytes
    return sum(arrays.values())


def test_a_chain_of_adds_keeps_no_activations():
    x = sangja.ones(1000, requires_grad=True)
    y = x
    for _ in range(50):
        y = y + x
    assert len(nodes_below(y)) == 50
    assert kept_bytes(y) == 0


def test_each_factor_is_kept_only_if_the_other_needs_a_gradient():
    x, constant = sangja.ones(1000, requires_grad=True), sangja.ones(1000)
    assert kept_bytes(x * constant) == constant.nbytes
    assert kept_bytes(x.tanh()) == 4000  # the result
    assert kept_bytes(x * x.tanh()) == 8000


def test_used_values_are_freed_during_backward():
    x = sangja.ones(1000, requires_grad=True)
    y = x
    for _ in range(10):
        y = y.tanh()
    assert kept_bytes(y) == 40_000
    y.backward(sangja.ones(1000))
    assert kept_bytes(y) == 0


def run_python(code, timeout=120):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_deep_wide_and_diamond_graphs_under_a_recursion_limit_of_200():
    out = run_python(
        """
        import sys
        import sangja
        sys.setrecursionlimit(200)
        x = sangja.tensor(1.0, dtype=sangja.float64, requires_grad=True)
        y = x
        for _ in range(100_000):
            y = y * 1.0
        y.backward(); deep = x.grad.item(); del y
        x.grad = None
        y = x * 0.0
        for _ in range(100_000):
            y = y + x
        y.backward(); wide = x.grad.item(); del y
        x.grad = None
        y = x
        for _ in range(60):
            y = y + y
        y.backward()
        print(deep, wide, x.grad.item() == 2.0**60)
        with open("/proc/self/status") as file:  # ru_maxrss would count the parent's memory, too
            peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
        assert peak < 400_000
        """
    )
    assert out.split() == ["1.0", "100000.0", "True"]


def test_a_chain_of_a_million_nodes_differentiates_and_is_freed():
    out = run_python(
        """
        import sangja
        x = sangja.tensor(1.0, requires_grad=True)
        y = x
        for _ in range(1_000_000):
            y = y + 1.0
        y.backward()
        del y
        print(x.grad.item())
        """
    )
    assert out.strip() == "1.0"


def test_ten_thousand_steps_leave_no_graph_and_no_memory_behind_without_the_collector():
    out = run_python(
        """
        import gc, os, weakref
        import numpy as np
        import sangja
        from sangja.engine.tensor import Node

        gc.disable()
        page = os.sysconf("SC_PAGE_SIZE")
        w = sangja.tensor(np.random.rand(8, 8), requires_grad=True)
        b = sangja.tensor(np.random.rand(8), requires_grad=True)
        x = sangja.tensor(np.random.rand(4, 8))
        alive = weakref.WeakSet()

        def memory():
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1]) * page

        def step(watch=False):
            w.grad = b.grad = None
            before = x @ w + b
            first = before[0]
            first.mul_(2.0)
            hidden = before.tanh()
            loss = (hidden * hidden).mean()
            if watch:
                alive.add(loss.grad_fn), alive.add(hidden.grad_fn)
            loss.backward()
            with sangja.no_grad():
                w.sub_(w.grad * 0.01)

        for _ in range(500):
            step()
        before = memory()
        for i in range(10_000):
            step(watch=i % 100 == 0)
        print(memory() - before, len(alive))
        """
    )
    grown, alive = map(int, out.split())
    assert grown < 1_000_000 and alive == 0


def test_no_grad_and_enable_grad_as_context_and_decorator():
    x = scalar(2.0)
    with sangja.no_grad():
        assert not (x * 2).requires_grad
        with sangja.enable_grad():
            assert (x * 2).requires_grad
        assert not sangja.is_grad_enabled()
    assert (x * 2).requires_grad

    @sangja.no_grad()
    def unrecorded():
        return x * 2

    @sangja.no_grad
    def bare():
        return x * 2

    assert not unrecorded().requires_grad and not bare().requires_grad

    @sangja.no_grad()
    def generator():
        yield sangja.is_grad_enabled()
        yield sangja.is_grad_enabled()

    assert [(inside, sangja.is_grad_enabled()) for inside in generator()] == [(False, True)] * 2


def test_set_grad_enabled_as_function_context_and_decorator():
    with sangja.set_grad_enabled(False):
        assert not sangja.is_grad_enabled()
    assert sangja.is_grad_enabled()
    sangja.set_grad_enabled(False)
    assert not sangja.is_grad_enabled()
    sangja.set_grad_enabled(True)

    @sangja.set_grad_enabled(False)
    def inside():
        return sangja.is_grad_enabled()

    assert not inside() and sangja.is_grad_enabled()


def test_an_exception_restores_the_mode():
    with pytest.raises(ZeroDivisionError), sangja.no_grad():
        1 / 0  # noqa: B018
    assert sangja.is_grad_enabled()


def test_detach_shares_memory_without_history():
    x = scalar([1.0, 2.0])
    d = (x * 2).detach()
    assert d.is_leaf and not d.requires_grad
    y = x.detach()
    y.mul_(3)
    assert x.tolist() == [3.0, 6.0]


def test_only_leaves_change_their_flag_and_deepcopy():
    import copy

    x = scalar(1.0)
    with pytest.raises(RuntimeError, match="only change requires_grad flags of leaf"):
        (x * 2).requires_grad = False
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(x * 2)
    twin = copy.deepcopy(x)
    assert twin.requires_grad and twin.item() == 1.0 and twin is not x


def test_a_gradient_must_fit_its_tensor():
    x = scalar([1.0, 2.0])
    with pytest.raises(RuntimeError, match="different size"):
        x.grad = sangja.ones(3, dtype=F64)
    with pytest.raises(RuntimeError, match="different type"):
        x.grad = sangja.ones(2)
    with pytest.raises(TypeError, match="expected to be a Tensor or None but got float"):
        x.grad = 1.0


def test_fast_paths_agree_with_apply_without_a_history():
    """On integers, arrays and in `inference_mode`, and what several primitives are at once."""
    from sangja.engine import apply, at_once, look, single
    from sangja.ops.shape import Reshape
    from sangja.ops.softmax import Softmax

    whole, array = sangja.tensor([1, 2]), np.array([1.0, 2.0])
    for x in (whole, array):
        fast, general = single(Softmax, x, {"dim": 0}), apply(Softmax, x, dim=0)
        assert fast.dtype == general.dtype and fast.tolist() == general.tolist()
        fast = look(Reshape, x, {"shape": (2, 1)})
        assert type(fast) is type(x) and fast.tolist() == [[1], [2]]
    short = sangja.tensor([1.0, 2.0], dtype=sangja.bfloat16)
    assert single(Softmax, short, {"dim": 0}).dtype == sangja.bfloat16
    with sangja.inference_mode():
        made = single(Softmax, whole, {"dim": 0})
        seen = [look(Reshape, x, {"shape": (2,)}) for x in (whole, made)]
        made = [made, at_once(Softmax.forward, made, dim=0), *seen]
        # A view of what was made outside is none of `inference_mode`, as in PyTorch.
        assert [z.is_inference() for z in made] == [True, True, False, True]
    x = scalar([1.0, 2.0])
    assert at_once(Softmax.forward, x, dim=0) is None  # its gradient may be wanted
    assert at_once(Softmax.forward, short, dim=0) is None
    assert at_once(Softmax.forward, whole * 1.0, dim=5) is None  # fails, as the primitive will say
    with sangja.no_grad():
        at = at_once(Softmax.forward, x, dim=0)
        assert at.tolist() == apply(Softmax, x, dim=0).tolist() and not at.requires_grad


def test_fast_paths_agree_with_apply():
    """`unary`, `binary`, `single` and `look` are short cuts: same values, same nodes as `apply`."""
    from sangja.engine import apply, binary, look, single, unary
    from sangja.ops.elementwise import Divide, Multiply
    from sangja.ops.exponential import Power
    from sangja.ops.shape import Reshape
    from sangja.ops.softmax import Softmax
    from sangja.ops.trigonometry import Tanh

    x, y = scalar([1.0, 2.0]), scalar([3.0, 4.0])
    still = sangja.tensor([3.0, 4.0], dtype=F64)
    pairs = [
        (unary(Tanh, x), apply(Tanh, x)),
        (binary(Multiply, x, y), apply(Multiply, x, y)),
        (binary(Multiply, x, still), apply(Multiply, x, still)),
        (binary(Multiply, still, x), apply(Multiply, still, x)),
        (binary(Multiply, x[:1], y[:1]), apply(Multiply, x[:1], y[:1])),
        (binary(Multiply, x, 2), apply(Multiply, x, 2)),
        (binary(Multiply, 0.5, x[:1]), apply(Multiply, 0.5, x[:1])),
        (binary(Divide, 2.0, x), apply(Divide, 2.0, x)),
        (binary(Power, 2, x), apply(Power, 2, x)),
        (single(Softmax, x, {"dim": 0}), apply(Softmax, x, dim=0)),
        (single(Softmax, x[:1], {"dim": 0}), apply(Softmax, x[:1], dim=0)),
        (look(Reshape, x, {"shape": (1, 2)}), apply(Reshape, x, shape=(1, 2))),
        (look(Reshape, x[1:], {"shape": (1, 1)}), apply(Reshape, x[1:], shape=(1, 1))),
    ]
    for fast, general in pairs:
        assert (fast._base is None) == (general._base is None)
        assert fast.tolist() == general.tolist()
        assert fast.grad_fn.plan is general.grad_fn.plan
        mine = sangja.autograd.grad(fast.sum(), x, retain_graph=True)[0]
        other = sangja.autograd.grad(general.sum(), x, retain_graph=True)[0]
        assert mine.tolist() == other.tolist()

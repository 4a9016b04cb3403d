"""`sangja.func` and `autograd.functional` against PyTorch's: values, derivatives, refusals."""

import numpy as np
import pytest

import sangja

torch = pytest.importorskip("torch")
# PyTorch's forward mode compiles its own helpers by a way that it has deprecated itself.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node:UserWarning"),
]

X = np.array([[0.3, -1.2, 0.7], [1.1, 0.4, -0.6]])
Y = np.array([0.5, 2.0, -1.5])


def arrays(value):
    """The arrays in a nest of tensors of either library, and the nest's form."""
    if isinstance(value, dict):
        return {k: arrays(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(arrays(v) for v in value)
    return value.detach().numpy() if hasattr(value, "detach") else value


def same(ours, theirs):
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        ours, theirs = list(ours.values()), list(theirs.values())
    if isinstance(theirs, (tuple, list)):
        assert type(ours) is type(theirs) and len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
        return
    if isinstance(theirs, np.ndarray):
        assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def cube(x):
    return (x**3).sum()


def mixed(x, y):
    return (x.sin() @ y).exp()


FUNC = {
    "grad": lambda t, x, y: t.func.grad(cube)(x),
    "grad, second argument": lambda t, x, y: t.func.grad(lambda a, b: mixed(a, b).sum(), argnums=1)(
        x, y
    ),
    "grad, both arguments": lambda t, x, y: t.func.grad(
        lambda a, b: mixed(a, b).sum(), argnums=(0, 1)
    )(x, y),
    "grad, last argument": lambda t, x, y: t.func.grad(lambda a, b: mixed(a, b).sum(), -1)(x, y),
    "grad of a dictionary": lambda t, x, y: t.func.grad(lambda p: mixed(p["w"], p["b"]).sum())(
        {"w": x, "b": y}
    ),
    "grad with aux": lambda t, x, y: t.func.grad(lambda a: (cube(a), a * 2), has_aux=True)(x),
    "grad of grad": lambda t, x, y: t.func.grad(
        lambda b: t.func.grad(lambda a: (a.sin() * b).sum())(y).cos().sum()
    )(y),
    "third derivative": lambda t, x, y: t.func.grad(t.func.grad(t.func.grad(t.sin)))(y[0]),
    "grad of a constant": lambda t, x, y: t.func.grad(lambda a: y.sum())(x),
    "grad and value": lambda t, x, y: t.func.grad_and_value(cube)(x),
    "grad and value with aux": lambda t, x, y: t.func.grad_and_value(
        lambda a: (cube(a), a), has_aux=True
    )(x),
    "vjp": lambda t, x, y: (lambda r: (r[0], r[1](r[0])))(t.func.vjp(mixed, x, y)),
    "vjp of a tuple": lambda t, x, y: (lambda r: (r[0], r[1]((y, x))))(
        t.func.vjp(lambda a, b: (b * b, a.exp()), x, y)
    ),
    "vjp with aux": lambda t, x, y: t.func.vjp(lambda a: (a * a, a), y, has_aux=True)[2],
    "jvp": lambda t, x, y: t.func.jvp(mixed, (x, y), (x * 2, y - 1)),
    "jvp of a linear function": lambda t, x, y: t.func.jvp(lambda a: a @ y, (x,), (x + 1,)),
    "jvp of a constant": lambda t, x, y: t.func.jvp(lambda a: y * 2, (x,), (x,)),
    "jvp with aux": lambda t, x, y: t.func.jvp(lambda a: (a * a, a), (y,), (y,), has_aux=True),
    "linearize": lambda t, x, y: (lambda r: (r[0], r[1](y * 3)))(t.func.linearize(t.exp, y)),
    "jacrev": lambda t, x, y: t.func.jacrev(mixed)(x, y),
    "jacrev, both arguments": lambda t, x, y: t.func.jacrev(mixed, argnums=(0, 1))(x, y),
    "jacrev of several": lambda t, x, y: t.func.jacrev(lambda a: (a * a, a.sum()))(y),
    "jacrev with aux": lambda t, x, y: t.func.jacrev(lambda a: (a * a, a), has_aux=True)(y),
    "jacrev of a dictionary": lambda t, x, y: t.func.jacrev(lambda p: mixed(p["w"], p["b"]))(
        {"w": x, "b": y}
    ),
    "jacfwd": lambda t, x, y: t.func.jacfwd(mixed)(x, y),
    "jacfwd, both arguments": lambda t, x, y: t.func.jacfwd(mixed, argnums=(0, 1))(x, y),
    "jacfwd with aux": lambda t, x, y: t.func.jacfwd(lambda a: (a * a, a), has_aux=True)(y),
    "hessian": lambda t, x, y: t.func.hessian(cube)(x),
    "hessian of a vector": lambda t, x, y: t.func.hessian(mixed)(x, y),
    "hessian, both arguments": lambda t, x, y: t.func.hessian(
        lambda a, b: mixed(a, b).sum(), argnums=(0, 1)
    )(x, y),
    "jacrev of jacrev": lambda t, x, y: t.func.jacrev(t.func.jacrev(lambda a: a.exp() * a))(y),
    "vmap": lambda t, x, y: t.func.vmap(lambda a: a @ y)(x),
    "vmap over two": lambda t, x, y: t.vmap(lambda a, b: a * b, in_dims=(1, 0))(x, y),
    "vmap out_dims": lambda t, x, y: t.vmap(lambda a: (a, a.sum()), out_dims=(1, 0))(x),
    "vmap of a dictionary": lambda t, x, y: t.vmap(lambda p, a: p["w"] * a, in_dims=({"w": 0}, 1))(
        {"w": y}, x
    ),
    "vmap of vmap": lambda t, x, y: t.vmap(t.vmap(lambda a: a * a + 1))(x),
    "vmap with keywords": lambda t, x, y: t.vmap(lambda a, b: a * b)(x, b=x + 1),
    "gradients of each example": lambda t, x, y: t.vmap(
        t.func.grad(lambda w, a: (w @ a).tanh()), in_dims=(None, 0)
    )(y, x),
    "jacobian by vmap": lambda t, x, y: t.vmap(t.func.jacrev(t.tanh))(x),
    "functional.jacobian": lambda t, x, y: t.autograd.functional.jacobian(mixed, (x, y)),
    "functional.jacobian of one": lambda t, x, y: t.autograd.functional.jacobian(t.tanh, y),
    "functional.jacobian of several": lambda t, x, y: t.autograd.functional.jacobian(
        lambda a, b: (mixed(a, b), b * b), (x, y)
    ),
    "functional.hessian": lambda t, x, y: t.autograd.functional.hessian(cube, x),
    "functional.hessian of two": lambda t, x, y: t.autograd.functional.hessian(
        lambda a, b: mixed(a, b).sum(), (x, y)
    ),
    "functional.vjp": lambda t, x, y: t.autograd.functional.vjp(mixed, (x, y), y[:2]),
    "functional.vjp of a number": lambda t, x, y: t.autograd.functional.vjp(cube, x),
    "functional.jvp": lambda t, x, y: t.autograd.functional.jvp(mixed, (x, y), (x, y)),
    "functional.vhp": lambda t, x, y: t.autograd.functional.vhp(cube, x, x + 1),
    "functional.hvp": lambda t, x, y: t.autograd.functional.hvp(
        lambda a, b: mixed(a, b).sum(), (x, y), (x, y)
    ),
}


@pytest.mark.parametrize("name", FUNC)
def test_values_equal_pytorch(name):
    ours = FUNC[name](sangja, sangja.tensor(X), sangja.tensor(Y))
    theirs = FUNC[name](torch, torch.tensor(X), torch.tensor(Y))
    same(arrays(ours), arrays(theirs))


LINKED = {
    "closed over": lambda t, x, w: t.func.grad(lambda a: (a * w).sin().sum())(x),
    "argument": lambda t, x, w: t.func.grad(lambda a: a.sin().sum())(w),
    "value": lambda t, x, w: t.func.grad_and_value(lambda a: (a * w).sum())(x)[1],
    "jacrev": lambda t, x, w: t.func.jacrev(lambda a: a.sin() * w)(x).sin(),
    "jvp": lambda t, x, w: t.func.jvp(lambda a: (a * w).sin(), (x,), (x,))[1],
    "vmap": lambda t, x, w: t.vmap(lambda a: a * a)(w),
    "jacobian": lambda t, x, w: t.autograd.functional.jacobian(t.sin, w, create_graph=True),
}


@pytest.mark.parametrize("name", LINKED)
def test_results_can_be_differentiated_with_respect_to_what_is_outside(name):
    gradients = []
    for t in (sangja, torch):
        w = t.tensor(Y, requires_grad=True)
        LINKED[name](t, t.tensor(Y + 1), w).sum().backward()
        gradients.append(w.grad.numpy())
    same(*gradients)


def test_results_have_no_graph_where_nothing_outside_asks_for_one():
    x = sangja.tensor(Y)
    assert not sangja.func.grad(cube)(x).requires_grad
    assert not sangja.func.jacrev(sangja.exp)(x).requires_grad
    assert not sangja.func.jvp(sangja.exp, (x,), (x,))[1].requires_grad
    w = sangja.tensor(Y, requires_grad=True)
    with sangja.no_grad():
        assert not sangja.func.grad(lambda a: (a * a * w).sum())(x).requires_grad
    assert not sangja.autograd.functional.hessian(cube, w).requires_grad
    assert w.grad is None


def models(t, seed=0):
    t.manual_seed(seed)
    return t.nn.Sequential(t.nn.Linear(3, 4), t.nn.BatchNorm1d(4), t.nn.Tanh(), t.nn.Linear(4, 1))


def test_functional_call_and_per_sample_gradients_equal_pytorch():
    found = []
    for t in (sangja, torch):
        model = models(t).double().eval()
        parameters = {name: p.detach() for name, p in model.named_parameters()}

        def loss(p, x, t=t, model=model):
            return t.func.functional_call(model, p, (x.unsqueeze(0),)).square().sum()

        per_sample = t.vmap(t.func.grad(loss), in_dims=(None, 0))(parameters, t.tensor(X))
        found.append(arrays(per_sample))
    same(*found)


def test_functional_call_puts_back_what_was_there_even_after_an_error():
    model = models(sangja)
    before = dict(model.named_parameters())
    with pytest.raises(RuntimeError):
        sangja.func.functional_call(model, {"0.weight": sangja.ones(7, 7)}, sangja.ones(2, 3))
    assert all(before[name] is p for name, p in model.named_parameters())


def test_functional_call_keeps_shared_weights_shared():
    results = []
    for t in (sangja, torch):
        model = t.nn.Sequential(t.nn.Linear(2, 2, bias=False), t.nn.Linear(2, 2, bias=False))
        model[1].weight = model[0].weight
        new = {"0.weight": t.tensor([[1.0, 2.0], [3.0, 4.0]])}
        results.append(t.func.functional_call(model, new, t.ones(1, 2)).numpy())
    same(*results)


def test_an_ensemble_of_stacked_models_equals_pytorch():
    found = []
    for t in (sangja, torch):
        ensemble = [models(t, seed).eval() for seed in (1, 2, 3)]
        parameters, buffers = t.func.stack_module_state(ensemble)
        assert all(p.requires_grad and p.is_leaf for p in parameters.values())

        def call(p, b, x, t=t, model=ensemble[0]):
            return t.func.functional_call(model, (p, b), (x,))

        x = t.tensor(X).float()
        out = t.vmap(call, in_dims=(0, 0, None))(parameters, buffers, x)
        found.append(out.detach().numpy())
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-6)


REFUSED = {
    "grad of a vector": (
        lambda t, x: t.func.grad(t.sin)(x),
        "Expected f(*args) to return a scalar tensor, got tensors of shapes [[3]]: reduce them",
    ),
    "argnums out of range": (
        lambda t, x: t.func.grad(cube, argnums=1)(x),
        "grad_and_value: Got argnum=1, but only 1 positional inputs",
    ),
    "aux missing": (
        lambda t, x: t.func.vjp(cube, x, has_aux=True),
        "vjp: output of function f should be a tuple: (output, aux) if has_aux is True, got Tensor",
    ),
    "a tangent of another shape": (
        lambda t, x: t.func.jvp(t.sin, (x,), (x[:2],)),
        "jvp: Expected tangents to have the same structure and shapes as the primals: wanted [[3]],"
        " got [[2]]",
    ),
    "vmap over different sizes": (
        lambda t, x: t.vmap(lambda a, b: a * b)(x, x[:2]),
        "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
        "[3, 2]",
    ),
    "vmap over a scalar": (
        lambda t, x: t.vmap(t.sin)(x[0]),
        "vmap: Got in_dim=0 for some input, but that input is a Tensor of dimensionality 0",
    ),
    "vmap over nothing": (
        lambda t, x: t.vmap(t.sin, in_dims=None)(x),
        "vmap: at least one input has to be mapped over",
    ),
    "vmap over a number": (
        lambda t, x: t.vmap(lambda a, b: a * b)(x, 2),
        "vmap: Got in_dim=0 for an input but the input is of type int",
    ),
    "vmap dims of another structure": (
        lambda t, x: t.vmap(t.sin, in_dims=(0, 0))(x),
        "vmap: in_dims=(0, 0) is not compatible with the structure of the values",
    ),
    "unknown randomness": (
        lambda t, x: t.vmap(t.sin, randomness="none")(x),
        "Only allowed values for randomness are 'error', 'different', or 'same', got 'none'",
    ),
    "hessian of a vector": (
        lambda t, x: t.autograd.functional.hessian(t.sin, x),
        "The function given to hessian should return a single element tensor: got shapes [[3]]",
    ),
    "vjp without v": (
        lambda t, x: t.autograd.functional.vjp(t.sin, x),
        "vjp: The vector v can only be None if the user-provided function returns a single Tensor",
    ),
    "jvp without v": (
        lambda t, x: t.autograd.functional.jvp(t.sin, x),
        "jvp: The vector v can only be None if the input to the user-provided function is a single",
    ),
    "unknown parameter": (
        lambda t, x: t.func.functional_call(
            t.nn.Linear(3, 1), {"weights": t.ones(1, 3)}, t.ones(3), strict=True
        ),
        "functional_call: Error(s) for Linear: Unexpected key(s): ['weights']. Missing key(s): "
        "['weight', 'bias']. The names are those of named_parameters() and named_buffers()",
    ),
    "a parameter twice": (
        lambda t, x: t.func.functional_call(
            t.nn.Linear(3, 1), ({"bias": t.ones(1)}, {"bias": t.ones(1)}), t.ones(3)
        ),
        "['bias'] appeared in multiple dictionaries; behavior is ambiguous",
    ),
    "no models": (
        lambda t, x: t.func.stack_module_state([]),
        "stack_module_state: Expected at least one model, got 0.",
    ),
    "models of two kinds": (
        lambda t, x: t.func.stack_module_state([t.nn.Linear(1, 1), t.nn.Tanh()]),
        "stack_module_state: Expected all models to be of the same class and to have the same "
        "training/eval mode, got ['Linear', 'Tanh'] in modes ['train', 'train']",
    ),
}


def builtin(error):
    """The builtin class that an error of PyTorch's is."""
    return next(c for c in type(error).__mro__ if c.__module__ == "builtins")


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_with_an_error_pytorch_users_catch(name):
    function, text = REFUSED[name]
    with pytest.raises(Exception) as theirs:
        function(torch, torch.tensor(Y))
    with pytest.raises(builtin(theirs.value)) as ours:
        function(sangja, sangja.tensor(Y))
    assert text in str(ours.value)


def test_random_numbers_cannot_be_the_same_in_every_call():
    with pytest.raises(NotImplementedError, match="draw outside of vmap"):
        sangja.vmap(sangja.sin, randomness="same")

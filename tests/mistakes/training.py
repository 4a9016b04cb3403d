"""Mistakes with gradients, optimizers and data."""

from tests.mistakes.mistake import Mistake


def backward_twice(t):
    x = t.ones(3, requires_grad=True)
    y = (x * x).sum()
    y.backward()
    y.backward()


def inplace_leaf(t):
    x = t.ones(3, requires_grad=True)
    x += 1


def inplace_saved(t):
    x = t.ones(3, requires_grad=True)
    y = x.exp()
    y += 1
    y.sum().backward()


def grad_shape(t):
    x = t.zeros(3, requires_grad=True)
    x.grad = t.zeros(2)


def grad_kind(t):
    x = t.zeros(3, requires_grad=True)
    x.grad = 1.0


def tensor_hook_shape(t):
    x = t.zeros(2, requires_grad=True)
    x.register_hook(lambda g: t.zeros(3))
    x.sum().backward()


def inplace_view_leaf(t):
    x = t.zeros(3, requires_grad=True)
    x[0] = 1


def deep_graph_copy(t):
    import copy

    copy.deepcopy(t.zeros(3, requires_grad=True) * 2)


def load_opt(t):
    a = t.optim.SGD(t.nn.Linear(2, 2).parameters(), lr=1.0)
    b = t.optim.SGD([t.zeros(2, requires_grad=True)], lr=1.0)
    b.load_state_dict(a.state_dict())


def grad_unused(t):
    x = t.zeros(3, requires_grad=True)
    y = t.zeros(3, requires_grad=True)
    t.autograd.grad(x.sum(), y)


MISTAKES = [
    Mistake(
        "backward_twice",
        backward_twice,
        RuntimeError,
        (
            "Trying to backward through the graph a second time (or directly access saved "
            "tensors after they have already been freed). Saved intermediate values of the "
            "graph are freed when you call .backward() or autograd.grad(). Specify "
            "retain_graph=True if you need to backward through the graph a second time or if "
            "you need to access saved tensors after calling backward. The operation is "
            "MulBackward0."
        ),
    ),
    Mistake(
        "inplace_leaf",
        inplace_leaf,
        RuntimeError,
        (
            "a leaf Variable that requires grad is being used in an in-place operation "
            "(__iadd__): its history would begin in the middle. Write under no_grad(), or use "
            "the out-of-place form"
        ),
    ),
    Mistake(
        "inplace_saved",
        inplace_saved,
        RuntimeError,
        (
            "one of the variables needed for gradient computation has been modified by an "
            "inplace operation: a value of shape [3], kept for ExpBackward0, is at version 1; "
            "expected version 0 instead. It was changed last by __iadd__. Do the change on a "
            "clone(), or after backward()."
        ),
    ),
    Mistake(
        "non_scalar_backward",
        lambda t: (t.ones(3, requires_grad=True) * 2).backward(),
        RuntimeError,
        (
            "grad can be implicitly created only for scalar outputs: this one has shape [3]. "
            "Reduce it first, as in loss.mean().backward(), or pass a gradient of its shape"
        ),
    ),
    Mistake(
        "no_grad_anywhere",
        lambda t: t.ones(3).sum().backward(),
        RuntimeError,
        (
            "element 0 of tensors does not require grad and does not have a grad_fn: nothing "
            "that was computed from a tensor with requires_grad=True leads here (or it was "
            "computed under no_grad, or detached)"
        ),
    ),
    Mistake(
        "grad_wrong_shape_backward",
        lambda t: (t.ones(3, requires_grad=True) * 2).backward(t.ones(2)),
        RuntimeError,
        (
            "Mismatch in shape: grad_output has a shape of [2] and output has a shape of [3]. "
            "Pass a gradient of the output's shape"
        ),
    ),
    Mistake(
        "sgd_model",
        lambda t: t.optim.SGD(t.nn.Linear(2, 2), lr=0.1),
        TypeError,
        (
            "'Linear' object is not iterable: an optimizer takes the parameters, an iterable "
            "of Tensors or dicts; pass model.parameters()"
        ),
    ),
    Mistake(
        "forgot_call_parameters",
        lambda t: t.optim.SGD(t.nn.Linear(2, 2).parameters, lr=0.1),
        TypeError,
        (
            "'method' object is not iterable: an optimizer takes the parameters, an iterable "
            "of Tensors or dicts; call it: model.parameters()"
        ),
    ),
    Mistake(
        "sgd_tensor",
        lambda t: t.optim.SGD(t.zeros(2), lr=0.1),
        TypeError,
        (
            "params argument given to the optimizer should be an iterable of Tensors or dicts, "
            "but got Tensor; pass a list: [parameter]"
        ),
    ),
    Mistake(
        "empty_parameters",
        lambda t: t.optim.Adam(t.nn.ReLU().parameters()),
        ValueError,
        (
            "optimizer got an empty parameter list: the model has no parameters (a layer must "
            "be an attribute or in a ModuleList, not in a plain list), or the generator of "
            "model.parameters() was used up before"
        ),
    ),
    Mistake(
        "negative_lr",
        lambda t: t.optim.Adam(t.nn.Linear(2, 2).parameters(), lr=-1),
        ValueError,
        "Invalid learning rate: -1; expected a number >= 0",
    ),
    Mistake(
        "negative_momentum",
        lambda t: t.optim.SGD(t.nn.Linear(2, 2).parameters(), lr=1.0, momentum=-1),
        ValueError,
        "Invalid momentum value: -1; expected a number >= 0",
    ),
    Mistake(
        "betas_out",
        lambda t: t.optim.Adam(t.nn.Linear(2, 2).parameters(), betas=(1.5, 0.9)),
        ValueError,
        "Invalid beta parameter at index 0: 1.5; expected 0 <= beta < 1",
    ),
    Mistake(
        "non_leaf_opt",
        lambda t: t.optim.SGD([t.ones(2, requires_grad=True) * 2], lr=0.1),
        ValueError,
        (
            "can't optimize a non-leaf Tensor: one of shape [2] is the result of MulBackward0; "
            "make it a leaf with p.detach().requires_grad_()"
        ),
    ),
    Mistake(
        "numpy_grad",
        lambda t: t.zeros(3, requires_grad=True).numpy(),
        RuntimeError,
        ("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."),
    ),
    Mistake(
        "int_grad",
        lambda t: t.tensor([1, 2], requires_grad=True),
        RuntimeError,
        (
            "only Tensors of floating point dtype can require gradients; this one is "
            "sangja.int64. Convert it first: x.float()"
        ),
    ),
    Mistake(
        "int_grad_set",
        lambda t: t.tensor([1, 2]).requires_grad_(),
        RuntimeError,
        (
            "only Tensors of floating point dtype can require gradients; this one is "
            "sangja.int64. Convert it first: x.float()"
        ),
    ),
    Mistake(
        "grad_shape",
        grad_shape,
        RuntimeError,
        "assigned grad has data of a different size: [2] for a tensor of shape [3]",
    ),
    Mistake(
        "grad_kind",
        grad_kind,
        TypeError,
        "assigned grad expected to be a Tensor or None but got float",
    ),
    Mistake(
        "tensor_hook_no_grad",
        lambda t: t.zeros(2).register_hook(print),
        RuntimeError,
        (
            "cannot register a hook on a tensor that doesn't require gradient; call "
            "requires_grad_() first"
        ),
    ),
    Mistake(
        "tensor_hook_shape",
        tensor_hook_shape,
        RuntimeError,
        "a gradient hook has changed the size of the gradient: [2] became [3]",
    ),
    Mistake(
        "loader_batch0",
        lambda t: t.utils.data.DataLoader([1, 2], batch_size=0),
        ValueError,
        ("batch_size should be a positive integer value, but got batch_size=0; the smallest is 1"),
    ),
    Mistake(
        "loader_shuffle_sampler",
        lambda t: t.utils.data.DataLoader([1, 2], shuffle=True, sampler=[0, 1]),
        ValueError,
        (
            "sampler option is mutually exclusive with shuffle: the sampler gives the order, "
            "so leave shuffle out"
        ),
    ),
    Mistake(
        "loader_workers",
        lambda t: t.utils.data.DataLoader([1, 2], num_workers=-1),
        ValueError,
        "num_workers option should be non-negative; use num_workers=0 to disable workers.",
    ),
    Mistake(
        "loader_uneven",
        lambda t: list(t.utils.data.DataLoader([t.zeros(2), t.zeros(3)], batch_size=2)),
        RuntimeError,
        (
            "stack expects each tensor to be equal size, but got [2] at entry 0 and [3] at "
            "entry 1; pad or crop the samples, or give the DataLoader a collate_fn"
        ),
    ),
    Mistake(
        "loader_none",
        lambda t: list(t.utils.data.DataLoader([None, None], batch_size=2)),
        TypeError,
        (
            "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or "
            "lists; found NoneType. Give the DataLoader a collate_fn of your own"
        ),
    ),
    Mistake(
        "split_sizes",
        lambda t: t.utils.data.random_split(range(10), [5, 6]),
        ValueError,
        (
            "Sum of input lengths does not equal the length of the input dataset: [5, 6] make "
            "11, the data set has 10 items"
        ),
    ),
    Mistake(
        "split_fractions",
        lambda t: t.utils.data.random_split(range(10), [0.5, 0.6]),
        ValueError,
        (
            "Sum of input lengths does not equal the length of the input dataset: the "
            "fractions [0.5, 0.6] sum to 1.1, not to 1"
        ),
    ),
    Mistake(
        "tensordataset_sizes",
        lambda t: t.utils.data.TensorDataset(t.zeros(3), t.zeros(4)),
        AssertionError,
        (
            "Size mismatch between tensors: their first dimensions are [3, 4]; they must all "
            "have the same number of rows"
        ),
    ),
    Mistake(
        "inplace_view_leaf",
        inplace_view_leaf,
        RuntimeError,
        (
            "a view of a leaf Variable that requires grad is being used in an in-place "
            "operation (copy_). Write under no_grad(), or work on a clone()"
        ),
    ),
    Mistake(
        "deep_graph_copy",
        deep_graph_copy,
        RuntimeError,
        (
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment. Use .detach().clone() for the value"
        ),
    ),
    Mistake(
        "scheduler_not_opt",
        lambda t: t.optim.lr_scheduler.StepLR(t.nn.Linear(2, 2), 1),
        TypeError,
        ("Linear is not an Optimizer; a scheduler takes the optimizer whose learning rate it sets"),
    ),
    Mistake(
        "load_opt",
        load_opt,
        ValueError,
        (
            "loaded state dict contains a parameter group that doesn't match the size of "
            "optimizer's group: it has [2] parameters per group, this optimizer [1]; load it "
            "into an optimizer of the same model"
        ),
    ),
    Mistake(
        "grad_unused",
        grad_unused,
        RuntimeError,
        (
            "The differentiated Tensor at index 0 appears to not have been used in the graph. "
            "Set allow_unused=True if this is the desired behavior."
        ),
    ),
    Mistake(
        "loader_empty",
        lambda t: t.utils.data.DataLoader([], shuffle=True),
        ValueError,
        (
            "num_samples should be a positive integer value, but got num_samples=0: the data "
            "set to shuffle is empty"
        ),
    ),
    Mistake(
        "params_with_a_number",
        lambda t: t.optim.SGD([3.0], lr=0.1),
        TypeError,
        (
            "optimizer can only optimize Tensors, but one of the params is float; pass "
            "model.parameters()"
        ),
    ),
]

"""Reverse: from a result back to the leaves, each operation once, without recursion.

A node is ready when every operation that used its result has sent its gradient (pending counts).
All bookkeeping lives in local dictionaries, and leaves receive their sums at the very end: an
exception or Ctrl-C on the way leaves every `.grad` as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Any

import numpy as np

from sangja.core.errors import (
    ArgumentTypeError,
    DTypeError,
    FreedGraphError,
    GradientError,
    InplaceError,
    ShapeError,
)
from sangja.core.references import LOCAL, getrefcount
from sangja.engine.apply import apply, remember_pick
from sangja.engine.mode import MODE, ModeGuard, announce
from sangja.engine.structure import Copy, conjugate, fit
from sangja.engine.tensor import NOTHING, SEVERAL, Node, Tensor, node_of, wrap

ndarray = np.ndarray
FITS: Any = repeat(None)  # gradients that need no undoing of broadcasting or promotion


def run(
    roots: Sequence[Any],
    seeds: Sequence[Any],
    *,
    keep: bool,
    create_graph: bool,
    targets: dict[Any, Any] | None = None,
) -> dict[Any, Any]:
    """Send the seeds from the roots (nodes or leaves) back; returns the gradient of every leaf
    reached, or of each edge in `targets` if given (then only what leads there is computed).

    Inside, a complex gradient is ∂/∂a − i ∂/∂b, the conjugate of what a user gives and sees: so
    g · f′(x) is the chain rule of real and of complex numbers.
    """
    check = MODE.get().check
    pending = count_uses(roots)
    useful = None if targets is None else edges_towards(roots, targets)
    grads: dict[Any, Any] = {}
    found: dict[Any, Any] = {}
    for root, seed in zip(roots, seeds, strict=True):
        place = grads if root.__class__ is Node else found
        place[root] = seed if root not in place else place[root] + seed
    ready = [(node, grads.pop(node)) for node in tuple(grads) if not pending[node]]
    while ready:
        node, g = ready.pop()
        if g is None or useful is not None or node.extra is not None:
            g = special(node, g, found, targets, useful)
            if g is None:
                for m in node.edges:
                    if m.__class__ is Node:
                        pass_on(m, pending, grads, ready)
                continue
        plan = node.plan
        kept = node.kept
        if kept is not NOTHING:
            kept = values(node, kept, create_graph, keep)
        if plan.shared is not None:
            kept = shared_gradients(node, g, kept, create_graph)
        for m, (rule, first, others), target in zip(node.edges, plan.rules, node.targets or FITS):  # noqa: B905
            if first is None:
                d = rule(g)
            elif rule is None:
                d = kept[first]
            elif others is None:
                d = rule(g, kept[first])
            else:
                d = rule(g, kept[first], *[kept[i] for i in others])
            if d is None:
                if m.__class__ is Node:
                    pass_on(m, pending, grads, ready)
                continue
            if check is not None:
                check(node, m, d, g)
            if target is not None:
                if target is SEVERAL:
                    d = collect(grads, m, node.static["index"], d)
                elif d.shape != target[0] or d.dtype is not target[1]:
                    d = fit(d, *target)
            if m.__class__ is not Node:
                found[m] = found[m] + d if m in found else d
                continue
            uses = pending[m]
            if uses == 1:
                ready.append((m, grads.pop(m) + d if m in grads else d))
            else:
                pending[m] = uses - 1
                grads[m] = grads[m] + d if m in grads else d
    return found


def special(node: Node, g: Any, found: dict[Any, Any], targets: Any, useful: Any) -> Any:
    """Hooks, retained gradients and the targets of `grad`; None where nothing is to be sent on."""
    if g is not None and node.extra is not None:
        g = run_hooks(node.extra.hooks, g)
        if node.extra.retain is not None and targets is None:
            found[node] = g
    if targets is not None and node in targets:
        found[node] = g
    return g if useful is None or node in useful else None


def count_uses(roots: Sequence[Any]) -> dict[Node, int]:
    """How many edges lead to each node that can be reached from the roots."""
    pending: dict[Node, int] = {r: 0 for r in roots if r.__class__ is Node}
    stack = list(pending)
    while stack:
        for m in stack.pop().edges:
            if m.__class__ is Node:
                if m in pending:
                    pending[m] += 1
                else:
                    pending[m] = 1
                    stack.append(m)
    return pending


def edges_towards(roots: Sequence[Any], targets: dict[Any, Any]) -> set[Any]:
    """The nodes from which a target can be reached by at least one edge."""
    users: dict[Any, list[Node]] = {}
    stack = [r for r in dict.fromkeys(roots) if r.__class__ is Node]
    seen = set(stack)
    while stack:
        node = stack.pop()
        for m in node.edges:
            users.setdefault(m, []).append(node)
            if m.__class__ is Node and m not in seen:
                seen.add(m)
                stack.append(m)
    useful: set[Any] = set()
    stack = list(targets)
    while stack:
        for user in users.get(stack.pop(), ()):
            if user not in useful:
                useful.add(user)
                stack.append(user)
    return useful


def pass_on(m: Node, pending: dict[Any, int], grads: dict[Any, Any], ready: Any) -> None:
    """No gradient came along this edge: the node waits for one message less."""
    pending[m] -= 1
    if not pending[m]:
        ready.append((m, grads.pop(m, None)))


def values(node: Node, kept: Any, create_graph: bool, keep: bool) -> list[Any]:
    """The kept values of a node, checked: arrays, or tensors where the derivative is recorded."""
    if kept is None:
        raise FreedGraphError(
            "Trying to backward through the graph a second time (or directly access saved tensors "
            "after they have already been freed). Saved intermediate values of the graph are freed "
            "when you call .backward() or autograd.grad(). Specify retain_graph=True if you need "
            "to backward through the graph a second time or if you need to access saved tensors "
            f"after calling backward. The operation is {node.name()}."
        )
    result = []
    if create_graph or node.versions is not None:
        result = checked_values(node, kept, create_graph)
    else:
        for value in kept:
            if value.__class__ is Tensor or isinstance(value, Tensor):
                if value._counter is not None:
                    result = checked_values(node, kept, create_graph)
                    break
                value = value.array
            result.append(value)
    if not keep and node.plan.frees:
        node.kept = None
    return result


def checked_values(node: Node, kept: list[Any], create_graph: bool) -> list[Any]:
    """`values` where something may have been written to, or is to be recorded."""
    versions = node.versions or {}
    place = len(node.plan.keep) if node.plan.keeps_out else -1
    result = []
    for i, value in enumerate(kept):
        if i == place:
            if i in versions and versions[i].read():
                refuse_change(node, np.shape(value), 0, versions[i])
            result.append(result_tensor(node, value) if create_graph else value)
        elif isinstance(value, Tensor):
            version = value._counter
            if version is not None and version.token(value.array) != versions.get(i, 0):
                refuse_change(node, value.array.shape, versions.get(i, 0), version)
            result.append(value if create_graph else value.array)
        else:
            result.append(value)
    return result


def result_tensor(node: Node, array: Any) -> Any:
    """The kept result as a tensor with its history, made anew: a node that held its own output
    would be a reference cycle."""
    if isinstance(array, tuple):
        whole = result_tensor(node, np.empty(0))
        results = tuple(wrap(a) for a in array)
        for index, result in enumerate(results):
            remember_pick(whole, index, result)
        return results
    z: Tensor = wrap(array)
    z._node = node
    z._requires_grad = True
    return z


def refuse_change(node: Node, shape: Any, then: Any, version: Any) -> None:
    raise InplaceError(
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: a value of shape {list(shape)}, kept for {node.name()}, is at version "
        f"{version.number}; expected version {then if isinstance(then, int) else then[0]} instead. "
        f"It was changed last by {version.where or 'a write to its memory'}. Do the change on a "
        "clone(), or after backward()."
    )


def shared_gradients(node: Node, g: Any, kept: list[Any], create_graph: bool) -> Any:
    """The gradients of an operation whose `dall` serves all inputs at once."""
    shared: Any = node.plan.shared
    rule, places = shared
    if isinstance(g, list) and (node.primitive.gaps or not node.static.get("materialize", True)):
        g = tuple(g)
    elif isinstance(g, list):  # several results: zeros stand in for those nobody used
        blanks = [
            np.zeros(*like) if d is None else d for d, like in zip(g, node.results, strict=True)
        ]
        g = tuple(wrap(d) if create_graph and d.__class__ is ndarray else d for d in blanks)
    return rule(g, *[kept[i] for i in places])


def collect(grads: dict[Any, Any], node: Node, index: int, d: Any) -> list[Any]:
    """The gradients of an operation's several results so far, with that of one more."""
    several: list[Any] = grads.pop(node, None) or [None] * len(node.results)
    several[index] = d if several[index] is None else several[index] + d
    return several


def run_hooks(hooks: dict[int, Any], g: Any) -> Any:
    """The gradient after a tensor's hooks, which see and return tensors."""
    for hook in tuple(hooks.values()):
        before = conjugate(g if isinstance(g, Tensor) else wrap(g))
        after = hook(before)
        if after is None:
            continue
        if not isinstance(after, Tensor):
            raise ArgumentTypeError(
                f"a gradient hook must return a Tensor or None, not {type(after).__name__}"
            )
        if after.array.shape != before.array.shape:
            raise ShapeError(
                f"a gradient hook has changed the size of the gradient: {list(before.array.shape)} "
                f"became {list(after.array.shape)}"
            )
        g = conjugate(after if isinstance(g, Tensor) else after.array)
    return g


# -- what a user calls ------------------------------------------------------------------------


def backward_from(
    tensor: Any,
    gradient: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add to the `.grad` of every leaf the derivative of this tensor, times `gradient`, which a
    scalar does not need. Otherwise as `autograd.backward`."""
    backward(tensor, gradient, retain_graph, create_graph, inputs)


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add to the `.grad` of every leaf the derivative of the given tensors.

    d(leaf) = Σᵢ (∂tensorᵢ/∂leaf)ᵀ · grad_tensorᵢ; a scalar needs no `grad_tensor`. With `inputs`
    only those tensors receive a gradient. Raises `GradientError` for a tensor without history and
    `FreedGraphError` at a second time through the same graph unless `retain_graph=True`.
    """
    outputs = as_tuple(tensors)
    roots = [root_of(t, i, len(outputs)) for i, t in enumerate(outputs)]
    seeds = make_seeds(outputs, grad_tensors, create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    targets = None
    if inputs is not None:
        wanted = as_tuple(inputs)
        if not wanted:
            raise GradientError("`inputs` argument to `backward()` cannot be empty.")
        targets = {edge_of(t): t for t in wanted}
    found = run_guarded(roots, seeds, keep, create_graph, targets)
    receivers = []
    for edge in tuple(found):
        d = found.pop(edge)
        tensor: Any = edge
        if edge.__class__ is Node:
            tensor = targets[edge] if targets else retained_by(edge)
        elif targets is not None and edge not in targets:
            continue
        elif edge._hooks:
            d = run_hooks(edge._hooks, d)
        if tensor is None or d is None:
            continue
        if tensor.array.dtype.kind == "c":
            d = conjugate(d)
        if isinstance(d, Tensor):  # several leaves may get the same one: each gets its own memory
            receivers.append((tensor, apply(Copy, d)))
            continue
        fresh = d.base is None and getrefcount(d) - LOCAL <= 1
        receivers.append((tensor, d if fresh else np.array(d)))
    for tensor, d in receivers:
        accumulate(tensor, d)


def retained_by(node: Node) -> Tensor | None:
    """The tensor that wants the gradient of this node's result, if it is still alive."""
    reference = None if node.extra is None else node.extra.retain
    return None if reference is None else reference()


def accumulate(tensor: Tensor, d: Any) -> None:
    """`tensor.grad += d`, in place once there is one (as PyTorch, so that references stay
    valid)."""
    known: Any = tensor._grad
    announce("accumulate", tensor, known)
    if isinstance(d, Tensor):
        tensor._grad = d if known is None else known + d
    elif known is None:
        tensor._grad = wrap(d if d.dtype == tensor.array.dtype else d.astype(tensor.array.dtype))
    elif known._node is not None:
        tensor._grad = known + wrap(d)
    else:
        known.array += d
        if known._counter is not None:
            known._counter.bump("backward() accumulating into .grad")
    hooks = tensor.__dict__.get("_post_accumulate_grad_hooks")
    for hook in tuple(hooks.values()) if hooks else ():
        hook(tensor)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The derivatives of `outputs` with respect to `inputs`, as a tuple; no `.grad` is touched.

    Raises `GradientError` if an input does not require a gradient, or was not used and neither
    `allow_unused` (None in its place) nor `materialize_grads` (zeros) is set.
    """
    results, wanted = as_tuple(outputs), as_tuple(inputs)
    if is_grads_batched:
        raise GradientError("is_grads_batched is not supported; call grad() once per row")
    roots = [root_of(t, i, len(results)) for i, t in enumerate(results)]
    seeds = make_seeds(results, grad_outputs, create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    targets = {edge_of(t): t for t in wanted}
    found = run_guarded(roots, seeds, keep, create_graph, targets)
    grads: list[Tensor | None] = []
    for i, t in enumerate(wanted):
        d = found.get(edge_of(t))
        if d is not None and t._node is None and t._hooks:
            d = run_hooks(t._hooks, d)
        if d is None and materialize_grads:
            d = np.zeros_like(t.array)
        d = d if d is None else conjugate(d)
        if d is None and not allow_unused:
            raise GradientError(
                f"The differentiated Tensor at index {i} appears to not have been used in the "
                "graph. Set allow_unused=True if this is the desired behavior."
            )
        grads.append(d if d is None or isinstance(d, Tensor) else wrap(np.array(d)))
    return tuple(grads)


def run_guarded(
    roots: Sequence[Any], seeds: Sequence[Any], keep: bool, create_graph: bool, targets: Any
) -> dict[Any, Any]:
    """`run` in the right mode: recorded with `create_graph`, otherwise on bare arrays. Under a
    watch the rules see tensors too, so that it sees every operation of theirs."""
    watched = MODE.get().watch is not None and MODE.get().check is None
    if watched and not create_graph:
        seeds = [s if isinstance(s, Tensor) else wrap(s) for s in seeds]
    with np.errstate(all="ignore"):
        if create_graph or watched:
            with ModeGuard(grad=create_graph):
                return run(roots, seeds, keep=keep, create_graph=True, targets=targets)
        return run(roots, seeds, keep=keep, create_graph=False, targets=targets)


def as_tuple(tensors: Any) -> tuple[Any, ...]:
    if isinstance(tensors, Tensor):
        return (tensors,)
    found = tuple(tensors)
    for t in found:
        if not isinstance(t, Tensor):
            raise ArgumentTypeError(f"expected Tensors to differentiate, got {type(t).__name__}")
    return found


def edge_of(t: Tensor) -> Any:
    """What stands for a tensor in a graph: its node, or a leaf itself."""
    node = node_of(t)
    if not t._requires_grad:
        raise GradientError(
            "One of the differentiated Tensors does not require grad: it was made without "
            "requires_grad=True, or by detach() or under no_grad"
        )
    return t if node is None else node


def root_of(t: Tensor, i: int, count: int) -> Any:
    node = node_of(t)
    if not t._requires_grad:
        raise GradientError(
            f"element {i} of tensors does not require grad and does not have a grad_fn: nothing "
            "that was computed from a tensor with requires_grad=True leads here (or it was "
            "computed under no_grad, or detached)"
        )
    return t if node is None else node


def make_seeds(outputs: tuple[Any, ...], given: Any, create_graph: bool) -> list[Any]:
    """The gradients to start with: ones for scalars, else those given, checked."""
    if given is None:
        given = (None,) * len(outputs)
    elif isinstance(given, Tensor) or not isinstance(given, (tuple, list)):
        given = (given,)
    if len(given) != len(outputs):
        raise GradientError(f"got {len(outputs)} tensors and {len(given)} gradients")
    seeds = []
    for t, g in zip(outputs, given, strict=True):
        if g is None:
            if t.array.size != 1:
                raise GradientError(
                    "grad can be implicitly created only for scalar outputs: this one has shape "
                    f"{list(t.array.shape)}. Reduce it first, as in loss.mean().backward(), or "
                    "pass a gradient of its shape"
                )
            if t.array.dtype.kind == "c":
                raise GradientError(
                    f"grad can be implicitly created only for real scalar outputs but got {t.dtype}"
                )
            g = wrap(np.ones_like(t.array))
        elif not isinstance(g, Tensor):
            raise ArgumentTypeError(f"gradients must be Tensors or None, not {type(g).__name__}")
        if g.array.shape != t.array.shape:
            raise ShapeError(
                f"Mismatch in shape: grad_output has a shape of {list(g.array.shape)} and output "
                f"has a shape of {list(t.array.shape)}. Pass a gradient of the output's shape"
            )
        if g.array.dtype != t.array.dtype:
            if g.array.dtype.kind == "c" and t.array.dtype.kind != "c":
                raise DTypeError(f"a complex gradient ({g.dtype}) for a real output ({t.dtype})")
            g = fit(g, t.array.shape, t.array.dtype)
        seeds.append(conjugate(g if create_graph else g.array))
    return seeds

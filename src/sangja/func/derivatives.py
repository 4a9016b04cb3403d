"""Functions that give derivatives of functions, to any order: `grad`, `vjp`, `jvp`, `jacrev`, …

Each calls the function on fresh copies of its arguments, so that no `.grad` is touched and no
argument need require a gradient. What comes out has a graph only where something outside can be
differentiated through it: an argument or a value the function closes over.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from sangja.core.errors import ArgumentTypeError, GradientError
from sangja.engine import Tensor, enable_grad, grad as engine_grad, is_grad_enabled
from sangja.engine.backward import edge_of
from sangja.func.tree import flatten, tensors_of
from sangja.ops.create import ones_like, zeros_like
from sangja.ops.join import stack

Argnums = int | tuple[int, ...]


def fresh(x: Tensor) -> Tensor:
    """`x` as a variable of its own; derivatives of what is made of it still reach `x`."""
    if x.requires_grad and is_grad_enabled():
        return x.view_as(x)
    return x.detach().requires_grad_()


class Call:
    """One call of a function on variables of its own, ready to be differentiated."""

    def __init__(
        self,
        transform: str,
        func: Any,
        args: Sequence[Any],
        kwargs: Any,
        argnums: Argnums,
        aux: Any,
    ) -> None:
        places = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        for k in places:
            if not -len(args) <= k < len(args):
                raise GradientError(
                    f"{transform}: Got argnum={k}, but only {len(args)} positional inputs"
                )
        chosen = args[argnums] if isinstance(argnums, int) else tuple(args[k] for k in places)
        old, self.rebuild = tensors_of(chosen, transform, "the inputs to differentiate")
        outside = is_grad_enabled()
        self.inputs = [fresh(x) for x in old]
        new = self.rebuild(self.inputs)
        passed = list(args)
        for k, value in zip(places, (new,) if isinstance(argnums, int) else new, strict=True):
            passed[k] = value
        with enable_grad():
            result = func(*passed, **kwargs)
        self.aux = None
        if aux:
            if not (isinstance(result, tuple) and len(result) == 2):
                raise GradientError(
                    f"{transform}: output of function f should be a tuple: (output, aux) if "
                    f"has_aux is True, got {type(result).__name__}"
                )
            result, self.aux = result[0], closed(result[1], self.inputs, outside)
        self.outputs, self.shape = tensors_of(result, transform, "the output of the function")
        self.create_graph = outside and any(reaches_out(z, self.inputs) for z in self.outputs)

    def value(self) -> Any:
        """What the function returned, without the graph of the variables of this call."""
        return self.shape(self.outputs if self.create_graph else [z.detach() for z in self.outputs])

    def pull(self, cotangents: Sequence[Tensor], create_graph: bool | None = None) -> list[Tensor]:
        """Σ cotangent · ∂output/∂input for every input; zeros where nothing depends on it."""
        pairs = [(z, v) for z, v in zip(self.outputs, cotangents, strict=True) if z.requires_grad]
        if not pairs:
            return [zeros_like(x) for x in self.inputs]
        outputs, seeds = zip(*pairs, strict=True)
        create = self.create_graph if create_graph is None else create_graph
        grads = engine_grad(
            outputs, self.inputs, seeds, True, create, allow_unused=True, materialize_grads=True
        )
        return list(grads)  # type: ignore[arg-type]


def reaches_out(z: Tensor, inputs: Sequence[Tensor]) -> bool:
    """Whether the graph of `z` has a leaf other than `inputs`."""
    own = {id(x) for x in inputs if x.is_leaf}
    seen: set[int] = set()
    todo: list[Any] = [edge_of(z)] if z.requires_grad else []
    while todo:
        edge = todo.pop()
        if edge is None or id(edge) in seen:
            continue
        seen.add(id(edge))
        if not isinstance(edge, Tensor):
            todo.extend(edge.edges)
        elif id(edge) not in own:
            return True
    return False


def closed(tree: Any, inputs: Sequence[Tensor], outside: bool) -> Any:
    """A nest whose tensors keep their graph only where it leads out of this call."""
    leaves, rebuild = flatten(tree)
    keeps = [not isinstance(z, Tensor) or (outside and reaches_out(z, inputs)) for z in leaves]
    return rebuild([z if keep else z.detach() for z, keep in zip(leaves, keeps, strict=True)])


def grad_and_value(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Any:
    """A function that returns the derivative of `func` and the value of `func`.

    `func` returns a scalar, with `has_aux` a pair of it and something more; then the new function
    returns `(derivative, (value, more))`. Raises `GradientError` if the output is no scalar.

    >>> import sangja
    >>> grad_and_value(lambda x: x**3)(sangja.tensor(2.0))
    (tensor(12.), tensor(8.))
    """

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = Call("grad_and_value", func, args, kwargs, argnums, has_aux)
        if len(call.outputs) != 1 or call.outputs[0].ndim:
            got = [list(z.shape) for z in call.outputs]
            raise GradientError(
                "Expected f(*args) to return a scalar tensor, got tensors of shapes "
                f"{got}: reduce them, for example with .sum() or .mean(), or use jacrev"
            )
        derivative = call.rebuild(call.pull([ones_like(call.outputs[0])]))
        return derivative, ((call.value(), call.aux) if has_aux else call.value())

    return wrapper


def grad(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Any:
    """A function that returns the derivative of `func`, which returns a scalar.

    With respect to the positional argument `argnums`, or to several, as a tuple. With `has_aux`
    `func` returns `(output, more)`, and the new function `(derivative, more)`.

    >>> import sangja
    >>> grad(grad(sangja.sin))(sangja.tensor(0.5))
    tensor(-0.4794)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        derivative, value = both(*args, **kwargs)
        return (derivative, value[1]) if has_aux else derivative

    return wrapper


def all_of(primals: Sequence[Any]) -> tuple[int, ...]:
    return tuple(range(len(primals)))


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """`func(*primals)`, and the function v ↦ vᵀJ that gives one result per primal.

    >>> import sangja
    >>> y, pull = vjp(lambda x: x * x, sangja.tensor([1.0, 2.0]))
    >>> pull(sangja.tensor([1.0, 10.0]))
    (tensor([ 2., 40.]),)
    """
    call = Call("vjp", func, primals, {}, all_of(primals), has_aux)

    def pull(cotangents: Any) -> tuple[Any, ...]:
        seeds = checked(cotangents, call.outputs, "vjp", "cotangents", "output")
        outer = any(v.requires_grad for v in seeds) and is_grad_enabled()
        return tuple(call.rebuild(call.pull(seeds, call.create_graph or outer)))

    return (call.value(), pull, call.aux) if has_aux else (call.value(), pull)


def checked(
    given: Any, wanted: Sequence[Tensor], transform: str, name: str, what: str
) -> list[Tensor]:
    """The tensors of `given`, which have the structure and shapes of `wanted`."""
    found, _ = tensors_of(given, transform, name)
    shapes, expected = [list(v.shape) for v in found], [list(z.shape) for z in wanted]
    if shapes != expected:
        raise GradientError(
            f"{transform}: Expected {name} to have the same structure and shapes as the {what}: "
            f"wanted {expected}, got {shapes}"
        )
    return found


class Push:
    """The function v ↦ Jv of a call: w ↦ wᵀJ is linear in w, and its derivative is J."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.seeds = [zeros_like(z).requires_grad_() for z in call.outputs]
        with enable_grad():
            self.pulled = call.pull(self.seeds, create_graph=True)

    def __call__(self, tangents: Sequence[Tensor]) -> list[Tensor]:
        pairs = [(g, v) for g, v in zip(self.pulled, tangents, strict=True) if g.requires_grad]
        if not pairs:
            return [zeros_like(z) for z in self.call.outputs]
        outputs, seeds = zip(*pairs, strict=True)
        outer = is_grad_enabled() and any(v.requires_grad for v in tangents)
        create = self.call.create_graph or outer
        found = engine_grad(
            outputs, self.seeds, seeds, True, create, allow_unused=True, materialize_grads=True
        )
        return list(found)  # type: ignore[arg-type]


def jvp(func: Callable[..., Any], primals: Any, tangents: Any, *, has_aux: bool = False) -> Any:
    """`func(*primals)` and Jv, the derivative in the direction of `tangents`.

    Computed by two backward passes, not by dual numbers: the values are the same.

    >>> import sangja
    >>> jvp(sangja.sin, (sangja.tensor(0.0),), (sangja.tensor(2.0),))
    (tensor(0.), tensor(2.))
    """
    for name, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, tuple):
            raise ArgumentTypeError(
                f"jvp(f, primals, tangents): Expected {name} to be a tuple, got "
                f"{type(given).__name__}: write ({name[:-1]},)"
            )
    call = Call("jvp", func, primals, {}, all_of(primals), has_aux)
    along = call.shape(Push(call)(checked(tangents, call.inputs, "jvp", "tangents", "primals")))
    return (call.value(), along, call.aux) if has_aux else (call.value(), along)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """`func(*primals)`, and the function v ↦ Jv, which does not call `func` again."""
    call = Call("linearize", func, primals, {}, all_of(primals), False)
    push = Push(call)

    def along(*tangents: Any) -> Any:
        return call.shape(push(checked(tangents, call.inputs, "linearize", "tangents", "primals")))

    return call.value(), along


def basis(tensors: Sequence[Tensor], k: int) -> list[list[Tensor]]:
    """Zeros like `tensors`, once for each element of the k-th, with a 1 there."""
    found = []
    for i in range(tensors[k].numel()):
        row = [zeros_like(t).detach() for t in tensors]
        row[k].view(-1)[i] = 1
        found.append(row)
    return found


def rows_of(call: Call) -> list[list[Tensor]]:
    """∂outputs[k]/∂inputs[j] at [k][j], row by row: shape output.shape + input.shape."""
    found = []
    for k, z in enumerate(call.outputs):
        pulled = [call.pull(seeds) for seeds in basis(call.outputs, k)]
        found.append(
            [
                stack([p[j] for p in pulled]).reshape(*z.shape, *x.shape)
                for j, x in enumerate(call.inputs)
            ]
        )
    return found


def columns_of(call: Call) -> list[list[Tensor]]:
    """What `rows_of` gives, column by column."""
    push = Push(call)
    found: list[list[Tensor]] = [[] for _ in call.outputs]
    for j, x in enumerate(call.inputs):
        pushed = [push(tangents) for tangents in basis(call.inputs, j)]
        for k, z in enumerate(call.outputs):
            columns = stack([p[k] for p in pushed], dim=-1)  # (*output, elements of x)
            found[k].append(columns.reshape(*z.shape, *x.shape))
    return found


def jacobian_by(
    name: str, blocks: Callable[[Call], list[list[Tensor]]], func: Any, argnums: Argnums, aux: Any
) -> Any:
    """The function that returns all blocks, in the nest of the outputs of those of the inputs."""

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = Call(name, func, args, kwargs, argnums, aux)
        found = call.shape([call.rebuild(row) for row in blocks(call)])
        return (found, call.aux) if aux else found

    return wrapper


def jacrev(
    func: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
) -> Any:
    """A function that returns the Jacobian of `func`, of shape output.shape + input.shape.

    One backward pass per element of the output, so for functions with few outputs. `chunk_size`
    is taken and changes nothing: the passes are made one by one.

    >>> import sangja
    >>> jacrev(lambda x: x**2)(sangja.tensor([1.0, 3.0]))
    tensor([[2., 0.],
            [0., 6.]])
    """
    return jacobian_by("jacrev", rows_of, func, argnums, has_aux)


def jacfwd(
    func: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
) -> Any:
    """`jacrev`, computed with one pass per element of the input: for few inputs."""
    return jacobian_by("jacfwd", columns_of, func, argnums, has_aux)


def hessian(func: Callable[..., Any], argnums: Argnums = 0) -> Any:
    """A function that returns the second derivatives, of shape output + input + input.

    >>> import sangja
    >>> hessian(lambda x: x[0] * x[1] ** 2)(sangja.tensor([1.0, 3.0]))
    tensor([[0., 6.],
            [6., 2.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)

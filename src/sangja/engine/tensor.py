"""The box: a `Tensor` holds an array and remembers which operation made it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from sangja.core import dtypes
from sangja.core.errors import ArgumentTypeError, DTypeError, GradientError, ShapeError
from sangja.core.settings import settings
from sangja.core.shapes import Size, new_size
from sangja.engine.mode import announce
from sangja.engine.operations import Operations
from sangja.engine.primitive import Plan, Primitive
from sangja.engine.version import INFERENCE, InferenceVersion, Version

Array = np.ndarray[Any, Any]
Hook = Callable[[Any], Any]
create = object.__new__
ENDS = "ends "  # a key in `Node.static`, as the next
RESULTS = "results "  # a key in `Node.static` that no argument can have
SEVERAL: Any = ((), None)  # the target of an edge to an operation with several results
NOTHING: list[Any] = []  # what a node keeps whose rules need no value


class Node:
    """One remembered operation: where its inputs came from and what its rules need.

    `edges`: for each input that needs a gradient the node that made it, or the leaf tensor itself;
    `kept`: the values the rules name, None once they were used up; `versions`: by position in
    `kept` the version of an input when it was kept, or for the result its counter, where there is
    one;
    `targets`: shape and dtype of each input, None where they are those of the result; `extra`:
    hooks and notes, where there are any.
    """

    __slots__ = ("__weakref__", "edges", "extra", "kept", "plan", "static", "targets", "versions")

    plan: Plan
    static: dict[str, Any]
    edges: list[Any]
    kept: list[Any] | None
    versions: dict[int, Any] | None
    targets: list[tuple[tuple[int, ...], np.dtype[Any]]] | None
    extra: NodeExtra | None

    @property
    def results(self) -> list[Any]:
        """Shapes and dtypes of the results, of an operation that has several."""
        return self.static[RESULTS]  # type: ignore[no-any-return]

    @property
    def primitive(self) -> type[Primitive]:
        return self.plan.primitive

    def name(self) -> str:
        """PyTorch's name of the backward function, such as `MulBackward0`."""
        if self.primitive.grad_name == "PickBackward0":
            return str(self.edges[0].name())
        return self.static.get("grad_name") or self.primitive.name_of(self.static, self.targets)

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes (or accumulators of leaves) that the gradient goes on to, as in PyTorch; None
        for an input without a gradient."""
        edges = self.static.get(ENDS)
        if edges is None:
            primitive, needs = self.primitive, self.plan.needs
            count = max(len(primitive.inputs), *(i + 1 for i in needs), 1)
            by_place = dict(zip(needs, self.edges, strict=False))
            edges = [by_place.get(i) for i in primitive.shown or range(count)]
        return tuple((AccumulateGrad(e) if isinstance(e, Tensor) else e, e_index(e)) for e in edges)

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"


class NodeExtra:
    """What few nodes have: `hooks` on the gradient of the result, the tensor that shall `retain`
    it, and under anomaly detection the lines of the forward call (`made_at`) and its inputs by
    name (`made_from`)."""

    __slots__ = ("hooks", "made_at", "made_from", "retain")

    def __init__(self) -> None:
        self.hooks: dict[int, Hook] = {}
        self.retain: weakref.ref[Tensor] | None = None
        self.made_at: list[str] | None = None
        self.made_from: list[tuple[str, Any]] | None = None


def e_index(edge: Any) -> int:
    """Which output of its operation an edge leads to."""
    if type(edge) is Node and edge.primitive.grad_name == "PickBackward0":
        return int(edge.static["index"])
    return 0  # an index among the settings of other operations is the user's


class AccumulateGrad:
    """What stands at the end of a graph: adds the gradient to its leaf's `.grad`."""

    next_functions: tuple[tuple[Any, int], ...] = ()

    def __init__(self, variable: Tensor) -> None:
        self.variable = variable

    def name(self) -> str:
        return "AccumulateGrad"

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self.variable):#x}>"


class View:
    """How a tensor looks into another's memory: the primitives from `base` to it."""

    __slots__ = ("base", "path", "seen")

    def __init__(self, base: Tensor, path: tuple[Any, ...], seen: int) -> None:
        self.base = base
        self.path = path
        self.seen = seen


class Tensor(Operations):
    """An n-dimensional array that remembers the operations done to it.

    `sangja.tensor(data)` makes one. `array` is the NumPy array inside (not watched: write through
    it only where nothing differentiable happens; `numpy()` is the watched door).
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_counter",
        "_grad",
        "_hooks",
        "_node",
        "_requires_grad",
        "_view",
        "array",
    )
    __hash__ = object.__hash__  # by identity, as in PyTorch, although == compares elements
    __array_priority__ = 1000  # NumPy's operators leave mixed operations to ours

    array: Array
    _requires_grad: bool
    _node: Node | None
    _grad: Tensor | None
    _counter: Version | None
    _view: View | None
    _hooks: dict[int, Hook] | None

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = create(cls)
        self._requires_grad = False
        self._node = self._grad = self._counter = self._view = self._hooks = None
        self.array = legacy_array(args, settings.default_dtype)
        return self

    # -- what it is ------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        return new_size(Size, self.array.shape)

    @property
    def ndim(self) -> int:
        return self.array.ndim

    @property
    def dtype(self) -> dtypes.DType:
        return dtypes.OF_NUMPY[self.array.dtype]

    @property
    def itemsize(self) -> int:
        return self.array.itemsize

    @property
    def nbytes(self) -> int:
        return self.array.nbytes

    # -- what it remembers -----------------------------------------------------------------

    @property
    def grad_fn(self) -> Node | None:
        """The node of the operation that made this tensor; None for a leaf."""
        return node_of(self)

    @property
    def is_leaf(self) -> bool:
        """Whether a user made it, rather than a remembered operation."""
        return node_of(self) is None

    @property
    def requires_grad(self) -> bool:
        node_of(self)
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if node_of(self) is not None:
            if not value:
                raise GradientError(
                    "you can only change requires_grad flags of leaf variables. If you want to "
                    "use a computed variable in a subgraph that doesn't require differentiation "
                    "use var_no_grad = var.detach()."
                )
            return
        if value and not dtypes.is_differentiable(self.array.dtype):
            raise DTypeError(
                "only Tensors of floating point dtype can require gradients; this one is "
                f"{self.dtype}. Convert it first: x.float()"
            )
        if value and self._counter is not None:
            self._counter.check("Setting requires_grad=True on")
        self._requires_grad = bool(value)

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward()` accumulated here; None before the first."""
        announce("grad", self)
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise ArgumentTypeError(
                    f"assigned grad expected to be a Tensor or None but got {type(value).__name__}"
                )
            if value.array.shape != self.array.shape:
                raise ShapeError(
                    f"assigned grad has data of a different size: {list(value.array.shape)} "
                    f"for a tensor of shape {list(self.array.shape)}"
                )
            if value.array.dtype != self.array.dtype:
                raise DTypeError(
                    f"assigned grad has data of a different type: {value.dtype} "
                    f"for a tensor of {self.dtype}"
                )
        announce("zero_grad", self)
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def data(self) -> Tensor:
        """The same memory without history. Writes are counted: a gradient that needs the
        overwritten value is refused, never silently wrong."""
        return share(self)

    @data.setter
    def data(self, value: Tensor) -> None:
        version = version_of(self)
        version.bump("an assignment to .data")
        version.memory = memory_of(value)
        self.array = value.array

    @property
    def _version(self) -> int:
        """How often this memory was written to in place, through this tensor or a view of it."""
        return 0 if self._counter is None else self._counter.read()

    def is_inference(self) -> bool:
        """Whether it was made in `inference_mode`, and can take no part in differentiation."""
        return isinstance(self._counter, InferenceVersion)

    def _is_view(self) -> bool:
        return self._view is not None

    @property
    def _base(self) -> Tensor | None:
        return self._view.base if self._view is not None else None

    def __len__(self) -> int:
        if not self.array.ndim:
            raise ArgumentTypeError("len() of a 0-d tensor; its one number is x.item()")
        return len(self.array)


def legacy_array(args: tuple[Any, ...], dtype: np.dtype[Any]) -> Array:
    """The array of `Tensor(2, 3)` (zeros, where PyTorch leaves memory as it was),
    `Tensor([1, 2])` or `Tensor()`."""
    if len(args) == 1 and isinstance(args[0], Tensor):
        if args[0].array.dtype != dtype:
            raise ArgumentTypeError(
                f"expected a tensor of {dtypes.of(dtype)}, got one of {args[0].dtype}; convert it "
                f"with .to({dtypes.of(dtype)})"
            )
        return args[0].array
    if len(args) == 1 and isinstance(args[0], (list, tuple, np.ndarray, range)):
        if isinstance(args[0], Size):
            return np.zeros(args[0], dtype)
        return np.array(args[0]).astype(dtype)
    if not all(hasattr(n, "__index__") for n in args):
        raise ArgumentTypeError(
            f"new(): expected sizes (ints) or one sequence of numbers, got {args!r}; "
            "sangja.tensor(data) takes a number"
        )
    return np.zeros(args if args else (0,), dtype)


def named(z: Tensor, grad_name: str, *inputs: Tensor) -> Tensor:
    """z, whose backward function prints under PyTorch's name for the whole that it is the last
    operation of; with `inputs`, those of the whole are its next functions."""
    node = z._node
    if node is not None:
        node.static = {**node.static, "grad_name": grad_name}
        if inputs:
            ends = tuple((x._node or x) if x._requires_grad else None for x in inputs)
            node.static[ENDS] = ends
    return z


def wrap(array: Any) -> Tensor:
    """A new leaf tensor around an array, sharing its memory, that needs no gradient."""
    z: Tensor = create(Tensor)
    z.array = array if array.__class__ is np.ndarray else np.asarray(array)
    z._requires_grad = False
    z._node = z._grad = z._counter = z._view = z._hooks = None
    return z


def share(x: Tensor) -> Tensor:
    """A leaf over the same memory, with the same version counter."""
    z = wrap(x.array)
    z._counter = version_of(x)
    return z


def version_of(x: Tensor) -> Version:
    """The version counter of a tensor's memory, made now if there was none."""
    version = x._counter
    if version is INFERENCE:
        version = x._counter = InferenceVersion(x.array)
    elif version is None:
        version = x._counter = Version(x.array)
        node = x._node
        if node is not None and node.plan.keeps_out:  # the node keeps this very memory
            node.versions = node.versions or {}
            node.versions[len(node.plan.keep)] = version
    return version


def memory_of(x: Tensor) -> Array:
    """The array whose memory, from its first element on, is the storage that `x` looks into."""
    version = x._counter
    return x.array if version is None or version is INFERENCE else version.memory


def node_of(x: Tensor) -> Node | None:
    """The node that made `x`. For a view whose base was written to since, the history is worked
    out anew from the base's (the write may have come through another view)."""
    view = x._view
    if view is not None and x._counter is not None and view.seen != x._counter.number:
        refresh(x, view)
    return x._node


def base_of(view: View) -> Tensor:
    """The tensor that the path of a view starts from. Where that one was itself rearranged in place
    (`x.t_()`), it is what it was before."""
    while view.base._view is not None:
        view.base = view.base._view.base
    return view.base


def refresh(x: Tensor, view: View) -> None:
    assert x._counter is not None
    view.seen = x._counter.number
    fresh = base_of(view)
    if not fresh._requires_grad:
        return
    for look in view.path:
        fresh = look(fresh)
    x._node, x._requires_grad = fresh._node, fresh._requires_grad

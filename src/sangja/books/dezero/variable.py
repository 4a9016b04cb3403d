"""`Variable` and `Function` (steps 1–26): the box, and what bears it.

A `Variable` holds a sangja tensor. A `Function` of the reader's own, with `forward` on arrays and
`backward` on Variables, becomes one node of the engine's graph; the functions of the book are
`Operation`s, sangja's own operations with their own derivatives. So there is one graph, one
backward pass and one rule per derivative, and Variables and tensors may meet in one computation.

What differs from the book's code: a variable that was used twice gets both gradients (step 9's
`x.grad = …` overwrote), `backward()` of a variable without a creator is not an AttributeError,
results that nobody used do not break `backward`, and float32 stays float32 beside Python numbers.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sangja.books.dezero import cuda
from sangja.books.dezero.configuration import Config, using_config
from sangja.books.dezero.primitives import (
    Call,
    as_array,
    cut,
    owner_of,
    real,
    set_owner,
    unsupported,
    untyped,
    whole,
)
from sangja.core.errors import ArgumentTypeError, GradientError, ShapeError
from sangja.engine import Node, Tensor, apply, enable_grad, grad, no_grad as unrecorded, wrap
from sangja.engine.backward import retained_by, run_guarded
from sangja.engine.hooks import extra_of, retain_grad as retain
from sangja.engine.structure import broadcast_to


def watched(tensor: Tensor) -> Tensor:
    """A tensor that takes part in derivatives: every Variable does, also of integers."""
    tensor._requires_grad = True
    return tensor


class Variable(cuda.Box):
    """A box for an array: `data` the array, `grad` the gradient (a Variable), `creator` the
    function that made it, `name` for pictures.

    >>> import numpy as np
    >>> x = Variable(np.array(2.0))
    >>> y = x * x
    >>> y.backward()
    >>> x.grad
    variable(4.0)

    Raises `ArgumentTypeError`, a `TypeError`, for data that is neither an array nor None.
    """

    __array_priority__ = 200
    family: ClassVar[type[Variable]]  # the class of what functions make of these

    def __init__(self, data: Any, name: str | None = None) -> None:
        self.name = name
        self.tensor: Tensor | None = None
        self._creator: Any = None
        self._generation = 0
        self._gradient: Variable | None = None
        self._past: Node | None = None  # of a step of the engine's that no Variable was made of
        self.data = data

    @classmethod
    def of(cls, tensor: Tensor) -> Variable:
        """The Variable around a tensor, history included: the same one as long as it is alive."""
        variable = owner_of(tensor._node or tensor)
        if variable is None or variable.tensor is not tensor:
            variable = cls(None)
            variable.tensor = tensor
            set_owner(tensor._node or tensor, variable)
        return variable

    # -- the array -------------------------------------------------------------------------

    @property
    def data(self) -> Any:
        return None if self.tensor is None else self.tensor.array

    @data.setter
    def data(self, value: Any) -> None:
        if value is None:
            self.tensor = None
        elif not isinstance(value, cuda.array_types):
            raise ArgumentTypeError(unsupported(type(value)))
        elif self.tensor is None:
            self.tensor = watched(wrap(value))
            set_owner(self.tensor, self)
        else:
            self.tensor.array = value  # type: ignore[assignment]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def size(self) -> int:
        return self.data.size

    @property
    def dtype(self) -> Any:
        return self.data.dtype

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        if self.data is None:
            return "variable(None)"
        return "variable(" + str(self.data).replace("\n", "\n" + " " * 9) + ")"

    def __float__(self) -> float:
        return float(self.data)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.data, dtype, copy=copy)

    def to_cpu(self) -> None:
        if self.data is not None:
            self.data = cuda.as_numpy(self.data)

    def to_gpu(self) -> None:
        if self.data is not None:
            self.data = cuda.as_cupy(self.data)

    # -- the history -----------------------------------------------------------------------

    @property
    def node(self) -> Node | None:
        """The engine's node of the operation that made this Variable."""
        return self._past if self.tensor is None else self.tensor.grad_fn

    @property
    def creator(self) -> Any:
        """The function that made this Variable; None for one that a user made. In the graph of a
        gradient it is a `Recorded` operation of the engine."""
        if self._creator is None and self.node is not None:
            self._creator = Recorded(self.node, self)
        return self._creator

    @creator.setter
    def creator(self, function: Any) -> None:
        if function is None:
            self.unchain()
        else:
            self.set_creator(function)

    def set_creator(self, func: Any) -> None:
        self._creator = func
        self._generation = func.generation + 1

    @property
    def generation(self) -> int:
        """The length of the longest way from a Variable without creator to this one."""
        creator = self.creator
        return creator.generation + 1 if isinstance(creator, Recorded) else self._generation

    def unchain(self) -> None:
        """Forget the creator: gradients end here."""
        if self.node is not None:
            cut(self.node, self.tensor)
        if self.tensor is not None:
            set_owner(watched(self.tensor), self)
        self._creator, self._past, self._generation = None, None, 0

    def unchain_backward(self) -> None:
        """Forget everything that led to this Variable (truncated backpropagation, step 59)."""
        for x in tuple(ancestors(self)):
            x.unchain()

    # -- the gradient ----------------------------------------------------------------------

    @property
    def grad(self) -> Any:
        found = None if self.tensor is None else self.tensor._grad
        if found is None:
            self._gradient = None
        elif self._gradient is None or self._gradient.tensor is not found:
            self._gradient = Variable.of(watched(found))
        return self._gradient

    @grad.setter
    def grad(self, value: Any) -> None:
        if self.tensor is not None:
            self._gradient = None if value is None else as_variable(value)
            self.tensor._grad = None if self._gradient is None else self._gradient.tensor
        elif value is not None:
            raise GradientError("a Variable without data can have no gradient; set .data first")

    def cleargrad(self) -> None:
        self.grad = None

    def backward(self, retain_grad: bool = False, create_graph: bool = False) -> None:
        """Add to `grad` of every Variable without a creator the derivative of this one, times this
        one's own `grad` (ones if it has none).

        `retain_grad`: the Variables on the way keep theirs too. `create_graph`: the gradients are
        themselves remembered and can be differentiated. May be called again.
        """
        if self.tensor is None:
            raise GradientError("backward() of a Variable without data; set .data first")
        if self.tensor._grad is None:
            self.grad = Variable(cuda.get_array_module(self.data).ones_like(self.data))
        node, seed = self.node, self.tensor._grad
        if node is None or seed is None:
            return
        between = [x.tensor for x in ancestors(self) if x.tensor is not None] if retain_grad else []
        for x in between:
            retain(x)
        try:
            start = seed if create_graph else seed.array
            found = run_guarded([node], [start], True, create_graph, None)
            for edge, d in found.items():
                tensor = retained_by(edge) if isinstance(edge, Node) else edge
                if tensor is not None and d is not None:
                    deposit(tensor, d, integers=seed.array.dtype.kind in "iu")
        finally:
            for x in between:
                release(x)
        if not retain_grad:
            self.grad = None

    if TYPE_CHECKING:  # what `setup_variable` and `setup_methods` add

        def __add__(self, other: Any) -> Variable: ...
        def __radd__(self, other: Any) -> Variable: ...
        def __sub__(self, other: Any) -> Variable: ...
        def __rsub__(self, other: Any) -> Variable: ...
        def __mul__(self, other: Any) -> Variable: ...
        def __rmul__(self, other: Any) -> Variable: ...
        def __truediv__(self, other: Any) -> Variable: ...
        def __rtruediv__(self, other: Any) -> Variable: ...
        def __pow__(self, c: float) -> Variable: ...
        def __neg__(self) -> Variable: ...
        def __getitem__(self, slices: Any) -> Variable: ...
        def reshape(self, *shape: Any) -> Variable: ...
        def transpose(self, *axes: Any) -> Variable: ...
        def sum(self, axis: Any = None, keepdims: bool = False) -> Variable: ...
        def max(self, axis: Any = None, keepdims: bool = False) -> Variable: ...
        def min(self, axis: Any = None, keepdims: bool = False) -> Variable: ...
        def matmul(self, other: Any) -> Variable: ...
        def dot(self, other: Any) -> Variable: ...
        @property
        def T(self) -> Variable: ...


Variable.family = Variable


class Parameter(Variable):
    """A Variable that is learned."""


def deposit(tensor: Tensor, d: Any, integers: bool) -> None:
    """Add `d` to the gradient in `tensor`, in new memory: nobody's earlier gradient changes. The
    gradient of an integer result for integers is one of integers."""
    if not isinstance(d, Tensor):
        kind = tensor.array.dtype
        d = wrap(np.array(d, kind if integers and kind.kind in "iu" else None))
    known = tensor._grad
    if known is not None:
        d = known + d if d._node is not None else wrap(known.array + d.array)
    tensor._grad = d


def release(tensor: Tensor) -> None:
    """No further backward leaves a gradient in a tensor that is not a leaf."""
    if tensor._node is not None:
        extra_of(tensor._node).retain = None


def ancestors(y: Variable) -> Iterator[Variable]:
    """Every Variable that led to `y` and has a creator, `y` itself left out, each once."""
    seen, stack = {id(y)}, [y]
    while stack:
        creator = stack.pop().creator
        for x in creator.inputs if creator is not None else ():
            if id(x) not in seen and x.creator is not None:
                seen.add(id(x))
                stack.append(x)
                yield x


def as_variable(obj: Any) -> Variable:
    """A Variable as it is; an array or a sangja tensor in a new one."""
    if isinstance(obj, Variable):
        return obj
    return Variable.of(obj) if isinstance(obj, Tensor) else Variable(obj)


def as_inputs(inputs: tuple[Any, ...]) -> list[Variable]:
    """The inputs of a function as Variables. What was none is a constant and gets no gradient; a
    Python number takes the dtype of the floating Variables beside it."""
    given = [x for x in inputs if isinstance(x, (Variable, Tensor))]
    floats = [x.data.dtype for x in map(as_variable, given) if x.data is not None]
    floats = [dtype for dtype in floats if dtype.kind == "f"]
    variables = []
    for x in inputs:
        if isinstance(x, (Variable, Tensor)):
            variables.append(as_variable(x))
            continue
        number = type(x) in (int, float) and floats
        constant = Variable(np.array(x, np.result_type(*floats)) if number else as_array(x))
        if constant.tensor is not None:
            constant.tensor._requires_grad = False
        variables.append(constant)
    for i, v in enumerate(variables):
        if v.tensor is None:
            raise ArgumentTypeError(
                f"input {i} is a Variable without data (None); expected one with an array"
            )
    return variables


class Function:
    """Base of functions. A subclass writes `forward` on arrays and `backward` on Variables:

        class Sin(Function):
            def forward(self, x):
                return np.sin(x)

            def backward(self, gy):
                (x,) = self.inputs
                return gy * cos(x)

        y = Sin()(x)

    After a call `inputs` holds the Variables that came in, `outputs` weak references to those that
    went out, `generation` the greatest generation of the inputs.
    """

    inputs: list[Variable]
    outputs: list[Any]
    generation: int = 0

    def __call__(self, *inputs: Any) -> Any:
        variables = as_inputs(inputs)
        tensors: Any = [v.tensor for v in variables]
        if Config.enable_backprop:
            found = self.record(tensors)
        else:
            with unrecorded():
                found = self.record(tensors)
        family = variables[0].family if variables else Variable
        results = found if isinstance(found, tuple) else (found,)
        outputs = [family.of(watched(z)) for z in results]
        if Config.enable_backprop:
            self.generation = max((v.generation for v in variables), default=0)
            for y in outputs:
                y.set_creator(self)
            self.inputs = variables
            self.outputs = [weakref.ref(y) for y in outputs]
        return outputs if len(outputs) > 1 else outputs[0]

    def record(self, tensors: list[Tensor]) -> Any:
        """The result as a tensor, or a tuple of them, with a node whose rule is `backward`."""
        found = apply(Call, *tensors, function=self)
        if not isinstance(found, tuple):
            return untyped(found)
        if found[0]._node is not None:
            found[0]._node.edges[0].targets = None
        return found

    def differentiate(self, g: Any, shapes: tuple[tuple[int, ...], ...]) -> tuple[Any, ...]:
        """`backward` as the engine calls it: on arrays, or on tensors where the derivative is to be
        recorded; its results checked, and given back in the kind they came."""
        gys = g if isinstance(g, tuple) else (g,)
        recorded = any(isinstance(d, Tensor) for d in gys)
        family = self.inputs[0].family
        with using_config("enable_backprop", recorded):
            gxs = self.backward(
                *(family.of(watched(d if isinstance(d, Tensor) else wrap(d))) for d in gys)
            )
        found = list(gxs) if isinstance(gxs, (tuple, list)) else [gxs]
        found += [None] * (len(shapes) - len(found))
        for i, (d, shape) in enumerate(zip(found, shapes, strict=False)):
            if d is None:
                continue
            d = as_variable(as_array(d))
            if d.shape != shape:
                raise ShapeError(
                    f"{type(self).__name__}.backward returned a gradient of shape {d.shape} for "
                    f"input {i} of shape {shape}; they must be equal (see sum_to)"
                )
            found[i] = d.tensor if recorded else d.data
        return tuple(found)

    def forward(self, *xs: Any) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__}.forward is missing: write forward(self, x) on arrays"
        )

    def backward(self, *gys: Any) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__}.backward is missing: write backward(self, gy) on Variables"
        )


class Recorded(Function):
    """A step of a gradient's graph: an operation that the engine recorded while it
    differentiated, read from its node."""

    def __init__(self, node: Node, output: Variable) -> None:
        self.inputs = [variable_at(edge) for edge in node.edges]
        self.outputs = [weakref.ref(output)]
        self.name = node.primitive.__name__

    @property
    def generation(self) -> int:  # type: ignore[override]
        """Worked out anew each time: the node says only where its inputs came from."""
        depth: dict[int, int] = {}
        stack: list[Any] = [self]
        while stack:
            f = stack[-1]
            below = [x.creator for x in f.inputs if x.creator is not None]
            waiting = [g for g in below if isinstance(g, Recorded) and id(g) not in depth]
            if waiting:
                stack.extend(waiting)
                continue
            depths = [depth[id(g)] if isinstance(g, Recorded) else g.generation for g in below]
            depth[id(f)] = 1 + max(depths, default=-1)
            stack.pop()
        return depth[id(self)]


def variable_at(edge: Any) -> Variable:
    """The Variable of a node or leaf tensor; one without data where there was none."""
    variable = owner_of(edge)
    if variable is None and isinstance(edge, Node):
        variable = Variable(None)
        variable._past = edge
        set_owner(edge, variable)
    return Variable.of(edge) if variable is None else variable


class Operation(Function):
    """A function made of sangja's operations: `compute` on tensors is all it needs.

    `makes_floats`: integers become floats in it, as in a division. Otherwise the result for
    integers is one of integers.
    """

    makes_floats = False

    def compute(self, *xs: Any) -> Tensor:
        raise NotImplementedError

    def record(self, tensors: list[Tensor]) -> Any:
        dtypes = [t.array.dtype for t in tensors]
        integers = not self.makes_floats and all(dtype.kind in "biu" for dtype in dtypes)
        z = self.compute(*map(real, tensors))
        if integers:
            dtype = np.result_type(*dtypes)
            z = whole(z, np.int64 if dtype.kind == "b" else dtype)
        elif any(z is t for t in tensors):
            z = broadcast_to(z, z.array.shape)
        return z

    def forward(self, *xs: Any) -> Any:
        with unrecorded():
            return self.record([wrap(x) for x in xs]).array

    def backward(self, *gys: Any) -> Any:
        """The derivatives for all inputs, given that of the result: sangja's own rules, by hand."""
        tensors: Any = [x.tensor for x in self.inputs]
        wanted = [t for t in tensors if t._requires_grad]
        seed: Any = as_variable(gys[0]).tensor
        with enable_grad():
            z = self.record(tensors)
            found = iter(grad(z, wanted, seed, True, Config.enable_backprop, allow_unused=True))
        gxs = [next(found) if t._requires_grad else None for t in tensors]
        results = tuple(None if d is None else Variable.of(watched(d)) for d in gxs)
        return results if len(results) > 1 else results[0]

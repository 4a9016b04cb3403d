"""One operation: a forward rule on arrays and one derivative rule per input.

    class Multiply(Primitive):
        '''z = x · y'''
        def forward(xp, x, y): return x * y
        def dx(g, y): return g * y
        def dy(g, x): return g * x

`forward` takes the array module, the inputs, and after a `*` the static arguments. The rule `dx` is
the derivative for the input `x`: it gets `g`, the gradient of the result, and what its other
parameters name. That is all that is kept for the backward pass:

    x, y, …             an input's value
    out                 the result's value
    x_shape             an input's shape alone
    dim, keepdim, …     a static argument
    needs               which inputs need a gradient, a tuple of bools (for `dall`)
    shapes              the shapes of all inputs (where `forward` takes `*inputs`, as `Cat`)
    indices             the values of what `forward` takes as `*indices`, a list (as `Index`)

Rules use Python's operators and sangja's own functions, so that the same line computes with arrays
(the first derivative) and with tensors (recorded again: every higher one). A rule may forget
broadcasting and dtype: the engine undoes both. Where one computation serves several inputs,
`dall(g, …, needs)` returns a tuple with one gradient (or None) for each input.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

Rule = Callable[..., Any]
CO_VARARGS = 0x04  # of a code object's flags: the function takes `*args`


class Plan:
    """What to keep and which rules to call when a given set of inputs needs gradients.

    `needs`: positions of those inputs; `keep`: positions of the inputs whose values are kept;
    `rules`: per input of `needs` a rule and where its arguments lie among the kept values, which
    are laid out as [inputs of keep, out, extras, rest] (with `dall` no rule, and a place in what it
    returns);
    `extras`: (name, position or None) of shapes and statics; `keeps_rest`: whether all inputs
    without a name of their own are kept;
    `frees`: whether more than those is kept, which the backward pass gives up when it is used.
    """

    __slots__ = (
        "extras",
        "frees",
        "keep",
        "keeps_out",
        "keeps_rest",
        "mask",
        "needs",
        "primitive",
        "rules",
        "shared",
    )

    rules: tuple[tuple[Any, Any, tuple[Any, ...] | None], ...]

    def __init__(self, primitive: type[Primitive], mask: int) -> None:
        inputs = primitive.inputs
        self.primitive = primitive
        self.mask = mask
        self.needs = tuple(i for i in range(mask.bit_length()) if mask >> i & 1)
        chosen = (
            [primitive.shared] if primitive.shared else [primitive.rules[i] for i in self.needs]
        )
        wanted = [name for rule in chosen if rule for name in rule_parameters(rule)]
        self.keep = tuple(i for i, name in enumerate(inputs) if name in wanted)
        self.keeps_out = "out" in wanted
        layout = [inputs[i] for i in self.keep] + ["out"] * self.keeps_out
        self.keeps_rest = primitive.rest in wanted
        others = dict.fromkeys(n for n in wanted if n not in layout and n != primitive.rest)
        self.extras = tuple(primitive.extra(name) for name in others)
        self.frees = bool(self.keep) or self.keeps_out or self.keeps_rest or "context" in others
        layout += others
        where: dict[str, Any] = {name: place for place, name in enumerate(layout)}
        where[primitive.rest] = slice(len(layout), None)
        places = [tuple(where[n] for n in rule_parameters(r)) if r else () for r in chosen]
        self.shared = (chosen[0], places[0]) if primitive.shared else None
        if self.shared:
            self.rules = tuple((None, i, None) for i in self.needs)
        else:
            self.rules = tuple((r, *split(p)) for r, p in zip(chosen, places, strict=True))


def split(places: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...] | None]:
    """The first of a rule's places, and the others: None where there are none, the usual cases."""
    return (places[0] if places else None), (places[1:] or None)


def rule_parameters(rule: Rule) -> list[str]:
    """The names after `g` in a derivative rule."""
    return list(parameters(rule)[0])


def parameters(function: Rule) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """The positional parameters after the first, those after a `*`, and the name of `*rest`. Read
    from the code object: `inspect.signature` takes ten times as long, for every primitive at
    import."""
    code = function.__code__
    names, last = code.co_varnames, code.co_argcount
    statics = names[last : last + code.co_kwonlyargcount]
    has_rest = bool(code.co_flags & CO_VARARGS)
    rest = names[last + code.co_kwonlyargcount] if has_rest else ""
    return names[1:last], statics, rest


class Primitive:
    """Base of all operations with a derivative rule of their own. Never instantiated.

    Class attributes that a primitive may set:
    `promotes`: inputs are brought to one dtype by PyTorch's rule (element-wise operations): True
    for all, or the names of those;
    `floats`: integer inputs are brought to the default float dtype first (`sin`, `exp`, …);
    `views`: the result may share the memory of the first input;
    `grad_name`: the name under which a tensor prints it (`MulBackward0`);
    `shown`: the inputs in PyTorch's order, where it is another;
    `lets_go`: the result may be written to in place, although a rule names it;
    `gaps`: `dall` gets None for those of several results that nobody used, and not zeros.
    """

    promotes: ClassVar[bool | tuple[str, ...]] = False
    floats: ClassVar[bool] = False
    views: ClassVar[bool] = False
    grad_name: ClassVar[str] = ""
    shown: ClassVar[tuple[int, ...]] = ()
    lets_go: ClassVar[bool] = False
    gaps: ClassVar[bool] = False

    inputs: ClassVar[tuple[str, ...]] = ()
    variadic: ClassVar[bool] = False
    rest: ClassVar[str] = ""
    statics: ClassVar[tuple[str, ...]] = ()
    rules: ClassVar[tuple[Rule | None, ...]] = ()
    shared: ClassVar[Rule | None] = None
    differentiable: ClassVar[int] = 0
    plans: ClassVar[dict[int, Plan]] = {}
    forward: ClassVar[Rule]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "forward" in cls.__dict__:
            cls.inputs, cls.statics, cls.rest = parameters(cls.__dict__["forward"])
            cls.variadic = bool(cls.rest)
        cls.rules = tuple(getattr(cls, "d" + name, None) for name in cls.inputs)
        cls.shared = getattr(cls, "dall", None)
        cls.differentiable = sum(1 << i for i, rule in enumerate(cls.rules) if rule is not None)
        if cls.shared is not None:
            cls.differentiable = -1  # every input: `dall` returns None where it has none
        cls.plans = {}
        cls.grad_name = cls.__dict__.get("grad_name") or cls.__name__ + "Backward0"

    @classmethod
    def name_of(cls, static: dict[str, Any], targets: Any) -> str:
        """The name under which a tensor prints one use of it, by its static arguments and the
        shapes and dtypes of its inputs, where they are not those of the result."""
        return cls.grad_name

    @classmethod
    def plan(cls, mask: int) -> Plan:
        """The plan for the inputs in `mask`, made at its first use."""
        plan = cls.plans.get(mask)
        if plan is None:
            plan = cls.plans[mask] = Plan(cls, mask)
        return plan

    @classmethod
    def extra(cls, name: str) -> tuple[str, int | None]:
        """Where a rule's parameter that is neither input nor result comes from."""
        if name in cls.statics or name in ("needs", "shapes"):
            return name, None
        base = name.removesuffix("_shape")
        if base != name and base in cls.inputs:
            return name, cls.inputs.index(base)
        raise TypeError(
            f"{cls.__name__}: a rule asks for {name!r}, which is no input, static argument, "
            "input's shape, `out` or `needs`"
        )

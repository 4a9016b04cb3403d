"""How a tensor is written on the screen: PyTorch 2.13's text of it, to the character.

The numbers of one tensor share one notation and one width, both chosen from the finite values that
are not zero:

    every one an integer                 →  1., 2., 30.           a lone dot says "floating"
    otherwise                            →  0.1250, 2.0000        `precision` digits
    largest / smallest > 1000, or
    largest > 1e8, or smallest < 1e-4    →  1.2500e-05            scientific

Of more than `threshold` numbers only `edgeitems` at both ends of each dimension are shown. What the
numbers do not tell (dtype, size, grad_fn) follows as suffixes, on a new line where they do not fit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sangja.core.errors import ArgumentError, ArgumentTypeError

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass
class PrintOptions:
    """The choices of `set_printoptions`; `sci_mode` None lets the numbers decide."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


PROFILES: dict[str, dict[str, float]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}

print_options = PrintOptions()


def get_printoptions() -> dict[str, Any]:
    """The options in force, ready to be given back to `set_printoptions(**options)`."""
    return asdict(print_options)


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Choose how tensors are printed; an option left out keeps its value.

    As in PyTorch, `sci_mode` alone is not kept: leaving it out lets the numbers decide again.

    Args:
        precision: digits after the point.
        threshold: how many numbers are printed before the middle is left out.
        edgeitems: how many are shown at both ends of each dimension then.
        linewidth: characters per line.
        profile: "default", "short" (2 digits, 2 edge items) or "full" (nothing left out); the
            other arguments are applied on top of it.
        sci_mode: always (True), never (False), or as the numbers need (None).

    Raises:
        ArgumentError: a profile that does not exist, or a negative number.
    """
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    chosen: dict[str, float] = {}
    if profile is not None:
        if profile not in PROFILES:
            raise ArgumentError(
                f"set_printoptions has no profile {profile!r}; the profiles are "
                + ", ".join(f"'{name}'" for name in PROFILES)
            )
        chosen.update(PROFILES[profile])
    chosen.update({name: value for name, value in given.items() if value is not None})
    for name, value in chosen.items():
        if value < 0:
            raise ArgumentError(f"set_printoptions: {name} must not be negative, got {value}")
    print_options.sci_mode = sci_mode
    for name, value in chosen.items():
        setattr(print_options, name, value)


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Other print options inside a `with` block; takes what `set_printoptions` takes."""
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


class Notation:
    """How the numbers of one array are written: the format they share, the widest one's width."""

    def __init__(self, values: Array, options: PrintOptions) -> None:
        self.spec = ""
        self.dotted = False
        shown = values.ravel()
        if values.dtype.kind == "f":
            shown = shown[np.isfinite(shown) & (shown != 0)]
            self._choose_spec(shown, options)
        self.width = max((len(self._text(value)) for value in shown.tolist()), default=1)

    def _choose_spec(self, finite: Array, options: PrintOptions) -> None:
        integers = bool((np.ceil(finite) == finite).all())
        scientific = finite.size > 0 and options.sci_mode is True
        if finite.size and options.sci_mode is None:
            sizes = np.abs(finite)
            low, high = float(sizes.min()), float(sizes.max())
            scientific = high / low > 1000.0 or high > 1.0e8 or low < 1.0e-4
        self.dotted = integers and not scientific
        digits = 0 if self.dotted else options.precision
        self.spec = f".{digits}{'e' if scientific else 'f'}"

    def _text(self, value: Any) -> str:
        text = format(value, self.spec)
        return text + "." if self.dotted and math.isfinite(value) else text

    def write(self, value: Any) -> str:
        """The number, padded on the left to the width that all numbers of the array share."""
        return self._text(value).rjust(self.width)


@dataclass(frozen=True)
class _Layout:
    """What every level of the nested brackets needs to know."""

    write: Callable[[Any], str]
    width: int
    summarize: bool
    options: PrintOptions

    def edges(self, length: int) -> tuple[range, range] | None:
        """The indices kept at both ends of a dimension, or None where all of it is shown."""
        keep = self.options.edgeitems
        if not self.summarize or length <= 2 * keep:
            return None
        return range(keep), range(length - keep, length)


def _layout(array: Array, options: PrintOptions) -> _Layout:
    summarize = array.size > options.threshold
    shown = _shown(array, options.edgeitems) if summarize else array
    if array.dtype.kind != "c":
        notation = Notation(shown, options)
        return _Layout(notation.write, notation.width, summarize, options)
    real, imag = Notation(shown.real, options), Notation(shown.imag, options)

    def write_complex(value: complex) -> str:
        imag_text = imag.write(value.imag).lstrip() + "j"
        return real.write(value.real) + ("" if imag_text[0] in "+-" else "+") + imag_text

    return _Layout(write_complex, real.width + imag.width + 1, summarize, options)


def _shown(array: Array, edgeitems: int) -> Array:
    """The numbers that a summary shows; the notation is chosen from them alone."""
    for axis, length in enumerate(array.shape):
        if length > 2 * edgeitems:
            kept = [*range(edgeitems), *range(length - edgeitems, length)]
            array = array.take(kept, axis=axis)
    return array


def _nested(array: Array, indent: int, layout: _Layout) -> str:
    """The array in brackets; `indent` is the column of its opening bracket."""
    if array.ndim == 0:
        return layout.write(array.item())
    if array.ndim == 1:
        return _vector(array, indent, layout)
    edges = layout.edges(len(array))
    head, tail = edges or (range(len(array)), range(0))
    parts = [_nested(array[i], indent + 1, layout) for i in head]
    if edges:
        parts.append("...")
    parts += [_nested(array[i], indent + 1, layout) for i in tail]
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(parts) + "]"


def _vector(array: Array, indent: int, layout: _Layout) -> str:
    edges = layout.edges(len(array))
    if edges is None:
        items = [layout.write(value) for value in array.tolist()]
    else:
        head, tail = ([layout.write(array[i].item()) for i in part] for part in edges)
        # PyTorch sets the dots off by a second space, except where there is nothing to set off.
        items = [*head, " ..." if head else "...", *tail]
    per_line = max(1, (layout.options.linewidth - indent) // (layout.width + 2))
    lines = [", ".join(items[i : i + per_line]) for i in range(0, len(items), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def format_array(
    array: Array,
    *,
    prefix: str = "tensor(",
    suffixes: Sequence[str] = (),
    options: PrintOptions | None = None,
) -> str:
    """The text of a tensor, from its prefix to its closing bracket.

    The indentation is the length of the prefix's last line, so a parameter's prefix is
    `"Parameter containing:\\ntensor("`.

    Args:
        suffixes: finished texts such as `dtype=sangja.float64` or `requires_grad=True`, in order;
            see `array_suffixes` for those that follow from the array.
        options: those of `set_printoptions` unless given.

    >>> print(format_array(np.array([[1.0, 2.5], [-3.0, np.nan]]), suffixes=["requires_grad=True"]))
    tensor([[ 1.0000,  2.5000],
            [-3.0000,     nan]], requires_grad=True)
    """
    options = options or print_options
    if array.dtype.kind == "V":  # bfloat16, every number of which is one of float32
        array = array.astype(np.float32)
    indent = len(prefix) - (prefix.rfind("\n") + 1)
    body = _nested(array, indent, _layout(array, options)) if array.size else "[]"
    text = prefix + body
    column = len(text) - (text.rfind("\n") + 1) + 2
    for suffix in suffixes:
        if column + len(suffix) + 2 > options.linewidth:
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text + ")"


def array_suffixes(
    array: Array,
    dtype_name: str,
    default_dtype: np.dtype[Any],
    options: PrintOptions | None = None,
) -> list[str]:
    """The suffixes that follow from the array alone: size and dtype, where the numbers hide them.

    >>> array_suffixes(np.zeros((0, 3)), "sangja.float64", np.dtype("float32"))
    ['size=(0, 3)', 'dtype=sangja.float64']
    """
    options = options or print_options
    suffixes = []
    if (array.ndim != 1) if array.size == 0 else options.edgeitems == 0:
        suffixes.append(f"size={array.shape}")
    if shows_dtype(array, default_dtype):
        suffixes.append(f"dtype={dtype_name}")
    return suffixes


def shows_dtype(array: Array, default_dtype: np.dtype[Any]) -> bool:
    """Whether a dtype must be named: int64, bool and the default dtypes show by themselves."""
    if array.size == 0:
        return array.dtype != default_dtype
    default_complex = np.dtype("complex128" if default_dtype == np.float64 else "complex64")
    return array.dtype not in (default_dtype, default_complex, np.dtype("int64"), np.dtype("bool"))


def format_number(array: Array, spec: str) -> str:
    """`format(t, ".3f")` of a 0-d tensor: that of its Python number.

    Raises:
        ArgumentTypeError: the array has dimensions, so a number's format says nothing about it.

    >>> format_number(np.array(2.0), ".3f")
    '2.000'
    """
    if array.ndim:
        raise ArgumentTypeError(
            f"the format {spec!r} is for one number, but the tensor has shape {array.shape}; "
            "format its items one by one, or choose digits with set_printoptions(precision=...)"
        )
    return format(array.item(), spec)

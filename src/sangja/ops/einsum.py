"""Sums of products over named dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sangja.core.errors import ArgumentTypeError, DTypeError, ShapeError
from sangja.core.shapes import normalize_dim
from sangja.engine import Tensor
from sangja.ops.arguments import as_tensor
from sangja.ops.diagonal import diagonal
from sangja.ops.linalg import matmul
from sangja.ops.reduce import sum as sum_over
from sangja.ops.shape import permute, reshape

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
Labels = tuple[Any, ...]  # letters; the dimensions of an ellipsis are negative numbers, −1 the last


def einsum(*args: Any) -> Tensor:
    """z[output labels] = Σ Π operand[labels] over all labels that the output does not have.

    `einsum("bij,bjk->bik", x, y)`, `einsum("...i,i", x, v)`, or with lists of ints for letters:
    `einsum(x, [0, 1], y, [1, 2], [0, 2])`. Composed of `matmul`: operands are multiplied two at a
    time, at each step the two whose product is smallest; size-1 dimensions broadcast.

    >>> import sangja
    >>> sangja.einsum("ij->j", sangja.ones(2, 3))
    tensor([2., 2., 2.])
    """
    equation, operands = from_sublists(args)
    terms, output = parse(equation, operands)
    named = [take_diagonals(x, labels) for x, labels in zip(operands, terms, strict=True)]
    check_sizes(named)
    while len(named) > 1:
        i, j = cheapest_pair(named)
        first, second = named[i], named[j]
        rest = [named[k] for k in range(len(named)) if k not in (i, j)]
        needed = {label for _, labels in rest for label in labels} | set(output)
        named = [*rest, multiply(*first, *second, needed)]
    x, labels = named[0]
    gone = [d for d, label in enumerate(labels) if label not in output]
    if gone:
        x = sum_over(x, gone)
        labels = tuple(label for label in labels if label in output)
    return permute(x, [labels.index(label) for label in output]) if output else x


# -- reading the equation ---------------------------------------------------------------------


def from_sublists(args: Sequence[Any]) -> tuple[str, list[Tensor]]:
    """Both ways of calling, as an equation and its operands."""
    if not args:
        raise ArgumentTypeError(
            "einsum(): must specify the equation string and at least one operand"
        )
    if isinstance(args[0], str):
        given = args[1:]
        if len(given) == 1 and isinstance(given[0], (list, tuple)):
            given = tuple(given[0])
        equation = args[0]
    else:
        if len(args) < 2:
            raise ArgumentTypeError(
                "einsum(): must specify the operand and the sublist of its labels"
            )
        count = len(args) // 2
        given = args[0 : 2 * count : 2]
        equation = ",".join(map(spell, args[1 : 2 * count : 2]))
        if len(args) % 2:
            equation += "->" + spell(args[-1])
    if not given:
        raise ShapeError("einsum(): must provide at least one operand")
    return equation, [as_tensor(x, "operands") for x in given]


def spell(sublist: Any) -> str:
    """A list of numbers below 52 (and `...`) as letters."""
    for label in sublist:
        if label is not Ellipsis and not 0 <= label < len(LETTERS):
            raise ShapeError(
                f"einsum(): expected subscripts to be within range [0, {len(LETTERS)}), but got "
                f"{label}"
            )
    return "".join("..." if label is Ellipsis else LETTERS[label] for label in sublist)


def parse(equation: str, operands: list[Tensor]) -> tuple[list[Labels], Labels]:
    """The labels of each operand and of the result."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    texts = left.split(",")
    if len(texts) != len(operands):
        more = "fewer" if len(texts) < len(operands) else "more"
        raise ShapeError(
            f"einsum(): {more} subscripts ({len(texts)}) than operands ({len(operands)}) in "
            f"{equation!r}"
        )
    terms = [
        labels_of(text, x.ndim, equation, f"operand {i}")
        for i, (text, x) in enumerate(zip(texts, operands, strict=True))
    ]
    dots = max([0, *(-label for labels in terms for label in labels if isinstance(label, int))])
    ellipsis = tuple(range(-dots, 0))
    if not arrow:
        names = [label for labels in terms for label in labels if isinstance(label, str)]
        return terms, (*ellipsis, *sorted(n for n in set(names) if names.count(n) == 1))
    output = labels_of(right, None, equation, "the output", dots)
    known = {label for labels in terms for label in labels}
    for label in output:
        if output.count(label) > 1:
            raise ShapeError(
                f"einsum(): output subscript {label} appears more than once in the output of "
                f"{equation!r}"
            )
        if label not in known:
            raise ShapeError(
                f"einsum(): output subscript {label} does not appear in the equation for any input "
                f"operand: {equation!r}"
            )
    return terms, output


def labels_of(text: str, ndim: int | None, equation: str, where: str, dots: int = 0) -> Labels:
    """The labels of one term; its ellipsis stands for the dimensions that have no letter."""
    before, found, after = text.partition("...")
    for letter in before + after:
        if letter not in LETTERS:
            raise ShapeError(
                f"einsum(): invalid subscript given for {where} in {equation!r}: {letter!r}; "
                "subscripts must be in [a-zA-Z], with one ellipsis '...' at most"
            )
    if ndim is not None:
        dots = ndim - len(before) - len(after)
        if dots < 0 or (dots and not found):
            raise ShapeError(
                f"einsum(): the number of subscripts in the equation ({len(before + after)}) does "
                f"not match the number of dimensions ({ndim}) for {where} in {equation!r}"
                + ("" if found else " and no ellipsis was given")
            )
    return (*before, *(range(-dots, 0) if found else ()), *after)


def take_diagonals(x: Tensor, labels: Labels) -> tuple[Tensor, Labels]:
    """An operand in which every label occurs once: `ii` is its diagonal."""
    for label in labels:
        while labels.count(label) > 1:
            a = labels.index(label)
            b = labels.index(label, a + 1)
            if x.shape[a] != x.shape[b]:
                raise ShapeError(
                    f"einsum(): subscript {label} is repeated for one operand but the sizes don't "
                    f"match, {x.shape[b]} != {x.shape[a]}"
                )
            x = diagonal(x, 0, a, b)
            labels = (*(v for k, v in enumerate(labels) if k not in (a, b)), label)
    return x, labels


def check_sizes(named: list[tuple[Tensor, Labels]]) -> None:
    sizes: dict[Any, int] = {}
    for i, (x, labels) in enumerate(named):
        for label, n in zip(labels, x.shape, strict=True):
            known = sizes.get(label, 1)
            if n != 1 and known not in (1, n):
                what = f"subscript {label}" if isinstance(label, str) else "the ellipsis"
                raise ShapeError(
                    f"einsum(): operands do not broadcast with remapped shapes: {what} has size "
                    f"{n} for operand {i} which does not broadcast with previously seen size "
                    f"{known}"
                )
            sizes[label] = max(n, known) if n and known else 0
    if len({x.array.dtype for x, _ in named}) > 1:
        raise DTypeError(
            "einsum(): expected all operands to have the same dtype, but got "
            + ", ".join(str(x.dtype) for x, _ in named)
        )


# -- multiplying ------------------------------------------------------------------------------


def cheapest_pair(named: list[tuple[Tensor, Labels]]) -> tuple[int, int]:
    """The two operands whose product costs least beyond what it replaces (the greedy order of
    Smith & Gray 2018, opt_einsum)."""
    if len(named) == 2:
        return 0, 1
    sizes: dict[Any, int] = {}
    for x, labels in named:
        for label, n in zip(labels, x.shape, strict=True):
            sizes[label] = max(n, sizes.get(label, 1))

    def cost(i: int, j: int) -> int:
        union = set(named[i][1]) | set(named[j][1])
        return math.prod(sizes[label] for label in union)

    pairs = [(i, j) for j in range(len(named)) for i in range(j)]
    return min(pairs, key=lambda pair: cost(*pair))


def multiply(
    x: Tensor, xs: Labels, y: Tensor, ys: Labels, needed: set[Any]
) -> tuple[Tensor, Labels]:
    """The product of two operands as one batched `matmul`, summed over labels not needed any
    more."""
    x, xs = sum_unneeded(x, xs, needed | set(ys))
    y, ys = sum_unneeded(y, ys, needed | set(xs))
    shared = [label for label in xs if label in ys]
    summed = [label for label in shared if label not in needed]
    for label in summed:  # where one is 1 and is broadcast, sum the other first
        i, j = xs.index(label), ys.index(label)
        if x.shape[i] == 1 != y.shape[j]:
            y = sum_over(y, j, keepdim=True)
        elif y.shape[j] == 1 != x.shape[i]:
            x = sum_over(x, i, keepdim=True)
    batch = [label for label in shared if label in needed]
    left = [label for label in xs if label not in ys]
    right = [label for label in ys if label not in xs]
    a = permute(x, [xs.index(v) for v in (*batch, *left, *summed)])
    b = permute(y, [ys.index(v) for v in (*batch, *summed, *right)])
    kept = (*batch, *left, *right)
    if not summed:  # an outer product
        a = reshape(a, (*a.shape, *(1,) * len(right)))
        b = reshape(b, (*b.shape[: len(batch)], *(1,) * len(left), *b.shape[len(batch) :]))
        return a * b, kept
    n, k = len(batch), len(summed)
    rows, columns = a.shape[n : a.ndim - k], b.shape[n + k :]
    inner = math.prod(b.shape[n : n + k])
    z = matmul(
        reshape(a, (*a.shape[:n], math.prod(rows), inner)),
        reshape(b, (*b.shape[:n], inner, math.prod(columns))),
    )
    return reshape(z, (*z.shape[:n], *rows, *columns)), kept


def sum_unneeded(x: Tensor, labels: Labels, needed: set[Any]) -> tuple[Tensor, Labels]:
    """An operand without the dimensions whose labels nobody else has."""
    gone = [d for d, label in enumerate(labels) if label not in needed]
    if not gone:
        return x, labels
    return sum_over(x, gone), tuple(label for label in labels if label in needed)


def tensordot(a: Any, b: Any, dims: Any = 2) -> Tensor:
    """z = Σ a · b over the last `dims` dimensions of a and the first of b, or over the pairs of
    dimensions in `dims = (dims of a, dims of b)`."""
    x, y = as_tensor(a, "a"), as_tensor(b, "b")
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0 or dims > min(x.ndim, y.ndim):
            raise ShapeError(
                f"tensordot expects dims >= 0 and within both shapes, but got dims={dims}"
            )
        dims = list(range(x.ndim - dims, x.ndim)), list(range(dims))
    first, second = ([d] if isinstance(d, int) else list(d) for d in dims)
    first = [normalize_dim(d, x.ndim) for d in first]
    second = [normalize_dim(d, y.ndim) for d in second]
    if len(first) != len(second):
        raise ShapeError(
            f"tensordot: both dimension lists should have the same length, got {first} and {second}"
        )
    for d, e in zip(first, second, strict=True):
        if x.shape[d] != y.shape[e] and 1 not in (x.shape[d], y.shape[e]):
            raise ShapeError(
                f"tensordot: contracted dimensions need to match, but first has size {x.shape[d]} "
                f"in dim {d} and second has size {y.shape[e]} in dim {e}"
            )
    xs: list[Any] = [f"x{d}" for d in range(x.ndim)]
    ys: list[Any] = [f"y{d}" for d in range(y.ndim)]
    for d, e in zip(first, second, strict=True):
        ys[e] = xs[d]
    kept = [v for d, v in enumerate(xs) if d not in first]
    kept += [v for e, v in enumerate(ys) if e not in second]
    if x.array.dtype != y.array.dtype:
        raise DTypeError(f"tensordot: expected one dtype, but got {x.dtype} and {y.dtype}")
    return multiply(x, tuple(xs), y, tuple(ys), set(kept))[0]

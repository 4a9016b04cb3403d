"""What happens to the finished sums of a tile before they are stored."""

from __future__ import annotations

from collections.abc import Sequence

from sangja.backend.native import steps
from sangja.backend.native.emit import TYPES, Code, Value, constant
from sangja.backend.native.spec import Gemm, Step
from sangja.backend.native.tile import Mask, Sums, read, write


def outs(g: Gemm) -> list[tuple[str, tuple[int, ...]]]:
    """Scalar type and strides of a product's result and of the epilogue's operands."""
    return [(TYPES[g.dtype], g.c), *((TYPES[d], s) for d, s in g.operands)]


def check(epilogue: Sequence[Step]) -> None:
    """Raise Unsupported if a step has no kernel."""
    for step in epilogue:
        if step.op in ("acc", "load", "store", "const", "result"):
            continue
        inputs = tuple(epilogue[i].dtype for i in step.args)
        if not steps.supported(step.op, inputs, step.dtype):
            raise steps.Unsupported(step.op, step.dtype)


def evaluate(
    b: Code,
    epilogue: Sequence[Step],
    acc: Value,
    places: Sequence[tuple[Value, str, int]],
    mask: Mask,
) -> Value:
    """The value of the last step that is not a store. `places`: for each operand the address of the
    vector's first number, dtype, and distance of its numbers."""
    values: list[Value] = []
    result = acc
    for step in epilogue:
        if step.op == "acc":
            value = acc
        elif step.op == "result":
            value = values[step.args[0]]
        elif step.op == "const":
            value = constant(step.value, TYPES[step.dtype], acc.lanes)
        elif step.op == "load":
            place, dtype, distance = places[step.operand]
            value = read(b, place, TYPES[dtype], acc.lanes, distance, mask)
        elif step.op == "store":
            place, _, distance = places[step.operand]
            write(b, values[step.args[0]], place, distance, mask)
            values.append(values[step.args[0]])
            continue
        else:
            inputs = [epilogue[i].dtype for i in step.args]
            value = steps.emit(b, step.op, [values[i] for i in step.args], inputs, step.dtype)
        values.append(value)
        result = value
    return result


def finish(
    b: Code,
    sums: Sums,
    epilogue: Sequence[Step],
    places: Sequence[Value],
    outs: Sequence[tuple[str, tuple[int, ...]]],
    operands: Sequence[tuple[str, tuple[int, ...]]],
    masks: Sequence[Mask],
) -> None:
    """The epilogue on all sums of a tile, and the store. `outs`: scalar type and strides, the last
    two those of the tile's rows and columns, of the result and the operands, which are at
    `places`."""
    for i in range(sums.rows):
        for j, mask in enumerate(masks):
            at = [
                b.element(p, kind, constant(i * s[-2] + j * sums.lanes * s[-1], "i64"))
                for p, (kind, s) in zip(places, outs, strict=True)
            ]
            put(b, sums.get(i, j), epilogue, at, outs, operands, mask)


def put(
    b: Code,
    acc: Value,
    epilogue: Sequence[Step],
    places: Sequence[Value],
    outs: Sequence[tuple[str, tuple[int, ...]]],
    operands: Sequence[tuple[str, tuple[int, ...]]],
    mask: Mask,
) -> None:
    """The epilogue on one vector of sums, and the store."""
    others = [(place, dtype, s[-1]) for place, (dtype, s) in zip(places[1:], operands, strict=True)]
    write(b, evaluate(b, epilogue, acc, others, mask), places[0], outs[0][1][-1], mask)

"""What the three convolutions share: their shapes, their workspace, and images with a border."""

from __future__ import annotations

from dataclasses import dataclass

from sangja.backend.native.emit import TYPES, Code, Value, constant, kernel_text
from sangja.backend.native.llvm import Kernel, compile_kernel
from sangja.backend.native.matmul import Plan
from sangja.backend.native.packing import decode
from sangja.backend.native.spec import Step
from sangja.backend.native.tile import lanes_of, masks_for

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Conv:
    """`kind`: conv, conv_image or conv_weight; the shapes (B, C, H, W) of the image, (B, K, HO, WO)
    of the result, (K, C/groups, R, S) of the weight. Epilogue and operands as those of `Gemm`, the
    strides of operands along (image, row, pixel, channel) of what is computed."""

    kind: str
    image: tuple[int, ...]
    result: tuple[int, ...]
    weight: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[Pair, ...]
    dilation: tuple[int, ...]
    groups: int
    dtype: str = "f4"
    accumulate: bool = False
    epilogue: tuple[Step, ...] = ()
    operands: tuple[tuple[str, tuple[int, ...]], ...] = ()


class Builder:
    """Collects the stages of a plan and the parts of its workspace."""

    def __init__(self, dtype: str) -> None:
        self.plan = Plan()
        self.size = 8 if dtype == "f8" else 4
        self.elements = 0

    def room(self, elements: int) -> int:
        """The offset, in elements, of new room in the workspace."""
        start = self.elements
        self.elements += -(-elements // 64) * 64
        self.plan.workspace = self.elements * self.size
        return start

    def stage(self, kernel: Kernel, *roles: str, serial: bool = False) -> None:
        self.plan.stages.append((kernel, roles, serial))


def padded(
    made: Builder, conv: Conv, shape: tuple[int, ...], padding: tuple[Pair, ...], role: str
) -> tuple[int, tuple[int, int, int], str]:
    """Where the image with its border lies (offset, strides, role): copied if there is a border."""
    batch, channels, height, width = shape
    (top, bottom), (left, right) = padding
    if not any((top, bottom, left, right)):
        return 0, (height * width * channels, width * channels, channels), role
    tall, wide = height + top + bottom, width + left + right
    strides = (tall * wide * channels, wide * channels, channels)
    where = made.room(batch * strides[0])
    kernel = compile_kernel("border", border_text, shape, padding, conv.dtype, where)
    made.stage(kernel, role, "work")
    return where, strides, "work"


def border_text(shape: tuple[int, ...], padding: tuple[Pair, ...], dtype: str, where: int) -> str:
    """A copy of an image with a border of zeros, in parallel over images and rows."""
    b = Code()
    batch, channels, height, width = shape
    (top, bottom), (left, right) = padding
    tall, wide = height + top + bottom, width + left + right
    kind, lanes = TYPES[dtype], lanes_of(dtype)
    first, last = b.share(
        constant(batch * tall, "i64"), Value("%tid", "i64"), Value("%threads", "i64")
    )
    zero = constant(0.0, kind, lanes)

    def run(count: int, target: Value, source: Value | None) -> None:
        """Copy or clear `count` elements."""
        whole = count // lanes * lanes
        with b.loop(constant(0, "i64"), constant(whole, "i64"), lanes) as i:
            x = zero if source is None else b.load(b.element(source, kind, i), kind, lanes)
            b.store(x, b.element(target, kind, i))
        if whole < count:
            (mask,) = masks_for(count - whole, 1, lanes)
            assert mask is not None
            at = constant(whole, "i64")
            place = None if source is None else b.element(source, kind, at)
            x = zero if place is None else b.masked_load(place, kind, mask)
            b.masked_store(x, b.element(target, kind, at), mask)

    with b.loop(first, last) as line:
        image, row = decode(b, line, (batch, tall))
        target = b.element(Value("%p1", "ptr"), kind, b.add(b.mul(line, wide * channels), where))
        above = b.compare("slt", row, constant(top, "i64"))
        below = b.compare("sge", row, constant(top + height, "i64"))
        outside = b.binary("or", above, below)
        with b.when(outside):
            run(wide * channels, target, None)
        inside = b.binary("xor", outside, constant(1, "i1"))
        with b.when(inside):
            at = b.add(b.mul(image, height), b.sub(row, constant(top, "i64")))
            source = b.element(Value("%p0", "ptr"), kind, b.mul(at, width * channels))
            if left:
                run(left * channels, target, None)
            run(width * channels, b.element(target, kind, constant(left * channels, "i64")), source)
            if right:
                end = constant((left + width) * channels, "i64")
                run(right * channels, b.element(target, kind, end), None)
    b.line("ret void")
    return kernel_text("border", 2, b)


def zero_run(b: Code, place: Value, count: int, kind: str, lanes: int) -> None:
    """Clear `count` elements."""
    whole = count // lanes * lanes
    zero = constant(0.0, kind, lanes)
    with b.loop(constant(0, "i64"), constant(whole, "i64"), lanes) as i:
        b.store(zero, b.element(place, kind, i))
    for k in range(whole, count):
        b.store(constant(0.0, kind), b.element(place, kind, constant(k, "i64")))

"""Box–Muller on blocks of sixteen words, with the multiply-adds of PyTorch's AVX2 code.

The steps are those of `backend/normals.py`, which says where they come from; here the fused
multiply-adds are the processor's own, so that nothing has to pass through doubles. The bits are the
same.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from sangja.backend.native import llvm
from sangja.backend.native.address import address_of
from sangja.backend.native.emit import Code, Value, constant, kernel_text
from sangja.backend.native.llvm import compile_kernel
from sangja.backend.native.team import Command, Program
from sangja.core.settings import settings

Coefficients = tuple[float, ...]
LEAST = 4096  # words from which the kernel is worth its making
HALF = 8  # lanes: the first half of a block makes radii, the second angles


def usable(words: Any, out: Any) -> bool:
    """Whether the kernel may be asked."""
    plain = words.flags.c_contiguous and out.flags.c_contiguous and words.dtype == np.uint32
    return bool(words.size >= LEAST and plain and settings.native and llvm.available())


class Normals:
    """The kernel with its numbers: how many blocks, mean and standard deviation."""

    def __init__(self, log: Coefficients, sin: Coefficients, cos: Coefficients, rest: Any) -> None:
        kernel = compile_kernel("normals", normals_text, log, sin, cos, rest)
        self.about = np.zeros(2, np.float32)
        self.count = np.zeros(1, np.int64)
        pointers = [0, 0, address_of(self.about), address_of(self.count)]
        self.program = Program([Command(kernel, (0, 1, 2, 3), serial=True)], pointers)

    def fill(self, words: Any, out: Any, mean: float, std: float) -> None:
        """Normals of `words` into `out`, multiples of 16."""
        self.about[:] = mean, std
        self.count[0] = words.size // (2 * HALF)
        self.program.set_pointer(0, address_of(words))
        self.program.set_pointer(1, address_of(out))
        self.program.run(1)


def normals_text(
    log: Coefficients, sin: Coefficients, cos: Coefficients, rest: dict[str, float]
) -> str:
    """The kernel (words, out, (mean, std), count)."""
    b = Code()
    words, out, about, count = (Value(f"%p{i}", "ptr") for i in range(4))
    mean = b.splat(b.load(about, "float"), HALF)
    std = b.splat(b.load(b.element(about, "float", constant(1, "i64")), "float"), HALF)
    with b.loop(constant(0, "i64"), b.load(count, "i64")) as block:
        start = b.mul(block, 2 * HALF)
        first = b.element(words, "i32", start)
        target = b.element(out, "float", start)
        halves = []
        for i in range(2):
            word = b.load(b.element(first, "i32", constant(i * HALF, "i64")), "i32", HALF)
            halves.append(b.binary("and", word, whole(0xFFFFFF)))
        k = b.convert("sitofp", b.sub(whole(1 << 24), halves[0]), "float")
        radius = written_radius(b, k, log, rest)
        angle = b.convert("sitofp", halves[1], "float")
        for i, part in enumerate(written_cos_sin(b, angle, sin, cos, rest)):
            z = b.fma(b.mul(part, radius), std, mean)
            b.store(z, b.element(target, "float", constant(i * HALF, "i64")))
    b.line("ret void")
    return kernel_text("normals", 4, b)


def whole(value: int) -> Value:
    return constant(value, "i32", HALF)


def real(value: float) -> Value:
    return constant(value, "float", HALF)


def horner(b: Code, coefficients: Coefficients, x: Value) -> Value:
    """A polynomial, from the highest power down."""
    y = real(coefficients[0])
    for c in coefficients[1:]:
        y = b.fma(y, x, real(c))
    return y


def written_radius(b: Code, k: Value, log: Coefficients, rest: dict[str, float]) -> Value:
    """√(−2 ln(k·2⁻²⁴)), as `normals._radius`."""
    one, root, mantissa = 0x3F800000, 0x3F3504F3, 0x007FFFFF
    bits = b.add(b.convert("bitcast", k, "i32"), whole(one - root))
    e = b.convert("sitofp", b.binary("ashr", bits, whole(23)), "float")
    e = b.sub(e, real(127 + 24))
    bits = b.add(b.binary("and", bits, whole(mantissa)), whole(root))
    x = b.sub(b.convert("bitcast", bits, "float"), real(1))
    z = b.mul(x, x)
    y = b.mul(horner(b, log, x), x)
    y = b.fma(y, z, b.mul(e, real(rest["ln2_low"])))
    y = b.add(b.sub(y, b.mul(z, real(0.5))), x)
    y = b.add(y, b.mul(e, real(rest["ln2_high"])))
    return b.intrinsic("sqrt", b.mul(y, real(-2)))


def written_cos_sin(
    b: Code, k: Value, sin: Coefficients, cos: Coefficients, rest: dict[str, float]
) -> tuple[Value, Value]:
    """cos and sin of 2π·k·2⁻²⁴, as `normals._cos_sin`."""
    x = b.mul(k, real(rest["two_pi"]))
    octant = b.convert("fptosi", b.mul(x, real(rest["four_over_pi"])), "i32")
    octant = b.binary("and", b.add(octant, whole(1)), whole(-2))
    n = b.convert("sitofp", octant, "float")
    for part in ("pi4_first", "pi4_second", "pi4_third"):
        x = b.fma(n, real(-rest[part]), x)
    z = b.mul(x, x)
    c = b.mul(horner(b, cos, z), z)
    c = b.add(b.fma(c, z, b.mul(z, real(-0.5))), real(1))
    s = b.fma(b.mul(horner(b, sin, z), z), x, x)
    odd = b.compare("ne", b.binary("and", octant, whole(2)), whole(0))
    results = []
    for y, at in ((b.select(odd, s, c), b.add(octant, whole(2))), (b.select(odd, c, s), octant)):
        sign = b.binary("shl", b.binary("and", at, whole(4)), whole(29))
        turned = b.binary("xor", b.convert("bitcast", y, "i32"), sign)
        results.append(b.convert("bitcast", turned, "float"))
    return results[0], results[1]


@functools.cache
def normals(log: Coefficients, sin: Coefficients, cos: Coefficients, *rest: Any) -> Normals:
    """The one kernel for these coefficients."""
    return Normals(log, sin, cos, dict(rest))


__all__ = ["normals", "usable"]

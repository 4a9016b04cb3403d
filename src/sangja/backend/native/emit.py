"""LLVM's language, written line by line.

`Code` collects the body of one function. Every value is a `Value`: a name and a type, which is one
of LLVM's scalars or a vector of `lanes` of them. Variables that change in a loop live in `alloca`s,
which LLVM turns into registers. Text is enough, and ten times as fast to make as a tree of objects.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

# numpy's dtypes as LLVM's types, in registers and in memory.
TYPES = {
    "f4": "float", "f8": "double", "i8": "i64", "i4": "i32", "i2": "i16", "i1": "i8",
    "u1": "i8", "u2": "i16", "u4": "i32", "u8": "i64", "b1": "i1",
}  # fmt: skip
SIZES = {"float": 4, "double": 8, "i64": 8, "i32": 4, "i16": 2, "i8": 1, "i1": 1}


@dataclass(frozen=True, slots=True)
class Value:
    """A value in a register: its text, its scalar type, and how many of them (0: no vector)."""

    text: str
    kind: str
    lanes: int = 0

    @property
    def type(self) -> str:
        return vector(self.kind, self.lanes)


def vector(kind: str, lanes: int) -> str:
    """The type of `lanes` scalars, or of one alone."""
    return f"<{lanes} x {kind}>" if lanes else kind


def mangled(kind: str, lanes: int) -> str:
    """A type as it stands in the names of intrinsics."""
    short = {"float": "f32", "double": "f64", "ptr": "p0"}.get(kind, kind)
    return f"v{lanes}{short}" if lanes else short


def literal(value: Any, kind: str) -> str:
    """A number as LLVM writes it."""
    if kind in ("float", "double"):
        number = float(np.float32(value)) if kind == "float" else float(value)
        return f"0x{struct.unpack('>Q', struct.pack('>d', number))[0]:016X}"
    if kind == "i1":
        return "true" if value else "false"
    return str(int(value))


def constant(value: Any, kind: str, lanes: int = 0) -> Value:
    """The same number in every lane."""
    text = literal(value, kind)
    if lanes:
        text = "<" + ", ".join([f"{kind} {text}"] * lanes) + ">"
    return Value(text, kind, lanes)


class Code:
    """The body of one function, growing."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.entry: list[str] = []  # allocas, which stand first
        self.declared: dict[str, str] = {}
        self.count = 0
        self.block = "entry"

    def fresh(self, stem: str = "v") -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def line(self, text: str) -> None:
        self.lines.append("  " + text)

    def op(self, text: str, kind: str, lanes: int = 0) -> Value:
        """A new value, made by an instruction."""
        name = "%" + self.fresh()
        self.line(f"{name} = {text}")
        return Value(name, kind, lanes)

    def call(self, name: str, kind: str, lanes: int, *args: Value, flags: str = "") -> Value:
        """The result of an intrinsic, which is declared at its first call."""
        self.declare(name, vector(kind, lanes), *[a.type for a in args])
        given = ", ".join(f"{a.type} {a.text}" for a in args)
        return self.op(f"call {flags}{vector(kind, lanes)} @{name}({given})", kind, lanes)

    def declare(self, name: str, result: str, *types: str) -> None:
        self.declared[name] = f"declare {result} @{name}({', '.join(types)})"

    def intrinsic(self, stem: str, *args: Value) -> Value:
        """An intrinsic whose result has the type of its first argument: fma, sqrt, floor, …"""
        x = args[0]
        return self.call(f"llvm.{stem}.{mangled(x.kind, x.lanes)}", x.kind, x.lanes, *args)

    # -- arithmetic ----------------------------------------------------------------------------

    def binary(self, name: str, x: Value, y: Value, flags: str = "") -> Value:
        return self.op(f"{name} {flags}{x.type} {x.text}, {y.text}", x.kind, x.lanes)

    def add(self, x: Value, y: Value | int) -> Value:
        if isinstance(y, int):
            if y == 0:
                return x
            y = constant(y, x.kind, x.lanes)
        if x.kind == "i64" and not x.lanes and x.text == "0":
            return y
        return self.binary("fadd" if x.kind in ("float", "double") else "add", x, y)

    def mul(self, x: Value, y: Value | int) -> Value:
        if isinstance(y, int):
            if y == 1:
                return x
            if y == 0:
                return constant(0, x.kind, x.lanes)
            y = constant(y, x.kind, x.lanes)
        return self.binary("fmul" if x.kind in ("float", "double") else "mul", x, y)

    def sub(self, x: Value, y: Value) -> Value:
        return self.binary("fsub" if x.kind in ("float", "double") else "sub", x, y)

    def fma(self, x: Value, y: Value, z: Value) -> Value:
        """x · y + z, rounded once where the processor can."""
        return self.intrinsic("fma", x, y, z)

    def compare(self, how: str, x: Value, y: Value) -> Value:
        name = "fcmp" if x.kind in ("float", "double") else "icmp"
        return self.op(f"{name} {how} {x.type} {x.text}, {y.text}", "i1", x.lanes)

    def select(self, c: Value, x: Value, y: Value) -> Value:
        return self.op(
            f"select {c.type} {c.text}, {x.type} {x.text}, {y.type} {y.text}", x.kind, x.lanes
        )

    def convert(self, how: str, x: Value, kind: str) -> Value:
        return self.op(f"{how} {x.type} {x.text} to {vector(kind, x.lanes)}", kind, x.lanes)

    def splat(self, x: Value, lanes: int) -> Value:
        """A scalar in every lane."""
        if x.lanes == lanes:
            return x
        if not x.text.startswith("%"):
            text = "<" + ", ".join([f"{x.kind} {x.text}"] * lanes) + ">"
            return Value(text, x.kind, lanes)
        kind = vector(x.kind, lanes)
        one = self.op(f"insertelement {kind} poison, {x.kind} {x.text}, i32 0", x.kind, lanes)
        return self.op(
            f"shufflevector {kind} {one.text}, {kind} poison, <{lanes} x i32> zeroinitializer",
            x.kind,
            lanes,
        )

    # -- memory --------------------------------------------------------------------------------

    def variable(self, kind: str, lanes: int = 0, count: int = 1) -> Value:
        """Room for values that change, outside of all loops."""
        name = "%" + self.fresh("a")
        size = f", i64 {count}" if count > 1 else ""
        self.entry.append(f"  {name} = alloca {vector(kind, lanes)}{size}, align 64")
        return Value(name, "ptr")

    def element(self, base: Value, kind: str, index: Value) -> Value:
        """The address `index` elements after `base`."""
        if index.text == "0":
            return base
        kind = "i8" if kind == "i1" else kind
        return self.op(f"getelementptr inbounds {kind}, ptr {base.text}, i64 {index.text}", "ptr")

    def load(self, place: Value, kind: str, lanes: int = 0, align: int = 0) -> Value:
        memory = "i8" if kind == "i1" else kind
        align = align or SIZES.get(memory, 8)
        loaded = self.op(f"load {vector(memory, lanes)}, ptr {place.text}, align {align}",
                         memory, lanes)  # fmt: skip
        return self.from_memory(loaded, kind)

    def store(self, x: Value, place: Value, align: int = 0) -> None:
        x = self.to_memory(x)
        align = align or SIZES.get(x.kind, 8)
        self.line(f"store {x.type} {x.text}, ptr {place.text}, align {align}")

    def prefetch(self, place: Value, write: bool = False) -> None:
        """Call a line of memory into the first cache; the place may lie outside of all memory."""
        self.declare("llvm.prefetch.p0", "void", "ptr", "i32", "i32", "i32")
        how = f"i32 {int(write)}, i32 3, i32 1"
        self.line(f"call void @llvm.prefetch.p0(ptr {place.text}, {how})")

    def from_memory(self, x: Value, kind: str) -> Value:
        """Bools are bytes in memory."""
        return self.compare("ne", x, constant(0, "i8", x.lanes)) if kind == "i1" else x

    def to_memory(self, x: Value) -> Value:
        return self.convert("zext", x, "i8") if x.kind == "i1" else x

    def masked_load(self, place: Value, kind: str, mask: Value) -> Value:
        """Lanes without the mask are 0 and their memory is not touched."""
        memory, lanes = "i8" if kind == "i1" else kind, mask.lanes
        name = f"llvm.masked.load.{mangled(memory, lanes)}.p0"
        align = Value(str(SIZES[memory]), "i32")
        zero = Value("zeroinitializer", memory, lanes)
        loaded = self.call(name, memory, lanes, place, align, mask, zero)
        return self.from_memory(loaded, kind)

    def masked_store(self, x: Value, place: Value, mask: Value) -> None:
        x = self.to_memory(x)
        name = f"llvm.masked.store.{mangled(x.kind, x.lanes)}.p0"
        self.declare(name, "void", x.type, "ptr", "i32", mask.type)
        self.line(
            f"call void @{name}({x.type} {x.text}, ptr {place.text}, i32 {SIZES[x.kind]}, "
            f"{mask.type} {mask.text})"
        )

    def addresses(self, base: Value, kind: str, offsets: Value) -> Value:
        """A vector of addresses, from offsets in elements."""
        memory = "i8" if kind == "i1" else kind
        return self.op(
            f"getelementptr inbounds {memory}, ptr {base.text}, {offsets.type} {offsets.text}",
            "ptr",
            offsets.lanes,
        )

    def gather(self, places: Value, kind: str, mask: Value) -> Value:
        memory, lanes = "i8" if kind == "i1" else kind, places.lanes
        name = f"llvm.masked.gather.{mangled(memory, lanes)}.v{lanes}p0"
        align = Value(str(SIZES[memory]), "i32")
        zero = Value("zeroinitializer", memory, lanes)
        loaded = self.call(name, memory, lanes, places, align, mask, zero)
        return self.from_memory(loaded, kind)

    def scatter(self, x: Value, places: Value, mask: Value) -> None:
        x = self.to_memory(x)
        name = f"llvm.masked.scatter.{mangled(x.kind, x.lanes)}.v{x.lanes}p0"
        self.declare(name, "void", x.type, places.type, "i32", mask.type)
        self.line(
            f"call void @{name}({x.type} {x.text}, {places.type} {places.text}, "
            f"i32 {SIZES[x.kind]}, {mask.type} {mask.text})"
        )

    # -- the flow ------------------------------------------------------------------------------

    def label(self, name: str) -> None:
        self.lines.append(f"{name}:")
        self.block = name

    def jump(self, name: str) -> None:
        self.line(f"br label %{name}")

    @contextmanager
    def loop(self, start: Value, stop: Value, step: int = 1) -> Iterator[Value]:
        """Count from `start` while below `stop`."""
        stem = self.fresh("loop")
        before = self.block
        index = Value(f"%{stem}.i", "i64")
        self.jump(f"{stem}.head")
        self.label(f"{stem}.head")
        place = len(self.lines)
        self.lines.append("")
        go = self.compare("slt", index, stop)
        self.line(f"br i1 {go.text}, label %{stem}.body, label %{stem}.end")
        self.label(f"{stem}.body")
        yield index
        after = self.op(f"add i64 {index.text}, {step}", "i64")
        self.lines[place] = (
            f"  {index.text} = phi i64 [ {start.text}, %{before} ], [ {after.text}, %{self.block} ]"
        )
        self.jump(f"{stem}.head")
        self.label(f"{stem}.end")

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """What is inside runs only if the condition holds."""
        stem = self.fresh("when")
        self.line(f"br i1 {condition.text}, label %{stem}.then, label %{stem}.end")
        self.label(f"{stem}.then")
        yield
        self.jump(f"{stem}.end")
        self.label(f"{stem}.end")

    # -- the whole -----------------------------------------------------------------------------

    def share(self, count: Value, tid: Value, threads: Value) -> tuple[Value, Value]:
        """The part of `count` pieces that belongs to a thread: from, up to."""
        ends = []
        for which in (tid, self.add(tid, 1)):
            whole = self.op(f"mul i64 {count.text}, {which.text}", "i64")
            ends.append(self.op(f"sdiv i64 {whole.text}, {threads.text}", "i64"))
        return ends[0], ends[1]

    def text(self) -> str:
        """The function's body."""
        return "\n".join(["entry:", *self.entry, *self.lines])


def kernel_text(name: str, operands: int, code: Code, apart: bool = True) -> str:
    """A whole module: `code` is the body of a function of the operands `%p0`, `%p1`, …, `%tid` and
    `%threads`; the kernel around it reads the addresses. `apart`: no two operands overlap."""
    params = [f"ptr {'noalias ' if apart else ''}%p{i}" for i in range(operands)]
    head = ", ".join([*params, "i64 %tid", "i64 %threads"])
    lines = [f"define internal void @body({head}) alwaysinline {{"]
    lines += [code.text(), "}", ""]
    lines += [f"define void @{name}(ptr %args, i64 %tid, i64 %threads) {{", "entry:"]
    for i in range(operands):
        lines.append(f"  %s{i} = getelementptr inbounds ptr, ptr %args, i64 {i}")
        lines.append(f"  %p{i} = load ptr, ptr %s{i}, align 8")
    given = [f"ptr %p{i}" for i in range(operands)]
    lines.append(f"  call void @body({', '.join([*given, 'i64 %tid', 'i64 %threads'])})")
    lines += ["  ret void", "}", "", *code.declared.values()]
    return "\n".join(lines) + "\n"

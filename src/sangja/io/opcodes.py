"""The opcodes of a pickle, read one by one into plain data; nothing in a file can be executed.

`read_pickle` is a stack machine of its own. A name in the file (``GLOBAL``) is looked up in a
table of the caller and nowhere else; what the table gives is a `Builder`, a function of ours from
data to data. There is no import, no attribute access, no call of what a file brings, and a key
of a dict or set may only be a plain value. What is built is charged to a budget of memory, so that
a short file cannot ask for much.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

from sangja.core.errors import CheckpointError, DamagedFileError
from sangja.io.text import quote

# Bytes that the values may take beside the length of the file.
BUDGET = 40_000_000
_CONTAINER, _NUMBER, _NOTE = 120, 40, 72
_LONGEST_LINE = 4_000  # of the opcodes that write in text
_KEYS = (str, bytes, int, float, complex, bool, type(None))


class Builder(NamedTuple):
    """What a name in a file stands for: `make` is called with the arguments that stand there."""

    name: str
    make: Callable[..., Any]


class Mark:
    """Where a group of values begins on the stack."""


MARK = Mark()
Names = Mapping[tuple[str, str], Any]


class Machine:
    """The stack, the notes (memo) and the place in the bytes."""

    def __init__(
        self, data: Any, start: int, names: Names, persistent: Callable[[Any], Any]
    ) -> None:
        self.data, self.at, self.end = data, start, len(data)
        self.names, self.persistent = names, persistent
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.left = BUDGET + len(data)

    def run(self) -> Any:
        while True:
            code = self.take(1)
            if code == b".":
                value = self.stack.pop()
                if isinstance(value, (Mark, Builder)):
                    raise DamagedFileError("what it describes is no plain value")
                return value
            action = ACTIONS.get(code)
            if action is None:
                raise DamagedFileError(f"it has the opcode {quote(code)}, which is never needed")
            action(self)

    def charge(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise CheckpointError(
                "its values take more memory than a file of its size should need; keep long lists "
                "of numbers as tensors"
            )

    def take(self, count: int) -> bytes:
        if count < 0 or count > self.end - self.at:
            raise DamagedFileError("it ends too early")
        self.at += count
        return bytes(self.data[self.at - count : self.at])

    def number(self, code: str) -> int:
        return int(struct.unpack("<" + code, self.take(struct.calcsize(code)))[0])

    def line(self) -> str:
        found = bytes(self.data[self.at : self.at + _LONGEST_LINE])
        length = found.find(b"\n")
        if length < 0:
            raise DamagedFileError("a line in it has no end")
        self.at += length + 1
        return found[:length].decode("utf-8")

    def push(self, value: Any, cost: int = 8) -> None:
        self.charge(cost)
        self.stack.append(value)

    def group(self) -> list[Any]:
        """The values since the last mark."""
        for i in range(len(self.stack) - 1, -1, -1):
            if self.stack[i] is MARK:
                found = self.stack[i + 1 :]
                del self.stack[i:]
                return found
        raise DamagedFileError("a group in it has no beginning")


def read_pickle(
    data: Any, start: int, names: Names, persistent: Callable[[Any], Any]
) -> tuple[Any, int]:
    """The value that the pickle in `data` from `start` on describes, and where it ends.

    Raises
    ------
    DamagedFileError
        if it is no pickle or ends too early.
    CheckpointError
        if it names what `names` lacks, or asks for more memory than its length allows.
    """
    machine = Machine(data, start, names, persistent)
    try:
        return machine.run(), machine.at
    except CheckpointError:
        raise
    except MemoryError as error:
        raise CheckpointError("its values do not fit in memory") from error
    except (LookupError, ValueError, TypeError, OverflowError, struct.error) as error:
        raise DamagedFileError(
            f"its values cannot be read at byte {machine.at:,} ({type(error).__name__})"
        ) from error


def checked_key(key: Any) -> Hashable:
    """A key of a dict or set: a plain value, or a flat tuple of them."""
    flat = isinstance(key, tuple) and all(type(part) in _KEYS for part in key)
    if type(key) not in _KEYS and not flat:
        raise CheckpointError(f"a key in it is of type {type(key).__name__}; keys are plain values")
    return key  # type: ignore[no-any-return]


def find_name(machine: Machine, module: str, name: str) -> None:
    found = machine.names.get((module, name))
    if found is None:
        refuse_name(module, name)
    machine.push(found)


def refuse_name(module: str, name: str) -> None:
    full = f"{module}.{name}"
    if module.startswith(("torch.nn.", "torchvision.", "__main__")):
        raise CheckpointError(
            f"it holds a whole object of the class {quote(full)}, which only its program could "
            "rebuild. Save the weights instead, where the file was made: "
            "torch.save(model.state_dict(), path), and load them into a model built here with "
            "model.load_state_dict(...)"
        )
    raise CheckpointError(
        f"it names {quote(full)}, and a file may name only what tensors and plain data are made "
        "of; nothing was executed. Save plain data: tensors, numbers, strings, lists and dicts"
    )


def reduce(machine: Machine) -> None:
    arguments = machine.stack.pop()
    builder = machine.stack.pop()
    if not isinstance(builder, Builder) or not isinstance(arguments, tuple):
        raise CheckpointError("it calls a value, which is not allowed; nothing was executed")
    machine.push(builder.make(*arguments), _CONTAINER)


def new_object(machine: Machine) -> None:
    reduce(machine)


def build(machine: Machine) -> None:
    """State given to an object: of an OrderedDict (PyTorch's `_metadata`) it is left out."""
    state = machine.stack.pop()
    target = machine.stack[-1]
    if isinstance(target, OrderedDict) and isinstance(state, dict):
        return
    settle = getattr(target, "set_pickled_state", None) if isinstance(target, Described) else None
    if settle is None:
        raise CheckpointError(
            f"it changes the inside of a value of type {type(target).__name__}, which is not "
            "allowed; nothing was executed"
        )
    settle(state)


class Described:
    """Base of our own values that take a state from a pickle."""

    def set_pickled_state(self, state: Any) -> None:
        raise NotImplementedError


def put_items(machine: Machine, pairs: list[Any]) -> None:
    target = machine.stack[-1]
    if not isinstance(target, dict) or len(pairs) % 2:
        raise DamagedFileError("it puts items where no dict is")
    for i in range(0, len(pairs), 2):
        machine.charge(_CONTAINER)
        target[checked_key(pairs[i])] = pairs[i + 1]


def append(machine: Machine, values: list[Any]) -> None:
    target = machine.stack[-1]
    if not isinstance(target, list):
        raise DamagedFileError("it appends where no list is")
    machine.charge(16 * len(values))
    target.extend(values)


def add_to_set(machine: Machine) -> None:
    values = machine.group()
    target = machine.stack[-1]
    if type(target) is not set:
        raise DamagedFileError("it adds where no set is")
    machine.charge(_CONTAINER * len(values))
    target.update(map(checked_key, values))


def note(machine: Machine, place: int) -> None:
    machine.charge(_NOTE)
    machine.memo[place] = machine.stack[-1]


def pop_many(machine: Machine, count: int) -> list[Any]:
    if len(machine.stack) < count:
        raise DamagedFileError("it takes more values than it has")
    found = machine.stack[len(machine.stack) - count :]
    del machine.stack[len(machine.stack) - count :]
    if any(value is MARK for value in found):
        raise DamagedFileError("it takes a mark for a value")
    return found


def push_text(machine: Machine, length: int) -> None:
    machine.push(machine.take(length).decode("utf-8", "surrogatepass"), 56 + 4 * length)


def push_bytes(machine: Machine, length: int) -> None:
    machine.push(machine.take(length), 40 + length)


def push_old_text(machine: Machine, length: int) -> None:
    """A string of Python 2: text if it is UTF-8, else bytes."""
    raw = machine.take(length)
    try:
        machine.push(raw.decode("utf-8"), 56 + 4 * length)
    except UnicodeDecodeError:
        machine.push(raw, 40 + length)


def push_long(machine: Machine, length: int) -> None:
    machine.push(int.from_bytes(machine.take(length), "little", signed=True), _NUMBER + length)


def push_tuple(machine: Machine, values: list[Any]) -> None:
    machine.push(tuple(values), _CONTAINER + 8 * len(values))


def push_line_integer(machine: Machine) -> None:
    text = machine.line()
    machine.push({"00": False, "01": True}.get(text) if text in ("00", "01") else int(text))


def push_line_text(machine: Machine) -> None:
    text = machine.line()
    if "\\" in text:
        raise CheckpointError("it has a string with escapes in an old form")
    machine.push(text, 56 + 4 * len(text))


def push_frozen(machine: Machine) -> None:
    values = machine.group()
    machine.push(frozenset(map(checked_key, values)), _CONTAINER * (1 + len(values)))


def push_dict(machine: Machine) -> None:
    pairs = machine.group()
    machine.push({}, _CONTAINER)
    put_items(machine, pairs)


def push_list(machine: Machine) -> None:
    values = machine.group()
    machine.push(values, _CONTAINER + 8 * len(values))


def stack_name(machine: Machine) -> None:
    module, name = pop_many(machine, 2)
    if not isinstance(module, str) or not isinstance(name, str):
        raise CheckpointError("it names a value by what is no text; nothing was executed")
    find_name(machine, module, name)


def discard(machine: Machine) -> None:
    machine.stack.pop()


ACTIONS: dict[bytes, Callable[[Machine], None]] = {
    b"\x80": lambda m: check_protocol(m.number("B")),
    b"\x95": lambda m: discard_number(m.number("Q")),
    b"(": lambda m: m.push(MARK),
    b"0": discard,
    b"1": lambda m: discard_number(len(m.group())),
    b"2": lambda m: m.push(m.stack[-1]),
    b"N": lambda m: m.push(None),
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
    b"K": lambda m: m.push(m.number("B")),
    b"M": lambda m: m.push(m.number("H"), _NUMBER),
    b"J": lambda m: m.push(m.number("i"), _NUMBER),
    b"I": push_line_integer,
    b"L": lambda m: m.push(int(m.line().rstrip("L")), 2 * _LONGEST_LINE),
    b"\x8a": lambda m: push_long(m, m.number("B")),
    b"\x8b": lambda m: push_long(m, m.number("i")),
    b"F": lambda m: m.push(float(m.line()), _NUMBER),
    b"G": lambda m: m.push(struct.unpack(">d", m.take(8))[0], _NUMBER),
    b"V": push_line_text,
    b"X": lambda m: push_text(m, m.number("I")),
    b"\x8c": lambda m: push_text(m, m.number("B")),
    b"\x8d": lambda m: push_text(m, m.number("Q")),
    b"U": lambda m: push_old_text(m, m.number("B")),
    b"T": lambda m: push_old_text(m, m.number("i")),
    b"B": lambda m: push_bytes(m, m.number("I")),
    b"C": lambda m: push_bytes(m, m.number("B")),
    b"\x8e": lambda m: push_bytes(m, m.number("Q")),
    b")": lambda m: m.push(()),
    b"\x85": lambda m: push_tuple(m, pop_many(m, 1)),
    b"\x86": lambda m: push_tuple(m, pop_many(m, 2)),
    b"\x87": lambda m: push_tuple(m, pop_many(m, 3)),
    b"t": lambda m: push_tuple(m, m.group()),
    b"]": lambda m: m.push([], _CONTAINER),
    b"l": push_list,
    b"a": lambda m: append(m, pop_many(m, 1)),
    b"e": lambda m: append(m, m.group()),
    b"}": lambda m: m.push({}, _CONTAINER),
    b"d": push_dict,
    b"s": lambda m: put_items(m, pop_many(m, 2)),
    b"u": lambda m: put_items(m, m.group()),
    b"\x8f": lambda m: m.push(set(), 2 * _CONTAINER),
    b"\x90": add_to_set,
    b"\x91": push_frozen,
    b"q": lambda m: note(m, m.number("B")),
    b"r": lambda m: note(m, m.number("I")),
    b"p": lambda m: note(m, int(m.line())),
    b"\x94": lambda m: note(m, len(m.memo)),
    b"h": lambda m: m.push(m.memo[m.number("B")]),
    b"j": lambda m: m.push(m.memo[m.number("I")]),
    b"g": lambda m: m.push(m.memo[int(m.line())]),
    b"c": lambda m: find_name(m, m.line(), m.line()),
    b"\x93": stack_name,
    b"R": reduce,
    b"\x81": new_object,
    b"b": build,
    b"Q": lambda m: m.push(m.persistent(m.stack.pop()), _CONTAINER),
    b"P": lambda m: m.push(m.persistent(m.line()), _CONTAINER),
}


def check_protocol(number: int) -> None:
    if number > 5:
        raise DamagedFileError(f"it is written in protocol {number}; there are 0 to 5")


def discard_number(number: int) -> None:
    """The length of a frame, or how many values were dropped: neither is needed."""

"""Reads pickles of tensors without Python's unpickler: builds names and shapes, and executes nothing.

A pickle is a program for a stack machine. This one has its instructions, but only those names of functions
that state dicts need; any other name is refused. What a function would do is known: tensors become their
shapes, everything else a placeholder.

Source: CPython's ``Lib/pickletools.py``, which documents each instruction; PyTorch's ``torch/_utils.py``.
"""

from collections.abc import Callable
from typing import NamedTuple

from convcli.networks.models.state_dicts.rebuilding import (
    Mapped,
    Name,
    Placeholder,
    call_name,
    checked_name,
    persistent_storage,
)

__all__ = ["PickleError", "TruncatedPickleError", "Unpickled", "read_pickle"]

MAX_INSTRUCTIONS = 10_000_000
MAX_OBJECTS = 3_000_000
MAX_DIGITS = 4000
MARK = object()


class PickleError(Exception):
    """A pickle that cannot be read; the message says why."""


class TruncatedPickleError(PickleError):
    """A pickle that ends in the middle."""


class Unpickled(NamedTuple):
    """What a pickle holds, and the position after it."""

    value: object
    end: int


def read_pickle(content: bytes, start: int = 0) -> Unpickled:
    """Read a pickle.

    Parameters
    ----------
    content : bytes
    start : int
        Where it begins.

    Raises
    ------
    PickleError
        It is damaged, names a function that is not allowed, or has too many objects.

    Examples
    --------
    >>> import pickle
    >>> read_pickle(pickle.dumps([1, "two", (3.5, None)])).value
    [1, 'two', (3.5, None)]
    >>> read_pickle(b"cos\\nsystem\\n.")
    Traceback (most recent call last):
    ...
    convcli.networks.models.state_dicts.pickles.PickleError: os.system
    """
    return _Machine(content, start).run()


class _Machine:
    """The stack machine, with its memory of numbered objects."""

    def __init__(self, content: bytes, start: int) -> None:
        self._content = content
        self._at = start
        self._stack: list[object] = []
        self._memo: dict[int, object] = {}
        self._objects = 0

    def run(self) -> Unpickled:
        """Execute instructions until the one that ends the pickle."""
        instructions = INSTRUCTIONS
        content, length = self._content, len(self._content)
        for _ in range(MAX_INSTRUCTIONS):
            if self._at >= length:
                raise TruncatedPickleError("it ends in the middle")
            code = content[self._at]
            self._at += 1
            if code == STOP:
                return Unpickled(self.pop(), self._at)
            instruction = instructions.get(code)
            if instruction is None:
                raise PickleError(
                    f"byte {self._at - 1} is 0x{code:02x}, which is not an instruction of a pickle"
                )
            instruction(self)
        raise PickleError(f"it has more than {MAX_INSTRUCTIONS:,} instructions")

    # Reading the arguments of instructions ----------------------------------------------------------------

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        end = self._at + count
        if end > len(self._content):
            raise TruncatedPickleError(f"{count:,} bytes should follow byte {self._at:,}")
        part = self._content[self._at : end]
        self._at = end
        return part

    def number(self, count: int, *, signed: bool = False) -> int:
        """Return a number of so many bytes."""
        return int.from_bytes(self.take(count), "little", signed=signed)

    def line(self, encoding: str = "utf-8") -> str:
        """Return the text up to the end of the line."""
        end = self._content.find(b"\n", self._at)
        if end < 0:
            raise TruncatedPickleError("a line has no end")
        return self.take(end + 1 - self._at)[:-1].decode(encoding, "replace")

    # The stack --------------------------------------------------------------------------------------------

    def push(self, value: object) -> None:
        """Put a value on the stack."""
        self._stack.append(value)

    def push_new(self, value: object) -> None:
        """Put a new object on the stack, of which there may be only so many."""
        self._count(1)
        self._stack.append(value)

    def _count(self, objects: int) -> None:
        self._objects += objects
        if self._objects > MAX_OBJECTS:
            raise PickleError(f"it has more than {MAX_OBJECTS:,} objects")

    def pop(self) -> object:
        """Take a value from the stack."""
        if not self._stack or self._stack[-1] is MARK:
            raise PickleError(f"at byte {self._at} the stack is empty")
        return self._stack.pop()

    @property
    def top(self) -> object:
        """The value on top of the stack."""
        if not self._stack:
            raise PickleError(f"at byte {self._at} the stack is empty")
        return self._stack[-1]

    def pop_to_mark(self) -> list[object]:
        """Take all values above the last mark."""
        for index in range(len(self._stack) - 1, -1, -1):
            if self._stack[index] is MARK:
                values = self._stack[index + 1 :]
                del self._stack[index:]
                return values
        raise PickleError(f"at byte {self._at} a mark is missing")

    def keep(self, number: int) -> None:
        """Remember the value on top of the stack."""
        self._memo[number] = self.top

    def keep_next(self) -> None:
        """Remember the value on top of the stack under the next number."""
        self._memo[len(self._memo)] = self.top

    def recall(self, number: int) -> None:
        """Put a remembered value on the stack."""
        if number not in self._memo:
            raise PickleError(f"at byte {self._at} it needs object {number}, which does not exist")
        self.push(self._memo[number])

    # Objects ----------------------------------------------------------------------------------------------

    def push_decimal(self, text: str) -> None:
        """Put a number on the stack that is written in decimal digits."""
        digits = text.strip().removesuffix("L")
        if text in ("00", "01"):
            self.push(text == "01")
            return
        try:
            self.push(int(digits) if len(digits) < MAX_DIGITS else Placeholder("int"))
        except ValueError:
            raise PickleError(f"{text[:50]!r} is not a number") from None

    def push_long(self, count: int) -> None:
        """Put a number of so many bytes on the stack; a very long one is replaced."""
        content = self.take(count)
        self.push(int.from_bytes(content, "little", signed=True) if count <= 64 else Placeholder("int"))

    def push_text(self, content: bytes) -> None:
        """Put a text on the stack."""
        self.push(content.decode("utf-8", "replace"))

    def push_bytes(self, count: int) -> None:
        """Skip bytes, and put a placeholder for them on the stack."""
        self.take(count)
        self.push(Placeholder("bytes"))

    def push_name(self, module: object, name: object) -> None:
        """Put the name of a function or class on the stack, if it is allowed."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise PickleError("a name is not a text")
        module = "builtins" if module == "__builtin__" else module  # of Python 2
        if not checked_name(module, name):
            raise PickleError(f"{module}.{name}"[:200])
        self.push(Name(module, name))

    def append(self, values: list[object]) -> None:
        """Add values to the list on top of the stack."""
        if isinstance(self.top, list):
            self.top.extend(values)
        elif not isinstance(self.top, Mapped | Placeholder):
            raise PickleError(f"at byte {self._at} it adds to something that is not a list")

    def set_items(self, values: list[object]) -> None:
        """Add keys and values to the dictionary on top of the stack."""
        if len(values) % 2:
            raise PickleError(f"at byte {self._at} a key has no value")
        if isinstance(self.top, Mapped):
            self.top.pairs.extend(zip(values[::2], values[1::2], strict=True))
        elif not isinstance(self.top, Placeholder):
            raise PickleError(f"at byte {self._at} it adds to something that is not a dictionary")

    def call(self, arguments: object) -> None:
        """Replace the function on top of the stack by what it returns."""
        function = self.pop()
        if not isinstance(arguments, tuple):
            raise PickleError(f"at byte {self._at} a function has no arguments")
        if isinstance(function, Placeholder):
            self.push_new(function)
        elif isinstance(function, Name):
            made = call_name(function, arguments)
            if isinstance(
                made, Mapped
            ):  # a copy of what a list or dictionary holds, which takes memory again
                self._count(len(made.pairs))
            elif isinstance(made, list | tuple):
                self._count(len(made))
            self.push_new(made)
        else:
            raise PickleError(f"at byte {self._at} it calls something that is not a function")

    def push_persistent(self, key: object) -> None:
        """Put what is stored elsewhere on the stack: the values of a tensor."""
        self.push_new(persistent_storage(key))


def _put(machine: _Machine, size: int) -> None:
    machine.keep(machine.number(size))


def _decimal(machine: _Machine) -> int:
    text = machine.line()
    if not text.isdecimal() or len(text) > 10:
        raise PickleError(f"{text[:50]!r} is not the number of an object")
    return int(text)


def _pop_any(machine: _Machine) -> None:
    if machine.top is MARK:
        machine.pop_to_mark()
    else:
        machine.pop()


def _popped(machine: _Machine, count: int) -> tuple[object, ...]:
    values = [machine.pop() for _ in range(count)]
    return tuple(reversed(values))


def _paired(machine: _Machine) -> Mapped:
    values = machine.pop_to_mark()
    return Mapped(list(zip(values[::2], values[1::2], strict=False)))


def _new_object(machine: _Machine, *, has_keywords: bool = False) -> None:
    if has_keywords:
        machine.pop()
    machine.call(machine.pop())


def _old_object(machine: _Machine) -> None:
    values = machine.pop_to_mark()
    machine.push(values[0] if values else None)
    machine.call(tuple(values[1:]))


def _instance(machine: _Machine) -> None:
    module, name = machine.line(), machine.line()
    values = machine.pop_to_mark()
    machine.push_name(module, name)
    machine.call(tuple(values))


def _float_line(machine: _Machine) -> None:
    machine.line()
    machine.push(0.0)


def _quoted(machine: _Machine) -> None:
    machine.push(machine.line().strip("'\""))


def _stack_name(machine: _Machine) -> None:
    module, name = _popped(machine, 2)
    machine.push_name(module, name)


STOP = ord(".")
INSTRUCTIONS: dict[int, Callable[[_Machine], object]] = {
    0x80: lambda machine: machine.take(1),  # PROTO
    0x95: lambda machine: machine.take(8),  # FRAME
    ord("("): lambda machine: machine.push(MARK),
    ord("0"): _pop_any,
    ord("1"): lambda machine: machine.pop_to_mark(),
    ord("2"): lambda machine: machine.push(machine.top),
    ord("N"): lambda machine: machine.push(None),
    0x88: lambda machine: machine.push(True),
    0x89: lambda machine: machine.push(False),
    ord("I"): lambda machine: machine.push_decimal(machine.line()),
    ord("L"): lambda machine: machine.push_decimal(machine.line()),
    ord("J"): lambda machine: machine.push(machine.number(4, signed=True)),
    ord("K"): lambda machine: machine.push(machine.number(1)),
    ord("M"): lambda machine: machine.push(machine.number(2)),
    0x8A: lambda machine: machine.push_long(machine.number(1)),
    0x8B: lambda machine: machine.push_long(machine.number(4)),
    ord("F"): _float_line,
    ord("G"): lambda machine: machine.push(_double(machine.take(8))),
    ord("S"): _quoted,
    ord("V"): lambda machine: machine.push(machine.line("raw_unicode_escape")),
    ord("T"): lambda machine: machine.push_text(machine.take(machine.number(4))),
    ord("U"): lambda machine: machine.push_text(machine.take(machine.number(1))),
    ord("X"): lambda machine: machine.push_text(machine.take(machine.number(4))),
    0x8C: lambda machine: machine.push_text(machine.take(machine.number(1))),
    0x8D: lambda machine: machine.push_text(machine.take(machine.number(8))),
    ord("B"): lambda machine: machine.push_bytes(machine.number(4)),
    ord("C"): lambda machine: machine.push_bytes(machine.number(1)),
    0x8E: lambda machine: machine.push_bytes(machine.number(8)),
    0x96: lambda machine: machine.push_bytes(machine.number(8)),
    ord("]"): lambda machine: machine.push_new([]),
    ord("a"): lambda machine: machine.append([machine.pop()]),
    ord("e"): lambda machine: machine.append(machine.pop_to_mark()),
    ord("l"): lambda machine: machine.push_new(machine.pop_to_mark()),
    ord(")"): lambda machine: machine.push(()),
    ord("t"): lambda machine: machine.push_new(tuple(machine.pop_to_mark())),
    0x85: lambda machine: machine.push_new(_popped(machine, 1)),
    0x86: lambda machine: machine.push_new(_popped(machine, 2)),
    0x87: lambda machine: machine.push_new(_popped(machine, 3)),
    ord("}"): lambda machine: machine.push_new(Mapped([])),
    ord("d"): lambda machine: machine.push_new(_paired(machine)),
    ord("s"): lambda machine: machine.set_items(list(_popped(machine, 2))),
    ord("u"): lambda machine: machine.set_items(machine.pop_to_mark()),
    0x8F: lambda machine: machine.push_new([]),  # EMPTY_SET
    0x90: lambda machine: machine.append(machine.pop_to_mark()),  # ADDITEMS
    0x91: lambda machine: machine.push_new(machine.pop_to_mark()),  # FROZENSET
    ord("p"): lambda machine: machine.keep(_decimal(machine)),
    ord("q"): lambda machine: _put(machine, 1),
    ord("r"): lambda machine: _put(machine, 4),
    0x94: lambda machine: machine.keep_next(),
    ord("g"): lambda machine: machine.recall(_decimal(machine)),
    ord("h"): lambda machine: machine.recall(machine.number(1)),
    ord("j"): lambda machine: machine.recall(machine.number(4)),
    ord("c"): lambda machine: machine.push_name(machine.line(), machine.line()),
    0x93: _stack_name,
    ord("R"): lambda machine: machine.call(machine.pop()),
    ord("b"): lambda machine: machine.pop(),  # the state of an object: its attributes are left out
    0x81: _new_object,
    0x92: lambda machine: _new_object(machine, has_keywords=True),
    ord("o"): _old_object,
    ord("i"): _instance,
    ord("P"): lambda machine: machine.push_persistent(machine.line()),
    ord("Q"): lambda machine: machine.push_persistent(machine.pop()),
}


def _double(content: bytes) -> float:
    """Return a number of 8 bytes, highest first."""
    from struct import unpack

    number: float = unpack(">d", content)[0]
    return number

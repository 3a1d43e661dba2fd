"""Reads protobuf's wire format, the encoding of ONNX files, without touching the bytes that it skips."""

from collections.abc import Iterator
from struct import unpack_from
from typing import TYPE_CHECKING, NoReturn

from convcli.errors import SpecError

if TYPE_CHECKING:
    from mmap import mmap


__all__ = ["Span", "WireReader"]

MAX_NAME = 1 << 16  # bytes of a name; exporters write stack traces elsewhere
MAX_VARINT = 10  # bytes
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

Span = tuple[int, int]
"""Where a message or a string starts and stops in the file."""


class WireReader:
    """Reads messages from the bytes of a file.

    Parameters
    ----------
    name : str
        The file, for messages.
    data : bytes or mmap

    Examples
    --------
    >>> reader = WireReader("tiny.onnx", bytes([0x08, 0x96, 0x01, 0x12, 0x02, 0x68, 0x69]))
    >>> [(number, start, stop) for number, _, start, stop in reader.fields((0, 7))]
    [(1, 150, 3), (2, 5, 7)]
    >>> reader.text((5, 7))
    'hi'
    """

    def __init__(self, name: str, data: "bytes | mmap") -> None:
        self.name = name
        self.data = data

    def fail(self, why: str) -> NoReturn:
        """Raise the error for a damaged file."""
        raise SpecError(self.name, f"damaged or not a model: {why}")

    def fields(self, span: Span) -> Iterator[tuple[int, int, int, int]]:
        """Yield number, wire type, start and stop of each field of a message.

        A number (varint) has its value in place of its start.

        Raises
        ------
        SpecError
            A length leads beyond the end of the message, or the bytes are no fields.
        """
        data = self.data
        place, stop = span
        while place < stop:
            key = data[place]
            place += 1
            if key > 127:
                key, place = self._varint(place - 1, stop)
            wire = key & 7
            if wire in (VARINT, BYTES):
                if place >= stop:
                    self.fail(f"a field at byte {place} is cut off")
                value = data[place]
                place += 1
                if value > 127:
                    value, place = self._varint(place - 1, stop)
                if wire == VARINT:
                    yield key >> 3, wire, value, place
                    continue
                start, place = place, place + value
            elif wire == FIXED32:
                start, place = place, place + 4
            elif wire == FIXED64:
                start, place = place, place + 8
            else:
                self.fail(f"a field at byte {place} has wire type {wire}, which models do not use")
            if place > stop:
                self.fail(f"a field at byte {start} ends at {place}, beyond the end at {stop}")
            if not key >> 3:
                self.fail(f"a field at byte {start} has number 0")
            yield key >> 3, wire, start, place

    def _varint(self, place: int, stop: int) -> tuple[int, int]:
        """Return a number and the place after it."""
        value, data = 0, self.data
        for shift in range(0, 7 * MAX_VARINT, 7):
            if place >= stop:
                break
            byte = data[place]
            place += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value & 0xFFFF_FFFF_FFFF_FFFF, place
        return self.fail(f"a number before byte {place} is cut off or too long")

    def text(self, span: Span) -> str:
        """Return a string; bytes that are not UTF-8 become escapes."""
        start, stop = span
        if stop - start > MAX_NAME:
            self.fail(f"a name of {stop - start} bytes")
        return self.data[start:stop].decode("utf-8", "backslashreplace")

    def integers(self, wire: int, start: int, stop: int, limit: int) -> list[int]:
        """Return the signed numbers of a repeated field: one, or several packed, at most `limit`."""
        if wire == VARINT:
            return [signed(start)]
        if wire != BYTES:
            self.fail(f"a list of numbers at byte {start} has wire type {wire}")
        found: list[int] = []
        while start < stop:
            if len(found) == limit:
                self.fail(f"a list of more than {limit} numbers at byte {start}")
            value, start = self._varint(start, stop)
            found.append(signed(value))
        return found

    def floats(self, start: int, stop: int, limit: int) -> list[float]:
        """Return the numbers of a repeated float field: one, or several packed, at most `limit`."""
        count = (stop - start) // 4
        if count > limit:
            self.fail(f"a list of {count} numbers at byte {start}, more than {limit}")
        return list(unpack_from(f"<{count}f", self.data, start))


def signed(value: int) -> int:
    """Return a 64-bit number as a signed one."""
    return value - (1 << 64) if value >> 63 else value

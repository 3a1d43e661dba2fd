"""Finds the sizes of the AV1 pictures in an AVIF file, which may exceed the size in its header.

Source: ISO/IEC 14496-12, 8.11.3 (item locations); AOMedia, AV1 Bitstream & Decoding Process Specification,
5.3 to 5.5 (units of the bitstream, sequence header).
"""

from collections.abc import Iterator
from typing import BinaryIO

from convcli.pictures.headers.boxes import find_boxes, read_box

__all__ = ["coded_pixels"]

MAX_ITEMS, MAX_UNITS = 1000, 8  # read per file, and per item
MAX_LOCATIONS = 1 << 16  # bytes of the box with the places of items
HEADER_BYTES = 128  # of a sequence header
SEQUENCE_HEADER = 1  # type of a unit
HAS_EXTENSION, HAS_SIZE = 0x04, 0x02
IN_FILE, IN_BOX = 0, 1  # where the places of an item count from
FIRST_LEVEL_WITH_TIER = 8


class _Numbers:
    """Reads unsigned numbers bit by bit; all bits after the end are 0."""

    def __init__(self, data: bytes) -> None:
        self.bits = int.from_bytes(data)
        self.left = 8 * len(data)

    def skip(self, count: int) -> None:
        self.left -= count

    def read(self, count: int) -> int:
        self.left -= count
        shifted = self.bits >> self.left if self.left >= 0 else self.bits << -self.left
        return shifted & ((1 << count) - 1)

    def skip_variable(self) -> None:
        """Skip a number that begins with as many zeros as bits follow."""
        zeros = 0
        while self.left > 0 and not self.read(1):
            zeros += 1
        self.skip(zeros)


def coded_pixels(stream: BinaryIO) -> int:
    """Return the pixels of the largest picture that is coded as AV1; 0 if none is found."""
    return max((_sequence_pixels(stream, place) for place in _places(stream)), default=0)


def _places(stream: BinaryIO) -> Iterator[int]:
    """Yield where the data of each item begins."""
    data_box = next(find_boxes(stream, b"meta", b"idat"), None)
    for box in find_boxes(stream, b"meta", b"iloc"):
        numbers = _Numbers(read_box(stream, box, MAX_LOCATIONS))
        version = numbers.read(8)
        numbers.skip(24)  # flags
        offset, length, base, index = (8 * numbers.read(4) for _ in range(4))
        wide = 32 if version == 2 else 16
        for _ in range(min(numbers.read(wide), MAX_ITEMS)):
            numbers.skip(wide)
            method = numbers.read(16) & 15 if version else IN_FILE
            numbers.skip(16)
            start = numbers.read(base)
            extents = numbers.read(16)
            if not extents or numbers.left <= 0:
                return
            numbers.skip(index if version else 0)
            place = start + numbers.read(offset)
            numbers.skip(length + (extents - 1) * ((index if version else 0) + offset + length))
            if method == IN_FILE:
                yield place
            elif method == IN_BOX and data_box is not None:
                yield data_box.start + place


def _sequence_pixels(stream: BinaryIO, place: int) -> int:
    """Return the pixels of the largest frame by the first sequence header."""
    for _ in range(MAX_UNITS):
        stream.seek(min(place, (1 << 63) - 1))
        data = stream.read(HEADER_BYTES)
        if len(data) < 2:
            return 0
        start, size = 2 if data[0] & HAS_EXTENSION else 1, 0
        if data[0] & HAS_SIZE:
            for number, byte in enumerate(data[start : start + 8]):
                size |= (byte & 0x7F) << 7 * number
                start += 1
                if byte < 0x80:
                    break
        if data[0] >> 3 & 15 == SEQUENCE_HEADER:
            return _frame_pixels(_Numbers(data[start:]))
        if not data[0] & HAS_SIZE:
            return 0
        place += start + size
    return 0


def _frame_pixels(numbers: _Numbers) -> int:
    numbers.skip(4)  # the profile, and whether it is a still picture
    if numbers.read(1):  # a short header
        numbers.skip(5)
    else:
        _skip_operating_points(numbers)
    width_bits, height_bits = numbers.read(4) + 1, numbers.read(4) + 1
    pixels = (numbers.read(width_bits) + 1) * (numbers.read(height_bits) + 1)
    return 0 if numbers.left < 0 else pixels


def _skip_operating_points(numbers: _Numbers) -> None:
    delay_bits = 0
    if numbers.read(1):  # timing
        numbers.skip(64)
        if numbers.read(1):
            numbers.skip_variable()
        if numbers.read(1):  # a model of the decoder
            delay_bits = numbers.read(5) + 1
            numbers.skip(42)
    has_delay = numbers.read(1)
    for _ in range(numbers.read(5) + 1):
        numbers.skip(12)
        if numbers.read(5) >= FIRST_LEVEL_WITH_TIER:
            numbers.skip(1)
        if delay_bits and numbers.read(1):
            numbers.skip(2 * delay_bits + 1)
        if has_delay and numbers.read(1):
            numbers.skip(4)

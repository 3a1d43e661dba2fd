"""Reads the header of JPEG XL files.

Source: ISO/IEC 18181-1 (JPEG XL codestream), annexes B and D, and 18181-2 (file format).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from convcli.errors import ImageError
from convcli.pictures.headers.boxes import find_boxes, read_box

__all__ = ["JpegXlHeader", "read_jpegxl"]

HEADER_BYTES = 1 << 12
RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
ALPHA, BLACK = 0, 4  # types of an extra channel
GRAY = 1  # color space


@dataclass(frozen=True)
class JpegXlHeader:
    """What a JPEG XL file holds.

    Attributes
    ----------
    size : (int, int)
        Height and width of the upright picture.
    bits : int
    floats : bool
    gray : bool
    extra : tuple of int
        The types of the extra channels: 0 is alpha.
    associated : bool
        Whether alpha is multiplied into the colors.
    animated : bool
    profiled : bool
        Whether it has an ICC profile.
    """

    size: tuple[int, int]
    bits: int
    floats: bool
    gray: bool
    extra: tuple[int, ...]
    associated: bool
    animated: bool
    profiled: bool


def read_jpegxl(stream: BinaryIO, name: str) -> JpegXlHeader:
    """Read the header of a JPEG XL file.

    Raises
    ------
    ImageError
        The file is damaged or truncated.
    """
    stream.seek(0)
    head = stream.read(HEADER_BYTES)
    if head[:2] != b"\xff\x0a":
        head = b"".join(
            read_box(stream, box, HEADER_BYTES) for box in find_boxes(stream, b"jxlc")
        ) or b"".join(read_box(stream, box, HEADER_BYTES)[4:] for box in find_boxes(stream, b"jxlp"))
    if head[:2] != b"\xff\x0a":
        raise ImageError(name, "is truncated: it has no codestream")
    try:
        return _header(_Bits(head[2:]))
    except (EOFError, ValueError):
        raise ImageError(name, "is damaged: its header cannot be read") from None


class _Bits:
    """Reads numbers of bits, the lowest first."""

    def __init__(self, data: bytes) -> None:
        self.value = int.from_bytes(data, "little")
        self.left = 8 * len(data)

    def bits(self, count: int) -> int:
        if count > self.left:
            raise EOFError
        value = self.value & ((1 << count) - 1)
        self.value >>= count
        self.left -= count
        return value

    def flag(self) -> bool:
        return bool(self.bits(1))

    def number(self, *choices: tuple[int, int]) -> int:
        """Read a number in one of four ways: an offset, and how many bits to add to it."""
        offset, count = choices[self.bits(2)]
        return offset + self.bits(count)

    def enum(self) -> int:
        return self.number((0, 0), (1, 0), (2, 4), (18, 6))

    def half(self) -> None:
        self.bits(16)


def _header(bits: _Bits) -> JpegXlHeader:
    height, width = _size(bits)
    orientation, animated, extra, associated = 1, False, list[int](), False
    depth, floats, gray, profiled = 8, False, False, False
    if not bits.flag():  # not all default
        if bits.flag():  # extra fields
            orientation = 1 + bits.bits(3)
            if bits.flag():
                _size(bits)  # of a screen
            if bits.flag():
                _preview(bits)
            animated = bits.flag()
            if animated:
                _animation(bits)
        depth, floats = _depth(bits)
        bits.flag()  # whether 16 bits suffice
        for _ in range(bits.number((0, 0), (1, 0), (2, 4), (1, 12))):
            kind, multiplied = _extra_channel(bits)
            extra.append(kind)
            associated |= multiplied
        bits.flag()  # XYB
        gray, profiled = _color(bits)
    if orientation >= 5:
        height, width = width, height
    return JpegXlHeader((height, width), depth, floats, gray, tuple(extra), associated, animated, profiled)


def _size(bits: _Bits) -> tuple[int, int]:
    """Read a height and a width."""

    def side(small: bool) -> int:
        return 8 * (1 + bits.bits(5)) if small else 1 + bits.number((0, 9), (0, 13), (0, 18), (0, 30))

    small = bits.flag()
    height = side(small)
    ratio = bits.bits(3)
    if not ratio:
        return height, side(small)
    across, down = RATIOS[ratio - 1]
    return height, height * across // down


def _preview(bits: _Bits) -> None:
    """Skip the size of a preview."""
    in_blocks = bits.flag()
    sides = ((16, 0), (32, 0), (1, 5), (33, 9)) if in_blocks else ((1, 6), (65, 8), (321, 10), (1345, 12))
    bits.number(*sides)
    if not bits.bits(3):  # no ratio
        bits.number(*sides)


def _animation(bits: _Bits) -> None:
    bits.number((100, 0), (1000, 0), (1, 10), (1, 30))
    bits.number((1, 0), (1001, 0), (1, 8), (1, 10))
    bits.number((0, 0), (0, 3), (0, 16), (0, 32))
    bits.flag()


def _depth(bits: _Bits) -> tuple[int, bool]:
    """Read the bits of a sample, and whether it is a float."""
    if bits.flag():
        depth = bits.number((32, 0), (16, 0), (24, 0), (1, 6))
        bits.bits(4)  # of the exponent
        return depth, True
    return bits.number((8, 0), (10, 0), (12, 0), (1, 6)), False


def _extra_channel(bits: _Bits) -> tuple[int, bool]:
    """Read the type of an extra channel, and whether it is alpha that is multiplied into the colors."""
    if bits.flag():  # default: alpha
        return ALPHA, False
    kind = bits.enum()
    _depth(bits)
    bits.number((0, 0), (3, 0), (4, 0), (1, 3))  # its shift
    length = bits.number((0, 0), (0, 4), (16, 5), (48, 10))
    for _ in range(length):
        bits.bits(8)  # its name
    multiplied = kind == ALPHA and bits.flag()
    if kind == 2:  # a spot color
        for _ in range(4):
            bits.half()
    elif kind == 5:  # a color filter array
        bits.number((1, 0), (0, 2), (3, 4), (19, 8))
    return kind, multiplied


def _color(bits: _Bits) -> tuple[bool, bool]:
    """Read whether the colors are gray, and whether there is an ICC profile."""
    if bits.flag():  # default: sRGB
        return False, False
    profiled = bits.flag()
    return bits.enum() == GRAY, profiled

"""Reads the headers of JPEG 2000 files, and checks that their codestream is whole.

Source: ISO/IEC 15444-1 (JPEG 2000), annexes A (codestream) and I (JP2).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from convcli.errors import ImageError
from convcli.pictures.headers.boxes import Box, find_boxes, read_box

__all__ = ["ColorSpace", "Jpeg2000Header", "read_jpeg2000"]

SIZE, START_OF_TILE, END = b"\xff\x51", b"\xff\x90", b"\xff\xd9"
CODESTREAM = b"\xff\x4f\xff\x51"
MAX_PARTS, MAX_PROFILE = 1 << 20, 1 << 24
ENUMERATED, RESTRICTED_PROFILE, ANY_PROFILE = 1, 2, 3  # methods of a colr box
COLOR, OPACITY, ASSOCIATED_OPACITY = 0, 1, 2  # types of a channel in a cdef box
METERS_PER_INCH = 0.0254


class ColorSpace:
    """The numbers of color spaces in a colr box."""

    CMYK, SRGB, GRAY, SYCC = 12, 16, 17, 18


@dataclass(frozen=True)
class Jpeg2000Header:
    """What a JPEG 2000 file holds.

    Attributes
    ----------
    size : (int, int)
        Height and width.
    bits : int
        Bits of each component.
    signed : bool
    components : int
    codestream : int
        Where the codestream starts in the file.
    subsampled : bool
        Whether components have several sizes.
    channels : tuple of int or None
        The type of each channel: 0 color, 1 opacity, 2 opacity multiplied into the colors, others unknown.
    palette : bool
    space : int or None
    profile : bytes or None
    resolution : (float, float) or None
        Dots per inch, horizontally and vertically.
    """

    size: tuple[int, int]
    bits: int
    signed: bool
    components: int
    codestream: int
    subsampled: bool
    channels: tuple[int, ...] | None
    palette: bool
    space: int | None
    profile: bytes | None
    resolution: tuple[float, float] | None


def read_jpeg2000(stream: BinaryIO, name: str) -> Jpeg2000Header:
    """Read the header of a JP2 file or a bare codestream.

    Raises
    ------
    ImageError
        The file is damaged or truncated.
    """
    stream.seek(0)
    start = 0
    if stream.read(4) != CODESTREAM:
        start = next((box.start for box in find_boxes(stream, b"jp2c")), -1)
        if start < 0:
            raise ImageError(name, "is truncated: it has no codestream")
    try:
        sizes = _check_codestream(stream, start, name)
        return _header(stream, sizes, name, start)
    except struct.error:
        raise ImageError(name, "is truncated: its header ends early") from None


def _check_codestream(stream: BinaryIO, start: int, name: str) -> bytes:
    """Return the size segment; check that every tile-part and the end are there."""
    stream.seek(start)
    if stream.read(4) != CODESTREAM:
        raise ImageError(name, "is damaged: its codestream has no header")
    (length,) = struct.unpack(">H", stream.read(2))
    sizes = stream.read(length - 2)
    marker = stream.read(2)
    while marker != START_OF_TILE:  # the other segments of the main header
        if len(marker) < 2 or marker[0] != 0xFF:
            raise ImageError(name, "is truncated: its pixels are missing")
        (length,) = struct.unpack(">H", stream.read(2))
        stream.seek(max(0, length - 2), 1)
        marker = stream.read(2)
    for _ in range(MAX_PARTS):
        position = stream.tell() - 2
        (part,) = struct.unpack(">4xI2x", stream.read(10))
        if part == 0:  # up to the end
            stream.seek(-2, 2)
            marker = stream.read(2)
        else:
            stream.seek(position + part)
            marker = stream.read(2)
        if marker == END:
            return sizes
        if marker != START_OF_TILE:
            break
    raise ImageError(name, "is truncated: the end of its codestream is missing")


def _header(stream: BinaryIO, sizes: bytes, name: str, start: int) -> Jpeg2000Header:
    _, right, bottom, left, top, _, _, _, _, components = struct.unpack_from(">H8IH", sizes)
    depths = struct.unpack_from(f">{3 * components}B", sizes, 36)
    if not (components and right > left and bottom > top):
        raise ImageError(name, "is damaged: its size is zero")
    if len(set(depths[::3])) > 1:
        raise ImageError(name, "has components of different depths, which is not read")
    steps = depths[1::3] + depths[2::3]
    if 0 in steps:
        raise ImageError(name, "is damaged: a component has no size")
    height, width = (
        -(-bottom // depths[2]) + -(top // -depths[2]),
        -(-right // depths[1]) + -(left // -depths[1]),
    )
    space, profile, channels, palette, resolution = None, None, None, False, None
    if start:  # in boxes
        space, profile = _colors(stream)
        channels = _channels(stream)
        palette = any(True for _ in find_boxes(stream, b"jp2h", b"pclr"))
        resolution = _resolution(stream)
    return Jpeg2000Header(
        (height, width), (depths[0] & 0x7F) + 1, bool(depths[0] & 0x80), components, start,
        len(set(steps)) > 1, channels, palette, space, profile, resolution,
    )  # fmt: skip


def _colors(stream: BinaryIO) -> tuple[int | None, bytes | None]:
    """Return the color space and the profile of a file."""
    box = next(find_boxes(stream, b"jp2h", b"colr"), None)  # readers ignore all but the first
    content = b"" if box is None else read_box(stream, box, MAX_PROFILE)
    if content[:1] == bytes([ENUMERATED]) and len(content) >= 7:
        return int.from_bytes(content[3:7]), None
    is_profile = content[:1] in (bytes([RESTRICTED_PROFILE]), bytes([ANY_PROFILE]))
    return None, content[3:] if is_profile and len(content) > 3 else None


def _channels(stream: BinaryIO) -> tuple[int, ...] | None:
    """Return the type of each channel, or None if the file does not say."""
    box = next(find_boxes(stream, b"jp2h", b"cdef"), None)
    if box is None:
        return None
    content = read_box(stream, box, 1 << 16)
    (count,) = struct.unpack_from(">H", content)
    types = [struct.unpack_from(">HHH", content, 2 + 6 * index) for index in range(count)]
    return tuple(kind for _, kind, _ in sorted(types))


def _resolution(stream: BinaryIO) -> tuple[float, float] | None:
    """Return dots per inch, horizontally and vertically: of the display if given, else of the capture."""
    boxes: list[Box] = [
        box for kind in (b"resd", b"resc") for box in find_boxes(stream, b"jp2h", b"res ", kind)
    ]
    for box in boxes[:1]:
        above, below, left, right, power, across_power = struct.unpack(">4H2b", read_box(stream, box, 10))
        if below and right:
            down, across = above / below * 10.0**power, left / right * 10.0**across_power  # dots per meter
            return across * METERS_PER_INCH, down * METERS_PER_INCH
    return None

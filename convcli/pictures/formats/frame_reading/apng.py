"""The frames of an animated PNG (APNG): each as a PNG file of its own, and composed onto the canvas.

Source: W3C, Portable Network Graphics (PNG) Specification, third edition (2025), animation.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import IntEnum
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convcli.errors import ImageError
from convcli.pictures.picture import Picture

__all__ = ["Canvas", "PngAnimation", "read_animation"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SIDES = 8  # bytes of width and height in a header
COLOR_TYPE, ALPHA_BIT = 9, 4  # the place of the color type in a header, and its bit of alpha
ORIENTATION = 274  # EXIF tag
COMMON = {b"PLTE", b"tRNS", b"sBIT", b"gAMA", b"cHRM", b"sRGB", b"cICP"}  # chunks that every frame needs
MAX_COMMON = 1 << 12  # bytes of such a chunk
UPRIGHT: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {  # by orientation
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: pixels[::-1].swapaxes(0, 1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: pixels[:, ::-1].swapaxes(0, 1),
}


class Disposal(IntEnum):
    """What happens to the place of a frame before the next is shown."""

    KEEP, CLEAR, RESTORE = range(3)


class Blending(IntEnum):
    """How a frame is laid over what was before."""

    REPLACE, OVER = range(2)


class Control(NamedTuple):
    """Where a frame is, how it is laid over what was before, and how long it is shown (in milliseconds)."""

    width: int
    height: int
    left: int
    top: int
    duration: float | None
    disposal: Disposal
    blending: Blending


class _Frame(NamedTuple):
    """A frame: its control, None for a default picture, and the places of its compressed pixels."""

    control: Control | None
    pieces: list[tuple[int, int]]


class PngAnimation:
    """The frames of a file; those of the animation may follow a default picture.

    Attributes
    ----------
    plays : int
        How often it is played; 0 is forever.
    promised : int
        How many frames the file says there are, with a default picture.
    frames : list
        The frames that there are.
    has_alpha : bool
        Whether pixels can be transparent.
    orientation : int
        EXIF orientation.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.stream = stream
        self.name = name
        self.header = b""
        self.plays = self.promised = 0
        self.common: list[bytes] = []  # chunks that every frame needs
        self.frames: list[_Frame] = []
        self.has_alpha = False
        self.orientation = 1

    @property
    def has_default(self) -> bool:
        """Whether the first picture is not part of the animation."""
        return bool(self.frames) and self.frames[0].control is None

    def control(self, number: int) -> Control:
        """Return the control of a frame; a default picture covers the canvas and leaves it empty."""
        control = self.frames[number].control
        if control is not None:
            return control
        width, height = struct.unpack_from(">II", self.header)
        return Control(width, height, 0, 0, None, Disposal.CLEAR, Blending.REPLACE)

    def file(self, number: int) -> bytes:
        """Return a frame as a PNG file."""
        control, pieces = self.control(number), self.frames[number].pieces
        sides = struct.pack(">II", control.width, control.height)
        parts = [SIGNATURE, _chunk(b"IHDR", sides + self.header[SIDES:]), *self.common]
        for place, length in pieces:
            self.stream.seek(place)
            parts.append(_chunk(b"IDAT", self.stream.read(length)))
        return b"".join([*parts, _chunk(b"IEND", b"")])


def read_animation(stream: BinaryIO, name: str) -> PngAnimation:
    """Read the structure of a PNG file whose chunks have been checked.

    Raises
    ------
    ImageError
        A frame lies outside the picture.
    """
    animation = PngAnimation(stream, name)
    control: Control | None = None
    for kind, place, length in _chunks(stream):
        if kind == b"IHDR":
            animation.header = stream.read(length)
            animation.has_alpha = bool(animation.header[COLOR_TYPE] & ALPHA_BIT)
        elif kind == b"acTL" and not animation.frames and length == 8:
            animation.promised, animation.plays = struct.unpack(">II", stream.read(8))
        elif kind == b"fcTL" and length == 26:
            control = _control(stream.read(length), animation.header, name)
            animation.has_alpha |= control.disposal != Disposal.KEEP
            if animation.frames:
                animation.frames.append(_Frame(control, []))
        elif kind == b"IDAT":
            if not animation.frames:
                if control is not None and control[:2] != struct.unpack_from(">II", animation.header):
                    raise ImageError(name, "is damaged: its first frame does not cover the picture")
                animation.frames.append(_Frame(control, []))
            animation.frames[0].pieces.append((place, length))
        elif kind == b"fdAT" and len(animation.frames) > 1:
            animation.frames[-1].pieces.append((place + 4, length - 4))
        elif kind == b"eXIf":
            exif = Image.Exif()
            exif.load(stream.read(length))
            animation.orientation = exif.get(ORIENTATION, 1)
        elif kind in COMMON and not animation.frames and length <= MAX_COMMON:
            animation.common.append(_chunk(kind, stream.read(length)))
            animation.has_alpha |= kind == b"tRNS"
    animation.promised += animation.has_default
    return animation


def _chunks(stream: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, place of the data and length of each chunk, with the stream at the data."""
    place = len(SIGNATURE)
    kind = b""
    while kind != b"IEND":
        stream.seek(place)
        length, kind = struct.unpack(">I4s", stream.read(8))
        yield kind, place + 8, length
        place += 12 + length


def _control(data: bytes, header: bytes, name: str) -> Control:
    width, height, left, top, numerator, denominator, disposal, blending = struct.unpack(">4x4I2H2B", data)
    columns, rows = struct.unpack_from(">II", header)
    if not (0 < width <= columns - left and 0 < height <= rows - top) or disposal > 2 or blending > 1:
        raise ImageError(name, "is damaged: a frame lies outside the picture")
    duration = 1000 * numerator / (denominator or 100)
    return Control(width, height, left, top, duration, Disposal(disposal), Blending(blending))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


class Canvas:
    """Composes frames: after each, it holds what is shown."""

    def __init__(self, first: Picture, animation: PngAnimation) -> None:
        self.first = first
        self.upright = UPRIGHT.get(animation.orientation)
        self.pixels = np.zeros_like(first.pixels)
        self.alpha: NDArray[Any] | None = None
        if animation.has_alpha:
            self.alpha = np.zeros(first.pixels.shape[:2], first.pixels.dtype)
        self.is_empty = True

    def show(self, picture: Picture, control: Control) -> Picture:
        """Lay a frame over the canvas, return the whole as a picture, and dispose of the frame."""
        rows = slice(control.top, control.top + control.height)
        columns = slice(control.left, control.left + control.width)
        places = [array[rows, columns] for array in (self.pixels, self.alpha) if array is not None]
        before = [place.copy() for place in places]
        _lay(picture, control.blending, *places)
        shown = replace(
            self.first,
            pixels=self._upright(self.pixels),
            alpha=None if self.alpha is None else self._upright(self.alpha),
            notes=picture.notes,
        )
        if control.disposal != Disposal.KEEP:
            clear = self.is_empty or control.disposal == Disposal.CLEAR
            for place, old in zip(places, before, strict=True):
                place[...] = 0 if clear else old
        self.is_empty = self.is_empty and control.disposal != Disposal.KEEP
        return shown

    def _upright(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return a copy of a part of the canvas as it is shown."""
        return np.array(array if self.upright is None else self.upright(array))


def _lay(
    picture: Picture, blending: Blending, pixels: NDArray[Any], alpha: NDArray[Any] | None = None
) -> None:
    """Lay a frame over a part of the canvas, in place."""
    most = np.iinfo(pixels.dtype).max
    source = picture.alpha
    if source is None or alpha is None or blending == Blending.REPLACE:
        pixels[...] = picture.pixels
        if alpha is not None:
            alpha[...] = most if source is None else source
        return
    mixed = (source > 0) & (source < most) & (alpha > 0)
    over, under = source[mixed] / most, alpha[mixed] / most
    total = over + under * (1 - over)
    share = over / total
    if pixels.ndim == 3:
        share = share[:, None]
    blended = share * picture.pixels[mixed] + (1 - share) * pixels[mixed]
    replaced = (source > 0) & ~mixed
    pixels[replaced], alpha[replaced] = picture.pixels[replaced], source[replaced]
    pixels[mixed], alpha[mixed] = np.rint(blended), np.rint(total * most)

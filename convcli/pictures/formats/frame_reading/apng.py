"""The frames of an animated PNG (APNG): each as a PNG file of its own, and where it is on the canvas.

Source: W3C, Portable Network Graphics (PNG) Specification, third edition (2025), animation.
"""

import io
import struct
from dataclasses import replace
from typing import BinaryIO, NamedTuple

from convcli.errors import ImageError
from convcli.pictures.formats.decoding import decode
from convcli.pictures.formats.frame_reading.canvas import Blending, Canvas, Disposal, Placement
from convcli.pictures.formats.pillow.conventions import exif_orientation
from convcli.pictures.formats.pillow.decoder import decoder_errors
from convcli.pictures.headers.png_chunks import SIGNATURE, find_chunks, make_chunk
from convcli.pictures.limits import Limits
from convcli.pictures.picture import Picture

__all__ = ["PngAnimation", "read_animation"]

HEADER_BYTES = 13
SIDES = 8  # bytes of width and height in a header
COLOR_TYPE, ALPHA_BIT = 9, 4  # the place of the color type in a header, and its bit of alpha
COMMON = {b"PLTE", b"tRNS", b"sBIT", b"gAMA", b"cHRM", b"sRGB", b"cICP"}  # chunks that every frame needs
MAX_COMMON = 1 << 12  # bytes of such a chunk


class _Frame(NamedTuple):
    """A frame: where it is, None for a default picture, and the places of its compressed pixels."""

    placement: Placement | None
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

    format = "png"

    def __init__(self, stream: BinaryIO, name: str, limits: Limits) -> None:
        self.stream = stream
        self.name = name
        self.limits = limits
        self.header = b""
        self.plays = self.promised = 0
        self.common: list[bytes] = []  # chunks that every frame needs
        self.frames: list[_Frame] = []
        self.has_alpha = False
        self.orientation = 1

    @property
    def has_default(self) -> bool:
        """Whether the first picture is not part of the animation."""
        return bool(self.frames) and self.frames[0].placement is None

    def canvas(self, whole: Picture) -> Canvas:
        """Return an empty canvas, given the first picture as it is decoded without the animation."""
        model = replace(self.picture(0), profile=whole.profile, resolution=whole.resolution)
        return Canvas(model, has_alpha=self.has_alpha, orientation=self.orientation)

    def placement(self, number: int) -> Placement:
        """Return where a frame is; a default picture covers the canvas and leaves it empty."""
        placement = self.frames[number].placement
        if placement is not None:
            return placement
        width, height = struct.unpack_from(">II", self.header)
        return Placement(width, height, 0, 0, Disposal.CLEAR, Blending.REPLACE)

    def picture(self, number: int) -> Picture:
        """Decode the part of the canvas that a frame covers.

        Raises
        ------
        ImageError
            It is damaged, or larger than the limits allow.
        """
        decoded = decode(io.BytesIO(self._file(number)), self.name, self.limits, frame=0)
        assert decoded is not None  # it is a PNG
        return decoded.to_picture(self.name)

    def _file(self, number: int) -> bytes:
        """Return a frame as a PNG file."""
        placement = self.placement(number)
        sides = struct.pack(">II", placement.width, placement.height)
        parts = [SIGNATURE, *make_chunk(b"IHDR", sides + self.header[SIDES:]), *self.common]
        for place, length in self.frames[number].pieces:
            self.stream.seek(place)
            parts += make_chunk(b"IDAT", self.stream.read(length))
        return b"".join([*parts, *make_chunk(b"IEND", b"")])


def read_animation(stream: BinaryIO, name: str, limits: Limits) -> PngAnimation:
    """Read the structure of a PNG file whose chunks have been checked.

    Raises
    ------
    ImageError
        Its header or EXIF data are damaged, or a frame lies outside the picture.
    """
    animation = PngAnimation(stream, name, limits)
    placement: Placement | None = None
    for kind, place, length in find_chunks(stream):
        if kind == b"IHDR":
            animation.header = stream.read(length)
            if length != HEADER_BYTES:
                raise ImageError(name, f"is damaged: its header has {length} bytes, not {HEADER_BYTES}")
            animation.has_alpha = bool(animation.header[COLOR_TYPE] & ALPHA_BIT)
        elif kind == b"acTL" and not animation.frames and length == 8:
            animation.promised, animation.plays = struct.unpack(">II", stream.read(8))
        elif kind == b"fcTL" and length == 26:
            placement = _placement(stream.read(length), animation.header, name)
            animation.has_alpha |= placement.disposal != Disposal.KEEP
            if animation.frames:
                animation.frames.append(_Frame(placement, []))
        elif kind == b"IDAT":
            if not animation.frames:
                if placement is not None and placement[:2] != struct.unpack_from(">II", animation.header):
                    raise ImageError(name, "is damaged: its first frame does not cover the picture")
                animation.frames.append(_Frame(placement, []))
            animation.frames[0].pieces.append((place, length))
        elif kind == b"fdAT" and len(animation.frames) > 1:
            animation.frames[-1].pieces.append((place + 4, length - 4))
        elif kind == b"eXIf":
            with decoder_errors(name):
                animation.orientation = exif_orientation(stream.read(length))
        elif kind in COMMON and not animation.frames and length <= MAX_COMMON:
            animation.common += make_chunk(kind, stream.read(length))
            animation.has_alpha |= kind == b"tRNS"
    animation.promised += animation.has_default
    return animation


def _placement(data: bytes, header: bytes, name: str) -> Placement:
    width, height, left, top, numerator, denominator, disposal, blending = struct.unpack(">4x4I2H2B", data)
    columns, rows = struct.unpack_from(">II", header)
    if not (0 < width <= columns - left and 0 < height <= rows - top) or disposal > 2 or blending > 1:
        raise ImageError(name, "is damaged: a frame lies outside the picture")
    duration = 1000 * numerator / (denominator or 100)
    return Placement(width, height, left, top, Disposal(disposal), Blending(blending), duration)

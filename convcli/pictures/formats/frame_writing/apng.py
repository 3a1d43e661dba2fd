"""Animated PNG (APNG), put together from PNG files.

Source: W3C, Portable Network Graphics (PNG) Specification, third edition (2025), animation.
"""

import io
import struct
from fractions import Fraction

from convcli.pictures.formats.frame_reading.container import Container, FrameInfo
from convcli.pictures.formats.frame_writing.unlike import unlike_first
from convcli.pictures.headers.png_chunks import SIGNATURE, find_chunks, make_chunk

__all__ = ["PngFrames"]

MAX_PART = 65535  # of the fraction of a second that a frame is shown
MAX_PLAYS = 2**31 - 1
NO_DISPOSAL, REPLACE = 0, 0  # a frame stays until the next, which replaces it
COLORS = {0: "grayscale", 2: "RGB", 4: "grayscale with alpha", 6: "RGBA"}


class PngFrames:
    """Puts an animation together; one frame is a plain PNG file."""

    def __init__(self, container: Container, name: str) -> None:
        self.container = container
        self.name = name
        self.header = b""  # that of the first frame
        self.parts: list[bytes] = []
        self.frames = self.numbered = 0

    def add(self, content: bytes, info: FrameInfo) -> tuple[str, ...]:
        """Add the file of a frame.

        Raises
        ------
        OutputError
            It differs in size or kind from the first.
        """
        chunks = [
            (kind, content[start : start + length])
            for kind, start, length in find_chunks(io.BytesIO(content))
        ]
        header = chunks[0][1]
        if not self.frames:
            self.header = header
            self.parts.append(SIGNATURE)
            for kind, data in chunks:
                if kind not in {b"IDAT", b"IEND"}:
                    self.parts += make_chunk(kind, data)
            if self.container.count > 1:
                frames = self.container.count - self.container.has_default
                self.parts += make_chunk(
                    b"acTL", struct.pack(">II", frames, min(self.container.plays, MAX_PLAYS))
                )
        elif header != self.header:
            kinds = _describe(header), _describe(self.header)
            raise unlike_first(self.name, self.frames, *kinds, "a png")
        if self.container.count > 1 and (self.frames or not self.container.has_default):
            self.parts += make_chunk(b"fcTL", self._control(header, info))
        for kind, data in chunks:
            if kind == b"IDAT":
                self.parts += (
                    make_chunk(b"fdAT", self._number() + data) if self.frames else make_chunk(kind, data)
                )
        self.frames += 1
        return ()

    def finish(self) -> list[bytes]:
        """Return the parts of the file."""
        return [*self.parts, *make_chunk(b"IEND", b"")]

    def _number(self) -> bytes:
        self.numbered += 1
        return struct.pack(">I", self.numbered - 1)

    def _control(self, header: bytes, info: FrameInfo) -> bytes:
        seconds = min(Fraction(info.shown) / 1000, Fraction(MAX_PART)).limit_denominator(MAX_PART)
        if seconds.numerator > MAX_PART:
            seconds = Fraction(round(seconds))
        return (
            self._number()
            + header[:8]
            + struct.pack(">IIHHBB", 0, 0, seconds.numerator, seconds.denominator, NO_DISPOSAL, REPLACE)
        )


def _describe(header: bytes) -> str:
    width, height, depth, color = struct.unpack_from(">IIBB", header)
    return f"{height}x{width} {COLORS[color]} of {depth} bits"

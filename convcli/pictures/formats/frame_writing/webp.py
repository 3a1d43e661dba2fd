"""Animated WebP, put together from lossless WebP files.

Source: Google, WebP Container Specification (RFC 9649).
"""

import struct
from collections.abc import Iterator

from convcli.errors import OutputError
from convcli.pictures.formats.frame_reading.container import Container, FrameInfo
from convcli.pictures.formats.frame_writing.unlike import unlike_first
from convcli.sizes.text import format_size

__all__ = ["WebpFrames"]

RIFF_HEADER = 12
ANIMATION, ALPHA, PROFILE = 0x02, 0x10, 0x20  # flags
REPLACE = 0x02  # a frame replaces what was before, and stays
MAX_DURATION, MAX_PLAYS, MAX_BYTES = 2**24 - 1, 65535, 2**32 - 10
UNUSED_BACKGROUND = 0


class WebpFrames:
    """Puts an animation together."""

    def __init__(self, container: Container, name: str) -> None:
        self.container = container
        self.name = name
        self.size = (0, 0)
        self.has_alpha = False
        self.profile = b""
        self.frames: list[bytes] = []

    def add(self, content: bytes, info: FrameInfo) -> tuple[str, ...]:
        """Add the file of a frame and return notes about what is not kept.

        Raises
        ------
        OutputError
            It differs in size from the first.
        """
        chunks = dict(_chunks(content))
        pixels = chunks[b"VP8L"]
        bits = int.from_bytes(pixels[1:5], "little")
        size = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        if not self.frames:
            self.size, self.profile = size, chunks.get(b"ICCP", b"")
        elif size != self.size:
            sizes = format_size(size[::-1]), format_size(self.size[::-1])
            raise unlike_first(self.name, len(self.frames), *sizes, "a webp")
        self.has_alpha = self.has_alpha or bool(bits >> 28 & 1)
        shown = min(round(info.shown), MAX_DURATION)
        place = _int24(0) + _int24(0) + _int24(size[0] - 1) + _int24(size[1] - 1)
        self.frames.append(
            _chunk(b"ANMF", place + _int24(shown) + bytes([REPLACE]) + _chunk(b"VP8L", pixels))
        )
        return () if shown == info.shown else ("durations are rounded to milliseconds",)

    def finish(self) -> list[bytes]:
        """Return the parts of the file.

        Raises
        ------
        OutputError
            It would be too long.
        """
        flags = ANIMATION | ALPHA * self.has_alpha | PROFILE * bool(self.profile)
        extended = struct.pack("<I", flags) + _int24(self.size[0] - 1) + _int24(self.size[1] - 1)
        parts = [_chunk(b"VP8X", extended)]
        if self.profile:
            parts.append(_chunk(b"ICCP", self.profile))
        plays = min(self.container.plays, MAX_PLAYS)
        parts += [_chunk(b"ANIM", struct.pack("<IH", UNUSED_BACKGROUND, plays)), *self.frames]
        length = sum(map(len, parts))
        if length > MAX_BYTES:
            raise OutputError(self.name, "would be longer than 4 GB, the most that a webp holds; use npy")
        return [b"RIFF" + struct.pack("<I", length + 4) + b"WEBP", *parts]


def _int24(number: int) -> bytes:
    return number.to_bytes(3, "little")


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and data of the chunks of a file that this program has made."""
    position = RIFF_HEADER
    while position + 8 <= len(content):
        kind, length = struct.unpack_from("<4sI", content, position)
        yield kind, content[position + 8 : position + 8 + length]
        position += 8 + length + length % 2


def _chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)

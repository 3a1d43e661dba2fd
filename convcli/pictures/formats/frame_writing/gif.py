"""Animated GIF, put together from GIF files.

Source: CompuServe, Graphics Interchange Format, version 89a (1990).
"""

import struct
from typing import NamedTuple

from convcli.pictures.formats.frame_reading.container import Container, FrameInfo

__all__ = ["GifFrames"]

STEP = 10  # milliseconds: durations are multiples of it
MAX_STEPS = MAX_PLAYS = 65535
KEEP, CLEAR = 1, 2  # what happens to a frame before the next is shown
HEADER = 13  # bytes of the signature and the screen descriptor
EXTENSION, CONTROL, IMAGE, TRAILER = b"!", 0xF9, b",", b";"
LOOP = b"!\xff\x0bNETSCAPE2.0\3\1"
TRANSPARENT, PALETTE_FOLLOWS, PALETTE_BITS = 1, 0x80, 7  # flags


class _GifImage(NamedTuple):
    """The parts of a GIF file with one image."""

    size: tuple[int, int]
    transparent: int | None
    palette: bytes
    pixels: bytes

    @classmethod
    def read(cls, content: bytes) -> "_GifImage":
        """Take a file apart that `encode_gif` has made."""
        width, height, flags = struct.unpack_from("<HHB", content, 6)
        position = HEADER + (3 << (flags & PALETTE_BITS) + 1)
        palette = content[HEADER:position]
        transparent = None
        while content[position : position + 1] == EXTENSION:
            if content[position + 1] == CONTROL and content[position + 3] & TRANSPARENT:
                transparent = content[position + 6]
            position += 2
            while length := content[position]:
                position += 1 + length
            position += 1
        return cls((width, height), transparent, palette, content[position + 10 :].removesuffix(TRAILER))


class GifFrames:
    """Puts an animation together; every frame has its own palette and covers what was before."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.images: list[tuple[_GifImage, int]] = []

    def add(self, content: bytes, info: FrameInfo) -> tuple[str, ...]:
        """Add the file of a frame and return notes about what is not kept."""
        steps = min(round(info.shown / STEP), MAX_STEPS)
        self.images.append((_GifImage.read(content), steps))
        return () if steps * STEP == info.shown else (f"durations are rounded to {STEP} ms",)

    def finish(self) -> list[bytes]:
        """Return the parts of the file."""
        sizes = [image.size for image, _ in self.images]
        width, height = (max(sides) for sides in zip(*sizes, strict=True))
        clear = len(set(sizes)) > 1 or any(image.transparent is not None for image, _ in self.images)
        parts = [struct.pack("<6sHHBBB", b"GIF89a", width, height, 0, 0, 0)]
        if self.container.plays != 1:
            parts += [LOOP, struct.pack("<HB", min(max(self.container.plays - 1, 0), MAX_PLAYS), 0)]
        for image, steps in self.images:
            flags = (CLEAR if clear else KEEP) << 2 | (image.transparent is not None)
            parts += [
                struct.pack("<2sBBHBB", b"!\xf9", 4, flags, steps, image.transparent or 0, 0),
                struct.pack("<sHHHHB", IMAGE, 0, 0, *image.size, _palette_flags(image.palette)),
                image.palette,
                image.pixels,
            ]
        return [*parts, TRAILER]


def _palette_flags(palette: bytes) -> int:
    """Return the flags of an image with a palette of its own."""
    return PALETTE_FOLLOWS | (len(palette) // 3).bit_length() - 2

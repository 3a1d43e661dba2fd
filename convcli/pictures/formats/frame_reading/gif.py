"""What the blocks of a GIF say about all its frames, without decoding any.

Source: CompuServe, Graphics Interchange Format, version 89a (1990).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

__all__ = ["GifSummary", "summarize_gif"]

HEADER = 13  # bytes of the signature and the screen descriptor
EXTENSION, CONTROL, IMAGE = b"!", b"\xf9", b","
TRANSPARENT = 1  # flag of a graphic control extension
PALETTE_FOLLOWS, PALETTE_BITS = 0x80, 7  # flags


@dataclass(frozen=True)
class GifSummary:
    """What is known of all frames together.

    Attributes
    ----------
    count : int
        How many frames there are.
    gray : bool
        Whether all palettes hold only gray.
    alpha : bool
        Whether the first frame can have transparent pixels; if not, those of others show what was before.
    """

    count: int
    gray: bool
    alpha: bool


def summarize_gif(stream: BinaryIO) -> GifSummary:
    """Read the blocks of a GIF up to its end, or to where it is cut."""
    stream.seek(0)
    header = stream.read(HEADER)
    is_gray = _skip_palette(stream, header[10:11])
    count = flags = 0
    has_alpha = False
    while kind := stream.read(1):
        if kind == EXTENSION:
            is_control = stream.read(1) == CONTROL
            for number, block in enumerate(_blocks(stream)):
                if is_control and not number:
                    flags = block[0]
        elif kind == IMAGE:
            descriptor = stream.read(9)
            if len(descriptor) < 9:
                break
            is_gray &= _skip_palette(stream, descriptor[8:])
            stream.read(1)  # the size of the first code
            for _ in _blocks(stream):
                pass
            has_alpha |= not count and bool(flags & TRANSPARENT)
            count += 1
            flags = 0
        elif kind == b";":
            break
    return GifSummary(count, is_gray, has_alpha)


def _skip_palette(stream: BinaryIO, flags: bytes) -> bool:
    """Skip the palette that follows if the flags say so, and return whether it holds only gray."""
    if not flags or not flags[0] & PALETTE_FOLLOWS:
        return True
    palette = stream.read(3 << (flags[0] & PALETTE_BITS) + 1)
    return palette[::3] == palette[1::3] == palette[2::3]


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Yield data blocks up to the empty one that ends them."""
    while length := stream.read(1):
        if length == b"\0":
            return
        block = stream.read(length[0])
        if not block:
            return
        yield block

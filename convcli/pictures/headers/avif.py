"""Reads how many bits per channel an AVIF file has.

Source: ISO/IEC 14496-12 (boxes) and 23008-12 (properties of items); AV1 Codec ISO Media File Format
Binding, 2.3.
"""

from itertools import chain
from typing import BinaryIO

from convcli.pictures.headers.boxes import find_boxes, read_box

__all__ = ["avif_bits"]

PICTURES = (b"meta", b"iprp", b"ipco", b"av1C")
ANIMATIONS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"av01", b"av1C")
HIGH_DEPTH, TWELVE_BITS = 0x40, 0x20  # in the third byte of a configuration


def avif_bits(stream: BinaryIO) -> int:
    """Return the most bits per channel of the pictures in an AVIF file, or of their alpha: 8, 10 or 12."""
    boxes = chain(find_boxes(stream, *PICTURES), find_boxes(stream, *ANIMATIONS))
    return max((_depth(read_box(stream, box, 3)) for box in boxes), default=8)


def _depth(configuration: bytes) -> int:
    flags = configuration[2] if len(configuration) == 3 else 0
    if not flags & HIGH_DEPTH:
        return 8
    return 12 if flags & TWELVE_BITS else 10

"""Finds the boxes of AVIF, JPEG 2000 and JPEG XL files.

Source: ISO/IEC 14496-12 (ISO base media file format), 4.2; ISO/IEC 15444-1 (JPEG 2000), annex I.
"""

import io
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

__all__ = ["Box", "find_boxes", "read_box"]

MAX_BOXES = 10_000  # of one level
BEFORE_BOXES = {b"meta": 4, b"stsd": 8, b"av01": 78}  # bytes before the boxes inside


class Box(NamedTuple):
    """Where the content of a box lies."""

    kind: bytes
    start: int
    end: int


def find_boxes(stream: BinaryIO, *path: bytes, inside: Box | None = None) -> Iterator[Box]:
    """Yield the boxes at the end of a path, which names the kinds of outer boxes, then their own."""
    kind, *rest = path
    for box in _boxes(stream, inside):
        if box.kind == kind and rest:
            yield from find_boxes(stream, *rest, inside=box)
        elif box.kind == kind:
            yield box


def read_box(stream: BinaryIO, box: Box, length: int) -> bytes:
    """Return the content of a box, at most `length` bytes."""
    stream.seek(box.start)
    return stream.read(min(length, box.end - box.start))


def _boxes(stream: BinaryIO, inside: Box | None) -> Iterator[Box]:
    end = stream.seek(0, io.SEEK_END) if inside is None else inside.end
    position = 0 if inside is None else inside.start + BEFORE_BOXES.get(inside.kind, 0)
    for _ in range(MAX_BOXES):
        if position + 8 > end:
            return
        stream.seek(position)
        head = stream.read(16)
        length, header = int.from_bytes(head[:4]), 8
        if length == 1:
            length, header = int.from_bytes(head[8:16]), 16
        elif length == 0:  # up to the end
            length = end - position
        if length < header:
            return
        yield Box(head[4:8], position + header, min(position + length, end))
        position += length

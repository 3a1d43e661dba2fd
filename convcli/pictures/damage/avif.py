"""Finds the bit depth of an AVIF picture, which Pillow does not report.

Source: ISO/IEC 14496-12 (boxes) and 23008-12 (properties of items); AOMedia, AV1 Image File Format.
"""

import io
from collections.abc import Iterator
from typing import BinaryIO

__all__ = ["is_deep"]

MAX_BOXES = 10_000  # boxes read per file
CONFIGURATION, HIGH_BIT_DEPTH = b"av1C", 0x40  # the flag is in the third byte
# The boxes around a configuration, of pictures and of animations, with the bytes before the boxes in each.
PARENTS = {
    b"meta": 4, b"iprp": 0, b"ipco": 0,
    b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0, b"stsd": 8, b"av01": 78,
}  # fmt: skip


def is_deep(stream: BinaryIO) -> bool:
    """Whether a picture in the file, or its alpha, has more than 8 bits per channel."""
    end = stream.seek(0, io.SEEK_END)
    open_boxes, count = [(0, end)], 0
    while open_boxes:
        begin, end = open_boxes.pop()
        for kind, content, content_end in _boxes(stream, begin, end):
            count += 1
            if count > MAX_BOXES:
                return False
            if kind == CONFIGURATION:
                stream.seek(content)
                if int.from_bytes(stream.read(min(3, content_end - content))) & HIGH_BIT_DEPTH:
                    return True
            elif kind in PARENTS:
                open_boxes.append((content + PARENTS[kind], content_end))
    return False


def _boxes(stream: BinaryIO, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the type of each box between two positions, and where its content begins and ends."""
    while begin + 8 <= end:
        stream.seek(begin)
        size = int.from_bytes(stream.read(4))
        kind = stream.read(4)
        content = begin + 8
        if size == 1:  # a longer number follows
            size = int.from_bytes(stream.read(8))
            content += 8
        box_end = end if size == 0 else min(begin + size, end)
        if box_end < content:
            return
        yield kind, content, box_end
        begin = box_end

"""Reads the frame header of JPEG files.

Source: ITU-T T.81 (JPEG), annex B.
"""

from typing import BinaryIO, NamedTuple

__all__ = ["FRAME_MARKERS", "Frame", "read_frame"]

FRAME_MARKERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
MAX_SEGMENTS = 1000


class Frame(NamedTuple):
    """The frame header: its marker, where its precision lies, bits per sample, size and components."""

    marker: int
    position: int
    bits: int
    height: int
    width: int
    components: int


def read_frame(stream: BinaryIO) -> Frame | None:
    """Return the frame header of a JPEG file, or None if there is none before the first scan."""
    stream.seek(2)
    for _ in range(MAX_SEGMENTS):
        marker = stream.read(2)
        while marker == b"\xff\xff":  # fill bytes
            marker = marker[1:] + stream.read(1)
        length = int.from_bytes(stream.read(2))
        if len(marker) < 2 or marker[0] != 0xFF or length < 2 or marker[1] == 0xDA:
            return None
        if marker[1] in FRAME_MARKERS:
            position = stream.tell()
            content = stream.read(6)
            if len(content) < 6:
                return None
            height, width = int.from_bytes(content[1:3]), int.from_bytes(content[3:5])
            return Frame(marker[1], position, content[0], height, width, content[5])
        stream.seek(length - 2, 1)
    return None

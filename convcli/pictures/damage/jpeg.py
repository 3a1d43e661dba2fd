"""Checks JPEG files for damage that decoders accept: where data is missing, libjpeg fills in gray.

Source: ITU-T T.81 (JPEG), annex B: the order of markers, fill bytes before them, and restart intervals.
"""

import io
import re
import struct
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple

from convcli.errors import ImageError
from convcli.pictures.headers.jpeg import FRAME_MARKERS

__all__ = ["Scans", "check_fill", "find_scans", "pad_scans"]

BLOCK = 1 << 18
PADDING = b"\x55" * 64  # bits that decode to blocks that are not gray, whatever the Huffman code
MARKER = re.compile(rb"\xff([^\x00\xff])")
END_OF_IMAGE, START_OF_SCAN, RESTART_INTERVAL = 0xD9, 0xDA, 0xDD
RESTART_MARKERS = range(0xD0, 0xD8)
STANDALONE = {0x01, *RESTART_MARKERS}  # markers without a segment
# Limits on decoding time. Encoders write about 10 scans; a picture of any size may have the lower number.
MAX_SCANS, MIN_MAX_SCANS, MAX_PIXELS_SCANNED = 500, 20, 1 << 32
MAX_SEGMENTS, MAX_FILL = 100_000, 1 << 20
ARITHMETIC_FRAMES = range(0xC9, 0xD0)


class _Frame:
    """The frame parameters that the markers before a scan define."""

    def __init__(self) -> None:
        self.width = self.height = 0
        self.sampling: dict[int, tuple[int, int]] = {}  # by component: horizontal, vertical
        self.restart_interval = 0  # units between restart markers; 0 if there are none

    def max_scans(self) -> int:
        """Return how many scans a picture of this size may have."""
        allowed = MAX_PIXELS_SCANNED // max(1, self.width * self.height)
        return min(MAX_SCANS, max(MIN_MAX_SCANS, allowed))

    def restart_count(self, components: Sequence[int]) -> int:
        """Return how many restart markers a scan of these components needs."""
        width, height = self.width, self.height
        max_horizontal = max((horizontal for horizontal, _ in self.sampling.values()), default=1)
        max_vertical = max((vertical for _, vertical in self.sampling.values()), default=1)
        horizontal, vertical = max_horizontal, max_vertical
        if len(components) == 1:  # a unit is one block of that component
            own_horizontal, own_vertical = self.sampling.get(components[0], (1, 1))
            width, height = (
                -(-width * own_horizontal // max_horizontal),
                -(-height * own_vertical // max_vertical),
            )
            horizontal = vertical = 1
        units = -(-width // (8 * horizontal)) * -(-height // (8 * vertical))
        return -(-units // self.restart_interval) - 1 if self.restart_interval else 0


class Scans(NamedTuple):
    """Where the data of each scan ends, and whether the coding is arithmetic."""

    ends: list[int]
    arithmetic: bool


def check_fill(stream: BinaryIO, name: str) -> None:
    """Check that there are few fill bytes before the first scan: Pillow skips them one by one.

    Raises
    ------
    ImageError
        There are too many, or too many segments.
    """
    stream.seek(2)
    fill = segments = 0
    kind: int | None = None
    while kind not in {START_OF_SCAN, END_OF_IMAGE}:
        before = stream.tell()
        kind, _ = _next_marker(stream, name, [])
        if kind is None:
            return
        fill += stream.tell() - before - 2
        segments += 1
        if fill > MAX_FILL:
            raise _too_much_fill(name)
        if segments > MAX_SEGMENTS:
            raise _too_many(name, MAX_SEGMENTS, "segments")
        if kind not in STANDALONE:
            _skip_segment(stream)


def find_scans(stream: BinaryIO, name: str) -> Scans:
    """Check that every scan is complete, with all its restart markers, and that the file has an end.

    Raises
    ------
    ImageError
        The file is truncated, a part is missing, or there are too many scans or segments.
    """
    frame = _Frame()
    ends: list[int] = []
    arithmetic = False
    stream.seek(2)
    (kind, _), segments = _next_marker(stream, name, []), 0
    while kind not in {END_OF_IMAGE, None}:
        segments += 1
        if segments > MAX_SEGMENTS:
            raise _too_many(name, MAX_SEGMENTS, "segments")
        if len(ends) > frame.max_scans():
            raise _too_many(name, frame.max_scans(), "scans")
        content = b"" if kind in STANDALONE else _read_segment(stream)
        if kind in FRAME_MARKERS and len(content) >= 6:
            arithmetic = kind in ARITHMETIC_FRAMES
            frame.height, frame.width = struct.unpack_from(">HH", content, 1)
            parts = [content[position : position + 2] for position in range(6, len(content) - 1, 3)]
            frame.sampling = {part[0]: (part[1] >> 4 or 1, part[1] & 15 or 1) for part in parts}
        elif kind == RESTART_INTERVAL and len(content) >= 2:
            frame.restart_interval = int.from_bytes(content[:2])
        restarts: list[int] = []
        next_kind, end = _next_marker(stream, name, restarts)
        if kind == START_OF_SCAN and content:
            ends.append(end)
            _check_restarts(restarts, frame.restart_count(content[1 : 1 + 2 * content[0] : 2]), name)
        kind = next_kind
    if kind is None or not ends:
        raise ImageError(name, "is truncated: its end is missing")
    return Scans(ends, arithmetic)


def pad_scans(stream: BinaryIO, ends: Sequence[int]) -> bytes:
    """Return the file with extra bits after each scan, which a decoder reads only if data is missing."""
    stream.seek(0)
    parts, position = list[bytes](), 0
    for end in ends:
        parts += [stream.read(end - position), PADDING]
        position = end
    return b"".join([*parts, b"\xff\xd9"])


def _check_restarts(found: list[int], expected: int, name: str) -> None:
    if len(found) < expected or any(kind != 0xD0 + position % 8 for position, kind in enumerate(found)):
        raise ImageError(name, "is damaged: some of its pixels are missing")


def _too_much_fill(name: str) -> ImageError:
    return _too_many(name, MAX_FILL, "fill bytes")


def _too_many(name: str, limit: int, what: str) -> ImageError:
    return ImageError(name, f"has more than {limit} {what}, which would take long to decode; save it again")


def _read_segment(stream: BinaryIO) -> bytes:
    """Read the segment that follows a marker."""
    length = int.from_bytes(stream.read(2))
    return stream.read(max(0, length - 2))


def _skip_segment(stream: BinaryIO) -> None:
    length = int.from_bytes(stream.read(2))
    stream.seek(max(0, length - 2), io.SEEK_CUR)


def _next_marker(stream: BinaryIO, name: str, restarts: list[int]) -> tuple[int | None, int]:
    """Move past the next marker, and append the restart markers before it to `restarts`.

    Returns
    -------
    int or None
        The marker; None at the end of the file.
    int
        Where it begins, with its fill bytes.
    """
    long_fill = 0  # bytes of blocks that are nothing else, which Pillow would copy again and again
    tail, tail_begin = b"", 0  # the last fill byte of the block before, and where the first of them is
    size = min(BLOCK, 16)  # bytes: in most cases, it follows immediately
    while block := stream.read(size):
        size = BLOCK
        position = stream.tell() - len(block) - len(tail)
        data = tail + block
        for match in MARKER.finditer(data):
            if match[1][0] in RESTART_MARKERS:
                restarts.append(match[1][0])
                continue
            stream.seek(position + match.end())
            before = data[: match.start()].rstrip(b"\xff")
            return match[1][0], tail_begin if tail and not before else position + len(before)
        fill = len(data) - len(data.rstrip(b"\xff"))
        long_fill += fill if fill == len(data) else 0
        if long_fill > MAX_FILL:
            raise _too_much_fill(name)
        if not tail or fill < len(data):
            tail_begin = position + len(data) - fill
        tail = data[-1:] if fill else b""
    return None, stream.tell()

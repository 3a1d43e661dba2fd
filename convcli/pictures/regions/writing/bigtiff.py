"""The parts of a BigTIFF file: data first, then the directories, which know where the data is.

Source: Adobe, TIFF revision 6.0 (1992), section 2; BigTIFF as libtiff describes it.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from typing import BinaryIO

import numpy as np

__all__ = ["BigTiff", "Directory"]

ORDER, MARK = ("<", b"II") if sys.byteorder == "little" else (">", b"MM")  # so that pixels stay as they are
HEADER = struct.Struct(f"{ORDER}2sHHHQ")  # byte order, version, bytes of an offset, 0, the first directory
FIRST_DIRECTORY = 8  # where its offset stands
ENTRY = struct.Struct(f"{ORDER}HHQ8s")
BYTE, ASCII, SHORT, RATIONAL, LONG8 = 1, 2, 3, 5, 16
UNDEFINED = 7
SENT_BYTES = 1 << 25
MAX_DENOMINATOR = 1 << 12  # of a resolution below a million: both parts fit into 32 bits


class Directory:
    """The tags of a page or a level.

    Examples
    --------
    >>> directory = Directory()
    >>> directory.numbers(258, [8, 8, 8])
    >>> directory.tags
    {258: (3, 3, b'\\x08\\x00\\x08\\x00\\x08\\x00')}
    """

    def __init__(self) -> None:
        self.tags: dict[int, tuple[int, int, bytes]] = {}  # type, count, values

    def numbers(self, tag: int, values: Sequence[int]) -> None:
        """Set a tag to whole numbers."""
        kind, dtype = (SHORT, np.uint16) if max(values) < 1 << 16 else (LONG8, np.uint64)
        self.tags[tag] = kind, len(values), np.array(values, dtype).tobytes()

    def fraction(self, tag: int, value: float) -> None:
        """Set a tag to a positive number."""
        fraction = Fraction(value).limit_denominator(MAX_DENOMINATOR)
        self.tags[tag] = RATIONAL, 1, struct.pack(f"{ORDER}2I", fraction.numerator, fraction.denominator)

    def text(self, tag: int, text: str) -> None:
        """Set a tag to a text."""
        data = text.encode("utf-8", "replace").replace(b"\0", b" ") + b"\0"
        self.tags[tag] = ASCII, len(data), data

    def data(self, tag: int, data: bytes) -> None:
        """Set a tag to bytes that TIFF does not interpret."""
        self.tags[tag] = UNDEFINED, len(data), data


class BigTiff:
    """A BigTIFF file that is written from its start to its end.

    Parameters
    ----------
    stream : binary stream
        Seekable, because the header gets the place of the first directory at the end.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.start = stream.tell()
        self.length = self._sent = 0
        self.append(HEADER.pack(MARK, 43, 8, 0, 0))

    def append(self, data: bytes | memoryview) -> int:
        """Write data at an even place, and return the place."""
        if self.length % 2:
            self.stream.write(b"\0")
            self.length += 1
        place = self.length
        self.stream.write(data)
        self.length += len(data)
        if self.length - self._sent >= SENT_BYTES:
            self._send()
        return place

    def _send(self) -> None:
        """Have the system write to the disk what it keeps in memory, so that little is left for the end."""
        with suppress(OSError, AttributeError):  # no file of the system, or not Linux
            descriptor, start = self.stream.fileno(), self.start + self._sent
            os.posix_fadvise(descriptor, start, self.length - self._sent, os.POSIX_FADV_DONTNEED)
        self._sent = self.length

    def append_directory(self, directory: Directory, following: int) -> int:
        """Write a directory, and return its place; `following` is that of the next, 0 if there is none."""
        entries = []
        for tag, (kind, count, values) in sorted(directory.tags.items()):
            field = values if len(values) <= 8 else struct.pack(f"{ORDER}Q", self.append(values))
            entries.append(ENTRY.pack(tag, kind, count, field.ljust(8, b"\0")))
        head, end = struct.pack(f"{ORDER}Q", len(entries)), struct.pack(f"{ORDER}Q", following)
        return self.append(b"".join([head, *entries, end]))

    def finish(self, first: int) -> None:
        """Write the place of the first directory into the header."""
        self.stream.seek(self.start + FIRST_DIRECTORY)
        self.stream.write(struct.pack(f"{ORDER}Q", first))
        self.stream.seek(0, 2)

"""The pages of a TIFF: each as a file of its own, and what its directory says about it.

Source: Adobe, TIFF revision 6.0 (1992), sections 2 and 8; BigTIFF as libtiff describes it.
"""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from convcli.errors import ImageError
from convcli.pictures.frames import FrameInfo

__all__ = ["TiffFile"]

DESCRIPTION, PAGE_NAME = 270, 285  # tags
ASCII = 2
MAX_TEXT = 1 << 16  # bytes of a name or a description
LAYOUTS = (
    '{"shape"',
    "ImageJ=",
    "<?xml",
    "<OME",
)  # descriptions that say how another program laid out the file


@dataclass(frozen=True)
class _Form:
    """The forms of numbers in a file, which differ for BigTIFF."""

    offset: struct.Struct
    count: struct.Struct
    entry: struct.Struct  # tag, type, number of values, and the values or their place
    first: int  # the place of the offset of the first directory


class TiffFile:
    """A TIFF, of which each page can be read as a file of its own."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.stream = stream
        self.name = name
        stream.seek(0)
        head = stream.read(4)
        order = "<" if head[:2] == b"II" else ">"
        shapes = ("Q", "Q", "HHQ8s", 8) if 43 in head[2:] else ("I", "H", "HHI4s", 4)
        offset, count, entry = (struct.Struct(order + shape) for shape in shapes[:3])
        self.form = _Form(offset, count, entry, shapes[3])

    def directories(self) -> Iterator[int]:
        """Yield the places of the pages' directories; a circle ends them."""
        seen: set[int] = set()
        (place,) = self._read(self.form.first, self.form.offset)
        while place and place not in seen:
            seen.add(place)
            yield place
            (entries,) = self._read(place, self.form.count)
            after = place + self.form.count.size + entries * self.form.entry.size
            (place,) = self._read(after, self.form.offset)

    def page(self, directory: int) -> BinaryIO:
        """Return the file as it would be if it began with that page."""
        self.stream.seek(0)
        header = self.stream.read(self.form.first) + self.form.offset.pack(directory)
        return io.BufferedReader(_OtherHeader(self.stream, header))

    def info(self, directory: int) -> FrameInfo:
        """Return the name and the description of a page."""
        texts = {DESCRIPTION: "", PAGE_NAME: ""}
        (entries,) = self._read(directory, self.form.count)
        for number in range(entries):
            place = directory + self.form.count.size + number * self.form.entry.size
            tag, kind, count, value = self._read(place, self.form.entry)
            if tag in texts and kind == ASCII and count <= MAX_TEXT:
                if count > len(value):
                    self.stream.seek(*self.form.offset.unpack(value))
                    value = self.stream.read(count)
                texts[tag] = value[:count].rstrip(b"\0").decode("latin-1")
        if texts[DESCRIPTION].lstrip().startswith(LAYOUTS):
            texts[DESCRIPTION] = ""
        return FrameInfo(page_name=texts[PAGE_NAME], description=texts[DESCRIPTION])

    def _read(self, place: int, form: struct.Struct) -> tuple[Any, ...]:
        try:
            self.stream.seek(place)
            return form.unpack(self.stream.read(form.size))
        except (struct.error, OSError, ValueError, OverflowError):  # beyond the end, or beyond any file
            why = "is truncated or damaged: its directory points beyond the end of the file"
            raise ImageError(self.name, why) from None


class _OtherHeader(io.RawIOBase):
    """A file with another header; the file itself stays open when this is closed."""

    def __init__(self, stream: BinaryIO, header: bytes) -> None:
        self.stream = stream
        self.header = header
        self.position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.stream.fileno()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_CUR:
            offset, whence = offset + self.position, io.SEEK_SET
        self.position = self.stream.seek(offset, whence)
        return self.position

    def tell(self) -> int:
        return self.position

    def readinto(self, buffer: Any) -> int:
        self.stream.seek(self.position)
        data = self.stream.read(len(buffer))
        head = self.header[self.position : self.position + len(data)]
        buffer[: len(data)] = head + data[len(head) :]
        self.position += len(data)
        return len(data)

"""TIFF files of several pages, put together from TIFF files.

Source: Adobe, TIFF revision 6.0 (1992), sections 2 and 8.
"""

import io
import struct
from typing import NamedTuple

from convcli.errors import OutputError
from convcli.pictures.formats.frame_reading.container import FrameInfo
from convcli.pictures.headers.tiff import TYPE_BYTES, Layout, read_entries, read_values
from convcli.pictures.headers.tiff_pages import page_offsets
from convcli.pictures.headers.tiff_tags import ASCII, Tag

__all__ = ["TiffPages"]

HEADER = 8
VERSION = 42
CLASSIC = 4  # bytes of an offset; BigTIFF has more
MAX_BYTES = 2**32 - 1
LONG = 4  # type of values
INTEGERS = {3: "H", LONG: "I"}
PARTS = {Tag.STRIP_OFFSETS: Tag.STRIP_COUNTS, Tag.TILE_OFFSETS: Tag.TILE_COUNTS}  # places and lengths


class _Field(NamedTuple):
    """The values of a tag, as they lie in the file."""

    kind: int
    values: bytes


class TiffPages:
    """Puts a file together, page by page."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.order = "<"
        self.parts: list[bytes] = [b""]  # the header comes last, when the place of the first page is known
        self.length = HEADER
        self.directories: list[tuple[int, int]] = []  # the part, and its place in the file

    def add(self, content: bytes, info: FrameInfo) -> tuple[str, ...]:
        """Add the file of a frame, which may have several pages.

        Raises
        ------
        OutputError
            The file would be too long.
        """
        stream = io.BytesIO(content)
        layout = Layout.read(stream)
        if layout.offset_bytes != CLASSIC:
            raise self._too_long()
        self.order = "<" if layout.order == "little" else ">"
        texts = {Tag.PAGE_NAME: info.page_name, Tag.DESCRIPTION: info.description}
        fields = {
            tag: _Field(ASCII, text.encode("latin-1", "replace") + b"\0")
            for tag, text in texts.items()
            if text
        }
        for directory in page_offsets(stream):
            entries = read_entries(stream, layout, directory)
            page = {entry.tag: _Field(entry.kind, read_values(stream, entry)) for entry in entries}
            self._add_page(content, page | fields)
        return ()

    def finish(self) -> list[bytes]:
        """Return the parts of the file."""
        places = [place for _, place in self.directories]
        for (part, _), following in zip(self.directories, [*places[1:], 0], strict=True):
            self.parts[part] += struct.pack(self.order + "I", following)
        mark = b"II" if self.order == "<" else b"MM"
        self.parts[0] = mark + struct.pack(self.order + "HI", VERSION, places[0])
        return self.parts

    def _add_page(self, content: bytes, page: dict[int, _Field]) -> None:
        for tag, lengths_tag in PARTS.items():
            if tag in page:
                pairs = zip(self._unpack(page[tag]), self._unpack(page[lengths_tag]), strict=True)
                places = [self._append(content[start : start + length]) for start, length in pairs]
                page[tag] = _Field(LONG, struct.pack(f"{self.order}{len(places)}I", *places))
        entries = []
        for tag, (kind, values) in sorted(page.items()):
            count = len(values) // TYPE_BYTES[kind]
            if len(values) > 4:
                values = struct.pack(self.order + "I", self._append(values))
            entries.append(struct.pack(self.order + "HHI4s", tag, kind, count, values))
        place = self._append(struct.pack(self.order + "H", len(entries)) + b"".join(entries))
        self.directories.append((len(self.parts) - 1, place))
        self.length += 4  # the place of the next directory, which is not known yet

    def _unpack(self, field: _Field) -> tuple[int, ...]:
        count = len(field.values) // TYPE_BYTES[field.kind]
        return struct.unpack(f"{self.order}{count}{INTEGERS[field.kind]}", field.values)

    def _append(self, data: bytes) -> int:
        """Append data at an even place and return the place."""
        if self.length % 2:
            self.parts.append(b"\0")
            self.length += 1
        place = self.length
        self.length += len(data)
        if self.length > MAX_BYTES:
            raise self._too_long()
        self.parts.append(data)
        return place

    def _too_long(self) -> OutputError:
        return OutputError(
            self.name, "would be longer than 4 GB, the most that a tiff of several frames holds; use npy"
        )

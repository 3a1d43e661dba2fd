"""What the directory of a TIFF's page says about it.

Source: Adobe, TIFF revision 6.0 (1992), sections 2 and 8; BigTIFF as libtiff describes it.
"""

from typing import BinaryIO

from convcli.pictures.formats.frame_reading.frames import FrameInfo
from convcli.pictures.headers.tiff_pages import MAX_OFFSET, Layout

__all__ = ["read_page_info"]

DESCRIPTION, PAGE_NAME = 270, 285  # tags
ASCII = 2
MAX_TEXT = 1 << 16  # bytes of a name or a description
LAYOUTS = (
    '{"shape"',
    "ImageJ=",
    "<?xml",
    "<OME",
)  # descriptions that say how another program laid out the file


def read_page_info(stream: BinaryIO, directory: int) -> FrameInfo:
    """Return the name and the description of a page; of a damaged directory, what there is of them."""
    layout = Layout.read(stream)
    order, count_bytes, offset_bytes = layout
    texts = {DESCRIPTION: "", PAGE_NAME: ""}
    stream.seek(directory)
    place = directory + count_bytes
    for _ in range(int.from_bytes(stream.read(count_bytes), order)):
        stream.seek(place)
        entry = stream.read(layout.entry_bytes)
        place += layout.entry_bytes
        if len(entry) < layout.entry_bytes:
            break
        tag, kind = int.from_bytes(entry[:2], order), int.from_bytes(entry[2:4], order)
        count, value = int.from_bytes(entry[4 : 4 + offset_bytes], order), entry[4 + offset_bytes :]
        if tag in texts and kind == ASCII and count <= MAX_TEXT:
            if count > offset_bytes:
                stream.seek(min(int.from_bytes(value, order), MAX_OFFSET))
                value = stream.read(count)
            texts[tag] = value[:count].rstrip(b"\0").decode("latin-1")
    if texts[DESCRIPTION].lstrip().startswith(LAYOUTS):
        texts[DESCRIPTION] = ""
    return FrameInfo(page_name=texts[PAGE_NAME], description=texts[DESCRIPTION])

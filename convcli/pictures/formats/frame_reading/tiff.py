"""Reads the name and the description of a TIFF's page.

Source: Adobe, TIFF revision 6.0 (1992), sections 2 and 8; BigTIFF as libtiff describes it.
"""

from contextlib import suppress
from typing import BinaryIO

from convcli.pictures.formats.frame_reading.container import FrameInfo
from convcli.pictures.headers.tiff import Layout, read_entries, read_values
from convcli.pictures.headers.tiff_tags import ASCII, Tag

__all__ = ["read_page_info"]

MAX_TEXT = 1 << 16  # bytes of a name or a description
LAYOUTS = ('{"shape"', "ImageJ=", "<?xml", "<OME")  # how descriptions of another program's layout begin


def read_page_info(stream: BinaryIO, directory: int) -> FrameInfo:
    """Return the name and the description of a page, as far as a damaged directory holds them."""
    texts = {Tag.DESCRIPTION: "", Tag.PAGE_NAME: ""}
    with suppress(EOFError):
        for entry in read_entries(stream, Layout.read(stream), directory):
            if entry.tag in texts and entry.kind == ASCII and entry.value_count <= MAX_TEXT:
                text = read_values(stream, entry).rstrip(b"\0").decode("latin-1")
                is_layout = entry.tag == Tag.DESCRIPTION and text.lstrip().startswith(LAYOUTS)
                if not texts[entry.tag] and not is_layout:  # tifffile writes two descriptions
                    texts[entry.tag] = text
    return FrameInfo(page_name=texts[Tag.PAGE_NAME], description=texts[Tag.DESCRIPTION])

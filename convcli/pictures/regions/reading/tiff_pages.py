"""Finds the page of a TIFF to read: the first, another, or a level of a pyramid."""

from __future__ import annotations

from itertools import islice
from typing import BinaryIO

import tifffile

from convcli.errors import ImageError
from convcli.pictures.damage.tiff import check_directory
from convcli.pictures.formats.deep.tiff import has_another, select_page
from convcli.pictures.frames import SEVERAL_FRAMES, no_frame
from convcli.pictures.headers.tiff_pages import page_offsets

__all__ = ["find_page", "no_level"]

MAX_PAGES = 1 << 16  # whose directories are read to find the levels


def find_page(
    tiff: tifffile.TiffFile, stream: BinaryIO, name: str, level: int | None, frame: int | None
) -> tuple[tifffile.TiffPage, tuple[str, ...]]:
    """Return the page to read, and notes on the others.

    Parameters
    ----------
    tiff, stream : TiffFile, binary stream
        The same file.
    name : str
        The name to use in messages.
    level : int or None
        Which level of the pyramid, counted from 0, the full resolution: pages or SubIFDs, as tifffile finds
        them.
    frame : int or None
        Which of several pages of that level.

    Raises
    ------
    ImageError
        There is no such page or level.
    """
    if level is None:
        page = select_page(tiff, frame or 0, name)
        is_first = frame is None and has_another(tiff) and not _is_smaller(tiff.pages[1], page)
        return page, (SEVERAL_FRAMES,) if is_first else ()
    if sum(1 for _ in islice(page_offsets(stream), MAX_PAGES + 1)) > MAX_PAGES:
        raise ImageError(name, f"has more than {MAX_PAGES} pages, too many to look for its levels")
    levels = tiff.series[0].levels
    if level >= len(levels):
        raise no_level(
            name, level, [(each.keyframe.imagelength, each.keyframe.imagewidth) for each in levels]
        )
    pages = levels[level].pages
    if (frame or 0) >= len(pages):
        raise no_frame(name, frame or 0, len(pages))
    found = pages[frame or 0]
    if found is None:
        raise ImageError(name, f"does not hold level {level} of this picture")
    check_directory(stream, name, found.offset)
    page = found if isinstance(found, tifffile.TiffPage) else found.aspage()
    return page, (SEVERAL_FRAMES,) if frame is None and len(pages) > 1 else ()


def _is_smaller(other: tifffile.TiffPage | tifffile.TiffFrame, page: tifffile.TiffPage) -> bool:
    """Whether another page is a level or a thumbnail of this one, and not a picture like it."""
    key = other.keyframe
    return key is not None and key.imagelength < page.imagelength and key.imagewidth < page.imagewidth


def no_level(name: str, level: int, sizes: list[tuple[int, int]]) -> ImageError:
    """Return the error that a pyramid whose levels have these heights and widths does not have a level."""
    if len(sizes) == 1:
        return ImageError(name, f"has no level {level}: it has a single level, 0")
    listed = ", ".join(f"{width}x{height}" for height, width in sizes)
    return ImageError(name, f"has no level {level}: its levels, 0 to {len(sizes) - 1}, are {listed} pixels")

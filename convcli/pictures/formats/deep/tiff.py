"""Reads TIFF files with tifffile: every sample type, depth, planes, extra samples and BigTIFF."""

from __future__ import annotations

import io
import logging
import math
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from convcli.pictures.damage.tiff import check_directory
from convcli.pictures.formats.deep.samples import LIBRARY_BYTES, DeepDecoded
from convcli.pictures.formats.deep.tiff_parts import check_parts, part_size
from convcli.pictures.formats.deep.tiff_samples import TiffSamples
from convcli.pictures.formats.unsupported import CONTAINED
from convcli.pictures.frames import SEVERAL_FRAMES, no_frame
from convcli.pictures.headers.tiff import count_parts
from convcli.pictures.headers.tiff_pages import page_offsets
from convcli.pictures.headers.tiff_tags import Tag
from convcli.pictures.limits import Limits

__all__ = ["check_directories", "decode_tiff", "has_another", "open_tiff", "select_page"]

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # else its messages go to standard error

PART_BYTES = 50  # of memory per offset or length of a part
BUFFER_BYTES = 1 << 24  # compressed bytes that are read at a time
CONTAINED_BYTES = 4  # per value: decoders of contained pictures compute with 32 bits


def decode_tiff(stream: BinaryIO, name: str, limits: Limits, frame: int | None) -> DeepDecoded:
    """Decode a page of a TIFF file."""
    file_bytes = stream.seek(0, io.SEEK_END)
    check_directories(stream, frame or 0, name, limits)
    with open_tiff(stream) as tiff:
        page = select_page(tiff, frame or 0, name)
        layout = TiffSamples.of(page, name)
        _check_size(page, layout, file_bytes, name, limits)
        check_parts(page, stream, file_bytes, name)
        if frame is None and has_another(tiff):
            layout = layout.with_notes(SEVERAL_FRAMES)
        return DeepDecoded(layout.to_picture(_stored_samples(page)))


def open_tiff(stream: BinaryIO) -> tifffile.TiffFile:
    """Open a TIFF file; the stream stays open when the file is closed."""
    stream.seek(0)
    return tifffile.TiffFile(stream, _multifile=False)


def _stored_samples(page: tifffile.TiffPage) -> NDArray[Any]:
    """Return the samples of a page (H, W, S), as they are stored."""
    stored: Any = page.asarray(squeeze=False, maxworkers=1, buffersize=BUFFER_BYTES)
    # Stored as plane, depth, height, width, sample.
    return np.ascontiguousarray(np.moveaxis(stored[:, 0], 0, -2)).reshape(*stored.shape[2:4], -1)


def check_directories(stream: BinaryIO, frame: int, name: str, limits: Limits) -> None:
    """Check the directories that tifffile reads: those of the first page and of the requested one."""
    offsets = page_offsets(stream)
    for offset in (next(offsets, None), next(islice(offsets, frame - 1, None), None) if frame else None):
        if offset is not None:
            check_directory(stream, name, offset)
            limits.check_bytes(name, PART_BYTES * count_parts(stream, offset))


def select_page(tiff: tifffile.TiffFile, frame: int, name: str) -> tifffile.TiffPage:
    """Return a page.

    Raises
    ------
    ImageError
        There is no such page.
    """
    try:
        page = tiff.pages[frame]
    except IndexError:
        raise no_frame(name, frame, len(tiff.pages)) from None
    if not isinstance(page, tifffile.TiffPage):
        page = page.aspage()
    return page


def has_another(tiff: tifffile.TiffFile) -> bool:
    """Whether there is a second page."""
    try:
        return tiff.pages[1] is not None
    except IndexError:
        return False


def _check_size(
    page: tifffile.TiffPage, layout: TiffSamples, file_bytes: int, name: str, limits: Limits
) -> None:
    """Refuse a page whose directory gives a size beyond the limits."""
    assert page.dtype is not None
    size, itemsize = part_size(page), page.dtype.itemsize
    planes = page.samplesperpixel // size.samples
    whole = page.imagewidth * page.imagelength * page.samplesperpixel * itemsize
    decoder_bytes = LIBRARY_BYTES
    if not page.is_contiguous:
        value_bytes = 2 * itemsize + (CONTAINED_BYTES if page.compression in CONTAINED else 0)
        decoder_bytes += math.prod(size) * value_bytes + 2 * min(file_bytes, BUFFER_BYTES)
    half = page.dtype == np.float16
    if planes > 1 or half or layout.is_changed or page.tags.valueof(Tag.ORIENTATION, 1) != 1:
        decoder_bytes += whole  # of samples as they are stored
    numbers = layout.meaning.bands or page.dtype.kind not in "bu" or itemsize > 2
    shape = page.imagelength, page.imagewidth, page.samplesperpixel
    limits.check(name, shape, 4 if half else itemsize, decoder_bytes=decoder_bytes, numbers=numbers)

"""Reads TIFF files with tifffile: every sample type, depth, planes, extra samples and BigTIFF."""

from __future__ import annotations

import io
import logging
import math
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
import tifffile

from convcli.errors import ImageError
from convcli.pictures.damage.tiff import check_directory
from convcli.pictures.formats.deep.samples import (
    LIBRARY_BYTES,
    Alpha,
    DeepDecoded,
    Meaning,
    make_picture,
    scale_depth,
)
from convcli.pictures.formats.deep.tiff_parts import check_parts, part_size
from convcli.pictures.formats.unsupported import (
    COLORS,
    CONTAINED,
    JPEG,
    refuse_compression,
    refuse_tiff,
)
from convcli.pictures.frames import SEVERAL_FRAMES, no_frame
from convcli.pictures.headers.tiff import count_parts
from convcli.pictures.headers.tiff_pages import page_offsets
from convcli.pictures.headers.tiff_tags import (
    ASSOCIATED,
    CENTIMETER,
    FLOAT,
    INCH,
    SIGNED,
    UNASSOCIATED,
    Photometric,
    Tag,
)
from convcli.pictures.limits import Limits
from convcli.pictures.picture import sound_resolution

__all__ = ["decode_tiff"]

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # else its messages go to standard error

WHOLE_BITS = (8, 16, 32, 64)
PART_BYTES = 50  # of memory per offset or length of a part
BUFFER_BYTES = 1 << 24  # compressed bytes that are read at a time
CONTAINED_BYTES = 4  # per value: decoders of contained pictures compute with 32 bits


@dataclass(frozen=True)
class _Layout:
    """How to read the samples of a page."""

    bits: int
    colors: int
    alpha: Alpha
    bands: bool
    is_changed: bool  # the values in the file are not those of the picture


def decode_tiff(stream: BinaryIO, name: str, limits: Limits, frame: int | None) -> DeepDecoded:
    """Decode a page of a TIFF file."""
    file_bytes = stream.seek(0, io.SEEK_END)
    _check_directories(stream, frame or 0, name, limits)
    stream.seek(0)
    with tifffile.TiffFile(stream, _multifile=False) as tiff:
        page = _page(tiff, frame or 0, name)
        layout = _layout(page, name)
        _check_size(page, layout, file_bytes, name, limits)
        check_parts(page, stream, file_bytes, name)
        stored: Any = page.asarray(squeeze=False, maxworkers=1, buffersize=BUFFER_BYTES)
        meaning = _meaning(page, layout)
        if frame is None and _has_another(tiff):
            meaning = _with_notes(meaning, SEVERAL_FRAMES)
    # Stored as plane, depth, height, width, sample.
    samples = np.ascontiguousarray(np.moveaxis(stored[:, 0], 0, -2)).reshape(*stored.shape[2:4], -1)
    del stored
    if page.photometric == Photometric.PALETTE:
        samples = _colored(samples, page, name)
    else:
        samples, notes = scale_depth(samples, layout.bits)
        meaning = _with_notes(meaning, *notes)
    return DeepDecoded(make_picture(samples, meaning))


def _check_directories(stream: BinaryIO, frame: int, name: str, limits: Limits) -> None:
    """Check the directories that tifffile reads: those of the first page and of the requested one."""
    offsets = page_offsets(stream)
    for offset in (next(offsets, None), next(islice(offsets, frame - 1, None), None) if frame else None):
        if offset is not None:
            check_directory(stream, name, offset)
            limits.check_bytes(name, PART_BYTES * count_parts(stream, offset))


def _page(tiff: tifffile.TiffFile, frame: int, name: str) -> tifffile.TiffPage:
    try:
        page = tiff.pages[frame]
    except IndexError:
        raise no_frame(name, frame, len(tiff.pages)) from None
    if not isinstance(page, tifffile.TiffPage):
        page = page.aspage()
    return page


def _has_another(tiff: tifffile.TiffFile) -> bool:
    """Whether there is a second page."""
    try:
        return tiff.pages[1] is not None
    except IndexError:
        return False


def _layout(page: tifffile.TiffPage, name: str) -> _Layout:
    """Return how to read a page's samples.

    Raises
    ------
    ImageError
        They are of a kind that is not read.
    """
    bits: Any = page.bitspersample  # a tuple if they differ
    samples, photometric = page.samplesperpixel, int(page.photometric)
    if page.dtype is None or not isinstance(bits, int) or page.dtype.kind not in "buif":
        raise ImageError(name, f"holds samples of a kind that is not read: {page.bitspersample} bits")
    refuse_compression(name, int(page.compression))
    sample_format = {"i": SIGNED, "f": FLOAT}.get(page.dtype.kind, 1)
    kinds = [int(kind) for kind in page.extrasamples]
    refuse_tiff(name, photometric, bits, sample_format, kinds)
    if page.tags.valueof(Tag.IMAGE_DEPTH, 1) != 1 or page.imagedepth != 1:
        raise ImageError(name, "holds a volume, and not a picture")
    if photometric == Photometric.YCBCR and page.compression != JPEG:
        raise ImageError(name, "has YCbCr colors without JPEG compression; convert it to RGB first")
    colors = COLORS[photometric]
    extra = samples - colors
    if extra < 0:
        raise ImageError(name, f"is damaged: it has {samples} samples per pixel, but {colors} colors")
    if not kinds and extra == 1 and photometric == Photometric.RGB:
        kinds = [UNASSOCIATED]  # many programs leave the tag out
    alpha, alphas = Alpha.NONE, {ASSOCIATED, UNASSOCIATED}
    is_last = len(kinds) == extra and kinds[-1:] and kinds[-1] in alphas and alphas.isdisjoint(kinds[:-1])
    if is_last and page.dtype.kind != "i":
        alpha = Alpha.ASSOCIATED if kinds[-1] == ASSOCIATED else Alpha.STRAIGHT
    inks = photometric == Photometric.SEPARATED and page.tags.valueof(Tag.INK_SET, 1) != 1
    bands = inks or extra > (alpha != Alpha.NONE)
    if photometric == Photometric.PALETTE and extra:
        raise ImageError(name, "has a palette and extra samples, which is not read")
    unsigned = page.dtype.kind in "bu"
    if photometric == Photometric.SEPARATED and not bands and not unsigned:
        bands = True
    is_changed = (
        photometric not in (Photometric.BLACK_IS_ZERO, Photometric.RGB)
        or alpha == Alpha.ASSOCIATED
        or bits not in WHOLE_BITS
    )
    return _Layout(bits, colors, alpha, bands, is_changed)


def _check_size(page: tifffile.TiffPage, layout: _Layout, file_bytes: int, name: str, limits: Limits) -> None:
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
    numbers = layout.bands or page.dtype.kind not in "bu" or itemsize > 2
    shape = page.imagelength, page.imagewidth, page.samplesperpixel
    limits.check(name, shape, 4 if half else itemsize, decoder_bytes=decoder_bytes, numbers=numbers)


def _meaning(page: tifffile.TiffPage, layout: _Layout) -> Meaning:
    photometric = int(page.photometric)
    orientation = page.tags.valueof(Tag.ORIENTATION, 1)
    profile = page.tags.valueof(Tag.PROFILE, None)
    return Meaning(
        alpha=layout.alpha,
        bands=layout.bands,
        white_is_zero=photometric == Photometric.WHITE_IS_ZERO
        and page.dtype is not None
        and page.dtype.kind != "f",
        ink=photometric == Photometric.SEPARATED and not layout.bands,
        orientation=orientation if isinstance(orientation, int) else 1,
        profile=bytes(profile) if isinstance(profile, bytes) and profile else None,
        resolution=_resolution(page),
    )


def _with_notes(meaning: Meaning, *notes: str) -> Meaning:
    return replace(meaning, notes=(*meaning.notes, *notes))


def _resolution(page: tifffile.TiffPage) -> tuple[float, float] | None:
    """Return dots per inch of the picture as it is stored."""
    unit = page.tags.valueof(Tag.RESOLUTION_UNIT, INCH)
    dots = []
    for tag in (Tag.X_RESOLUTION, Tag.Y_RESOLUTION):
        value = page.tags.valueof(tag, None)
        if not isinstance(value, tuple) or len(value) != 2 or not value[1]:
            return None
        dots.append(value[0] / value[1] * (2.54 if unit == CENTIMETER else 1))
    return sound_resolution(*dots) if unit in (INCH, CENTIMETER) else None


def _colored(samples: Any, page: tifffile.TiffPage, name: str) -> Any:
    """Return the colors that samples have in the palette, with 8 bits, as Pillow does."""
    colors = page.colormap
    if colors is None or samples.max() >= colors.shape[1]:
        raise ImageError(name, "is damaged: its palette is missing, or has too few colors")
    return (colors.T >> 8).astype(np.uint8)[samples[..., 0]]

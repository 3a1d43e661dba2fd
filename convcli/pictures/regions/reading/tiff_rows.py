"""Reads rows of TIFF and BigTIFF files: tiles or strips, compressed or not, a level of a pyramid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray

from convcli.errors import ImageError, PictureTooLargeError
from convcli.parallel import WorkQueue, parallel_for, thread_count
from convcli.pictures.formats.deep.samples import Alpha
from convcli.pictures.formats.deep.tiff import check_directories, open_tiff
from convcli.pictures.formats.deep.tiff_parts import decode_part, list_parts, part_size
from convcli.pictures.formats.deep.tiff_samples import TiffSamples
from convcli.pictures.formats.unsupported import (
    CONTAINED,
    DEFLATE,
    JPEG,
    JPEG_2000,
    JPEG_XL,
    LZMA,
    LZW,
    PACKBITS,
    ZSTD,
)
from convcli.pictures.headers.tiff_tags import SEPARATE_PLANES
from convcli.pictures.limits import Limits
from convcli.pictures.picture import Picture
from convcli.pictures.regions.ome import kept_description, pixel_size
from convcli.pictures.regions.properties import Storage
from convcli.pictures.regions.reading.file_bytes import FileBytes
from convcli.pictures.regions.reading.stored_rows import StoredRows
from convcli.pictures.regions.reading.tiff_pages import find_page
from convcli.pictures.regions.region import Region

__all__ = ["TiffRows", "open_tiff_rows"]

UNCOMPRESSED = 1
NO_PREDICTOR = 1
MOST_SIGNIFICANT_FIRST = 1  # fill order
DECODED_COPIES = 3  # of a tile, while a thread decodes it
READ_BYTES = 1 << 20  # that a thread reads at a time
FAMILIES = {
    UNCOMPRESSED: "none", LZW: "lzw", JPEG: "jpeg", PACKBITS: "packbits", LZMA: "lzma", ZSTD: "zstd",
    **dict.fromkeys(DEFLATE, "deflate"), **dict.fromkeys(JPEG_2000, "jpeg2000"),
    **dict.fromkeys(JPEG_XL, "jpegxl"),
}  # fmt: skip


def open_tiff_rows(
    stream: BinaryIO, name: str, level: int | None, region: Region | None, frame: int | None, limits: Limits
) -> TiffRows | None:
    """Open a page of a TIFF, or return None if it is not read by rows but may be read whole.

    Raises
    ------
    ImageError
        It is damaged, does not have that level, region or frame, or can be read neither by rows nor whole.
    """
    source = FileBytes(stream, name)
    check_directories(stream, frame or 0, name, limits)
    with ExitStack() as opened:
        tiff = opened.enter_context(open_tiff(stream))
        page, notes = find_page(tiff, stream, name, level, frame)
        try:
            samples = TiffSamples.of(page, name).with_notes(*notes)
        except ImageError:
            if level is not None:
                raise
            return None  # another decoder may read it
        if samples.meaning.orientation != 1:
            _check_turned(page, samples.meaning.orientation, name, level, limits)
            return None
        first = tiff.pages.first
        scale = (1.0, 1.0) if level is None else _scale_of_level(first, page)
        rows = TiffRows(source, page, samples, region, kept_description(first.description), scale)
        rows.check_memory(limits)
        rows.opened.push(opened.pop_all())
        return rows


def _check_turned(
    page: tifffile.TiffPage, orientation: int, name: str, level: int | None, limits: Limits
) -> None:
    """Check that a picture whose rows are not those of its page may be read whole.

    Raises
    ------
    ImageError
        It is too large, or a level of a pyramid.
    """
    assert page.dtype is not None
    turned = f"it is stored turned (orientation {orientation})"
    if level is not None:
        raise ImageError(name, f"has levels that are not read: {turned}; save it upright first")
    size = page.imagelength, page.imagewidth, page.samplesperpixel
    try:
        limits.check(name, size, page.dtype.itemsize, numbers=True)
    except PictureTooLargeError as error:
        raise PictureTooLargeError(name, f"{error.why}; {turned}: saved upright, it need not fit") from None


class TiffRows(StoredRows):
    """The rows of a page of a TIFF; see `LargePicture`.

    Parameters
    ----------
    source : FileBytes
    page : TiffPage
    samples : TiffSamples
        What its samples mean.
    region : Region or None
        Which part of it to read.
    description : str
        Of the file.
    scale : (float, float)
        How many times as high and wide as the pixels that the description is about those of the page are.
    """

    def __init__(
        self,
        source: FileBytes,
        page: tifffile.TiffPage,
        samples: TiffSamples,
        region: Region | None,
        description: str,
        scale: tuple[float, float],
    ) -> None:
        assert page.dtype is not None
        self._part, self._direct = part_size(page), _is_direct(page, samples)
        super().__init__(
            source.name,
            (page.imagelength, page.imagewidth, page.samplesperpixel),
            page.dtype,
            1 if self._direct else self._part.height,
            region,
        )
        self._source, self._page, self._dtype = source, page, page.dtype
        self._places = list_parts(page, source.length, source.name)
        self._widened = False
        if page.compression not in CONTAINED - {JPEG}:  # as Pillow reads it
            is_bytes = page.dtype == np.uint8 and int(page.planarconfig) != SEPARATE_PLANES
            if samples.meaning.alpha == Alpha.ASSOCIATED and is_bytes:
                samples = replace(samples, meaning=replace(samples.meaning, alpha=Alpha.TRUNCATED))
            self._widened = page.dtype == np.int16 and page.samplesperpixel == 1
        self._samples = samples
        storage = Storage(
            FAMILIES.get(int(page.compression), "none"),
            (page.tilelength, page.tilewidth) if page.is_tiled else None,
            int(page.predictor) != NO_PREDICTOR,
            description,
            *pixel_size(description),
        ).strided(*scale)
        block = self.bands.block_rows, min(self._part.width, page.imagewidth)
        self.properties = self.describe(block, storage)
        _ = page.decode  # makes the decoder, before threads need it

    def check_memory(self, limits: Limits) -> None:
        """Refuse a page whose parts are too large to be decoded.

        Raises
        ------
        ImageError
            Decoding a part would take more memory than the limits allow.
        """
        part = self._part
        band = (
            min(self.bands.block_rows, self._page.imagelength)
            * self.window.width
            * self._page.samplesperpixel
        )
        decoded = 0 if self._direct else DECODED_COPIES * part.width * part.height * part.samples
        try:
            limits.check_bytes(self._source.name, (2 * band + decoded) * self._dtype.itemsize)
        except ImageError as error:
            raise ImageError(
                self._source.name,
                f"{error.why} (it is compressed in parts of {part.width}x{part.height} pixels, "
                "each decoded whole: save it in tiles first)",
            ) from None

    def to_picture(self, samples: NDArray[Any]) -> Picture:
        """Make a picture of samples (N, W, S) as they are stored."""
        return self._samples.to_picture(samples.astype(np.int32) if self._widened else samples)

    def decode(self, rows: NDArray[Any], start: int, jobs: int | None) -> None:
        """Fill rows (N, W, S) of the window with those of the page from `start` on."""
        pieces = list(self._pieces(start, start + len(rows)))

        def work(queue: WorkQueue) -> None:
            for number in queue:
                piece = pieces[number]
                if self._direct:
                    self._copy(piece, rows, start)
                else:
                    self._decode_piece(piece, rows, start)

        # Copying from the system's cache takes so little that threads would only wait for each other.
        threads = 1 if self._direct else thread_count(jobs, len(pieces), rows.size)
        parallel_for(range(len(pieces)), work, threads)

    def _pieces(self, start: int, stop: int) -> Iterator[_Piece]:
        """Yield pieces of the parts that hold these rows of the window: all, if a part is decoded whole."""
        part, page, window = self._part, self._page, self.window
        across, down = -(-page.imagewidth // part.width), -(-page.imagelength // part.height)
        step = part.height
        if self._direct:
            step = max(1, READ_BYTES // (part.width * part.samples * self._dtype.itemsize))
        for plane in range(page.samplesperpixel // part.samples):
            for row in range(start // part.height, -(-stop // part.height)):
                first, last = max(start, row * part.height), min(stop, (row + 1) * part.height)
                for column in range(
                    window.left // part.width, -(-(window.left + window.width) // part.width)
                ):
                    index = (plane * down + row) * across + column
                    for top in range(first, last, step):
                        bottom = min(top + step, last)
                        yield _Piece(index, row * part.height, column * part.width, plane, top, bottom)

    def _decode_piece(self, piece: _Piece, rows: NDArray[Any], start: int) -> None:
        data = self._source.read(*self._place(piece.part))
        samples = decode_part(self._page, data, piece.part, self._source.name)
        self._put(samples[piece.top - piece.row :], piece, rows, start)

    def _copy(self, piece: _Piece, rows: NDArray[Any], start: int) -> None:
        """Read the rows of a part that is not compressed."""
        part = self._part
        row_bytes = part.width * part.samples * self._dtype.itemsize
        offset, length = self._place(piece.part)
        first, last = piece.top - piece.row, piece.bottom - piece.row
        if last * row_bytes > length:
            raise ImageError(self._source.name, "is damaged: a part of its pixels ends early")
        target = rows[piece.top - start : piece.bottom - start]
        stored = self._dtype.newbyteorder(self._page.parent.byteorder)
        fills = (piece.column, part.width, part.samples) == (self.window.left, *rows.shape[1:])
        if fills and stored.isnative:
            self._source.read_into(offset + first * row_bytes, target)
            return
        data = self._source.read(offset + first * row_bytes, (last - first) * row_bytes)
        self._put(np.frombuffer(data, stored).reshape(-1, part.width, part.samples), piece, rows, start)

    def _put(self, samples: NDArray[Any], piece: _Piece, rows: NDArray[Any], start: int) -> None:
        """Copy samples (N, W, S), which begin at the top of the piece, to their place in the window."""
        window, part = self.window, self._part
        left = max(window.left, piece.column)
        right = min(window.left + window.width, piece.column + part.width)
        found = samples[: piece.bottom - piece.top, left - piece.column : right - piece.column]
        if found.shape != (piece.bottom - piece.top, right - left, part.samples):
            raise ImageError(self._source.name, "is damaged: a part of its pixels ends early")
        first = piece.plane * part.samples
        target = rows[piece.top - start : piece.bottom - start, left - window.left : right - window.left]
        target[..., first : first + part.samples] = found

    def _place(self, index: int) -> tuple[int, int]:
        return int(self._places.offsets[index]), int(self._places.lengths[index])


class _Piece(NamedTuple):
    """Rows `top` to `bottom` of the page, as far as they lie in a part, which begins at a row and column."""

    part: int
    row: int
    column: int
    plane: int
    top: int
    bottom: int


def _scale_of_level(first: tifffile.TiffPage, level: tifffile.TiffPage) -> tuple[float, float]:
    """Return how many times as high and wide as the pixels of the first page those of a level are."""
    height = _scale(first.imagelength, level.imagelength)
    return height, _scale(first.imagewidth, level.imagewidth)


def _scale(full: int, side: int) -> float:
    whole = round(full / side)
    return whole if abs(full / whole - side) < 1 else full / side  # sides that do not divide were rounded


def _is_direct(page: tifffile.TiffPage, samples: TiffSamples) -> bool:
    """Whether the bytes of the file are the values of the samples, in some byte order."""
    assert page.dtype is not None
    return (
        page.compression == UNCOMPRESSED
        and page.predictor == NO_PREDICTOR
        and page.fillorder == MOST_SIGNIFICANT_FIRST
        and page.dtype.kind != "b"
        and samples.bits == 8 * page.dtype.itemsize
    )

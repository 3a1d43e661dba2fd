"""Writes a tiled BigTIFF from rows that come in order, with the levels of a pyramid if they are wanted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from convcli.errors import OutputError
from convcli.pictures.formats.format_checks import holds_alpha
from convcli.pictures.formats.output_formats import OutputFormat
from convcli.pictures.headers.tiff_tags import FLOAT, INCH, SIGNED, UNASSOCIATED, UNSIGNED, Photometric, Tag
from convcli.pictures.picture import Picture, convert_alpha
from convcli.pictures.regions.properties import Storage
from convcli.pictures.regions.writing.bigtiff import BigTiff, Directory
from convcli.pictures.regions.writing.compression import NO_PREDICTOR, choose_compression
from convcli.pictures.regions.writing.descriptions import result_description
from convcli.pictures.regions.writing.levels import Halve, chained, level_sizes
from convcli.pictures.regions.writing.tiles import TileRows

__all__ = ["Halve", "write_tiff"]

DEFAULT_TILE = 256
TILE_SIDES = range(64, 1025)  # of a source, which a result inherits
TILE_UNIT = 16
SAMPLE_FORMATS = {"u": UNSIGNED, "i": SIGNED, "f": FLOAT}
NEW_SUBFILE_TYPE, PREDICTOR, SUB_DIRECTORIES = 254, 317, 330
REDUCED = 1  # a kind of subfile
BAND_ROWS = 1024  # rows of tiles of all pages together, which are kept until they are complete


def write_tiff(
    stream: BinaryIO,
    name: str,
    strips: Iterable[Picture],
    height: int,
    storage: Storage,
    *,
    halve: Halve | None = None,
    jobs: int | None = None,
) -> tuple[str, ...]:
    """Write a tiled BigTIFF.

    Parameters
    ----------
    stream : binary stream
        Seekable.
    name : str
        The name to use in messages.
    strips : iterable of Picture
        The rows, from the first to the last, any number at a time. The first gives dtype, channels, alpha,
        profile and resolution. Maps become pages.
    height : int
        How many rows there are.
    storage : Storage
        How the source is stored: compression, tiles and description are inherited.
    halve : callable, optional
        Halves rows, for a pyramid: each level is half as large, until it fits into a tile (default: no
        pyramid).
    jobs : int, optional
        Maximum number of threads that compress (default: one per available CPU core).

    Returns
    -------
    tuple of str
        Notes on what the file does not hold as it was.

    Raises
    ------
    OutputError
        The stream is not seekable.
    """
    if not stream.seekable():
        raise OutputError(name, "is not a file that can be written at any place, as a tiled TIFF must be")
    iterator = iter(strips)
    first = next(iterator)
    writer = _Writer(stream, first, height, storage, halve, jobs)
    writer.largest.write(first)
    del first
    for strip in iterator:
        writer.largest.write(strip)
        del strip  # before the next is computed
    writer.finish()
    return writer.notes


class _Writer:
    def __init__(
        self,
        stream: BinaryIO,
        first: Picture,
        height: int,
        storage: Storage,
        halve: Halve | None,
        jobs: int | None,
    ) -> None:
        self.file = BigTiff(stream)
        self.profile, self.resolution = first.profile, first.resolution
        self.has_alpha = holds_alpha(first, OutputFormat.TIFF)
        self.colors = 1 if first.maps else first.channels
        samples = self.colors + self.has_alpha
        self.dtype = first.pixels.dtype
        planes = first.channels if first.maps else 1
        self.compression, self.notes = choose_compression(storage, self.dtype, samples, colors=self.colors)
        self.tile = _tile(storage, height, first.shape[1], planes)
        self.description = result_description(
            storage, (height, first.shape[1], samples), self.dtype, planes=planes
        )
        sizes = level_sizes(height, first.shape[1], max(self.tile)) if halve else [(height, first.shape[1])]
        self.levels = [
            [
                TileRows(self.file, (*size, samples), self.dtype, self.tile, self.compression, jobs)
                for _ in range(planes)
            ]
            for size in sizes
        ]
        self.largest = chained(self.levels, self._split, halve)

    def _split(self, picture: Picture) -> list[NDArray[Any]]:
        """Return the samples of each page."""
        pixels = picture.pixels if picture.pixels.ndim == 3 else picture.pixels[..., np.newaxis]
        if picture.maps:
            return [pixels[..., number : number + 1] for number in range(pixels.shape[2])]
        if self.has_alpha and picture.alpha is not None:
            alpha = convert_alpha(picture.alpha, pixels.dtype)
            pixels = np.concatenate((pixels, alpha[..., np.newaxis]), axis=2)
        return [pixels]

    def finish(self) -> None:
        """Write the directories, the last page first, because each gives the place of the next."""
        self.largest.finish()
        following = 0
        for number in reversed(range(len(self.levels[0]))):
            smaller = [
                self.file.append_directory(self._directory(pages[number], REDUCED), 0)
                for pages in self.levels[1:]
            ]
            directory = self._directory(self.levels[0][number], 0)
            if smaller:
                directory.numbers(SUB_DIRECTORIES, smaller)
            if not number and self.description:
                directory.text(Tag.DESCRIPTION, self.description)
            following = self.file.append_directory(directory, following)
        self.file.finish(following)

    def _directory(self, page: TileRows, kind: int) -> Directory:
        height, width, samples = page.shape
        is_color = self.colors == 3
        photometric = Photometric.RGB if is_color else Photometric.BLACK_IS_ZERO
        if self.compression.family == "jpeg" and is_color:
            photometric = Photometric.YCBCR
        bits = 8 * self.dtype.itemsize
        directory = Directory()
        for tag, value in {
            NEW_SUBFILE_TYPE: kind,
            Tag.WIDTH: width,
            Tag.HEIGHT: height,
            Tag.COMPRESSION: self.compression.number,
            Tag.PHOTOMETRIC: photometric,
            Tag.SAMPLES: samples,
            Tag.PLANAR: 1,
            Tag.TILE_WIDTH: self.tile[1],
            Tag.TILE_LENGTH: self.tile[0],
        }.items():
            directory.numbers(tag, [value])
        directory.numbers(Tag.BITS_PER_SAMPLE, [bits] * samples)
        directory.numbers(Tag.SAMPLE_FORMAT, [SAMPLE_FORMATS[self.dtype.kind]] * samples)
        extra = [0] * (0 if is_color else self.colors - 1) + [UNASSOCIATED] * self.has_alpha
        if extra:
            directory.numbers(Tag.EXTRA_SAMPLES, extra)
        if self.compression.predictor != NO_PREDICTOR:
            directory.numbers(PREDICTOR, [self.compression.predictor])
        if photometric == Photometric.YCBCR:
            directory.numbers(Tag.YCBCR_SUBSAMPLING, [1, 1])
        self._describe(directory, width)
        directory.numbers(Tag.TILE_OFFSETS, page.offsets)
        directory.numbers(Tag.TILE_COUNTS, page.lengths)
        return directory

    def _describe(self, directory: Directory, width: int) -> None:
        """Add resolution, which halves with the size, and profile."""
        if self.resolution is not None:
            reduction = self.levels[0][0].shape[1] / width
            for tag, dots in zip((Tag.X_RESOLUTION, Tag.Y_RESOLUTION), self.resolution, strict=True):
                directory.fraction(tag, dots / reduction)
            directory.numbers(Tag.RESOLUTION_UNIT, [INCH])
        if self.profile is not None:
            directory.data(Tag.PROFILE, self.profile)


def _tile(storage: Storage, height: int, width: int, pages: int) -> tuple[int, int]:
    """Return rows and columns of tiles: those of the source, if they suit, and not many beyond the edges."""
    rows, columns = storage.tile or (DEFAULT_TILE, DEFAULT_TILE)
    if any(side % TILE_UNIT or side not in TILE_SIDES for side in (rows, columns)):
        rows = columns = DEFAULT_TILE
    rows = min(rows, max(TILE_UNIT, BAND_ROWS // pages // TILE_UNIT * TILE_UNIT))
    whole = -(-height // TILE_UNIT) * TILE_UNIT, -(-width // TILE_UNIT) * TILE_UNIT
    return min(rows, whole[0]), min(columns, whole[1])

"""Applies a recipe to a large picture strip by strip: reads rows, computes, yields rows of the result."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.convolution.rendering import Losses
from convcli.convolution.statistics import Statistics
from convcli.errors import SizeError
from convcli.parallel import BackgroundTask
from convcli.pictures.picture import Picture, PictureKind
from convcli.pictures.regions.cutting import cut, joined
from convcli.pipeline.recipes.notes import PixelNotes, RenderedValues
from convcli.pipeline.recipes.recipe import InputKind, Recipe, Result
from convcli.sizes.text import format_size

if TYPE_CHECKING:
    from convcli.pictures.regions.properties import LargePicture

__all__ = ["StripRun", "computed_ahead"]

STRIP_BYTES = 1 << 24  # of the picture in a strip, at least one tile high: more saves no time
MOST_ROWS = 32  # that are kept to see whether a result shows anything
SUMMED = ("saturated", "nan")


class _Span(NamedTuple):
    """A strip: rows of the result, and what of the picture they need."""

    start: int
    stop: int
    first_row: int  # negative: above the picture, as are rows from its height on below
    end_row: int


class StripRun:
    """A recipe at work on a large picture.

    Parameters
    ----------
    recipe : Recipe
        One that has `strips`.
    large : LargePicture
    as_numbers : bool
        Whether the result stays numbers instead of pixels.
    tile_rows : int
        Rows of a tile of the output: strips are some tiles high.
    most_rows : int, optional
        Of the result, in a strip; more only if the window reaches farther.
    jobs : int or None
        Threads that decode.
    show_share : callable
        Called with the share of the work that is done, after each strip.

    Raises
    ------
    SizeError
        The window does not fit the picture, or takes the whole of it.
    """

    def __init__(
        self,
        recipe: Recipe,
        large: LargePicture,
        *,
        as_numbers: bool,
        tile_rows: int,
        jobs: int | None,
        show_share: Callable[[float], None],
        most_rows: int | None = None,
    ) -> None:
        assert recipe.strips is not None
        self._strips, self._large = recipe.strips(), large
        self._as_numbers, self._jobs, self._show_share = as_numbers, jobs, show_share
        height, width, channels = large.properties.size
        self._size = height, width
        rows, columns = self._strips.axes(self._size)
        self._rows = rows = rows.with_bounded_steps()
        self.steps = rows.stride, columns.stride
        centers = (rows.extent - 1) // 2, rows.extent // 2
        is_wide = rows.before > centers[0] or rows.after > centers[1]
        if is_wide and self._strips.wraps and large.properties.has_alpha:
            raise SizeError(
                f"padding {rows.before}:{rows.after}",
                f"is more than half the filter of {rows.window}, which with border wrap and alpha takes the "
                "whole picture",
            )
        dtype = np.dtype(large.properties.dtype)
        is_numeric = large.properties.kind != PictureKind.PIXELS
        self.picture_kind = InputKind(
            (height, width, channels + large.properties.has_alpha), dtype.itemsize, is_numeric
        )
        self._number_type = None
        if as_numbers:
            self._number_type = self._strips.number_type(dtype, has_alpha=large.properties.has_alpha)
        self.spans = self._make_spans(tile_rows, most_rows)
        self._totals = _Totals()
        self._steps = 0

    def _make_spans(self, tile_rows: int, most_rows: int | None) -> list[_Span]:
        """Divide the result into strips; in each, padding shows rows of the same strip."""
        rows, values = self._rows, self._size[1] * self.picture_kind.size[2]
        wanted = STRIP_BYTES // (values * self.picture_kind.itemsize * rows.stride)
        mirrored = 2 * max(rows.before, rows.after) + 1  # the padding, as many rows, and that between
        least = 1 if self._strips.wraps else -(-max(mirrored - rows.extent, 0) // rows.stride) + 1
        unit = max(1, tile_rows // rows.stride)
        height = max(unit, wanted // unit * unit, -(-least // unit) * unit)
        if most_rows is not None:
            height = max(min(height, most_rows), least, rows.extent // rows.stride)
        starts = list(range(0, rows.output, height))
        if len(starts) > 1 and rows.output - starts[-1] < least:
            del starts[-1]  # its padding may show rows of the strip before
        stops = [*starts[1:], rows.output]
        spans = [
            _Span(
                start,
                stop,
                start * rows.stride - rows.before,
                (stop - 1) * rows.stride + rows.extent - rows.before,
            )
            for start, stop in zip(starts, stops, strict=True)
        ]
        if len(spans) == 1 and not self._strips.wraps:  # its window may show nothing but padding
            spans = [spans[0]._replace(end_row=max(spans[0].end_row, self._size[0]))]
        return spans

    @property
    def strip_rows(self) -> int:
        """Rows of the result in the highest strip."""
        return max(span.stop - span.start for span in self.spans)

    @property
    def largest_strip(self) -> InputKind:
        """What is known of the picture that the largest strip is."""
        height, wraps = self._size[0], self._strips.wraps
        rows = max(
            span.end_row - span.first_row if wraps else min(span.end_row, height) - max(span.first_row, 0)
            for span in self.spans
        )
        return self.picture_kind._replace(size=(rows, *self.picture_kind.size[1:]))

    def strip_recipe(self, span: _Span, known: Statistics | None = None) -> Recipe:
        """Return the recipe of a strip."""
        return self._strips.recipe(self._size, self._padding(span), known)

    def _padding(self, span: _Span) -> tuple[int, int]:
        if self._strips.wraps:
            return 0, 0
        below = min(max(span.end_row - self._size[0], 0), self._rows.after)
        return max(-span.first_row, 0), below

    def pictures(self) -> Iterator[Picture]:
        """Yield the result, strip by strip from the top.

        Raises
        ------
        ImageError
            The picture cannot be read.
        """
        known = self._measure()
        for span in self.spans:
            picture = self._read(span)
            result = self.strip_recipe(span, known).run(picture, self._as_numbers)
            self._totals.add(picture, result)
            del picture
            strip = result.picture
            if self._number_type is not None:
                strip = strip.changed(pixels=strip.pixels.astype(self._number_type, copy=False))
            yield strip
            del strip, result  # before the next is read
            self._step(2 if known else 1)

    def _step(self, passes: int) -> None:
        """Count a strip in one of several passes."""
        self._steps += 1
        self._show_share(self._steps / (passes * len(self.spans)))

    def _measure(self) -> Statistics | None:
        """Return the range of all values, if the recipe of a strip must know it."""
        lows, highs = list[Any](), list[Any]()
        for span in self.spans:
            recipe = self._strips.measuring(self._size, self._padding(span))
            if recipe is None:
                return None
            record = recipe.run(self._read(span), True).record
            if record["min"] is not None:
                lows.append(record["min"])
                highs.append(record["max"])
            self._step(2)
        return Statistics(min(lows, default=None), max(highs, default=None), None)

    def _read(self, span: _Span) -> Picture:
        """Read the rows of the picture that a strip needs."""
        height = self._size[0]
        if not self._strips.wraps:
            return self._large.read(max(span.first_row, 0), min(span.end_row, height), self._jobs)
        parts, row = list[Picture](), span.first_row
        while row < span.end_row:
            start = row % height
            stop = min(height, start + span.end_row - row)
            parts.append(self._large.read(start, stop, self._jobs))
            row += stop - start
        return joined(parts)

    @property
    def height(self) -> int:
        """Rows of the result."""
        return self._rows.output

    def result(self) -> Result:
        """Return what is known about the whole result; its picture is only a row."""
        height, width, channels = self._large.properties.size
        shape_in = (height, width, channels) if self._totals.has_channel_axis else (height, width)
        return self._totals.result(shape_in, self._rows.output, self._strips.record())


def computed_ahead(pictures: Iterator[Picture]) -> Iterator[Picture]:
    """Yield pictures, each computed on another thread while the one before it is written.

    Examples
    --------
    >>> pictures = [Picture(np.full((1, 1), level, np.uint8)) for level in (3, 4)]
    >>> [picture.pixels.item() for picture in computed_ahead(iter(pictures))]
    [3, 4]
    """

    def advance() -> tuple[Picture | None, BaseException | None]:
        try:
            return next(pictures, None), None
        except BaseException as error:  # raised again where the picture is needed
            return None, error

    def start() -> BackgroundTask[tuple[Picture | None, BaseException | None]] | None:
        try:
            return BackgroundTask(advance)
        except RuntimeError:  # no more threads can be started
            return None

    task = start()
    try:
        while True:
            picture, error = (task and task.result()) or advance()  # without a thread there is no result
            if error is not None:
                raise error
            if picture is None:
                return
            task = start()
            yield picture
            del picture  # before the next is taken
    finally:
        if task is not None:
            task.result()  # what it reads may be closed next


class _Totals:
    """Adds up what is known about the strips of a result, and keeps a row of each."""

    def __init__(self) -> None:
        self._first: Result | None = None
        self._record: dict[str, Any] = {}
        self._means = list[tuple[float, int]]()  # of each strip, and of how many values
        self._size = 0
        self._losses = list[Losses]()
        self._rows = list[tuple[NDArray[Any], NDArray[Any]]]()  # of some strips, before and after
        self._step = 1  # a row of every so many strips is kept
        self._picture: Picture | None = None

    @property
    def has_channel_axis(self) -> bool:
        """Whether the picture has an axis of channels."""
        return self._picture is not None and len(self._picture.shape) == 3

    def add(self, picture: Picture, result: Result) -> None:
        """Add a strip of the picture, and of the result."""
        values = result.picture.pixels.size
        record = result.record
        if self._first is None:
            self._first = result._replace(picture=_row(result.picture))
            self._record = dict(record)
            self._picture = _row(picture)
        else:
            for key, combine in (("min", min), ("max", max)):
                found: list[Any] = [part[key] for part in (self._record, record) if part.get(key) is not None]
                if found:
                    self._record[key] = combine(found)
            for key in SUMMED:
                if key in record:
                    added: Any = record[key]
                    self._record[key] = self._record.get(key, 0) + added
        self._size += values
        mean: Any = record.get("mean")
        if mean is not None:
            measured = None if result.values is None else result.values.statistics
            counted = _finite_count(result.picture) if measured is None else measured.values
            self._means.append((mean, counted))
        if result.values is not None:
            if len(self._losses) % self._step == 0:
                self._rows.append((_row(picture).pixels, _row(result.picture).pixels))
            if len(self._rows) > MOST_ROWS:
                del self._rows[1::2]
                self._step *= 2
            self._losses.append(result.values.losses)

    def result(self, shape_in: tuple[int, ...], height: int, of_whole: Mapping[str, object]) -> Result:
        """Return the record and the notes of the whole."""
        assert self._first is not None
        assert self._picture is not None
        first, record = self._first, self._record | dict(of_whole)
        if self._means:
            record["mean"] = self._mean(is_whole="int" in str(record["dtype"]))
        if "shape_in" in record:
            record["shape_in"] = format_size(shape_in)
            record["shape_out"] = format_size((height, *first.picture.shape[1:]))
        notes = tuple(note for note in first.notes if note not in first.pixel_notes)
        if first.values is None:
            return first._replace(record=record, notes=notes)
        pixel_notes = self._pixel_notes(first.values)
        return first._replace(
            record=record,
            notes=(*notes, *pixel_notes.notes),
            pixel_notes=pixel_notes.notes,
            is_saturation_noted=pixel_notes.on_saturation,
        )

    def _mean(self, *, is_whole: bool) -> float:
        """Return the mean of all finite values; sums of whole numbers are exact, and so is their mean."""
        count = sum(counted for _, counted in self._means)
        if is_whole:
            return sum(round(mean * counted) for mean, counted in self._means) / count
        return math.fsum(mean * (counted / count) for mean, counted in self._means)

    def _pixel_notes(self, values: RenderedValues) -> PixelNotes:
        assert self._picture is not None
        record, statistics = self._record, None
        if values.statistics is not None:
            statistics = Statistics(record.get("min"), record.get("max"), record.get("mean"))
        merged = values._replace(losses=Losses.sum(self._losses), statistics=statistics)
        before, after = (np.concatenate(rows) for rows in zip(*self._rows, strict=True))
        return PixelNotes.of(self._picture.changed(pixels=before, alpha=None), after, merged, self._size)


def _finite_count(picture: Picture) -> int:
    """Return how many values are neither NaN nor infinite."""
    if picture.raster is not None or picture.pixels.dtype.kind != "f":
        return math.prod(picture.shape)
    return int(np.count_nonzero(np.isfinite(picture.pixels)))


def _row(picture: Picture) -> Picture:
    """Return the row in the middle of a picture, in memory of its own."""
    middle, raster = picture.shape[0] // 2, picture.raster
    held = picture if raster is None else picture.changed(pixels=raster.array())
    return cut(held, slice(middle, middle + 1), copy=True)

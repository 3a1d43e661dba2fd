"""Writes the result of a recipe for a large picture while it is computed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

from convcli.errors import PictureTooLargeError, UsageError, install_command
from convcli.files.streams import STREAM
from convcli.files.times import FileTimes
from convcli.owned_process import share_arena
from convcli.pictures.formats.format_checks import check_holds
from convcli.pictures.formats.output_formats import TILED, OutputFormat, extra_is_installed
from convcli.pictures.limits import Limits
from convcli.pictures.raster import held_bytes
from convcli.pipeline.large.strips import StripRun, computed_ahead
from convcli.pipeline.outputs import Destination, Outputs
from convcli.pipeline.recipes.pooling import halve
from convcli.pipeline.recipes.recipe import Recipe, Result, wants_numbers

if TYPE_CHECKING:
    from convcli.pictures.regions.properties import LargePicture

__all__ = ["LargeResult", "check_tiled"]

TILE_ROWS, MAX_TILE_ROWS = 256, 1024  # of the output, if the input has no tiles, and at most
READ_LESS = "or read less with --region or --level"
IN_PARTS = f"or write a .tif or .zarr, which is done in parts, {READ_LESS}"
COPIES = 3  # of a strip: what is read and its picture, what is computed and its tiles, and what comes next
WANTED_BYTES = 1 << 28  # of memory: strips that would take more have fewer rows,
LEAST_ROWS = 16  # but not fewer than these, which would take long
CHUNK_ROWS, MAP_ROWS = 512, 1024  # that wait for the rest of their tiles: of a .zarr; of all maps of a TIFF


def check_tiled(
    recipe: Recipe, destination: Destination, name: str, too_large: PictureTooLargeError | None
) -> None:
    """Check that a recipe can be applied to parts of a picture, and its result be written in parts.

    Raises
    ------
    ConvcliError
        It cannot: `too_large`, with advice, if the picture is worked on in parts because of that.
    """
    if recipe.strips is None:
        if too_large is not None:
            raise PictureTooLargeError(name, f"{too_large.why}, {READ_LESS}")
        raise UsageError("--by-tiles", "draws no --sheet or --direction, which show all of it")
    option = "--pyramid" if destination.pyramid else "--by-tiles"
    if destination.format in TILED and destination.output != STREAM:
        if destination.format == OutputFormat.TIFF and not extra_is_installed():
            why = f"a tiled TIFF is written by tifffile; {install_command('deep')} brings it"
            raise UsageError(option, why)
        return
    if too_large is not None:
        raise PictureTooLargeError(name, f"{too_large.why}, {IN_PARTS}")
    raise UsageError(option, f"writes a tiled TIFF or a .zarr, not {destination.format or 'a matrix'}")


class LargeResult:
    """The result of a recipe for a large picture.

    Parameters
    ----------
    recipe : Recipe
        One that `check_tiled` has accepted.
    large : LargePicture
    name : str
        The name of the picture in messages.
    destination : Destination
    limits : Limits
    show_share : callable, optional
        Called with the share of the work that is done.

    Raises
    ------
    SizeError
        The window does not fit the picture.
    PictureTooLargeError
        Even a strip takes too much memory.
    """

    def __init__(
        self,
        recipe: Recipe,
        large: LargePicture,
        name: str,
        destination: Destination,
        limits: Limits,
        show_share: Callable[[float], None] | None,
    ) -> None:
        self._large, self._destination = large.properties, destination
        self._storage = large.properties.storage
        as_numbers = wants_numbers(recipe, large.properties.kind, destination.format)
        tile_rows = self._storage.tile[0] if self._storage.tile else TILE_ROWS

        def run(most_rows: int | None) -> StripRun:
            return StripRun(
                recipe,
                large,
                as_numbers=as_numbers,
                tile_rows=tile_rows if tile_rows <= MAX_TILE_ROWS else TILE_ROWS,
                jobs=destination.jobs,
                show_share=show_share or (lambda _: None),
                most_rows=most_rows,
            )

        self._run = run(None)
        needed, waiting = self._estimate(self._run, as_numbers)
        while needed > WANTED_BYTES and self._run.strip_rows >= 2 * LEAST_ROWS:
            shorter = run(self._run.strip_rows // 2)
            if shorter.strip_rows == self._run.strip_rows:  # its window reaches as far
                break
            self._run = shorter
            needed, waiting = self._estimate(shorter, as_numbers)
        limits.check_bytes(name, needed + waiting)

    def _estimate(self, run: StripRun, as_numbers: bool) -> tuple[int, int]:
        """Return the memory that the largest strip takes, and that of rows which wait for more of a tile."""
        strip = run.largest_strip
        work = run.strip_recipe(run.spans[0]).estimate(strip, as_numbers)
        result = held_bytes((1, work.pixels, work.channels), work.itemsize)
        read = held_bytes(strip.size, strip.itemsize, is_numeric=strip.is_numeric)
        unread = min(self._large.block[0], self._large.size[0]) * read // strip.size[0]
        if self._destination.format == OutputFormat.ZARR:
            rows = CHUNK_ROWS
        else:
            rows = max(1, MAP_ROWS // work.channels) if work.is_maps else TILE_ROWS
        unwritten = min(rows, run.height) * result // run.strip_rows
        return COPIES * (read + result) + work.extra, unread + unwritten

    def write(self, target: str, outputs: Outputs, times: FileTimes | None) -> tuple[str, ...]:
        """Compute the result and write it to a checked target; return notes about what is not kept.

        Raises
        ------
        ImageError
            The picture cannot be read.
        OutputError
            The result cannot be written.
        """
        share_arena()
        strips = self._run.pictures()
        first = next(strips)
        assert self._destination.format is not None
        notes = list(check_holds(first, self._destination.format, target))
        notes += self._destination.notes_on_compression(self._destination.format)
        if self._destination.jobs != 1:
            strips = computed_ahead(strips)
        every = chain([first], strips)
        del first  # before the next is computed
        storage = self._storage.strided(*self._run.steps)
        halving = halve if self._destination.pyramid else None
        if self._destination.format == OutputFormat.ZARR:
            from convcli.pictures.regions.writing.zarr import write_zarr  # late, here and below: extras

            write_zarr(
                target, every, self._run.height, storage, halve=halving,
                replace=self._destination.force, inputs=outputs.files_read,
            )  # fmt: skip
            return (*notes, *(() if times is None else ("a .zarr is a folder, and does not get its time",)))
        from convcli.pictures.regions.writing.tiff import write_tiff

        def write(stream: BinaryIO) -> None:
            jobs = self._destination.jobs
            notes.extend(
                write_tiff(stream, target, every, self._run.height, storage, halve=halving, jobs=jobs)
            )

        notes += outputs.write_large(target, write, times)
        return tuple(notes)

    def result(self) -> Result:
        """Return what is known about the result, once it is written; its picture is a row of it."""
        return self._run.result()

"""One picture file in one call from Python: where its result goes, and the batch of one that makes it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from convcli.errors import UsageError
from convcli.files.streams import STREAM
from convcli.files.urls import local_name
from convcli.pictures.backgrounds import parse_color
from convcli.pictures.formats.output_formats import format_for_path, parse_format
from convcli.pictures.frames import parse_frames
from convcli.pictures.reading import reading_limits
from convcli.pictures.regions.region import RegionLike, as_region
from convcli.pipeline.batch import Batch
from convcli.pipeline.inputs import Source
from convcli.pipeline.outputs import Destination
from convcli.pipeline.reading import ReadOptions
from convcli.pipeline.recipes.recipe import Recipe
from convcli.pipeline.report import Failure, Finished, Note
from convcli.sizes.per_axis import whole_number

__all__ = ["FileResult", "file_destination", "file_reading", "run_file"]


@dataclass(frozen=True, eq=False)
class FileResult:
    """The result of `filter_file` or `pool_file`: the file that was written, and what is known about it.

    Attributes
    ----------
    output : str
        The file that was written.
    record : dict
        Everything known about the result, under the keys of ``convcli apply --json``, such as
        ``shape_out``, ``dtype``, ``min`` and ``max``.
    notes : tuple of str
        What could not be kept, such as a color profile that does not fit a gray result.

    Examples
    --------
    >>> import convcli
    >>> import tempfile
    >>> output = f"{tempfile.mkdtemp()}/small.png"
    >>> result = convcli.pool_file("sample_images/camera.png", output=output)
    >>> result.output == output, result.record["shape_out"], result.notes
    (True, '256x256', ())
    """

    output: str
    record: dict[str, object] = field(repr=False)  # it may list hundreds of coefficients
    notes: tuple[str, ...]


def file_destination(
    output: str | os.PathLike[str] | None,
    format: str | None,
    *,
    force: bool,
    keep_time: bool,
    by_tiles: bool,
    pyramid: bool,
    jobs: int | None,
) -> Destination:
    """Return where the result of one file goes; without `output`, into the current folder.

    Raises
    ------
    UsageError
        The format or the extension is unknown, or not one of tiles.
    """
    file_format = None if format is None else parse_format(format)
    folder = "" if output is None else None
    if output is not None:
        output = _file_name(output)
        file_format = file_format or format_for_path(output)
    destination = Destination(output, folder, format=file_format, force=force, jobs=jobs, keep_time=keep_time)
    return destination.with_tiles(by_tiles=by_tiles, pyramid=pyramid, prefix="")


def _file_name(path: str | os.PathLike[str]) -> str:
    """Return the name of a file; ``-`` is one, too, not a standard stream as on the command line."""
    name = local_name(os.fsdecode(path))
    return f"./{name}" if name == STREAM else name


def file_reading(
    max_pixels: int,
    frame: int | str | None,
    background: str | None,
    *,
    level: int | None,
    region: RegionLike | None,
    by_tiles: bool,
) -> ReadOptions:
    """Return how one file is read.

    Raises
    ------
    UsageError
        An option is invalid.
    """
    color = None if background is None else parse_color(str(background), "background")
    selected = parse_frames(frame, "frame") if isinstance(frame, str) else None
    limits, number = reading_limits(max_pixels, None if isinstance(frame, str) else frame)
    if selected is not None and (by_tiles or (level, region) != (None, None)):
        raise UsageError(f"frame {frame!r}", "gives several pictures, which are read whole; choose one frame")
    return ReadOptions(
        limits,
        number if selected is None else selected,
        color,
        None if level is None else whole_number(level, "level", 0),
        None if region is None else as_region(region),
        by_tiles,
    )


def run_file(
    source: str | os.PathLike[str], recipe: Recipe, destination: Destination, reading: ReadOptions
) -> FileResult:
    """Run a batch of one file.

    Raises
    ------
    ConvcliError
        What it reports as a failure.
    """
    (report,) = Batch([Source(_file_name(source))], [recipe], destination, reading).run()
    events = report.events
    last = events[-1]
    if isinstance(last, Failure):
        raise last.error
    assert isinstance(last, Finished)
    notes = tuple(event.text for event in events if isinstance(event, Note))
    return FileResult(str(last.record["output"]), dict(last.record), notes)

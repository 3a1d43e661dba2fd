"""One picture file in one call from Python: where its result goes, and the batch of one that makes it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from convcli.files.streams import STREAM
from convcli.files.urls import local_name
from convcli.pictures.backgrounds import parse_color
from convcli.pictures.formats.output_formats import format_for_path, parse_format
from convcli.pictures.frames import parse_frames
from convcli.pictures.reading import reading_limits
from convcli.pipeline.batch import Batch
from convcli.pipeline.inputs import Source
from convcli.pipeline.outputs import Destination
from convcli.pipeline.reading import ReadOptions
from convcli.pipeline.recipes.recipe import Recipe
from convcli.pipeline.report import Failure, Finished, Note

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
    jobs: int | None,
) -> Destination:
    """Return where the result of one file goes; without `output`, into the current folder.

    Raises
    ------
    UsageError
        The format or the extension is unknown.
    """
    file_format = None if format is None else parse_format(format)
    if output is None:
        return Destination(folder="", format=file_format, force=force, keep_time=keep_time, jobs=jobs)
    output = _file_name(output)
    file_format = file_format or format_for_path(output)
    return Destination(output, format=file_format, force=force, keep_time=keep_time, jobs=jobs)


def _file_name(path: str | os.PathLike[str]) -> str:
    """Return the name of a file; ``-`` is one, too, not a standard stream as on the command line."""
    name = local_name(os.fsdecode(path))
    return f"./{name}" if name == STREAM else name


def file_reading(max_pixels: int, frame: int | str | None, background: str | None) -> ReadOptions:
    """Return how one file is read.

    Raises
    ------
    UsageError
        An option is invalid.
    """
    color = None if background is None else parse_color(str(background), "background")
    selected = parse_frames(frame, "frame") if isinstance(frame, str) else None
    limits, number = reading_limits(max_pixels, None if isinstance(frame, str) else frame)
    return ReadOptions(limits, number if selected is None else selected, color)


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

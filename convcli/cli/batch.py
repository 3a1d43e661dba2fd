"""Runs a batch for a command: prints its reports, shows its progress, and says how it went."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, NamedTuple

from convcli.cli.options.batch import BatchOptions
from convcli.cli.reports.pictures.results import format_answers, format_messages, format_result
from convcli.cli.terminal.output import (
    answer_columns,
    display_width,
    escaped,
    is_human_readable,
    message,
    stderr_is_terminal,
    write,
)
from convcli.cli.terminal.progress import file_progress
from convcli.files.streams import BrokenPipe
from convcli.pictures.picture import Picture, PictureKind
from convcli.pipeline.batch import Batch
from convcli.pipeline.inputs import Source
from convcli.pipeline.outputs import PRINTED
from convcli.pipeline.processes import LocalProcesses
from convcli.pipeline.recipes.recipe import Recipe, Result
from convcli.pipeline.report import Finished
from convcli.signals import cleanup_at_signal

if TYPE_CHECKING:
    from convcli.cli.terminal.picture_grid import Tile
    from convcli.cli.terminal.previews import Preview

__all__ = ["run_batch"]

MAX_NAME_WIDTH = 50  # columns of a terminal behind which the values of all outputs are aligned


def run_batch(options: BatchOptions, recipes: Sequence[Recipe], files_read: Sequence[str] = ()) -> int:
    """Apply every recipe to every input and return the exit code: 0 if all went well, 1 if something failed.

    Parameters
    ----------
    options : BatchOptions
    recipes : sequence of Recipe
    files_read : sequence of str
        Other files that were read, such as kernels, which no output may replace.

    Raises
    ------
    UsageError
        Before anything is started: two results have one output.
    """
    batch = options.batch(recipes, files_read)
    count = options.inputs.known_count
    several = count is None or count > 1
    finished = failed = skipped = 0
    name_width = _name_width(batch) if is_human_readable() and not options.json else 0
    preview = options.preview and options.preview.start(json=options.json, output=batch.destination.output)
    observer = _PreviewObserver(preview, name_width) if preview else None

    def report_interruption() -> None:
        message(
            "batch" if count is None else f"{count} inputs",
            f"stopped after {finished}; use --skip-existing to continue",
        )

    interruption = (
        cleanup_at_signal(report_interruption) if several and stderr_is_terminal() else nullcontext()
    )
    follows_matrix = False  # the next matrix is separated by an empty line
    try:
        with interruption, file_progress(count) as progress:
            in_this_process = batch.executor == LocalProcesses(1)
            share = progress.show_share if in_this_process else None
            for report in batch.run(observer, in_order=not options.json, show_share=share):
                finished += 1
                failed += report.failed
                skipped += report.skipped
                progress.advance()
                with progress.paused():
                    for text, is_matrix in format_answers(report, json=options.json, name_width=name_width):
                        write("\n" + text if follows_matrix and is_matrix else text)
                        follows_matrix = follows_matrix or is_matrix
                    for what, why in format_messages(report):
                        message(what, why)
    except BrokenPipe:
        if failed:  # the failure has been reported, and its code stays
            return 1
        raise
    if count == 0 and stderr_is_terminal():
        message("--shard", f"none of the {len(batch.sources)} inputs belongs to this run")
    _summarize(finished, failed, skipped)
    return 1 if failed else 0


class _PreviewObserver(NamedTuple):
    """Draws previews where the pictures are processed."""

    preview: "Preview"
    name_width: int

    def before(self, source: Source, picture: Picture) -> "Tile":
        """Draw the input."""
        return self.preview.tile(source.name, picture)

    def after(self, input_tile: "Tile", recipe: Recipe, result: Result, finished: Finished) -> str:
        """Draw the result beside the input."""
        text_below = format_result(finished, json=False, name_width=self.name_width)[0]
        picture = result.picture
        if recipe.as_numbers is None and input_tile.magnitude is not None:
            from convcli.figures.matrices import as_matrix  # late: only previews need it

            picture = as_matrix(picture)  # as the input is: pixels of a matrix up to 10 are nearly black
        return self.preview.side_by_side(
            input_tile, recipe.label, picture, result.map_names, text_below=text_below
        )


def _summarize(count: int, failed: int, skipped: int) -> None:
    """Report how a batch went, if somebody looks or something failed."""
    if count > 1 and (failed or stderr_is_terminal()):
        parts = [f"{count - failed - skipped} done"]
        parts += [f"{skipped} skipped"] * bool(skipped) + [f"{failed} failed"] * bool(failed)
        message(f"{count} inputs", ", ".join(parts))


def _name_width(batch: Batch) -> int:
    """Return the width of the longest name of an output; a few that are much longer do not count."""
    if batch.destination.output is not None:
        return 0
    max_width = min(answer_columns() // 2, MAX_NAME_WIDTH)
    longest = 0
    for recipe in batch.recipes:
        destination = recipe.destination or batch.destination
        file_format = destination.format_for(PictureKind.PIXELS, recipe.as_numbers)
        if file_format is PRINTED:
            continue
        for source in batch.sources:
            width = display_width(escaped(destination.path(source, recipe.label, file_format.extension)))
            if longest < width <= max_width:
                longest = width
    return longest

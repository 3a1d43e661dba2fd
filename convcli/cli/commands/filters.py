"""``convcli filters``: list the named filters, or describe one of them."""

import math
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

from convcli.cli.completion.completers import filters_or_files
from convcli.cli.options import declarations as options
from convcli.cli.options.parameters import Argument, Option
from convcli.cli.output_files import HTML_EXTENSIONS, check_output_file, extension, write_output_file
from convcli.cli.terminal.output import (
    format_name,
    is_human_readable,
    labeled_text,
    wrapped,
    write,
    write_json,
)
from convcli.cli.terminal.preview_options import PreviewRequest
from convcli.errors import FilterError, UsageError
from convcli.files.identity import FileIds

if TYPE_CHECKING:
    from convcli.cli.terminal.previews import Preview
    from convcli.kernels.filter import Filter, Matrix

__all__ = ["filters"]

ARROWS = "→↗↑↖←↙↓↘"  # in steps of 45 degrees


def filters(
    name: Annotated[
        str | None,
        Argument(
            metavar="[NAME]",
            help="A filter, as in sobel-x or gaussian:sigma=2, or @FILE.",
            autocompletion=filters_or_files,
        ),
    ] = None,
    angle: options.Angle = None,
    size: options.SizeOption = None,
    output: Annotated[
        str | None,
        Option(
            "-o",
            "--output",
            help="Save the kernel as .npy, .csv or .json, draw it as .png or .svg, or write a page to play "
            "with as .html; with --tuning, draw the plot as .png.",
            metavar="FILE",
        ),
    ] = None,
    tuning: Annotated[
        bool, Option("--tuning", help="Measure the responses to a rotated edge and a rotated bar.")
    ] = False,
    preview: Annotated[
        bool, Option("--preview", help="Show the kernel as a picture in the terminal.")
    ] = False,
    preview_as: options.PreviewAs = None,
    force: options.Force = False,
    json: options.JsonOption = False,
    text: options.TextOption = False,
) -> int:
    """List the named filters, or show one of them.

    \b
    convcli filters
    convcli filters sobel-x --angle 70
    convcli filters gaussian:sigma=2 -o kernel.npy
    convcli filters sobel-x --angle 45 -o sobel.svg
    convcli filters sobel-x -o play.html
    convcli filters gabor --tuning -o tuning.png

    For one filter, shows its matrix, gain, what it responds to, separability and source. The gain is the
    response to a flat area of brightness 1 or, for filters whose coefficients add up to 0, the response to a
    step of height 1. When piped, prints only the coefficients, in the form that --kernel reads.

    The page to play with shows the filter on a small image: point at an output value to see its window, its
    products and their sum, and edit the coefficients, padding and stride.
    """
    options.apply_text_option(text, json=json)
    if name is None:
        if (angle, size, output, preview_as) != (None, None, None, None) or tuning or preview:
            raise UsageError("NAME", "missing; for example: convcli filters sobel-x --angle 70")
        _print_catalog(json=json)
        return 0
    from convcli.cli.options.filters import kernel_files, read_filters
    from convcli.cli.reports.pictures.kernels import coefficient_rows
    from convcli.kernels.filter import Filter

    names, files = ([], [name]) if name.startswith("@") else ([name], [])
    (filter_,) = read_filters(names, files, [], angle=angle, size=size)
    files_read = FileIds(kernel_files(files))
    if not isinstance(filter_, Filter):
        raise UsageError(
            name, "is a volume, but filters shows a matrix; save one of its matrices and give that"
        )
    preview_request = PreviewRequest.read(preview, preview_as)
    if tuning:
        if preview_request is not None:
            raise UsageError("--preview", "shows a kernel; --tuning draws into a file: -o tuning.png")
        from convcli.cli.reports.pictures.tuning import report_tuning

        report_tuning(filter_, output, files_read, force=force, json=json)
        return 0
    if output is not None:
        _save(filter_, output, files_read, force=force)
    previewer = None if preview_request is None else preview_request.start(json=json, output=None)
    if json:
        write_json(_filter_record(filter_))
    elif previewer is not None:
        _print_filter(filter_, previewer)
        write(f"{output}\n" if output is not None else "")
    elif output is not None:
        write(f"{output}\n")
    elif is_human_readable():
        _print_filter(filter_)
    else:
        write(coefficient_rows(filter_.matrices))
    return 0


def _save(filter_: "Filter", output: str, files_read: FileIds, *, force: bool) -> None:
    """Save a filter as the extension says: as a drawing, a page to play with, or a kernel."""
    from convcli.cli.reports.pictures.kernels import (
        DRAWING_EXTENSIONS,
        check_kernel_file,
        save_drawing,
        save_kernel,
    )

    if extension(output) in DRAWING_EXTENSIONS:
        save_drawing(filter_, output, files_read, force=force)
        return
    if extension(output) in HTML_EXTENSIONS:
        from convcli.cli.reports.pictures.playing import filter_playground
        from convcli.figures.page.page import playground_page

        check_output_file(output, HTML_EXTENSIONS, "a page", files_read, force=force)
        page = playground_page(filter_playground(filter_))
        write_output_file(output, page.encode(), files_read, force=force)
        return
    count = len(filter_.matrices)
    if count > 1:
        raise FilterError(
            filter_.name,
            f"combines {count} kernels; a file holds one: choose a filter such as sobel-x, or draw all "
            "of them as .png or .svg",
        )
    metadata = {"name": filter_.name, "gain": filter_.gain, "source": filter_.source}
    drawings = (*DRAWING_EXTENSIONS, *HTML_EXTENSIONS)
    check_kernel_file(output, files_read, force=force, drawings=drawings)
    save_kernel(output, filter_.kernels[0], metadata, files_read, force=force)


def _filter_record(filter_: "Filter") -> dict[str, Any]:
    """Return the JSON record of a filter; several kernels are a list of matrices."""
    matrices = filter_.matrices
    return {
        "name": filter_.name,
        "summary": filter_.summary,
        "matrix": matrices[0] if len(matrices) == 1 else matrices,
        "combination": str(filter_.combination),
        "gain": filter_.gain,
        "divisor": filter_.divisor,
        "sum": _coefficient_sum(filter_.matrices[0]),
        "separable": filter_.separable,
        "responds_to": filter_.responds_to,
        "source": filter_.source,
    }


def _coefficient_sum(matrix: "Matrix") -> float:
    try:
        return math.fsum(chain(*matrix))
    except OverflowError:
        return math.inf


def _print_catalog(*, json: bool) -> None:
    from convcli.kernels.catalog import CATALOG
    from convcli.kernels.lookup import get_filter

    if json:
        for name in CATALOG:
            write_json(_filter_record(get_filter(name)))
    elif is_human_readable():
        from convcli.cli.terminal.table_layout import format_table  # late: a pipe needs no rich
        from convcli.networks.tables import Column, Table

        columns = (
            Column("name", [entry.name for entry in CATALOG.values()]),
            Column("options", [", ".join(entry.options) for entry in CATALOG.values()], rank=1),
            Column("what it is", [entry.summary for entry in CATALOG.values()]),
        )
        write(format_table(Table(columns, [0] * len(CATALOG))))
    else:
        lines = [f"{entry.name}\t{entry.summary}\n" for entry in CATALOG.values()]
        write("name\tsummary\n" + "".join(lines))


def _print_filter(filter_: "Filter", previewer: "Preview | None" = None) -> None:
    """Show a filter on a terminal: its numbers, or its picture."""
    from convcli.cli.reports.pictures.kernels import kernel_rows
    from convcli.kernels.catalog import CATALOG
    from convcli.kernels.filter import Combination

    lines = [wrapped(f"{format_name(filter_.name)}: {filter_.summary}")]
    if filter_.divisor > 1:
        lines.append(f"1/{filter_.divisor} of")
    for matrix in filter_.matrices if previewer is None else ():
        lines += [*kernel_rows([[tap * filter_.divisor for tap in row] for row in matrix]), ""]
    total = round(_coefficient_sum(filter_.matrices[0]), 12) + 0.0  # + 0.0 turns -0.0 into 0.0
    summary_lines = [
        ("responds to", filter_.responds_to),
        ("gain", f"{filter_.gain:.6g}"),
        ("sum", f"{total:.6g}"),
        ("separable", "yes" if filter_.separable else "no"),
        ("source", filter_.source),
    ]
    if filter_.combination != Combination.SINGLE:
        summary_lines.append(("combined as", filter_.combination.description))
    if filter_.direction is not None:
        summary_lines.insert(1, ("direction", _describe_direction(filter_.direction)))
    entry = CATALOG.get(filter_.name.partition(":")[0])
    for name, option in entry.options.items() if entry else ():
        word = option.default if isinstance(option.default, str) else f"{option.default or 0:g}"
        default = "" if option.default is None else f" (default: {word})"
        summary_lines.append(("option", f"{name}: {option.description}{default}"))
    summary, above = labeled_text(summary_lines), "".join(f"{line}\n" for line in lines)
    if previewer is not None:
        kernels = [kernel * filter_.divisor for kernel in filter_.kernels]
        above += previewer.kernels(filter_.name, kernels, text_below=above + summary) + "\n"
    write(above + summary)


def _describe_direction(direction: float) -> str:
    """Say where brightness grows, and how the line of the edge itself runs.

    Examples
    --------
    >>> _describe_direction(45)
    'brightness grows toward 45° (↗); the edge itself, a line, runs along 135° (↖↘)'
    """
    eighth = round(direction / 45) % 8
    line = "".join(sorted(ARROWS[(eighth + turn) % 8] for turn in (2, 6)))
    return (
        f"brightness grows toward {direction:.6g}° ({ARROWS[eighth]}); the edge itself, a line, runs along "
        f"{(direction + 90) % 180:.6g}° ({line})"
    )

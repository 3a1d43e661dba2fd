"""``convcli filters``: list the named filters, or describe one of them."""

import math
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

from convcli.cli.completion.completers import filters_or_files
from convcli.cli.options import declarations as options
from convcli.cli.options.parameters import Argument, Option
from convcli.cli.terminal.output import (
    format_name,
    is_human_readable,
    labeled_text,
    wrapped,
    write,
    write_json,
)
from convcli.errors import FilterError, UsageError
from convcli.files.identity import FileIds

if TYPE_CHECKING:
    from convcli.kernels.filter import Filter, Matrix

__all__ = ["filters"]


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
            help="Save the kernel as .npy, .csv or .json, or with --tuning the plot as .png.",
            metavar="FILE",
        ),
    ] = None,
    tuning: Annotated[
        bool, Option("--tuning", help="Measure the responses to a rotated edge and a rotated bar.")
    ] = False,
    force: options.Force = False,
    json: options.JsonOption = False,
    text: options.TextOption = False,
) -> int:
    """List the named filters, or show one of them.

    \b
    convcli filters
    convcli filters sobel-x --angle 70
    convcli filters gaussian:sigma=2 -o kernel.npy
    convcli filters gabor --tuning -o tuning.png

    For one filter, shows its matrix, gain, what it responds to, separability and source. The gain is the
    response to a flat area of brightness 1 or, for filters whose coefficients add up to 0, the response to a
    step of height 1. When piped, prints only the coefficients, in the form that --kernel reads.
    """
    options.apply_text_option(text, json=json)
    if name is None:
        if angle is not None or size is not None or output is not None or tuning:
            raise UsageError("NAME", "missing; for example: convcli filters sobel-x --angle 70")
        _print_catalog(json=json)
        return 0
    from convcli.cli.options.filters import kernel_files, read_filters
    from convcli.cli.reports.pictures.kernels import check_kernel_file, coefficient_rows, save_kernel
    from convcli.kernels.filter import Filter

    names, files = ([], [name]) if name.startswith("@") else ([name], [])
    (filter_,) = read_filters(names, files, [], angle=angle, size=size)
    files_read = FileIds(kernel_files(files))
    if not isinstance(filter_, Filter):
        raise UsageError(
            name, "is a volume, but filters shows a matrix; save one of its matrices and give that"
        )
    if tuning:
        from convcli.cli.reports.pictures.tuning import report_tuning

        report_tuning(filter_, output, files_read, force=force, json=json)
        return 0
    if output is not None:
        count = len(filter_.matrices)
        if count > 1:
            raise FilterError(
                filter_.name, f"combines {count} kernels; a file holds one: choose a filter such as sobel-x"
            )
        metadata = {"name": filter_.name, "gain": filter_.gain, "source": filter_.source}
        check_kernel_file(output, files_read, force=force)
        save_kernel(output, filter_.kernels[0], metadata, files_read, force=force)
    if json:
        write_json(_filter_record(filter_))
    elif output is not None:
        write(f"{output}\n")
    elif is_human_readable():
        _print_filter(filter_)
    else:
        write(coefficient_rows(filter_.matrices))
    return 0


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


def _print_filter(filter_: "Filter") -> None:
    """Show a filter on a terminal."""
    from convcli.cli.reports.pictures.kernels import kernel_rows
    from convcli.kernels.catalog import CATALOG
    from convcli.kernels.filter import Combination

    lines = [wrapped(f"{format_name(filter_.name)}: {filter_.summary}")]
    if filter_.divisor > 1:
        lines.append(f"1/{filter_.divisor} of")
    for matrix in filter_.matrices:
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
        combined = {
            Combination.MAGNITUDE: "sqrt(x² + y²) of the two",
            Combination.STRONGEST: "the largest response",
            Combination.ABSOLUTE_SUM: "|x| + |y| of the two",
            Combination.ABSOLUTE_MAXIMUM: "the larger of |x| and |y|",
        }
        summary_lines.append(("combined as", combined[filter_.combination]))
    entry = CATALOG.get(filter_.name.partition(":")[0])
    for name, option in entry.options.items() if entry else ():
        word = option.default if isinstance(option.default, str) else f"{option.default or 0:g}"
        default = "" if option.default is None else f" (default: {word})"
        summary_lines.append(("option", f"{name}: {option.description}{default}"))
    write("".join(f"{line}\n" for line in lines) + labeled_text(summary_lines))

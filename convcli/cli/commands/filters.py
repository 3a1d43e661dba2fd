"""``convcli filters``: the list of named filters, and all facts about one of them."""

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcli.cli.completion.completers import filters_or_files
from convcli.cli.options.shared import Angle, Force, JsonOption, SizeOption, TextOption, read_text
from convcli.cli.terminal.output import answer_is_shown, shown, shown_name, wrapped, write, write_json
from convcli.errors import FilterError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convcli.kernels.filter import Filter


__all__ = ["filters"]


def filters(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="A filter, as in sobel-x or gaussian:sigma=2, or @FILE.",
            autocompletion=filters_or_files,
        ),
    ] = None,
    angle: Angle = None,
    size: SizeOption = None,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            help="Save the kernel as .npy, .csv or .json, or with --tuning the plot as .png.",
            metavar="FILE",
        ),
    ] = None,
    tuning: Annotated[
        bool,
        typer.Option("--tuning", help="Measure the responses to a rotated edge and a rotated bar."),
    ] = False,
    force: Force = False,
    json: JsonOption = False,
    text: TextOption = False,
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
    read_text(text, json=json)
    if name is None:
        if angle is not None or size is not None or output is not None or tuning:
            raise UsageError("NAME", "missing; as in: convcli filters sobel-x --angle 70")
        _list_all(json=json)
        return 0
    from convcli.cli.options.filtering import kernel_files, read_filters
    from convcli.cli.reports.kernels import check_kernel_file, save_kernel
    from convcli.kernels.filter import Filter

    names, files = ([], [name]) if name.startswith("@") else ([name], [])
    (one,) = read_filters(names, files, [], angle=angle, size=size)
    read = kernel_files(files)
    if not isinstance(one, Filter):
        raise UsageError(
            name, "is a volume, but filters shows a matrix; save one of its matrices and give that"
        )
    if tuning:
        from convcli.cli.reports.tuning import report_tuning

        report_tuning(one, output, read, force=force, json=json)
        return 0
    if output is not None:
        if len(one.kernels) > 1:
            raise FilterError(
                one.name,
                f"combines {len(one.kernels)} kernels; a file holds one, as of sobel-x",
            )
        about = {"name": one.name, "gain": one.gain, "source": one.source}
        check_kernel_file(output, read, force=force)
        save_kernel(output, one.kernels[0], about, force=force)
    if json:
        write_json(_record(one))
    elif output is not None:
        write(f"{output}\n")
    elif answer_is_shown():
        _show(one)
    else:
        write(_bare(one))
    return 0


def _record(one: "Filter") -> dict[str, Any]:
    """Return the JSON record of a filter; several kernels are a list of matrices."""
    matrices = [matrix.tolist() for matrix in one.kernels]
    return {
        "name": one.name,
        "summary": one.summary,
        "matrix": matrices[0] if len(matrices) == 1 else matrices,
        "combination": str(one.combination),
        "gain": one.gain,
        "divisor": one.divisor,
        "sum": _total(one.kernels[0]),
        "separable": one.separable,
        "responds_to": one.responds_to,
        "source": one.source,
    }


def _total(matrix: "NDArray[Any]") -> float:
    try:
        return math.fsum(matrix.ravel())
    except OverflowError:
        return math.inf


def _list_all(*, json: bool) -> None:
    from convcli.kernels.catalog import CATALOG
    from convcli.kernels.named import get_filter

    if json:
        for name in CATALOG:
            write_json(_record(get_filter(name)))
    elif answer_is_shown():
        from convcli.cli.terminal.tables import table_for_person  # late: a pipe needs no rich
        from convcli.networks.tables import Column, Table

        columns = (
            Column("name", [entry.name for entry in CATALOG.values()]),
            Column("options", [", ".join(entry.options) for entry in CATALOG.values()], rank=1),
            Column("what it is", [entry.summary for entry in CATALOG.values()]),
        )
        write(table_for_person(Table(columns, [0] * len(CATALOG))))
    else:
        lines = [f"{entry.name}\t{entry.summary}\n" for entry in CATALOG.values()]
        write("name\tsummary\n" + "".join(lines))


def _show(one: "Filter") -> None:
    """Show a filter on a terminal."""
    from convcli.cli.reports.kernels import matrix_lines
    from convcli.kernels.catalog import CATALOG
    from convcli.kernels.filter import Combination

    lines = [wrapped(f"{shown_name(one.name)}: {one.summary}")]
    if one.divisor > 1:
        lines.append(f"1/{one.divisor} of")
    for matrix in one.kernels:
        lines += [*matrix_lines(matrix * one.divisor if one.divisor > 1 else matrix), ""]
    total = round(_total(one.kernels[0]), 12) + 0.0  # + 0.0 turns -0.0 into 0.0
    facts = [
        ("responds to", one.responds_to),
        ("gain", f"{one.gain:.6g}"),
        ("sum", f"{total:.6g}"),
        ("separable", "yes" if one.separable else "no"),
        ("source", one.source),
    ]
    if one.combination != Combination.SINGLE:
        of_two = one.combination == Combination.MAGNITUDE
        facts.append(("combined as", "sqrt(x² + y²) of the two" if of_two else "the largest response"))
    entry = CATALOG.get(one.name.partition(":")[0])
    for key, spec in entry.options.items() if entry else ():
        default = "" if spec.default is None else f" (default {spec.default:g})"
        facts.append(("option", f"{key}: {spec.description}{default}"))
    write("".join(f"{line}\n" for line in lines) + shown(facts))


def _bare(one: "Filter") -> str:
    """Return the coefficients as rows that --kernel reads, with an empty line between several kernels."""
    from convcli.pictures.text_matrices import format_matrix

    return "\n".join(format_matrix(matrix) for matrix in one.kernels)

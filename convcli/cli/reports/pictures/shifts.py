"""What ``explain --shift`` prints: how results follow a shift of the picture."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from fractions import Fraction

from convcli.cli.reports.table_formats import TableFormat, print_table
from convcli.cli.terminal.output import escaped, wrapped, write, write_json
from convcli.convolution.explaining.shifts import Difference, ShiftedResult
from convcli.errors import SizeError, UsageError
from convcli.files.streams import input_name
from convcli.networks.tables import Cell, Column, Table
from convcli.sizes.text import format_number, parse_count

__all__ = ["parse_shifts", "report_shifts"]

MAX_SHIFTS = 64
LEGEND = [
    ("moves by", "shift over stride; a result cannot follow by a part of a pixel, which is left out"),
    ("back", "filter then shift against shift then filter: the result of the shifted picture, shifted back"),
    ("place", "the result of the shifted picture, compared at the same positions"),
    ("max, mean", "the largest and the mean absolute difference"),
    ("%", "the mean difference, as a part of the mean absolute value of the result"),
]


def parse_shifts(text: str) -> list[int]:
    """Read the shifts to measure: a number, a range such as 1..4, or several of them after commas.

    Raises
    ------
    UsageError
        The text is something else.

    Examples
    --------
    >>> parse_shifts("1..4"), parse_shifts("1,2,8")
    ([1, 2, 3, 4], [1, 2, 8])
    """
    shifts: list[int] = []
    try:
        for part in text.split(","):
            first, dots, last = part.partition("..")
            start = parse_count(first, "shift")
            end = parse_count(last, "shift") if dots else start
            if not start <= end < start + MAX_SHIFTS or len(shifts) > MAX_SHIFTS:
                raise SizeError("shift", f"must be at most {MAX_SHIFTS} numbers, in increasing order")
            shifts += range(start, end + 1)
    except SizeError:
        why = f"must be pixels to the right: a number, a range such as 1..4, or 1,2,8 (at most {MAX_SHIFTS})"
        raise UsageError(f"--shift {text[:50]!r}", why) from None
    return shifts


def report_shifts(source: Mapping[str, object], results: Sequence[ShiftedResult], *, json: bool) -> None:
    """Print the differences as a table; `source` are the JSON keys that say what was measured."""
    if json:
        write_json({**source, "shifts": list(map(asdict, results))})
        return
    table_format = TableFormat.read(json=False)
    if table_format == TableFormat.TEXT:
        channels = [] if source["channels"] == "each" else [f"--channels {source['channels']}"]
        signs = [f"--signed {source['signed']}"] if source["signed"] else []
        names = [source[key] for key in ("filter", "pool") if source[key] is not None]
        done = ", ".join(map(str, [*names, *channels, *signs]))
        write(wrapped(f"{escaped(input_name(str(source['input'])))} shifted to the right: {done}") + "\n")
    print_table(_table(results), table_format, lambda: LEGEND)


def _table(results: Sequence[ShiftedResult]) -> Table:
    columns = [
        Column("shift", [result.shift for result in results]),
        Column("moves by", [_moves_by(result) for result in results]),
    ]
    for name, differences in (
        ("back", [result.equivariance for result in results]),
        ("place", [result.invariance for result in results]),
    ):
        columns += [
            Column(f"{name} max", [format_number(one.largest, digits=6) for one in differences]),
            Column(f"{name} mean", [format_number(one.mean, digits=4) for one in differences]),
            Column(f"{name} %", list(map(_percentage, differences))),
        ]
    return Table(tuple(columns), [0] * len(results))


def _moves_by(result: ShiftedResult) -> Cell:
    """Return by how much the result should move, as a fraction if that is not a whole number."""
    return f"{Fraction(result.shift, result.stride)}"


def _percentage(difference: Difference) -> str:
    return "" if difference.relative is None else f"{100 * difference.relative:.1f}"

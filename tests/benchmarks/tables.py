"""Benchmark results as text for a person, as Markdown for docs/scripts.md, and as JSON."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from tests.benchmarks.contest import Bound, Figure, Row
from tests.benchmarks.peers import Machine

__all__ = ["Report", "json_of", "markdown_of", "targets_of", "text_of"]

WIDTH = 80
NOTE_WIDTH = WIDTH - 5
HEADS = {"ms": 7, "cpu": 6, "MB": 6, "file": 6, "ratio": 7, "most": 5}
"""The columns of numbers, and how wide they are."""
LEGEND = (
    "ms: median. cpu: milliseconds of all processors. MB: memory that a call adds to its process, where it"
    " takes not too long, or the peak of a command. file: MB of what it writes. ratio: our ms to theirs,"
    " below 1 is faster; most: what it may be at most."
)


@dataclass(frozen=True)
class Report:
    """All that was measured.

    Attributes
    ----------
    absent, left_out : sequence of str
        Which peers are not here, and which are not asked because they take too long.
    failed : sequence of str
        Cases that a failing command ended, and what it said.
    sides : (int, int)
        Height and width of the pictures in process.
    judged : bool
        False where the pictures are too small for figures of time.
    """

    machine: Machine
    absent: Sequence[str]
    left_out: Sequence[str]
    failed: Sequence[str]
    sides: tuple[int, int]
    rows: Sequence[Row]
    bounds: Sequence[Bound]
    sizes: Sequence[Figure]
    judged: bool = True

    @property
    def differing(self) -> list[Row]:
        """The rows whose results are not what they must be."""
        return [row for row in self.rows if row.verdict.equal is False]

    @property
    def figures(self) -> list[Row | Bound]:
        """What has a figure to reach."""
        rows: list[Row | Bound] = [row for row in self.rows if row.reached is not None]
        return [*rows, *self.bounds] if self.judged else []


# Text -----------------------------------------------------------------------------------------------------


def text_of(report: Report) -> str:
    """Return the tables for a terminal or a pipe, at most 80 columns wide.

    A row's ratio is our time over the peer's: below 1 we are faster. ``most`` is the figure to reach.
    """
    notes = list(dict.fromkeys(row.note for row in report.rows if row.note))
    blocks = [
        _machine_lines(report),
        *(_case_lines(list(rows), notes, report.judged) for rows in _by_case(report.rows)),
        _note_lines(notes, report.judged),
        _size_lines(report.sizes),
        _bound_lines(report.bounds) if report.judged else [],
        _end_lines(report),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _machine_lines(report: Report) -> list[str]:
    machine = report.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    lines = _folded(f"{machine.processor}, {machine.processors} processors, {machine.system}")
    lines += _folded(versions)
    if report.absent:
        lines += _folded(f"ABSENT, and so not compared: {', '.join(report.absent)}")
    height, width = report.sides
    lines += _folded(f"In process the pictures are {width} wide and {height} high.")
    if report.left_out:
        lines += _folded(f"Left out because they take too long: {', '.join(report.left_out)}")
    return lines


def _case_lines(rows: Sequence[Row], notes: Sequence[str], judged: bool) -> list[str]:
    cells = [_cells(row) for row in rows]
    heads = [head for head in HEADS if judged and any(head in each for each in cells)]
    width = max(len(row.contender) for row in rows) + 2
    head = " " * width + "".join(f"{name:>{HEADS[name]}}" for name in heads)
    lines = [rows[0].case, *([f"{head}     result"] if heads else [])]
    for row, each in zip(rows, cells, strict=True):
        numbers = "".join(f"{each.get(name, ''):>{HEADS[name]}}" for name in heads)
        note = f" [{notes.index(row.note) + 1}]" if row.note else ""
        mark = f" {_mark(row.reached):4}" if judged else "  "
        lines.append(f"{'  ' + row.contender:{width}}{numbers}{mark}{_result(row)}{note}".rstrip())
    return lines


def _cells(row: Row) -> dict[str, str]:
    """Return the numbers of a row by the heads of their columns."""
    cells = {
        "ms": _milliseconds(row.seconds),
        "cpu": _milliseconds(row.cpu_seconds),
        "MB": _megabytes(row.peak_bytes),
        "file": _megabytes(row.file_bytes),
        "ratio": _number(row.ratio),
        "most": _number(row.wanted),
    }
    return {name: text for name, text in cells.items() if text}


def _result(row: Row) -> str:
    """Return how the result compares; ours in process is what the others are compared with."""
    return "" if row.ratio is None and row.file_bytes is None else str(row.verdict)


def _note_lines(notes: Sequence[str], judged: bool) -> list[str]:
    lines = _folded(LEGEND) if judged else []
    for number, note in enumerate(notes, 1):
        first, *rest = _folded(note, NOTE_WIDTH)
        lines += [f"{f'[{number}]':4} {first}", *(f"     {line}" for line in rest)]
    return lines


def _size_lines(sizes: Sequence[Figure]) -> list[str]:
    if not sizes:
        return []
    names = list(sizes[0].nanoseconds)
    lines = ["Cost per pixel", f"{'MP':>8}" + "".join(f"{name + ', ns':>22}" for name in names)]
    return lines + [
        f"{figure.megapixels:>8}" + "".join(f"{figure.nanoseconds[name]:>22.2f}" for name in names)
        for figure in sizes
    ]


def _bound_lines(bounds: Sequence[Bound]) -> list[str]:
    lines = []
    for bound in bounds:
        lines += _folded(
            f"{bound.name}: {bound.value:.2f}, at most {bound.wanted:.2f}: {_mark(bound.reached)}"
        )
    return lines


def _end_lines(report: Report) -> list[str]:
    lines = []
    if report.figures:
        reached = sum(bool(figure.reached) for figure in report.figures)
        lines.append(f"{reached} of {len(report.figures)} figures reached")
    for row in report.differing:
        verdict = row.verdict
        lines += _folded(
            f"RESULTS DIFFER: {row.case}: {row.contender} by {verdict.difference:g},"
            f" at most {verdict.tolerance:g} is allowed"
        )
    for failure in report.failed:
        lines += _folded(f"FAILED: {failure}")
    if not report.differing:
        lines.append("All results agree where the operation is the same.")
    return lines


# Markdown and JSON ----------------------------------------------------------------------------------------


def markdown_of(report: Report) -> str:
    """Return a table with one row per case, for docs/scripts.md; ratios that miss their target are bold."""
    machine = report.machine
    height, width = report.sides
    where = f"{machine.processor}, {machine.processors} processors, {machine.system}"
    lines = [
        f"{where}; pictures of {width}x{height}.",
        "",
        "| case | convcli, ms | MB | convcli time ÷ peer time |",
        "|---|--:|--:|---|",
    ]
    for ours, *peers in map(list, _by_case(report.rows)):
        ratios = ", ".join(f"{peer.contender} {_marked(peer)}" for peer in peers)
        milliseconds, megabytes = _milliseconds(ours.seconds), _megabytes(ours.peak_bytes)
        lines.append(f"| {ours.case} | {milliseconds} | {megabytes} | {ratios} |")
    if report.sizes:
        names = list(report.sizes[0].nanoseconds)
        lines += ["", f"| megapixels | {' | '.join(f'{name}, ns per pixel' for name in names)} |"]
        lines.append("|--:" * (len(names) + 1) + "|")
        for figure in report.sizes:
            cells = " | ".join(f"{figure.nanoseconds[name]:.2f}" for name in names)
            lines.append(f"| {figure.megapixels} | {cells} |")
    return "\n".join(lines) + "\n"


def targets_of(report: Report) -> str:
    """Return a table with one row per figure to reach: which ratio was measured, and by how much it misses."""
    lines = ["| case | against | ratio | at most | |", "|---|---|--:|--:|---|"]
    for figure in report.figures:
        if isinstance(figure, Bound):
            case, against, ratio, wanted = figure.name, "", figure.value, figure.wanted
        else:
            case, against, ratio, wanted = (
                figure.case,
                figure.contender,
                figure.ratio or 0,
                figure.wanted or 0,
            )
        met = "met" if ratio <= wanted else f"missed by {ratio / wanted - 1:.0%}"
        lines.append(f"| {case} | {against} | {ratio:.2f} | {wanted:.2f} | {met} |")
    return "\n".join([*lines, "", *_end_lines(report)]) + "\n"


def _marked(peer: Row) -> str:
    ratio = _number(peer.ratio)
    return f"**{ratio}**" if peer.reached is False else ratio


def json_of(report: Report) -> str:
    """Return everything as one JSON object.

    Its keys are ``machine, absent, left_out, failed, sides, judged, rows, bounds, cost_per_pixel,
    differing``; each row has the attributes of `Row`, and ``reached``.
    """
    return json.dumps(
        {
            "machine": asdict(report.machine),
            "absent": list(report.absent),
            "left_out": list(report.left_out),
            "failed": list(report.failed),
            "sides": list(report.sides),
            "judged": report.judged,
            "rows": [
                asdict(row) | {"reached": row.reached if report.judged else None} for row in report.rows
            ],
            "bounds": [asdict(bound) | {"reached": bound.reached} for bound in report.bounds],
            "cost_per_pixel": [asdict(figure) for figure in report.sizes],
            "differing": [f"{row.case}: {row.contender}" for row in report.differing],
        },
        indent=1,
    )


# Cells ----------------------------------------------------------------------------------------------------


def _by_case(rows: Sequence[Row]) -> Iterable[list[Row]]:
    """Return the rows of each case, ours first."""
    names = dict.fromkeys(row.case for row in rows)
    return ([row for row in rows if row.case == name] for name in names)


def _milliseconds(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds * 1000:.1f}" if seconds < 0.1 else f"{seconds * 1000:.0f}"


def _megabytes(count: int | None) -> str:
    return "" if count is None else f"{count / 1e6:.1f}" if count < 1e7 else f"{count / 1e6:.0f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _mark(reached: bool | None) -> str:
    return {None: "", True: "yes", False: "NO"}[reached]


def _folded(text: str, width: int = WIDTH) -> list[str]:
    """Break a text into lines between words."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return lines

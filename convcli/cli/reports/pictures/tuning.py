"""``filters NAME --tuning``: responses to a rotated edge and a rotated bar."""

from collections.abc import Sequence
from shutil import get_terminal_size

from convcli.cli.output_files import check_output_file, write_output_file
from convcli.cli.terminal.output import (
    format_name,
    is_human_readable,
    labeled_text,
    wrapped,
    write,
    write_json,
)
from convcli.files.identity import FileIds
from convcli.kernels.filter import Filter
from convcli.kernels.orientation_tuning import TuningCurve, tuning_curves

__all__ = ["report_tuning"]

DEGREES_PER_LINE = 15
MAX_COLUMNS = 120
ANGLE_WIDTH, RESPONSE_WIDTH = 6, 12  # columns of the angle before the bars, of the response after each bar
MIN_BAR_WIDTH = 10  # columns of bars that are shown side by side
RESPONSE = (
    "the largest absolute value over all positions; half width: so far from the preferred angle, "
    "half of it is left"
)
BLOCKS = " ▏▎▍▌▋▊▉█"


def report_tuning(filter_: Filter, target: str | None, inputs: FileIds, *, force: bool, json: bool) -> None:
    """Print the tuning of a filter, and draw it if a file is given.

    Raises
    ------
    UsageError, OutputError
        The file cannot be written, or is not a .png file.
    """
    if target is not None:
        check_output_file(target, (".png",), "a tuning curve", inputs, force=force)
    curves = tuning_curves(filter_)
    if target is not None:
        from convcli.figures.plots import tuning_plot  # late: only a drawing needs Pillow

        write_output_file(target, tuning_plot(curves, filter_), inputs, force=force)
    if json:
        write_json({"name": filter_.name} | {str(curve.stimulus): _record(curve) for curve in curves})
    elif target is not None:
        write(f"{target}\n")
    elif is_human_readable():
        _print_curves(filter_, curves)
    else:
        rows = zip(curves[0].angles, *(curve.responses for curve in curves), strict=True)
        lines = ["\t".join(f"{number:.10g}" for number in row) for row in rows]
        write("\n".join(["angle\tedge\tbar", *lines, ""]))


def _record(curve: TuningCurve) -> dict[str, object]:
    width = {"width": curve.width} if curve.width < float("inf") else {}
    return width | {
        "preferred": list(curve.preferred),
        "half_width": curve.half_width,
        "selectivity": curve.selectivity,
        "angles": curve.angles.tolist(),
        "responses": curve.responses.tolist(),
    }


def _print_curves(filter_: Filter, curves: tuple[TuningCurve, TuningCurve]) -> None:
    """Show the curves as bars, side by side if the terminal is wide enough, and a summary."""
    columns = min(get_terminal_size().columns, MAX_COLUMNS)
    title = f"{format_name(filter_.name)}: responses to a rotated edge and a rotated bar of height 1"
    write(wrapped(title) + "\n")
    groups: list[tuple[TuningCurve, ...]] = [curves]
    bar_width = (columns - ANGLE_WIDTH) // 2 - RESPONSE_WIDTH
    if bar_width < MIN_BAR_WIDTH:
        groups = [(curve,) for curve in curves]
        bar_width = max(columns - ANGLE_WIDTH - RESPONSE_WIDTH, 1)
    write("\n".join(_bars(group, bar_width) for group in groups))
    lines = [(curve.name, _summary(curve)) for curve in curves]
    write("\n" + labeled_text([*lines, ("response", RESPONSE)]))


def _bars(curves: Sequence[TuningCurve], bar_width: int) -> str:
    """Return one line per angle, with a bar for each curve."""
    names = "".join(f"  {curve.name:<{bar_width + RESPONSE_WIDTH - 2}}" for curve in curves)
    lines = [" " * ANGLE_WIDTH + names]
    for angle in range(0, 180, DEGREES_PER_LINE):
        parts = [f"  {_bar(curve, angle, bar_width)} {curve.responses[angle]:<9.4g}" for curve in curves]
        lines.append(f"{angle:4}° " + "".join(parts))
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _bar(curve: TuningCurve, angle: int, bar_width: int) -> str:
    eighths = int(8 * bar_width * curve.responses[angle] / (curve.responses.max() or 1))
    return (BLOCKS[8] * (eighths // 8) + BLOCKS[eighths % 8].strip()).ljust(bar_width)


def _summary(curve: TuningCurve) -> str:
    if not curve.preferred:
        return f"no preferred angle: the weakest response is {1 - curve.selectivity:.0%} of the strongest"
    angles = ", ".join(f"{angle:.1f}°" for angle in curve.preferred)
    return (
        f"prefers {angles}; half width {curve.half_width:.1f}°; weakest response {1 - curve.selectivity:.0%}"
    )

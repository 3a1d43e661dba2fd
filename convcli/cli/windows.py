"""The window that slides: drawn into files, and explained without a picture."""

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from convcli.cli.output import answer_is_shown, escaped, shown, write, write_bytes, write_json
from convcli.cli.standard_input import STREAM
from convcli.errors import UsageError
from convcli.files import Identities, check_target, write_atomically
from convcli.size_texts import format_padding, format_size, parse_padding, parse_pair, parse_size
from convcli.sizes import Axis, window_axes
from convcli.window_words import size_formulas, window_sentence
from convcli.windows import check_position, window_lines

if TYPE_CHECKING:
    from convcli.drawing import Animation, Drawing
    from convcli.explaining import Explained

__all__ = ["Drawings", "explain_window"]

SECONDS = 0.02, 30.0  # a position may take: what GIF files and programs that show them can do

LETTERS = "# read here, * on the padding; + padding; x never read"


class Picture(StrEnum):
    """Files that hold a drawing."""

    SVG = ".svg"
    PNG = ".png"


class Moving(StrEnum):
    """Files that hold an animation."""

    SVG = ".svg"
    GIF = ".gif"
    APNG = ".apng"


@dataclass(frozen=True)
class Drawings:
    """The files that the window is drawn into."""

    output: str | None
    animation: str | None
    seconds: float
    inputs: Identities
    force: bool

    @classmethod
    def read(
        cls,
        output: str | None,
        animation: str | None,
        seconds: float,
        inputs: Iterable[str],
        *,
        force: bool,
        json: bool,
    ) -> "Drawings":
        """Check the options.

        Raises
        ------
        UsageError
            A name ends in no known format, or is standard output where something else goes; or the time is
            out of range.
        OutputError
            A file may not be written.
        """
        files_read = Identities(inputs)
        if output == STREAM and (json or answer_is_shown()):
            why = "is standard output, where --json goes; name a file"
            raise UsageError("-o -", why if json else "svg is not for a terminal; redirect it")
        for name, formats, what in ((output, Picture, "a drawing"), (animation, Moving, "an animation")):
            if name is None or (name == STREAM and formats is Picture):
                continue
            if Path(name).suffix.lower() not in tuple(formats):
                raise UsageError(name, f"{what} is saved as {', '.join(formats)}")
            check_target(name, files_read, replace=force)
        if output and animation and os.path.realpath(output) == os.path.realpath(animation):
            raise UsageError("--animate", f"and -o are one file, {output}")
        least, most = SECONDS
        if not (math.isfinite(seconds) and least <= seconds <= most):
            raise UsageError(f"--seconds {seconds:g}", f"must be a number from {least:g} to {most:g}")
        return cls(output, animation, seconds, files_read, force)

    @property
    def names(self) -> list[str]:
        """The files, as they were typed."""
        return [name for name in (self.output, self.animation) if name is not None]

    def facts(self) -> dict[str, object]:
        """Return what JSON has of them: those that were asked for."""
        files = {"output": self.output, "animation": self.animation}
        return {key: name for key, name in files.items() if name is not None}

    def lines(self) -> list[tuple[str, str]]:
        """Return what a person is told of them."""
        return [("drawn", escaped(name)) for name in self.names]

    def draw(
        self, rows: Axis, columns: Axis, at: tuple[int, int], explained: "Explained | None" = None
    ) -> None:
        """Draw the window into the files.

        Raises
        ------
        SizeError
            It is too large to be drawn.
        OutputError
            A file cannot be written.
        """
        if not self.names:
            return
        from convcli.sliding import sliding_animation, sliding_drawing  # late: a number needs no drawing

        drawn = []
        if self.output is not None:
            drawn.append((self.output, _file_of(self.output, sliding_drawing(rows, columns, at, explained))))
        if self.animation is not None:
            moving = sliding_animation(rows, columns, explained, seconds=self.seconds)
            drawn.append((self.animation, _file_of(self.animation, moving)))
        for name, content in drawn:
            if name == STREAM:
                write_bytes([content])
            else:
                write_atomically(name, partial(_put, content), replace=self.force, inputs=self.inputs)

    def answer(self, otherwise: str) -> None:
        """Write the names of the files into a pipe, or another answer where nothing was drawn."""
        if self.output != STREAM:  # else standard output has the drawing itself
            write("".join(f"{name}\n" for name in self.names or [otherwise]))


def _put(content: bytes, stream: BinaryIO) -> None:
    stream.write(content)


def _file_of(name: str, drawn: "Drawing | Animation") -> bytes:
    """Return what stands in a file of that name."""
    from convcli.drawing import Animation
    from convcli.svg import animated_svg, drawn_svg

    suffix = Path(name).suffix.lower()
    if suffix == Moving.SVG or name == STREAM:
        svg = animated_svg(drawn) if isinstance(drawn, Animation) else drawn_svg(drawn)
        return svg.encode()
    from convcli.painting import animated_gif, animated_png, drawn_png  # late: an SVG needs no Pillow

    if not isinstance(drawn, Animation):
        return drawn_png(drawn)
    return animated_gif(drawn) if suffix == Moving.GIF else animated_png(drawn)


def explain_window(
    n: str | None,
    f: str | None,
    p: str,
    s: str,
    d: str,
    at: tuple[int, int],
    drawings: Drawings,
    *,
    json: bool,
) -> None:
    """Explain a window without a picture: what it reads for one output, and how large the output is.

    Raises
    ------
    UsageError
        A size is missing or cannot be, or the output has no such pixel.
    OutputError
        A drawing cannot be written.
    """
    if n is None or f is None:
        raise UsageError(
            "--n" if n is None else "--f", "missing; as in: convcli explain --n 6 --f 3 -o window.svg"
        )
    size = parse_size(n, "input")
    rows, columns = window_axes(
        (size[0], size[1]),
        parse_pair(f, "filter"),
        stride=parse_pair(s, "stride"),
        padding=parse_padding(p),
        dilation=parse_pair(d, "dilation"),
    )
    check_position(rows, columns, at)
    drawings.draw(rows, columns, at)
    output = format_size((rows.output, columns.output))
    if json:
        write_json(_record(rows, columns, at) | drawings.facts())
    elif answer_is_shown():
        write(_shown(rows, columns, at, drawings))
    else:
        drawings.answer(output)


def _record(rows: Axis, columns: Axis, at: tuple[int, int]) -> dict[str, object]:
    both = rows, columns
    return {
        "shape_in": format_size(axis.side for axis in both),
        "filter": format_size(axis.window for axis in both),
        "padding": format_padding(((rows.before, rows.after), (columns.before, columns.after))),
        "stride": format_size(axis.stride for axis in both),
        "dilation": format_size(axis.dilation for axis in both),
        "shape_out": format_size(axis.output for axis in both),
        "row": at[0],
        "column": at[1],
        "rows": list(rows.reads(at[0])),
        "columns": list(columns.reads(at[1])),
    }


def _shown(rows: Axis, columns: Axis, at: tuple[int, int], drawings: Drawings) -> str:
    from shutil import get_terminal_size

    lines = window_lines(rows, columns, at, get_terminal_size().columns)
    grid = "".join(f"{line}\n" for line in [*lines, ""] if lines)
    facts = [
        ("here", window_sentence(rows, columns, at)),
        *size_formulas(rows, columns),
        *([("letters", LETTERS)] if lines else []),
        *drawings.lines(),
    ]
    return grid + shown(facts)

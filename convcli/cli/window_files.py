"""The files that ``explain`` draws: the sliding window as a picture, an animation, or a page to play with."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convcli.cli.output_files import (
    HTML_EXTENSIONS,
    check_distinct_files,
    check_output_file,
    check_svg_to_stdout,
    extension,
    write_output_file,
)
from convcli.cli.terminal.output import escaped, write
from convcli.errors import UsageError, alternatives
from convcli.files.identity import FileIds
from convcli.files.streams import STREAM
from convcli.signals import interruptible
from convcli.sizes.windowed import Axis

if TYPE_CHECKING:
    from convcli.drawing.shapes import Animation, Drawing
    from convcli.figures.window.captions import Explained
    from convcli.sizes.reads import ReadCounts


__all__ = ["WindowFiles"]

DRAWING_EXTENSIONS, ANIMATION_EXTENSIONS = (".svg", ".png"), (".svg", ".gif", ".apng")
DEFAULT_SECONDS = 0.5
SECONDS_RANGE = 0.02, 30.0  # seconds per position: what GIF files and their viewers support


@dataclass(frozen=True)
class WindowFiles:
    """The files that the window is drawn into."""

    output: str | None
    animation: str | None
    seconds: float
    inputs: FileIds
    force: bool

    @classmethod
    def read(
        cls,
        output: str | None,
        animation: str | None,
        seconds: float | None,
        inputs: Iterable[str],
        *,
        force: bool,
        json: bool,
        with_page: bool = False,
    ) -> "WindowFiles":
        """Check the options; `with_page`, there is a picture, so that a page can be written.

        Raises
        ------
        UsageError
            An extension is unknown, standard output is taken already, or the time is out of range.
        OutputError
            A file must not be written.
        """
        files_read = FileIds(inputs)
        if output == STREAM:
            check_svg_to_stdout("--json" if json else None)
        elif output is not None and extension(output) == ".txt":
            formats = alternatives(DRAWING_EXTENSIONS)
            raise UsageError(output, f"a drawing must be saved as {formats}; for text use --text > {output}")
        elif output is not None and extension(output) in HTML_EXTENSIONS and not with_page:
            raise UsageError(
                output, "a page to play with needs IMAGE; or try convcli filters sobel-x -o play.html"
            )
        elif output is not None:
            allowed = (*DRAWING_EXTENSIONS, *HTML_EXTENSIONS) if with_page else DRAWING_EXTENSIONS
            check_output_file(output, allowed, "a drawing", files_read, force=force)
        if animation is not None:
            check_output_file(animation, ANIMATION_EXTENSIONS, "an animation", files_read, force=force)
        check_distinct_files(output, "--animate", animation)
        if seconds is not None and animation is None:
            raise UsageError("--seconds", "applies only to an animation; add --animate")
        seconds = DEFAULT_SECONDS if seconds is None else seconds
        shortest, longest = SECONDS_RANGE
        if not (math.isfinite(seconds) and shortest <= seconds <= longest):
            raise UsageError(f"--seconds {seconds:g}", f"must be a number from {shortest:g} to {longest:g}")
        return cls(output, animation, seconds, files_read, force)

    @property
    def names(self) -> list[str]:
        """The names of the files, as typed."""
        return [name for name in (self.output, self.animation) if name is not None]

    @property
    def has_page(self) -> bool:
        """Whether the output is a page to play with."""
        return self.output is not None and extension(self.output) in HTML_EXTENSIONS

    def check_channels(self, image: str, count: int) -> None:
        """Check that what is drawn is a single result; `count` is the number of channels that are not summed.

        Raises
        ------
        UsageError
            There are several.
        """
        drawings = [self.animation] if self.has_page else self.names  # a page shows one after the other
        if any(drawings) and count > 1:
            option = "-o" if self.output in drawings and self.output is not None else "--animate"
            choices = "r, g, b, gray or sum" if count == 3 else "sum"
            raise UsageError(
                option, f"draws one channel, and {image} has {count}; choose one: --channels {choices}"
            )

    def record(self) -> dict[str, object]:
        """Return the JSON entries about the files."""
        files = {"output": self.output, "animation": self.animation}
        return {key: name for key, name in files.items() if name is not None}

    def summary_lines(self) -> list[tuple[str, str]]:
        """Return the lines about the files, for a terminal."""
        return [("drawn", escaped(name)) for name in self.names]

    def draw(
        self,
        rows: Axis,
        columns: Axis,
        position: tuple[int, int],
        explained: "Explained | None" = None,
        *,
        pooling: str = "",
        page: "Callable[[], str] | None" = None,
    ) -> None:
        """Draw the window into the files; `pooling` is ``max`` or ``avg`` if it pools, `page` makes a page.

        Raises
        ------
        SizeError
            The window is too large to draw.
        OutputError
            A file cannot be written.
        """
        if not self.names:
            return
        from convcli.figures.window.drawing import window_animation, window_drawing

        self._write(
            lambda: window_drawing(rows, columns, position, explained, pooling=pooling),
            lambda: window_animation(rows, columns, explained, pooling=pooling, seconds=self.seconds),
            page,
        )

    def draw_reads(self, counts: "ReadCounts") -> None:
        """Draw how often each pixel is read.

        Raises
        ------
        SizeError
            The input is too large to draw.
        OutputError
            The file cannot be written.
        """
        if not self.names:
            return
        from convcli.figures.window.reads import reads_drawing

        self._write(lambda: reads_drawing(counts))

    def _write(
        self,
        draw: "Callable[[], Drawing]",
        animate: "Callable[[], Animation] | None" = None,
        page: "Callable[[], str] | None" = None,
    ) -> None:
        contents = []
        with interruptible():
            if self.has_page and self.output is not None and page is not None:
                contents.append((self.output, page().encode()))
            elif self.output is not None:
                contents.append((self.output, _encode(self.output, draw())))
            if self.animation is not None and animate is not None:
                contents.append((self.animation, _encode(self.animation, animate())))
        for name, content in contents:
            write_output_file(name, content, self.inputs, force=self.force)

    def print_names(self, fallback: str) -> None:
        """Print the names of the files, or `fallback` if nothing was drawn."""
        if self.output != STREAM:  # otherwise standard output holds the drawing itself
            write("".join(f"{name}\n" for name in self.names or [fallback]))


def _encode(name: str, drawing: "Drawing | Animation") -> bytes:
    """Encode a drawing in the format of the file's extension."""
    from convcli.drawing.shapes import Animation
    from convcli.drawing.svg import render_animated_svg, render_svg

    if extension(name) == ".svg" or name == STREAM:
        svg = render_animated_svg(drawing) if isinstance(drawing, Animation) else render_svg(drawing)
        return svg.encode()
    from convcli.drawing.raster import render_apng, render_gif, render_png  # late: an SVG needs no Pillow

    if not isinstance(drawing, Animation):
        return render_png(drawing)
    return render_gif(drawing) if extension(name) == ".gif" else render_apng(drawing)

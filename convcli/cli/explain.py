"""``convcli explain``: how one number of a result comes about."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcli.cli import completing
from convcli.cli.inputs import check_names
from convcli.cli.options import (
    Angle,
    BorderOption,
    Dilation,
    Frame,
    JsonOption,
    MaxMemory,
    MaxPixels,
    PaddingOption,
    SizeOption,
    Stride,
)
from convcli.cli.output import answer_is_shown, escaped, shown, write, write_json
from convcli.cli.standard_input import input_name
from convcli.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convcli.explaining import Cell

__all__ = ["explain"]

MOST_TERMS = 25  # of a sum that is written out


def explain(
    image: Annotated[
        str | None,
        typer.Argument(metavar="IMAGE", help="A picture, a .npy array, a text matrix; - is standard input."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--filter",
            help="A named filter, as in sobel-x.",
            metavar="NAME",
            autocompletion=completing.filters,
        ),
    ] = None,
    kernel: Annotated[
        str | None,
        typer.Option(
            "--kernel",
            help='A kernel of your own: "1 0 -1", or @file.',
            metavar="ROWS",
            autocompletion=completing.kernels,
        ),
    ] = None,
    at: Annotated[
        str, typer.Option("--at", help="Pixel of the result: column, row, from 0.", metavar="X,Y")
    ] = "0,0",
    channel: Annotated[
        str,
        typer.Option(
            "--channel",
            "--channels",
            help="gray, r, g, b or sum, of a colour picture.",
            metavar="WHICH",
            autocompletion=completing.words_of("convcli.arrays:Channels", without="each"),
        ),
    ] = "gray",
    angle: Angle = None,
    size: SizeOption = None,
    padding: PaddingOption = "same",
    border: BorderOption = "edge",
    stride: Stride = "1",
    dilation: Dilation = "1",
    flip: Annotated[bool, typer.Option("--flip", help="Turn the kernel half round.")] = False,
    signed: Annotated[
        str | None,
        typer.Option(
            "--signed",
            help="abs, clip, center or raw; what apply does unless given.",
            metavar="HOW",
            autocompletion=completing.words_of("convcli.render:Signed", without="stretch"),
        ),
    ] = None,
    max_pixels: MaxPixels = None,
    max_memory: MaxMemory = None,
    frame: Frame = None,
    json: JsonOption = False,
) -> int:
    """Explain one number of a result: patch, filter, products, sum.

    \b
    convcli explain photo.png --filter sobel-x --at 12,7
    convcli explain photo.png --kernel "1 0 -1" --at 0,0 --border zero

    Told, too, is the pixel that apply writes. Numbers in brackets stand on the padding. Of a text matrix the
    whole result is shown, too. Into a pipe comes the sum alone.
    """
    if image is None:
        raise UsageError("IMAGE", "missing; as in: convcli explain photo.png --filter sobel-x --at 12,7")
    if (name is None) == (kernel is None):
        raise UsageError("--filter", "give one filter, or one --kernel")
    place = _place(at)
    check_names([image])
    from convcli.arrays import Channels, select_channels
    from convcli.cli import filtering  # late: help needs no numpy
    from convcli.cli.reading import Reading
    from convcli.convolve import apply_filter
    from convcli.errors import ConvcliError, SizeError, chosen
    from convcli.explaining import explain_cell
    from convcli.kernels import Filter
    from convcli.pictures import Kind
    from convcli.render import Signed, render

    (one,) = filtering.read_filters(
        [name] if name is not None else [], [kernel] if kernel is not None else [], [], angle=angle, size=size
    )
    if not isinstance(one, Filter):
        raise UsageError("--kernel", "is a volume; take one of its matrices")
    window = filtering.Window.read(padding, border, stride, dilation, flip=flip, jobs=None)
    which = chosen(channel, Channels, "--channel")
    how = None if signed is None else chosen(signed, Signed, "--signed")
    if which == Channels.EACH:
        raise UsageError("--channel each", "is several; take gray, r, g, b or sum")
    if how == Signed.STRETCH:
        raise UsageError("--signed stretch", "depends on all pixels; take raw")
    picture = Reading.read(max_pixels, max_memory, frame).with_room(24).load(image)
    how = how or (Signed.ABS if picture.kind == Kind.PIXELS else Signed.RAW)
    options: dict[str, Any] = {
        "stride": window.stride, "padding": window.padding, "dilation": window.dilation, "flip": flip,
        "border": window.border_for(which, picture.pixels),
    }  # fmt: skip
    try:
        pixels = select_channels(picture.pixels, which)
        cells = [explain_cell(pixels, taps, place, **options) for taps in one.kernels]
    except SizeError as error:
        raise SizeError(f"{input_name(image)}: {error.what}", error.why) from None
    except ConvcliError as error:
        raise type(error)(input_name(image), f"{error.what}: {error.why}") from None
    result = apply_filter(pixels, one, **options)
    value = result[place].item()
    pixel = render(result[place[0] : place[0] + 1, place[1] : place[1] + 1], how, depth=picture.depth).item()
    if json:
        cell_of = {"input": image, "filter": one.name, "channel": which, "row": place[0], "column": place[1]}
        facts = {
            "value": value,
            "pixel": pixel,
            "signed": how,
            "combination": str(one.combination),
            **window.facts(),
        }
        write_json(cell_of | {"cells": [_record(cell) for cell in cells]} | facts)
    elif answer_is_shown():
        of_color = f", {which}" if picture.pixels.ndim == 3 else ""
        where = f"column {place[1]}, row {place[0]} of the result"
        write(f"{escaped(input_name(image))}{of_color}, {escaped(one.name)}, {where}\n\n")
        lines = []
        for number, cell in enumerate(cells, 1):
            label = f" {number}" * (len(cells) > 1)
            write(_shown(cell, label))
            lines.append((f"sum{label}", _sum(cell)))
        if len(cells) > 1:
            lines.append((str(one.combination), f"{value:.6g}"))
        written = f"{pixel}" + ("" if how == Signed.RAW else f", by --signed {how}")
        write(shown([*lines, ("written", written)]))
        if picture.kind == Kind.TEXT:
            write("\n" + _grid(result, place))
    else:
        write(f"{value}\n")
    return 0


def _place(text: str) -> tuple[int, int]:
    """Read ``X,Y`` as (row, column)."""
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() and len(part) < 20 for part in parts):
        raise UsageError(f"--at {text[:50]!r}", "must be column and row of the result, as in 12,7")
    return int(parts[1]), int(parts[0])


def _record(cell: "Cell") -> dict[str, object]:
    return {
        "rows": cell.rows.tolist(),
        "columns": cell.columns.tolist(),
        "patch": cell.patch.tolist(),
        "padded": cell.padded.tolist(),
        "taps": cell.taps.tolist(),
        "products": cell.products.tolist(),
        "sum": cell.total,
    }


def _shown(cell: "Cell", number: str) -> str:
    """Return patch, filter and products, side by side where they fit, else one below the other."""
    from shutil import get_terminal_size

    parts = [("patch", cell.patch), (f"filter{number}", cell.taps), ("products", cell.products)]
    blocks = [[title, *_lines(matrix, cell.padded if title == "patch" else None)] for title, matrix in parts]
    widths = [max(map(len, block)) for block in blocks]
    if sum(widths) + 8 > get_terminal_size().columns:
        return "".join("".join(f"{line.rstrip()}\n" for line in block) + "\n" for block in blocks)
    padded = ([line.ljust(width) for line in block] for block, width in zip(blocks, widths, strict=True))
    return "".join("    ".join(row).rstrip() + "\n" for row in zip(*padded, strict=True)) + "\n"


def _lines(matrix: "NDArray[Any]", marked: "NDArray[Any] | None") -> list[str]:
    """Return the rows, aligned; what is marked in brackets."""
    cells = []
    for number, row in enumerate(matrix.tolist()):
        texts = [f"{value:.6g}" if isinstance(value, float) else f"{value}" for value in row]
        if marked is not None:
            marks = marked[number].tolist()
            texts = [f"[{text}]" if mark else f" {text} " for text, mark in zip(texts, marks, strict=True)]
        cells.append(texts)
    width = max(len(cell) for row in cells for cell in row)
    return [" ".join(cell.rjust(width) for cell in row) for row in cells]


def _sum(cell: "Cell") -> str:
    """Return the products that count, added up."""
    numbers = [value for value in cell.products.ravel().tolist() if value]
    terms = " + ".join(f"{value:.6g}" if value >= 0 else f"({value:.6g})" for value in numbers) or "0"
    if len(numbers) > MOST_TERMS:
        terms = f"the {len(numbers)} products that are not 0"
    total = cell.total
    return f"{terms} = {total:.6g}" if isinstance(total, float) else f"{terms} = {total}"


def _grid(result: "NDArray[Any]", place: tuple[int, int]) -> str:
    import numpy as np

    marked = np.zeros(result.shape, bool)
    marked[place] = True
    return "".join(f"{line.rstrip()}\n" for line in _lines(result, marked))

"""Drawings of filters: their kernels with numbers, and the direction of change against that of the line."""

import math
from collections.abc import Iterator
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from convcli.drawing.gray_scale import GrayScale
from convcli.drawing.shapes import (
    Drawing,
    Ink,
    Line,
    Rectangle,
    Shape,
    Text,
    left_aligned_text,
    text_width,
)
from convcli.errors import KernelError
from convcli.figures.filters.stimuli import stimulus_pixels
from convcli.figures.matrices import gray_scale, is_bright, number_texts
from convcli.figures.thumbnails import resize
from convcli.kernels.filter import Combination, Filter
from convcli.sizes.text import format_number, format_size

__all__ = ["filter_drawing"]

MARGIN, GAP = 24, 36
TITLE_SIZE, TEXT_SIZE, LINE_HEIGHT = 15, 13, 20
SIDE = 196  # pixels per side of a kernel, at most
MAX_CELL, MIN_CELL = 56, 3  # pixels per side of a cell
MAX_ACROSS = 4  # kernels in a row
MAX_KERNELS = 16
MAX_CELLS = SIDE // MIN_CELL  # per side; larger kernels are reduced
STIMULUS_CELLS = 28
ARROW = 80  # length
LINE_INK, CHANGE_INK = Ink.STRONG_BLUE, Ink.STRONG_ORANGE


def filter_drawing(filter_: Filter) -> Drawing:
    """Draw the kernels of a filter on one gray scale, with their numbers where there is room.

    Beside the kernel of a derivative stands an edge to which it responds, with the direction in which
    brightness grows and the line of the edge.

    Raises
    ------
    KernelError
        The filter has more than 16 kernels.

    Examples
    --------
    >>> from convcli.kernels.lookup import get_filter
    >>> drawing = filter_drawing(get_filter("sobel-x"))
    >>> drawing.title, [shape.text for shape in drawing.shapes if isinstance(shape, Text)][1:5]
    ('sobel-x, 3x3', ['-1', '0', '1', '-2'])
    """
    kernels = [kernel * filter_.divisor for kernel in filter_.kernels]
    if len(kernels) > MAX_KERNELS:
        raise KernelError(filter_.name, f"has {len(kernels)} kernels; up to {MAX_KERNELS} can be drawn")
    scale = gray_scale(*kernels)
    shapes: list[Shape] = [left_aligned_text(MARGIN, MARGIN, _title(filter_), TITLE_SIZE, bold=True)]
    x, y = float(MARGIN), MARGIN + 24.0
    right = bottom = 0.0
    for number, kernel in enumerate(kernels):
        if number and number % MAX_ACROSS == 0:
            x, y = float(MARGIN), bottom + GAP
        cells = _KernelCells(kernel, x, y)
        shapes += cells.shapes(scale)
        right, bottom = max(right, x + cells.width), max(bottom, y + cells.height)
        x += cells.width + GAP
    captions = _captions(filter_, scale)
    if filter_.direction is not None:
        shapes += _direction_shapes(filter_.direction, x, y)
        right, bottom = x + SIDE, max(bottom, y + SIDE)
    for number, (caption, ink) in enumerate(captions):
        top = bottom + LINE_HEIGHT * (number + 1)
        shapes.append(left_aligned_text(MARGIN, top, caption, TEXT_SIZE, fill=ink))
    bottom += LINE_HEIGHT * len(captions)
    texts = [text_width(_title(filter_), TITLE_SIZE), *(text_width(text, TEXT_SIZE) for text, _ in captions)]
    return Drawing(
        width=max(right, MARGIN + max(texts)) + MARGIN,
        height=bottom + MARGIN,
        shapes=tuple(shapes),
        title=_title(filter_),
        description=f"{filter_.summary}. {'. '.join(text for text, _ in captions)}.",
    )


def _title(filter_: Filter) -> str:
    return f"{filter_.name}, {format_size(filter_.shape)}"


def _captions(filter_: Filter, scale: GrayScale) -> list[tuple[str, Ink]]:
    """Return the lines below the kernels: the scale, how responses are combined, the directions."""
    end = format_number(float(scale.magnitude), digits=6)
    factor = f"; all numbers times 1/{filter_.divisor}" if filter_.divisor > 1 else ""
    captions = [(f"mid-gray is 0, white {end}, black -{end}{factor}", Ink.FAINT)]
    if filter_.combination != Combination.SINGLE:
        captions.append((f"combined: {filter_.combination.description}", Ink.FAINT))
    if filter_.direction is not None:
        line = (filter_.direction + 90) % 180
        captions.append((f"arrow: brightness grows toward {filter_.direction:.6g}°", CHANGE_INK))
        captions.append((f"the edge itself, a line, runs along {line:.6g}°", LINE_INK))
    return captions


class _KernelCells:
    """The cells of a kernel whose upper left corner is at a point."""

    def __init__(self, kernel: NDArray[np.float64], x: float, y: float) -> None:
        self.kernel, self.x, self.y = _reduced(kernel), x, y
        self.texts = number_texts(kernel)
        self.cell = max(MIN_CELL, min(MAX_CELL, SIDE // max(self.kernel.shape)))
        self.height, self.width = (self.cell * side for side in self.kernel.shape)

    def shapes(self, scale: GrayScale) -> Iterator[Shape]:
        """Yield boxes, numbers if there is room, and a frame."""
        levels = scale.map(self.kernel).round().clip(0, 255).astype(int)
        yield from _gray_boxes(levels, self.x, self.y, self.cell)
        size = self._font_size()
        for row, cells in enumerate(self.texts if self.texts is not None and size else ()):
            for column, text in enumerate(cells):
                x, y = self.x + (column + 0.5) * self.cell, self.y + (row + 0.5) * self.cell
                ink = "#000000" if is_bright([levels[row, column]] * 3) else "#ffffff"
                yield Text(x=x, y=y, text=text, size=size, fill=ink)
        yield Rectangle(x=self.x, y=self.y, width=self.width, height=self.height, stroke=Ink.FAINT)

    def _font_size(self) -> int:
        """Return the size at which all numbers fit into their cells; 0 if none does."""
        if self.texts is None:
            return 0
        widest = max((text for row in self.texts for text in row), key=len)
        room = self.cell - 4
        return next((size for size in range(16, 7, -1) if text_width(widest, size) <= room >= size), 0)


def _gray_boxes(levels: NDArray[np.int_], x: float, y: float, cell: float) -> Iterator[Shape]:
    """Yield boxes of gray levels: one for each run of equal cells in a row."""
    for row, cells in enumerate(levels.tolist()):
        column = 0
        for level, run in groupby(cells):
            count = len(list(run))
            yield Rectangle(
                x=x + column * cell, y=y + row * cell, width=count * cell, height=cell,
                fill="#" + f"{level:02x}" * 3,
            )  # fmt: skip
            column += count


def _reduced(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means of parts of a kernel that has more cells than can be drawn."""
    factor = -(-max(kernel.shape) // MAX_CELLS)
    if factor == 1:
        return kernel
    return resize(kernel, (-(-kernel.shape[0] // factor), -(-kernel.shape[1] // factor)))


def _direction_shapes(direction: float, x: float, y: float) -> Iterator[Shape]:
    """Draw an edge, the direction in which its brightness grows, and its line."""
    levels = (255 * (0.15 + 0.7 * stimulus_pixels(direction, STIMULUS_CELLS))).astype(int)
    yield from _gray_boxes(levels, x, y, SIDE / STIMULUS_CELLS)
    yield Rectangle(x=x, y=y, width=SIDE, height=SIDE, stroke=Ink.FAINT)
    middle = x + SIDE / 2, y + SIDE / 2
    along = math.cos(math.radians(direction)), -math.sin(math.radians(direction))
    reach = SIDE / 2 / max(map(abs, along))  # from the middle to the frame
    ends = (-reach, reach)
    line = tuple((middle[0] - length * along[1], middle[1] + length * along[0]) for length in ends)
    yield Line(points=line, stroke=LINE_INK, thickness=4)
    tip = middle[0] + ARROW * along[0], middle[1] + ARROW * along[1]
    yield Line(points=(middle, tip), stroke=CHANGE_INK, thickness=4, arrow=True)

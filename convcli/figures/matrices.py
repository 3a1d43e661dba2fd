"""Matrices as pictures: zero is mid-gray, and small ones show their numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from convcli.drawing.colors import BLACK, WHITE
from convcli.drawing.fonts import font
from convcli.drawing.gray_scale import GrayScale
from convcli.pictures.picture import Picture, PictureKind
from convcli.sizes.text import format_number

__all__ = [
    "MAX_NUMBERED_SIDE",
    "NAN_COLOR",
    "as_matrix",
    "draw_numbers",
    "gray_pixels",
    "gray_scale",
    "is_bright",
    "is_matrix",
    "number_texts",
]

Array = NDArray[Any]

MAX_NUMBERED_SIDE = 12  # rows and columns of a matrix that is drawn with its numbers
NAN_COLOR = (230, 159, 0)  # color of NaN among gray levels
DIGITS = 4  # of numbers in cells
LINE_COLOR = (160, 160, 160)
SIZES = range(16, 7, -1)  # font sizes of numbers
BRIGHT_FROM = 128  # gray levels from here on take black numbers
PADDING = 4  # pixels of a cell that its number leaves free


def is_matrix(picture: Picture) -> bool:
    """Whether a picture is drawn as a matrix: a text file, or an array as small as one on a blackboard.

    Examples
    --------
    >>> is_matrix(Picture(np.zeros((6, 6)))), is_matrix(Picture(np.zeros((6, 6), np.uint8)))
    (True, False)
    """
    is_small = max(picture.pixels.shape[:2]) <= MAX_NUMBERED_SIDE
    return picture.kind == PictureKind.TEXT or (picture.is_numeric and is_small)


def as_matrix(picture: Picture) -> Picture:
    """Return a picture whose pixels are numbers, to be drawn as a matrix.

    Examples
    --------
    >>> as_matrix(Picture(np.array([[10, 30]], np.uint8))).kind
    <PictureKind.TEXT: 'text'>
    """
    pixels = picture.pixels if picture.is_numeric else picture.pixels.astype(np.int64)
    return Picture(pixels, kind=PictureKind.TEXT, maps=picture.maps)


def gray_scale(*arrays: Array) -> GrayScale:
    """Return the common scale of arrays; what is not finite does not count.

    Examples
    --------
    >>> gray_scale(np.array([[0, 10]]), np.array([[-30]])).magnitude
    30
    """
    lowest: Any = 0
    highest: Any = 0
    for array in arrays:
        finite = array if array.dtype.kind != "f" else array[np.isfinite(array)]
        if finite.size:
            lowest, highest = min(lowest, finite.min().item()), max(highest, finite.max().item())
    return GrayScale.of(lowest, highest)


def gray_pixels(values: Array, scale: GrayScale | None = None) -> NDArray[np.uint8]:
    """Return the gray colors of values (H, W) as red, green and blue; NaN is orange.

    Examples
    --------
    >>> gray_pixels(np.array([[-2, 0, 2]]))[0, :, 0].tolist()
    [1, 128, 255]
    """
    levels = (scale or gray_scale(values)).map(values)
    is_nan = np.isnan(levels)
    gray = np.where(is_nan, 0, levels.round().clip(0, 255)).astype(np.uint8)
    pixels = np.repeat(gray[..., np.newaxis], 3, axis=2)
    pixels[is_nan] = NAN_COLOR
    return pixels


def number_texts(values: Array) -> list[list[str]] | None:
    """Return the numbers of a matrix as texts for its cells; None if it has too many, or is none.

    Examples
    --------
    >>> number_texts(np.array([[10, -0.25, 2 / 3]])), number_texts(np.zeros((13, 1)))
    ([['10', '-0.25', '0.6667']], None)
    """
    if values.ndim != 2 or max(values.shape) > MAX_NUMBERED_SIDE:
        return None
    return [[format_number(number + 0, digits=DIGITS) for number in row] for row in values.tolist()]


def is_bright(color: Sequence[int]) -> bool:
    """Whether black is easier to read on a color than white."""
    red, green, blue = color
    return 299 * red + 587 * green + 114 * blue >= 1000 * BRIGHT_FROM


def draw_numbers(colors: NDArray[np.uint8], texts: Sequence[Sequence[str]]) -> NDArray[np.uint8]:
    """Draw numbers into the cells of an enlarged matrix, if there is room for all of them.

    Parameters
    ----------
    colors : uint8 array (H, W, 3)
        Every cell has the same size.
    texts : rows of str

    Examples
    --------
    >>> white = np.full((30, 40, 3), 255, np.uint8)
    >>> bool((draw_numbers(white, [["7"]]) < 128).any()), bool((draw_numbers(white, [["7" * 9]]) < 128).any())
    (True, False)
    """
    height, width = colors.shape[0] // len(texts), colors.shape[1] // len(texts[0])
    widest = max((text for row in texts for text in row), key=len)
    fitting = (
        size for size in SIZES if size <= height - PADDING and font(size).getlength(widest) <= width - PADDING
    )
    size = next(fitting, None)
    if size is None:
        return colors
    image = Image.fromarray(colors)
    draw = ImageDraw.Draw(image)
    for row in range(1, len(texts)):
        draw.line([(0, row * height), (image.width, row * height)], LINE_COLOR)
    for column in range(1, len(texts[0])):
        draw.line([(column * width, 0), (column * width, image.height)], LINE_COLOR)
    for row, cells in enumerate(texts):
        for column, text in enumerate(cells):
            middle = column * width + width / 2, row * height + height / 2
            ink = BLACK if is_bright(colors[row * height, column * width].tolist()) else WHITE
            draw.text(middle, text, ink, font(size), anchor="mm")
    return np.asarray(image)

"""Swatches: small pictures of kernels, for captions and plots; zero is mid-gray."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.drawing.colors import WHITE
from convcli.figures.matrices import gray_pixels, gray_scale
from convcli.figures.thumbnails import resize

__all__ = ["MAX_SWATCHES", "swatch"]

MAX_SWATCHES = 8  # kernels that are drawn: the directions of a compass
FRAME_COLOR = (120, 120, 120)
GAP = 4  # pixels between kernels


def swatch(kernels: Sequence[NDArray[Any]], side: int) -> NDArray[np.uint8] | None:
    """Draw kernels of one size side by side, or four in each of two rows; None if there are more than eight.

    Parameters
    ----------
    kernels : sequence of arrays (f_h, f_w)
        All on one scale.
    side : int
        The height of a row, in pixels.

    Returns
    -------
    uint8 array (rows, columns, 3) or None

    Examples
    --------
    >>> swatch([np.array([[-1, 0, 1]])], 30).shape
    (12, 32, 3)
    """
    if len(kernels) > MAX_SWATCHES:
        return None
    across = len(kernels) if len(kernels) <= MAX_SWATCHES // 2 else MAX_SWATCHES // 2
    if len(kernels) > across:
        side = (side - GAP) // 2
    scale = gray_scale(*kernels)
    tiles = [_framed(_resized(gray_pixels(kernel, scale), side)) for kernel in kernels]
    height, width, _ = tiles[0].shape
    down = -(-len(tiles) // across)
    sheet = np.full((down * (height + GAP) - GAP, across * (width + GAP) - GAP, 3), WHITE, np.uint8)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, across)
        top, left = row * (height + GAP), column * (width + GAP)
        sheet[top : top + height, left : left + width] = tile
    return sheet


def _resized(colors: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Enlarge a kernel by a whole factor, or reduce it, to at most this height and width."""
    factor = side // max(colors.shape[:2])
    if factor:
        return colors.repeat(factor, axis=0).repeat(factor, axis=1)
    height, width = (max(1, length * side // max(colors.shape[:2])) for length in colors.shape[:2])
    return resize(colors, (height, width)).round().astype(np.uint8)


def _framed(colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    framed = np.full((colors.shape[0] + 2, colors.shape[1] + 2, 3), FRAME_COLOR, np.uint8)
    framed[1:-1, 1:-1] = colors
    return framed

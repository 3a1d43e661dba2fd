"""Thumbnails of large arrays: averaged over areas first, then mapped to colors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.drawing.colors import GRAY
from convcli.figures.matrices import gray_pixels, gray_scale, is_matrix
from convcli.pictures.picture import Picture

__all__ = [
    "ThumbnailStyle",
    "array_thumbnails",
    "boxes_at_one_scale",
    "fit_size",
    "picture_layers",
    "picture_thumbnails",
    "resize",
]

Array = NDArray[Any]
Pair = tuple[int, int]

STRIP_ROWS = 64  # rows that are weighted at a time
CHECKER_LEVELS = (102, 153)  # gray levels of the checkerboard behind transparent pixels


@dataclass(frozen=True)
class ThumbnailStyle:
    """How thumbnails are drawn.

    Attributes
    ----------
    box : (int, int)
        Maximum rows and columns.
    checker : int
        Size of the squares of the checkerboard behind transparent pixels.
    is_matrix : bool
        Zero is mid-gray even where no value is negative.
    """

    box: Pair
    checker: int = 8
    is_matrix: bool = False


def fit_size(size: Pair, box: Pair) -> Pair:
    """Return the largest size with these proportions that fits a box; enlargement is by an integer factor.

    Examples
    --------
    >>> fit_size((300, 400), (42, 38)), fit_size((3, 3), (42, 38)), fit_size((20000, 1), (42, 38))
    ((28, 38), (36, 36), (42, 1))
    """
    scale = min(box[0] / size[0], box[1] / size[1])
    if scale >= 1:
        return size[0] * int(scale), size[1] * int(scale)
    rows, columns = (max(1, min(limit, round(side * scale))) for side, limit in zip(size, box, strict=True))
    return rows, columns


def boxes_at_one_scale(shapes: Sequence[tuple[int, ...]], box: Pair) -> list[Pair]:
    """Return boxes in which `fit_size` gives all pictures the same scale, the largest at which all fit.

    Parameters
    ----------
    shapes : sequence of tuple of int
        Shapes of the pictures: rows, columns and any further axes.
    box : (int, int)
        Maximum rows and columns.

    Returns
    -------
    list of (int, int)

    Examples
    --------
    >>> boxes_at_one_scale([(6, 6), (4, 4)], (42, 38)), boxes_at_one_scale([(300, 400), (150, 200)], (42, 38))
    ([(36, 36), (24, 24)], [(29, 38), (15, 19)])
    """
    scale = min(min(box[0] / rows, box[1] / columns) for rows, columns, *_ in shapes)
    if scale >= 1:
        scale = int(scale)
    return [
        (min(box[0], math.ceil(rows * scale)), min(box[1], math.ceil(columns * scale)))
        for rows, columns, *_ in shapes
    ]


def resize(values: Array, size: Pair, weights: Array | None = None) -> NDArray[np.float64]:
    """Resize an array: average parts of it, or repeat its values.

    Along an axis that is reduced, part ``i`` of ``n`` reaches from ``i · side // n`` to ``(i + 1) · side //
    n``.

    Parameters
    ----------
    values : array (H, W) or (H, W, C)
    size : (int, int)
        Rows and columns. An enlarged side must be a multiple of the original one.
    weights : array (H, W), optional
        Not negative. If all weights of a part are zero, its mean is zero.

    Returns
    -------
    float64 array (rows, columns) or (rows, columns, C)

    Examples
    --------
    >>> resize(np.array([[1, 3, 5, 7], [1, 3, 5, 7]]), (1, 2)).tolist()
    [[2.0, 6.0]]
    >>> resize(np.array([[1, 2]]), (2, 2)).tolist()
    [[1.0, 2.0], [1.0, 2.0]]
    """
    height, width = values.shape[:2]
    reduced = min(size[0], height), min(size[1], width)
    rows, columns = (np.arange(n + 1) * side // n for n, side in zip(reduced, (height, width), strict=True))
    channels = values.reshape(height, width, -1)
    means = np.empty((*reduced, channels.shape[2]))
    with np.errstate(invalid="ignore", over="ignore"):  # infinities of both signs give NaN
        for row, (top, bottom) in enumerate(pairwise(rows)):
            if weights is None:
                sums = channels[top:bottom].sum(axis=0, dtype=np.float64)
                counts = np.full(width, float(bottom - top))
            else:
                sums, counts = _weighted_sums(channels[top:bottom], weights[top:bottom])
            totals = np.add.reduceat(counts, columns[:-1])
            parts = np.add.reduceat(sums, columns[:-1], axis=0)
            means[row] = parts / np.maximum(totals, np.finfo(np.float64).tiny)[:, np.newaxis]
    for axis in (0, 1):
        means = np.repeat(means, size[axis] // reduced[axis], axis=axis)
    return means if values.ndim == 3 else means[..., 0]


def _weighted_sums(channels: Array, weights: Array) -> tuple[Array, Array]:
    sums = np.zeros(channels.shape[1:])
    for top in range(0, len(channels), STRIP_ROWS):
        strip = slice(top, top + STRIP_ROWS)
        sums += (channels[strip] * weights[strip, :, np.newaxis].astype(np.float64)).sum(axis=0)
    return sums, weights.sum(axis=0, dtype=np.float64)


def picture_layers(picture: Picture) -> list[Array]:
    """Return the layers of a picture to show: the picture itself, or each of its maps.

    Three channels are colors, unless they are maps or have negative values.

    Examples
    --------
    >>> [layer.shape for layer in picture_layers(Picture(np.zeros((4, 5, 3), np.uint8)))]
    [(4, 5, 3)]
    >>> [layer.shape for layer in picture_layers(Picture(np.full((4, 5, 3), -1)))]
    [(4, 5), (4, 5), (4, 5)]
    """
    pixels = picture.pixels
    if pixels.ndim == 2 or (pixels.shape[2] == 3 and not picture.maps and not _is_signed([pixels])):
        return [pixels]
    return list(np.moveaxis(pixels, 2, 0))


def picture_thumbnails(
    picture: Picture, style: ThumbnailStyle, max_maps: int | None = None
) -> list[NDArray[np.uint8]]:
    """Draw thumbnails of a picture or of each of its maps; transparent pixels show a checkerboard.

    Parameters
    ----------
    picture : Picture
    style : ThumbnailStyle
    max_maps : int, optional
        Maximum number of maps.

    Returns
    -------
    list of uint8 arrays (rows, columns, 3)

    Examples
    --------
    >>> picture_thumbnails(Picture(np.array([[0, 255]], np.uint8)), ThumbnailStyle((1, 2)))[0].tolist()
    [[[0, 0, 0], [255, 255, 255]]]
    """
    alpha = None if picture.maps else picture.alpha
    style = replace(style, is_matrix=style.is_matrix or is_matrix(picture))
    pictures = array_thumbnails(picture_layers(picture)[:max_maps], style, alpha)
    if alpha is None:
        return pictures
    opaque = np.iinfo(alpha.dtype).max if alpha.dtype.kind == "u" else 1
    opacity = resize(alpha, pictures[0].shape[:2])[..., np.newaxis] / opaque
    background = _checkerboard(opacity.shape[:2], style.checker)[..., np.newaxis]
    return [
        (background + (layer - background) * opacity.clip(0, 1)).round().astype(np.uint8)
        for layer in pictures
    ]


def array_thumbnails(
    layers: Sequence[Array], style: ThumbnailStyle, weights: Array | None = None
) -> list[NDArray[np.uint8]]:
    """Draw thumbnails of arrays on a common color scale; arrays smaller than the box keep their size.

    Pixels of 8 or 16 bits keep their color. For other values, zero is black and the largest value white; if
    any is negative, and for matrices, zero is mid-gray, and the value farthest from zero black or white.

    Parameters
    ----------
    layers : sequence of arrays (H, W) or (H, W, 3)
        All of the same dtype.
    style : ThumbnailStyle
    weights : array (H, W), optional
        The weight of each pixel in means, such as alpha.

    Returns
    -------
    list of uint8 arrays (rows, columns, 3)

    Examples
    --------
    >>> array_thumbnails([np.array([[-2, 0]]), np.array([[1, 1]])], ThumbnailStyle((1, 2)))[0].tolist()
    [[[0, 0, 0], [128, 128, 128]]]
    """
    resized = [resize(layer, _reduced_size(layer, style.box), weights) for layer in layers]
    if layers[0].dtype in (np.uint8, np.uint16):
        white = float(np.iinfo(layers[0].dtype).max)
        return [_gray(layer / white) for layer in resized]
    if layers[0].ndim == 2 and (style.is_matrix or _is_signed(layers)):
        scale = gray_scale(*resized)
        return [gray_pixels(layer, scale) for layer in resized]
    limit = max(float(np.abs(layer[np.isfinite(layer)]).max(initial=0)) for layer in resized)
    return [_gray(layer / (limit or 1)) for layer in resized]


def _reduced_size(values: Array, box: Pair) -> Pair:
    height, width = values.shape[:2]
    rows, columns = fit_size((height, width), box)
    return min(rows, height), min(columns, width)


def _is_signed(layers: Sequence[Array]) -> bool:
    return any(layer.dtype.kind in "if" and bool(np.fmin.reduce(layer, axis=None) < 0) for layer in layers)


def _gray(fractions: Array) -> NDArray[np.uint8]:
    """Return the gray colors of fractions of white."""
    is_nan = np.isnan(fractions)
    levels = np.where(is_nan, GRAY[0], (fractions.clip(0, 1) * 255).round()).astype(np.uint8)
    return levels if levels.ndim == 3 else np.repeat(levels[..., np.newaxis], 3, axis=2)


def _checkerboard(size: Pair, side: int) -> Array:
    rows, columns = np.indices(size) // side
    return np.take(CHECKER_LEVELS, (rows + columns) % 2)

"""Encodes a picture as GIF: with a palette, and with transparency that is on or off.

Source: CompuServe, Graphics Interchange Format, version 89a (1990).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PIL import Image

from convcli.late_numpy import np
from convcli.pictures.formats.output_formats import OUTPUT_FORMATS, OutputFormat
from convcli.pictures.formats.pillow.rasters import image_of
from convcli.pictures.picture import Picture
from convcli.pictures.raster import Raster

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["encode_gif", "gif_losses"]

MAX_COLORS = 256
OPAQUE = 128  # alpha from this on is opaque


def gif_losses(picture: Picture) -> tuple[str, ...]:
    """Return notes about what a GIF file drops of a picture of 8-bit pixels."""
    notes = []
    if picture.alpha is not None and not np.isin(picture.alpha, (0, 255)).all():
        notes.append("alpha is reduced to on or off")
    if not _is_plain_gray(picture) and _visible_colors(picture)[1] is None:
        notes.append(f"colors are reduced to {_most_colors(picture)}")
    return tuple(notes)


def encode_gif(picture: Picture) -> bytes:
    """Return a GIF file of 8-bit pixels: exact where the colors fit into a palette, otherwise approximated.

    Examples
    --------
    >>> encode_gif(Picture(np.zeros((2, 3), np.uint8)))[:10]
    b'GIF87a\\x03\\x00\\x02\\x00'
    """
    memory = io.BytesIO()
    options = dict(OUTPUT_FORMATS[OutputFormat.GIF].save_options or {})
    if _is_plain_gray(picture):
        image_of(picture.raster or Raster.of(picture.pixels)).save(memory, **options)
        return memory.getvalue()
    pixels, colors = _visible_colors(picture)
    if colors is None:
        image = Image.fromarray(pixels).quantize(_most_colors(picture), Image.Quantize.MEDIANCUT)
        palette = image.getpalette() or []
        indices = np.array(image)
    else:
        palette = [value for color in colors for value in color]
        indices = _indices(pixels, colors)
    options["optimize"] = False  # optimizing would drop a transparent color that is not used
    if picture.alpha is not None:
        transparent = len(palette) // 3
        indices[picture.alpha < OPAQUE] = transparent
        palette += [0, 0, 0]
        options["transparency"] = transparent
    image = Image.fromarray(indices)
    image.putpalette(palette)
    image.save(memory, **options)
    return memory.getvalue()


def _is_plain_gray(picture: Picture) -> bool:
    return picture.channels == 1 and not picture.has_alpha


def _is_gray(pixels: NDArray[Any]) -> bool:
    return pixels.ndim == 2 or pixels.shape[2] == 1


def _most_colors(picture: Picture) -> int:
    """Return how many colors the palette has room for: one entry stands for transparency."""
    return MAX_COLORS if picture.alpha is None else MAX_COLORS - 1


def _visible_colors(picture: Picture) -> tuple[NDArray[np.uint8], list[tuple[int, int, int]] | None]:
    """Return the pixels as RGB, and their colors in order; None if they are more than the palette holds.

    Transparent pixels get a color that is used anyway.
    """
    pixels = picture.pixels
    if _is_gray(pixels):
        pixels = np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, axis=2)
    if picture.alpha is not None and (hidden := picture.alpha < OPAQUE).any():
        row, column = np.unravel_index(np.argmin(hidden), hidden.shape)
        pixels = np.where(hidden[..., None], pixels[row, column], pixels)
    found: Any = Image.fromarray(pixels).getcolors(_most_colors(picture))
    return pixels, None if found is None else sorted(color for _, color in found)


def _indices(pixels: NDArray[np.uint8], colors: Sequence[tuple[int, int, int]]) -> NDArray[np.uint8]:
    """Return the position of each pixel's color in a sorted list of all of them."""
    weights = np.array([1 << 16, 1 << 8, 1], np.uint32)
    indices: NDArray[np.uint8] = np.searchsorted(
        np.array(colors, np.uint32) @ weights, pixels.astype(np.uint32) @ weights
    ).astype(np.uint8)
    return indices

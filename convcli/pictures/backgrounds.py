"""Lays transparent pictures over a background color."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcli.errors import ImageError, UsageError, suggestion
from convcli.late_numpy import np
from convcli.pictures.picture import Picture, convert_alpha

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Color", "flatten", "lay_over", "parse_color"]

Color = tuple[int, int, int]
WHITE = 255  # the largest part of a color


def parse_color(text: str, name: str = "color") -> Color:
    """Parse a CSS color: a name, ``#fff``, ``#ffffff`` or ``rgb(255,255,255)``.

    Raises
    ------
    UsageError
        The text is not a color, or the color has alpha.

    Examples
    --------
    >>> parse_color("white"), parse_color("#f80")
    ((255, 255, 255), (255, 136, 0))
    """
    from PIL import ImageColor  # late: it takes a while, and most pictures keep their alpha

    try:
        red, green, blue, *alpha = ImageColor.getrgb(text)
    except ValueError:
        alpha = [0]
    if alpha:
        hint = suggestion(text[:50], ImageColor.colormap)
        requirement = "is not an opaque color such as white, #ff8800 or rgb(255,136,0)"
        raise UsageError(
            f"{name} {text[:50]!r}", f"unknown color; {hint}" if "did you mean" in hint else requirement
        )
    return red, green, blue


def flatten(picture: Picture, background: Color) -> Picture:
    """Lay a picture over a background color and drop its alpha.

    Each value is alpha times the picture plus (1 - alpha) times the background; integers are rounded. White
    is the largest value of unsigned integers, and 1.0 for floats. A grayscale picture over a background that
    is not gray becomes RGB.

    Raises
    ------
    ImageError
        The picture has alpha, but signed or 64-bit integers, or channels that are not gray or RGB.

    Examples
    --------
    >>> half = Picture(np.array([[200]], np.uint8), alpha=np.array([[51]], np.uint8))
    >>> flatten(half, (255, 255, 255)).pixels.tolist()
    [[244]]
    """
    pixels, alpha = picture.pixels, picture.alpha
    if alpha is None or picture.maps:
        return picture
    if pixels.dtype.kind == "i" or pixels.dtype == np.uint64:
        raise ImageError("background", f"{pixels.dtype} numbers have no black and white; leave it out")
    if pixels.ndim == 2 and len(set(background)) > 1:
        pixels = np.repeat(pixels[..., np.newaxis], 3, axis=2)
    channels = pixels.reshape(*pixels.shape[:2], -1)
    count = channels.shape[2]
    if count not in (1, 3):
        raise ImageError("background", f"a color has no value for {count} channels; leave it out")
    blend = _blended_floats if pixels.dtype.kind == "f" else _blended_integers
    alpha = convert_alpha(alpha, pixels.dtype)
    flat = np.empty_like(channels)
    for channel, value in enumerate(background[:count]):
        flat[..., channel] = blend(channels[..., channel], alpha, value)
    return picture.with_pixels(flat.reshape(pixels.shape), None)


def lay_over(colors: NDArray[np.uint8], alpha: NDArray[Any] | None, background: Color) -> NDArray[np.uint8]:
    """Lay colors, uint8 (H, W, 3), over a background color, by an alpha (H, W) of any type.

    Examples
    --------
    >>> red = np.array([[[255, 0, 0]]], np.uint8)
    >>> lay_over(red, np.array([[0]], np.uint16), (255, 255, 255)).tolist()
    [[[255, 255, 255]]]
    """
    if alpha is None:
        return colors
    return flatten(Picture(colors, convert_alpha(alpha, colors.dtype)), background).pixels


def _blended_integers(values: NDArray[Any], alpha: NDArray[Any], level: int) -> NDArray[Any]:
    """Return values laid over a level from 0 to 255, rounded; all sums fit in twice as many bits."""
    white = int(np.iinfo(values.dtype).max)
    wide = np.dtype(f"u{2 * values.itemsize}")
    weighted = values * alpha.astype(wide)
    weighted += (white - alpha) * wide.type(white // WHITE * level) + wide.type(white // 2)
    return np.asarray(weighted // wide.type(white))


def _blended_floats(values: NDArray[Any], alpha: NDArray[Any], level: int) -> NDArray[Any]:
    """Return values laid over a level from 0 to 255; what is transparent may be infinite or NaN."""
    color = values.dtype.type(level / WHITE)
    with np.errstate(over="ignore", invalid="ignore"):
        blended = values * alpha + (1 - alpha) * color
    return np.asarray(np.where(alpha == 0, color, blended))

"""Lays transparent pictures over a background color."""

import numpy as np
from PIL import ImageColor

from convcli.errors import UsageError, suggestion
from convcli.pictures.picture import Picture

__all__ = ["Color", "flatten", "parse_color"]

Color = tuple[int, int, int]


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

    Each value is alpha times the picture plus (1 - alpha) times the background, rounded. A grayscale picture
    over a background that is not gray becomes RGB.

    Examples
    --------
    >>> half = Picture(np.array([[200]], np.uint8), alpha=np.array([[51]], np.uint8))
    >>> flatten(half, (255, 255, 255)).pixels.tolist()
    [[244]]
    """
    pixels, alpha = picture.pixels, picture.alpha
    if alpha is None or picture.maps or pixels.dtype != np.uint8:
        return picture
    if pixels.ndim == 2 and len(set(background)) > 1:
        pixels = np.repeat(pixels[..., np.newaxis], 3, axis=2)
    channels = pixels.reshape(*pixels.shape[:2], -1)
    flat = np.empty_like(channels)
    for channel, value in enumerate(background[: channels.shape[2]]):
        weighted = channels[..., channel] * alpha.astype(np.uint16)  # 255 * 255 + 127 fits in 16 bits
        weighted += (255 - alpha) * np.uint16(value) + np.uint16(127)
        flat[..., channel] = weighted // 255
    return picture.with_pixels(flat.reshape(pixels.shape), None)

"""What counts as an image, and its channels."""

from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.errors import ImageError, chosen

__all__ = ["Channels", "image_array", "select_channels"]


class Channels(StrEnum):
    """Which channels of a colour image are filtered."""

    EACH = "each"
    GRAY = "gray"
    R = "r"
    G = "g"
    B = "b"


REC_601 = (19595, 38470, 7471)  # 0.299, 0.587, 0.114 in 65536ths, as in Pillow's convert("L")


def image_array(value: ArrayLike) -> NDArray[Any]:
    """Check that something is an image: real numbers, ``(H, W)`` or ``(H, W, C)``, not empty.

    Returns
    -------
    array
        Booleans become uint8 and half floats float32; anything else keeps its type, in native byte order.

    Raises
    ------
    ImageError
        It is no image.

    Examples
    --------
    >>> image_array([[True, False]]).dtype
    dtype('uint8')
    """
    image = np.asarray(value)
    if image.ndim not in (2, 3) or not image.size:
        raise ImageError(f"array of shape {image.shape}", "an image is (H, W) or (H, W, C), and not empty")
    image = image.astype(image.dtype.newbyteorder("="), copy=False)
    if image.dtype == np.bool_:
        return image.astype(np.uint8)
    if image.dtype == np.float16:
        return image.astype(np.float32)
    if image.dtype.kind not in "iu" and image.dtype not in (np.float32, np.float64):
        raise ImageError(f"array of {image.dtype}", "an image holds integers, float32 or float64")
    return image


def select_channels(image: ArrayLike, which: str = "each") -> NDArray[Any]:
    """Take the channels that are to be filtered.

    Parameters
    ----------
    image : array (H, W) or (H, W, C)
    which : str
        ``each``: all of them. ``gray``: luma by Rec. 601, rounded as Pillow rounds it. ``r``, ``g``, ``b``:
        one of them.

    Returns
    -------
    array
        ``(H, W)``, or the image itself for ``each``.

    Raises
    ------
    ImageError
        The image has no such channel.
    UsageError
        `which` is unknown.

    Examples
    --------
    >>> select_channels(np.full((1, 1, 3), (255, 0, 0), np.uint8), "gray").tolist()
    [[76]]
    """
    which = chosen(which, Channels, "channels")
    pixels = image_array(image)
    count = pixels.shape[2] if pixels.ndim == 3 else 1
    if which == Channels.EACH:
        return pixels
    if which == Channels.GRAY and count == 1:
        return pixels.reshape(pixels.shape[:2])
    if count != 3:
        raise ImageError(
            f"channels {which}", f"the image has {count} channel{'s'[: count != 1]}, not red, green and blue"
        )
    if which != Channels.GRAY:
        return pixels[:, :, "rgb".index(which)]
    if pixels.dtype.kind == "f":
        luma: NDArray[Any] = pixels @ (np.array(REC_601) / 65536)
    else:
        luma = (pixels.astype(np.int64) @ np.array(REC_601) + 32768) >> 16
    return luma.astype(pixels.dtype)

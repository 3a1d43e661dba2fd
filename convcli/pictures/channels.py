"""The channels of an image: each, summed, luma, or one of red, green and blue."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from convcli.errors import ImageError, UsageError, parse_choice
from convcli.late_numpy import np
from convcli.pictures.arrays import image_array
from convcli.sizes.text import counted

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["REC_601", "Channels", "channel_names", "select_channels"]
STRIP_PIXELS = 1 << 16  # pixels at a time, which fit in the cache


class Channels(StrEnum):
    """Which channels of a color image are filtered."""

    EACH = "each"
    SUM = "sum"
    GRAY = "gray"
    R = "r"
    G = "g"
    B = "b"
    DEPTHWISE = "depthwise"


REC_601 = (19595, 38470, 7471)  # 65536 times 0.299, 0.587 and 0.114, as in Pillow's convert("L")


def channel_names(count: int) -> tuple[str, ...]:
    """Return short names of the channels of a picture: r, g and b for three, else numbers from 1.

    Examples
    --------
    >>> channel_names(2)
    ('1', '2')
    """
    return tuple("rgb") if count == 3 else tuple(f"{number}" for number in range(1, count + 1))


def select_channels(image: ArrayLike, channels: str = "each") -> NDArray[Any]:
    """Select the channels to filter.

    Parameters
    ----------
    image : array (H, W) or (H, W, C)
    channels : str
        ``each``: all channels. ``sum``: their sum, which gives the result of a filter with the same kernel
        for every channel. ``gray``: Rec. 601 luma, rounded as Pillow rounds it. ``r``, ``g``, ``b``: one
        channel.

    Returns
    -------
    array
        ``(H, W)``, or the image itself for ``each``. Sums of several channels of 8-bit pixels are uint16, of
        other integers int64.

    Raises
    ------
    ImageError
        The image does not have that channel.
    UsageError
        `channels` is unknown, or ``depthwise``, which only a bank of filters can be applied to.

    Examples
    --------
    >>> select_channels(np.full((1, 1, 3), (255, 0, 0), np.uint8), "gray").tolist()
    [[76]]
    """
    channels = parse_choice(channels, Channels, "channels")
    if channels == Channels.DEPTHWISE:
        raise UsageError("channels depthwise", "applies only to a bank of filters; use each")
    pixels = image_array(image)
    count = pixels.shape[2] if pixels.ndim == 3 else 1
    if channels == Channels.EACH:
        return pixels
    if channels in (Channels.SUM, Channels.GRAY) and count == 1:
        return pixels.reshape(pixels.shape[:2])
    if channels == Channels.SUM:
        return _sum_channels(pixels)
    if count != 3:
        raise ImageError(
            f"channels {channels}",
            f"the image has {counted(count, 'channel')}, not red, green and blue; leave out --channels",
        )
    if channels != Channels.GRAY:
        return pixels[:, :, "rgb".index(channels)]
    if pixels.dtype in (np.uint8, np.uint16):
        return _pixel_luma(pixels)
    if pixels.dtype.kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):  # infinite pixels are allowed
            luma: NDArray[Any] = pixels @ (np.array(REC_601) / 65536)
    else:  # upper and lower bits separately, so that 64-bit values do not overflow
        wide = pixels.astype(np.uint64 if pixels.dtype == np.uint64 else np.int64)
        weights = np.array(REC_601, wide.dtype)
        luma = (wide >> 16) @ weights + (((wide & 0xFFFF) @ weights + 32768) >> 16)
    return luma.astype(pixels.dtype)


def _pixel_luma(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return the luma of uint8 or uint16 pixels; with weights that add up to 65536 it fits in 32 bits."""
    luma = np.empty(pixels.shape[:2], pixels.dtype)
    rows = max(1, STRIP_PIXELS // pixels.shape[1])
    for start in range(0, len(pixels), rows):
        strip = pixels[start : start + rows]
        total = np.full(strip.shape[:2], 32768, np.uint32)
        for channel, weight in enumerate(REC_601):
            total += strip[..., channel] * np.uint32(weight)
        luma[start : start + rows] = total >> 16
    return luma


def _sum_channels(pixels: NDArray[Any]) -> NDArray[Any]:
    dtype = pixels.dtype
    if dtype.kind != "f":
        dtype = np.dtype(np.uint16 if dtype == np.uint8 and pixels.shape[2] <= 257 else np.int64)
        if max(abs(int(pixels.min())), int(pixels.max())) * pixels.shape[2] > np.iinfo(dtype).max:
            raise ImageError("channels sum", "could overflow int64; use a float image")
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(pixels.sum(2, dtype=dtype))

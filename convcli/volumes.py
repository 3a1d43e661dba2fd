"""Filters as deep as the image: a volume of taps gives a single map, a bank of them a stack of maps."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.arrays import image_array
from convcli.borders import parse_border
from convcli.convolve import convolve, largest_result, result_type
from convcli.errors import FilterError, SizeError
from convcli.kernels import kernel_array, named_filter
from convcli.size_texts import format_size
from convcli.sizes import Padding, Pair, window_axes

__all__ = ["Bank", "convolve_volume", "orientation_bank"]

Array = NDArray[Any]

MOST_FILTERS = 4096


@dataclass(frozen=True, eq=False)
class Bank:
    """Filters that each take all channels of an image.

    Attributes
    ----------
    name : str
    taps : array (f_h, f_w, C) or (f_h, f_w, C, F)
        C is 1 where every channel is filtered alike.
    """

    name: str
    taps: Array

    @property
    def count(self) -> int:
        """How many maps it gives."""
        return self.taps.shape[3] if self.taps.ndim == 4 else 1


def convolve_volume(
    image: ArrayLike,
    taps: ArrayLike,
    *,
    stride: Pair = 1,
    padding: Padding = "same",
    border: str = "edge",
    dilation: Pair = 1,
    flip: bool = False,
    jobs: int | None = None,
) -> Array:
    """Slide volumes of taps over an image, and sum over its channels.

    Parameters
    ----------
    image : array (H, W) or (H, W, C)
    taps : array (f_h, f_w, C) or (f_h, f_w, C, F)
    stride, padding, border, dilation, flip, jobs : as for `convolve`

    Returns
    -------
    array (H', W') or (H', W', F)
        Of integers exact, in the narrowest of int16, int32 and int64 that holds every possible sum; of others
        as `convolve`, with C times its error at most.

    Raises
    ------
    ImageError, KernelError
        One is none, or a result would not fit into int64.
    SizeError
        The taps have another depth than the image, or a filter does not fit.

    Source: A. Ng, Convolutional Neural Networks, 2017, convolutions over volumes.

    Examples
    --------
    >>> image = np.arange(12).reshape(2, 2, 3)
    >>> convolve_volume(image, [[[1, 1, 1]]]).tolist()
    [[3, 12], [21, 30]]
    >>> convolve_volume(image, np.eye(3, dtype=int).reshape(1, 1, 3, 3)).shape
    (2, 2, 3)
    """
    pixels = image_array(image)
    volume = kernel_array(taps, axes=4)
    depth = pixels.shape[2] if pixels.ndim == 3 else 1
    if volume.ndim < 3 or volume.shape[2] != depth:
        wanted = f"(f_h, f_w, {depth}) or (f_h, f_w, {depth}, F)"
        raise SizeError(
            f"taps {format_size(volume.shape)}", f"must be {wanted} for an image of {depth} channels"
        )
    filters = volume if volume.ndim == 4 else volume[..., None]
    channels = pixels.reshape(*pixels.shape[:2], depth)
    rows, columns = window_axes(
        (pixels.shape[0], pixels.shape[1]), (volume.shape[0], volume.shape[1]), stride=stride,
        padding=padding, dilation=dilation,
    )  # fmt: skip
    edge = parse_border(border)
    bounds = [largest_result(pixels, filters[..., number], edge) for number in range(filters.shape[3])]
    bound = max(each for each in bounds if each is not None) if None not in bounds else None
    maps = np.zeros((rows.output, columns.output, filters.shape[3]), result_type(pixels, bound))
    for number in range(filters.shape[3]):
        for channel in range(depth):
            matrix = filters[:, :, channel, number]
            if not matrix.any():
                continue
            response = convolve(
                channels[..., channel], matrix, stride=stride, padding=padding, border=border,
                dilation=dilation, flip=flip, jobs=jobs,
            )  # fmt: skip
            # No sum is beyond the bound, so the narrow type holds each.
            np.add(maps[..., number], response, out=maps[..., number], casting="same_kind")
    return maps if volume.ndim == 4 else maps[..., 0]


def orientation_bank(text: str) -> Bank:
    """Read ``NAME:COUNT``, as in ``gabor:8``: a filter turned through 180 degrees in so many steps.

    Raises
    ------
    FilterError
        There is no such filter, it cannot be turned, or the count is none.

    Examples
    --------
    >>> orientation_bank("sobel:4").taps.shape
    (3, 3, 1, 4)
    """
    name, _, rest = text.strip().partition(":")
    count, _, others = rest.partition(",")
    family = f"{name}-x" if name in ("sobel", "scharr", "prewitt", "roberts", "freichen") else name
    if not count.strip().isdecimal() or not 1 <= int(count) <= MOST_FILTERS:
        raise FilterError(text[:100], f"must be a filter and a count up to {MOST_FILTERS}, as in gabor:8")
    named = f"{family}:{others}" if others else family
    turned = [named_filter(named, angle=180 * number / int(count)) for number in range(int(count))]
    return Bank(f"{name}-{count}", np.stack([one.kernels[0] for one in turned], axis=-1)[:, :, None])

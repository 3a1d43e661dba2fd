"""Filters as deep as the image: a volume of taps gives a single map, a bank of them a stack of maps."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.arrays import image_array
from convcli.borders import border_sources, fill, parse_border
from convcli.convolve import Settings, checked_axes, convolve, largest_result, result_type
from convcli.errors import FilterError, SizeError
from convcli.kernels import MAX_TAPS, kernel_array, named_filter
from convcli.size_texts import format_size
from convcli.sizes import Padding, Pair

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
    angles : tuple of float
        Of each map, in degrees, where the filters are rotated copies of one; else empty.
    """

    name: str
    taps: Array
    angles: tuple[float, ...] = ()

    @property
    def count(self) -> int:
        """How many maps it gives."""
        return self.taps.shape[3] if self.taps.ndim == 4 else 1

    @property
    def map_names(self) -> tuple[str, ...]:
        """What its maps are called: by their angles, else by their numbers."""
        if self.angles:
            return tuple(f"{angle:.4g}°" for angle in self.angles)
        return tuple(f"map {number}" for number in range(1, self.count + 1))


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
        with the error of `conv_forward` or, of few filters, C times that of `convolve`.

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
    how = Settings(stride, padding, border, dilation, flip, jobs)
    edge = parse_border(border)
    bound = largest_result(pixels, np.moveaxis(filters, 3, 0), edge)
    dtype = result_type(pixels, bound)
    sums = _type_of_sums(channels, filters, dtype, bound)
    if sums is None:
        maps = _by_maps(channels, filters, how, dtype)
    else:
        maps = _as_layer(channels, filters, how, sums).astype(dtype, copy=False)
    return maps if volume.ndim == 4 else maps[..., 0]


def _type_of_sums(
    channels: Array, filters: Array, dtype: np.dtype[Any], bound: int | None
) -> np.dtype[Any] | None:
    """Return the type in which a layer is right and quicker than map by map; None if it is not.

    A layer copies patches once for all maps, and multiplies zeros by what is not finite.
    """
    f_h, f_w, depth, count = filters.shape
    if 2 * count <= math.sqrt(f_h * f_w):  # as measured: patches of so many taps are dear for so few maps
        return None
    from convcli.winograd import (
        FEWEST_CHANNELS,  # late, as the layer below: filters of one matrix need neither
    )

    by_definition = depth < FEWEST_CHANNELS  # beyond, float32 may go by Winograd's way
    if bound is not None:
        exact_in_float32 = bound < 1 << 24 and by_definition
        return np.dtype(np.float32 if exact_in_float32 else np.float64) if bound < 1 << 53 else None
    with np.errstate(over="ignore", invalid="ignore"):
        finite = math.isfinite(channels.sum(dtype=np.float64))
        fits = bool(np.isfinite(np.abs(filters).sum((0, 1, 2)).astype(dtype)).all())
    if not (finite and fits):
        return None
    return dtype if by_definition else np.dtype(np.float64)


def _as_layer(channels: Array, filters: Array, how: Settings, dtype: np.dtype[Any]) -> Array:
    """Convolve with all filters at once: a mini-batch of one image, padded as its border says."""
    from convcli.layers import conv_forward

    rows, columns = checked_axes(channels, filters, how)
    border = parse_border(how.border)
    sides = (axis.before + axis.side + axis.after for axis in (rows, columns))
    padded: Array = np.empty((1, *sides, filters.shape[2]), dtype)
    down, across = (border_sources(axis, border.kind) for axis in (rows, columns))
    with np.errstate(over="ignore"):  # a border beyond float32 is infinite
        fill(padded[0], channels, down, across, columns, border)
    taps = how.turned(filters).astype(dtype)
    maps: Array = conv_forward(padded, taps, stride=how.stride, dilation=how.dilation, jobs=how.jobs)[0]
    return maps


def _by_maps(channels: Array, filters: Array, how: Settings, dtype: np.dtype[Any]) -> Array:
    """Convolve channel by channel, and add up."""
    rows, columns = checked_axes(channels, filters, how)
    maps = np.zeros((rows.output, columns.output, filters.shape[3]), dtype)
    for number in range(filters.shape[3]):
        for channel in range(filters.shape[2]):
            matrix = filters[:, :, channel, number]
            if not matrix.any():
                continue
            response = convolve(channels[..., channel], matrix, **asdict(how))
            with np.errstate(over="ignore", invalid="ignore"):  # infinite pixels are no mistake
                # No sum is beyond the bound, so the narrow type holds each.
                np.add(maps[..., number], response, out=maps[..., number], casting="same_kind")
    return maps


def orientation_bank(text: str) -> Bank:
    """Read ``NAME:COUNT``, as in ``gabor:8``: a filter turned through 180 degrees in so many steps.

    Raises
    ------
    FilterError
        There is no such filter, it cannot be turned, or the count is none.

    Examples
    --------
    >>> bank = orientation_bank("sobel:4")
    >>> bank.taps.shape, bank.map_names
    ((3, 3, 1, 4), ('0°', '45°', '90°', '135°'))
    """
    name, _, rest = text.strip().partition(":")
    count, _, others = rest.partition(",")
    if any(part.strip().partition("=")[0] == "angle" for part in others.split(",")):
        raise FilterError(text[:100], "is turned through all angles; leave angle out")
    if not count.strip().isdecimal() or len(count) > 9 or not 1 <= int(count) <= MOST_FILTERS:
        what = text[:100].strip() or "--bank ''"
        raise FilterError(what, f"must be a filter and a count up to {MOST_FILTERS}, as in gabor:8")
    named = f"{name}:{others}" if others else name
    taps = named_filter(named, angle=0).kernels[0].size * int(count)
    if taps > MAX_TAPS:
        raise FilterError(text[:100], f"has {taps} taps; at most {MAX_TAPS} are taken")
    angles = tuple(180 * number / int(count) for number in range(int(count)))
    turned = [named_filter(named, angle=angle) for angle in angles]
    return Bank(f"{name}-{count}", np.stack([one.kernels[0] for one in turned], axis=-1)[:, :, None], angles)

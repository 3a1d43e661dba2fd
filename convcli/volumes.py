"""Filters that span all channels: a volume of taps gives one feature map, a bank of volumes one map each."""

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
    """Filters that each read all channels of an image.

    Attributes
    ----------
    name : str
    taps : array (f_h, f_w, C) or (f_h, f_w, C, F)
        C is 1 if the same taps apply to each channel.
    angles : tuple of float
        The angle of each map in degrees, if the filters are rotated copies of one; else empty.
    """

    name: str
    taps: Array
    angles: tuple[float, ...] = ()

    @property
    def count(self) -> int:
        """Number of feature maps."""
        return self.taps.shape[3] if self.taps.ndim == 4 else 1

    @property
    def map_names(self) -> tuple[str, ...]:
        """The names of its maps: their angles if there are any, else their numbers."""
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
    """Convolve an image with volumes of taps, and sum over its channels.

    Parameters
    ----------
    image : array (H, W) or (H, W, C)
    taps : array (f_h, f_w, C) or (f_h, f_w, C, F)
    stride, padding, border, dilation, flip, jobs : as for `convolve`

    Returns
    -------
    array (H', W') or (H', W', F)
        For integers exact, in the narrowest of int16, int32 and int64 that holds every possible sum. For
        floats with the error of `conv_forward` or, for few filters, C times that of `convolve`.

    Raises
    ------
    ImageError, KernelError
        The image or the taps are invalid, or a result could overflow int64.
    SizeError
        The depth of the taps differs from that of the image, or a filter does not fit the image.

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
    """Return the dtype in which a layer computes correctly and faster than map by map; None if there is none.

    A layer copies patches once for all maps, but multiplies zero taps by values that are not finite.
    """
    f_h, f_w, depth, count = filters.shape
    if 2 * count <= math.sqrt(f_h * f_w):  # measured: copying large patches does not pay for few maps
        return None
    from convcli.winograd import FEWEST_CHANNELS  # late, as the layer below: single kernels need neither

    by_definition = depth < FEWEST_CHANNELS  # deeper float32 layers may use Winograd's algorithm
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
    """Convolve with all filters at once, as a layer on a mini-batch of one image with its border filled."""
    from convcli.layers import conv_forward

    rows, columns = checked_axes(channels, filters, how)
    border = parse_border(how.border)
    sides = (axis.before + axis.side + axis.after for axis in (rows, columns))
    padded: Array = np.empty((1, *sides, filters.shape[2]), dtype)
    down, across = (border_sources(axis, border.kind) for axis in (rows, columns))
    with np.errstate(over="ignore"):  # a border value beyond float32 becomes infinite
        fill(padded[0], channels, down, across, columns, border)
    taps = how.turned(filters).astype(dtype)
    maps: Array = conv_forward(padded, taps, stride=how.stride, dilation=how.dilation, jobs=how.jobs)[0]
    return maps


def _by_maps(channels: Array, filters: Array, how: Settings, dtype: np.dtype[Any]) -> Array:
    """Convolve channel by channel, and sum."""
    rows, columns = checked_axes(channels, filters, how)
    maps = np.zeros((rows.output, columns.output, filters.shape[3]), dtype)
    for number in range(filters.shape[3]):
        for channel in range(filters.shape[2]):
            matrix = filters[:, :, channel, number]
            if not matrix.any():
                continue
            response = convolve(channels[..., channel], matrix, **asdict(how))
            with np.errstate(over="ignore", invalid="ignore"):  # the image may hold infinity
                # Every sum is within the bound, so the narrow dtype holds it.
                np.add(maps[..., number], response, out=maps[..., number], casting="same_kind")
    return maps


def orientation_bank(text: str) -> Bank:
    """Read ``NAME:COUNT``, as in ``gabor:8``: a bank of COUNT rotated copies of a filter, over 180 degrees.

    Raises
    ------
    FilterError
        No filter has this name, it cannot be rotated, or the count is invalid.

    Examples
    --------
    >>> bank = orientation_bank("sobel:4")
    >>> bank.taps.shape, bank.map_names
    ((3, 3, 1, 4), ('0°', '45°', '90°', '135°'))
    """
    name, _, rest = text.strip().partition(":")
    count, _, others = rest.partition(",")
    if any(part.strip().partition("=")[0] == "angle" for part in others.split(",")):
        raise FilterError(text[:100], "is rotated through all angles; leave out angle")
    if not count.strip().isdecimal() or len(count) > 9 or not 1 <= int(count) <= MOST_FILTERS:
        what = text[:100].strip() or "--bank ''"
        raise FilterError(what, f"must be a filter and a count up to {MOST_FILTERS}, as in gabor:8")
    named = f"{name}:{others}" if others else name
    taps = named_filter(named, angle=0).kernels[0].size * int(count)
    if taps > MAX_TAPS:
        raise FilterError(text[:100], f"has {taps} taps; the limit is {MAX_TAPS}")
    angles = tuple(180 * number / int(count) for number in range(int(count)))
    turned = [named_filter(named, angle=angle) for angle in angles]
    return Bank(f"{name}-{count}", np.stack([one.kernels[0] for one in turned], axis=-1)[:, :, None], angles)

"""Convolution over volumes: filters as deep as the image, one map per filter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.convolution.algorithms.strategy import EXACT_IN_FLOAT32
from convcli.convolution.borders import Border, BorderKind, border_sources, fill_strip, parse_border
from convcli.convolution.engine import convolve
from convcli.convolution.parts.operation import part_settings
from convcli.convolution.parts.sources import is_in_memory
from convcli.convolution.planning import (
    ConvolutionSettings,
    ImageKind,
    checked_axes,
    kernel_norm,
    largest_result,
    result_type,
)
from convcli.errors import SizeError
from convcli.kernels.filter import kernel_array
from convcli.pictures.arrays import fill_array, image_array
from convcli.sizes.per_axis import Padding, Pair
from convcli.sizes.text import counted, format_size
from convcli.sizes.windowed import Axis

if TYPE_CHECKING:
    from typing import Unpack

    from convcli.convolution.planning import WindowKeywords

__all__ = ["convolve_volume"]

Array = NDArray[Any]


@overload
def convolve_volume(
    image: NDArray[Any] | Sequence[Any],
    taps: ArrayLike,
    *,
    out: Array | None = None,
    **settings: Unpack[WindowKeywords],
) -> Array: ...
@overload
def convolve_volume(
    image: Any, taps: ArrayLike, *, out: Any = None, **settings: Unpack[WindowKeywords]
) -> Any: ...
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
    out: Any = None,
) -> Any:
    """Convolve an image with volumes of filter coefficients, and sum over its channels.

    Parameters
    ----------
    image : array (H, W) or (H, W, C)
        Also stored, lazy or labeled, as for `convolve`.
    taps : array (f_h, f_w, C) or (f_h, f_w, C, F)
        The coefficients of one filter, or of F filters.
    stride, padding, border, dilation, flip, jobs, out : as for `convolve`

    Returns
    -------
    array (H', W') or (H', W', F)
        For integers exact, in the narrowest of int16, int32 and int64 that holds every possible sum. For
        floats with the error of `conv_forward` or, for few filters, C times that of `convolve`.

    Raises
    ------
    ImageError, KernelError
        The image or the coefficients are invalid, or a result could overflow int64.
    SizeError
        The depth of the filter differs from that of the image, or a filter does not fit the image.

    Source: A. Ng, Convolutional Neural Networks, 2017, convolutions over volumes.

    Examples
    --------
    >>> import numpy as np
    >>> import convcli
    >>> image = np.arange(12).reshape(2, 2, 3)
    >>> convcli.convolve_volume(image, [[[1, 1, 1]]]).tolist()
    [[3, 12], [21, 30]]
    >>> convcli.convolve_volume(image, np.eye(3, dtype=int).reshape(1, 1, 3, 3)).shape
    (2, 2, 3)
    """
    settings = ConvolutionSettings(stride, padding, border, dilation, flip, jobs)
    plan = partial(_VolumeConvolution.of, kernel_array(taps, axes=4), settings)
    if not is_in_memory(image, out):
        from convcli.convolution.parts.running import run_in_parts  # late: most calls do not need it

        apply = partial(convolve_volume, taps=taps, **settings._asdict())
        return run_in_parts(image, out, plan=plan, apply=apply, jobs=jobs)
    pixels = image_array(image)
    operation = plan(ImageKind.of(pixels))
    maps = operation.compute(pixels, settings)
    if out is None:
        return maps
    return fill_array(partial(np.copyto, src=maps), maps.shape, maps.dtype, out, source=pixels)


@dataclass(frozen=True, eq=False)
class _VolumeConvolution:
    """A convolution over volumes that is planned, and computed as a whole or part by part, as an `Operation`.

    `volume` has the axes (f_h, f_w, C, F) or (f_h, f_w, C).
    """

    kind: ImageKind
    rows: Axis
    columns: Axis
    border: BorderKind
    dtype: np.dtype[Any]
    volume: Array
    settings: ConvolutionSettings
    name: str = "convolve-volume"
    joins_channels: bool = True
    counts_padding: bool = True

    @classmethod
    def of(cls, volume: Array, settings: ConvolutionSettings, kind: ImageKind) -> _VolumeConvolution:
        """Plan the convolution of an image of a kind."""
        depth = math.prod(kind.shape[2:])
        if volume.ndim < 3 or volume.shape[2] != depth:
            wanted = f"(f_h, f_w, {depth}) or (f_h, f_w, {depth}, F)"
            raise SizeError(
                f"taps {format_size(volume.shape)}",
                f"must be {wanted} for an image of {counted(depth, 'channel')}",
            )
        rows, columns = checked_axes(kind.shape, volume.shape[:2], settings)
        border = parse_border(settings.border)
        dtype = result_type(kind.dtype, _bound(kind, volume, border))
        if kind.unbounded and dtype.startswith("int"):
            dtype = "int64"
        return cls(kind, rows, columns, border.kind, np.dtype(dtype), volume, settings)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result."""
        return (self.rows.output, self.columns.output, *self.volume.shape[3:])

    def run(self, block: Array, rows: Axis, columns: Axis, jobs: int | None) -> Array:
        """Return the result for a block, see `Operation`."""
        return self.compute(block, part_settings(self.settings, rows, columns, jobs))

    def compute(self, pixels: Array, settings: ConvolutionSettings) -> Array:
        """Convolve a whole image, or a block."""
        kind = ImageKind.of(pixels) if self.kind.unbounded else self.kind
        filters = self.volume if self.volume.ndim == 4 else self.volume[..., None]
        bound = _bound(kind, filters, parse_border(self.settings.border))
        dtype = np.dtype(result_type(kind.dtype, bound))
        channels = pixels.reshape(*pixels.shape[:2], filters.shape[2])
        sums = _layer_dtype(channels, filters, dtype, bound)
        if sums is None:
            maps = _map_by_map(channels, filters, settings, dtype)
        else:
            maps = _as_layer(channels, filters, settings, sums).astype(dtype, copy=False)
        return maps if self.volume.ndim == 4 else maps[..., 0]


def _bound(kind: ImageKind, volume: Array, border: Border) -> int | None:
    """Return the largest possible absolute value of an integer result; None for floats."""
    filters = volume if volume.ndim == 4 else volume[..., None]
    return largest_result(kind.largest, map(kernel_norm, np.moveaxis(filters, 3, 0)), border)


def _layer_dtype(
    channels: Array, filters: Array, dtype: np.dtype[Any], bound: int | None
) -> np.dtype[Any] | None:
    """Return the dtype in which a layer computes correctly and faster than map by map; None if there is none.

    A layer copies patches once for all maps, but multiplies zero taps by values that are not finite.
    """
    f_h, f_w, depth, count = filters.shape
    if 2 * count <= math.sqrt(f_h * f_w):  # measured: copying large patches does not pay for few maps
        return None
    from convcli.layers.winograd import MIN_CHANNELS  # late, as the layer below: single kernels need neither

    below_winograd = depth < MIN_CHANNELS  # deeper float32 layers may use Winograd's algorithm
    if bound is not None:
        exact_in_float32 = bound < EXACT_IN_FLOAT32 and below_winograd
        return np.dtype(np.float32 if exact_in_float32 else np.float64) if bound < 1 << 53 else None
    with np.errstate(over="ignore", invalid="ignore"):
        finite = math.isfinite(channels.sum(dtype=np.float64))
        fits = bool(np.isfinite(np.abs(filters).sum((0, 1, 2)).astype(dtype)).all())
    if not (finite and fits):
        return None
    return dtype if below_winograd else np.dtype(np.float64)


def _as_layer(channels: Array, filters: Array, settings: ConvolutionSettings, dtype: np.dtype[Any]) -> Array:
    """Convolve with all filters at once, as a layer on a mini-batch of one image with its border filled."""
    from convcli.layers.convolution_layer import conv_forward

    rows, columns = checked_axes(channels.shape, (filters.shape[0], filters.shape[1]), settings)
    border = parse_border(settings.border)
    padded_size = (axis.before + axis.side + axis.after for axis in (rows, columns))
    padded: Array = np.empty((1, *padded_size, filters.shape[2]), dtype)
    down, across = (border_sources(axis, border.kind) for axis in (rows, columns))
    with np.errstate(over="ignore"):  # a border value beyond float32 becomes infinite
        fill_strip(padded[0], channels, down, across, columns, border)
    taps = settings.apply_flip(filters).astype(dtype)
    maps: Array = conv_forward(
        padded, taps, stride=settings.stride, dilation=settings.dilation, jobs=settings.jobs
    )[0]
    return maps


def _map_by_map(
    channels: Array, filters: Array, settings: ConvolutionSettings, dtype: np.dtype[Any]
) -> Array:
    """Convolve channel by channel, and sum."""
    rows, columns = checked_axes(channels.shape, (filters.shape[0], filters.shape[1]), settings)
    maps = np.zeros((rows.output, columns.output, filters.shape[3]), dtype)
    for number in range(filters.shape[3]):
        for channel in range(filters.shape[2]):
            matrix = filters[:, :, channel, number]
            if not matrix.any():
                continue
            response = convolve(channels[..., channel], matrix, **settings._asdict())
            with np.errstate(over="ignore", invalid="ignore"):  # the image may hold infinity
                # Every sum is within the bound, so the narrow dtype holds it.
                np.add(maps[..., number], response, out=maps[..., number], casting="same_kind")
    return maps

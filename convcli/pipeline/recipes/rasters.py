"""What recipes do to rasters without numpy: select channels, keep alpha, look at the range of pixels."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING, Any

from convcli.compiled.engine import is_compiled
from convcli.convolution.fused import filter_pixels
from convcli.convolution.planning import WindowKeywords
from convcli.kernels.filter import Filter
from convcli.pictures.channels import REC_601, Channels
from convcli.pictures.picture import Picture
from convcli.pictures.raster import Raster
from convcli.pipeline.recipes.window import SlidingWindow
from convcli.sizes.axes import window_axes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convcli.sizes.windowed import Axis

__all__ = ["center_raster", "pixel_range", "select_raster"]

CHANNEL_SUM, LUMA = (Filter("", ((weights,),), "", "", "") for weights in ((1, 1, 1), REC_601))
"""Add up three channels that lie beside each other."""


def select_raster(picture: Picture, channels: Channels, jobs: int | None = None) -> Raster | None:
    """Return the channels of a picture that are filtered, or None if that takes numpy.

    Sums of 8-bit channels have 16 bits; at most `jobs` threads add them up.

    Examples
    --------
    >>> colors = Raster.packed(bytes([1, 2, 3, 4, 5, 6]), 1, 2, 3)
    >>> green = select_raster(Picture(colors), Channels.G)
    >>> green is None if not is_compiled() else green.samples.tolist() == [[2, 5]]
    True
    """
    raster = picture.raster
    if raster is None or not is_compiled():
        return None
    if channels == Channels.EACH or (raster.channels is None and channels in (Channels.SUM, Channels.GRAY)):
        return raster
    if channels == Channels.DEPTHWISE or raster.channels != 3:
        return None
    height, width, distance = raster.samples.shape or ()
    if channels in (Channels.R, Channels.G, Channels.B):
        plane = _flat(raster)["rgb".index(channels) :: distance].tobytes()
        return Raster.packed(plane, height, width, depth=raster.depth)
    if channels == Channels.SUM and raster.depth > 8:
        return None
    row = Raster.packed(raster.samples, height, width * distance, depth=raster.depth)
    window: WindowKeywords = {"stride": (1, distance), "padding": "valid", "jobs": jobs}
    if channels == Channels.SUM:
        joined = filter_pixels(row, CHANNEL_SUM, "clip", depth=16, **window)
    else:  # the bias rounds halves up
        joined = filter_pixels(row, LUMA, "clip", scale=2**-16, bias=2**-18, depth=raster.depth, **window)
    selected: Raster = joined.pixels
    return selected


def center_raster(raster: Raster, window: SlidingWindow, size: tuple[int, int]) -> Raster:
    """Return the samples of a raster (H, W) that a kernel is centered on, as `center_pixels` does for arrays.

    Examples
    --------
    >>> from convcli.sizes.text import NamedPadding
    >>> window = SlidingWindow(NamedPadding.SAME, "edge", (1, 2), (1, 1), False, None)
    >>> center_raster(Raster.packed(bytes([1, 2, 3, 4]), 1, 4), window, (1, 3)).array().tolist()
    [[2, 4]]
    """
    height, width = raster.shape
    rows, columns = (
        axis.with_bounded_steps()
        for axis in window_axes(
            (height, width), size, padding=window.padding, stride=window.stride, dilation=window.dilation
        )
    )
    if (_centers(rows), _centers(columns)) == (range(height), range(width)):
        return raster
    samples = _flat(raster)
    lines = (samples[row * width : (row + 1) * width] for row in _clipped(rows))
    content = b"".join(_line_centers(line, columns) for line in lines)
    return Raster.packed(content, rows.output, columns.output, depth=raster.depth)


def _centers(axis: Axis) -> range:
    """Return the positions of the centers of the windows, which may lie in the padding."""
    first = (axis.extent - 1) // 2 - axis.before
    return range(first, first + axis.output * axis.stride, axis.stride)


def _clipped(axis: Axis) -> Iterator[int]:
    return (min(max(center, 0), axis.side - 1) for center in _centers(axis))


def _line_centers(line: memoryview, axis: Axis) -> bytes:
    """Return the samples of a line at the centers; those in the padding take the nearest sample."""
    centers = _centers(axis)
    before = len(range(centers.start, min(centers.stop, 0), centers.step))
    inside = len(range(centers.start, min(centers.stop, axis.side), centers.step)) - before
    first = centers.start + before * centers.step
    return (
        line[:1].tobytes() * before
        + line[first : first + inside * centers.step : centers.step].tobytes()
        + line[-1:].tobytes() * (len(centers) - before - inside)
    )


def pixel_range(pixels: NDArray[Any] | Raster, rows: int | None = None) -> tuple[int, int]:
    """Return the smallest and the largest value of pixels, or of about so many rows of them.

    Examples
    --------
    >>> pixel_range(Raster.packed(bytes([1, 2, 3, 4, 5, 6, 7, 8]), 4, 1, 2).with_channels(1), rows=2)
    (1, 5)
    """
    step = 1 if rows is None else max(1, pixels.shape[0] // rows)
    if not isinstance(pixels, Raster) or not is_compiled():
        array = (pixels.array() if isinstance(pixels, Raster) else pixels)[::step]
        return int(array.min()), int(array.max())
    from convcli.compiled import core  # late: it may not be installed

    channels = pixels.channels or 1
    if step == 1:
        return core.measure(pixels.samples, channels)[:2]
    samples = _flat(pixels)
    height, *row_shape = pixels.samples.shape or ()
    size = prod(row_shape)
    measured = [
        core.measure(_as_image(samples[row * size : (row + 1) * size], row_shape), channels)
        for row in range(0, height, step)
    ]
    return min(low for low, _, _ in measured), max(high for _, high, _ in measured)


def _flat(raster: Raster) -> memoryview:
    """Return the samples along one axis."""
    plain = raster.samples.cast("B")
    return plain.cast("H") if raster.depth == 16 else plain


def _as_image(samples: memoryview, row_shape: list[int]) -> memoryview:
    return samples.cast("B").cast("H" if samples.itemsize == 2 else "B", (1, *row_shape))

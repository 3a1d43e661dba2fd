"""Explaining one value of a result: the patch, the kernel, their products, and the sum."""

from typing import Any, NamedTuple, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.convolution.borders import border_sources, parse_border
from convcli.convolution.planning import ConvolutionSettings, WindowKeywords, checked_axes
from convcli.errors import SizeError
from convcli.kernels.filter import Filter, kernel_array
from convcli.pictures.arrays import image_array
from convcli.sizes.axes import check_position, window_axes
from convcli.sizes.text import format_size

__all__ = ["ExplainedResult", "WeightedSum", "explain_value"]

Array = NDArray[Any]


class WeightedSum(NamedTuple):
    """How one output pixel is computed.

    Attributes
    ----------
    rows, columns : arrays of int
        The image row and column that each tap reads; -1 stands for the border's value.
    patch, taps, products : arrays (f_h, f_w)
        The values that the taps read, the taps as applied, and the products of both.
    padded : array (f_h, f_w)
        True where a tap reads padding.
    """

    rows: Array
    columns: Array
    patch: Array
    taps: Array
    products: Array
    padded: Array

    @property
    def total(self) -> int | float:
        """The sum of the products, exact for integers."""
        with np.errstate(over="ignore", invalid="ignore"):
            total: int | float = self.products.sum()  # an object array is summed by Python
        return total if self.products.dtype == object else float(total)


def explain_value(
    image: ArrayLike, kernel: ArrayLike, at: tuple[int, int], **window: Unpack[WindowKeywords]
) -> WeightedSum:
    """Explain one value of the result of `convolve`.

    Parameters
    ----------
    image : array (H, W)
    kernel : array (f_h, f_w)
    at : (row, column)
        Position in the result, counted from 0.
    **window
        Keywords, as for `convolve`.

    Raises
    ------
    ImageError, KernelError, SizeError, UsageError
        As `convolve` does; also if the result has no such pixel.

    Examples
    --------
    >>> cell = explain_value([[10, 10, 0, 0]] * 3, [[1, 0, -1]] * 3, (0, 0), padding="valid")
    >>> cell.products.tolist(), cell.total
    ([[10, 0, 0], [10, 0, 0], [10, 0, 0]], 30)
    """
    pixels = image_array(image)
    if pixels.ndim != 2:
        raise SizeError(f"image {format_size(pixels.shape)}", "must have a single channel")
    settings = ConvolutionSettings(**window)
    taps = settings.apply_flip(kernel_array(kernel))
    edge = parse_border(settings.border)
    axes = checked_axes(pixels.shape, (taps.shape[0], taps.shape[1]), settings)
    check_position(*axes, at)
    sources, outside = [], []
    for position, axis in zip(at, axes, strict=True):
        padded_positions = position * axis.stride + axis.dilation * np.arange(axis.window)
        sources.append(border_sources(axis, edge.kind)[padded_positions])
        outside.append((padded_positions < axis.before) | (padded_positions >= axis.before + axis.side))
    rows, columns = sources
    patch = pixels[rows[:, None], columns]
    patch = np.where((rows[:, None] < 0) | (columns < 0), edge.value, patch)
    exact = patch.dtype.kind in "iu" and taps.dtype.kind in "iu"
    with np.errstate(over="ignore", invalid="ignore"):  # the image may hold infinity
        products = patch.astype(object) * taps.astype(object) if exact else patch.astype(np.float64) * taps
    return WeightedSum(rows, columns, patch, taps, products, outside[0][:, None] | outside[1])


class ExplainedResult:
    """The values of a result, and the pixels and taps that they are computed from.

    Parameters
    ----------
    image : array (H, W)
    filter : Filter
    result : array
        The result of `apply_filter` with the same keywords.
    **window
        Keywords, as for `convolve`.

    Attributes
    ----------
    filter : Filter
    border : Border
    flip : bool
    taps : tuple of arrays
        The taps of each kernel, as applied.
    rows, columns : Axis

    Examples
    --------
    >>> from convcli.convolution.engine import apply_filter
    >>> from convcli.kernels.lookup import get_filter
    >>> one, edge = get_filter("vertical"), np.array([[10, 10, 0, 0]] * 3)
    >>> explained = ExplainedResult(edge, one, apply_filter(edge, one))
    >>> explained.value(-1, 0), explained.result(1, 2), explained.weighted_sums(1, 2)[0].total
    (10, 30, 30)
    """

    def __init__(
        self, image: ArrayLike, filter: Filter, result: Array, **window: Unpack[WindowKeywords]
    ) -> None:
        self._window, settings = window, ConvolutionSettings(**window)
        self._pixels, self._result = image_array(image), result
        self.filter, self.border, self.flip = filter, parse_border(settings.border), settings.flip
        self.taps = tuple(settings.apply_flip(kernel_array(kernel)) for kernel in filter.kernels)
        self.rows, self.columns = window_axes(
            (self._pixels.shape[0], self._pixels.shape[1]),
            (self.taps[0].shape[0], self.taps[0].shape[1]),
            stride=settings.stride,
            padding=settings.padding,
            dilation=settings.dilation,
        )
        self._sources = tuple(border_sources(axis, self.border.kind) for axis in (self.rows, self.columns))

    def value(self, row: int, column: int) -> int | float:
        """Return the value at a position of the image, or of the padding outside it."""
        positions = row + self.rows.before, column + self.columns.before
        source = tuple(sources[position] for sources, position in zip(self._sources, positions, strict=True))
        number: int | float = self.border.value if -1 in source else self._pixels[source].item()
        return number

    def result(self, row: int, column: int) -> int | float:
        """Return one value of the result."""
        number: int | float = self._result[row, column].item()
        return number

    def weighted_sums(self, row: int, column: int) -> tuple[WeightedSum, ...]:
        """Explain one value of the result: one cell per kernel."""
        return tuple(
            explain_value(self._pixels, kernel, (row, column), **self._window)
            for kernel in self.filter.kernels
        )

"""Explaining one value of a result: the patch, the kernel, their products, and the sum."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.convolution.borders import Border, border_sources, parse_border
from convcli.convolution.planning import ConvolutionSettings, WindowKeywords, checked_axes
from convcli.errors import SizeError
from convcli.kernels.filter import Combination, Filter, kernel_array
from convcli.pictures.arrays import image_array
from convcli.sizes.axes import check_position, window_axes
from convcli.sizes.text import format_size
from convcli.sizes.windowed import Axis

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
    products[taps == 0] = 0  # as `convolve` has it: zero times infinity is not added
    return WeightedSum(rows, columns, patch, taps, products, outside[0][:, None] | outside[1])


@dataclass(frozen=True, kw_only=True, eq=False)
class ExplainedResult:
    """A result, and the pixels and coefficients that its values are computed from.

    Attributes
    ----------
    name : str
        The name of the filter.
    planes : tuple of arrays (H, W)
        The channels that the filter reads: one, or as many as a volume is deep.
    plane_names : tuple of str
    kernels : tuple of arrays (f_h, f_w)
        The kernels of a filter, or the slices of a volume: one per channel.
    combination : Combination
        How the sums of several kernels are combined; those of the slices of a volume are added up.
    bias : int or float
        Added to the sum.
    relu : bool
        Whether negative values become 0, after the bias.
    result : array (H', W')
        The values, with bias and ReLU.
    settings : ConvolutionSettings
        How the window slides.

    Examples
    --------
    >>> from convcli.convolution.engine import apply_filter
    >>> from convcli.kernels.lookup import get_filter
    >>> vertical, edge = get_filter("vertical"), np.array([[10, 10, 0, 0]] * 3)
    >>> explained = ExplainedResult.of_filter(edge, vertical, apply_filter(edge, vertical))
    >>> explained.value(-1, 0), explained.result_at(1, 2), explained.weighted_sums(1, 2)[0].total
    (10, 30, 30)
    """

    name: str
    planes: tuple[Array, ...]
    plane_names: tuple[str, ...] = ("",)
    kernels: tuple[Array, ...]
    combination: Combination = Combination.SINGLE
    bias: int | float = 0
    relu: bool = False
    result: Array
    settings: ConvolutionSettings

    @classmethod
    def of_filter(
        cls, image: ArrayLike, filter: Filter, result: Array, **window: Unpack[WindowKeywords]
    ) -> "ExplainedResult":
        """Explain what `apply_filter` returns for an image of one channel."""
        return cls(
            name=filter.name,
            planes=(image_array(image),),
            kernels=filter.kernels,
            combination=filter.combination,
            result=result,
            settings=ConvolutionSettings(**window),
        )

    @property
    def depth(self) -> int:
        """The number of channels that the filter reads."""
        return len(self.planes)

    @property
    def is_volume(self) -> bool:
        """Whether the filter has a slice for each of several channels."""
        return self.depth > 1

    @cached_property
    def taps(self) -> tuple[Array, ...]:
        """The taps of each kernel or slice, as applied."""
        return tuple(self.settings.apply_flip(kernel_array(kernel)) for kernel in self.kernels)

    @cached_property
    def border(self) -> Border:
        """What fills the padding."""
        return parse_border(self.settings.border)

    @cached_property
    def axes(self) -> tuple[Axis, Axis]:
        """How the window slides: down and across."""
        height, width = self.planes[0].shape
        rows, columns = window_axes(
            (height, width),
            (self.kernels[0].shape[0], self.kernels[0].shape[1]),
            stride=self.settings.stride,
            padding=self.settings.padding,
            dilation=self.settings.dilation,
        )
        return rows, columns

    @cached_property
    def _sources(self) -> tuple[Array, ...]:
        return tuple(border_sources(axis, self.border.kind) for axis in self.axes)

    def value(self, row: int, column: int, plane: int = 0) -> int | float:
        """Return the value at a position of the image, or of the padding outside it."""
        positions = (position + axis.before for position, axis in zip((row, column), self.axes, strict=True))
        source = tuple(sources[position] for sources, position in zip(self._sources, positions, strict=True))
        number: int | float = self.border.value if -1 in source else self.planes[plane][source].item()
        return number

    def result_at(self, row: int, column: int) -> int | float:
        """Return one value of the result."""
        number: int | float = self.result[row, column].item()
        return number

    def weighted_sums(self, row: int, column: int) -> tuple[WeightedSum, ...]:
        """Explain one value of the result: a sum per kernel, or per slice of a volume."""
        planes = self.planes if self.is_volume else self.planes * len(self.kernels)
        window = self.settings._asdict()
        return tuple(
            explain_value(plane, kernel, (row, column), **window)
            for plane, kernel in zip(planes, self.kernels, strict=True)
        )

    def combined(self, row: int, column: int) -> int | float:
        """Return what bias and ReLU are applied to: the sum, or what the kernels' sums combine to."""
        if not (self.bias or self.relu or self.is_volume):  # alpha may weight the result of a volume
            return self.result_at(row, column)
        totals = [weighted_sum.total for weighted_sum in self.weighted_sums(row, column)]
        match self.combination:
            case Combination.SINGLE:
                return sum(totals)
            case Combination.MAGNITUDE:
                return math.hypot(*totals)
            case Combination.STRONGEST:
                return max(totals)
            case Combination.ABSOLUTE_SUM:
                return sum(map(abs, totals))
            case Combination.ABSOLUTE_MAXIMUM:
                return max(map(abs, totals))

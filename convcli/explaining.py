"""One number of a result, taken apart: the patch, the kernel, their products, the sum."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.arrays import image_array
from convcli.borders import border_sources, parse_border
from convcli.convolve import Settings, checked_axes
from convcli.errors import SizeError
from convcli.kernels import Filter, kernel_array
from convcli.size_texts import format_size
from convcli.sizes import Padding, Pair, window_axes
from convcli.windows import check_position

__all__ = ["Cell", "Explained", "explain_cell"]

Array = NDArray[Any]


class Cell(NamedTuple):
    """What one output pixel is made of.

    Attributes
    ----------
    rows, columns : arrays of int
        Where the taps look in the image; -1 is the border's value.
    patch, taps, products : arrays (f_h, f_w)
        What they see there, the taps as they are applied, and one times the other.
    padded : array (f_h, f_w)
        True where a tap is on the padding.
    """

    rows: Array
    columns: Array
    patch: Array
    taps: Array
    products: Array
    padded: Array

    @property
    def total(self) -> int | float:
        """The sum of the products, exact for whole numbers."""
        with np.errstate(over="ignore", invalid="ignore"):
            total: int | float = self.products.sum()  # of objects Python's own sum
        return total if self.products.dtype == object else float(total)


def explain_cell(
    image: ArrayLike,
    kernel: ArrayLike,
    at: tuple[int, int],
    *,
    stride: Pair = 1,
    padding: Padding = "same",
    border: str = "edge",
    dilation: Pair = 1,
    flip: bool = False,
) -> Cell:
    """Take one number of `convolve` apart.

    Parameters
    ----------
    image : array (H, W)
    kernel : array (f_h, f_w)
    at : (row, column)
        Of the result, counted from 0.
    stride, padding, border, dilation, flip : as for `convolve`

    Raises
    ------
    ImageError, KernelError, SizeError, UsageError
        As for `convolve`; and the result has no such pixel.

    Examples
    --------
    >>> cell = explain_cell([[10, 10, 0, 0]] * 3, [[1, 0, -1]] * 3, (0, 0), padding="valid")
    >>> cell.products.tolist(), cell.total
    ([[10, 0, 0], [10, 0, 0], [10, 0, 0]], 30)
    """
    pixels = image_array(image)
    if pixels.ndim != 2:
        raise SizeError(f"image {format_size(pixels.shape)}", "must have a single channel")
    how = Settings(stride, padding, border, dilation, flip, None)
    taps = how.turned(kernel_array(kernel))
    edge = parse_border(border)
    axes = checked_axes(pixels, taps, how)
    check_position(*axes, at)
    sources, outside = [], []
    for place, axis in zip(at, axes, strict=True):
        seen = place * axis.stride + axis.dilation * np.arange(axis.window)  # of the padded axis
        sources.append(border_sources(axis, edge.kind)[seen])
        outside.append((seen < axis.before) | (seen >= axis.before + axis.side))
    rows, columns = sources
    patch = pixels[rows[:, None], columns]
    patch = np.where((rows[:, None] < 0) | (columns < 0), edge.value, patch)
    whole = patch.dtype.kind in "iu" and taps.dtype.kind in "iu"
    with np.errstate(over="ignore", invalid="ignore"):  # infinite pixels are no mistake
        products = patch.astype(object) * taps.astype(object) if whole else patch.astype(np.float64) * taps
    return Cell(rows, columns, patch, taps, products, outside[0][:, None] | outside[1])


class Explained:
    """The numbers of a result, and those that they come from.

    Parameters
    ----------
    image : array (H, W)
    filter : Filter
    result : array
        What `apply_filter` makes of them with the same options.
    stride, padding, border, dilation, flip : as for `convolve`

    Attributes
    ----------
    filter : Filter
    border : Border
    flip : bool
    taps : tuple of arrays
        Of each kernel, as they are applied.
    rows, columns : Axis

    Examples
    --------
    >>> from convcli.convolve import apply_filter
    >>> from convcli.kernels import named_filter
    >>> one, edge = named_filter("vertical"), np.array([[10, 10, 0, 0]] * 3)
    >>> explained = Explained(edge, one, apply_filter(edge, one))
    >>> explained.value(-1, 0), explained.result(1, 2), explained.cells(1, 2)[0].total
    (10, 30, 30)
    """

    def __init__(
        self,
        image: ArrayLike,
        filter: Filter,
        result: Array,
        *,
        stride: Pair = 1,
        padding: Padding = "same",
        border: str = "edge",
        dilation: Pair = 1,
        flip: bool = False,
    ) -> None:
        self._how: dict[str, Any] = {
            "stride": stride, "padding": padding, "border": border, "dilation": dilation, "flip": flip,
        }  # fmt: skip
        self._pixels, self._result = image_array(image), result
        turned = Settings(jobs=None, **self._how).turned
        self.filter, self.border, self.flip = filter, parse_border(border), flip
        self.taps = tuple(turned(kernel_array(kernel)) for kernel in filter.kernels)
        self.rows, self.columns = window_axes(
            (self._pixels.shape[0], self._pixels.shape[1]),
            (self.taps[0].shape[0], self.taps[0].shape[1]),
            stride=stride,
            padding=padding,
            dilation=dilation,
        )
        self._sources = tuple(border_sources(axis, self.border.kind) for axis in (self.rows, self.columns))

    def value(self, row: int, column: int) -> int | float:
        """Return the number at a place of the image, or of the padding: below 0, or from its sides on."""
        places = row + self.rows.before, column + self.columns.before
        source = tuple(sources[place] for sources, place in zip(self._sources, places, strict=True))
        number: int | float = self.border.value if -1 in source else self._pixels[source].item()
        return number

    def result(self, row: int, column: int) -> int | float:
        """Return a number of the result."""
        number: int | float = self._result[row, column].item()
        return number

    def cells(self, row: int, column: int) -> tuple[Cell, ...]:
        """Take a number of the result apart, a cell for each kernel."""
        return tuple(
            explain_cell(self._pixels, kernel, (row, column), **self._how) for kernel in self.filter.kernels
        )

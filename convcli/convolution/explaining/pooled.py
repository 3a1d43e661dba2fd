"""Explaining pooling: the window of an output, and which of its values won, or their mean."""

from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

from numpy.typing import ArrayLike, NDArray

from convcli.convolution.pooling import PoolMode, pool
from convcli.errors import SizeError, parse_choice
from convcli.pictures.arrays import image_array
from convcli.sizes.axes import pooling_axes
from convcli.sizes.per_axis import Padding, Pair
from convcli.sizes.text import format_size
from convcli.sizes.windowed import Axis

__all__ = ["ExplainedPooling", "PooledWindow", "explain_pooling"]

Array = NDArray[Any]
Place = tuple[int, int]


class PooledWindow(NamedTuple):
    """The window of one output of a pooling layer.

    Attributes
    ----------
    rows, columns : range
        The positions of the image that it covers; those outside the image are padding.
    values : tuple of tuples
        Its values in rows; None on the padding, which does not count.
    winners : tuple of (row, column)
        Where in the image the largest value is; several places if it is there several times. Empty for a
        mean.
    """

    rows: range
    columns: range
    values: tuple[tuple[int | float | None, ...], ...]
    winners: tuple[Place, ...]

    @property
    def counted(self) -> list[int | float]:
        """The values that count, row by row: those not on the padding."""
        return [value for row in self.values for value in row if value is not None]


@dataclass(frozen=True, kw_only=True, eq=False)
class ExplainedPooling:
    """The result of pooling one channel, and the values that it is computed from.

    Attributes
    ----------
    mode : PoolMode
    plane : array (H, W)
    result : array (H', W')
        Largest values, or exact means.
    axes : (Axis, Axis)
        How the window slides: down and across.

    Examples
    --------
    >>> explained = explain_pooling([[1, 3, 2, 1], [2, 9, 1, 1]], mode="max")
    >>> explained.window(0, 0).winners, explained.result_at(0, 0)
    (((1, 1),), 9)
    """

    mode: PoolMode
    plane: Array
    result: Array
    axes: tuple[Axis, Axis]

    @property
    def name(self) -> str:
        """The name of the operation."""
        return f"{self.mode} pooling"

    def value(self, row: int, column: int) -> int | float | None:
        """Return the value at a position of the image; None on the padding."""
        if not (0 <= row < self.plane.shape[0] and 0 <= column < self.plane.shape[1]):
            return None
        number: int | float = self.plane[row, column].item()
        return number

    def result_at(self, row: int, column: int) -> int | float:
        """Return one value of the result."""
        number: int | float = self.result[row, column].item()
        return number

    def window(self, row: int, column: int) -> PooledWindow:
        """Return the window of one output."""
        rows, columns = (
            axis.positions_read(position) for axis, position in zip(self.axes, (row, column), strict=True)
        )
        values = tuple(tuple(self.value(down, across) for across in columns) for down in rows)
        return PooledWindow(rows, columns, values, tuple(self._winners(rows, columns, row, column)))

    def _winners(self, rows: range, columns: range, row: int, column: int) -> list[Place]:
        if self.mode == PoolMode.AVG:
            return []
        largest = self.result_at(row, column)
        has_nan = largest != largest  # then NaN is the result
        return [
            place
            for place in product(rows, columns)
            if (value := self.value(*place)) == largest or (has_nan and value != value)
        ]


def explain_pooling(
    image: ArrayLike,
    *,
    mode: str = "max",
    size: Pair = 2,
    stride: Pair | None = None,
    padding: Padding = 0,
    ceil: bool = False,
) -> ExplainedPooling:
    """Pool one channel, to explain each value of the result.

    Parameters
    ----------
    image : array (H, W)
    mode, size, stride, padding, ceil
        As for `pool`.

    Raises
    ------
    ImageError, SizeError, UsageError
        As `pool` does; also if the image has several channels.

    Examples
    --------
    >>> explained = explain_pooling([[1, 3], [2, 9]], mode="avg")
    >>> explained.window(0, 0).counted, explained.result_at(0, 0)
    ([1, 3, 2, 9], 3.75)
    """
    plane = image_array(image)
    if plane.ndim != 2:
        raise SizeError(f"image {format_size(plane.shape)}", "must have a single channel")
    result = pool(plane, mode=mode, size=size, stride=stride, padding=padding, ceil=ceil)
    rows, columns = pooling_axes(
        (plane.shape[0], plane.shape[1]), size, stride=stride, padding=padding, ceil=ceil
    )
    pool_mode = parse_choice(mode, PoolMode, "mode")
    return ExplainedPooling(mode=pool_mode, plane=plane, result=result, axes=(rows, columns))

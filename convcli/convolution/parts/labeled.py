"""Arrays of xarray: the result keeps names and attributes, and its coordinates follow the windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from convcli.convolution.parts.operation import Operation
from convcli.errors import ImageError
from convcli.late_numpy import np
from convcli.sizes.windowed import Axis

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["apply_labeled"]

LAST_AXES = ("x", "lon", "longitude")  # names of the columns, which are not an image's channels
MAPS = "filter"  # the new dimension of convolve_volume


def apply_labeled(image: Any, operation: Operation, apply: Callable[[Any], Any]) -> Any:
    """Return the result of an operation on a `DataArray` as a `DataArray`.

    A coordinate of rows or columns has, for each output, its value at the center of the window: in the middle
    between two pixels their mean, outside of the image continued by the first or last step. Of pooling, whose
    padding does not count, it is the center of the pixels that count. What is neither a number nor a time is
    taken from the pixel at the center or before it.

    Parameters
    ----------
    image : xarray.DataArray
        Rows, columns and perhaps channels, in this order.
    operation : Operation
    apply : callable
        Returns the result for the array in `image`.

    Raises
    ------
    ImageError
        It is not a `DataArray`, or its dimensions have another order.
    """
    import xarray  # late: most arrays are not xarray's

    if not isinstance(image, xarray.DataArray):
        raise ImageError(f"xarray {type(image).__name__}", "must be a DataArray")
    if image.dims[2:] and image.dims[2] in LAST_AXES:
        channel, rows, columns = map(repr, image.dims)
        order = f"image.transpose({rows}, {columns}, {channel})"
        raise ImageError(
            f"dimensions {image.dims}", f"must be rows, columns, channels; reorder them, as in {order}"
        )
    slid = dict(zip(image.dims, (operation.rows, operation.columns), strict=False))
    channels = image.dims[2:]
    if operation.joins_channels:
        channels = (MAPS,) if len(operation.shape) > 2 else ()
    gone = set(image.dims) - {*slid, *channels}
    changed = {
        name: coordinate for name, coordinate in image.coords.items() if {*slid, *gone} & {*coordinate.dims}
    }
    result = xarray.DataArray(
        apply(image.data),
        dims=(*slid, *channels),
        coords=image.drop_vars(changed).coords,
        name=image.name,
        attrs=image.attrs,
    )
    shifted = {}
    for name, coordinate in changed.items():
        variable = coordinate.variable.to_base_variable()
        if gone & {*variable.dims} or getattr(image.indexes.get(name), "nlevels", 1) > 1:
            continue
        for dimension, axis in slid.items():
            if dimension in variable.dims:
                variable = _at_centers(variable, dimension, axis, operation.counts_padding)
        variable.attrs = coordinate.attrs
        shifted[name] = variable
    return result.assign_coords(shifted)


def _at_centers(variable: Any, dimension: Any, axis: Axis, counts_padding: bool) -> Any:
    """Return the values of a coordinate at the centers of the windows."""
    step = axis.stride if axis.output > 1 else 1
    firsts = np.arange(axis.output) * step - axis.before
    lasts = firsts + (axis.extent - 1)
    if not counts_padding:
        firsts, lasts = np.maximum(firsts, 0), np.minimum(lasts, axis.side - 1)
    twice: NDArray[np.int64] = firsts + lasts  # twice the position, which may be in the middle of two pixels
    is_exact = not (twice % 2).any() and twice[0] >= 0 and twice[-1] <= 2 * (axis.side - 1)
    kind = variable.dtype.kind
    if is_exact and counts_padding:
        return variable.isel({dimension: slice(int(twice[0]) // 2, int(twice[-1]) // 2 + 1, step)})
    if is_exact or kind not in "iufmM":
        return variable.isel({dimension: np.clip(twice // 2, 0, axis.side - 1)})
    low = np.clip(twice // 2, 0, max(axis.side - 2, 0))
    first, second = (variable.isel({dimension: place}) for place in (low, np.minimum(low + 1, axis.side - 1)))
    if kind == "u":
        first, second = first.astype(np.int64), second.astype(np.int64)  # differences may be negative
    halves = type(variable)(dimension, twice - 2 * low)
    if kind == "f":
        return (first + (second - first) * (halves / 2)).astype(variable.dtype)
    if kind in "mM" or not (twice % 2).any():
        return first + (second - first) * halves // 2
    return first + (second - first) * (halves / 2)

"""The public functions of the engine: convolve an array, apply a filter, show the plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, overload

from convcli.convolution.borders import BorderKind, border_sources
from convcli.convolution.parts.sources import is_in_memory
from convcli.convolution.planning import ConvolutionSettings, Image, Plan, plan_convolution
from convcli.convolution.strips import run_convolution
from convcli.kernels.filter import Filter
from convcli.kernels.lookup import get_filter
from convcli.pictures.arrays import image_array
from convcli.sizes.axes import window_axes
from convcli.sizes.per_axis import Padding, Pair

if TYPE_CHECKING:
    from typing import Unpack

    from numpy.typing import ArrayLike, NDArray

    from convcli.convolution.planning import WindowKeywords

__all__ = ["apply_filter", "center_pixels", "convolve", "plan"]


@overload
def convolve(
    image: NDArray[Any] | Sequence[Any],
    kernel: ArrayLike,
    *,
    out: NDArray[Any] | None = None,
    **settings: Unpack[WindowKeywords],
) -> Image: ...
@overload
def convolve(
    image: Any, kernel: ArrayLike, *, out: Any = None, **settings: Unpack[WindowKeywords]
) -> Any: ...
def convolve(
    image: ArrayLike,
    kernel: ArrayLike,
    *,
    stride: Pair = 1,
    padding: Padding = "same",
    border: str = "edge",
    dilation: Pair = 1,
    flip: bool = False,
    jobs: int | None = None,
    out: Any = None,
) -> Any:
    """Convolve an image with a kernel, each channel separately.

    Parameters
    ----------
    image : array (H, W) or (H, W, C)
        Integers, float32 or float64; also stored, lazy or labeled, see below.
    kernel : array (f_h, f_w)
        At least one coefficient; odd or even sides.
    stride, dilation : int or (vertical, horizontal)
        Step of the window, distance between the pixels that neighboring coefficients multiply.
    padding : ``"same"``, ``"valid"``, int, pair, ``((top, bottom), (left, right))``, or their text forms
        ``"same"`` gives ``ceil(n / s)`` pixels; an odd padding pixel goes to the end.
    border : str
        What fills the padding: ``zero``, ``constant:V``, ``edge``, ``reflect``, ``symmetric``, ``wrap``.
    flip : bool
        Rotate the kernel by 180 degrees first, for the convolution of signal processing.
    jobs : int, optional
        Maximum number of threads (default: all available CPU cores; one in each task of Dask). The result
        does not depend on it.
    out : array, optional
        Array that receives the result and is returned, in memory or stored; `plan` gives the shape and dtype
        that it must have.

    Returns
    -------
    array (H', W') or (H', W', C)
        For an integer image, kernel and border value: exact, in the smallest of int16, int32, int64 that
        holds every possible value. The largest possible value is the sum of |kernel|, at least 1, times the
        largest value of the image's dtype (for 64-bit images, the largest value in the image). Otherwise
        float64 for a float64 image and float32 for any other, within
        ``(f_h f_w + 8) eps sum|kernel| max|image|`` of the exact value.

    Raises
    ------
    ImageError, KernelError
        The image or the kernel is invalid, or the result could overflow int64.
    SizeError
        The filter does not fit the image, or a number is out of range.
    UsageError
        The border is unknown, or `out` has the wrong shape or dtype.

    Notes
    -----
    Arrays that are not in memory give the same values:

    - Stored arrays are anything with a shape, a dtype and slices, such as those of zarr and HDF5 (h5py), and
      mapped files (`numpy.memmap`) with `out`. They are read, computed and written strip by strip, in memory
      that does not grow with the image. Without `out` the result is an array in memory.
    - A Dask array gives a lazy Dask array with a block for each chunk. Nothing is computed, and a block reads
      only the chunks under its windows. The border is only at the edges of the image.
    - A `DataArray` of xarray gives a `DataArray` with the coordinates of the windows' centers.

    Of 64-bit integers that are stored or lazy, the largest value is not known beforehand: their results are
    int64, and a result that could overflow raises an error when its part is computed.

    Examples
    --------
    >>> import numpy as np
    >>> import convcli
    >>> edge = np.array([[10, 10, 10, 0, 0, 0]] * 6, dtype=np.uint8)
    >>> convcli.convolve(edge, [[1, 0, -1]] * 3, padding="valid")[0]
    array([ 0, 30, 30,  0], dtype=int16)
    """
    settings = ConvolutionSettings(stride, padding, border, dilation, flip, jobs)
    if is_in_memory(image, out):
        return run_convolution(plan_convolution(image, kernel, settings), out)
    return _run_in_parts(image, kernel, settings, out, partial(convolve, kernel=kernel))


def plan(
    image: Any,
    kernel: ArrayLike | Filter,
    *,
    stride: Pair = 1,
    padding: Padding = "same",
    border: str = "edge",
    dilation: Pair = 1,
    flip: bool = False,
    jobs: int | None = None,
) -> Plan:
    """Return how `convolve` or `apply_filter` would compute a result, without computing it.

    Of a stored or lazy array, nothing is read.

    Parameters
    ----------
    image, stride, padding, border, dilation, flip, jobs : as for `convolve`
    kernel : array (f_h, f_w) or Filter

    Returns
    -------
    Plan
        The algorithm, and the shape and dtype of the result.

    Raises
    ------
    ImageError, KernelError, SizeError, UsageError
        As `convolve` does.

    Examples
    --------
    >>> import numpy as np
    >>> import convcli
    >>> image = np.zeros((3000, 4000), np.uint8)
    >>> plan = convcli.plan(image, [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], jobs=2)
    >>> plan.shape, str(plan.dtype), plan.threads
    ((3000, 4000), 'int16', 2)

    ``print(plan)`` shows how: ``compiled separable in int16, strips of 375 rows, 2 threads``.
    """
    settings = ConvolutionSettings(stride, padding, border, dilation, flip, jobs)
    if is_in_memory(image, None):
        return plan_convolution(image, kernel, settings).plan
    from convcli.convolution.parts.convolution import Convolution  # late: most calls need none of it
    from convcli.convolution.parts.operation import describe

    return Convolution.of(kernel, settings, describe(image)).plan


@overload
def apply_filter(
    image: NDArray[Any] | Sequence[Any],
    filter: Filter | str,
    *,
    out: NDArray[Any] | None = None,
    **settings: Unpack[WindowKeywords],
) -> Image: ...
@overload
def apply_filter(
    image: Any, filter: Filter | str, *, out: Any = None, **settings: Unpack[WindowKeywords]
) -> Any: ...
def apply_filter(
    image: ArrayLike,
    filter: Filter | str,
    *,
    stride: Pair = 1,
    padding: Padding = "same",
    border: str = "edge",
    dilation: Pair = 1,
    flip: bool = False,
    jobs: int | None = None,
    out: Any = None,
) -> Any:
    """Apply a named filter: its one kernel, or several kernels whose results it combines.

    Parameters
    ----------
    image, stride, padding, border, dilation, flip, jobs, out
        As for `convolve`.
    filter : Filter or str
        A filter from `get_filter`, or its name.

    Returns
    -------
    array
        For a single kernel, and for the maximum of several: the dtype that `convolve` returns. For a gradient
        magnitude, ``sqrt(x² + y²)``: float64 for a float64 image, otherwise float32.

    Raises
    ------
    FilterError
        No filter has this name, or an option of it is invalid.
    ImageError, KernelError, SizeError, UsageError
        As `convolve` does.

    Examples
    --------
    >>> import numpy as np
    >>> import convcli
    >>> ramp = np.tile(np.arange(5, dtype=np.uint8), (3, 1))
    >>> convcli.apply_filter(ramp, "sobel", padding="valid")
    array([[8., 8., 8.]], dtype=float32)
    """
    if isinstance(filter, str):
        filter = get_filter(filter)
    settings = ConvolutionSettings(stride, padding, border, dilation, flip, jobs)
    if is_in_memory(image, out):
        return run_convolution(plan_convolution(image, filter, settings), out)
    return _run_in_parts(image, filter, settings, out, partial(apply_filter, filter=filter))


def _run_in_parts(
    image: Any,
    kernel: ArrayLike | Filter,
    settings: ConvolutionSettings,
    out: Any,
    function: Callable[..., Any],
) -> Any:
    from convcli.convolution.parts.convolution import Convolution  # late: most calls need none of it
    from convcli.convolution.parts.running import run_in_parts

    return run_in_parts(
        image,
        out,
        plan=partial(Convolution.of, kernel, settings),
        apply=partial(function, **settings._asdict()),
        jobs=settings.jobs,
    )


def center_pixels(
    image: ArrayLike, window: Pair, *, stride: Pair = 1, padding: Padding = "same", dilation: Pair = 1
) -> Image:
    """Return, for each output pixel of a convolution, the input pixel at its center.

    This keeps a channel that is not filtered, such as alpha, aligned with the filtered ones. An output pixel
    centered on the padding takes the nearest pixel of the image.

    Parameters
    ----------
    image : array (H, W) or (H, W, C)
    window : int or pair
        Size of the kernel.
    stride, padding, dilation : as for `convolve`

    Returns
    -------
    array (H', W') or (H', W', C)
        In the image's dtype.

    Examples
    --------
    >>> center_pixels([[1, 2, 3, 4]], (1, 3), stride=(1, 2)).tolist()
    [[2, 4]]
    """
    pixels = image_array(image)
    axes = window_axes(
        (pixels.shape[0], pixels.shape[1]), window, stride=stride, padding=padding, dilation=dilation
    )
    rows, columns = (
        border_sources(axis, BorderKind.EDGE)[(axis.extent - 1) // 2 :: axis.stride][: axis.output]
        for axis in (axis.with_bounded_steps() for axis in axes)
    )
    under: Image = pixels[rows[:, None], columns]
    return under

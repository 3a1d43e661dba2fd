"""The public functions of the engine: convolve an array, apply a filter, show the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.convolution.borders import BorderKind, border_sources
from convcli.convolution.planning import ConvolutionSettings, Image, Plan, plan_convolution
from convcli.convolution.strips import run_convolution
from convcli.kernels.filter import Filter
from convcli.kernels.lookup import get_filter
from convcli.pictures.arrays import image_array
from convcli.sizes.axes import window_axes
from convcli.sizes.per_axis import Padding, Pair

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["apply_filter", "center_pixels", "convolve", "plan"]


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
    out: Image | None = None,
) -> Image:
    """Convolve an image with a kernel, each channel separately.

    Parameters
    ----------
    image : array (H, W) or (H, W, C)
        Integers, float32 or float64.
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
        Maximum number of threads (default: all available CPU cores). The result does not depend on it.
    out : array, optional
        Array that receives the result and is returned; `plan` gives the shape and dtype that it must have.

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

    Examples
    --------
    >>> import numpy as np
    >>> import convcli
    >>> edge = np.array([[10, 10, 10, 0, 0, 0]] * 6, dtype=np.uint8)
    >>> convcli.convolve(edge, [[1, 0, -1]] * 3, padding="valid")[0]
    array([ 0, 30, 30,  0], dtype=int16)
    """
    settings = ConvolutionSettings(stride, padding, border, dilation, flip, jobs)
    return run_convolution(plan_convolution(image, kernel, settings), out)


def plan(
    image: ArrayLike,
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
    return plan_convolution(image, kernel, settings).plan


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
    out: Image | None = None,
) -> Image:
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
    return run_convolution(plan_convolution(image, filter, settings), out)


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

"""The engine: one image, one kernel.

The kernel slides over the image without being turned round, as in every deep-learning library (signal
processing calls that cross-correlation); ``flip=True`` turns it. With ``same`` padding an output pixel
stands at ``(f_eff - 1) // 2`` of the kernel, ``f_eff = d(f - 1) + 1``: on the centre tap of an odd kernel, on
the upper left of the four middle taps of an even one that is not dilated.

Borders, drawn for a row ``abcd``::

    zero        0000|abcd|0000
    constant:V  VVVV|abcd|VVVV
    edge        aaaa|abcd|dddd
    reflect     cdcb|abcd|cbab      the edge pixel is the mirror
    symmetric   dcba|abcd|dcba      the mirror stands behind the edge pixel
    wrap        abcd|abcd|abcd
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.arrays import image_array
from convcli.errors import KernelError, MatrixError, SizeError, UsageError, chosen
from convcli.kernels import Combination, Filter, kernel_array, named_filter, separate
from convcli.matrices import parse_number
from convcli.sizes import Axis, Padding, Pair, window_axes

__all__ = ["Border", "BorderKind", "apply_filter", "convolve", "parse_border", "pixels_under"]

Image = NDArray[Any]

STRIP_BYTES = 1 << 18  # a strip and its partial sums stay in the second-level cache
MAX_PADDED = 1 << 28  # pixels of a padded image: beyond it the padding of a small one is a mistake

UNSTRIDED = Axis(side=1, window=1)  # one tap, step one: the axis that a separable pass leaves alone


class BorderKind(StrEnum):
    """What fills the padding; numpy's names, and ``zero``."""

    ZERO = "zero"
    CONSTANT = "constant"
    EDGE = "edge"
    REFLECT = "reflect"
    SYMMETRIC = "symmetric"
    WRAP = "wrap"


@dataclass(frozen=True)
class Border:
    """A border: its kind, and the value that fills it where the kind is constant."""

    kind: BorderKind
    value: int | float = 0

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}" if self.kind == BorderKind.CONSTANT else self.kind.value


def parse_border(text: str) -> Border:
    """Read ``zero``, ``constant:V``, ``edge``, ``reflect``, ``symmetric`` or ``wrap``.

    Raises
    ------
    UsageError
        The text is none of these, or V is no finite number.

    Examples
    --------
    >>> str(parse_border("constant:128"))
    'constant:128'
    """
    word, colon, value = str(text).strip().lower().partition(":")
    kind = chosen(word, BorderKind, "border")
    if kind != BorderKind.CONSTANT:
        if colon:
            raise UsageError(f"border {text[:50]!r}", "only constant takes a value, as in constant:128")
        return Border(kind)
    try:
        return Border(kind, parse_number(value, "constant"))
    except MatrixError:
        raise UsageError(
            f"border {text[:50]!r}", "constant takes a finite number, as in constant:128"
        ) from None


def convolve(
    image: ArrayLike,
    kernel: ArrayLike,
    *,
    stride: Pair = 1,
    padding: Padding = "same",
    border: str = "edge",
    dilation: Pair = 1,
    flip: bool = False,
) -> Image:
    """Slide a kernel over an image, over each channel on its own.

    Parameters
    ----------
    image : array (H, W) or (H, W, C)
        Integers, float32 or float64.
    kernel : array (f_h, f_w)
        At least one tap; odd or even sides.
    stride, dilation : int or (vertical, horizontal)
        Step of the window, distance between its taps.
    padding : ``"same"``, ``"valid"``, int, pair, ``((top, bottom), (left, right))``, or their text forms
        ``"same"`` gives ``ceil(n / s)`` pixels; an odd padding pixel goes to the end.
    border : str
        What fills the padding: ``zero``, ``constant:V``, ``edge``, ``reflect``, ``symmetric``, ``wrap``.
    flip : bool
        Turn the kernel half round first, which is the convolution of signal processing.

    Returns
    -------
    array (H', W') or (H', W', C)
        For an integer image, kernel and border value: exact, in the smallest of int16, int32, int64 that
        holds every possible value: the sum of |taps|, at least 1, times the largest value of the image's
        type, for 64-bit images times the largest value that is there. Else float64 for a float64 image and
        float32 for any other, within ``(f_h f_w + 8) eps sum|taps| max|image|`` of the exact value.

    Raises
    ------
    ImageError, KernelError
        The image or the kernel is none; or the result would not fit into int64.
    SizeError
        The filter does not fit, or a number is out of range.
    UsageError
        The border is unknown.

    Examples
    --------
    >>> edge = np.array([[10, 10, 10, 0, 0, 0]] * 6, dtype=np.uint8)
    >>> convolve(edge, [[1, 0, -1]] * 3, padding="valid")[0]
    array([ 0, 30, 30,  0], dtype=int16)
    """
    pixels, taps = image_array(image), kernel_array(kernel)
    rows, columns = window_axes(
        (pixels.shape[0], pixels.shape[1]), (taps.shape[0], taps.shape[1]),
        stride=stride, padding=padding, dilation=dilation,
    )  # fmt: skip
    return _slide(pixels, taps[::-1, ::-1] if flip else taps, rows, columns, parse_border(border))


def apply_filter(
    image: ArrayLike,
    filter: Filter | str,
    *,
    stride: Pair = 1,
    padding: Padding = "same",
    border: str = "edge",
    dilation: Pair = 1,
    flip: bool = False,
) -> Image:
    """Apply a named filter: its kernel, or all its kernels and what combines them.

    Parameters
    ----------
    image, stride, padding, border, dilation, flip
        As for `convolve`.
    filter : Filter or str
        As `named_filter` builds it, or its name.

    Returns
    -------
    array
        A single kernel: as `convolve`. The strongest of several: their type. A gradient magnitude,
        ``sqrt(x² + y²)``: float64 for a float64 image, else float32.

    Examples
    --------
    >>> ramp = np.tile(np.arange(5, dtype=np.uint8), (3, 1))
    >>> apply_filter(ramp, "sobel", padding="valid")
    array([[8., 8., 8.]], dtype=float32)
    """
    if isinstance(filter, str):
        filter = named_filter(filter)
    responses = [
        convolve(image, taps, stride=stride, padding=padding, border=border, dilation=dilation, flip=flip)
        for taps in filter.kernels
    ]
    if filter.combination == Combination.MAGNITUDE:
        return _magnitude(responses)
    return responses[0] if len(responses) == 1 else np.maximum.reduce(responses)


def pixels_under(
    image: ArrayLike, window: Pair, *, stride: Pair = 1, padding: Padding = "same", dilation: Pair = 1
) -> Image:
    """Return for each output pixel of a convolution the input pixel that it stands on.

    That is how a channel which is not filtered, alpha, keeps in step with those that are. An output that
    stands on the padding gets the nearest pixel of the image.

    Parameters
    ----------
    image : array (H, W) or (H, W, C)
    window : int or pair
        Side of the kernel.
    stride, padding, dilation : as for `convolve`

    Examples
    --------
    >>> pixels_under([[1, 2, 3, 4]], (1, 3), stride=(1, 2)).tolist()
    [[2, 4]]
    """
    pixels = image_array(image)
    axes = window_axes(
        (pixels.shape[0], pixels.shape[1]), window, stride=stride, padding=padding, dilation=dilation
    )
    rows, columns = (
        # A single output needs no stride, which may be beyond any integer type.
        (
            np.arange(axis.output) * (axis.stride if axis.output > 1 else 0)
            + (axis.extent - 1) // 2
            - axis.before
        ).clip(0, axis.side - 1)
        for axis in axes
    )
    under: Image = pixels[rows[:, None], columns]
    return under


def _magnitude(responses: Sequence[Image]) -> Image:
    """Return the root of the sum of squares, computed in float64."""
    result = np.float64 if responses[0].dtype == np.float64 else np.float32
    with np.errstate(over="ignore", invalid="ignore"):
        total = sum(np.square(response, dtype=np.float64) for response in responses)
        return np.sqrt(total).astype(result)


def _result_type(pixels: Image, taps: Image, border: Border) -> np.dtype[Any]:
    """Return the type of the result: the narrowest that provably holds it, see `convolve`."""
    if pixels.dtype.kind == "f" or taps.dtype.kind == "f" or isinstance(border.value, float):
        return np.dtype(np.float64 if pixels.dtype == np.float64 else np.float32)
    if pixels.dtype.itemsize < 8:
        limits = np.iinfo(pixels.dtype)
        largest = max(-int(limits.min), int(limits.max))
    else:
        largest = max(-int(pixels.min()), int(pixels.max()))
    largest = max(largest, abs(border.value))
    total = sum(abs(int(tap)) for tap in taps.ravel())
    bound = max(total, 1) * max(largest, 1)
    for narrow in (np.int16, np.int32, np.int64):
        if bound <= np.iinfo(narrow).max:
            return np.dtype(narrow)
    raise KernelError(
        "kernel",
        f"results can reach {total} x {largest} = {bound}, beyond int64's {np.iinfo(np.int64).max}: "
        "take smaller taps or a float image",
    )


def _slide(pixels: Image, taps: Image, rows: Axis, columns: Axis, border: Border) -> Image:
    """Convolve strip by strip: rows of the padded image go in, rows of the result come out."""
    dtype = _result_type(pixels, taps, border)
    channels = pixels.shape[2:]
    width = columns.before + columns.side + columns.after
    padded = (rows.before + rows.side + rows.after) * width
    if padded > max(MAX_PADDED, 4 * rows.side * columns.side):
        raise SizeError(
            f"padding {rows.before}:{rows.after}x{columns.before}:{columns.after}",
            f"makes {padded} pixels of an image of {rows.side}x{columns.side}, more than {MAX_PADDED}",
        )
    source_rows, source_columns = _sources(rows, border.kind), _sources(columns, border.kind)
    result = np.empty((rows.output, columns.output, *channels), dtype)
    # A strip is at least as high as the kernel, or its overlap with the next would be most of the work.
    height = max(STRIP_BYTES // (width * math.prod(channels) * dtype.itemsize), rows.extent) // rows.stride
    height = min(max(height, 1), rows.output)
    strip = np.empty(((height - 1) * rows.stride + rows.extent, width, *channels), dtype)
    factors = separate(taps)
    with np.errstate(over="ignore", invalid="ignore"):  # infinite pixels may meet
        for start in range(0, rows.output, height):
            target = result[start : start + height]
            first = start * rows.stride
            sources = source_rows[first : first + (len(target) - 1) * rows.stride + rows.extent]
            part = _fill(strip[: len(sources)], pixels, sources, source_columns, columns, border)
            if factors is None:
                _correlate(part, taps, rows, columns, target)
            else:
                column, row = factors
                partial = np.empty((len(target), width, *channels), dtype)
                _correlate(part, column[:, None], rows, UNSTRIDED, partial)
                _correlate(partial, row[None, :], UNSTRIDED, columns, target)
    return result


def _sources(axis: Axis, kind: BorderKind) -> NDArray[np.intp]:
    """Return for each position of the padded axis the pixel that stands there, or -1 for the border value."""
    n = axis.side
    place = np.arange(-axis.before, n + axis.after)
    if kind == BorderKind.EDGE:
        return place.clip(0, n - 1)
    if kind == BorderKind.WRAP:
        return place % n
    if kind == BorderKind.SYMMETRIC:
        place %= 2 * n
        return np.minimum(place, 2 * n - 1 - place)
    if kind == BorderKind.REFLECT:
        place %= max(2 * n - 2, 1)
        return np.minimum(place, 2 * n - 2 - place)
    place[(place < 0) | (place >= n)] = -1
    return place


def _fill(
    strip: Image,
    pixels: Image,
    rows: NDArray[np.intp],
    source_columns: NDArray[np.intp],
    columns: Axis,
    border: Border,
) -> Image:
    """Put the padded image's rows into the strip, in the type of the result."""
    strip[:, columns.before : columns.before + columns.side] = pixels[np.maximum(rows, 0)]
    for outside in (slice(0, columns.before), slice(columns.before + columns.side, None)):
        sources = source_columns[outside]
        strip[:, outside] = strip[:, np.maximum(sources, 0) + columns.before]
        strip[:, outside][:, sources < 0] = border.value
    strip[rows < 0] = border.value
    return strip


def _correlate(part: Image, taps: Image, rows: Axis, columns: Axis, target: Image) -> None:
    """Add up the shifted images, each times its tap."""
    height, width = target.shape[:2]
    scratch = np.empty_like(target)
    untouched = True
    for i, j in np.argwhere(taps):
        top, left = i * rows.dilation, j * columns.dilation
        shifted = part[
            top : top + (height - 1) * rows.stride + 1 : rows.stride,
            left : left + (width - 1) * columns.stride + 1 : columns.stride,
        ]
        tap = target.dtype.type(taps[i, j])
        if untouched:
            np.multiply(shifted, tap, out=target)
            untouched = False
        elif tap == 1:
            np.add(target, shifted, out=target)
        elif tap == -1:
            np.subtract(target, shifted, out=target)
        else:
            np.multiply(shifted, tap, out=scratch)
            np.add(target, scratch, out=target)
    if untouched:
        target[...] = 0

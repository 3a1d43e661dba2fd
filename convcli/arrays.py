"""Checks that an array is an image, selects channels, and reads ``.npy`` files."""

import re
from collections.abc import Callable
from enum import StrEnum
from math import prod
from typing import IO, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.errors import ImageError, MatrixError, UsageError, chosen

__all__ = ["Channels", "filled_array", "image_array", "read_npy", "select_channels"]

NPY_MAGIC = b"\x93NUMPY"
STRIP = 1 << 16  # pixels at a time, which fit in the cache


class Channels(StrEnum):
    """Which channels of a color image are filtered."""

    EACH = "each"
    SUM = "sum"
    GRAY = "gray"
    R = "r"
    G = "g"
    B = "b"


REC_601 = (19595, 38470, 7471)  # 65536 times 0.299, 0.587 and 0.114, as in Pillow's convert("L")


def filled_array(
    make: Callable[[NDArray[Any]], None],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    out: NDArray[Any] | None,
    *,
    beside: NDArray[Any],
) -> NDArray[Any]:
    """Let `make` fill an array, and return it: `out`, or a new array if `out` is None.

    `make` fills a copy if `out` shares memory with the array `beside`, from which it reads, or is not
    contiguous: numpy's `negative` computes wrong values in such arrays for some strides.

    Raises
    ------
    UsageError
        `out` is not a writable array of that shape and dtype.
    """
    if out is None:
        result: NDArray[Any] = np.empty(shape, dtype)
        make(result)
        return result
    if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != dtype or not out.flags.writeable:
        given = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise UsageError(f"out {given}", f"must be a writable array of {dtype} {shape}")
    if out.flags.c_contiguous and not np.may_share_memory(out, beside):
        make(out)
    else:
        np.copyto(out, filled_array(make, shape, dtype, None, beside=beside))
    return out


def image_array(value: ArrayLike) -> NDArray[Any]:
    """Check that a value is an image: real numbers, ``(H, W)`` or ``(H, W, C)``, not empty.

    Returns
    -------
    array
        bool becomes uint8 and float16 becomes float32; all others keep their dtype, in native byte order.

    Raises
    ------
    ImageError
        It is not an image.

    Examples
    --------
    >>> image_array([[True, False]]).dtype
    dtype('uint8')
    """
    try:
        image = np.asarray(value)
    except ValueError:
        raise ImageError("array", "has rows of different lengths") from None
    if image.ndim not in (2, 3) or not image.size:
        raise ImageError(f"array of shape {image.shape}", "an image is (H, W) or (H, W, C), and not empty")
    image = image.astype(image.dtype.newbyteorder("="), copy=False)
    if image.dtype == np.bool_:
        return image.astype(np.uint8)
    if image.dtype == np.float16:
        return image.astype(np.float32)
    if image.dtype.kind not in "iu" and image.dtype not in (np.float32, np.float64):
        raise ImageError(f"array of {image.dtype}", "an image holds integers, float32 or float64")
    return image


def select_channels(image: ArrayLike, which: str = "each") -> NDArray[Any]:
    """Select the channels to filter.

    Parameters
    ----------
    image : array (H, W) or (H, W, C)
    which : str
        ``each``: all channels. ``sum``: their sum, which gives the result of a filter with the same kernel
        for every channel. ``gray``: Rec. 601 luma, rounded as Pillow rounds it. ``r``, ``g``, ``b``: one
        channel.

    Returns
    -------
    array
        ``(H, W)``, or the image itself for ``each``. Sums of 8-bit pixels are uint16, sums of other integers
        int64.

    Raises
    ------
    ImageError
        The image does not have that channel.
    UsageError
        `which` is unknown.

    Examples
    --------
    >>> select_channels(np.full((1, 1, 3), (255, 0, 0), np.uint8), "gray").tolist()
    [[76]]
    """
    which = chosen(which, Channels, "channels")
    pixels = image_array(image)
    count = pixels.shape[2] if pixels.ndim == 3 else 1
    if which == Channels.EACH:
        return pixels
    if which == Channels.SUM:
        return _summed(pixels.reshape(*pixels.shape[:2], count))
    if which == Channels.GRAY and count == 1:
        return pixels.reshape(pixels.shape[:2])
    if count != 3:
        raise ImageError(
            f"channels {which}", f"the image has {count} channel{'s'[: count != 1]}, not red, green and blue"
        )
    if which != Channels.GRAY:
        return pixels[:, :, "rgb".index(which)]
    if pixels.dtype in (np.uint8, np.uint16):
        return _luma_of_pixels(pixels)
    if pixels.dtype.kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):  # infinite pixels are allowed
            luma: NDArray[Any] = pixels @ (np.array(REC_601) / 65536)
    else:  # upper and lower bits separately, so that 64-bit values do not overflow
        wide = pixels.astype(np.uint64 if pixels.dtype == np.uint64 else np.int64)
        weights = np.array(REC_601, wide.dtype)
        luma = (wide >> 16) @ weights + (((wide & 0xFFFF) @ weights + 32768) >> 16)
    return luma.astype(pixels.dtype)


def _luma_of_pixels(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return the luma of uint8 or uint16 pixels; with weights that add up to 65536 it fits in 32 bits."""
    luma = np.empty(pixels.shape[:2], pixels.dtype)
    rows = max(1, STRIP // pixels.shape[1])
    for start in range(0, len(pixels), rows):
        strip = pixels[start : start + rows]
        total = np.full(strip.shape[:2], 32768, np.uint32)
        for channel, weight in enumerate(REC_601):
            total += strip[..., channel] * np.uint32(weight)
        luma[start : start + rows] = total >> 16
    return luma


def _summed(pixels: NDArray[Any]) -> NDArray[Any]:
    dtype = pixels.dtype
    if dtype.kind != "f":
        dtype = np.dtype(np.uint16 if dtype == np.uint8 and pixels.shape[2] <= 257 else np.int64)
        if max(abs(int(pixels.min())), int(pixels.max())) * pixels.shape[2] > np.iinfo(dtype).max:
            raise ImageError("channels sum", "could overflow int64; use a float image")
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(pixels.sum(2, dtype=dtype))


_HEADER = {
    "descr": re.compile(rb"'descr': *'([^']{1,20})'"),
    "fortran_order": re.compile(rb"'fortran_order': *(True|False)"),
    "shape": re.compile(rb"'shape': *\(((?:[0-9]{1,18}L?, *){0,31}(?:[0-9]{1,18}L?)?)\)"),
}
_REAL = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")
MAX_HEADER = 10_000


def read_npy(
    stream: IO[bytes],
    name: str,
    *,
    most: int | None = None,
    admit: Callable[[tuple[int, ...], int], None] | None = None,
) -> NDArray[Any]:
    """Read a ``.npy`` file of plain numbers, without evaluating anything in it.

    Parameters
    ----------
    stream : binary stream
    name : str
        The name to use in messages.
    most : int, optional
        Maximum number of values, checked before they are read.
    admit : callable, optional
        Called with the shape and the bytes per value before the values are read; may raise an error to refuse
        them.

    Raises
    ------
    MatrixError
        It is damaged, does not hold real numbers, or holds too many.

    Source: NEP 1, the format of ``.npy`` files.
    """
    prefix = stream.read(8)
    length = int.from_bytes(stream.read(2 if prefix[6:7] == b"\1" else 4), "little")
    header = stream.read(min(length, MAX_HEADER))
    found = [pattern.search(header) for pattern in _HEADER.values()]
    known = prefix[:6] == NPY_MAGIC and prefix[6:] in {b"\1\0", b"\2\0", b"\3\0"}
    if not known or length > MAX_HEADER or not all(found):
        raise MatrixError(name, "is not a .npy file of plain numbers")
    kind, in_columns, sides = (match[1].decode("latin-1") for match in found if match)
    if not _REAL.fullmatch(kind):
        raise MatrixError(name, f"is not a .npy file of real numbers: its dtype is {kind}")
    dtype = np.dtype(kind)
    shape = tuple(int(side.strip(" L")) for side in sides.split(",") if side.strip())
    count = prod(shape)
    if most is not None and count > most:
        raise MatrixError(name, f"holds {count} numbers, more than {most}")
    if prod(side or 1 for side in shape) > 1 << 60:  # numpy refuses such sides even in an empty array
        raise MatrixError(name, f"has an impossible shape, {shape}")
    if admit is not None:
        admit(shape, dtype.itemsize)
    data = stream.read(count * dtype.itemsize)
    if len(data) < count * dtype.itemsize:
        raise MatrixError(name, f"is truncated: it holds {len(data)} of {count * dtype.itemsize} bytes")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if in_columns == "True" else "C")

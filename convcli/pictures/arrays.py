"""Arrays as images: checked, filled where they have holes, and turned upright."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcli.errors import ConvcliError, ImageError, UsageError
from convcli.late_numpy import np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "PIXEL_DTYPES",
    "check_unmasked",
    "fill_array",
    "image_array",
    "image_dtype",
    "is_core_readable",
    "turn_upright",
]

PIXEL_DTYPES = ("uint8", "uint16")  # of pixels; arrays of all others hold numbers


def fill_array(
    fill: Callable[[NDArray[Any]], None],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    out: NDArray[Any] | None,
    *,
    source: NDArray[Any],
) -> NDArray[Any]:
    """Call `fill` with an array and return the array: `out`, or a new array if `out` is None.

    `fill` gets a temporary array, copied to `out`, if `out` shares memory with `source`, the array from which
    `fill` reads, or is not contiguous: numpy's `negative` computes wrong values in such arrays for some
    strides.

    Raises
    ------
    UsageError
        `out` is not a writable array of that shape and dtype.
    """
    if out is None:
        result: NDArray[Any] = np.empty(shape, dtype)
        fill(result)
        return result
    if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != dtype or not out.flags.writeable:
        given = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise UsageError(f"out {given}", f"must be a writable array of {dtype} {shape}")
    if out.flags.c_contiguous and not np.may_share_memory(out, source):
        fill(out)
    else:
        np.copyto(out, fill_array(fill, shape, dtype, None, source=source))
    return out


def check_unmasked(value: object, name: str, error: type[ConvcliError]) -> None:
    """Check that no value of an array is masked: masks are not read, so it would count as data.

    Parameters
    ----------
    value : object
        An array, or a list of them.
    name : str
        The name to use in the message.
    error : type
        The error to raise.

    Raises
    ------
    ConvcliError
        A value is masked.

    Examples
    --------
    >>> check_unmasked(np.ma.masked_equal([1, 2], 2), "image", ImageError)
    Traceback (most recent call last):
    ...
    convcli.errors.ImageError: image: has 1 masked value, but masks are not read; fill it in first, as in \
array.filled(0), or array.filled(nan) for nan="ignore"
    """
    arrays = value if isinstance(value, list | tuple) else [value]
    masked = sum(
        int(np.count_nonzero(array.mask))
        for array in arrays
        # Only of arrays that have a mask, because numpy loads numpy.ma at its first use.
        if isinstance(array, np.ndarray) and hasattr(array, "mask") and isinstance(array, np.ma.MaskedArray)
    )
    if masked:
        values, them = ("value", "it") if masked == 1 else ("values", "them")
        raise error(
            name,
            f"has {masked} masked {values}, but masks are not read; fill {them} in first, as in "
            'array.filled(0), or array.filled(nan) for nan="ignore"',
        )


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
    check_unmasked(value, "array", ImageError)
    try:
        image = np.asarray(value)
    except ValueError:
        raise ImageError("array", "has rows of different lengths") from None
    return image.astype(image_dtype(image.shape, image.dtype), copy=False)


def image_dtype(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype in which `image_array` returns an array of a shape and dtype.

    Raises
    ------
    ImageError
        Such an array is not an image.

    Examples
    --------
    >>> image_dtype((480, 640), np.dtype(">f2"))
    dtype('float32')
    """
    if len(shape) not in (2, 3) or not all(shape):
        raise ImageError(f"array of shape {shape}", "an image is (H, W) or (H, W, C), and not empty")
    native = dtype.newbyteorder("=")
    if native == np.bool_:
        return np.dtype(np.uint8)
    if native == np.float16:
        return np.dtype(np.float32)
    if native.kind not in "iu" and native not in (np.float32, np.float64):
        raise ImageError(f"array of {native}", "an image holds integers, float32 or float64")
    return native


def is_core_readable(image: NDArray[Any]) -> bool:
    """Whether the compiled core reads an image (H, W) or (H, W, C) as it lies, without a copy.

    It wants the channels of a pixel beside each other, numbers in the byte order of this machine, and each at
    an address that is a multiple of its size.

    Examples
    --------
    >>> image = np.zeros((4, 6, 3), np.uint8)
    >>> is_core_readable(image[::-1, ::2, :2]), is_core_readable(image[..., ::2])
    (True, False)
    """
    is_packed = image.ndim == 2 or image.shape[2] == 1 or image.strides[2] == image.itemsize
    is_aligned = image.flags.aligned and not any(stride % image.itemsize for stride in image.strides)
    return is_packed and is_aligned and image.dtype.isnative


def turn_upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn and mirror pixels (H, W, ...) as EXIF's orientation says; return a view, or the array itself.

    Examples
    --------
    >>> turn_upright(np.array([[1, 2, 3]]), 6).tolist()
    [[1], [2], [3]]
    """
    if not 1 < orientation <= 8:
        return pixels
    turned = pixels.swapaxes(0, 1) if orientation >= 5 else pixels
    rows = slice(None, None, -1 if orientation in (3, 4, 7, 8) else 1)
    columns = slice(None, None, -1 if orientation in (2, 3, 6, 7) else 1)
    return turned[rows, columns]

"""NumPy's .npy files, read without pickles."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from math import prod
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from convcli.errors import MatrixError
from convcli.late_numpy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MAX_COLORS", "NPY_MAGIC", "NpyHeader", "npy_header", "read_npy", "read_npy_header"]

MAX_COLORS = 4
"""Channels of a picture; an array with more may be a stack of pictures."""
NPY_MAGIC = b"\x93NUMPY"
_HEADER_FIELDS = {  # compiled when an array is read
    "descr": rb"'descr': *'([^']{1,20})'",
    "fortran_order": rb"'fortran_order': *(True|False)",
    "shape": rb"'shape': *\(((?:[0-9]{1,18}L?, *){0,31}(?:[0-9]{1,18}L?)?)\)",
}
_REAL_DTYPE = r"[<>|=]?(b1|[iu][1248]|f[248])"
MAX_HEADER = 10_000


def read_npy(
    stream: IO[bytes],
    name: str,
    *,
    max_values: int | None = None,
    check_shape: Callable[[tuple[int, ...], int], None] | None = None,
) -> NDArray[Any]:
    """Read a ``.npy`` file of plain numbers, without evaluating anything in it.

    Parameters
    ----------
    stream : binary stream
    name : str
        The name to use in messages.
    max_values : int, optional
        Maximum number of values, checked before they are read.
    check_shape : callable, optional
        Called with the shape and the bytes per value before the values are read; may raise an error to refuse
        them.

    Raises
    ------
    MatrixError
        It is damaged, does not hold real numbers, or holds too many.

    Source: NEP 1, the format of ``.npy`` files.
    """
    shape, dtype, is_fortran = read_npy_header(stream, name)
    count = prod(shape)
    if max_values is not None and count > max_values:
        raise MatrixError(name, f"holds {count} numbers, more than {max_values}")
    if prod(size or 1 for size in shape) > 1 << 60:  # numpy refuses such sides even in an empty array
        raise MatrixError(name, f"has an impossible shape, {shape}")
    if check_shape is not None:
        check_shape(shape, dtype.itemsize)
    data = stream.read(count * dtype.itemsize)
    if len(data) < count * dtype.itemsize:
        raise MatrixError(name, f"is truncated: it holds {len(data)} of {count * dtype.itemsize} bytes")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if is_fortran else "C")


class NpyHeader(NamedTuple):
    """What a ``.npy`` file says about its array."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool


def read_npy_header(stream: IO[bytes], name: str) -> NpyHeader:
    """Read what stands before the values, and leave the stream there.

    Raises
    ------
    MatrixError
        It is damaged, or does not announce real numbers.
    """
    prefix = stream.read(8)
    length = int.from_bytes(stream.read(2 if prefix[6:7] == b"\1" else 4), "little")
    header = stream.read(min(length, MAX_HEADER))
    found = [re.search(pattern, header) for pattern in _HEADER_FIELDS.values()]
    known = prefix[:6] == NPY_MAGIC and prefix[6:] in {b"\1\0", b"\2\0", b"\3\0"}
    if not known or length > MAX_HEADER or not all(found):
        raise MatrixError(name, "is not a .npy file of plain numbers")
    dtype_text, fortran_order, sizes = (match[1].decode("latin-1") for match in found if match)
    if not re.fullmatch(_REAL_DTYPE, dtype_text):
        if dtype_text.lstrip("<>=") in {"c8", "c16"}:
            raise MatrixError(name, f"holds complex numbers (dtype {dtype_text}); real numbers are required")
        raise MatrixError(name, f"is not a .npy file of real numbers: its dtype is {dtype_text}")
    shape = tuple(int(size.strip(" L")) for size in sizes.split(",") if size.strip())
    return NpyHeader(shape, np.dtype(dtype_text), fortran_order == "True")


def npy_header(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    """Return what stands in a ``.npy`` file before the values of an array in C order.

    Examples
    --------
    >>> npy_header((2, 3), np.dtype(np.uint8))[:8]
    b'\\x93NUMPY\\x01\\x00'
    """
    header = io.BytesIO()
    description = np.lib.format.dtype_to_descr(dtype)
    np.lib.format.write_array_header_1_0(
        header, {"descr": description, "fortran_order": False, "shape": shape}
    )
    return header.getvalue()

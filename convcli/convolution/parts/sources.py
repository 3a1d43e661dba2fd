"""Which kind of array an image is: in memory, stored elsewhere, lazy, or labeled."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from convcli.errors import ImageError
from convcli.late_numpy import np

__all__ = ["ArrayKind", "array_kind", "is_in_memory", "is_stored"]


class ArrayKind(StrEnum):
    """Where the pixels of an image are."""

    MEMORY = "memory"
    STORED = "stored"
    DASK = "dask"
    XARRAY = "xarray"


def array_kind(image: object) -> ArrayKind:
    """Return where the pixels of an image are, without importing anything.

    Examples
    --------
    >>> str(array_kind([[1, 2]]))
    'memory'
    """
    if isinstance(image, np.ndarray | list | tuple):
        return ArrayKind.MEMORY
    libraries = {base.__module__.partition(".")[0] for base in type(image).__mro__}
    for kind in (ArrayKind.DASK, ArrayKind.XARRAY):
        if kind.value in libraries:
            return kind
    if "zarr" in libraries and not hasattr(image, "shape"):
        raise ImageError(
            "zarr group",
            "an image is one array; choose one of the group, as in group['0'] for the full level",
        )
    return ArrayKind.STORED if is_stored(image) else ArrayKind.MEMORY


def is_stored(array: Any) -> bool:
    """Whether an array has a shape, a dtype of numpy and slices, but shares no memory by a protocol."""
    has_type = isinstance(getattr(array, "dtype", None), np.dtype)
    is_memory = hasattr(array, "__array_interface__") or hasattr(array, "__dlpack__")
    return has_type and hasattr(array, "shape") and hasattr(array, "__getitem__") and not is_memory


def is_in_memory(image: object, out: object) -> bool:
    """Whether the image is read, and the result written, as a whole in memory.

    A mapped file counts as memory, unless its result is written elsewhere.
    """
    if array_kind(image) != ArrayKind.MEMORY:
        return False
    if not isinstance(out, np.ndarray):
        return not is_stored(out)
    is_mapped = isinstance(image, np.memmap) or isinstance(out, np.memmap)
    return not is_mapped or (isinstance(image, np.ndarray) and np.may_share_memory(image, out))

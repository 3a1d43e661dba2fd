"""Stacks of arrays in one ``.npy`` file: ``(N, H, W)`` or ``(N, H, W, C)``."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.pictures.formats.frame_reading.container import FrameInfo
from convcli.pictures.formats.frame_writing.unlike import unlike_first
from convcli.pictures.npy import npy_header
from convcli.pictures.picture import Picture
from convcli.sizes.text import format_size

__all__ = ["ArrayStack"]


class ArrayStack:
    """Collects arrays of one shape."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.arrays: list[NDArray[Any]] = []

    def add(self, picture: Picture, _: FrameInfo) -> tuple[str, ...]:
        """Add the array of a frame.

        Raises
        ------
        OutputError
            It differs in shape from the first.
        """
        array = picture.pixels
        if self.arrays and array.shape != self.arrays[0].shape:
            sizes = format_size(array.shape), format_size(self.arrays[0].shape)
            raise unlike_first(self.name, len(self.arrays), *sizes, "a stack")
        self.arrays.append(array)
        return ()

    def finish(self) -> list[bytes | memoryview]:
        """Return the parts of the file."""
        dtype = np.result_type(*self.arrays)
        shape = (len(self.arrays), *self.arrays[0].shape)
        arrays = [np.ascontiguousarray(array, dtype) for array in self.arrays]
        return [npy_header(shape, dtype), *(array.data.cast("B") for array in arrays)]

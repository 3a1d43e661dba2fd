"""The pixels of a picture as they lie in memory: what the compiled core works on, without numpy."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from convcli.compiled.engine import is_compiled

if TYPE_CHECKING:
    from mmap import mmap

    from numpy.typing import NDArray
    from typing_extensions import Buffer

__all__ = ["Raster", "allocate", "held_bytes"]

COPIED_ROWS = 32  # which fit in the cache
HUGE_PAGE_BYTES = 1 << 22  # from here on, ordinary pages cost more time than the system call


def held_bytes(size: tuple[int, int, int], itemsize: int, *, is_numeric: bool = False) -> int:
    """Return the bytes that pixels of this height and width, and as many channels, take at most.

    Colors of 8 bits that the core works on lie in rasters with a fourth sample, alpha apart; numbers lie
    in arrays.

    Examples
    --------
    >>> held_bytes((10, 10, 3), 1) == (400 if is_compiled() else 300), held_bytes((10, 10, 3), 2)
    (True, 600)
    """
    height, width, channels = size
    has_fourth = itemsize == 1 and channels in (3, 4) and not is_numeric and is_compiled()
    return height * width * (channels + has_fourth) * itemsize


def allocate(size: int) -> bytearray | mmap:
    """Return so many zero bytes, of large memory in huge pages if the system has them.

    The first touch of each ordinary page (4 kB) takes about as long as decoding the pixels on it.

    Examples
    --------
    >>> allocate(3)
    bytearray(b'\\x00\\x00\\x00')
    """
    if size < HUGE_PAGE_BYTES:
        return bytearray(size)
    import mmap  # late: few pictures are so large

    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return bytearray(size)
    try:
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError:
        raise MemoryError from None
    with suppress(OSError):  # the kernel may be built without them
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


class Raster(NamedTuple):
    """Pixels in a buffer; the color channels of a pixel lie beside each other.

    Attributes
    ----------
    samples : memoryview (H, W) or (H, W, S)
        C-contiguous, of format ``B`` (8 bits) or ``H`` (16 bits).
    channels : int or None
        How many of the S samples of a pixel count, the first ones: Pillow keeps a fourth for each RGB pixel.
        None for (H, W).

    Examples
    --------
    >>> raster = Raster.packed(bytes(range(12)), 1, 3, 4).with_channels(3)
    >>> raster.shape, raster.array()[0].tolist()
    ((1, 3, 3), [[0, 1, 2], [4, 5, 6], [8, 9, 10]])
    """

    samples: memoryview
    channels: int | None = None

    @classmethod
    def packed(
        cls, data: Buffer, height: int, width: int, channels: int | None = None, *, depth: int = 8
    ) -> Raster:
        """Make a raster of bytes; `depth` is 8, or 16 with the bytes in the order of this machine."""
        shape = (height, width) if channels is None else (height, width, channels)
        plain = memoryview(data).cast("B")
        return cls(plain.cast("B" if depth == 8 else "H", shape), channels)

    @classmethod
    def of(cls, array: NDArray[Any]) -> Raster:
        """Make a raster of an array of pixels: of the same memory, or of a copy if it is not contiguous."""
        import numpy as np  # late, here and below: most rasters are never arrays

        return cls(np.ascontiguousarray(array).data, array.shape[2] if array.ndim == 3 else None)

    @classmethod
    def empty(cls, height: int, width: int, channels: int | None = None, *, depth: int = 8) -> Raster:
        """Make a raster of zeros that can be written to."""
        memory = allocate(height * width * (channels or 1) * (depth // 8))
        return cls.packed(memory, height, width, channels, depth=depth)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy the samples, which a memoryview alone does not allow."""
        return _restored, (bytearray(self.samples), self.samples.format, self.samples.shape, self.channels)

    def with_channels(self, channels: int) -> Raster:
        """Return the raster of only the first channels."""
        return self._replace(channels=channels)

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W) or (H, W, C)."""
        sides = (self.samples.shape or ())[:2]
        return sides if self.channels is None else (*sides, self.channels)

    @property
    def depth(self) -> int:
        """Bits per sample: 8 or 16."""
        return 8 * self.samples.itemsize

    @property
    def is_packed(self) -> bool:
        """Whether all samples count."""
        return self.channels is None or self.shape == self.samples.shape

    def array(self) -> NDArray[Any]:
        """Return the pixels as a numpy array of the same memory."""
        import numpy as np

        array: NDArray[Any] = np.asarray(self.samples)
        return array if self.channels is None else array[..., : self.channels]

    def packed_array(self) -> NDArray[Any]:
        """Return the pixels as a contiguous array: of the same memory if all samples count."""
        import numpy as np

        array = self.array()
        if self.is_packed:
            return array
        packed = np.empty_like(array, order="C")
        for top in range(0, len(array), COPIED_ROWS):  # numpy takes longer for all at once
            rows = slice(top, top + COPIED_ROWS)
            for channel in range(array.shape[2]):
                packed[rows, :, channel] = array[rows, :, channel]
        return packed


def _restored(samples: bytearray, format_: Any, shape: tuple[int, ...], channels: int | None) -> Raster:
    return Raster(memoryview(samples).cast(format_, shape), channels)

"""The rows of a picture, filtered and compressed by the compiled core."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from convcli.late_numpy import np
from convcli.pictures.arrays import is_core_readable
from convcli.pictures.formats.png.rows import NONE, Compressor, Strip
from convcli.pictures.raster import Raster

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CoreRows"]


class CoreRows:
    """The rows of a raster or an array; see `Rows`.

    Parameters
    ----------
    pixels, alpha : Raster or array
        As for `encode_png`.
    """

    def __init__(self, pixels: Raster | NDArray[Any], alpha: Raster | NDArray[Any] | None) -> None:
        self._pixels = pixels.samples if isinstance(pixels, Raster) else pixels
        self._alpha = alpha.samples if isinstance(alpha, Raster) else alpha
        self._colors: int = pixels.shape[2] if len(pixels.shape) == 3 else 1
        self.height: int = pixels.shape[0]
        self.width: int = pixels.shape[1]
        self.channels: int = self._colors + (alpha is not None)
        self.depth: int = 8 * self._pixels.itemsize

    @property
    def row_bytes(self) -> int:
        """Return the number of bytes per row, including the filter type."""
        return 1 + self.width * self.channels * self.depth // 8

    def filtered(self, start: int, stop: int, types: tuple[int, ...]) -> bytes:
        """Return rows as PNG stores them; see `Rows.filtered`."""
        from convcli.compiled import core  # late: it may not be installed

        pixels, alpha, first = self._readable(start, stop)
        choice = sum(1 << filter_type for filter_type in types)
        return core.png_filtered(pixels, self._colors, alpha, start - first, stop - first, choice)

    def entropy(self, filter_type: int, samples: list[tuple[int, int]]) -> float:
        """Return the number of bits that an ideal entropy code needs for filtered rows."""
        from convcli.compiled import core  # late: it may not be installed

        return core.entropy(b"".join(self.filtered(start, stop, (filter_type,)) for start, stop in samples))

    def run_compressor(self, samples: list[tuple[int, int]]) -> Compressor:  # noqa: ARG002 -- numpy needs them
        """Return a compressor that chooses filter types as it goes, by the entropy of a part of the rows."""
        return partial(self.compressed, only_runs=True)

    def match_compressors(self, best: int) -> list[Compressor]:  # noqa: ARG002 -- numpy needs it
        """Return one that leaves rows as they are, and one that chooses filter types as it goes."""
        return [partial(self.compressed, types=(NONE,)), self.compressed]

    def compressed(
        self, start: int, stop: int, types: tuple[int, ...] = (), *, only_runs: bool = False
    ) -> Strip:
        """Compress rows by themselves, by matches or only runs.

        Without filter types, they are chosen by the entropy of a part of the rows.
        """
        from convcli.compiled import core  # late: it may not be installed

        pixels, alpha, first = self._readable(start, stop)
        choice = sum(1 << filter_type for filter_type in types)
        data, checksum = core.png_strip(
            pixels, self._colors, alpha, start - first, stop - first, choice, only_runs, stop == self.height
        )
        return Strip(data, checksum, (stop - start) * self.row_bytes)

    def _readable(self, start: int, stop: int) -> tuple[Any, Any, int]:
        """Return pixels and alpha as the core reads them, and the number of their first row."""
        if _is_readable(self._pixels) and (self._alpha is None or _is_readable(self._alpha)):
            return self._pixels, self._alpha, 0
        first = max(start - 1, 0)
        rows = slice(first, stop)
        alpha = None if self._alpha is None else _native(np.asarray(self._alpha)[rows])
        return _native(np.asarray(self._pixels)[rows]), alpha, first


def _is_readable(samples: memoryview | NDArray[Any]) -> bool:
    return isinstance(samples, memoryview) or is_core_readable(samples)


def _native(samples: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(samples, samples.dtype.newbyteorder("="))

"""Convolution by the fast Fourier transform."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from typing import TypeAlias

from convcli.compiled.engine import is_compiled
from convcli.convolution.algorithms.per_channel import per_channel
from convcli.convolution.algorithms.steps import Algorithm, Array, Steps, block_starts
from convcli.convolution.buffers import BufferPool
from convcli.late_numpy import np
from convcli.sizes.windowed import Axis

__all__ = ["fast_length", "fourier", "tile_outputs", "transform_length"]

NUMPY_SIDE, CORE_SIDE = 512, 256  # pixels of a tile, at least: its transform fits the cache
TILES_AT_A_TIME = 2

TileCorrelation: TypeAlias = Callable[[Sequence[Array], tuple[int, int], int, BufferPool], Iterable[Array]]
"""Called with tiles, the shape of transforms, the number of rows to keep, and buffers; gives their sums."""


def fourier(taps: Array, rows: Axis, columns: Axis) -> Algorithm:
    """Multiply the transforms of tiles, which overlap by the kernel's extent, by the transform of the kernel.

    In float64 the errors are so small (see `EXACT_BY_FOURIER`) that rounding makes integers exact.
    """
    dilated = np.zeros((rows.extent, columns.extent))
    dilated[:: rows.dilation, :: columns.dilation] = taps
    tile = tile_outputs(columns)
    side = transform_length((tile - 1) * columns.stride + columns.extent)
    correlate = _in_core(dilated, rows.stride) if is_compiled() else _in_numpy(dilated, rows.stride)

    def make_steps(plane: Array, target: Array, buffers: BufferPool) -> Steps:
        return [partial(correlate_tiles, plane, target, buffers)]

    def correlate_tiles(plane: Array, target: Array, buffers: BufferPool) -> None:
        height, width = target.shape
        lines = (height - 1) * rows.stride + rows.extent
        shape = transform_length(lines), side
        starts = list(block_starts(width, tile))
        for first in range(0, len(starts), TILES_AT_A_TIME):
            some = starts[first : first + TILES_AT_A_TIME]
            tiles = [plane[:lines, start * columns.stride :][:, :side] for start in some]
            for start, sums in zip(some, correlate(tiles, shape, height, buffers), strict=True):
                into = target[:, start : start + tile]
                strided_sums = sums[:, : tile * columns.stride : columns.stride]
                if into.dtype.kind == "i":
                    np.rint(strided_sums, out=strided_sums)
                np.copyto(into, strided_sums, casting="unsafe")

    return per_channel(make_steps, taps, rows, columns)


def _in_core(kernel: Array, stride: int) -> TileCorrelation:
    """Correlate two tiles at a time: the real and the imaginary part of one matrix."""
    from convcli.compiled import core  # late: it may not be installed

    factors: dict[tuple[int, int], tuple[Array, Array]] = {}

    def kernel_transform(shape: tuple[int, int]) -> tuple[Array, Array]:
        if shape not in factors:
            real, imaginary = np.zeros(shape), np.zeros(shape)
            real[: len(kernel), : kernel.shape[1]] = kernel / math.prod(shape)
            core.fourier(real.data, imaginary.data)
            factors[shape] = real, np.negative(imaginary, out=imaginary)
        return factors[shape]

    def correlate(
        tiles: Sequence[Array], shape: tuple[int, int], height: int, buffers: BufferPool
    ) -> list[Array]:
        parts = [buffers.array(name, shape, np.dtype(float)) for name in ("real", "imaginary")]
        for number, part in enumerate(parts):
            pixels = tiles[number] if number < len(tiles) else np.zeros((0, 0))
            lines, width = pixels.shape
            part[:lines, :width] = pixels
            part[:lines, width:] = part[lines:] = 0
        core.fourier(*(part.data for part in (*parts, *kernel_transform(shape))))
        return [part[: height * stride : stride] for part in parts[: len(tiles)]]

    return correlate


def _in_numpy(kernel: Array, stride: int) -> TileCorrelation:
    transforms: dict[tuple[int, int], Array] = {}

    def kernel_transform(shape: tuple[int, int]) -> Array:
        if shape not in transforms:
            transforms[shape] = np.conj(np.fft.rfft2(kernel, shape))
        return transforms[shape]

    def correlate(
        tiles: Sequence[Array], shape: tuple[int, int], height: int, buffers: BufferPool
    ) -> Iterator[Array]:
        length, side = shape
        half, spectrum = (
            buffers.array(name, (length, side // 2 + 1), np.dtype(complex)) for name in ("half", "spectrum")
        )
        for tile in tiles:
            # Less work than rfft2: the inverse transforms only the rows that are kept.
            np.fft.rfft(tile, side, out=half[: len(tile)])
            half[len(tile) :] = 0
            np.fft.fft(half, axis=0, out=spectrum)
            np.multiply(spectrum, kernel_transform(shape), out=spectrum)
            np.fft.ifft(spectrum, axis=0, out=half)
            sums = buffers.array("sums", (height, side), tile.dtype)
            yield np.fft.irfft(half[: height * stride : stride], side, out=sums)

    return correlate


def tile_outputs(axis: Axis) -> int:
    """Return the number of outputs per tile: the tile fits the cache, and its overlap is small.

    The number of tiles is even and they are equally large, so that two CPU cores have the same work.
    """
    side = transform_length(max(CORE_SIDE if is_compiled() else NUMPY_SIDE, 4 * axis.extent))
    max_outputs = max(1, (side - axis.extent) // axis.stride + 1)
    if axis.output <= max_outputs:
        return axis.output
    count = 2 * -(-axis.output // (2 * max_outputs))
    side = transform_length((-(-axis.output // count) - 1) * axis.stride + axis.extent)
    return min((side - axis.extent) // axis.stride + 1, axis.output)


def transform_length(minimum: int) -> int:
    """Return the shortest length, at least `minimum`, that the engine transforms fast."""
    return max(8, 1 << (minimum - 1).bit_length()) if is_compiled() else fast_length(minimum)


@cache
def fast_length(minimum: int) -> int:
    """Return the smallest length, at least `minimum`, whose only prime factors are 2, 3 and 5.

    Examples
    --------
    >>> fast_length(37), fast_length(512)
    (40, 512)
    """
    shortest = 1 << (minimum - 1).bit_length()
    for fives in range(minimum.bit_length() // 2 + 1):
        for threes in range(minimum.bit_length() + 1):
            product = 5**fives * 3**threes
            shortest = min(shortest, product << max(0, -(-minimum // product) - 1).bit_length())
    return shortest

"""Convolution by the fast Fourier transform."""

from __future__ import annotations

from functools import cache, partial

from convcli.convolution.algorithms.per_channel import per_channel
from convcli.convolution.algorithms.steps import Algorithm, Array, Steps, block_starts
from convcli.convolution.buffers import BufferPool
from convcli.late_numpy import np
from convcli.sizes.windowed import Axis

__all__ = ["fast_length", "fourier", "tile_outputs"]


def fourier(taps: Array, rows: Axis, columns: Axis) -> Algorithm:
    """Multiply the transforms of tiles, which overlap by the kernel's extent, by the transform of the kernel.

    In float64 the errors are so small (see `EXACT_BY_FOURIER`) that rounding makes integers exact.
    """
    dilated = np.zeros((rows.extent, columns.extent))
    dilated[:: rows.dilation, :: columns.dilation] = taps
    transforms: dict[tuple[int, int], Array] = {}

    def kernel_transform(shape: tuple[int, int]) -> Array:
        if shape not in transforms:
            transforms[shape] = np.conj(np.fft.rfft2(dilated, shape))
        return transforms[shape]

    tile = tile_outputs(columns)
    side = fast_length((tile - 1) * columns.stride + columns.extent)

    def make_steps(plane: Array, target: Array, buffers: BufferPool) -> Steps:
        return [partial(convolve_tiles, plane, target, buffers)]

    def convolve_tiles(plane: Array, target: Array, buffers: BufferPool) -> None:
        height, width = target.shape
        lines = (height - 1) * rows.stride + rows.extent
        shape = fast_length(lines), side // 2 + 1
        half, spectrum = (buffers.array(name, shape, np.dtype(complex)) for name in ("half", "spectrum"))
        sums = buffers.array("sums", (height, side), plane.dtype)
        for start in block_starts(width, tile):
            into = target[:, start : start + tile]
            # Less work than rfft2: the inverse transforms only the rows that are kept.
            np.fft.rfft(plane[:lines, start * columns.stride :][:, :side], side, out=half[:lines])
            half[lines:] = 0
            np.fft.fft(half, axis=0, out=spectrum)
            np.multiply(spectrum, kernel_transform((shape[0], side)), out=spectrum)
            np.fft.ifft(spectrum, axis=0, out=half)
            np.fft.irfft(half[: lines - rows.extent + 1 : rows.stride], side, out=sums)
            strided_sums = sums[:, : tile * columns.stride : columns.stride]
            if into.dtype.kind == "i":
                np.rint(strided_sums, out=strided_sums)
            np.copyto(into, strided_sums, casting="unsafe")

    return per_channel(make_steps, taps, rows, columns)


def tile_outputs(axis: Axis) -> int:
    """Return the number of outputs per tile: the tile fits the cache, and its overlap is small.

    The number of tiles is even and they are equally large, so that two CPU cores have the same work.
    """
    max_outputs = max(1, (max(512, 4 * axis.extent) - axis.extent) // axis.stride + 1)
    if axis.output <= max_outputs:
        return axis.output
    count = 2 * -(-axis.output // (2 * max_outputs))
    side = fast_length((-(-axis.output // count) - 1) * axis.stride + axis.extent)
    return min((side - axis.extent) // axis.stride + 1, axis.output)


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

"""Convolution by the fast Fourier transform."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache

from convcli.compiled.engine import is_compiled
from convcli.convolution.algorithms.definitions import Algorithm, Array, block_starts
from convcli.convolution.algorithms.direct import per_channel
from convcli.convolution.buffers import BufferPool
from convcli.late_numpy import np
from convcli.sizes.windowed import Axis

__all__ = ["fourier", "tile_outputs", "transform_length"]

NUMPY_SIDE, CORE_SIDE = 512, 256  # pixels of a tile, at least: its transform fits the cache


def fourier(taps: Array, rows: Axis, columns: Axis) -> Algorithm:
    """Multiply the transforms of tiles, which overlap by the kernel's extent, by the transform of the kernel.

    Two tiles are transformed at a time: the real and the imaginary part of one matrix. In float64 the errors
    are so small (see `EXACT_BY_FOURIER`) that rounding makes integers exact.
    """
    kernel = np.zeros((rows.extent, columns.extent))
    kernel[:: rows.dilation, :: columns.dilation] = taps
    tile = tile_outputs(columns)
    side = transform_length((tile - 1) * columns.stride + columns.extent)
    make_multiply = cache(lambda shape: _make_multiply(kernel, shape))

    def correlate(plane: Array, target: Array, buffers: BufferPool) -> Iterator[None]:
        height, width = target.shape
        lines = (height - 1) * rows.stride + rows.extent
        shape = transform_length(lines), side
        multiply = make_multiply(shape)
        parts = [buffers.array(name, shape, np.dtype(float)) for name in ("real", "imaginary")]
        starts = list(block_starts(width, tile))
        for first in range(0, len(starts), len(parts)):
            pair = list(zip(parts, starts[first:], strict=False))
            for part in parts:
                part.fill(0)
            for part, start in pair:
                pixels = plane[:lines, start * columns.stride :][:, :side]
                part[:lines, : pixels.shape[1]] = pixels
            multiply(*parts)
            for part, start in pair:
                into = target[:, start : start + tile]
                sums = part[: height * rows.stride : rows.stride, : tile * columns.stride : columns.stride]
                if into.dtype.kind == "i":
                    np.rint(sums, out=sums)
                np.copyto(into, sums, casting="unsafe")
            yield

    return per_channel(correlate, taps, rows, columns)


def _make_multiply(kernel: Array, shape: tuple[int, int]) -> Callable[[Array, Array], None]:
    """Return what multiplies the transform of a complex matrix, given in two parts, by that of the kernel."""
    if not is_compiled():
        factors = np.conj(np.fft.fft2(kernel, shape))

        def multiply(real: Array, imaginary: Array) -> None:
            sums = np.fft.ifft2(np.fft.fft2(real + 1j * imaginary) * factors)
            real[...], imaginary[...] = sums.real, sums.imag

        return multiply
    from convcli.compiled import core  # late: it may not be installed

    real, imaginary = np.zeros(shape), np.zeros(shape)
    real[: len(kernel), : kernel.shape[1]] = kernel / math.prod(shape)
    core.fourier(real.data, imaginary.data)
    np.negative(imaginary, out=imaginary)
    return lambda *parts: core.fourier(*(part.data for part in (*parts, real, imaginary)))


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
    """Return a length, at least `minimum`, that the engine transforms fast.

    The core needs a power of two; numpy takes a product of 2, 3 and 5, which is at most a quarter longer.
    """
    power = max(16, 1 << (minimum - 1).bit_length())
    sixteenths = (16,) if is_compiled() else (9, 10, 12, 15, 16)
    return next(power * part // 16 for part in sixteenths if power * part >= 16 * minimum)

"""Winograd's F(4x4, 3x3): 16 outputs of a 3x3 filter with 36 multiplications instead of 144.

Tiles of 6x6 activations overlap by two. With the matrices B, G, A of the source, a tile d and a filter g give
the outputs ``Aᵀ[(G g Gᵀ) ∘ (Bᵀ d B)]A``. Summed over channels, each of the 36 positions is a matrix product.
With numpy, the transforms are matrix products, too, of a tile's 36 pixels with the Kronecker product
``Bᵀ ⊗ Bᵀ``, which BLAS computes faster than numpy adds.

The sums differ from those of the definition and round differently: results of integers are not exact. In
float32 the error is below ``eps (n_c_prev + 90) n_c_prev 6000 max|w| max|a_prev|``, which follows from the
magnitudes in the matrices. For normally distributed values it is about 30 times that of direct products, 1e-5
of the largest output.

Source: A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural Networks, 2016.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from convcli.convolution.algorithms.definitions import BLAS_SINGLE_THREAD_LIMIT
from convcli.convolution.buffers import BufferPool
from convcli.layers.im2col import LayerAlgorithm, zero_padded
from convcli.sizes.windowed import Axis

__all__ = [
    "MIN_CHANNELS",
    "TILE",
    "TILE_INPUTS",
    "suits_winograd",
    "transform_weights",
    "winograd",
    "winograd_fits_one_blas_thread",
]

Array = NDArray[Any]

TILE = 4  # outputs per tile, vertically and horizontally
INPUT_TILE = TILE + 2  # activations per tile, vertically and horizontally
TILE_INPUTS = INPUT_TILE * INPUT_TILE
MIN_CHANNELS = 16  # with fewer channels the transforms take longer than the products
MIN_TILES = 8  # minimum per product

FILTER_TRANSFORM = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)
INPUT_TRANSFORM = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
OUTPUT_TRANSFORM = np.array(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
)
WEIGHT_TRANSFORM_2D = np.kron(FILTER_TRANSFORM, FILTER_TRANSFORM)
INPUT_TRANSFORM_2D = np.kron(INPUT_TRANSFORM, INPUT_TRANSFORM).astype(np.float32)
OUTPUT_TRANSFORM_2D = np.kron(OUTPUT_TRANSFORM, OUTPUT_TRANSFORM).astype(np.float32)


def suits_winograd(w: Array, rows: Axis, columns: Axis, groups: int) -> bool:
    """Return whether this algorithm supports the layer and is faster for it."""
    if (rows.stride, columns.stride, rows.dilation, columns.dilation, groups) != (1, 1, 1, 1, 1):
        return False
    if w.dtype.type is not np.float32 or w.shape[:2] != (3, 3) or min(w.shape[2:]) < MIN_CHANNELS:
        return False
    return min(rows.output, columns.output) >= TILE


def winograd_fits_one_blas_thread(w: Array) -> bool:
    """Return whether its products run on one BLAS thread, which leaves other cores to our threads."""
    largest: int = max(MIN_TILES * w.shape[2] * w.shape[3], TILE_INPUTS * TILE_INPUTS * max(w.shape[2:]))
    return largest <= BLAS_SINGLE_THREAD_LIMIT


def transform_weights(w: Array, buffers: BufferPool) -> Array:
    """Return the weights ``(3, 3, n_c_prev, n_c)`` of each of the 36 positions, ``(36, n_c_prev, n_c)``."""
    # One product per channel, so small that BLAS starts no threads.
    by_channel = buffers.array("taps", (w.shape[2], 9, w.shape[3]), np.dtype(np.float64))
    by_channel[...] = w.reshape(9, *w.shape[2:]).transpose(1, 0, 2)
    transformed = buffers.array("transformed", (w.shape[2], TILE_INPUTS, w.shape[3]), by_channel.dtype)
    np.matmul(WEIGHT_TRANSFORM_2D, by_channel, out=transformed)
    return transformed.transpose(1, 0, 2)


def winograd(w: Array, bias: Array, rows: Axis, columns: Axis) -> LayerAlgorithm:
    """Return the algorithm for filters ``(3, 3, n_c_prev, n_c)``; it adds the bias."""
    with BufferPool.borrow() as buffers:
        matrices = transform_weights(w, buffers).astype(np.float32, order="C")
    tile_columns = -(-columns.output // TILE)
    in_channels, out_channels = w.shape[2:]
    strip_columns = range(-columns.before, tile_columns * TILE + 2 - columns.before)

    def compute(images: Array, first: tuple[int, int], target: Array, buffers: BufferPool) -> None:
        outputs = target.shape[1]
        tile_rows = -(-outputs // TILE)
        start = first[0] - rows.before
        strip = zero_padded(images, range(start, start + tile_rows * TILE + 2), strip_columns, buffers)
        count = len(strip) * tile_rows * tile_columns
        image, row, column, channel = strip.strides
        tiles = as_strided(
            strip,
            (len(strip), tile_rows, tile_columns, INPUT_TILE, INPUT_TILE, in_channels),
            (image, TILE * row, TILE * column, row, column, channel),
            writeable=False,
        )
        pixels = buffers.array("first", (count, TILE_INPUTS, in_channels), w.dtype)
        np.copyto(pixels.reshape(tiles.shape), tiles)
        transformed = buffers.array("second", pixels.shape, w.dtype)
        np.matmul(INPUT_TRANSFORM_2D, pixels, out=transformed)
        sums = buffers.array("first", (count, TILE_INPUTS, out_channels), w.dtype)
        np.matmul(transformed.transpose(1, 0, 2), matrices, out=sums.transpose(1, 0, 2))
        results = buffers.array("second", (count, TILE * TILE, out_channels), w.dtype)
        np.matmul(OUTPUT_TRANSFORM_2D, sums, out=results)
        ordered = results.reshape(len(strip), tile_rows, tile_columns, TILE, TILE, out_channels).transpose(
            0, 1, 3, 2, 4, 5
        )
        if outputs % TILE == 0 and columns.output % TILE == 0:
            target.reshape(ordered.shape)[...] = ordered
        else:
            tiled = ordered.reshape(len(strip), tile_rows * TILE, tile_columns * TILE, out_channels)
            target[...] = tiled[:, :outputs, : columns.output]
        np.add(target, bias, out=target)

    return compute

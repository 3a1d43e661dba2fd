"""The algorithms of convolution layers in the compiled core: sums of products, dense and depthwise."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.convolution.buffers import BufferPool
from convcli.layers.im2col import LayerAlgorithm
from convcli.sizes.windowed import Axis

__all__ = ["compiled_depthwise", "compiled_products"]

Array = NDArray[Any]

BLOCK_BYTES = 64  # the core computes filters in blocks of this size


def compiled_products(w: Array, bias: Array, rows: Axis, columns: Axis, groups: int) -> LayerAlgorithm:
    """Multiply windows by the weights ``(f_h, f_w, n_c_prev / groups, n_c)`` of each group, add the bias."""
    from convcli.compiled import core  # late: it may not be installed

    in_channels, out_channels = w.shape[2], w.shape[3] // groups
    matrix = np.vstack([w.reshape(-1, w.shape[3]), bias])
    blocks = [_in_blocks(part) for part in np.split(matrix, groups, axis=1)]

    def compute(images: Array, first: int, target: Array, _: BufferPool) -> None:
        for group, weights in enumerate(blocks):
            part = images[..., in_channels * group : in_channels * (group + 1)]
            results = target[..., out_channels * group : out_channels * (group + 1)]
            core.layer_products(part.data, weights.data, results.data, *_geometry(rows, columns, first))

    return compute


def compiled_depthwise(w: Array, bias: Array, rows: Axis, columns: Axis) -> LayerAlgorithm:
    """Multiply each channel by its own weights ``(f_h, f_w, 1, n_c)``, add the bias."""
    from convcli.compiled import core  # late: it may not be installed

    matrix = np.vstack([w.reshape(-1, w.shape[3]), bias])
    # The core's vectors may begin at any channel.
    channels = np.arange(w.shape[3] + BLOCK_BYTES // w.itemsize) % w.shape[3]
    weights = matrix.take(channels, axis=1)

    def compute(images: Array, first: int, target: Array, _: BufferPool) -> None:
        core.layer_depthwise(images.data, weights.data, target.data, *_geometry(rows, columns, first))

    return compute


def _in_blocks(matrix: Array) -> Array:
    """Return the columns of a matrix in blocks ``(blocks, rows, columns per block)``, the last filled up."""
    size = BLOCK_BYTES // matrix.itemsize
    count = -(-matrix.shape[1] // size)
    blocks: Array = np.zeros((count, len(matrix), size), matrix.dtype)
    for number, block in enumerate(blocks):
        part = matrix[:, size * number : size * (number + 1)]
        block[:, : part.shape[1]] = part
    return blocks


def _geometry(rows: Axis, columns: Axis, first: int) -> tuple[tuple[int, int], ...]:
    """Return window, stride and dilation, and where the window of output row `first` begins."""
    start = first * rows.stride - rows.before, -columns.before
    return (
        (rows.window, columns.window),
        (rows.stride, columns.stride),
        (rows.dilation, columns.dilation),
        start,
    )

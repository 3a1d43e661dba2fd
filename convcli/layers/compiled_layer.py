"""The algorithms of convolution layers in the compiled core: sums of products, depthwise and Winograd's."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.convolution.buffers import BufferPool
from convcli.layers.im2col import LayerAlgorithm
from convcli.layers.winograd import TILE_INPUTS, transform_weights
from convcli.sizes.windowed import Axis

__all__ = ["compiled_depthwise", "compiled_products", "compiled_winograd"]

Array = NDArray[Any]

BIAS_POSITION = 7  # row and column 1 of the 6x6 positions, which add to all outputs of a tile
BLOCK_BYTES = 64  # the core computes filters in blocks of this size


def compiled_products(
    w: Array, bias: Array, rows: Axis, columns: Axis, groups: int, buffers: BufferPool
) -> LayerAlgorithm:
    """Multiply windows by the weights ``(f_h, f_w, n_c_prev / groups, n_c)`` of each group, add the bias."""
    from convcli.compiled import core  # late: it may not be installed

    in_channels, out_channels = w.shape[2], w.shape[3] // groups
    taps = w[..., 0].size
    weights = _blocks((groups,), (taps + 1,), out_channels, w.dtype, buffers)
    for group, blocks in enumerate(weights):
        filters = slice(out_channels * group, out_channels * (group + 1))
        _fill(blocks[:, :-1], w.reshape(taps, -1)[:, filters])
        _fill(blocks[:, -1], bias[filters])
    geometry = _geometry(rows, columns)

    def compute(images: Array, first: tuple[int, int], target: Array, _: BufferPool) -> None:
        start = _start(rows, columns, first)
        for group, blocks in enumerate(weights):
            part = images[..., in_channels * group : in_channels * (group + 1)]
            results = target[..., out_channels * group : out_channels * (group + 1)]
            core.layer_products(part.data, blocks.data, results.data, *geometry, start)

    return compute


def compiled_winograd(
    w: Array, bias: Array, rows: Axis, columns: Axis, buffers: BufferPool
) -> LayerAlgorithm:
    """Convolve by `convcli.layers.winograd` with filters ``(3, 3, n_c_prev, n_c)``, add the bias."""
    from convcli.compiled import core  # late: it may not be installed

    channels, filters = w.shape[2:]
    weights = _blocks((), (TILE_INPUTS, channels + 1), filters, w.dtype, buffers)
    _fill(weights[:, :, :-1], transform_weights(w, buffers))
    weights[:, :, -1] = 0
    _fill(weights[:, BIAS_POSITION, -1], bias)
    weights = weights.reshape(len(weights), -1, weights.shape[3])

    def compute(images: Array, first: tuple[int, int], target: Array, _: BufferPool) -> None:
        core.layer_winograd(images.data, weights.data, target.data, _start(rows, columns, first))

    return compute


def compiled_depthwise(w: Array, bias: Array, rows: Axis, columns: Axis) -> LayerAlgorithm:
    """Multiply each channel by its own weights ``(f_h, f_w, 1, n_c)``, add the bias."""
    from convcli.compiled import core  # late: it may not be installed

    taps, channels = w[..., 0].size, w.shape[3]
    weights = np.empty((taps + 1, channels + BLOCK_BYTES // w.itemsize), w.dtype)
    weights[:-1, :channels] = w.reshape(taps, channels)
    weights[-1, :channels] = bias
    for start in range(channels, weights.shape[1], channels):  # the core's vectors may begin at any channel
        repeated = weights[:, start : start + channels]
        repeated[...] = weights[:, : repeated.shape[1]]
    geometry = _geometry(rows, columns)

    def compute(images: Array, first: tuple[int, int], target: Array, _: BufferPool) -> None:
        start = _start(rows, columns, first)
        core.layer_depthwise(images.data, weights.data, target.data, *geometry, start)

    return compute


def _blocks(
    groups: tuple[int, ...], rows: tuple[int, ...], filters: int, dtype: np.dtype[Any], buffers: BufferPool
) -> Array:
    """Return an array ``(*groups, blocks, *rows, filters per block)`` for weights, not initialized."""
    size = BLOCK_BYTES // dtype.itemsize
    return buffers.array("weights", (*groups, -(-filters // size), *rows, size), dtype)


def _fill(blocks: Array, weights: Array) -> None:
    """Copy weights ``(..., filters)`` to blocks ``(blocks, ..., filters per block)``; fill up with zeros."""
    size = blocks.shape[-1]
    full, rest = divmod(weights.shape[-1], size)
    whole = weights[..., : full * size].reshape(*weights.shape[:-1], full, size)
    blocks[:full] = np.moveaxis(whole, -2, 0)
    if rest:
        blocks[full, ..., :rest] = weights[..., full * size :]
        blocks[full, ..., rest:] = 0


def _geometry(rows: Axis, columns: Axis) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Return window, stride and dilation."""
    return (rows.window, columns.window), (rows.stride, columns.stride), (rows.dilation, columns.dilation)


def _start(rows: Axis, columns: Axis, first: tuple[int, int]) -> tuple[int, int]:
    """Return where the window of output `first` begins."""
    return first[0] * rows.stride - rows.before, first[1] * columns.stride - columns.before

"""The algorithms of convolution layers, except Winograd's: im2col with a matrix product, and depthwise sums.

im2col copies the window (patch) of each output into a row of a matrix. An algorithm computes some output rows
of some images: it receives the images ``(m, n_h_prev, n_w_prev, n_c_prev)``, the row and column of the first
output, and the target ``(m, rows, columns, n_c)`` to fill. Only the compiled core can compute some columns.
It pads only as far as it needs to.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from convcli.convolution.algorithms.definitions import BLAS_SINGLE_THREAD_LIMIT
from convcli.convolution.buffers import BufferPool
from convcli.sizes.windowed import Axis

__all__ = [
    "LayerAlgorithm",
    "depthwise",
    "fits_one_blas_thread",
    "im2col",
    "im2col_matmul",
    "read_rows",
    "zero_padded",
]

Array = NDArray[Any]
LayerAlgorithm = Callable[[Array, tuple[int, int], Array, BufferPool], None]

MIN_ROWS = 16  # minimum for a product; with fewer, reading the weights takes longer than multiplying
MAX_LINE = 1 << 9  # values per line of einsum's inner loop; longer lines gain nothing


def zero_padded(images: Array, rows: range, columns: range, buffers: BufferPool) -> Array:
    """Return some rows and columns of images, zero outside them; a view if none is outside."""
    height, width = images.shape[1:3]
    top, left = max(rows.start, 0), max(columns.start, 0)
    bottom, right = max(min(rows.stop, height), top), max(min(columns.stop, width), left)
    inner = images[:, top:bottom, left:right]
    if inner.shape[1:3] == (len(rows), len(columns)):
        return inner
    strip = buffers.array("padded", (len(images), len(rows), len(columns), images.shape[3]), images.dtype)
    above, before = top - rows.start, left - columns.start
    below, after = above + inner.shape[1], before + inner.shape[2]
    strip[:, :above] = strip[:, below:] = 0
    strip[:, above:below, :before] = strip[:, above:below, after:] = 0
    strip[:, above:below, before:after] = inner
    return strip


def read_rows(
    images: Array, rows: Axis, columns: Axis, first: int, outputs: int, buffers: BufferPool
) -> Array:
    """Return what the windows of some output rows read, with the padding."""
    start = first * rows.stride - rows.before
    down = range(start, start + (outputs - 1) * rows.stride + rows.extent)
    across = range(-columns.before, (columns.output - 1) * columns.stride + columns.extent - columns.before)
    return zero_padded(images, down, across, buffers)


def _windows(
    images: Array, rows: Axis, columns: Axis, first: int, outputs: int, buffers: BufferPool
) -> Array:
    """Return the window of each output, ``(m, outputs, n_w, f_h, f_w, n_c_prev)``."""
    strip = read_rows(images, rows, columns, first, outputs, buffers)
    shape = (len(strip), outputs, columns.output, rows.window, columns.window, strip.shape[3])
    image, row, column, channel = strip.strides
    steps = image, row * rows.stride, column * columns.stride, row * rows.dilation, column * columns.dilation
    return as_strided(strip, shape, (*steps, channel), writeable=False)


def im2col(images: Array, rows: Axis, columns: Axis, first: int, outputs: int, buffers: BufferPool) -> Array:
    """Return the windows of some output rows as rows of a matrix: a copy, except for 1x1 windows."""
    windows = _windows(images, rows, columns, first, outputs, buffers)
    shape = math.prod(windows.shape[:3]), math.prod(windows.shape[3:])
    if windows.flags.c_contiguous:
        return windows.reshape(shape)
    patches = buffers.array("patches", shape, windows.dtype)
    np.copyto(patches.reshape(windows.shape), windows)
    return patches


def im2col_matmul(w: Array, bias: Array, rows: Axis, columns: Axis, groups: int) -> LayerAlgorithm:
    """Multiply patches by the weights ``(f_h, f_w, n_c_prev / groups, n_c)`` of each group, add the bias."""
    in_channels, out_channels = w.shape[2], w.shape[3] // groups
    matrices = [
        np.ascontiguousarray(w[..., out_channels * group : out_channels * (group + 1)]).reshape(
            -1, out_channels
        )
        for group in range(groups)
    ]

    def multiply(images: Array, first: tuple[int, int], target: Array, buffers: BufferPool) -> None:
        results = target.reshape(-1, w.shape[3])
        for group, matrix in enumerate(matrices):
            part = images[..., in_channels * group : in_channels * (group + 1)]
            patches = im2col(part, rows, columns, first[0], target.shape[1], buffers)
            _multiply(patches, matrix, results[:, out_channels * group : out_channels * (group + 1)])
        np.add(results, bias, out=results)

    return multiply


def _multiply(patches: Array, matrix: Array, target: Array) -> None:
    """Multiply in blocks so small that BLAS starts no threads of its own, unless that would be slow."""
    block = BLAS_SINGLE_THREAD_LIMIT // matrix.size
    if not MIN_ROWS <= block < len(patches) or not target.flags.c_contiguous:
        np.matmul(patches, matrix, out=target)
        return
    full = len(patches) // block * block
    np.matmul(
        patches[:full].reshape(-1, block, len(matrix)),
        matrix,
        out=target[:full].reshape(-1, block, matrix.shape[1]),
    )
    if full < len(patches):
        np.matmul(patches[full:], matrix, out=target[full:])


def fits_one_blas_thread(w: Array, groups: int) -> bool:
    """Return whether products by these weights run on one BLAS thread, which leaves other cores to ours."""
    return w.size // groups * MIN_ROWS <= BLAS_SINGLE_THREAD_LIMIT


def depthwise(w: Array, bias: Array, rows: Axis, columns: Axis) -> LayerAlgorithm:
    """Multiply each channel by its own weights ``(f_h, f_w, 1, n_c)`` and sum, in one pass; add the bias.

    Uses einsum, which adds products to a whole line of the target; a matrix product would have a single
    column.
    """
    out_channels = w.shape[3]
    joins_columns = columns.stride == 1 and out_channels < MAX_LINE
    taps = np.tile(w[:, :, 0], (1, 1, columns.output)) if joins_columns else w[:, :, 0]

    def sum_products(images: Array, first: tuple[int, int], target: Array, buffers: BufferPool) -> None:
        if images.shape[3] < out_channels:  # several filters per channel
            images = np.repeat(images, out_channels // images.shape[3], axis=3)
        windows = _windows(images, rows, columns, first[0], target.shape[1], buffers)
        if joins_columns and (
            windows.shape[2] == 1 or windows.strides[2] == out_channels * windows.strides[5]
        ):
            # The channels of all columns form one line.
            images_, height, width, f_h, f_w, _ = windows.shape
            line = (images_, height, f_h, f_w, width * out_channels)
            flat = as_strided(windows, line, (*windows.strides[:2], *windows.strides[3:]), writeable=False)
            np.einsum("nryxl,yxl->nrl", flat, taps, out=target.reshape(images_, height, -1))
        else:
            np.einsum("nrcyxl,yxl->nrcl", windows, w[:, :, 0], out=target)
        np.add(target, bias, out=target)

    return sum_products

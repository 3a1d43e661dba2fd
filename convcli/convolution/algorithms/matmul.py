"""Convolution as products with banded matrices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from convcli.convolution.algorithms.definitions import (
    BLAS_SINGLE_THREAD_LIMIT,
    IDENTITY_AXIS,
    Algorithm,
    Array,
    Factors,
    block_size,
)
from convcli.convolution.algorithms.direct import columns_then_rows, per_channel
from convcli.convolution.buffers import BufferPool
from convcli.late_numpy import np
from convcli.sizes.windowed import Axis

__all__ = ["banded_matmul", "separable_matmul"]


def separable_matmul(
    factors: Factors, rows: Axis, columns: Axis, taps: Array, dtype: np.dtype[Any]
) -> Algorithm:
    """Apply a column of taps, then a row of taps, by banded matrix products in `dtype`."""
    passes = [
        (
            _transposed(_bands(column[None, :], IDENTITY_AXIS, rows, dtype)),
            _bands(row[None, :], IDENTITY_AXIS, columns, dtype),
        )
        for column, row in factors
    ]
    return per_channel(columns_then_rows(passes), taps, rows, columns)


def banded_matmul(taps: Array, rows: Axis, columns: Axis, dtype: np.dtype[Any]) -> Algorithm:
    """Apply each row of taps by banded matrix products in `dtype`, and add the results."""
    return per_channel(_bands(taps, rows, columns, dtype), taps, rows, columns)


def _transposed(algorithm: Algorithm) -> Algorithm:
    return lambda plane, target, buffers: algorithm(plane.T, target.T, buffers)


def _banded_matrix(taps: Array, axis: Axis, dtype: np.dtype[Any], block: int) -> Array:
    """Return a matrix (pixels, outputs) that holds the line of taps at the position of each output."""
    band = np.zeros(((block - 1) * axis.stride + axis.extent, block), dtype)
    for output in range(block):
        start = output * axis.stride
        band[start : start + axis.extent : axis.dilation, output] = taps
    return band


def _bands(taps: Array, rows: Axis, columns: Axis, dtype: np.dtype[Any]) -> Algorithm:
    """Multiply blocks of neighboring pixels of a row by a banded matrix for each row of taps."""
    largest_block = min(block_size(columns), columns.output)
    bands = [_banded_matrix(row, columns, dtype, largest_block) for row in taps]
    max_rows = max(1, BLAS_SINGLE_THREAD_LIMIT // bands[0].size)

    def correlate(plane: Array, target: Array, buffers: BufferPool) -> Iterator[None]:
        width = target.shape[1]
        block = min(largest_block, width)
        for top in range(0, len(target), max_rows):
            into, source = target[top : top + max_rows], plane[top * rows.stride :]
            multiply(source, into, block, width // block, buffers)
            if width % block:  # the last block overlaps the one before
                last = width - block
                multiply(source[:, last * columns.stride :], into[:, last:], block, 1, buffers)
            yield

    def multiply(plane: Array, target: Array, block: int, count: int, buffers: BufferPool) -> None:
        """Compute the first `count` blocks of the target."""
        height, pixels = len(target), (block - 1) * columns.stride + columns.extent
        outputs = _blocks(target, (count, height, block), across=block, down=1)
        is_direct = len(bands) == 1 and target.dtype == dtype and dtype.itemsize in target.strides
        sums = outputs if is_direct else buffers.array("sums", outputs.shape, dtype)
        for number, band in enumerate(bands):
            windows = _blocks(
                plane[number * rows.dilation :],
                (count, height, pixels),
                across=block * columns.stride,
                down=rows.stride,
            )
            products = buffers.array("products", outputs.shape, dtype) if number else sums
            np.matmul(windows, band[:pixels, :block], out=products)
            if number:
                np.add(sums, products, out=sums)
        if not is_direct:
            np.copyto(outputs, sums, casting="unsafe")

    return correlate


def _blocks(plane: Array, shape: tuple[int, int, int], *, across: int, down: int) -> Array:
    """Return a stack of blocks of a plane: their pixels from block to block, and from row to row."""
    line, item = plane.strides
    return np.lib.stride_tricks.as_strided(plane, shape, (across * item, down * line, item))

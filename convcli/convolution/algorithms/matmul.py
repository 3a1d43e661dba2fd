"""Convolution as products with banded matrices."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from convcli.convolution.algorithms.direct import columns_then_rows
from convcli.convolution.algorithms.per_channel import per_channel
from convcli.convolution.algorithms.steps import (
    BLAS_SINGLE_THREAD_LIMIT,
    IDENTITY_AXIS,
    Algorithm,
    Array,
    Factors,
    Steps,
    add_into,
    block_size,
    block_starts,
)
from convcli.convolution.buffers import BufferPool
from convcli.late_numpy import np
from convcli.sizes.windowed import Axis

__all__ = ["banded_matmul", "separable_matmul"]


def separable_matmul(
    factors: Factors, rows: Axis, columns: Axis, taps: Array, dtype: np.dtype[Any]
) -> Algorithm:
    """Apply a column of taps, then a row of taps, by banded matrix products in `dtype`."""
    passes = [
        (_column_bands(column, rows, dtype), _row_bands(row[None, :], IDENTITY_AXIS, columns, dtype))
        for column, row in factors
    ]
    return per_channel(columns_then_rows(passes), taps, rows, columns)


def banded_matmul(taps: Array, rows: Axis, columns: Axis, dtype: np.dtype[Any]) -> Algorithm:
    """Apply each row of taps by banded matrix products in `dtype`, and add the results."""
    return per_channel(_row_bands(taps, rows, columns, dtype), taps, rows, columns)


def _banded_matrix(taps: Array, axis: Axis, dtype: np.dtype[Any], block: int) -> Array:
    """Return a matrix (pixels, outputs) that holds the line of taps at the position of each output."""
    band = np.zeros(((block - 1) * axis.stride + axis.extent, block), dtype)
    for output in range(block):
        start = output * axis.stride
        band[start : start + axis.extent : axis.dilation, output] = taps
    return band


def _column_bands(column: Array, rows: Axis, dtype: np.dtype[Any]) -> Algorithm:
    """Multiply a banded matrix by blocks of the strip's rows."""
    block = min(block_size(rows), rows.output)
    band = _banded_matrix(column, rows, dtype, block).T.copy()
    width = max(1, BLAS_SINGLE_THREAD_LIMIT // band.size)

    def make_steps(strip: Array, target: Array, _: BufferPool) -> Steps:
        steps: Steps = []
        height = min(block, len(target))
        band_part = band[:height, : (height - 1) * rows.stride + rows.extent]
        for top in block_starts(len(target), height):
            start = top * rows.stride
            source, into = strip[start : start + band_part.shape[1]], target[top : top + height]
            for pixels, sums in zip(_column_chunks(source, width), _column_chunks(into, width), strict=True):
                steps.append(partial(np.matmul, band_part, pixels, out=sums))
        return steps

    return make_steps


def _row_bands(taps: Array, rows: Axis, columns: Axis, dtype: np.dtype[Any]) -> Algorithm:
    """Multiply blocks of neighboring pixels of a row by a banded matrix for each row of taps."""
    block = min(block_size(columns), columns.output)
    bands = [_banded_matrix(row, columns, dtype, block) for row in taps]
    max_rows = max(1, BLAS_SINGLE_THREAD_LIMIT // bands[0].size)

    def make_steps(plane: Array, target: Array, buffers: BufferPool) -> Steps:
        steps: Steps = []
        last = target.shape[1] - block
        for top in range(0, len(target), max_rows):
            into, source = target[top : top + max_rows], plane[top * rows.stride :]
            if last:
                steps += multiply(source, into, -(-last // block), buffers)
            steps += multiply(source[:, last * columns.stride :], into[:, last:], 1, buffers)
        return steps

    def multiply(plane: Array, target: Array, count: int, buffers: BufferPool) -> Steps:
        """Return the steps that compute the first `count` blocks of the target."""
        height = len(target)
        outputs = _blocks(target, (count, height, block), across=block, down=1)
        is_direct = len(bands) == 1 and target.dtype == dtype and target.strides[1] == dtype.itemsize
        sums = outputs if is_direct else buffers.array("sums", outputs.shape, dtype)
        steps: Steps = []
        for number, band in enumerate(bands):
            windows = _blocks(
                plane[number * rows.dilation :],
                (count, height, len(band)),
                across=block * columns.stride,
                down=rows.stride,
            )
            products = buffers.array("products", outputs.shape, dtype) if number else sums
            steps.append(partial(np.matmul, windows, band, out=products))
            if number:
                steps.append(add_into(sums, products, False))
        if not is_direct:
            steps.append(partial(np.copyto, outputs, sums, casting="unsafe"))
        return steps

    return make_steps


def _column_chunks(plane: Array, width: int) -> Iterator[Array]:
    """Yield a plane cut into chunks of columns: a stack of the full ones, then the rest."""
    count, rest = divmod(plane.shape[1], width)
    if count:
        yield _blocks(plane, (count, len(plane), width), across=width, down=1)
    if rest:
        yield plane[:, count * width :]


def _blocks(plane: Array, shape: tuple[int, int, int], *, across: int, down: int) -> Array:
    """Return a stack of blocks of a plane: their pixels from block to block, and from row to row."""
    line, item = plane.strides
    return np.lib.stride_tricks.as_strided(plane, shape, (across * item, down * line, item))

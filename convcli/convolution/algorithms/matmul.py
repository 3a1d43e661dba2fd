"""Convolution as products with banded matrices."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from convcli.convolution.algorithms.direct import columns_then_rows
from convcli.convolution.algorithms.per_channel import per_channel
from convcli.convolution.algorithms.steps import (
    BLAS_SINGLE_THREAD_LIMIT,
    IDENTITY_AXIS,
    Algorithm,
    Array,
    Factors,
    Steps,
    block_size,
    block_starts,
    column_chunks,
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


def _column_bands(column: Array, rows: Axis, dtype: np.dtype[Any]) -> Algorithm:
    """Multiply a banded matrix, which holds the column at each position, by blocks of the strip's rows."""
    block = min(block_size(rows), rows.output)
    band = _banded_matrix(column[None, :], rows, dtype, block)[0].T.copy()
    width = max(1, BLAS_SINGLE_THREAD_LIMIT // band.size)

    def make_steps(strip: Array, target: Array, _: BufferPool) -> Steps:
        steps: Steps = []
        height = min(block, len(target))
        band_part = band[:height, : (height - 1) * rows.stride + rows.extent]
        for top in block_starts(len(target), height):
            start = top * rows.stride
            source, into = strip[start : start + band_part.shape[1]], target[top : top + height]
            for pixels, sums in zip(column_chunks(source, width), column_chunks(into, width), strict=True):
                steps.append(partial(np.matmul, band_part, pixels, out=sums))
        return steps

    return make_steps


def banded_matmul(taps: Array, rows: Axis, columns: Axis, dtype: np.dtype[Any]) -> Algorithm:
    """Multiply windows of the strip by a banded matrix that holds the taps at each position in a block."""
    return per_channel(_row_bands(taps, rows, columns, dtype), taps, rows, columns)


def _banded_matrix(taps: Array, axis: Axis, dtype: np.dtype[Any], block: int) -> Array:
    """Return, for each row of taps, a banded matrix (pixels, outputs) with the row at each position."""
    band = np.zeros((len(taps), (block - 1) * axis.stride + axis.extent, block), dtype)
    for output in range(block):
        start = output * axis.stride
        band[:, start : start + axis.extent : axis.dilation, output] = taps
    return band


def _row_bands(taps: Array, rows: Axis, columns: Axis, dtype: np.dtype[Any]) -> Algorithm:
    block = min(block_size(columns), columns.output)
    band = _banded_matrix(taps, columns, dtype, block)
    # Windows of outputs that are this far apart do not overlap, so BLAS can take them as rows of a matrix.
    phases = -(-len(taps) // rows.stride)
    max_rows = max(1, BLAS_SINGLE_THREAD_LIMIT // band.size) * phases

    def make_steps(plane: Array, target: Array, buffers: BufferPool) -> Steps:
        steps: Steps = []
        last = target.shape[1] - block
        for top in range(0, len(target), max_rows):
            into, source = target[top : top + max_rows], plane[top * rows.stride :]
            blocks = _Blocks(band, rows.stride, block * columns.stride, phases)
            if last:
                steps += blocks.multiply(source, -(-last // block), into, buffers)
            steps += blocks.multiply(source[:, last * columns.stride :], 1, into[:, last:], buffers)
        return steps

    return make_steps


class _Blocks(NamedTuple):
    """Neighboring blocks of outputs, computed by one stack of matrix products.

    Attributes
    ----------
    band : array (taps, used, block)
    down, across : int
        Pixels from an output to the one below it, and from a block to the next.
    phases : int
        How many outputs apart, vertically, windows no longer overlap.
    """

    band: Array
    down: int
    across: int
    phases: int

    def multiply(self, plane: Array, count: int, target: Array, buffers: BufferPool) -> Steps:
        """Compute the first `count` blocks of the target."""
        taps, used, block = self.band.shape
        item = self.band.itemsize
        height, line = len(target), plane.strides[0]
        into = np.lib.stride_tricks.as_strided(
            target, (count, height, block), (block * target.strides[1], *target.strides)
        )
        rows_read = (height - 1) * self.down + taps
        windows = np.lib.stride_tricks.as_strided(
            plane, (count, rows_read, used), (self.across * item, line, item)
        )
        if taps == 1 and into.dtype == self.band.dtype and into.strides[2] == item:
            return [partial(np.matmul, windows[:, :: self.down], self.band[0], out=into)]
        groups = -(-height // self.phases)
        padded_rows = (groups * self.phases - 1) * self.down + taps
        source = buffers.array("windows", (count, padded_rows, used), self.band.dtype)
        sums = buffers.array("sums", (count, groups * self.phases, block), self.band.dtype)
        step, row = self.down * used * item, block * item
        windows_of_outputs = np.lib.stride_tricks.as_strided(
            source,
            (count, self.phases, groups, taps * used),
            (source.strides[0], step, self.phases * step, item),
        )
        outputs = np.lib.stride_tricks.as_strided(
            sums, (count, self.phases, groups, block), (sums.strides[0], row, self.phases * row, item)
        )
        return [
            partial(np.copyto, source[:, :rows_read], windows),
            partial(source[:, rows_read:].fill, 0),  # below the strip
            partial(np.matmul, windows_of_outputs, self.band.reshape(taps * used, block), out=outputs),
            partial(np.copyto, into, sums[:, :height], casting="unsafe"),
        ]

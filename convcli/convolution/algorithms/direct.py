"""Direct convolution: shifted copies of the image, each times its tap, are added."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convcli.convolution.algorithms.definitions import (
    HEADROOM,
    IDENTITY_AXIS,
    Algorithm,
    Array,
    Factors,
    kernel_norm,
)
from convcli.convolution.buffers import BufferPool
from convcli.late_numpy import np
from convcli.sizes.windowed import Axis

__all__ = ["columns_then_rows", "per_channel", "separable", "shifts"]


def shifts(taps: Array, rows: Axis, columns: Axis) -> Algorithm:
    """Sum shifted images, first those of taps that need no product."""
    # Equal and opposite taps follow each other, so that they cancel on plain areas; a positive one is first.
    ordered = sorted(
        ((taps[i, j].item(), i, j) for i, j in np.argwhere(taps).tolist()),
        key=lambda tap: (abs(tap[0]) != 1, abs(tap[0]), -tap[0]),
    )

    def correlate(strip: Array, target: Array, buffers: BufferPool) -> Iterator[None]:
        down, right = (target.shape[0] - 1) * rows.stride + 1, (target.shape[1] - 1) * columns.stride + 1
        sums = None
        for value, i, j in ordered:
            top, left = i * rows.dilation, j * columns.dilation
            pixels = strip[top : top + down : rows.stride, left : left + right : columns.stride]
            tap = target.dtype.type(value)
            if sums is None and value == 1:
                sums = pixels
                continue
            if sums is None:
                np.multiply(pixels, tap, out=target)
            elif abs(value) == 1:
                (np.add if value > 0 else np.subtract)(sums, pixels, out=target)
            else:
                products = buffers.array("products", target.shape, target.dtype)
                np.multiply(pixels, tap, out=products)
                np.add(sums, products, out=target)
            sums = target
            yield
        if sums is not target:
            np.copyto(target, 0 if sums is None else sums)

    return correlate


def separable(factors: Factors, rows: Axis, columns: Axis) -> Algorithm:
    """Apply a column of taps, then a row of taps, by shifts."""
    passes = [
        (shifts(column[:, None], rows, IDENTITY_AXIS), shifts(row[None, :], IDENTITY_AXIS, columns))
        for column, row in factors
    ]
    return columns_then_rows(passes)


def columns_then_rows(passes: Sequence[tuple[Algorithm, Algorithm]]) -> Algorithm:
    """Run a pass down the columns, then one across the rows, for each pair of passes; add the results."""

    def correlate(strip: Array, target: Array, buffers: BufferPool) -> Iterator[None]:
        between = buffers.array("between", (target.shape[0], *strip.shape[1:]), strip.dtype)
        for number, (down, across) in enumerate(passes):
            into = buffers.array("summand", target.shape, target.dtype) if number else target
            yield from down(strip, between, buffers)
            yield from across(between, into, buffers)
            if number:
                np.add(target, into, out=target)

    return correlate


def per_channel(algorithm: Algorithm, taps: Array, rows: Axis, columns: Axis) -> Algorithm:
    """Apply to each channel separately; use shifts for strips with values that would spread to other outputs.

    These values are NaN and infinity, and values so large that intermediate sums may overflow.
    """
    fallback, norm = shifts(taps, rows, columns), kernel_norm(taps)

    def correlate(strip: Array, target: Array, buffers: BufferPool) -> Iterator[None]:
        if target.dtype.kind == "f":
            largest = float(np.finfo(strip.dtype).max) / HEADROOM / max(norm, 1)
            if not -largest < strip.min() <= strip.max() < largest:  # also true for NaN
                yield from fallback(strip, target, buffers)
                return
        for channel in np.ndindex(strip.shape[2:]):
            yield from algorithm(strip[:, :, *channel], target[:, :, *channel], buffers)

    return correlate

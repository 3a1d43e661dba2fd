"""The convolution layer of a network, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from convcli.compiled.engine import is_compiled
from convcli.convolution.algorithms.definitions import BLAS_SINGLE_THREAD_LIMIT
from convcli.convolution.buffers import BufferPool
from convcli.errors import SizeError
from convcli.layers.checks import (
    INPUT_AXES,
    OUTPUT_AXES,
    WEIGHT_AXES,
    Array,
    check_activations,
    labeled_shape,
)
from convcli.layers.compiled_layer import compiled_depthwise, compiled_products, compiled_winograd
from convcli.layers.im2col import LayerAlgorithm, depthwise, fits_one_blas_thread, im2col, im2col_matmul
from convcli.layers.winograd import TILE, TILE_INPUTS, suits_winograd, winograd, winograd_fits_one_blas_thread
from convcli.parallel import WorkQueue, parallel_for, thread_count
from convcli.pictures.arrays import check_unmasked
from convcli.sizes.axes import window_axes
from convcli.sizes.per_axis import Padding, Pair
from convcli.sizes.windowed import Axis

__all__ = ["conv_backward", "conv_forward"]

PIECE_MACS, PIECE_BYTES = 1 << 23, 1 << 19  # work of a piece in the core, and size of the rows that it reads
MIN_PIECE_OUTPUTS = 64  # with fewer, reading the weights takes longer than multiplying
MAX_ROW = 8  # a row is divided if it is the work of more pieces: an interrupt waits for those that have begun
STRIP_BYTES = 1 << 20  # size of the patches of one strip, or of the transformed tiles
PARTIAL_SUMS = 16  # parts of a mini-batch, summed separately: the result does not depend on the threads
DEPTHWISE_SPEEDUP = 8  # depthwise outputs that take as long as one output of other layers


def conv_forward(
    a_prev: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    jobs: int | None = None,
) -> Array:
    """Convolve a mini-batch with the filters of a layer.

    Parameters
    ----------
    a_prev : array (m, n_h_prev, n_w_prev, n_c_prev)
        The activations of the previous layer: float32 or float64; integers are converted to float64.
    w : array (f_h, f_w, n_c_prev / groups, n_c)
        The weights.
    b : array (1, 1, 1, n_c) or (n_c,), optional
        The bias.
    stride, dilation : int or (vertical, horizontal)
    padding : ``"same"``, ``"valid"``, int, pair or pair of pairs
        Zero padding, given as for `convolve`.
    groups : int
        Number of channel groups that are filtered separately; for a depthwise layer, the number of channels.
    jobs : int, optional
        Maximum number of threads (default: all available CPU cores).

    Returns
    -------
    array (m, n_h, n_w, n_c)
        The output before the activation: float32 if `a_prev` and `w` are, otherwise float64. Each value is
        within ``(K + 8) eps K max|w| max|a_prev|`` of the exact one, K = f_h f_w n_c_prev / groups, and exact
        if sums of integers need no rounding. Exception: float32 layers with 3x3 filters, stride 1 and at
        least 16 input and output channels use Winograd's F(4x4, 3x3), see `convcli.layers.winograd`. Its
        errors are about 30 times larger, and a value that is not finite or beyond 1e36 invalidates the 4x4
        outputs of each tile that reads it.

    Raises
    ------
    SizeError
        Shapes disagree, the filter does not fit the image, or a number is out of range.

    Source: V. Dumoulin and F. Visin, A guide to convolution arithmetic for deep learning, 2016.

    Examples
    --------
    >>> import numpy as np
    >>> import convcli
    >>> edge = np.array([[10.0, 10.0, 0.0, 0.0]] * 3).reshape(1, 3, 4, 1)
    >>> vertical = np.array([[1.0, 0.0, -1.0]] * 3).reshape(3, 3, 1, 1)
    >>> convcli.conv_forward(edge, vertical, [0.5]).ravel().tolist()
    [30.5, 30.5]
    """
    layer = _Layer.of(a_prev, w, stride, padding, dilation, groups)
    bias = np.zeros(layer.w.shape[3], layer.w.dtype) if b is None else _bias(b, layer.w)
    z: Array = np.empty(layer.shape, layer.w.dtype)
    outputs = z.size // DEPTHWISE_SPEEDUP if layer.is_depthwise else z.size
    with BufferPool.borrow() as weight_buffers:
        algorithm, pieces, fits_one_thread = layer.choose_algorithm(bias, weight_buffers)

        def work(parts: WorkQueue) -> None:
            # Activations may be infinite or close to the largest float32.
            with BufferPool.borrow() as buffers, np.errstate(over="ignore", invalid="ignore"):
                for part in parts:
                    images, rows, columns = pieces[part]
                    target = z[images, rows, columns]
                    algorithm(layer.a_prev[images], (rows.start, columns.start), target, buffers)

        threads = thread_count(jobs, len(pieces) if fits_one_thread else 1, outputs)
        parallel_for(range(len(pieces)), work, threads)
    return z


def conv_backward(
    d_out: ArrayLike,
    a_prev: ArrayLike,
    w: ArrayLike,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    jobs: int | None = None,
) -> tuple[Array, Array, Array]:
    """Propagate the gradient of a loss back through `conv_forward`.

    Parameters
    ----------
    d_out : array (m, n_h, n_w, n_c)
        Gradient of the loss with respect to the layer's output.
    a_prev, w, stride, padding, dilation, groups, jobs : as for `conv_forward`

    Returns
    -------
    d_a_prev : array (m, n_h_prev, n_w_prev, n_c_prev)
    d_w : array (f_h, f_w, n_c_prev / groups, n_c)
    d_b : array (1, 1, 1, n_c)
        The gradients with respect to the input, the weights and the bias, in the dtype of `conv_forward`.
        `d_w` and `d_b` are sums over the mini-batch. They do not depend on `jobs`.

    Raises
    ------
    SizeError
        Shapes disagree, the filter does not fit the image, or a number is out of range.

    Source: D. E. Rumelhart, G. E. Hinton and R. J. Williams, Learning representations by back-propagating
    errors, 1986.

    Examples
    --------
    >>> import numpy as np
    >>> import convcli
    >>> a, w = np.arange(4.0).reshape(1, 2, 2, 1), np.full((1, 1, 1, 1), 3.0)
    >>> d_a_prev, d_w, d_b = convcli.conv_backward(np.ones((1, 2, 2, 1)), a, w)
    >>> d_a_prev.ravel().tolist(), d_w.item(), d_b.item()
    ([3.0, 3.0, 3.0, 3.0], 6.0, 4.0)
    """
    layer = _Layer.of(a_prev, w, stride, padding, dilation, groups)
    d_z = check_activations(d_out, "d_out", OUTPUT_AXES).astype(layer.w.dtype, copy=False)
    if d_z.shape != layer.shape:
        raise SizeError(
            f"d_out {labeled_shape(d_z.shape, OUTPUT_AXES)}",
            f"must be {labeled_shape(layer.shape, OUTPUT_AXES)}, the output shape of the layer",
        )
    d_a_prev: Array = np.zeros(layer.a_prev.shape, layer.w.dtype)
    count = len(d_z)
    part_count = min(count, PARTIAL_SUMS)
    bounds = [count * number // part_count for number in range(part_count + 1)]
    partial_sums: Array = np.zeros((part_count, *layer.w.shape), layer.w.dtype)

    def work(parts: WorkQueue) -> None:
        with BufferPool.borrow() as buffers, np.errstate(over="ignore", invalid="ignore"):
            for part in parts:
                for image in range(bounds[part], bounds[part + 1]):
                    for rows in layer.strips_of_an_image():
                        layer.add_gradients(d_z, image, rows, d_a_prev, partial_sums[part], buffers)

    parallel_for(
        range(part_count),
        work,
        thread_count(jobs, part_count if fits_one_blas_thread(layer.w, groups) else 1, d_z.size),
    )
    d_b = d_z.sum((0, 1, 2), np.float64, keepdims=True).astype(layer.w.dtype)
    return d_a_prev, partial_sums.sum(0), d_b


def _slice(first: int, count: int, length: int) -> slice:
    return slice(first, min(first + count, length))


def _tap_slices(axis: Axis, tap: int, first: int, last: int) -> tuple[slice, slice]:
    """Return the outputs for which a tap reads the image, not padding, and the pixels that it reads.

    Covers the outputs from `first` to before `last`, counted from `first`.
    """
    offset = tap * axis.dilation - axis.before
    low = max(first, -(offset // axis.stride))
    high = min(last, (axis.side - 1 - offset) // axis.stride + 1)
    if high <= low:
        return slice(0, 0), slice(0, 0)
    start = low * axis.stride + offset
    return slice(low - first, high - first), slice(
        start, start + (high - low - 1) * axis.stride + 1, axis.stride
    )


Piece = tuple[slice, slice, slice]  # of the output: images, rows, columns


@dataclass(frozen=True)
class _Layer:
    a_prev: Array
    w: Array
    rows: Axis
    columns: Axis
    groups: int

    @classmethod
    def of(
        cls, a_prev: ArrayLike, w: ArrayLike, stride: Pair, padding: Padding, dilation: Pair, groups: int
    ) -> _Layer:
        images = check_activations(a_prev, "a_prev", INPUT_AXES)
        weights = check_activations(w, "w", WEIGHT_AXES)
        if not hasattr(groups, "__index__") or isinstance(groups, bool) or groups < 1:
            raise SizeError(f"groups {groups}", "must be a whole number, at least 1")
        channels, filters = images.shape[3], weights.shape[3]
        for name, number in (("n_c_prev", channels), ("n_c", filters)):
            if number % groups:
                raise SizeError(f"groups {groups}", f"must divide {name} = {number}")
        if weights.shape[2] * groups != channels:
            raise SizeError(
                f"w {labeled_shape(weights.shape, WEIGHT_AXES)}",
                f"must have length {channels // groups} on its third axis, "
                f"for a_prev {labeled_shape(images.shape, INPUT_AXES)} and groups = {groups}",
            )
        rows, columns = window_axes(
            images.shape[1:3], weights.shape[:2], stride=stride, padding=padding, dilation=dilation
        )
        dtype = np.result_type(images, weights)
        axes = rows.with_bounded_steps(), columns.with_bounded_steps()
        return cls(images.astype(dtype, copy=False), weights.astype(dtype, copy=False), *axes, groups)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(self.a_prev), self.rows.output, self.columns.output, self.w.shape[3]

    @property
    def is_depthwise(self) -> bool:
        return self.w.shape[2] == 1 and self.groups > 1

    def choose_algorithm(self, bias: Array, buffers: BufferPool) -> tuple[LayerAlgorithm, list[Piece], bool]:
        """Return the fastest algorithm, the pieces to run it on, and whether our threads may share them."""
        if is_compiled():
            return *self._compiled_algorithm(bias, buffers), True
        images, channels = len(self.a_prev), self.a_prev.shape[3]
        row_bytes = self.columns.output * self.w.itemsize
        if suits_winograd(self.w, self.rows, self.columns, self.groups):
            fits_one_thread = winograd_fits_one_blas_thread(self.w)
            across = -(-self.columns.output // TILE)
            tiles = STRIP_BYTES // (TILE_INPUTS * channels * self.w.itemsize)
            if fits_one_thread:
                tiles = min(tiles, max(1, BLAS_SINGLE_THREAD_LIMIT // (self.w.shape[2] * self.w.shape[3])))
            down = max(1, tiles // across)
            return winograd(self.w, bias, self.rows, self.columns), self._pieces(down * TILE), fits_one_thread
        if self.is_depthwise:
            count = max(1, STRIP_BYTES // (row_bytes * self.w.shape[3]))
            return depthwise(self.w, bias, self.rows, self.columns), self._pieces(count), True
        fits_one_thread = fits_one_blas_thread(self.w, self.groups)
        algorithm = im2col_matmul(self.w, bias, self.rows, self.columns, self.groups)
        is_pointwise = self.w.shape[:2] == (1, 1) and self.rows.stride == self.columns.stride == 1
        if is_pointwise and not fits_one_thread and self.rows.before == self.columns.before == 0:
            return algorithm, self._pieces(images * self.rows.output), False  # one product, nothing to copy
        count = max(1, STRIP_BYTES // (row_bytes * self.w[..., 0].size))
        return algorithm, self._pieces(count), fits_one_thread

    def _compiled_algorithm(self, bias: Array, buffers: BufferPool) -> tuple[LayerAlgorithm, list[Piece]]:
        outputs, step = max(MIN_PIECE_OUTPUTS, PIECE_MACS // self.w.size), 1
        if suits_winograd(self.w, self.rows, self.columns, self.groups):
            outputs, step = outputs * TILE * TILE, TILE
            algorithm = compiled_winograd(self.w, bias, self.rows, self.columns, buffers)
        elif self.is_depthwise:
            algorithm = compiled_depthwise(self.w, bias, self.rows, self.columns)
        else:
            algorithm = compiled_products(self.w, bias, self.rows, self.columns, self.groups, buffers)
        read_bytes = self.rows.stride * self.columns.side * self.a_prev[0, 0, 0].nbytes
        width = min(self.columns.output, MAX_ROW * outputs // step)
        count = min(outputs // width, PIECE_BYTES // read_bytes) // step
        return algorithm, self._pieces(max(1, count) * step, width)

    def _pieces(self, count: int, width: int | None = None) -> list[Piece]:
        """Return pieces of about `count` output rows: part of one image, or several complete images.

        A piece has at most `width` columns (default: all).
        """
        images, height, full_width = self.shape[:3]
        width = width or full_width
        together = max(1, count // height)
        return [
            (_slice(image, together, images), _slice(row, count, height), _slice(column, width, full_width))
            for image in range(0, images, together)
            for row in range(0, height, count)
            for column in range(0, full_width, width)
        ]

    def strips_of_an_image(self) -> list[slice]:
        """Return the output rows of one image, split into strips."""
        height, width = self.shape[1:3]
        count = max(1, STRIP_BYTES // (width * self.w[..., 0].size * self.w.itemsize))
        return [slice(first, min(first + count, height)) for first in range(0, height, count)]

    def add_gradients(
        self, d_z: Array, image: int, rows: slice, d_a_prev: Array, d_w: Array, buffers: BufferPool
    ) -> None:
        """Add the contribution of some output rows of an image to the gradients of input and weights."""
        in_channels, out_channels = self.w.shape[2], self.w.shape[3] // self.groups
        outputs = rows.stop - rows.start
        f_h, f_w = self.w.shape[:2]
        gradient = d_z[image, rows]
        for group in range(self.groups):
            in_slice = slice(in_channels * group, in_channels * (group + 1))
            out_slice = slice(out_channels * group, out_channels * (group + 1))
            d_outputs = gradient[..., out_slice].reshape(-1, out_channels)
            part = self.a_prev[image : image + 1, :, :, in_slice]
            patches = im2col(part, self.rows, self.columns, rows.start, outputs, buffers)
            d_w[..., out_slice] += (patches.T @ d_outputs).reshape(f_h, f_w, in_channels, out_channels)
            d_patches = d_outputs @ self.w[..., out_slice].reshape(-1, out_channels).T
            d_taps = d_patches.reshape(outputs, self.columns.output, f_h, f_w, in_channels)
            for y in range(f_h):
                out_rows, in_rows = _tap_slices(self.rows, y, rows.start, rows.stop)
                for x in range(f_w):
                    out_columns, in_columns = _tap_slices(self.columns, x, 0, self.columns.output)
                    d_a_prev[image, in_rows, in_columns, in_slice] += d_taps[out_rows, out_columns, y, x]


def _bias(value: ArrayLike, w: Array) -> Array:
    check_unmasked(value, "b", SizeError)
    bias = np.asarray(value)
    filters = w.shape[3]
    if bias.dtype.kind not in "iuf" or bias.shape not in ((filters,), (1, 1, 1, filters)):
        raise SizeError(
            f"b {bias.shape} of {bias.dtype}",
            f"must hold real numbers in the shape (n_c,) = ({filters},) or (1, 1, 1, {filters})",
        )
    return bias.reshape(filters).astype(w.dtype)

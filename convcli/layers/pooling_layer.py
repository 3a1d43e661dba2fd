"""The pooling layer of a network, forward and backward."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from convcli.convolution.algorithms.pooling import window_counts
from convcli.convolution.pooling import PoolMode, pool
from convcli.errors import SizeError, parse_choice
from convcli.layers.checks import INPUT_AXES, OUTPUT_AXES, Array, check_activations, labeled_shape
from convcli.sizes.axes import pooling_axes
from convcli.sizes.per_axis import Padding, Pair

__all__ = ["pool_backward", "pool_forward"]


def pool_forward(
    a_prev: ArrayLike,
    *,
    mode: str = "max",
    size: Pair = 2,
    stride: Pair | None = None,
    padding: Padding = 0,
    ceil: bool = False,
    jobs: int | None = None,
) -> Array:
    """Pool each volume of a mini-batch, see `pool`.

    Parameters
    ----------
    a_prev : array (m, n_h_prev, n_w_prev, n_c)
        float32 or float64; integers are converted to float64.
    mode, size, stride, padding, ceil, jobs : as for `pool`

    Returns
    -------
    array (m, n_h, n_w, n_c)
        float32 if `a_prev` is, otherwise float64.

    Raises
    ------
    SizeError
        The window does not fit the image, or a number is out of range.
    UsageError
        The mode is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> import convcli
    >>> convcli.pool_forward(np.arange(16).reshape(1, 4, 4, 1)).ravel().tolist()
    [5.0, 7.0, 13.0, 15.0]
    """
    images = check_activations(a_prev, "a_prev", INPUT_AXES)
    rows, columns = pooling_axes(images.shape[1:3], size, stride=stride, padding=padding, ceil=ceil)
    a: Array = np.empty((len(images), rows.output, columns.output, images.shape[3]), images.dtype)
    for image, target in zip(images, a, strict=True):
        pool(image, mode=mode, size=size, stride=stride, padding=padding, ceil=ceil, jobs=jobs, out=target)
    return a


def pool_backward(
    d_out: ArrayLike,
    a_prev: ArrayLike,
    *,
    mode: str = "max",
    size: Pair = 2,
    stride: Pair | None = None,
    padding: Padding = 0,
    ceil: bool = False,
) -> Array:
    """Propagate the gradient of a loss back through `pool_forward`.

    Parameters
    ----------
    d_out : array (m, n_h, n_w, n_c)
        Gradient of the loss with respect to the pooled activations.
    a_prev, mode, size, stride, padding, ceil : as for `pool_forward`

    Returns
    -------
    array (m, n_h_prev, n_w_prev, n_c)
        For ``"max"`` each gradient goes to the largest value of its window; among equal values, to the first
        in row-major order. For ``"avg"`` it is divided equally among the pixels of the window, without
        padding.

    Raises
    ------
    SizeError
        Shapes disagree, the window does not fit the image, or a number is out of range.
    UsageError
        The mode is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> import convcli
    >>> a_prev = np.array([[1, 5], [5, 2]]).reshape(1, 2, 2, 1)
    >>> convcli.pool_backward(np.ones((1, 1, 1, 1)), a_prev).ravel().tolist()
    [0.0, 1.0, 0.0, 0.0]
    """
    images = check_activations(a_prev, "a_prev", INPUT_AXES)
    kind = parse_choice(mode, PoolMode, "mode")
    rows, columns = pooling_axes(images.shape[1:3], size, stride=stride, padding=padding, ceil=ceil)
    d_a = check_activations(d_out, "d_out", OUTPUT_AXES).astype(images.dtype, copy=False)
    shape = (len(images), rows.output, columns.output, images.shape[3])
    if d_a.shape != shape:
        raise SizeError(
            f"d_out {labeled_shape(d_a.shape, OUTPUT_AXES)}",
            f"must be {labeled_shape(shape, OUTPUT_AXES)}, the output shape of the layer",
        )
    d_a_prev = np.zeros_like(images)
    taps = list(product(rows.taps(), columns.taps()))
    if kind == PoolMode.AVG:
        counts = np.multiply.outer(window_counts(rows), window_counts(columns))
        shares = (d_a / counts[..., None]).astype(images.dtype)
        for (out_rows, in_rows), (out_columns, in_columns) in taps:
            d_a_prev[:, in_rows, in_columns] += shares[:, out_rows, out_columns]
        return d_a_prev
    largest = pool_forward(images, mode=mode, size=size, stride=stride, padding=padding, ceil=ceil)
    unassigned = np.ones(shape, bool)
    for (out_rows, in_rows), (out_columns, in_columns) in taps:
        values = images[:, in_rows, in_columns]
        is_largest = (values == largest[:, out_rows, out_columns]) | np.isnan(values)
        is_largest &= unassigned[:, out_rows, out_columns]
        unassigned[:, out_rows, out_columns] &= ~is_largest
        d_a_prev[:, in_rows, in_columns] += np.where(is_largest, d_a[:, out_rows, out_columns], 0)
    return d_a_prev

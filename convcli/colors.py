"""Colours of signed numbers: negative blue, zero white, positive red."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["BLUE", "GREY", "RED", "WHITE", "diverging"]

BLUE, WHITE, RED = (33, 102, 172), (255, 255, 255), (178, 24, 43)
GREY = (127, 127, 127)  # of what is no number
STRIP = 1 << 16  # numbers at a time, which fit into the cache


def diverging(values: ArrayLike, limit: float) -> NDArray[np.uint8]:
    """Draw signed numbers as colours, linear from white at zero to blue at ``-limit`` and red at ``limit``.

    Parameters
    ----------
    values : array of any shape
        Real numbers. What lies beyond the limits, infinities too, has the colour of its end; NaN is grey.
    limit : float
        Not negative. With 0, zero is white and all else has the colour of its end.

    Returns
    -------
    uint8 array of that shape and a last axis of 3
        Red, green and blue, rounded half to even.

    Examples
    --------
    >>> diverging([[-2, 0, 1]], 2).tolist()
    [[[33, 102, 172], [255, 255, 255], [216, 140, 149]]]
    """
    numbers = np.asarray(values)
    flat = numbers.reshape(-1)
    colors = np.empty((flat.size, 3), np.uint8)
    for start in range(0, flat.size, STRIP):
        part = slice(start, start + STRIP)
        colors[part] = _drawn(flat[part].astype(np.float64), limit)
    return colors.reshape(*numbers.shape, 3)


def _drawn(numbers: NDArray[np.float64], limit: float) -> NDArray[np.float64]:
    unknown = np.isnan(numbers)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        shares = np.where(numbers == 0, 0, numbers / limit).clip(-1, 1)
    ends = np.where(shares[:, None] < 0, BLUE, RED)
    colors: NDArray[np.float64] = 255 + (ends - 255) * np.abs(shares)[:, None]
    colors[unknown] = GREY
    return np.round(colors)

"""Parts of pictures in memory: cut out, and joined below each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.pictures.picture import Picture

__all__ = ["cut", "joined"]


def cut(picture: Picture, rows: slice, columns: slice = slice(None), *, copy: bool = False) -> Picture:
    """Return a part of a picture; its pixels share memory unless they are to be copied.

    Examples
    --------
    >>> cut(Picture(np.array([[1, 2], [3, 4]], np.uint8)), slice(1, 2)).pixels.tolist()
    [[3, 4]]
    """

    def part(values: NDArray[Any]) -> NDArray[Any]:
        return values[rows, columns].copy() if copy else values[rows, columns]

    alpha = picture.alpha
    return picture.changed(pixels=part(picture.pixels), alpha=None if alpha is None else part(alpha))


def joined(parts: Sequence[Picture]) -> Picture:
    """Return pictures below each other as one."""
    if len(parts) == 1:
        return parts[0]
    alphas = [part.alpha for part in parts if part.alpha is not None]
    pixels = np.concatenate([part.pixels for part in parts])
    return parts[0].changed(pixels=pixels, alpha=np.concatenate(alphas) if alphas else None)

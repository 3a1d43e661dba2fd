"""A huge picture whose transparent pixels are laid over a color while its rows are read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convcli.pictures.picture import Picture
from convcli.pictures.regions.properties import LargePicture, Properties

__all__ = ["Flattened"]


class Flattened(LargePicture):
    """A picture without alpha, made of one with alpha.

    Parameters
    ----------
    large : LargePicture
    flatten : callable
        Returns rows of it without alpha.
    """

    def __init__(self, large: LargePicture, flatten: Callable[[Picture], Picture]) -> None:
        super().__init__()
        self._large, self._flatten = large, flatten
        flat = flatten(_blank(large.properties))  # a color makes gray a color, too
        size = *large.properties.size[:2], flat.channels
        self.properties = large.properties._replace(size=size, has_alpha=False)

    def read(self, start: int, stop: int, jobs: int | None = None) -> Picture:
        """Read the rows from `start` to `stop`, of the whole width."""
        return self._flatten(self._large.read(start, stop, jobs))


def _blank(properties: Properties) -> Picture:
    """Return a transparent pixel of a picture."""
    channels = properties.size[2]
    pixels = np.zeros((1, 1, channels)[: 2 if channels == 1 else 3], properties.dtype)
    alpha = np.float64 if properties.dtype == "uint64" else pixels.dtype
    return Picture(pixels, np.zeros((1, 1), alpha), properties.kind)

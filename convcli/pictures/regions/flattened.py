"""A huge picture whose transparent pixels are laid over a color while its rows are read."""

from __future__ import annotations

from collections.abc import Callable

from convcli.pictures.picture import Picture
from convcli.pictures.regions.properties import LargePicture

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
        self.properties = large.properties._replace(has_alpha=False)

    def read(self, start: int, stop: int, jobs: int | None = None) -> Picture:
        """Read the rows from `start` to `stop`, of the whole width."""
        return self._flatten(self._large.read(start, stop, jobs))

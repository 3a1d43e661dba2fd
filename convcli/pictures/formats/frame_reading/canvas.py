"""Composes the frames of an animation: each is laid over what was shown before."""

from dataclasses import replace
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.pictures.arrays import turn_upright
from convcli.pictures.picture import Picture

__all__ = ["Blending", "Canvas", "Disposal", "Placement"]


class Disposal(IntEnum):
    """What happens to the place of a frame before the next is shown."""

    KEEP, CLEAR, RESTORE = range(3)


class Blending(IntEnum):
    """How a frame is laid over what was before."""

    REPLACE, OVER = range(2)


class Placement(NamedTuple):
    """Where a frame is, how it is laid over what was before, and how long it is shown.

    Attributes
    ----------
    width, height, left, top : int
        In pixels.
    disposal : Disposal
    blending : Blending
    duration : float or None
        In milliseconds.
    color : tuple of int, optional
        What `Disposal.CLEAR` leaves (default: transparency).
    """

    width: int
    height: int
    left: int
    top: int
    disposal: Disposal
    blending: Blending
    duration: float | None = None
    color: tuple[int, ...] | None = None


class Canvas:
    """What is shown of an animation.

    Parameters
    ----------
    model : Picture
        Of the same size and type; its pixels are not shown.
    has_alpha : bool
        Whether pixels can be transparent.
    orientation : int
        EXIF orientation.
    color : tuple of int, optional
        What is shown before the first frame (default: transparency).
    """

    def __init__(
        self,
        model: Picture,
        *,
        has_alpha: bool,
        orientation: int = 1,
        color: tuple[int, ...] | None = None,
    ) -> None:
        self.model = model
        self.orientation = orientation
        self.pixels = np.zeros_like(model.pixels)
        self.alpha = np.zeros(model.pixels.shape[:2], model.pixels.dtype) if has_alpha else None
        self._fill(color, self.pixels, self.alpha)

    def show(self, picture: Picture, placement: Placement) -> Picture:
        """Lay a frame over the canvas, return the whole as a picture, and dispose of the frame."""
        rows = slice(placement.top, placement.top + placement.height)
        columns = slice(placement.left, placement.left + placement.width)
        places = [array[rows, columns] for array in (self.pixels, self.alpha) if array is not None]
        before = [place.copy() for place in places] if placement.disposal == Disposal.RESTORE else []
        _lay(picture, placement.blending, *places)
        shown = replace(
            self.model,
            pixels=self._upright(self.pixels),
            alpha=None if self.alpha is None else self._upright(self.alpha),
            notes=picture.notes,
        )
        for place, old in zip(places, before, strict=False):
            place[...] = old
        if placement.disposal == Disposal.CLEAR:
            self._fill(placement.color, *places)
        return shown

    def _upright(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return a copy of the canvas, or of its alpha, as it is shown."""
        return np.array(turn_upright(array, self.orientation))

    @staticmethod
    def _fill(color: tuple[int, ...] | None, pixels: NDArray[Any], alpha: NDArray[Any] | None = None) -> None:
        pixels[...] = 0 if color is None else color
        if alpha is not None:
            alpha[...] = 0 if color is None else np.iinfo(alpha.dtype).max


def _lay(
    picture: Picture, blending: Blending, pixels: NDArray[Any], alpha: NDArray[Any] | None = None
) -> None:
    """Lay a frame over a part of the canvas, in place."""
    most = np.iinfo(pixels.dtype).max
    source = picture.alpha
    if source is None or blending == Blending.REPLACE:
        pixels[...] = picture.pixels
        if alpha is not None:
            alpha[...] = most if source is None else source
        return
    visible = source > 0
    if alpha is None:  # the canvas is opaque, and alpha is on or off
        pixels[visible] = picture.pixels[visible]
        return
    mixed = visible & (source < most) & (alpha > 0)
    over, under = source[mixed] / most, alpha[mixed] / most
    total = over + under * (1 - over)
    share = over / total
    if pixels.ndim == 3:
        share = share[:, None]
    blended = share * picture.pixels[mixed] + (1 - share) * pixels[mixed]
    replaced = visible & ~mixed
    pixels[replaced], alpha[replaced] = picture.pixels[replaced], source[replaced]
    pixels[mixed], alpha[mixed] = np.rint(blended), np.rint(total * most)

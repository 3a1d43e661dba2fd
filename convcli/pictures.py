"""Pictures: pixels, and what came with them."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Kind", "Picture"]


class Kind(StrEnum):
    """What an image is by nature, which says what its result is written as."""

    PIXELS = "pixels"
    NUMBERS = "numbers"
    ARRAY = "array"
    TEXT = "text"


@dataclass(frozen=True, eq=False)
class Picture:
    """An image and what came with it.

    Attributes
    ----------
    pixels : array (H, W) or (H, W, C)
        Without alpha.
    alpha : array (H, W), optional
    kind : Kind
    profile : bytes, optional
        ICC profile.
    resolution : (float, float), optional
        Dots per inch, across and down.
    notes : tuple of str
        What could not be kept.
    maps : bool
        Whether the channels are maps of their own, and no colours.
    """

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None = None
    kind: Kind = Kind.PIXELS
    profile: bytes | None = None
    resolution: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()
    maps: bool = False

    @property
    def depth(self) -> int:
        """Bits a pixel is rendered with: 16 for uint16, else 8."""
        return 16 if self.pixels.dtype == np.uint16 else 8

    def with_pixels(
        self, pixels: NDArray[Any], alpha: NDArray[Any] | None, *, maps: bool = False
    ) -> "Picture":
        """Return the picture of a result: what came with the input is kept where it stays true."""
        profile, notes = self.profile, tuple[str, ...]()
        space = b"GRAY" if pixels.ndim == 2 else b"RGB "
        if profile is not None and profile[16:20] != space:
            profile, notes = None, ("the colour profile does not fit the result and is dropped",)
        kind = Kind.PIXELS if pixels.dtype in (np.uint8, np.uint16) else self.kind
        return replace(self, pixels=pixels, alpha=alpha, profile=profile, notes=notes, kind=kind, maps=maps)

    @property
    def joined(self) -> NDArray[Any]:
        """The pixels with alpha, where there is any, as their last channel."""
        if self.alpha is None or self.maps:
            return self.pixels
        return np.dstack((self.pixels, self.alpha))

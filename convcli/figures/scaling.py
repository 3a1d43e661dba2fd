"""How much pictures are enlarged or reduced to fit a figure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["ENLARGED_SIDE", "Scaling", "max_panel_side"]

MANY_PANELS = 12  # with more panels than this, each is smaller
MAX_SIDE, MAX_SIDE_OF_MANY = 512, 320  # maximum length of the longer side of a panel, in pixels
ENLARGED_SIDE = 256  # small pictures are enlarged up to this many pixels per side
MIN_SIDE = 24  # minimum length of a side, in pixels
RESCALED_FROM = 1.75  # a result that is smaller than the input by this factor gets a scale of its own


def max_panel_side(count: int) -> int:
    """Return the maximum length of the longer side of a panel, in a sheet of `count` panels."""
    return MAX_SIDE if count <= MANY_PANELS else MAX_SIDE_OF_MANY


@dataclass(frozen=True)
class Scaling:
    """How a picture is scaled to fit: reduced by one integer factor, or enlarged by integer factors.

    Attributes
    ----------
    reduced : int
        Each pixel is the mean of a square of this side.
    down, across : int
        Each pixel is repeated this often vertically and horizontally.
    """

    reduced: int = 1
    down: int = 1
    across: int = 1

    @classmethod
    def to_fit(cls, size: tuple[int, int], largest: int, small: int = ENLARGED_SIDE) -> "Scaling":
        """Scale no side beyond `largest` pixels, and enlarge none beyond `small`.

        Examples
        --------
        >>> Scaling.to_fit((6, 6), 512), Scaling.to_fit((3000, 4000), 512)
        (Scaling(reduced=1, down=42, across=42), Scaling(reduced=8, down=1, across=1))
        """
        reduced = -(-max(size) // largest)
        height, width = (-(-side // reduced) for side in size)
        enlarged = max(1, small // max(height, width)) if reduced == 1 else 1
        # A thin picture would be a mere line.
        down, across = (max(enlarged, MIN_SIDE // side) for side in (height, width))
        return cls(reduced, down, across)

    def size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the size at which a picture is drawn."""
        return -(-size[0] // self.reduced) * self.down, -(-size[1] // self.reduced) * self.across

    def for_result(self, size: tuple[int, int], of: tuple[int, int], largest: int) -> "Scaling":
        """Return the fit of a result of this picture: the same, unless the result is far smaller."""
        scaled, reference = self.size(size), self.size(of)
        if max(scaled) > largest:
            return Scaling.to_fit(size, largest, max(reference))
        if max(of / own for of, own in zip(reference, scaled, strict=True)) < RESCALED_FROM:
            return self
        return Scaling.to_fit(size, max(reference), max(reference))

    def apply(self, colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Scale colors, (H, W, 3)."""
        if self.reduced > 1:
            colors = np.asarray(Image.fromarray(colors).reduce(self.reduced))
        return colors.repeat(self.down, axis=0).repeat(self.across, axis=1)

    def __str__(self) -> str:
        enlarged = f"{self.down}x" if self.down == self.across else f"{self.down}x{self.across}"
        if self.reduced == 1:
            return enlarged
        return f"1/{self.reduced}" + (f", then {enlarged}" if enlarged != "1x" else "")

"""Gray levels for signed values: zero is mid-gray, the value farthest from it black or white."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["GrayScale"]

LARGE = 1e300  # products of larger values would be infinite


class GrayScale(NamedTuple):
    """A linear scale of gray levels, from 0 to 255 at depth 8.

    Attributes
    ----------
    zero : int
        Mid-gray: 128 at depth 8.
    levels : int
        How many levels `magnitude` is away from mid-gray.
    magnitude : float
        The absolute value of the value that becomes black or white.
    """

    zero: int
    levels: int
    magnitude: float

    @classmethod
    def of(cls, lowest: float, highest: float, depth: int = 8) -> GrayScale:
        """Return the largest scale on which no value from the lowest to the highest saturates.

        Examples
        --------
        >>> GrayScale.of(-30, 10), GrayScale.of(0, 10)
        (GrayScale(zero=128, levels=128, magnitude=30), GrayScale(zero=128, levels=127, magnitude=10))
        """
        zero = 2 ** (depth - 1)
        if -lowest / zero > highest / (zero - 1):
            return cls(zero, zero, -lowest)
        return cls(zero, zero - 1, highest if highest > 0 else 1)

    @property
    def step(self) -> float:
        """The difference of values that are one level apart."""
        return self.magnitude / self.levels

    def map(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return the levels of values, before they are rounded.

        Examples
        --------
        >>> import numpy as np
        >>> GrayScale.of(-30, 30).map(np.array([-30, 0, 30])).tolist()
        [1.0, 128.0, 255.0]
        """
        wide = values.astype("float64")
        if self.magnitude > LARGE:
            return wide / self.magnitude * self.levels + self.zero
        return wide * self.levels / self.magnitude + self.zero

    def __str__(self) -> str:
        """Describe the scale: which values mid-gray, black and white are."""
        black, white = -self.zero * self.step, (self.zero - 1) * self.step
        return f"zero is gray {self.zero}, black {black:.6g}, white {white:.6g}"

    def record(self) -> dict[str, object]:
        """Return the scale as a JSON record."""
        return {"zero": self.zero, "step": self.step}

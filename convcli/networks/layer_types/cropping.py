"""Layers that take a part of their input: crops of an image, and slices of the channels."""

from typing import ClassVar

from convcli.errors import SizeError
from convcli.networks.layer_types.base import (
    Layer,
    PerAxis,
    Size,
    channels_of,
    constant,
    image_size,
    sides_of,
)
from convcli.sizes.resized import CroppedAxis
from convcli.sizes.text import PaddingAmounts, format_size

__all__ = ["Crop", "Slice"]


class Crop(Layer):
    """A crop to a size around the center, or by amounts on each side.

    Where an odd number of pixels is cut off, one more goes at the end.

    Examples
    --------
    >>> Crop(size=(56, 56)).output((64, 65, 3)), Crop(amounts=((0, 1), (0, 1))).output((64, 65, 3))
    ((56, 56, 3), (63, 64, 3))
    """

    size: PerAxis | None = None
    amounts: PaddingAmounts | None = None
    type: str = constant("crop")
    per_axis: ClassVar[dict[str, str]] = {"size": "", "amounts": ""}

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        if self.size is not None:
            return f"crop {format_size(self.size)}"
        return "crop " + "x".join(f"{before}:{after}" for before, after in self.amounts or ())

    def axes(self, size: Size) -> tuple[CroppedAxis, ...]:
        """Return what is cut off at the start and at the end of each axis."""
        sides = image_size(self, size)
        if self.size is not None:
            if any(kept > side for kept, side in zip(self.size, sides, strict=True)):
                raise SizeError(
                    f"size {format_size(self.size)}",
                    f"is larger than the input of {format_size(sides)}; use pad to enlarge it",
                )
            cut = [side - kept for kept, side in zip(self.size, sides, strict=True)]
            amounts = tuple((less // 2, -(-less // 2)) for less in cut)
        else:
            amounts = self.amounts or ((0, 0),) * len(sides)
        axes = tuple(
            CroppedAxis(side, before, after) for side, (before, after) in zip(sides, amounts, strict=True)
        )
        for axis in axes:
            if axis.output < 1:
                raise SizeError(
                    f"amounts {axis.before}:{axis.after} on side {axis.side}",
                    f"give {axis.formula()}: nothing is left; cut off at most {axis.side - 1} in all",
                )
        return axes


class Slice(Layer):
    """The channels from `start` up to, but not including, `stop`; None: up to the last.

    Examples
    --------
    >>> Slice(start=0, stop=24).output((7, 7, 64)), Slice(start=24).output((7, 7, 64))
    ((7, 7, 24), (7, 7, 40))
    """

    start: int = 0
    stop: int | None = None
    type: str = constant("slice")

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        return f"slice {self.start}:{'' if self.stop is None else self.stop}"

    def output(self, size: Size) -> Size:
        """Return the output size: that of the input, with these channels.

        Raises
        ------
        SizeError
            The input has fewer channels.
        """
        channels = channels_of(size)
        stop = channels if self.stop is None else self.stop
        if stop is None:
            return size
        if channels is None:
            return (*sides_of(size), stop - self.start)
        if stop > channels or self.start >= stop:
            raise SizeError(
                f"channels {self.start}:{stop}",
                f"are not among the {channels} channels; use a range within 0:{channels}",
            )
        return (*size[:-1], stop - self.start)

"""Layers that rearrange values: shuffled channels, and channels as pixels (sub-pixel convolution)."""

from math import prod

from convcli.errors import SizeError
from convcli.networks.layer_types.base import Layer, Size, channels_of, check_groups, constant, image_size
from convcli.sizes.resized import ResizedAxis
from convcli.sizes.windowed import Axis

__all__ = ["ChannelShuffle", "PixelShuffle", "PixelUnshuffle"]


class ChannelShuffle(Layer):
    """Channels in another order: one of each group in turn, so that the next groups see all of them.

    Examples
    --------
    >>> ChannelShuffle(groups=2).text, ChannelShuffle(groups=2).output((28, 28, 116))
    ('shuffle g2', (28, 28, 116))
    """

    groups: int
    type: str = constant("shuffle")

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        return f"shuffle g{self.groups}"

    def output(self, size: Size) -> Size:
        """Return the size of the input.

        Raises
        ------
        SizeError
            The groups do not divide the channels.
        """
        check_groups(self.groups, size)
        return size


class PixelShuffle(Layer):
    """Channels as pixels: r x r channels become one channel of r times the height and width.

    Examples
    --------
    >>> PixelShuffle(factor=2).output((96, 96, 256))
    (192, 192, 64)
    """

    factor: int
    type: str = constant("pixelshuffle")

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        return f"pixelshuffle {self.factor}"

    def axes(self, size: Size) -> tuple[ResizedAxis, ...]:
        """Return which pixel each output comes from."""
        return tuple(ResizedAxis(side, side * self.factor) for side in image_size(self, size))

    def output(self, size: Size) -> Size:
        """Return ``(r h, r w, c / r²)``.

        Raises
        ------
        SizeError
            r² does not divide the channels.
        """
        output, channels = super().output(size), channels_of(size)
        if channels is None:
            return output
        parts = self.factor ** len(image_size(self, size))
        if channels % parts:
            raise SizeError(
                f"{channels} channels",
                f"must be a multiple of {parts}, but {channels} / {parts} leaves a remainder of "
                f"{channels % parts}; make them {-(-channels // parts) * parts}",
            )
        return (*output[:-1], channels // parts)


class PixelUnshuffle(Layer):
    """Pixels as channels: the reverse of `PixelShuffle`.

    Examples
    --------
    >>> PixelUnshuffle(factor=2).output((192, 192, 64))
    (96, 96, 256)
    """

    factor: int
    type: str = constant("pixelunshuffle")

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        return f"pixelunshuffle {self.factor}"

    def axes(self, size: Size) -> tuple[Axis, ...]:
        """Return the blocks of pixels that become one.

        Raises
        ------
        SizeError
            r does not divide the height or the width.
        """
        sides = image_size(self, size)
        for side in sides:
            if side % self.factor:
                raise SizeError(
                    f"side {side}",
                    f"must be a multiple of {self.factor}, but {side} / {self.factor} leaves a remainder of "
                    f"{side % self.factor}; crop it by that, or pad it by {-side % self.factor}",
                )
        return tuple(Axis(side, self.factor, stride=self.factor) for side in sides)

    def output(self, size: Size) -> Size:
        """Return ``(h / r, w / r, c r²)``."""
        output, channels = super().output(size), channels_of(size)
        if channels is None:
            return output
        return (*output[:-1], channels * prod([self.factor] * len(image_size(self, size))))

"""Dense layers, and the flattening in front of them."""

from math import prod
from typing import ClassVar

from convcli.networks.layer_types.base import (
    Layer,
    Sides,
    Size,
    UnknownChannelsError,
    channels_of,
    constant,
    sides_of,
)
from convcli.sizes.text import format_size

__all__ = ["Dense", "Flatten"]


class Dense(Layer):
    """A dense layer: over all values of a vector, or over the channels at each pixel of an image.

    Examples
    --------
    >>> Dense(units=300).params(128 * 128), Dense(units=10).output((7, 7, 64))
    (4915500, (7, 7, 10))
    """

    units: int
    bias: bool = True
    type: str = constant("fc")
    has_params: ClassVar[bool] = True

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        return f"fc {self.units}" + " nobias" * (not self.bias)

    def output(self, size: Size) -> Size:
        """Return ``(units,)``, or ``(height, width, units)``."""
        return (*sides_of(size), self.units)

    def connections(self, channels: int) -> int:
        """Return the number of input values that an output value depends on: all."""
        return channels

    def weights(self, channels: int) -> Size:
        """Return ``(inputs, units)``."""
        return channels, self.units

    def biases(self, channels: int) -> Size | None:  # noqa: ARG002 -- the signature of all layers
        """Return ``(units,)``."""
        return (self.units,) if self.bias else None

    def macs(self, size: Size) -> int | None:
        """Return ``inputs · units``; for an image, at each pixel."""
        return None if channels_of(size) is None else prod(size) * self.units


class Flatten(Layer):
    """All values of an image as one vector.

    Examples
    --------
    >>> Flatten().output((5, 5, 16))
    (400,)
    """

    type: str = constant("flatten")
    is_view: ClassVar[bool] = True

    def output(self, size: Size) -> Size:
        """Return ``(h w c,)``.

        Raises
        ------
        SizeError
            The channels are unknown.
        """
        if isinstance(size, Sides):
            raise UnknownChannelsError(
                f"flatten on {format_size(size)}",
                f"needs to know the channels, as in --n {format_size((*size, 3))}",
            )
        return (prod(size),)

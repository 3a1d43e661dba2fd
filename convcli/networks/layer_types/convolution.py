"""Convolution layers: standard, depthwise and transposed."""

from functools import lru_cache
from math import gcd, prod
from typing import ClassVar

from convcli.errors import SizeError
from convcli.networks.layer_types.base import (
    ZEROS,
    PerAxis,
    Sides,
    Size,
    WindowedLayer,
    cached_window_axes,
    channels_of,
    constant,
    format_per_axis,
    image_size,
    sides_of,
)
from convcli.sizes.axes import transposed_axes
from convcli.sizes.transposed import TransposedAxis
from convcli.sizes.windowed import Axis

__all__ = ["Convolution", "Depthwise", "TransposedConvolution"]
_transposed_axes = lru_cache(1 << 12)(transposed_axes)


class Convolution(WindowedLayer):
    """A convolution layer: `filters` filters that span all input channels, or one group of them.

    `filters` None means an unknown number: then only the height and width of the output are known.

    Examples
    --------
    >>> layer = Convolution(window=(5, 5), filters=6)
    >>> layer.text, layer.output((32, 32, 3)), layer.params(3), layer.macs((32, 32, 3))
    ('conv 6 f5', (28, 28, 6), 456, 352800)
    """

    filters: int | None = None
    groups: int = 1
    bias: bool = True
    ceil: bool = False
    type: str = constant("conv")
    has_params: ClassVar[bool] = True

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        words = ["conv"] + ([] if self.filters is None else [f"{self.filters}"]) + self.geometry_words()
        words += [f"g{self.groups}"] if self.groups > 1 else []
        return " ".join(words + ["nobias"] * (not self.bias) + ["ceil"] * self.ceil)

    def axes(self, size: Size) -> tuple[Axis, ...]:
        """Return the axes along which the window slides."""
        return cached_window_axes(
            image_size(self, size),
            self.window,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            ceil=self.ceil,
        )

    def output(self, size: Size) -> Size:
        """Return the output size, without channels if the number of filters is unknown."""
        sides = sides_of(super().output(size))
        return Sides(sides) if self.filters is None else (*sides, self.filters)

    def connections(self, channels: int) -> int:
        """Return the number of input values that an output value depends on.

        Raises
        ------
        SizeError
            The groups do not divide the channels or the filters.
        """
        return prod(self.window) * _channels_per_group(self.groups, channels, self.filters)

    def weights(self, channels: int) -> Size | None:
        """Return ``(f_h, f_w, c / g, filters)``; None if the number of filters is unknown."""
        depth = _channels_per_group(self.groups, channels, self.filters)
        return None if self.filters is None else (*self.window, depth, self.filters)

    def biases(self, channels: int) -> Size | None:  # noqa: ARG002 -- the signature of all layers
        """Return ``(1, 1, 1, filters)``: a 1 for each axis of the window and its depth."""
        return (1,) * len(self.window) + (1, self.filters) if self.bias and self.filters is not None else None

    def params(self, channels: int) -> int | None:
        """Return ``(f_h f_w c / g + 1) filters``; None if the number of filters is unknown."""
        counted = super().params(channels)  # which also checks the groups
        return None if self.filters is None else counted

    def macs(self, size: Size) -> int | None:
        """Return the multiply-accumulates for one input; None if channels or filters are unknown."""
        channels = channels_of(size)
        if self.filters is None or channels is None:
            return None
        return prod(self.output(size)) * self.for_input(size).connections(channels)


def _channels_per_group(groups: int, channels: int, filters: int | None) -> int:
    """Return the number of input channels in a group."""
    for what, count in (("input channels", channels), ("filters", filters)):
        if count is not None and count % groups:
            common = gcd(channels, channels if filters is None else filters)
            near = max(n for n in range(1, min(groups, 100_000) + 1) if common % n == 0)
            raise SizeError(
                f"groups {groups}",
                f"must divide the {count} {what}, but {count} / {groups} leaves a remainder of "
                f"{count % groups}; the nearest number of groups that does is {near}",
            )
    return channels // groups


class Depthwise(WindowedLayer):
    """A depthwise convolution: `multiplier` filters for each channel, which read only that channel.

    Examples
    --------
    >>> layer = Depthwise(window=(3, 3), padding=((1, 1), (1, 1)))
    >>> layer.text, layer.output((56, 56, 64)), layer.params(64)
    ('dw f3 p1', (56, 56, 64), 640)
    """

    multiplier: int = 1
    bias: bool = True
    type: str = constant("dw")
    has_params: ClassVar[bool] = True

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        words = ["dw", *self.geometry_words()] + [f"x{self.multiplier}"] * (self.multiplier > 1)
        return " ".join(words + ["nobias"] * (not self.bias))

    def as_convolution(self, channels: int | None) -> Convolution:
        """Return the equivalent grouped convolution for this many channels."""
        return Convolution(
            window=self.window,
            filters=None if channels is None else channels * self.multiplier,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=channels or 1,
            bias=self.bias,
        )

    def axes(self, size: Size) -> tuple[Axis, ...]:
        """Return how the window slides over an input of that size."""
        image_size(self, size)
        return self.as_convolution(channels_of(size)).axes(size)

    def output(self, size: Size) -> Size:
        """Return the output size."""
        image_size(self, size)
        return self.as_convolution(channels_of(size)).output(size)

    def weights(self, channels: int) -> Size | None:
        """Return ``(f_h, f_w, 1, c multiplier)``."""
        return self.as_convolution(channels).weights(channels)

    def biases(self, channels: int) -> Size | None:
        """Return ``(1, 1, 1, c multiplier)``."""
        return self.as_convolution(channels).biases(channels)

    def connections(self, channels: int) -> int:  # noqa: ARG002 -- the signature of all layers
        """Return the number of input values that an output value depends on: those under the window."""
        return prod(self.window)

    def macs(self, size: Size) -> int | None:
        """Return the multiply-accumulates for one input."""
        return self.as_convolution(channels_of(size)).macs(size)


class TransposedConvolution(WindowedLayer):
    """A transposed convolution: each input pixel adds its window to the output.

    Examples
    --------
    >>> layer = TransposedConvolution(window=(2, 2), filters=64, stride=(2, 2))
    >>> layer.text, layer.output((28, 28, 128)), layer.params(128), layer.macs((28, 28, 128))
    ('tconv 64 f2 s2', (56, 56, 64), 32832, 25690112)
    """

    filters: int
    groups: int = 1
    output_padding: PerAxis = ZEROS
    bias: bool = True
    type: str = constant("tconv")
    has_params: ClassVar[bool] = True
    per_axis: ClassVar[dict[str, str]] = WindowedLayer.per_axis | {"output_padding": "op"}

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        words = ["tconv", f"{self.filters}", *self.geometry_words()]
        words += [f"g{self.groups}"] if self.groups > 1 else []
        words += [f"op{format_per_axis(self.output_padding)}"] if any(self.output_padding) else []
        return " ".join(words + ["nobias"] * (not self.bias))

    def axes(self, size: Size) -> tuple[TransposedAxis, ...]:
        """Return the axes along which the windows are added to the output."""
        return _transposed_axes(
            image_size(self, size),
            self.window,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            output_padding=self.output_padding,
        )

    def output(self, size: Size) -> Size:
        """Return the output size, ``(n - 1)s - 2p + d(f - 1) + op + 1``."""
        return (*sides_of(super().output(size)), self.filters)

    def weights(self, channels: int) -> Size:
        """Return ``(f_h, f_w, c / g, filters)``."""
        return (*self.window, _channels_per_group(self.groups, channels, self.filters), self.filters)

    def biases(self, channels: int) -> Size | None:  # noqa: ARG002 -- the signature of all layers
        """Return ``(1, 1, 1, filters)``: a 1 for each axis of the window and its depth."""
        return (1,) * len(self.window) + (1, self.filters) if self.bias else None

    def macs(self, size: Size) -> int | None:
        """Return the multiply-accumulates for one input: each input value meets all its weights."""
        channels = channels_of(size)
        return (
            None if channels is None else prod(sides_of(size)) * prod(self.for_input(size).weights(channels))
        )

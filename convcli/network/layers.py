"""Layers: each knows its output size, its parameters and its multiply-accumulates. Exact integers.

A size is ``(height, width)`` or ``(height, width, channels)``. MACs are the multiply-accumulates of the
layer's weights: no bias, no activation.
"""

from dataclasses import dataclass
from math import gcd, prod
from typing import ClassVar

from convcli.errors import SizeError
from convcli.sizes import (
    Amounts,
    Axis,
    NamedPadding,
    format_padding,
    format_size,
    pooling_axes,
    window_axes,
)

__all__ = ["Convolution", "Dense", "Pooling", "Size"]

Size = tuple[int, ...]

NO_PADDING: Amounts = ((0, 0), (0, 0))


def _letters(
    window: tuple[int, int],
    stride: tuple[int, int],
    padding: NamedPadding | Amounts,
    dilation: tuple[int, int] = (1, 1),
    *,
    default_stride: tuple[int, int] = (1, 1),
) -> list[str]:
    """Return the geometry in the words of the layer grammar, defaults left out."""
    words = [f"f{_short(window)}"]
    if stride != default_stride:
        words.append(f"s{_short(stride)}")
    if padding != NO_PADDING:
        words.append(f"p{format_padding(padding)}")
    if dilation != (1, 1):
        words.append(f"d{_short(dilation)}")
    return words


def _short(pair: tuple[int, int]) -> str:
    return f"{pair[0]}" if pair[0] == pair[1] else format_size(pair)


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """A convolution layer: `filters` filters as deep as the input (or as one group of its channels).

    `filters` None stands for an unknown number: only the spatial size can then be told.

    Examples
    --------
    >>> layer = Convolution(window=(5, 5), filters=6)
    >>> layer.text, layer.output((32, 32, 3)), layer.params(3), layer.macs((32, 32, 3))
    ('conv 6 f5', (28, 28, 6), 456, 352800)
    """

    window: tuple[int, int]
    filters: int | None = None
    stride: tuple[int, int] = (1, 1)
    padding: NamedPadding | Amounts = NO_PADDING
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    bias: bool = True
    ceil: bool = False
    type: ClassVar[str] = "conv"

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        words = ["conv"] + ([] if self.filters is None else [f"{self.filters}"])
        words += _letters(self.window, self.stride, self.padding, self.dilation)
        words += [f"g{self.groups}"] if self.groups > 1 else []
        return " ".join(words + ["nobias"] * (not self.bias) + ["ceil"] * self.ceil)

    def axes(self, size: Size) -> tuple[Axis, Axis]:
        """Return how the window slides over an input of that size."""
        return window_axes(
            (size[0], size[1]),
            self.window,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            ceil=self.ceil,
        )

    def output(self, size: Size) -> Size:
        """Return the output size; without channels where the number of filters is unknown."""
        rows, columns = self.axes(size)
        spatial = rows.output, columns.output
        return spatial if self.filters is None else (*spatial, self.filters)

    def connections(self, channels: int) -> int:
        """Return how many input values an output value is computed from.

        Raises
        ------
        SizeError
            The groups do not divide the channels or the filters.
        """
        for what, count in (("input channels", channels), ("filters", self.filters)):
            if count is not None and count % self.groups:
                common = gcd(channels, channels if self.filters is None else self.filters)
                near = max(n for n in range(1, min(self.groups, 100_000) + 1) if common % n == 0)
                raise SizeError(
                    f"groups {self.groups}",
                    f"do not divide {count} {what}: {count} / {self.groups} leaves {count % self.groups}; "
                    f"the nearest number of groups that does is {near}",
                )
        return prod(self.window) * (channels // self.groups)

    def params(self, channels: int) -> int | None:
        """Return ``(f_h f_w c / g + 1) filters``; None where the number of filters is unknown."""
        connections = self.connections(channels)
        return None if self.filters is None else (connections + self.bias) * self.filters

    def macs(self, size: Size) -> int | None:
        """Return the multiply-accumulates for one input; None where channels or filters are unknown."""
        if self.filters is None or len(size) < 3:
            return None
        return prod(self.output(size)) * self.connections(size[2])


@dataclass(frozen=True, kw_only=True)
class Pooling:
    """A pooling layer: no parameters, no multiply-accumulates.

    Examples
    --------
    >>> layer = Pooling(window=(2, 2))
    >>> layer.text, layer.output((28, 28, 6)), layer.params(6)
    ('maxpool f2', (14, 14, 6), 0)
    """

    window: tuple[int, int]
    stride: tuple[int, int] | None = None
    padding: NamedPadding | Amounts = NO_PADDING
    ceil: bool = False
    type: str = "maxpool"

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        stride = self.window if self.stride is None else self.stride
        words = [self.type, *_letters(self.window, stride, self.padding, default_stride=self.window)]
        return " ".join(words + ["ceil"] * self.ceil)

    def axes(self, size: Size) -> tuple[Axis, Axis]:
        """Return how the window slides over an input of that size."""
        return pooling_axes(
            (size[0], size[1]), self.window, stride=self.stride, padding=self.padding, ceil=self.ceil
        )

    def output(self, size: Size) -> Size:
        """Return the output size; the channels stay."""
        rows, columns = self.axes(size)
        return (rows.output, columns.output, *size[2:])

    def params(self, channels: int) -> int:  # noqa: ARG002 -- every layer is asked alike
        """Return 0: pooling learns nothing."""
        return 0

    def macs(self, size: Size) -> int:  # noqa: ARG002 -- every layer is asked alike
        """Return 0: pooling multiplies nothing."""
        return 0


@dataclass(frozen=True, kw_only=True)
class Dense:
    """A dense layer over all values of its input.

    Examples
    --------
    >>> Dense(units=300).params(128 * 128)
    4915500
    """

    units: int
    bias: bool = True
    type: ClassVar[str] = "fc"

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        return f"fc {self.units}" + " nobias" * (not self.bias)

    def output(self, size: Size) -> Size:  # noqa: ARG002 -- every layer is asked alike
        """Return ``(units,)``."""
        return (self.units,)

    def params(self, values: int) -> int:
        """Return ``(inputs + 1) units``."""
        return (values + self.bias) * self.units

    def macs(self, size: Size) -> int:
        """Return ``inputs · units``."""
        return prod(size) * self.units

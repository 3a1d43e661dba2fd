"""Layers: output sizes, parameters and multiply-accumulates (MACs), as exact integers.

A size is ``(height, width, channels)``, ``(height, width)`` if the channels are unknown, or ``(values,)``
after `Flatten`. MACs are the multiply-accumulates with the layer's weights: no bias, no normalization, no
activation.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from math import gcd, prod
from typing import ClassVar

from convcli.errors import SizeError
from convcli.size_texts import Amounts, NamedPadding, format_padding, format_size
from convcli.sizes import (
    AdaptiveAxis,
    Axis,
    TransposedAxis,
    adaptive_axes,
    pooling_axes,
    transposed_axes,
    window_axes,
)

__all__ = [
    "AdaptivePooling",
    "AnyAxis",
    "Convolution",
    "Dense",
    "Depthwise",
    "Elementwise",
    "ElementwiseKind",
    "Flatten",
    "Layer",
    "Normalisation",
    "NormalisationKind",
    "Pad",
    "Pooling",
    "PoolingKind",
    "Size",
    "TransposedConvolution",
    "channels_of",
]

Size = tuple[int, ...]
# A layer computes the same axes several times, and a network has many equal layers.
_window_axes = lru_cache(1 << 12)(window_axes)
_pooling_axes = lru_cache(1 << 12)(pooling_axes)
_transposed_axes = lru_cache(1 << 12)(transposed_axes)
AnyAxis = Axis | TransposedAxis | AdaptiveAxis

NO_PADDING: Amounts = ((0, 0), (0, 0))
ONE, NONE = (1, 1), (0, 0)


def channels_of(size: Size) -> int | None:
    """Return the channels of a size, or the values of a vector; None if unknown."""
    return None if len(size) == 2 else size[-1]


class Layer:
    """Base of all layers, with defaults that suit most of them."""

    type: str

    # What dataclass would generate, which takes a millisecond per class at import.
    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({given})"

    is_view: ClassVar[bool] = False  # at inference its output is its input, and needs no memory
    learns: ClassVar[bool] = False  # whether it has parameters

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        return str(self.type)

    def axes(self, size: Size) -> tuple[AnyAxis, AnyAxis] | None:  # noqa: ARG002 -- as all below
        """Return the axes along which the layer's windows slide; None for a layer without windows.

        Raises
        ------
        SizeError
            The windows do not fit the input.
        """
        return None

    def output(self, size: Size) -> Size:
        """Return the output size for an input of that size.

        Raises
        ------
        SizeError
            The layer is impossible on that input.
        """
        return size

    def weights(self, channels: int) -> Size | None:  # noqa: ARG002
        """Return the shape of the weights for this many input channels; None for a layer without weights."""
        return None

    def biases(self, channels: int) -> Size | None:  # noqa: ARG002
        """Return the shape of the bias; None for a layer without one."""
        return None

    def connections(self, channels: int) -> int | None:  # noqa: ARG002
        """Return the number of input values that an output value depends on; None if it varies."""
        return None

    def params(self, channels: int) -> int | None:
        """Return the number of parameters: weights and bias; None if unknown."""
        shapes = self.weights(channels), self.biases(channels)
        return sum(prod(shape) for shape in shapes if shape is not None)

    def statistics(self, channels: int) -> int:  # noqa: ARG002
        """Return the number of running statistics, which are kept but not learned."""
        return 0

    def macs(self, size: Size) -> int | None:  # noqa: ARG002
        """Return the multiply-accumulates for one input; None if unknown."""
        return 0


# Windows --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class _Windowed(Layer):
    window: tuple[int, int]
    stride: tuple[int, int] = ONE
    padding: NamedPadding | Amounts = NO_PADDING
    dilation: tuple[int, int] = ONE

    def _letters(self, *, default_stride: tuple[int, int] = ONE) -> list[str]:
        """Return the geometry in the words of the layer grammar, without defaults."""
        words = [f"f{_short(self.window)}"]
        if self.stride != default_stride:
            words.append(f"s{_short(self.stride)}")
        if self.padding not in (NO_PADDING, NamedPadding.VALID):
            words.append(f"p{format_padding(self.padding)}")
        if self.dilation != ONE:
            words.append(f"d{_short(self.dilation)}")
        return words


def _short(pair: tuple[int, int]) -> str:
    return f"{pair[0]}" if pair[0] == pair[1] else format_size(pair)


def _sides(layer: Layer, size: Size) -> tuple[int, int]:
    if len(size) < 2:
        raise SizeError(
            f"{layer.type} on {format_size(size)} values",
            "needs an image, not a vector; put it before the flatten",
        )
    return size[0], size[1]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Convolution(_Windowed):
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
    type: str = field(default="conv", init=False)
    learns: ClassVar[bool] = True

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        words = ["conv"] + ([] if self.filters is None else [f"{self.filters}"]) + self._letters()
        words += [f"g{self.groups}"] if self.groups > 1 else []
        return " ".join(words + ["nobias"] * (not self.bias) + ["ceil"] * self.ceil)

    def axes(self, size: Size) -> tuple[Axis, Axis]:
        """Return the axes along which the window slides."""
        return _window_axes(
            _sides(self, size),
            self.window,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            ceil=self.ceil,
        )

    def output(self, size: Size) -> Size:
        """Return the output size, without channels if the number of filters is unknown."""
        spatial = _outputs(self.axes(size))
        return spatial if self.filters is None else (*spatial, self.filters)

    def connections(self, channels: int) -> int:
        """Return the number of input values that an output value depends on.

        Raises
        ------
        SizeError
            The groups do not divide the channels or the filters.
        """
        return prod(self.window) * _in_group(self.groups, channels, self.filters)

    def weights(self, channels: int) -> Size | None:
        """Return ``(f_h, f_w, c / g, filters)``; None if the number of filters is unknown."""
        depth = _in_group(self.groups, channels, self.filters)
        return None if self.filters is None else (*self.window, depth, self.filters)

    def biases(self, channels: int) -> Size | None:  # noqa: ARG002 -- every layer is asked alike
        """Return ``(1, 1, 1, filters)``."""
        return (1, 1, 1, self.filters) if self.bias and self.filters is not None else None

    def params(self, channels: int) -> int | None:
        """Return ``(f_h f_w c / g + 1) filters``; None if the number of filters is unknown."""
        counted = super().params(channels)  # which also checks the groups
        return None if self.filters is None else counted

    def macs(self, size: Size) -> int | None:
        """Return the multiply-accumulates for one input; None if channels or filters are unknown."""
        if self.filters is None or len(size) < 3:
            return None
        return prod(self.output(size)) * self.connections(size[2])


def _outputs(axes: tuple[AnyAxis, AnyAxis]) -> tuple[int, int]:
    return axes[0].output, axes[1].output


def _in_group(groups: int, channels: int, filters: int | None) -> int:
    """Return the number of input channels in a group."""
    for what, count in (("input channels", channels), ("filters", filters)):
        if count is not None and count % groups:
            common = gcd(channels, channels if filters is None else filters)
            near = max(n for n in range(1, min(groups, 100_000) + 1) if common % n == 0)
            raise SizeError(
                f"groups {groups}",
                f"do not divide {count} {what}: {count} / {groups} leaves {count % groups}; "
                f"the nearest number of groups that does is {near}",
            )
    return channels // groups


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Depthwise(_Windowed):
    """A depthwise convolution: `multiplier` filters for each channel, which read only that channel.

    Examples
    --------
    >>> layer = Depthwise(window=(3, 3), padding=((1, 1), (1, 1)))
    >>> layer.text, layer.output((56, 56, 64)), layer.params(64)
    ('dw f3 p1', (56, 56, 64), 640)
    """

    multiplier: int = 1
    bias: bool = True
    type: str = field(default="dw", init=False)
    learns: ClassVar[bool] = True

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        words = ["dw", *self._letters()] + [f"x{self.multiplier}"] * (self.multiplier > 1)
        return " ".join(words + ["nobias"] * (not self.bias))

    def on(self, channels: int | None) -> Convolution:
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

    def axes(self, size: Size) -> tuple[Axis, Axis]:
        """Return how the window slides over an input of that size."""
        _sides(self, size)
        return self.on(channels_of(size)).axes(size)

    def output(self, size: Size) -> Size:
        """Return the output size."""
        _sides(self, size)
        return self.on(channels_of(size)).output(size)

    def weights(self, channels: int) -> Size | None:
        """Return ``(f_h, f_w, 1, c multiplier)``."""
        return self.on(channels).weights(channels)

    def biases(self, channels: int) -> Size | None:
        """Return ``(1, 1, 1, c multiplier)``."""
        return self.on(channels).biases(channels)

    def connections(self, channels: int) -> int:  # noqa: ARG002 -- every layer is asked alike
        """Return the number of input values that an output value depends on: those under the window."""
        return prod(self.window)

    def macs(self, size: Size) -> int | None:
        """Return the multiply-accumulates for one input."""
        return self.on(channels_of(size)).macs(size)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TransposedConvolution(_Windowed):
    """A transposed convolution: each input pixel adds its window to the output.

    Examples
    --------
    >>> layer = TransposedConvolution(window=(2, 2), filters=64, stride=(2, 2))
    >>> layer.text, layer.output((28, 28, 128)), layer.params(128), layer.macs((28, 28, 128))
    ('tconv 64 f2 s2', (56, 56, 64), 32832, 25690112)
    """

    filters: int
    groups: int = 1
    output_padding: tuple[int, int] = NONE
    bias: bool = True
    type: str = field(default="tconv", init=False)
    learns: ClassVar[bool] = True

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        words = ["tconv", f"{self.filters}", *self._letters()]
        words += [f"g{self.groups}"] if self.groups > 1 else []
        words += [f"op{_short(self.output_padding)}"] if self.output_padding != NONE else []
        return " ".join(words + ["nobias"] * (not self.bias))

    def axes(self, size: Size) -> tuple[TransposedAxis, TransposedAxis]:
        """Return the axes along which the windows are added to the output."""
        return _transposed_axes(
            _sides(self, size),
            self.window,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            output_padding=self.output_padding,
        )

    def output(self, size: Size) -> Size:
        """Return the output size, ``(n - 1)s - 2p + d(f - 1) + op + 1``."""
        return (*_outputs(self.axes(size)), self.filters)

    def weights(self, channels: int) -> Size:
        """Return ``(f_h, f_w, c / g, filters)``."""
        return (*self.window, _in_group(self.groups, channels, self.filters), self.filters)

    def biases(self, channels: int) -> Size | None:  # noqa: ARG002 -- every layer is asked alike
        """Return ``(1, 1, 1, filters)``."""
        return (1, 1, 1, self.filters) if self.bias else None

    def macs(self, size: Size) -> int | None:
        """Return the multiply-accumulates for one input: each input value meets all its weights."""
        return None if len(size) < 3 else size[0] * size[1] * prod(self.weights(size[2]))


class PoolingKind(StrEnum):
    """What a pooling layer computes from a window."""

    MAX = "maxpool"
    AVERAGE = "avgpool"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Pooling(Layer):
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
    dilation: tuple[int, int] = ONE
    ceil: bool = False
    type: str = PoolingKind.MAX

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        windowed = _Windowed(
            window=self.window,
            stride=self.window if self.stride is None else self.stride,
            padding=self.padding,
            dilation=self.dilation,
        )
        words = [str(self.type), *windowed._letters(default_stride=self.window)]
        return " ".join(words + ["ceil"] * self.ceil)

    def axes(self, size: Size) -> tuple[Axis, Axis]:
        """Return how the window slides over an input of that size."""
        return _pooling_axes(
            _sides(self, size),
            self.window,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            ceil=self.ceil,
        )

    def output(self, size: Size) -> Size:
        """Return the output size; the channels stay."""
        return (*_outputs(self.axes(size)), *size[2:])


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class AdaptivePooling(Layer):
    """Average pooling to a given output size; 1x1, the default, is global average pooling.

    Examples
    --------
    >>> AdaptivePooling().output((7, 7, 512)), AdaptivePooling(size=(6, 6)).text
    ((1, 1, 512), 'gap 6x6')
    """

    size: tuple[int, int] = ONE
    type: str = field(default="gap", init=False)

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        return "gap" if self.size == ONE else f"gap {format_size(self.size)}"

    def axes(self, size: Size) -> tuple[AdaptiveAxis, AdaptiveAxis]:
        """Return the axes of the pooling windows."""
        return adaptive_axes(_sides(self, size), self.size)

    def output(self, size: Size) -> Size:
        """Return the given size; the channels stay."""
        _sides(self, size)
        return (*self.size, *size[2:])


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Pad(Layer):
    """Zero padding as a separate layer.

    Examples
    --------
    >>> Pad(padding=((1, 2), (0, 0))).output((5, 5, 3))
    (8, 5, 3)
    """

    padding: Amounts
    type: str = field(default="pad", init=False)

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        return f"pad {format_padding(self.padding)}"

    def axes(self, size: Size) -> tuple[Axis, Axis]:
        """Return the axes of 1x1 windows on the padded input."""
        return _window_axes(_sides(self, size), 1, padding=self.padding)

    def output(self, size: Size) -> Size:
        """Return the padded size; the channels stay."""
        return (*_outputs(self.axes(size)), *size[2:])


# Dense and elementwise layers -----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Dense(Layer):
    """A dense layer: over all values of a vector, or over the channels at each pixel of an image.

    Examples
    --------
    >>> Dense(units=300).params(128 * 128), Dense(units=10).output((7, 7, 64))
    (4915500, (7, 7, 10))
    """

    units: int
    bias: bool = True
    type: str = field(default="fc", init=False)
    learns: ClassVar[bool] = True

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        return f"fc {self.units}" + " nobias" * (not self.bias)

    def output(self, size: Size) -> Size:
        """Return ``(units,)``, or ``(height, width, units)``."""
        return (*size[:-1], self.units) if len(size) != 2 else (*size, self.units)

    def connections(self, channels: int) -> int:
        """Return the number of input values that an output value depends on: all."""
        return channels

    def weights(self, channels: int) -> Size:
        """Return ``(inputs, units)``."""
        return channels, self.units

    def biases(self, channels: int) -> Size | None:  # noqa: ARG002 -- every layer is asked alike
        """Return ``(units,)``."""
        return (self.units,) if self.bias else None

    def macs(self, size: Size) -> int | None:
        """Return ``inputs · units``; for an image, at each pixel."""
        return None if len(size) == 2 else prod(size) * self.units


class NormalisationKind(StrEnum):
    """Kinds of normalization layers: batch and layer normalization."""

    BATCH = "bn"
    LAYER = "ln"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Normalisation(Layer):
    """Normalization with a learned scale and shift for every channel.

    Examples
    --------
    >>> layer = Normalisation(type=NormalisationKind.BATCH)
    >>> layer.params(64), layer.statistics(64)
    (128, 128)
    """

    type: str
    learns: ClassVar[bool] = True

    def weights(self, channels: int) -> Size:
        """Return ``(c,)``: the scales."""
        return (channels,)

    def biases(self, channels: int) -> Size:
        """Return ``(c,)``: the shifts."""
        return (channels,)

    def statistics(self, channels: int) -> int:
        """Return ``2 c`` for batch normalization: running mean and variance."""
        return 2 * channels if self.type == NormalisationKind.BATCH else 0


class ElementwiseKind(StrEnum):
    """Layers without parameters that keep the size."""

    RELU = "relu"
    RELU6 = "relu6"
    SILU = "silu"
    SIGMOID = "sigmoid"
    TANH = "tanh"
    GELU = "gelu"
    HARDSWISH = "hardswish"
    SOFTMAX = "softmax"
    LRN = "lrn"
    DROPOUT = "dropout"
    IDENTITY = "identity"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Elementwise(Layer):
    """A layer without parameters that keeps the size.

    Examples
    --------
    >>> Elementwise(type=ElementwiseKind.RELU).output((7, 7, 64))
    (7, 7, 64)
    """

    type: str

    @property
    def is_view(self) -> bool:  # type: ignore[override] # true for some kinds only
        """Whether the layer does nothing at inference."""
        return self.type in (ElementwiseKind.DROPOUT, ElementwiseKind.IDENTITY)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Flatten(Layer):
    """All values of an image as one vector.

    Examples
    --------
    >>> Flatten().output((5, 5, 16))
    (400,)
    """

    type: str = field(default="flatten", init=False)
    is_view: ClassVar[bool] = True

    def output(self, size: Size) -> Size:
        """Return ``(h w c,)``.

        Raises
        ------
        SizeError
            The channels are unknown.
        """
        if len(size) == 2:
            raise SizeError(
                f"flatten on {format_size(size)}",
                f"needs to know the channels, as in --n {format_size((*size, 3))}",
            )
        return (prod(size),)

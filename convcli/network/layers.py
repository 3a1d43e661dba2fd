"""Layers: each knows its output size, its parameters and its multiply-accumulates. Exact integers.

A size is ``(height, width, channels)``, ``(height, width)`` where the channels are not known, or
``(values,)`` behind `Flatten`. MACs are the multiply-accumulates of the layer's weights: no bias, no
normalisation, no activation.
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
# Each layer is asked several times for the same axes, and a network has many layers alike.
_window_axes = lru_cache(1 << 12)(window_axes)
_pooling_axes = lru_cache(1 << 12)(pooling_axes)
_transposed_axes = lru_cache(1 << 12)(transposed_axes)
AnyAxis = Axis | TransposedAxis | AdaptiveAxis

NO_PADDING: Amounts = ((0, 0), (0, 0))
ONE, NONE = (1, 1), (0, 0)


def channels_of(size: Size) -> int | None:
    """Return the channels of a size, or the values of a vector; None where they are not known."""
    return None if len(size) == 2 else size[-1]


class Layer:
    """What every layer is asked; what is not overridden here is so for most layers."""

    type: str

    # As a dataclass would write them for each layer; once is enough, and writing takes a millisecond each.
    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({given})"

    is_view: ClassVar[bool] = False  # at inference the output is the input, and takes no memory
    learns: ClassVar[bool] = False  # whether it has parameters

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        return str(self.type)

    def axes(self, size: Size) -> tuple[AnyAxis, AnyAxis] | None:  # noqa: ARG002 -- as all below
        """Return how the layer's windows lie on an input of that size; None for a layer without windows.

        Raises
        ------
        SizeError
            They do not fit.
        """
        return None

    def output(self, size: Size) -> Size:
        """Return the output size for an input of that size.

        Raises
        ------
        SizeError
            The layer is impossible on it.
        """
        return size

    def weights(self, channels: int) -> Size | None:  # noqa: ARG002
        """Return the shape of the weights for so many input channels; None for a layer without weights."""
        return None

    def biases(self, channels: int) -> Size | None:  # noqa: ARG002
        """Return the shape of the bias; None for a layer without one."""
        return None

    def connections(self, channels: int) -> int | None:  # noqa: ARG002
        """Return how many input values an output value is computed from; None where that varies."""
        return None

    def params(self, channels: int) -> int | None:
        """Return how many numbers are learned: weights and bias; None where that is not known."""
        shapes = self.weights(channels), self.biases(channels)
        return sum(prod(shape) for shape in shapes if shape is not None)

    def statistics(self, channels: int) -> int:  # noqa: ARG002
        """Return how many running statistics are kept, which are not learned."""
        return 0

    def macs(self, size: Size) -> int | None:  # noqa: ARG002
        """Return the multiply-accumulates for one input; None where they are not known."""
        return 0


# Windows --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class _Windowed(Layer):
    window: tuple[int, int]
    stride: tuple[int, int] = ONE
    padding: NamedPadding | Amounts = NO_PADDING
    dilation: tuple[int, int] = ONE

    def _letters(self, *, default_stride: tuple[int, int] = ONE) -> list[str]:
        """Return the geometry in the words of the layer grammar, defaults left out."""
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
            "needs an image; put it before the layer that made a vector of it",
        )
    return size[0], size[1]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Convolution(_Windowed):
    """A convolution layer: `filters` filters as deep as the input (or as one group of its channels).

    `filters` None stands for an unknown number: only the spatial size can then be told.

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
        """Return how the window slides over an input of that size."""
        return _window_axes(
            _sides(self, size),
            self.window,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            ceil=self.ceil,
        )

    def output(self, size: Size) -> Size:
        """Return the output size; without channels where the number of filters is unknown."""
        spatial = _outputs(self.axes(size))
        return spatial if self.filters is None else (*spatial, self.filters)

    def connections(self, channels: int) -> int:
        """Return how many input values an output value is computed from.

        Raises
        ------
        SizeError
            The groups do not divide the channels or the filters.
        """
        return prod(self.window) * _in_group(self.groups, channels, self.filters)

    def weights(self, channels: int) -> Size | None:
        """Return ``(f_h, f_w, c / g, filters)``; None where the number of filters is unknown."""
        depth = _in_group(self.groups, channels, self.filters)
        return None if self.filters is None else (*self.window, depth, self.filters)

    def biases(self, channels: int) -> Size | None:  # noqa: ARG002 -- every layer is asked alike
        """Return ``(1, 1, 1, filters)``."""
        return (1, 1, 1, self.filters) if self.bias and self.filters is not None else None

    def params(self, channels: int) -> int | None:
        """Return ``(f_h f_w c / g + 1) filters``; None where the number of filters is unknown."""
        counted = super().params(channels)  # which checks the groups, too
        return None if self.filters is None else counted

    def macs(self, size: Size) -> int | None:
        """Return the multiply-accumulates for one input; None where channels or filters are unknown."""
        if self.filters is None or len(size) < 3:
            return None
        return prod(self.output(size)) * self.connections(size[2])


def _outputs(axes: tuple[AnyAxis, AnyAxis]) -> tuple[int, int]:
    return axes[0].output, axes[1].output


def _in_group(groups: int, channels: int, filters: int | None) -> int:
    """Return the input channels of a group."""
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
    """A depthwise convolution: `multiplier` filters for each channel, which see that channel alone.

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
        """Return the convolution that it is on so many channels."""
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
        """Return how many input values an output value is computed from: those under the window."""
        return prod(self.window)

    def macs(self, size: Size) -> int | None:
        """Return the multiply-accumulates for one input."""
        return self.on(channels_of(size)).macs(size)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TransposedConvolution(_Windowed):
    """A transposed convolution: it lays its filters over the output, a convolution run backwards.

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
        """Return how the window is laid over the output."""
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
        """Return the multiply-accumulates for one input, of which each value meets all its weights."""
        return None if len(size) < 3 else size[0] * size[1] * prod(self.weights(size[2]))


class PoolingKind(StrEnum):
    """What a pooling layer takes of a window."""

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
    """The average of windows that are so large that the wanted size comes out; of one, the global average.

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
        """Return the windows for an input of that size."""
        return adaptive_axes(_sides(self, size), self.size)

    def output(self, size: Size) -> Size:
        """Return the wanted size; the channels stay."""
        _sides(self, size)
        return (*self.size, *size[2:])


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Pad(Layer):
    """Padding as a layer of its own.

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
        """Return the windows of a single pixel that step over the padded input."""
        return _window_axes(_sides(self, size), 1, padding=self.padding)

    def output(self, size: Size) -> Size:
        """Return the padded size; the channels stay."""
        return (*_outputs(self.axes(size)), *size[2:])


# Dense layers, and what works on single numbers -----------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Dense(Layer):
    """A dense layer: over all values of a vector, over the channels of each pixel of an image.

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
        """Return how many input values an output value is computed from: all."""
        return channels

    def weights(self, channels: int) -> Size:
        """Return ``(inputs, units)``."""
        return channels, self.units

    def biases(self, channels: int) -> Size | None:  # noqa: ARG002 -- every layer is asked alike
        """Return ``(units,)``."""
        return (self.units,) if self.bias else None

    def macs(self, size: Size) -> int | None:
        """Return ``inputs · units``, of an image for each pixel."""
        return None if len(size) == 2 else prod(size) * self.units


class NormalisationKind(StrEnum):
    """What a normalisation layer takes mean and variance of."""

    BATCH = "bn"
    LAYER = "ln"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Normalisation(Layer):
    """Normalisation of every channel, with a scale and a shift that are learned.

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
        """Return ``2 c`` for batch normalisation: running mean and variance."""
        return 2 * channels if self.type == NormalisationKind.BATCH else 0


class ElementwiseKind(StrEnum):
    """Layers that take number by number and change no size."""

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
    """A layer without parameters that changes no size.

    Examples
    --------
    >>> Elementwise(type=ElementwiseKind.RELU).output((7, 7, 64))
    (7, 7, 64)
    """

    type: str

    @property
    def is_view(self) -> bool:  # type: ignore[override] # of some of them it is true
        """Whether nothing is done at inference."""
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
            The channels are not known.
        """
        if len(size) == 2:
            raise SizeError(
                f"flatten on {format_size(size)}",
                f"needs to know the channels, as in --n {format_size((*size, 3))}",
            )
        return (prod(size),)

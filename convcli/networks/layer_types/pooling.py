"""Pooling layers: max and average, windowed and adaptive, and blur pooling."""

from enum import StrEnum
from functools import lru_cache
from math import prod
from typing import ClassVar

from convcli.networks.layer_types.base import (
    NO_PADDING,
    ONES,
    Layer,
    PerAxis,
    Size,
    WindowedLayer,
    cached_window_axes,
    channels_of,
    constant,
    format_per_axis,
    image_size,
)
from convcli.networks.layer_types.elementwise import check_mirrored
from convcli.sizes.adaptive import AdaptiveAxis
from convcli.sizes.axes import adaptive_axes, pooling_axes
from convcli.sizes.text import NamedPadding, PaddingAmounts, format_size
from convcli.sizes.windowed import Axis

__all__ = ["AdaptiveKind", "AdaptivePooling", "BlurPool", "Pooling", "PoolingKind"]
_pooling_axes = lru_cache(1 << 12)(pooling_axes)


class PoolingKind(StrEnum):
    """What a pooling layer computes from a window."""

    MAX = "maxpool"
    AVERAGE = "avgpool"


class Pooling(Layer):
    """A pooling layer: no parameters, no multiply-accumulates.

    Examples
    --------
    >>> layer = Pooling(window=(2, 2))
    >>> layer.text, layer.output((28, 28, 6)), layer.params(6)
    ('maxpool f2', (14, 14, 6), 0)
    """

    window: PerAxis
    stride: PerAxis | None = None
    padding: NamedPadding | PaddingAmounts = NO_PADDING
    dilation: PerAxis = ONES
    ceil: bool = False
    type: str = PoolingKind.MAX
    per_axis: ClassVar[dict[str, str]] = WindowedLayer.per_axis

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        windowed = WindowedLayer(
            window=self.window,
            stride=self.window if self.stride is None else self.stride,
            padding=self.padding,
            dilation=self.dilation,
        )
        words = [str(self.type), *windowed.geometry_words(default_stride=self.window)]
        return " ".join(words + ["ceil"] * self.ceil)

    def identity(self, **values: object) -> tuple[object, ...]:
        """Return what equal layers have in common: the stride defaults to the window."""
        return super().identity(stride=self.window if self.stride is None else self.stride, **values)

    def axes(self, size: Size) -> tuple[Axis, ...]:
        """Return how the window slides over an input of that size."""
        return _pooling_axes(
            image_size(self, size),
            self.window,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            ceil=self.ceil,
        )


class AdaptiveKind(StrEnum):
    """What adaptive pooling computes: the average or the maximum."""

    AVERAGE = "gap"
    MAX = "gmp"


class AdaptivePooling(Layer):
    """Average or max pooling to a given output size; 1x1, the default, is global pooling.

    Examples
    --------
    >>> AdaptivePooling().output((7, 7, 512)), AdaptivePooling(size=(6, 6)).text
    ((1, 1, 512), 'gap 6x6')
    """

    size: PerAxis = ONES
    type: str = AdaptiveKind.AVERAGE
    per_axis: ClassVar[dict[str, str]] = {"size": ""}

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        return str(self.type) if set(self.size) == {1} else f"{self.type} {format_size(self.size)}"

    def axes(self, size: Size) -> tuple[AdaptiveAxis, ...]:
        """Return the axes of the pooling windows."""
        return adaptive_axes(image_size(self, size), self.size)


class BlurPool(WindowedLayer):
    """Anti-aliased subsampling: a fixed binomial filter on each channel, on mirrored padding of f - 1 in all.

    It has no parameters; its multiply-accumulates are those of a depthwise convolution.

    Source: R. Zhang, "Making convolutional networks shift-invariant again", ICML 2019.

    Examples
    --------
    >>> layer = BlurPool(window=(3, 3), stride=(2, 2))
    >>> layer.text, layer.output((56, 56, 64)), layer.macs((56, 56, 64))
    ('blurpool f3 s2', (28, 28, 64), 451584)
    """

    type: str = constant("blurpool")

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        return f"blurpool f{format_per_axis(self.window)} s{format_per_axis(self.stride)}"

    def axes(self, size: Size) -> tuple[Axis, ...]:
        """Return how the filter slides over the padded input.

        Raises
        ------
        SizeError
            The input is too small for the mirrored padding.
        """
        amounts = tuple(((window - 1) // 2, window // 2) for window in self.window)
        axes = cached_window_axes(image_size(self, size), self.window, stride=self.stride, padding=amounts)
        check_mirrored(axes)
        return axes

    def connections(self, channels: int) -> int:  # noqa: ARG002 -- the signature of all layers
        """Return the number of input values that an output value depends on: those under the filter."""
        return prod(self.window)

    def macs(self, size: Size) -> int | None:
        """Return the multiply-accumulates for one input; None if the channels are unknown."""
        return None if channels_of(size) is None else prod(self.output(size)) * prod(self.window)

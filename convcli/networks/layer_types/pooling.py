"""Pooling layers: max and average, windowed and adaptive."""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from convcli.networks.layer_types.base import NO_PADDING, ONES, Layer, Size, WindowedLayer, image_size
from convcli.sizes.adaptive import AdaptiveAxis
from convcli.sizes.axes import adaptive_axes, pooling_axes
from convcli.sizes.text import NamedPadding, PaddingAmounts, format_size
from convcli.sizes.windowed import Axis

__all__ = ["AdaptivePooling", "Pooling", "PoolingKind"]
_pooling_axes = lru_cache(1 << 12)(pooling_axes)


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
    padding: NamedPadding | PaddingAmounts = NO_PADDING
    dilation: tuple[int, int] = ONES
    ceil: bool = False
    type: str = PoolingKind.MAX

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

    def axes(self, size: Size) -> tuple[Axis, Axis]:
        """Return how the window slides over an input of that size."""
        return _pooling_axes(
            image_size(self, size),
            self.window,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            ceil=self.ceil,
        )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class AdaptivePooling(Layer):
    """Average pooling to a given output size; 1x1, the default, is global average pooling.

    Examples
    --------
    >>> AdaptivePooling().output((7, 7, 512)), AdaptivePooling(size=(6, 6)).text
    ((1, 1, 512), 'gap 6x6')
    """

    size: tuple[int, int] = ONES
    type: str = field(default="gap", init=False)

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        return "gap" if self.size == ONES else f"gap {format_size(self.size)}"

    def axes(self, size: Size) -> tuple[AdaptiveAxis, AdaptiveAxis]:
        """Return the axes of the pooling windows."""
        return adaptive_axes(image_size(self, size), self.size)

"""Layers without windows: normalization, every activation of the grammar, and padding."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from convcli.networks.layer_types.base import Layer, Size, cached_window_axes, image_size
from convcli.sizes.text import PaddingAmounts, format_padding
from convcli.sizes.windowed import Axis

__all__ = ["Elementwise", "ElementwiseKind", "Normalization", "NormalizationKind", "Pad"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Pad(Layer):
    """Zero padding as a separate layer.

    Examples
    --------
    >>> Pad(padding=((1, 2), (0, 0))).output((5, 5, 3))
    (8, 5, 3)
    """

    padding: PaddingAmounts
    type: str = field(default="pad", init=False)

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        return f"pad {format_padding(self.padding)}"

    def axes(self, size: Size) -> tuple[Axis, Axis]:
        """Return the axes of 1x1 windows on the padded input."""
        return cached_window_axes(image_size(self, size), 1, padding=self.padding)


class NormalizationKind(StrEnum):
    """Kinds of normalization layers: batch and layer normalization."""

    BATCH = "bn"
    LAYER = "ln"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Normalization(Layer):
    """Normalization with a learned scale and shift for every channel.

    Examples
    --------
    >>> layer = Normalization(type=NormalizationKind.BATCH)
    >>> layer.params(64), layer.statistics(64)
    (128, 128)
    """

    type: str
    has_params: ClassVar[bool] = True

    def weights(self, channels: int) -> Size:
        """Return ``(c,)``: the scales."""
        return (channels,)

    def biases(self, channels: int) -> Size:
        """Return ``(c,)``: the shifts."""
        return (channels,)

    def statistics(self, channels: int) -> int:
        """Return ``2 c`` for batch normalization: running mean and variance."""
        return 2 * channels if self.type == NormalizationKind.BATCH else 0


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

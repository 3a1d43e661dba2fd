"""Layers without windows: normalization, learned scales, every activation of the grammar, and padding."""

from collections.abc import Iterable
from enum import StrEnum
from typing import ClassVar

from convcli.errors import SizeError
from convcli.networks.layer_types.base import (
    Layer,
    Size,
    cached_window_axes,
    check_groups,
    constant,
    image_size,
)
from convcli.sizes.text import PaddingAmounts, format_padding
from convcli.sizes.windowed import Axis

__all__ = [
    "Elementwise",
    "ElementwiseKind",
    "Normalization",
    "NormalizationKind",
    "Pad",
    "PadMode",
    "Prelu",
    "Scale",
    "check_mirrored",
]


class PadMode(StrEnum):
    """What padding is filled with: zeros, the pixels mirrored at the border, or those at the border."""

    ZERO = "zero"
    MIRROR = "mirror"
    EDGE = "edge"


class Pad(Layer):
    """Padding as a separate layer.

    Examples
    --------
    >>> Pad(padding=((1, 2), (0, 0))).output((5, 5, 3))
    (8, 5, 3)
    """

    padding: PaddingAmounts
    mode: PadMode = PadMode.ZERO
    type: str = constant("pad")
    per_axis: ClassVar[dict[str, str]] = {"padding": ""}

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        return f"pad {format_padding(self.padding)}" + f" {self.mode}" * (self.mode != PadMode.ZERO)

    def axes(self, size: Size) -> tuple[Axis, ...]:
        """Return the axes of 1x1 windows on the padded input.

        Raises
        ------
        SizeError
            The input is too small to be mirrored that far.
        """
        axes = cached_window_axes(image_size(self, size), 1, padding=self.padding)
        if self.mode == PadMode.MIRROR:
            check_mirrored(axes)
        return axes


def check_mirrored(axes: Iterable[Axis]) -> None:
    """Refuse padding that is mirrored at the border but reaches beyond the other border.

    Raises
    ------
    SizeError
        The padding is not less than the side.
    """
    for axis in axes:
        if max(axis.before, axis.after) >= axis.side:
            raise SizeError(
                f"padding {max(axis.before, axis.after)} on input {axis.side}",
                f"is mirrored without the border itself, so it must be less than {axis.side}",
            )


class NormalizationKind(StrEnum):
    """Kinds of normalization layers: over the batch, the channels, groups of them, or each channel."""

    BATCH = "bn"
    LAYER = "ln"
    GROUP = "gn"
    INSTANCE = "instancenorm"
    RMS = "rms"


class Normalization(Layer):
    """Normalization with a learned scale and shift for every channel.

    Attributes
    ----------
    type : NormalizationKind
        ``rms`` has no shift.
    groups : int
        Of the channels, for ``gn``.
    affine : bool
        Whether it learns anything.
    bias : bool
        Whether it learns a shift.

    Examples
    --------
    >>> layer = Normalization(type=NormalizationKind.BATCH)
    >>> layer.params(64), layer.statistics(64)
    (128, 128)
    """

    type: str
    groups: int = 1
    affine: bool = True
    bias: bool = True

    @property
    def has_params(self) -> bool:  # type: ignore[override] # true unless it is not affine
        """Whether it has parameters."""
        return self.affine

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        words = [str(self.type)] + [f"g{self.groups}"] * (self.type == NormalizationKind.GROUP)
        if self.type == NormalizationKind.INSTANCE:
            words += ["affine"] * self.affine
        else:
            words += ["noaffine"] * (not self.affine)
        return " ".join(words + ["nobias"] * (self.affine and not self.bias))

    def output(self, size: Size) -> Size:
        """Return the size of the input.

        Raises
        ------
        SizeError
            The groups do not divide the channels.
        """
        check_groups(self.groups, size)
        return size

    def weights(self, channels: int) -> Size | None:
        """Return ``(c,)``: the scales; None if there are none."""
        return (channels,) if self.affine else None

    def biases(self, channels: int) -> Size | None:
        """Return ``(c,)``: the shifts; None if there are none."""
        return (channels,) if self.affine and self.bias and self.type != NormalizationKind.RMS else None

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
    LEAKYRELU = "leakyrelu"
    ELU = "elu"
    SELU = "selu"
    MISH = "mish"
    HARDSIGMOID = "hardsigmoid"
    SOFTPLUS = "softplus"
    SOFTMAX = "softmax"
    LOGSOFTMAX = "logsoftmax"
    LRN = "lrn"
    DROPOUT = "dropout"
    IDENTITY = "identity"


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


class Prelu(Layer):
    """A leaky relu that learns its slope: one, or one for every channel.

    Examples
    --------
    >>> Prelu().params(64), Prelu(per_channel=True).params(64)
    (1, 64)
    """

    per_channel: bool = False
    type: str = constant("prelu")
    has_params: ClassVar[bool] = True

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        return "prelu" + " c" * self.per_channel

    def weights(self, channels: int) -> Size:
        """Return ``(1,)`` or ``(c,)``: the slopes."""
        return (channels if self.per_channel else 1,)


class Scale(Layer):
    """A learned factor for every channel (layer scale), and a shift, if it has a bias.

    Examples
    --------
    >>> Scale().params(96), Scale(bias=True).text, Scale(bias=True).params(96)
    (96, 'scale bias', 192)
    """

    bias: bool = False
    type: str = constant("scale")
    has_params: ClassVar[bool] = True

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        return "scale" + " bias" * self.bias

    def weights(self, channels: int) -> Size:
        """Return ``(c,)``: the factors."""
        return (channels,)

    def biases(self, channels: int) -> Size | None:
        """Return ``(c,)``: the shifts; None if there are none."""
        return (channels,) if self.bias else None

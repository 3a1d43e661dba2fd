"""Layers that resize: upsampling by interpolation, without parameters."""

from typing import ClassVar

from convcli.networks.layer_types.base import Layer, PerAxis, Size, constant, format_per_axis, image_size
from convcli.sizes.resized import Interpolation, ResizedAxis
from convcli.sizes.text import format_size

__all__ = ["Upsample", "UpsampleMode"]

UpsampleMode = Interpolation


class Upsample(Layer):
    """Resizing by a factor, or to a size; interpolation is not counted as multiply-accumulates.

    Examples
    --------
    >>> Upsample(factor=(2, 2)).output((7, 7, 64))
    (14, 14, 64)
    >>> Upsample(size=(65, 65), mode=UpsampleMode.BILINEAR).text
    'up to 65x65 bilinear'
    """

    factor: PerAxis | None = None
    size: PerAxis | None = None
    mode: UpsampleMode = UpsampleMode.NEAREST
    align_corners: bool = False
    type: str = constant("up")
    per_axis: ClassVar[dict[str, str]] = {"factor": "", "size": "to "}

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        words = [
            "up",
            format_per_axis(self.factor or (1, 1)) if self.size is None else f"to {format_size(self.size)}",
        ]
        words += [str(self.mode)] * (self.mode != UpsampleMode.NEAREST)
        return " ".join(words + ["corners"] * (self.align_corners and self.mode != UpsampleMode.NEAREST))

    def axes(self, size: Size) -> tuple[ResizedAxis, ...]:
        """Return which pixels each output reads."""
        sides = image_size(self, size)
        outputs = self.size or tuple(
            side * factor for side, factor in zip(sides, self.factor or (1, 1), strict=True)
        )
        return tuple(
            ResizedAxis(side, output, self.mode, self.align_corners)
            for side, output in zip(sides, outputs, strict=True)
        )

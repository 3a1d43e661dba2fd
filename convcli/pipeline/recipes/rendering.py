"""How results become pixels: channels, signs, scale, bias."""

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.convolution.rendering import SignedMapping, render_counted
from convcli.convolution.statistics import Statistics, measure
from convcli.errors import UsageError
from convcli.pictures.channels import Channels
from convcli.pictures.picture import Picture
from convcli.pipeline.recipes.recipe import InputKind
from convcli.sizes.text import format_size

__all__ = ["Rendering", "check_no_depthwise", "result_record"]


class Rendering(NamedTuple):
    """Which channels are filtered, and how the result is scaled and turned into pixels.

    A `scale` of None divides by the gain. `biases` holds one number for all feature maps, or one for each.
    """

    channels: Channels
    signed: SignedMapping | None
    scale: float | None
    biases: tuple[float, ...]
    relu: bool

    def mapping(self, as_numbers: bool) -> SignedMapping:
        """Return how signed values become pixels; by default they become absolute, or stay numbers."""
        return self.signed or (SignedMapping.RAW if as_numbers else SignedMapping.ABS)

    def selected(self, picture: InputKind) -> InputKind:
        """Return what is known about the channels that are filtered."""
        height, width, count = picture.size
        if self.channels == Channels.EACH or count == 1:
            return picture
        itemsize = (2 if picture.itemsize == 1 else 8) if self.channels == Channels.SUM else picture.itemsize
        return InputKind((height, width, 1), itemsize, picture.is_numeric or itemsize == 8)

    def selection_bytes(self, picture: InputKind) -> int:
        """Return the memory that the selected channels take besides the picture."""
        selected = self.selected(picture)
        is_view = selected is picture or self.channels in (Channels.R, Channels.G, Channels.B)
        return 0 if is_view else prod(selected.size) * selected.itemsize

    def render(
        self, values: NDArray[Any], picture: Picture, as_numbers: bool
    ) -> tuple[NDArray[Any], dict[str, object]]:
        """Apply ReLU if it was requested, turn values into pixels, and return these and their record."""
        if self.relu:
            values = np.maximum(values, 0)
        rendered = render_counted(values, self.mapping(as_numbers), depth=picture.depth)
        record = result_record(picture.pixels.shape, values.shape, values.dtype, measure(values))
        return rendered.pixels, record | {"saturated": rendered.saturated}


def check_no_depthwise(name: str, channels: Channels) -> None:
    """Check that a filter is not asked to give each channel filters of its own.

    Raises
    ------
    UsageError
        It is, but only a bank can.
    """
    if channels == Channels.DEPTHWISE:
        raise UsageError(
            "--channels depthwise",
            f"gives each channel its own filters of a bank, but {name} is a single filter; use each",
        )


def result_record(
    shape_in: Sequence[int], shape_out: Sequence[int], dtype: np.dtype[Any], statistics: Statistics
) -> dict[str, object]:
    """Return the sizes and the statistics of a result, under the keys of ``--json``."""
    return {
        "shape_in": format_size(shape_in),
        "shape_out": format_size(shape_out),
        "dtype": str(dtype),
        "min": statistics.lowest,
        "max": statistics.highest,
        "mean": statistics.mean,
    }

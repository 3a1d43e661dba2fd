"""How results become pixels: channels, signs, scale, bias."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from convcli.compiled.engine import is_compiled
from convcli.convolution.rendering import Losses, SignedMapping, render_counted
from convcli.convolution.statistics import Statistics, measure
from convcli.convolution.weighted import AlphaMode, NanMode, SampleWeights, averages, sample_weights
from convcli.errors import UsageError
from convcli.kernels.filter import Matrix
from convcli.late_numpy import np
from convcli.pictures.channels import Channels
from convcli.pictures.picture import Picture
from convcli.pipeline.recipes.notes import RenderedValues, gray_scale
from convcli.pipeline.recipes.recipe import InputKind
from convcli.sizes.text import format_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Rendering", "check_no_depthwise", "result_record"]


class Rendering(NamedTuple):
    """Which channels are filtered, and how the result is scaled and turned into pixels.

    A `scale` of None divides by the gain. `biases` holds one number for all feature maps, or one for each.
    `alpha` and `nan` say how transparent pixels and NaN count. `known` is set for a part of a picture: the
    statistics of the whole, which ``stretch`` and ``gray`` refer to.
    """

    channels: Channels
    signed: SignedMapping | None
    scale: float | None
    biases: tuple[float, ...]
    relu: bool
    alpha: AlphaMode = AlphaMode.WEIGHTED
    nan: NanMode = NanMode.KEEP
    known: Statistics | None = None

    def mapping(self, as_numbers: bool) -> SignedMapping:
        """Return how signed values become pixels; by default they become absolute, or stay numbers."""
        return self.signed or (SignedMapping.RAW if as_numbers else SignedMapping.ABS)

    def selected(self, picture: InputKind) -> InputKind:
        """Return what is known about the channels that are filtered."""
        height, width, count = picture.size
        if self.channels in (Channels.EACH, Channels.DEPTHWISE) or count == 1:
            return picture
        itemsize = (2 if picture.itemsize == 1 else 8) if self.channels == Channels.SUM else picture.itemsize
        return InputKind((height, width, 1), itemsize, picture.is_numeric or itemsize == 8)

    def selection_bytes(self, picture: InputKind) -> int:
        """Return the memory that the selected channels take besides the picture."""
        selected = self.selected(picture)
        is_plane = self.channels in (Channels.R, Channels.G, Channels.B)
        is_view = selected is picture or (is_plane and not is_compiled())
        return 0 if is_view else prod(selected.size) * selected.itemsize

    def weights(
        self, pixels: NDArray[Any], alpha: NDArray[Any] | None, kernels: Sequence[NDArray[Any]]
    ) -> SampleWeights | None:
        """Return how much each pixel counts for these kernels; None if all of them count in full."""
        is_weighted = alpha is not None and self.alpha_mode(kernels) != AlphaMode.STRAIGHT
        return sample_weights(pixels, alpha if is_weighted else None, ignore_nan=self.nan == NanMode.IGNORE)

    def may_weigh(self, picture: InputKind, kernels: Sequence[Matrix | NDArray[Any]]) -> bool:
        """Whether pixels of such a picture may have weights for these kernels."""
        if picture.is_numeric:
            return self.nan == NanMode.IGNORE
        return picture.may_have_alpha and self.alpha_mode(kernels) != AlphaMode.STRAIGHT

    def alpha_mode(self, kernels: Sequence[Matrix | NDArray[Any]]) -> AlphaMode:
        """Return what alpha does for these kernels: unless it is filtered, it weights only averages."""
        if self.alpha == AlphaMode.WEIGHTED and not averages(kernels):
            return AlphaMode.STRAIGHT
        return self.alpha

    def missing_record(
        self, picture: Picture, kernels: Sequence[Matrix | NDArray[Any]], losses: Losses
    ) -> dict[str, object]:
        """Return, of a picture that has them, what alpha did, and how many NaN were written as 0."""
        record: dict[str, object] = {}
        if picture.has_alpha:
            record["alpha"] = self.alpha_mode(kernels)
        return record | ({"nan": losses.nan} if losses.nan else {})

    def render(
        self, values: NDArray[Any], picture: Picture, as_numbers: bool
    ) -> tuple[NDArray[Any], dict[str, object], RenderedValues]:
        """Apply ReLU if requested, turn values into pixels; return these, their record, and facts on them."""
        if self.relu:
            values = np.maximum(values, 0)
        mapping = self.mapping(as_numbers)
        rendered = render_counted(values, mapping, depth=picture.depth, known=self.known)
        statistics = measure(values)
        record = result_record(picture.shape, values.shape, values.dtype, statistics)
        losses = rendered.losses
        if mapping == SignedMapping.GRAY:
            record["gray"] = gray_scale(self.known or statistics, picture.depth).record()
        record |= {"saturated": losses.saturated} | ({"nan": losses.nan} if losses.nan else {})
        has_bias = any(self.biases)
        facts = RenderedValues(losses, statistics, mapping, self.nan, self.scale or 0, has_bias)
        return rendered.pixels, record, facts


def check_no_depthwise(name: str, channels: Channels) -> None:
    """Check that a filter is not asked to give each channel filters of its own.

    Raises
    ------
    UsageError
        The channels are ``depthwise``, which only a bank can do.
    """
    if channels == Channels.DEPTHWISE:
        raise UsageError(
            "--channels depthwise",
            f"gives each channel its own filters of a bank, but {name} is a single filter; use each",
        )


def result_record(
    shape_in: Sequence[int], shape_out: Sequence[int], dtype: np.dtype[Any] | str, statistics: Statistics
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

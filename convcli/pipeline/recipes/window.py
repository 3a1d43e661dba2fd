"""The sliding window of a recipe: padding, border, stride, dilation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from convcli.convolution.borders import Border, BorderKind, parse_border
from convcli.pictures.channels import Channels
from convcli.pictures.limits import Size
from convcli.sizes.axes import window_axes
from convcli.sizes.per_axis import Padding, Pair, as_amounts, as_pair
from convcli.sizes.text import NamedPadding, PaddingAmounts, format_padding, format_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SlidingWindow", "result_pixels"]


class SlidingWindow(NamedTuple):
    """How the kernel slides over the picture."""

    padding: NamedPadding | PaddingAmounts
    border: str
    stride: tuple[int, int]
    dilation: tuple[int, int]
    flip: bool
    jobs: int | None

    @classmethod
    def of(
        cls,
        padding: Padding = "same",
        border: str = "edge",
        stride: Pair = 1,
        dilation: Pair = 1,
        *,
        flip: bool = False,
        jobs: int | None = None,
    ) -> SlidingWindow:
        """Check what a caller gives, and return the window.

        Raises
        ------
        SizeError, UsageError
            An amount or the border is not valid.

        Examples
        --------
        >>> SlidingWindow.of("valid", stride=2).stride
        (2, 2)
        """
        return cls(
            as_amounts(padding), str(parse_border(border)), as_pair(stride, "stride", 1),
            as_pair(dilation, "dilation", 1), flip, jobs,
        )  # fmt: skip

    def for_channels(self, channels: Channels, shape: tuple[int, ...]) -> SlidingWindow:
        """Return it for the selected channels: a constant border is per channel, so the sum has their sum."""
        border = parse_border(self.border)
        if channels != Channels.SUM or border.kind != BorderKind.CONSTANT or len(shape) == 2:
            return self
        return self._replace(border=str(Border(border.kind, border.value * shape[2])))

    def with_constant_border(self, value: float) -> SlidingWindow:
        """Return it with another value for a border of a constant value; other borders stay."""
        border = parse_border(self.border)
        if border.kind not in (BorderKind.ZERO, BorderKind.CONSTANT):
            return self
        return self._replace(border=str(Border(BorderKind.CONSTANT, value)))

    def sample(self, alpha: NDArray[Any] | None, kernel_size: tuple[int, ...]) -> NDArray[Any] | None:
        """Return the alpha of the pixels that a kernel (f_h, f_w, ...) is centered on."""
        if alpha is None:
            return None
        from convcli.convolution.engine import center_pixels  # late: rasters do without arrays

        size = kernel_size[0], kernel_size[1]
        return center_pixels(alpha, size, stride=self.stride, padding=self.padding, dilation=self.dilation)

    def record(self) -> dict[str, object]:
        """Return its JSON record."""
        return {
            "padding": format_padding(self.padding),
            "border": self.border,
            "stride": format_size(self.stride),
            "dilation": format_size(self.dilation),
        }


def result_pixels(taps: tuple[int, int], window: SlidingWindow, size: Size) -> int:
    """Return the number of pixels of a result."""
    rows, columns = window_axes(
        size[:2], taps, padding=window.padding, stride=window.stride, dilation=window.dilation
    )
    return rows.output * columns.output

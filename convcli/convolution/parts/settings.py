"""How a part of a convolution is described: a block with an explicit padding."""

from __future__ import annotations

from convcli.convolution.borders import BorderKind, parse_border
from convcli.convolution.planning import ConvolutionSettings
from convcli.sizes.windowed import Axis

__all__ = ["part_settings"]


def part_settings(
    settings: ConvolutionSettings, rows: Axis, columns: Axis, jobs: int | None
) -> ConvolutionSettings:
    """Return the settings for a part, in whose padding only the border's value is left."""
    has_value = parse_border(settings.border).kind in (BorderKind.ZERO, BorderKind.CONSTANT)
    return settings._replace(
        stride=(rows.stride, columns.stride),
        padding=((rows.before, rows.after), (columns.before, columns.after)),
        border=settings.border if has_value else "zero",
        dilation=(rows.dilation, columns.dilation),
        jobs=jobs,
    )

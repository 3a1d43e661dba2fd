"""How results become pixels: channels, signs, scale, bias."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.cli.reports.results import result_facts
from convcli.convolution.rendering import SignedMapping, render_counted
from convcli.convolution.statistics import measure
from convcli.errors import MatrixError, UsageError, parse_choice
from convcli.pictures.channels import Channels
from convcli.pictures.formats.file_formats import FileFormat
from convcli.pictures.picture import Picture
from convcli.pictures.text_matrices import parse_number

__all__ = ["WORKING_BYTES", "Rendering", "render_values", "typed_number"]


WORKING_BYTES = 10  # bytes per value of a result that is not turned into pixels in the same pass


@dataclass(frozen=True)
class Rendering:
    """Which channels are filtered, and how the result is scaled and turned into pixels.

    A `scale` of None divides by the gain. `biases` holds one number for all feature maps, or one for each.
    """

    channels: Channels
    signed: SignedMapping | None
    scale: float | None
    biases: tuple[float, ...]
    relu: bool

    @classmethod
    def read(
        cls,
        channels: str,
        signed: str | None,
        scale: str,
        bias: str,
        file_format: FileFormat | None,
        *,
        relu: bool = False,
    ) -> "Rendering":
        """Read the options as they were typed."""
        how = None if signed is None else parse_choice(signed, SignedMapping, "--signed")
        pixels_only = file_format is not None and not (file_format.numeric or file_format == FileFormat.TIFF)
        if how == SignedMapping.RAW and pixels_only:
            raise UsageError(
                "--signed raw",
                f"keeps signed values, but {file_format} holds pixels; use npy, csv, txt or tiff",
            )
        factor = None if scale == "gain" else typed_number("--scale", scale)
        biases = tuple(typed_number("--bias", part) or 0 for part in bias.split(","))
        return cls(parse_choice(channels, Channels, "--channels"), how, factor, biases, relu)


def typed_number(option: str, text: str | None) -> float | None:
    """Read the number of an option, as in 70, 0.25 or 1/4; None if the option was not given."""
    if text is None:
        return None
    try:
        return parse_number(text, option)
    except MatrixError:
        also = ", or gain" if option == "--scale" else ""
        raise UsageError(
            f"{option} {text[:50]!r}", f"must be a number, as in 70, 0.25 or 1/4{also}"
        ) from None


def render_values(
    values: NDArray[Any], how: SignedMapping, rendering: Rendering, picture: Picture
) -> tuple[NDArray[Any], dict[str, object]]:
    """Apply ReLU if asked for, turn values into pixels, and return the pixels and the facts to report."""
    if rendering.relu:
        values = np.maximum(values, 0)
    rendered = render_counted(values, how, depth=picture.depth)
    facts = result_facts(picture.pixels.shape, values.shape, values.dtype, measure(values))
    return rendered.pixels, facts | {"saturated": rendered.saturated}

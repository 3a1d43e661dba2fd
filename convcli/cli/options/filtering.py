"""Options that say how a filter slides over a picture, and how its results become pixels."""

from convcli.cli.options.filters import parse_number_option
from convcli.convolution.borders import parse_border
from convcli.convolution.rendering import SignedMapping
from convcli.convolution.weighted import AlphaMode, NanMode
from convcli.errors import UsageError, parse_choice
from convcli.pictures.channels import Channels
from convcli.pictures.formats.output_formats import TILED, OutputFormat
from convcli.pipeline.recipes.rendering import Rendering
from convcli.pipeline.recipes.window import SlidingWindow
from convcli.sizes.text import parse_padding, parse_pair

__all__ = ["read_rendering", "read_window"]


def read_window(
    padding: str, border: str, stride: str, dilation: str, *, flip: bool, jobs: int | None
) -> SlidingWindow:
    """Read the options of the sliding window as typed."""
    return SlidingWindow(
        padding=parse_padding(padding),
        border=str(parse_border(border)),
        stride=parse_pair(stride, "stride"),
        dilation=parse_pair(dilation, "dilation"),
        flip=flip,
        jobs=jobs,
    )


def read_rendering(
    channels: str,
    signed: str | None,
    scale: str,
    bias: str,
    file_format: OutputFormat | None,
    *,
    relu: bool = False,
    alpha: str | None = None,
    nan: str = "keep",
) -> Rendering:
    """Read the options that make pixels of results as typed."""
    mapping = None if signed is None else parse_choice(signed, SignedMapping, "--signed")
    pixels_only = file_format is not None and not (file_format.numeric or file_format in TILED)
    if mapping == SignedMapping.RAW and pixels_only:
        raise UsageError(
            "--signed raw", f"keeps signed values, but {file_format} holds pixels; use npy, csv, txt or tiff"
        )
    factor = None if scale == "gain" else parse_number_option("--scale", scale)
    biases = tuple(parse_number_option("--bias", part) or 0 for part in bias.split(","))
    return Rendering(
        parse_choice(channels, Channels, "--channels"),
        mapping,
        factor,
        biases,
        relu,
        AlphaMode.WEIGHTED if alpha is None else parse_choice(alpha, AlphaMode, "--alpha"),
        parse_choice(nan, NanMode, "--nan"),
    )

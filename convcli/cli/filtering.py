"""What ``apply`` does with a picture: its options read, and the operation that they make."""

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from convcli.arrays import Channels, select_channels
from convcli.borders import parse_border
from convcli.cli.batch import Operation, Outcome
from convcli.cli.reports import described
from convcli.convolve import pixels_under
from convcli.errors import KernelError, MatrixError, UsageError, chosen
from convcli.images import FileFormat, Picture
from convcli.kernels import Filter, custom_filter, named_filter, parse_kernel, read_kernel
from convcli.matrices import parse_number
from convcli.one_pass import filter_pixels
from convcli.render import Signed
from convcli.size_texts import Amounts, NamedPadding, format_padding, format_size, parse_padding, parse_pair

__all__ = ["Rendering", "Window", "operation", "read_filters", "typed_number"]


@dataclass(frozen=True)
class Window:
    """How the kernel moves over the picture."""

    padding: NamedPadding | Amounts
    border: str
    stride: tuple[int, int]
    dilation: tuple[int, int]
    flip: bool
    jobs: int | None

    @classmethod
    def read(
        cls, padding: str, border: str, stride: str, dilation: str, *, flip: bool, jobs: int | None
    ) -> "Window":
        """Read the options as they were typed."""
        return cls(
            padding=parse_padding(padding),
            border=str(parse_border(border)),
            stride=parse_pair(stride, "stride"),
            dilation=parse_pair(dilation, "dilation"),
            flip=flip,
            jobs=jobs,
        )


@dataclass(frozen=True)
class Rendering:
    """What is taken of the picture, and what becomes of the result; `scale` None is one over the gain."""

    channels: Channels
    signed: Signed | None
    scale: float | None
    bias: float

    @classmethod
    def read(
        cls, channels: str, signed: str | None, scale: str, bias: str, file_format: FileFormat | None
    ) -> "Rendering":
        """Read the options as they were typed."""
        how = None if signed is None else chosen(signed, Signed, "--signed")
        pixels_only = file_format is not None and not (file_format.numeric or file_format == FileFormat.TIFF)
        if how == Signed.RAW and pixels_only:
            raise UsageError("--signed raw", f"{file_format} holds pixels; use npy, csv, txt or tiff")
        factor = None if scale == "gain" else typed_number("--scale", scale)
        return cls(chosen(channels, Channels, "--channels"), how, factor, typed_number("--bias", bias) or 0)


def typed_number(option: str, text: str | None) -> float | None:
    """Read the number of an option, as in 70, 0.25 or 1/4; None where it was not given."""
    if text is None:
        return None
    try:
        return parse_number(text, option)
    except MatrixError:
        also = ", or gain" if option == "--scale" else ""
        raise UsageError(
            f"{option} {text[:50]!r}", f"must be a number, as in 70, 0.25 or 1/4{also}"
        ) from None


def read_filters(
    names: list[str], kernels: list[str], *, angle: str | None, size: str | None
) -> list[Filter]:
    """Build the filters that were asked for: the named ones, then the typed ones.

    Raises
    ------
    UsageError
        None was asked for, or one cannot be built.
    """
    if not names and not kernels:
        raise UsageError("--filter", "missing; as in --filter sobel-x (convcli filters lists them)")
    if kernels and not (angle is None and size is None):
        raise UsageError("--kernel", "is taken as it is; --angle and --size are for named filters")
    parameters = {"angle": typed_number("--angle", angle), "size": typed_number("--size", size)}
    return [named_filter(name, **parameters) for name in names] + [_typed(text) for text in kernels]


def _typed(text: str) -> Filter:
    if text.startswith("@"):
        file = text[1:]
        return custom_filter(Path(file).stem, read_kernel(file))
    try:
        return custom_filter("kernel", parse_kernel(text, "--kernel"))
    except KernelError as error:
        if Path(text).suffix.lower() in {".csv", ".txt", ".json", ".npy"}:
            raise KernelError("--kernel", f"a file is written with an @: --kernel @{text}") from None
        raise error


def operation(one: Filter, window: Window, rendering: Rendering, *, measured: bool) -> Operation:
    """Make the operation that applies a filter; its numbers are measured if anyone is to be told.

    Raises
    ------
    KernelError
        The result is to be divided by a gain of zero.
    """
    scale = rendering.scale
    if scale is None:
        scale = 1 / one.gain if one.gain else math.inf
        if not math.isfinite(scale):
            raise KernelError(one.name, f"has a gain of {one.gain:g}, so --scale gain cannot divide by it")
    numbers = None if rendering.signed is None else rendering.signed == Signed.RAW
    return Operation(one.name, partial(_filter_picture, one, window, rendering, scale, measured), numbers)


def _filter_picture(
    one: Filter,
    window: Window,
    rendering: Rendering,
    scale: float,
    measured: bool,
    picture: Picture,
    numbers: bool,
) -> Outcome:
    """Take the channels, convolve, scale, and make pixels of the result unless numbers are wanted."""
    pixels = select_channels(picture.pixels, rendering.channels)
    how = rendering.signed or (Signed.RAW if numbers else Signed.ABS)
    filtered = filter_pixels(
        pixels,
        one,
        how,
        scale=scale,
        bias=rendering.bias,
        depth=picture.depth,
        measured=measured,
        stride=window.stride,
        padding=window.padding,
        border=window.border,
        dilation=window.dilation,
        flip=window.flip,
        jobs=window.jobs,
    )
    alpha = picture.alpha
    if alpha is not None:
        height, width = one.kernels[0].shape
        alpha = pixels_under(
            alpha, (height, width), stride=window.stride, padding=window.padding, dilation=window.dilation
        )
    result = picture.with_pixels(filtered.pixels, alpha)
    matrices = [matrix.tolist() for matrix in one.kernels]
    facts = {
        "filter": one.name,
        "kernel": matrices[0] if len(matrices) == 1 else matrices,
        "gain": one.gain,
        "padding": format_padding(window.padding),
        "border": window.border,
        "stride": format_size(window.stride),
        "dilation": format_size(window.dilation),
    }
    if filtered.numbers is not None:
        facts |= described(picture.pixels.shape, filtered.pixels.shape, filtered.dtype, filtered.numbers)
    facts |= {"saturated": filtered.saturated, "plan": str(filtered.plan)}
    return Outcome(result, facts, result.notes)

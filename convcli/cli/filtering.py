"""What ``apply`` does to a picture: it reads the options and makes an operation of them."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.arrays import Channels, select_channels
from convcli.borders import Border, BorderKind, parse_border
from convcli.cli.one_input import Operation, Outcome
from convcli.cli.reports import described
from convcli.cli.typed_kernels import is_kernel_file, typed_kernel
from convcli.convolve import pixels_under
from convcli.encoding import FileFormat
from convcli.errors import KernelError, MatrixError, UsageError, chosen
from convcli.kernels import CATALOG, Filter, named_filter
from convcli.limits import Size
from convcli.matrices import parse_number
from convcli.one_pass import filter_pixels
from convcli.pictures import Picture
from convcli.render import Signed, render_counted
from convcli.size_texts import Amounts, NamedPadding, format_padding, format_size, parse_padding, parse_pair
from convcli.sizes import window_axes
from convcli.tally import tally
from convcli.volumes import Bank, orientation_bank

__all__ = [
    "BETWEEN",
    "Rendering",
    "Window",
    "finished",
    "kernel_files",
    "operation",
    "read_filters",
    "result_size",
    "typed_number",
]


BETWEEN = 10  # bytes per value of a result that is not turned into pixels in the same pass


@dataclass(frozen=True)
class Window:
    """How the kernel slides over the picture."""

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

    def border_for(self, channels: Channels, pixels: NDArray[Any]) -> str:
        """Return the border of the selected channels: a constant is per channel, so the sum has their sum."""
        border = parse_border(self.border)
        if channels != Channels.SUM or border.kind != BorderKind.CONSTANT or pixels.ndim == 2:
            return self.border
        return str(Border(border.kind, border.value * pixels.shape[2]))

    def facts(self) -> dict[str, object]:
        """Return its JSON record."""
        return {
            "padding": format_padding(self.padding),
            "border": self.border,
            "stride": format_size(self.stride),
            "dilation": format_size(self.dilation),
        }


@dataclass(frozen=True)
class Rendering:
    """Which channels are filtered, and how the result is scaled and turned into pixels.

    A `scale` of None divides by the gain. `biases` holds one number for all feature maps, or one for each.
    """

    channels: Channels
    signed: Signed | None
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
        how = None if signed is None else chosen(signed, Signed, "--signed")
        pixels_only = file_format is not None and not (file_format.numeric or file_format == FileFormat.TIFF)
        if how == Signed.RAW and pixels_only:
            raise UsageError(
                "--signed raw",
                f"keeps signed values, but {file_format} holds pixels; use npy, csv, txt or tiff",
            )
        factor = None if scale == "gain" else typed_number("--scale", scale)
        biases = tuple(typed_number("--bias", part) or 0 for part in bias.split(","))
        return cls(chosen(channels, Channels, "--channels"), how, factor, biases, relu)


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


def read_filters(
    names: list[str],
    kernels: list[str],
    banks: list[str],
    *,
    angle: str | None,
    size: str | None,
    order: str | None = None,
    inputs: Sequence[str] = (),
) -> list[Filter | Bank]:
    """Build the filters of the options: the named ones, the kernels and the banks.

    Raises
    ------
    UsageError
        No filter was given, or one cannot be built.
    """
    for name in names:
        if name.startswith("@") or is_kernel_file(name):
            raise UsageError(name[:100], f"is a file, not a name: --kernel @{name.removeprefix('@')}")
    if not names and not kernels and not banks:
        for name in inputs:
            if name.partition(":")[0].lower() in CATALOG and not os.path.lexists(name):
                raise UsageError(name[:100], f"is a filter, not a picture: --filter {name}")
        raise UsageError("--filter", "missing; as in --filter sobel-x (convcli filters lists them)")
    if (kernels or banks) and not (angle is None and size is None):
        option = "--kernel" if kernels else "--bank"
        raise UsageError(option, "cannot be combined with --angle and --size, which are for named filters")
    parameters = {"angle": typed_number("--angle", angle), "size": typed_number("--size", size)}
    if order is not None and not any(text.startswith("@") for text in kernels):
        raise UsageError("--order", "is for weights from a file, as in --kernel @weights.npz:conv1.weight")
    named = [named_filter(name, **parameters) for name in names]
    return [*named, *(typed_kernel(text, order) for text in kernels), *map(orientation_bank, banks)]


def kernel_files(kernels: list[str]) -> list[str]:
    """Return the files that the kernels are read from."""
    named = [text[1:] for text in kernels if text.startswith("@")]
    if not named:
        return []
    from convcli.weights import split_weights  # late: most filters do not come from files

    return [split_weights(text)[0] for text in named]


def operation(one: Filter, window: Window, rendering: Rendering, *, measured: bool) -> Operation:
    """Make the operation that applies a filter; `measured` computes the statistics of its result.

    Raises
    ------
    KernelError
        The gain to divide by is zero.
    """
    scale = rendering.scale
    if scale is None:
        scale = 1 / one.gain if one.gain else math.inf
        if not math.isfinite(scale):
            raise KernelError(one.name, f"has a gain of {one.gain:g}, so --scale gain cannot divide by it")
    if len(rendering.biases) > 1:
        raise UsageError(
            "--bias", f"has {len(rendering.biases)} numbers, but there is one filter; give one number"
        )
    numbers = None if rendering.signed is None else rendering.signed == Signed.RAW
    height, width = one.kernels[0].shape
    maps = None if rendering.channels == Channels.EACH else 1
    return Operation(
        one.name,
        partial(_filter_picture, one, window, rendering, scale, measured),
        partial(result_size, (height, width), maps, window),
        numbers,
        between=BETWEEN if rendering.relu else 0,
    )


def result_size(taps: tuple[int, int], maps: int | None, window: Window, size: Size) -> Size:
    """Return the size of a result; `maps` is its number of channels, None for that of the picture."""
    rows, columns = window_axes(
        size[:2], taps, padding=window.padding, stride=window.stride, dilation=window.dilation
    )
    return rows.output, columns.output, maps or size[2]


def _filter_picture(
    one: Filter,
    window: Window,
    rendering: Rendering,
    scale: float,
    measured: bool,
    picture: Picture,
    numbers: bool,
) -> Outcome:
    """Select the channels, convolve, scale, and turn the result into pixels unless `numbers` keeps values."""
    pixels = select_channels(picture.pixels, rendering.channels)
    how = rendering.signed or (Signed.RAW if numbers else Signed.ABS)
    filtered = filter_pixels(
        pixels,
        one,
        Signed.RAW if rendering.relu else how,
        scale=scale,
        bias=rendering.biases[0],
        depth=picture.depth,
        measured=measured and not rendering.relu,
        stride=window.stride,
        padding=window.padding,
        border=window.border_for(rendering.channels, picture.pixels),
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
    made = filtered.pixels
    told: dict[str, object] = {"saturated": filtered.saturated}
    if rendering.relu:
        made, told = finished(filtered.pixels, how, rendering, picture)
    elif filtered.numbers is not None:
        told = described(picture.pixels.shape, made.shape, filtered.dtype, filtered.numbers) | told
    result = picture.with_pixels(made, alpha)
    matrices = [matrix.tolist() for matrix in one.kernels]
    facts = {
        "filter": one.name,
        "kernel": matrices[0] if len(matrices) == 1 else matrices,
        "gain": one.gain,
        **window.facts(),
    }
    return Outcome(result, facts | told | {"plan": str(filtered.plan)}, result.notes)


def finished(
    values: NDArray[Any], how: Signed, rendering: Rendering, picture: Picture
) -> tuple[NDArray[Any], dict[str, object]]:
    """Apply ReLU if asked for, turn values into pixels, and return the pixels and the facts to report."""
    if rendering.relu:
        values = np.maximum(values, 0)
    rendered = render_counted(values, how, depth=picture.depth)
    facts = described(picture.pixels.shape, values.shape, values.dtype, tally(values))
    return rendered.pixels, facts | {"saturated": rendered.saturated}

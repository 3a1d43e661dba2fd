"""Pages to play with: what ``explain`` and ``filters`` show in ``-o play.html``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from convcli.cli.terminal.output import message
from convcli.convolution.explaining.pooled import ExplainedPooling
from convcli.convolution.explaining.values import ExplainedResult
from convcli.convolution.planning import ConvolutionSettings
from convcli.convolution.rendering import SignedMapping
from convcli.figures.page.playground import (
    KernelChoice,
    OutputColors,
    Playground,
    PoolingWindow,
    as_kernel_choice,
    fit_image,
)
from convcli.files.streams import STREAM, input_name
from convcli.files.urls import file_name
from convcli.kernels.filter import Combination, Filter
from convcli.kernels.lookup import get_filter
from convcli.pictures.picture import Picture, PictureKind
from convcli.sizes.text import format_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convcli.cli.options.explaining import ExplainRequest
    from convcli.kernels.banks import Bank
    from convcli.pipeline.explaining import ExplainedPicture

__all__ = ["explained_playground", "filter_playground"]

SAMPLE = [[10, 10, 10, 0, 0, 0]] * 6  # the textbook's vertical edge
MAX_VALID = 4  # coefficients a side: without padding, larger kernels leave little of the sample
COLORS = {SignedMapping.ABS: OutputColors.ABS, SignedMapping.CLIP: OutputColors.CLIP}


def filter_playground(filter_: Filter) -> Playground:
    """Return what a page shows of a filter: its kernels on a small image, half bright and half dark.

    Examples
    --------
    >>> filter_playground(get_filter("sobel")).title
    'sobel'
    """
    padding = "valid" if max(filter_.shape) <= MAX_VALID else "same"
    return Playground(
        title=filter_.name,
        subtitle=f"{filter_.summary}; responds to {filter_.responds_to}",
        image=np.array(SAMPLE),
        choice=as_kernel_choice(filter_),
        settings=ConvolutionSettings(padding=padding),
        at=(1, 1),
        notes=(f"Source: {filter_.source}.",),
    )


def explained_playground(
    explained: "ExplainedPicture", request: "ExplainRequest", image: str, filter_: "Filter | Bank | None"
) -> Playground:
    """Return what a page shows of an explained picture; without a filter, it is pooled.

    A picture of more than 512 pixels a side is shrunk, and a note says so.

    Raises
    ------
    SizeError
        The picture has too many channels, or the kernel or the padding is too large for a page.
    """
    whole = _pixels(explained)
    shown = fit_image(whole)
    if shown is not whole:
        sizes = [format_size(array.shape[:2]) for array in (whole, shown)]
        message("note", f"{input_name(image)}: shrunk from {sizes[0]} to {sizes[1]} pixels for the page")
    row, column = request.position
    first = explained.channels[0]
    source = file_name(image) if image != STREAM else input_name(image)
    common: dict[str, Any] = {
        "title": f"{first.name} on {source}",
        "image": shown,
        "at": (row * shown.shape[0] // whole.shape[0], column * shown.shape[1] // whole.shape[1]),
        "white": _white(explained.picture, whole),
        "command": request.command_words if shown is whole else (),
        "notes": tuple(_notes(explained, is_shrunk=shown is not whole)),
    }
    if isinstance(first, ExplainedPooling):
        return Playground(
            choice=as_kernel_choice(get_filter("vertical"), ("--filter", "vertical")),
            pooling=_pooling_window(first),
            **common,
        )
    return Playground(
        subtitle=filter_.summary if isinstance(filter_, Filter) else "",
        choice=_kernel_choice(first, filter_, request.kernel_words or ("--filter", first.name)),
        settings=first.settings,
        bias=first.bias,
        relu=first.relu,
        colors=COLORS.get(explained.signed or SignedMapping.RAW, OutputColors.GRAY),
        **common,
    )


def _pixels(explained: "ExplainedPicture") -> "NDArray[Any]":
    """Return what is read of the picture: (H, W), or (H, W, C) of a volume or of several channels."""
    planes = [
        plane
        for channel in explained.channels
        for plane in (channel.planes if isinstance(channel, ExplainedResult) else (channel.plane,))
    ]
    return planes[0] if len(planes) == 1 else np.stack(planes, axis=2)


def _white(picture: Picture, pixels: "NDArray[Any]") -> float | None:
    """Return the value of white in a picture; None for numbers, and for sums of channels."""
    if picture.kind != PictureKind.PIXELS or pixels.dtype.name != picture.pixel_format:
        return None
    return float((1 << picture.depth) - 1)


def _kernel_choice(
    explained: ExplainedResult, filter_: "Filter | Bank | None", command: tuple[str, ...]
) -> KernelChoice:
    """Return the kernels of what is explained; the slices of a volume are one kernel."""
    divisor = filter_.divisor if isinstance(filter_, Filter) else 1
    kernels = (np.stack(explained.kernels, axis=2),) if explained.is_volume else explained.kernels
    combination = Combination.SINGLE if explained.is_volume else explained.combination
    return KernelChoice(explained.name, kernels, combination, divisor, command)


def _pooling_window(explained: ExplainedPooling) -> PoolingWindow:
    rows, columns = explained.axes
    return PoolingWindow(
        mode=explained.mode,
        size=(rows.window, columns.window),
        stride=(rows.stride, columns.stride),
        padding=((rows.before, rows.after), (columns.before, columns.after)),
    )


def _notes(explained: "ExplainedPicture", *, is_shrunk: bool) -> Iterator[str]:
    if is_shrunk:
        yield "The picture is shrunk."
    straight = explained.straight
    if straight is not None and not np.array_equal(straight, explained.written, equal_nan=True):
        yield "Transparent pixels count in full here; apply and pool weight them by alpha."

"""One figure in one call from Python: what the commands `explain`, `apply --sheet` and `filters` draw."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from convcli.convolution.pooling import PoolMode
from convcli.convolution.rendering import SignedMapping
from convcli.errors import KernelError, UsageError, parse_choice
from convcli.figures.filters.drawing import filter_drawing
from convcli.figures.window.drawing import window_drawing
from convcli.figures.window.reads import reads_drawing
from convcli.kernels.banks import Bank, as_filter
from convcli.kernels.filter import Filter, custom_filter
from convcli.kernels.lookup import get_filter
from convcli.networks.layer_types.pooling import Pooling
from convcli.notebooks.figure import Explained, Figure
from convcli.pictures.arrays import image_array
from convcli.pictures.channels import Channels
from convcli.pictures.picture import Picture
from convcli.pictures.reading import read_picture
from convcli.pipeline.explaining import ExplainedPicture, FilterExplainer, PoolingExplainer
from convcli.pipeline.outputs import Destination
from convcli.pipeline.recipes.directions import direction_recipe
from convcli.pipeline.recipes.rendering import Rendering
from convcli.pipeline.recipes.sheets import sheet_recipe
from convcli.pipeline.recipes.window import SlidingWindow
from convcli.sizes.axes import check_position, window_axes
from convcli.sizes.per_axis import Padding, Pair, as_amounts, as_pair, whole_number
from convcli.sizes.reads import ReadCounts
from convcli.sizes.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

__all__ = ["direction", "explain", "explain_pool", "sheet", "show_filter", "show_reads"]


def explain(
    image: Picture | str | os.PathLike[str] | ArrayLike,
    filter: Filter | Bank | str | ArrayLike,
    *,
    at: tuple[int, int] = (0, 0),
    padding: Padding = "same",
    border: str = "edge",
    stride: Pair = 1,
    dilation: Pair = 1,
    flip: bool = False,
    channels: str = "each",
    signed: str | None = None,
    bias: float = 0,
    relu: bool = False,
) -> Explained:
    """Explain one value of the result of a filter: patch, filter, products, sum.

    Parameters
    ----------
    image : Picture, path or array
    filter : Filter, Bank, str or array (f_h, f_w) or (f_h, f_w, C)
        As for `filter_picture`; a volume is as deep as the image.
    at : (x, y)
        Column and row in the result, counted from 0.
    padding, border, stride, dilation, flip, signed, bias, relu
        As for `filter_picture`.
    channels : str
        ``each`` (an image of one channel, or a volume), ``sum``, ``gray`` (luma), ``r``, ``g`` or ``b``.

    Returns
    -------
    Explained
        A notebook shows its drawing; it also has the numbers, such as `value`.

    Raises
    ------
    ImageError, OutputError
        The image cannot be read.
    FilterError, KernelError, SizeError, UsageError
        The filter or an option is invalid, the result has no such value, or it has several channels.

    Examples
    --------
    >>> import convcli
    >>> bright_to_dark = [[10, 10, 10, 0, 0, 0]] * 6
    >>> convcli.explain(bright_to_dark, "vertical", at=(1, 2), padding="valid").value
    30
    """
    picture, position = _as_picture(image), _position(at)
    chosen = _single(as_filter(filter))
    mapping = None if signed is None else parse_choice(signed, SignedMapping, "signed")
    if mapping in (SignedMapping.STRETCH, SignedMapping.GRAY):
        raise UsageError(f"signed {signed!r}", "depends on all pixels of the result; use 'raw'")
    window = SlidingWindow.of(padding, border, stride, dilation, flip=flip)
    rendering = Rendering(parse_choice(channels, Channels, "channels"), mapping, 1, (bias,), relu)
    explainer = FilterExplainer(filter=chosen, window=window, rendering=rendering)
    return _explained(explainer.explain(picture), position)


def explain_pool(
    image: Picture | str | os.PathLike[str] | ArrayLike,
    *,
    at: tuple[int, int] = (0, 0),
    mode: str = "max",
    size: Pair = 2,
    stride: Pair | None = None,
    padding: Padding = 0,
    channels: str = "each",
) -> Explained:
    """Explain one value of the result of pooling: its window, and which value is the largest, or the mean.

    Parameters
    ----------
    image, at, channels
        As for `explain`.
    mode, size, stride, padding
        As for `pool`.

    Returns
    -------
    Explained

    Raises
    ------
    ImageError
        The image cannot be read.
    SizeError, UsageError
        An option is invalid, or the result has no such value, or it has several channels.

    Examples
    --------
    >>> import convcli
    >>> convcli.explain_pool([[1, 3, 2, 1], [2, 9, 1, 1]], at=(1, 0))
    <Explained 2 at (1, 0) of max pooling>
    """
    picture, position = _as_picture(image), _position(at)
    kind = parse_choice(mode, PoolMode, "mode")
    layer = Pooling(
        window=as_pair(size, "filter", 1),
        stride=None if stride is None else as_pair(stride, "stride", 1),
        padding=as_amounts(padding),
        type=f"{kind}pool",
    )
    selected = parse_choice(channels, Channels, "channels")
    explainer = PoolingExplainer(layer=layer, mode=kind, channels=selected)
    return _explained(explainer.explain(picture), position, pooling=kind)


def sheet(
    image: Picture | str | os.PathLike[str] | ArrayLike,
    filters: Sequence[Filter | Bank | str | ArrayLike] | Filter | Bank | str,
    *,
    padding: Padding = "same",
    border: str = "edge",
    stride: Pair = 1,
    dilation: Pair = 1,
    flip: bool = False,
    channels: str = "each",
    signed: str | None = None,
    relu: bool = False,
) -> Figure:
    """Draw an image and the results of filters side by side, as ``convcli apply --sheet`` does.

    Parameters
    ----------
    image : Picture, path or array
    filters : sequence, or one filter
        Each as for `filter_picture`.
    padding, border, stride, dilation, flip, channels, signed, relu
        As for `filter_picture`. By default signed results have a color scale of their own; filters of
        color pictures that detect edges see the luma.

    Returns
    -------
    Figure

    Raises
    ------
    ImageError
        The image cannot be read.
    FilterError, KernelError, SizeError, UsageError
        A filter or an option is invalid, or there are too many filters.

    Examples
    --------
    >>> import convcli
    >>> convcli.sheet("sample_images/camera.png", ["sobel-x", "sobel-y", "gaussian"])
    <Figure 'the input and the results of 3 filters', 1268x1076 pixels>
    """
    chosen = [filters] if isinstance(filters, Filter | Bank | str) else filters
    mapping = None if signed is None else parse_choice(signed, SignedMapping, "signed")
    rendering = Rendering(parse_choice(channels, Channels, "channels"), mapping, 1, (0,), relu)
    window = SlidingWindow.of(padding, border, stride, dilation, flip=flip)
    recipe = sheet_recipe(list(map(as_filter, chosen)), window, rendering, Destination(option="filters"))
    pixels = recipe.run(_as_picture(image), False).picture.pixels
    return Figure(f"the input and the results of {counted(len(chosen), 'filter')}", pixels)


def direction(
    image: Picture | str | os.PathLike[str] | ArrayLike,
    filter: Filter | str = "sobel",
    *,
    padding: Padding = "same",
    border: str = "edge",
    stride: Pair = 1,
    channels: str = "each",
) -> Figure:
    """Draw the direction of the brightness gradient as hue, and its magnitude as brightness.

    Parameters
    ----------
    image : Picture, path or array
    filter : Filter or str
        One that combines two derivatives, such as ``sobel`` or ``gaussian-gradient:sigma=2``.
    padding, border, stride, channels
        As for `filter_picture`; of a color picture, the luma is used.

    Returns
    -------
    Figure

    Raises
    ------
    ImageError
        The image cannot be read.
    FilterError, SizeError, UsageError
        The filter has no direction, or an option is invalid.

    Examples
    --------
    >>> import convcli
    >>> convcli.direction("sample_images/camera.png").title
    'direction of the gradient, sobel'
    """
    chosen = get_filter(filter) if isinstance(filter, str) else filter
    rendering = Rendering(parse_choice(channels, Channels, "channels"), None, 1, (0,), relu=False)
    window = SlidingWindow.of(padding, border, stride)
    recipe = direction_recipe(chosen, window, rendering, Destination(option="direction"))
    pixels = recipe.run(_as_picture(image), False).picture.pixels
    return Figure(f"direction of the gradient, {chosen.name}", pixels)


def show_filter(
    filter: Filter | str | ArrayLike, *, angle: float | None = None, size: int | None = None
) -> Figure:
    """Draw the kernels of a filter on one gray scale, and the direction to which a derivative responds.

    Parameters
    ----------
    filter : Filter, str or array (f_h, f_w)
    angle, size : optional
        Of a filter by name, as for `get_filter`.

    Returns
    -------
    Figure

    Raises
    ------
    FilterError, KernelError
        No filter has that name, it does not take the option, or it is a volume.

    Examples
    --------
    >>> import convcli
    >>> convcli.show_filter("sobel-x", angle=45).title
    'sobel-x:angle=45, 3x3'
    """
    if isinstance(filter, str):
        chosen: Filter | Bank = get_filter(filter, angle=angle, size=size)
    elif (angle, size) != (None, None):
        raise UsageError("angle" if size is None else "size", "applies to a filter by name, as in 'sobel-x'")
    else:
        chosen = as_filter(filter)
    if not isinstance(chosen, Filter):
        raise KernelError(chosen.name, "is a volume; draw one of its matrices, such as taps[..., 0]")
    drawing = filter_drawing(chosen)
    return Figure(drawing.title, drawing)


def show_reads(n: Pair, f: Pair, p: Padding = 0, s: Pair = 1, d: Pair = 1) -> Figure:
    """Draw how often a sliding window reads each pixel of its input.

    Parameters
    ----------
    n, f, p, s, d
        Input side, filter side, padding, stride and dilation, as for `output_size`.

    Returns
    -------
    Figure

    Raises
    ------
    SizeError
        No output is possible, or the input is too large to draw.

    Examples
    --------
    >>> import convcli
    >>> convcli.show_reads(6, 3)
    <Figure 'How often each pixel of the 6x6 input is read', a drawing>
    """
    axes = window_axes(as_pair(n, "input", 1), as_pair(f, "filter", 1), padding=p, stride=s, dilation=d)
    drawing = reads_drawing(ReadCounts(*axes))
    return Figure(drawing.title, drawing)


def _as_picture(image: Picture | str | os.PathLike[str] | ArrayLike) -> Picture:
    """Return an image as a picture: read from a file, or made of an array."""
    if isinstance(image, Picture):
        return image
    if isinstance(image, str | os.PathLike):
        return read_picture(image)
    return Picture(image_array(image))


def _position(at: tuple[int, int]) -> tuple[int, int]:
    """Return ``(x, y)`` as (row, column)."""
    if not isinstance(at, tuple | list) or len(at) != 2:
        raise UsageError(f"at {at}", "must be a column and a row of the result, such as (12, 7)")
    column, row = (whole_number(number, "at", 0) for number in at)
    return row, column


def _single(chosen: Filter | Bank) -> Filter | Bank:
    """Return a filter whose result is one map; what reads one channel is a matrix."""
    if isinstance(chosen, Filter):
        return chosen
    if chosen.count > 1:
        raise UsageError(
            chosen.name, f"has {chosen.count} filters; choose one, such as taps[..., 0] of the first"
        )
    taps = chosen.taps[..., 0] if chosen.taps.ndim == 4 else chosen.taps
    return custom_filter(chosen.name, taps[..., 0]) if chosen.depth == 1 else Bank(chosen.name, taps)


def _explained(picture: ExplainedPicture, position: tuple[int, int], pooling: str = "") -> Explained:
    """Draw the window at a position of the result, which must have a single channel."""
    count = len(picture.channels)
    if count > 1:
        choices = "'r', 'g', 'b', 'gray' or 'sum'" if count == 3 else "'sum'"
        raise UsageError(
            f"{count} channels", f"give {count} results, and one is explained; choose channels={choices}"
        )
    channel = picture.channels[0]
    check_position(*channel.axes, position)
    drawing = window_drawing(*channel.axes, position, channel, pooling=pooling)
    (pixel,) = picture.pixels(position)
    return Explained.of(channel, drawing, position, pixel)

"""What a page to play with shows: an image, kernels that can be edited, and how they slide."""

import base64
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.convolution.borders import parse_border
from convcli.convolution.planning import ConvolutionSettings
from convcli.convolution.pooling import PoolMode
from convcli.errors import SizeError
from convcli.figures.thumbnails import fit_size, resize
from convcli.kernels.filter import Combination, Filter
from convcli.kernels.lookup import get_filter
from convcli.pictures.arrays import PIXEL_DTYPES, image_array
from convcli.pictures.channels import channel_names
from convcli.sizes.axes import pooling_axes, window_axes
from convcli.sizes.per_axis import Padding, Pair, as_amounts, as_pair
from convcli.sizes.text import NamedPadding, counted, format_size

__all__ = ["KernelChoice", "OutputColors", "Playground", "PoolingWindow", "as_kernel_choice", "fit_image"]

Array = NDArray[Any]

MAX_SIDE = 512  # pixels of the image
MAX_PADDED = 1024  # pixels, with padding
MAX_KERNEL = 32  # coefficients per side, each with a field; also values of a window that pools
MAX_CHANNELS = 16
NAMED = (
    "vertical",
    "horizontal",
    "sobel-x",
    "sobel-y",
    "sobel",
    "laplacian",
    "sharpen",
    "emboss",
    "box",
    "gaussian",
    "identity",
)
COLORS = {"r": "red", "g": "green", "b": "blue"}


class OutputColors(StrEnum):
    """How the page shows outputs: gray has zero in the middle where values can be negative."""

    GRAY = "gray"
    ABS = "abs"
    CLIP = "clip"
    COLOR = "color"


class KernelChoice(NamedTuple):
    """Kernels that the page offers.

    Attributes
    ----------
    name : str
    kernels : tuple of arrays
        Each (f_h, f_w), applied to one channel, or (f_h, f_w, C), summed over all channels.
    combination : Combination
        How the results of several kernels are combined.
    divisor : int
        Coefficients are shown as fractions with this denominator.
    command : tuple of str
        The option that gives ``convcli explain`` these kernels; empty if there is none.
    """

    name: str
    kernels: tuple[Array, ...]
    combination: Combination = Combination.SINGLE
    divisor: int = 1
    command: tuple[str, ...] = ()

    def record(self) -> dict[str, object]:
        """Return its JSON record: a list of kernels, each a list of matrices."""
        matrices = [np.moveaxis(np.atleast_3d(kernel), 2, 0).tolist() for kernel in self.kernels]
        return self._asdict() | {"kernels": matrices}


class PoolingWindow(NamedTuple):
    """The window with which the page pools; the arguments of `pool`."""

    mode: PoolMode = PoolMode.MAX
    size: Pair = 2
    stride: Pair | None = None
    padding: Padding = 0
    ceil: bool = False


def as_kernel_choice(filter: Filter, command: tuple[str, ...] = ()) -> KernelChoice:
    """Return the kernels of a filter as a choice.

    Examples
    --------
    >>> as_kernel_choice(get_filter("box")).divisor
    9
    """
    return KernelChoice(filter.name, filter.kernels, filter.combination, filter.divisor, command)


def fit_image(image: Array) -> Array:
    """Return an image of at most 512 pixels a side, shrunk by averaging if it is larger.

    Examples
    --------
    >>> fit_image(np.full((1024, 512, 3), 7, np.uint8)).shape
    (512, 256, 3)
    """
    size = image.shape[0], image.shape[1]
    if max(size) <= MAX_SIDE:
        return image
    means = resize(image, fit_size(size, (MAX_SIDE, MAX_SIDE)))
    return means if image.dtype.kind == "f" else np.rint(means).astype(image.dtype)


@dataclass(frozen=True, kw_only=True, eq=False)
class Playground:
    """What a page to play with shows.

    Attributes
    ----------
    title, subtitle : str
    image : array (H, W) or (H, W, C)
        At most 512 pixels a side, and 16 channels.
    choice : KernelChoice
        The kernels to begin with.
    settings : ConvolutionSettings
        How the kernels slide.
    bias : float
        Added to each sum.
    relu : bool
        Whether negative results become 0.
    pooling : PoolingWindow, optional
        Begin with pooling instead.
    at : (row, column)
        The output to begin with.
    white : float, optional
        The value that is shown as white (default: the largest).
    colors : OutputColors
        How outputs are shown at first.
    command : tuple of str
        The command that explains the image, without its options; empty if there is none.
    notes : tuple of str
        Sentences below the page.

    Raises
    ------
    SizeError
        The image, its padding, its channels or the kernels are too large for a page, or do not fit.

    Examples
    --------
    >>> edge = np.array([[10, 10, 10, 0, 0, 0]] * 6)
    >>> page = Playground(title="edge", image=edge, choice=as_kernel_choice(get_filter("vertical")))
    >>> page.record()["channels"], page.record()["height"]
    (['gray'], 6)
    """

    title: str
    image: Array
    choice: KernelChoice
    subtitle: str = ""
    settings: ConvolutionSettings = field(default_factory=ConvolutionSettings)
    bias: float = 0
    relu: bool = False
    pooling: PoolingWindow | None = None
    at: tuple[int, int] = (0, 0)
    white: float | None = None
    colors: OutputColors = OutputColors.GRAY
    command: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the sizes."""
        image_array(self.image)
        height, width = self.image.shape[:2]
        _check_limit("image", (height, width), MAX_SIDE)
        if self._channels > MAX_CHANNELS:
            raise SizeError(
                f"{self._channels} channels", f"are too many for a page; it shows at most {MAX_CHANNELS}"
            )
        for kernel in self.choice.kernels:
            _check_limit("kernel", kernel.shape[:2], MAX_KERNEL)
            if kernel.ndim == 3 and kernel.shape[2] != self._channels:
                raise SizeError(
                    f"kernel {format_size(kernel.shape)}",
                    f"does not fit an image of {counted(self._channels, 'channel')}",
                )
        kernel_size = self.choice.kernels[0].shape[:2]
        stride, padding, _, dilation, *_ = self.settings
        axes = window_axes((height, width), kernel_size, stride=stride, padding=padding, dilation=dilation)
        if self.pooling is not None:
            _, size, stride_, padding, ceil = self.pooling
            axes = pooling_axes((height, width), size, stride=stride_, padding=padding, ceil=ceil)
            _check_limit("window", tuple(axis.window for axis in axes), MAX_KERNEL)
        _check_limit("padded image", tuple(axis.before + axis.side + axis.after for axis in axes), MAX_PADDED)

    @property
    def _channels(self) -> int:
        return self.image.shape[2] if self.image.ndim == 3 else 1

    def record(self) -> dict[str, object]:
        """Return the data of the page, for JSON."""
        planes = np.moveaxis(np.atleast_3d(self.image), 2, 0)
        dtype = _page_dtype(self.image)
        pixels = planes.astype(np.dtype(dtype).newbyteorder("<"), order="C").tobytes()
        choices = [self.choice, *self._named_choices()]
        return {
            "command": self.command,
            "channels": self._channel_names(),
            "height": self.image.shape[0],
            "width": self.image.shape[1],
            "dtype": dtype,
            "pixels": base64.b64encode(pixels).decode(),
            "white": self.white,
            "filters": [choice.record() for choice in choices],
            "state": self.state(),
        }

    def _channel_names(self) -> list[str]:
        if self._channels == 1:
            return ["gray"]
        return [COLORS.get(name, f"channel {name}") for name in channel_names(self._channels)]

    def _named_choices(self) -> list[KernelChoice]:
        """Return the named filters that the page offers besides its own."""
        names = [name for name in NAMED if name != self.choice.name]
        return [as_kernel_choice(get_filter(name), ("--filter", name)) for name in names]

    def state(self) -> dict[str, object]:
        """Return what can be changed on the page."""
        border = parse_border(self.settings.border)
        pooling = self.pooling or PoolingWindow()
        size = as_pair(pooling.size, "window", 1)
        first = self.choice.record()
        return {
            "operation": "convolution" if self.pooling is None else pooling.mode,
            "filter": 0,
            "kernels": first["kernels"],
            "combination": self.choice.combination,
            "divisor": self.choice.divisor,
            "bias": self.bias,
            "relu": self.relu,
            "flip": self.settings.flip,
            "border": border.kind,
            "borderValue": border.value,
            "channel": 0,
            "at": self.at,
            "colors": self.colors,
            "convolution": {
                "padding": _padding(self.settings.padding),
                "stride": as_pair(self.settings.stride, "stride", 1),
                "dilation": as_pair(self.settings.dilation, "dilation", 1),
            },
            "pooling": {
                "padding": _padding(pooling.padding),
                "stride": size if pooling.stride is None else as_pair(pooling.stride, "stride", 1),
                "size": size,
                "ceil": pooling.ceil,
            },
        }


def _check_limit(name: str, size: tuple[int, ...], most: int) -> None:
    if max(size) > most:
        raise SizeError(
            f"{name} {format_size(size)}", f"is too large for a page; it shows at most {most} a side"
        )


def _page_dtype(image: Array) -> str:
    """Return the shortest dtype in which the page can have the exact values, up to float64."""
    if image.dtype in PIXEL_DTYPES:
        return image.dtype.name
    with np.errstate(over="ignore"):
        short = image.astype(np.float32)
    return "float32" if np.array_equal(short, image, equal_nan=True) else "float64"


def _padding(padding: Padding) -> object:
    """Return a padding as the page has it: its name, or amounts; no padding is always ``valid``."""
    amounts = as_amounts(padding)
    if isinstance(amounts, NamedPadding):
        return amounts
    return amounts if any(map(any, amounts)) else NamedPadding.VALID

"""The options of ``explain``: what is explained, by which filter or pooling."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from convcli.cli.terminal.output import message
from convcli.cli.window_files import WindowFiles
from convcli.errors import UsageError, parse_choice
from convcli.files.streams import STREAM
from convcli.files.urls import redacted, without_secrets
from convcli.sizes.text import parse_padding, parse_pair

if TYPE_CHECKING:
    from convcli.kernels.banks import Bank
    from convcli.kernels.filter import Filter
    from convcli.networks.layer_types.pooling import Pooling
    from convcli.pictures.channels import Channels
    from convcli.pictures.picture import Picture
    from convcli.pipeline.explaining import FilterExplainer
    from convcli.pipeline.recipes.recipe import Recipe
    from convcli.pipeline.recipes.window import SlidingWindow

__all__ = ["ExplainRequest", "parse_position", "read_channels", "read_explainer", "read_pooling"]


@dataclass(frozen=True, kw_only=True)
class ExplainRequest:
    """The options of ``explain``, as typed."""

    image: str | None
    name: str | None
    kernel: str | None
    order: str | None
    map: int | None
    position: tuple[int, int]
    channels: str | None
    angle: str | None
    size: str | None
    padding: str | None
    border: str
    stride: str | None
    dilation: str
    n: str | None
    f: str | None
    flip: bool
    signed: str | None
    bias: str | None
    relu: bool
    pool: str | None
    reads: bool
    shift: str | None
    output: str | None
    animate: str | None
    seconds: float | None
    force: bool
    max_pixels: str | None
    max_memory: str | None
    frame: int | None
    json: bool

    @property
    def filter_options(self) -> dict[str, object]:
        """The options that choose and apply a filter, by name."""
        return {
            "--filter": self.name, "--kernel": self.kernel, "--order": self.order, "--map": self.map,
            "--angle": self.angle, "--size": self.size, "--flip": self.flip, "--signed": self.signed,
            "--bias": self.bias, "--relu": self.relu, "--border": self.border != "edge",
        }  # fmt: skip

    @property
    def picture_options(self) -> dict[str, object]:
        """The options that need a picture, by name."""
        reading = {
            "--max-pixels": self.max_pixels, "--max-memory": self.max_memory, "--frame": self.frame,
            "--channel": self.channels,
        }  # fmt: skip
        return self.filter_options | reading

    @property
    def pooling(self) -> str:
        """``max`` or ``avg``; empty without ``--pool``."""
        if self.pool is None:
            return ""
        from convcli.convolution.pooling import PoolMode  # late: most explanations are of filters

        return parse_choice(self.pool, PoolMode, "--pool")

    def files(self, inputs: list[str]) -> WindowFiles:
        """Check the files to draw into; with a picture, one may be a page to play with."""
        return WindowFiles.read(
            self.output, self.animate, self.seconds, inputs, force=self.force, json=self.json,
            with_page=self.image is not None,
        )  # fmt: skip

    @property
    def kernel_words(self) -> tuple[str, ...]:
        """The words of a command line that choose the kernel; none for a named filter."""
        if self.kernel is None:
            return ()
        order = () if self.order is None else ("--order", self.order)
        number = () if self.map is None else ("--map", f"{self.map}")
        return ("--kernel", without_secrets(self.kernel), *order, *number)

    @property
    def command_words(self) -> tuple[str, ...]:
        """The words of a command line that choose the picture; none if it is standard input."""
        if self.image is None or self.image == STREAM:
            return ()
        frame = () if self.frame is None else ("--frame", f"{self.frame}")
        channels = () if self.channels in (None, "each") else ("--channels", f"{self.channels}")
        return ("convcli", "explain", redacted(self.image), *frame, *channels)

    def load(self, image: str, recipe: "Recipe") -> "Picture":
        """Read the picture, if it and its result fit into memory."""
        from convcli.cli.options.batch import read_options
        from convcli.pictures.formats.output_formats import OutputFormat
        from convcli.pipeline.memory import result_bytes

        reading = read_options(self.max_pixels, self.max_memory, self.frame)
        return reading.with_result_bytes(partial(result_bytes, [recipe], OutputFormat.NPY)).load(image)


def parse_position(text: str) -> tuple[int, int]:
    """Read ``X,Y`` as (row, column).

    Raises
    ------
    UsageError
        The text is something else.

    Examples
    --------
    >>> parse_position("12,7")
    (7, 12)
    """
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() and len(part) < 20 for part in parts):
        raise UsageError(f"--at {text[:50]!r}", "must be a column and a row of the result, such as 12,7")
    return int(parts[1]), int(parts[0])


def read_explainer(
    request: ExplainRequest, padding: str
) -> "tuple[FilterExplainer, SlidingWindow, int | None]":
    """Read the filter and how it is applied; also return which filter of a bank it is, from 1.

    Raises
    ------
    ConvcliError
        There is no filter, or an option does not fit it.
    """
    from convcli.cli.options.filtering import read_window
    from convcli.cli.options.filters import parse_number_option, read_filters
    from convcli.convolution.rendering import NEEDS_RANGE, SignedMapping
    from convcli.pipeline.explaining import FilterExplainer
    from convcli.pipeline.recipes.rendering import Rendering

    if (request.name is None) == (request.kernel is None):
        raise UsageError("--filter", "give either one --filter or one --kernel")
    (chosen,) = read_filters(
        [] if request.name is None else [request.name],
        [] if request.kernel is None else [request.kernel],
        [],
        angle=request.angle,
        size=request.size,
        order=request.order,
    )
    filter_, number = _select_map(chosen, request.map)
    bias = parse_number_option("--bias", request.bias)
    if bias is None:
        bias = _bias_of_file(request, 0 if number is None else number - 1)
    window = read_window(
        padding if request.padding is None else request.padding,
        request.border,
        "1" if request.stride is None else request.stride,
        request.dilation,
        flip=request.flip,
        jobs=None,
    )
    mapping = None if request.signed is None else parse_choice(request.signed, SignedMapping, "--signed")
    if mapping in NEEDS_RANGE:
        raise UsageError(f"--signed {mapping}", "depends on all pixels of the result; use raw")
    rendering = Rendering(read_channels(request), mapping, 1, (bias,), request.relu)
    return FilterExplainer(filter=filter_, window=window, rendering=rendering), window, number


def read_channels(request: ExplainRequest) -> "Channels":
    """Read which channels are explained.

    Raises
    ------
    UsageError
        They are unknown, or those of a bank.
    """
    from convcli.pictures.channels import Channels

    if request.channels is None:
        return Channels.EACH
    selected = parse_choice(request.channels, Channels, "--channel")
    if selected == Channels.DEPTHWISE:
        raise UsageError("--channel depthwise", "applies only to a bank of filters; use each")
    return selected


def _select_map(chosen: "Filter | Bank", number: int | None) -> "tuple[Filter | Bank, int | None]":
    """Return one filter of a bank, and its number from 1; a filter that reads one channel is a matrix."""
    from convcli.kernels.banks import Bank
    from convcli.kernels.filter import custom_filter

    count = chosen.count if isinstance(chosen, Bank) else 1
    if number is not None and count == 1:
        raise UsageError("--map", f"selects one of several filters, but {chosen.name} is one; leave it out")
    if number is None and count > 1:
        raise UsageError("--map", f"missing: {chosen.name} has {count} filters; choose one, as in --map 1")
    if number is not None and not 1 <= number <= count:
        raise UsageError(f"--map {number}", f"must be from 1 to {count}, the number of filters")
    if not isinstance(chosen, Bank):
        return chosen, None
    taps = chosen.taps if chosen.taps.ndim == 3 else chosen.taps[..., (number or 1) - 1]
    if chosen.depth == 1:
        return custom_filter(chosen.name, taps[..., 0]), number
    return Bank(chosen.name, taps), number


def _bias_of_file(request: ExplainRequest, index: int) -> int | float:
    """Return the bias that the file of the kernel has for a filter; 0 if there is none."""
    if request.kernel is None or not request.kernel.startswith("@"):
        return 0
    from convcli.kernels.weights import read_bias, split_weights

    file, tensor = split_weights(request.kernel[1:])
    found = read_bias(file, tensor)
    if found is None:
        return 0
    name, numbers = found
    if len(numbers) <= index:
        raise UsageError(
            f"{file}: {name}", f"has {len(numbers)} numbers, too few for map {index + 1}; give a --bias"
        )
    bias = numbers[index]
    if bias:
        how = f"apply adds it only with --bias {bias:.10g}"
        message("note", f"{file}: the bias {bias:.6g} of {name} is added; {how}")
    return bias


def read_pooling(request: ExplainRequest, stride: str | None) -> "Pooling":
    """Read the layer that pools.

    Raises
    ------
    UsageError, SizeError
        A size is not valid.
    """
    from convcli.networks.layer_types.pooling import Pooling

    return Pooling(
        window=parse_pair("2" if request.f is None else request.f, "filter"),
        stride=None if stride is None else parse_pair(stride, "stride"),
        padding=parse_padding("0" if request.padding is None else request.padding),
        type=f"{request.pooling}pool",
    )

"""Boxes of a diagram: what each represents, its size and its text."""

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from convcli.drawing.shapes import replace_unprintable, text_width
from convcli.networks.diagram.layout import Bounds, BoxSize
from convcli.networks.layer_types.base import Size, channels_of, sum_if_known
from convcli.networks.layer_types.convolution import Convolution, Depthwise, TransposedConvolution
from convcli.networks.layer_types.dense import Dense
from convcli.networks.layer_types.elementwise import Elementwise, Normalization, Prelu, Scale
from convcli.networks.layer_types.file_operation import FileOperation
from convcli.networks.layer_types.joins import JoinLayer
from convcli.networks.layer_types.pooling import AdaptivePooling, BlurPool, Pooling
from convcli.networks.network import Network
from convcli.networks.stages import Stage
from convcli.sizes.text import format_size

__all__ = [
    "DETAIL_SIZE",
    "ICON_SIZE",
    "LABEL_SIZE",
    "PADDING",
    "SLIM",
    "TALL",
    "TEXT_LEFT",
    "Box",
    "BoxKind",
    "box_sizes",
    "cost_lines",
    "size_line",
    "truncate",
]

PADDING = 8
ICON_SIZE = 26  # side of the square that represents the largest image
TEXT_LEFT = PADDING + ICON_SIZE + 8
MIN_TEXT_WIDTH, MAX_TEXT_WIDTH = 96, 264  # width of the text in a box
MAX_COSTS_WIDTH = 180  # of exact costs for which a box grows
MAX_CHANNELS_WIDTH = 150  # extra width of the box with the most channels over that with the fewest
TALL, MEDIUM, SLIM = 56, 34, 17  # heights of boxes
LABEL_SIZE, DETAIL_SIZE = 11, 10  # sizes of letters
MAX_LETTERS = 200  # of a label that are measured: tags may be of any length


class BoxKind(StrEnum):
    """What a layer does."""

    CONVOLUTION = "convolution"
    OTHER_CONVOLUTION = "depthwise, grouped, transposed"
    DENSE = "dense"
    POOLING = "pooling"
    NORMALIZATION = "normalization"
    ACTIVATION = "activation, dropout"
    JOIN = "add, cat, mul"
    OTHER = "attention, other operations"
    SHAPE = "flatten, pad, slice, resize"


_COSTLY = (BoxKind.CONVOLUTION, BoxKind.OTHER_CONVOLUTION, BoxKind.DENSE, BoxKind.OTHER)
_KINDS: tuple[tuple[type, BoxKind], ...] = (
    (Convolution, BoxKind.CONVOLUTION),
    (Depthwise, BoxKind.OTHER_CONVOLUTION),
    (TransposedConvolution, BoxKind.OTHER_CONVOLUTION),
    (Dense, BoxKind.DENSE),
    (Pooling, BoxKind.POOLING),
    (AdaptivePooling, BoxKind.POOLING),
    (Normalization, BoxKind.NORMALIZATION),
    (Elementwise, BoxKind.ACTIVATION),
    (Prelu, BoxKind.ACTIVATION),
    (Scale, BoxKind.NORMALIZATION),
    (BlurPool, BoxKind.POOLING),
    (JoinLayer, BoxKind.JOIN),
    (FileOperation, BoxKind.OTHER),
)


class Box(NamedTuple):
    """A box of a diagram.

    Attributes
    ----------
    label : str
        The text of the layer, with its tags.
    stages : tuple of Stage
        The layer that it represents, or the layers of a block.
    bounds : Bounds
        Its position.
    times : int
        How many layers it represents, one in each repeat, if repeats are drawn once; otherwise 1.
    """

    label: str
    stages: tuple[Stage, ...]
    bounds: Bounds = Bounds(0, 0, 0, 0)
    times: int = 1

    @property
    def is_block(self) -> bool:
        """Whether it represents several layers, one after the other."""
        return len(self.stages) > self.times

    @property
    def output(self) -> Size:
        """Size of the last layer's output."""
        return self.stages[-1].output

    @property
    def params(self) -> int | None:
        """Parameters of all its layers; None where they are not known."""
        return sum_if_known(stage.params for stage in self.stages)

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates of all its layers; None where they are not known."""
        return sum_if_known(stage.macs for stage in self.stages)

    @property
    def kind(self) -> BoxKind:
        """What its costliest layer does."""
        return _kind_of(max(self.stages, key=lambda stage: (stage.macs or 0, stage.params or 0)))

    @property
    def height(self) -> int:
        """Height of the box, which depends on how much text it holds."""
        if self.is_block or self.kind in _COSTLY:
            return TALL
        return SLIM if self.kind in (BoxKind.NORMALIZATION, BoxKind.ACTIVATION) else MEDIUM


def _kind_of(stage: Stage) -> BoxKind:
    if isinstance(stage.layer, Convolution) and stage.layer.groups > 1:
        return BoxKind.OTHER_CONVOLUTION
    return next((kind for layer, kind in _KINDS if isinstance(stage.layer, layer)), BoxKind.SHAPE)


def box_sizes(network: Network, boxes: Sequence[Box]) -> list[BoxSize]:
    """Return the sizes of the boxes and, last, of the inputs: the more channels, the wider."""
    half = (min(max([MIN_TEXT_WIDTH, *map(_text_width, boxes)]), MAX_TEXT_WIDTH) + TEXT_LEFT + PADDING) / 2
    channels = [channels_of(box.output) for box in boxes]
    counted = [
        count
        for count, box in zip(channels, boxes, strict=True)
        # A flattened image has so many values that the other widths would hardly differ.
        if count is not None and box.kind != BoxKind.SHAPE
    ]
    low, high = min(counted, default=1), max(counted, default=1)
    inputs = [port.size for port in network.inputs] or [network.input]
    sizes = [
        *zip(channels, [box.height for box in boxes], strict=True),
        *((channels_of(size), MEDIUM) for size in inputs),
    ]
    return [
        # Half widths are whole numbers, so that sums of positions are exact.
        BoxSize(
            2 * math.ceil(half + MAX_CHANNELS_WIDTH / 2 * _log_fraction(count, low, high)),
            height,
            height == SLIM,
        )
        for count, height in sizes
    ]


def _log_fraction(count: int | None, low: int, high: int) -> float:
    """Return the position of a number between two others on a log scale, from 0 to 1."""
    if count is None or high == low:
        return 0
    numbers = min(max(count, low), high), low, high
    log_count, log_low, log_high = (
        math.log(max(number, 1)) for number in numbers
    )  # a file may have empty arrays
    return (log_count - log_low) / (log_high - log_low) if log_high > log_low else 0


# Text of a box --------------------------------------------------------------------------------------------


def _text_width(box: Box) -> float:
    """Return the width of the text of a box, with large numbers in short form."""
    label = text_width(box.label[:MAX_LETTERS], LABEL_SIZE)
    costs = cost_lines(box)
    exact, short = (text_width(line, DETAIL_SIZE) for line in (costs[0], costs[-1]))
    if box.height == SLIM:
        return label + text_width("  ", DETAIL_SIZE) + short
    return max(label, text_width(size_line(box), DETAIL_SIZE), min(exact, MAX_COSTS_WIDTH), short)


def size_line(box: Box) -> str:
    """Return the line with the output size and, for a block, the number of layers."""
    layers = f" · {len(box.stages)} layers" if box.is_block else f" · {box.times} x" * (box.times > 1)
    return f"{format_size(box.output)}{layers}"


def cost_lines(box: Box) -> list[str]:
    """Return the forms of the line with the costs, from exact to short; empty if there are none."""
    if box.height == MEDIUM or (box.height == SLIM and not box.params):
        return [""]
    exact, short = (
        ["?" if count is None else write(count) for count in (box.params, box.macs)]
        for write in ("{:,}".format, format_short_count)
    )
    if box.height == SLIM:
        return [f"{count} params" for count in (exact[0], short[0])]
    forms = exact, (exact[0], short[1]), short
    return [f"{params} params · {macs} MACs" for params, macs in forms]


def format_short_count(count: int) -> str:
    """Format a large number with three digits.

    Examples
    --------
    >>> [format_short_count(count) for count in (9_408, 118_013_952, 999_999, 10**40)]
    ['9,408', '118M', '1.00M', '1.00e40']
    """
    if count < 10_000:
        return f"{count:,}"
    power = len(str(count)) - 3
    head = (count + 10**power // 2) // 10**power
    if head == 1000:
        head, power = 100, power + 1
    if power + 2 >= 18:
        return f"{head / 100:.2f}e{power + 2}"
    group, digits = divmod(power + 2, 3)
    return f"{head / 10 ** (2 - digits):.{2 - digits}f}{' KMGTP'[group]}"


def truncate(text: str, width: float, size: float) -> str:
    """Cut a text to a width; characters that cannot be shown are replaced.

    Examples
    --------
    >>> truncate("conv 64 f3 p1", 60, 10), truncate("a\\x1b", 60, 10)
    ('conv 64 f…', 'a�')
    """
    text = replace_unprintable(text[: int(width) + 1])  # no letter is narrower than a pixel
    if text_width(text, size) <= width:
        return text
    while text and text_width(text + "…", size) > width:
        text = text[:-1]
    return text + "…"

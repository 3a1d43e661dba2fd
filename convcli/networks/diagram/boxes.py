"""Boxes of a diagram: what each represents, its size and its text."""

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from convcli.drawing.shapes import replace_unprintable, text_width
from convcli.networks.diagram.layout import Measure, Spot
from convcli.networks.layer_types.base import Size, channels_of
from convcli.networks.layer_types.convolution import Convolution, Depthwise, TransposedConvolution
from convcli.networks.layer_types.dense import Dense
from convcli.networks.layer_types.elementwise import Elementwise, Normalization
from convcli.networks.layer_types.pooling import AdaptivePooling, Pooling
from convcli.networks.network import JoinLayer, Network, Stage
from convcli.sizes.text import format_size

__all__ = [
    "DETAIL",
    "GLYPH",
    "LABEL",
    "MIDDLE",
    "PADDING",
    "SLIM",
    "TALL",
    "TEXT_FROM",
    "Box",
    "Kind",
    "cost_lines",
    "fitted",
    "measures",
    "short_count",
    "size_line",
]

PADDING = 8
GLYPH = 26  # side of the square that represents the largest image
TEXT_FROM = PADDING + GLYPH + 8
NARROWEST, WIDEST = 96, 264  # width of the text in a box
WIDEST_COSTS = 180  # of exact costs for which a box grows
MORE_CHANNELS = 150  # extra width of the box with the most channels over that with the fewest
TALL, MIDDLE, SLIM = 56, 34, 17  # heights of boxes
LABEL, DETAIL = 11, 10  # sizes of letters
MAX_LETTERS = 200  # of a label that are measured: tags may be of any length


class Kind(StrEnum):
    """What a layer does."""

    CONVOLUTION = "convolution"
    OTHER_CONVOLUTION = "depthwise, grouped, transposed"
    DENSE = "dense"
    POOLING = "pooling"
    NORMALISATION = "normalization"
    ACTIVATION = "activation, dropout"
    JOIN = "add, cat, mul"
    SHAPE = "flatten, pad"


_COSTLY = (Kind.CONVOLUTION, Kind.OTHER_CONVOLUTION, Kind.DENSE)
_KINDS: tuple[tuple[type, Kind], ...] = (
    (Convolution, Kind.CONVOLUTION),
    (Depthwise, Kind.OTHER_CONVOLUTION),
    (TransposedConvolution, Kind.OTHER_CONVOLUTION),
    (Dense, Kind.DENSE),
    (Pooling, Kind.POOLING),
    (AdaptivePooling, Kind.POOLING),
    (Normalization, Kind.NORMALISATION),
    (Elementwise, Kind.ACTIVATION),
    (JoinLayer, Kind.JOIN),
)


class Box(NamedTuple):
    """A box of a diagram.

    Attributes
    ----------
    label : str
        The text of the layer, with its tags.
    stages : tuple of Stage
        The layer that it represents, or the layers of a block.
    spot : Spot
        Its position.
    """

    label: str
    stages: tuple[Stage, ...]
    spot: Spot = Spot(0, 0, 0, 0)

    @property
    def output(self) -> Size:
        """Size of the last layer's output."""
        return self.stages[-1].output

    @property
    def params(self) -> int | None:
        """Parameters of all its layers; None where they are not known."""
        return _sum([stage.params for stage in self.stages])

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates of all its layers; None where they are not known."""
        return _sum([stage.macs for stage in self.stages])

    @property
    def kind(self) -> Kind:
        """What its costliest layer does."""
        return _kind(max(self.stages, key=lambda stage: (stage.macs or 0, stage.params or 0)))

    @property
    def height(self) -> int:
        """Height of the box, which depends on how much text it holds."""
        if len(self.stages) > 1 or self.kind in _COSTLY:
            return TALL
        return SLIM if self.kind in (Kind.NORMALISATION, Kind.ACTIVATION) else MIDDLE


def _kind(stage: Stage) -> Kind:
    if isinstance(stage.layer, Convolution) and stage.layer.groups > 1:
        return Kind.OTHER_CONVOLUTION
    return next((kind for layer, kind in _KINDS if isinstance(stage.layer, layer)), Kind.SHAPE)


def _sum(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def measures(network: Network, boxes: Sequence[Box]) -> list[Measure]:
    """Return the sizes of the boxes and, last, of the input's box: the more channels, the wider."""
    half = (min(max([NARROWEST, *map(_needed, boxes)]), WIDEST) + TEXT_FROM + PADDING) / 2
    channels = [channels_of(box.output) for box in boxes]
    counted = [
        count
        for count, box in zip(channels, boxes, strict=True)
        # A flattened image has so many values that the other widths would hardly differ.
        if count is not None and box.kind != Kind.SHAPE
    ]
    fewest, most = min(counted, default=1), max(counted, default=1)
    sizes = [*zip(channels, [box.height for box in boxes], strict=True), (channels_of(network.input), MIDDLE)]
    return [
        # Half widths are whole numbers, so that sums of positions are exact.
        Measure(2 * math.ceil(half + MORE_CHANNELS / 2 * _part(count, fewest, most)), height, height == SLIM)
        for count, height in sizes
    ]


def _part(count: int | None, fewest: int, most: int) -> float:
    """Return the position of a number between two others on a log scale, from 0 to 1."""
    if count is None or most == fewest:
        return 0
    low, high, here = (math.log(number) for number in (fewest, most, min(max(count, fewest), most)))
    return (here - low) / (high - low) if high > low else 0


# Text of a box --------------------------------------------------------------------------------------------


def _needed(box: Box) -> float:
    """Return the width of the text of a box, with large numbers in short form."""
    label = text_width(box.label[:MAX_LETTERS], LABEL)
    costs = cost_lines(box)
    exact, short = (text_width(line, DETAIL) for line in (costs[0], costs[-1]))
    if box.height == SLIM:
        return label + text_width("  ", DETAIL) + short
    return max(label, text_width(size_line(box), DETAIL), min(exact, WIDEST_COSTS), short)


def size_line(box: Box) -> str:
    """Return the line with the output size and, for a block, the number of layers."""
    layers = f" · {len(box.stages)} layers" if len(box.stages) > 1 else ""
    return f"{format_size(box.output)}{layers}"


def cost_lines(box: Box) -> list[str]:
    """Return the forms of the line with the costs, from exact to short; empty if there are none."""
    if box.height == MIDDLE or (box.height == SLIM and not box.params):
        return [""]
    exact, short = (
        ["?" if count is None else write(count) for count in (box.params, box.macs)]
        for write in ("{:,}".format, short_count)
    )
    if box.height == SLIM:
        return [f"{count} params" for count in (exact[0], short[0])]
    forms = exact, (exact[0], short[1]), short
    return [f"{params} params · {macs} MACs" for params, macs in forms]


def short_count(count: int) -> str:
    """Format a large number with three digits.

    Examples
    --------
    >>> short_count(9_408), short_count(118_013_952), short_count(999_999), short_count(10**40)
    ('9,408', '118M', '1.00M', '1.00e40')
    """
    if count < 10_000:
        return f"{count:,}"
    power = len(str(count)) - 3
    head = (count + 10**power // 2) // 10**power
    if head == 1000:
        head, power = 100, power + 1
    if power + 2 >= 18:
        return f"{head / 100:.2f}e{power + 2}"
    group, place = divmod(power + 2, 3)
    return f"{head / 10 ** (2 - place):.{2 - place}f}{' KMGTP'[group]}"


def fitted(text: str, width: float, size: float) -> str:
    """Cut a text to a width; characters that cannot be shown are replaced.

    Examples
    --------
    >>> fitted("conv 64 f3 p1", 60, 10), fitted("a\\x1b", 60, 10)
    ('conv 64 f…', 'a�')
    """
    text = replace_unprintable(text[: int(width) + 1])  # no letter is narrower than a pixel
    if text_width(text, size) <= width:
        return text
    while text and text_width(text + "…", size) > width:
        text = text[:-1]
    return text + "…"

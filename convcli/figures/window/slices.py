"""The channels of a volume, side by side: each channel's patch, its slice of the filter, their sum.

Standard library only.
"""

from dataclasses import dataclass
from functools import cached_property

from convcli.drawing.shapes import Ink
from convcli.figures.window.axis_views import VisibleRange
from convcli.figures.window.grids import Grid

__all__ = ["MAX_SLICES", "SliceBlock", "SliceBlocks", "channel_ink", "plane_step"]

MAX_SLICES = 12  # channels that are drawn; of deeper volumes the first
BLOCK_GAP, SIGN_SPACE = 20, 22  # between blocks, and for the sign between two grids
LABEL_HEIGHT = 22  # of the name of a channel
MAX_STACK, MAX_STEP = 72, 16  # how far the planes behind the first reach, and the distance of two
CHANNEL_INKS = {"r": Ink.STRONG_RED, "g": Ink.STRONG_GREEN, "b": Ink.STRONG_BLUE}


def channel_ink(name: str) -> Ink:
    """Return the color of a channel's name: that of the channel itself if it is red, green or blue."""
    return CHANNEL_INKS.get(name, Ink.FAINT)


def plane_step(depth: int) -> float:
    """Return how far each plane of a volume is drawn behind the one before it, up and to the right.

    Examples
    --------
    >>> plane_step(1), plane_step(3), plane_step(13)
    (0, 16, 6.0)
    """
    return min(MAX_STEP, MAX_STACK / (depth - 1)) if depth > 1 else 0


@dataclass(frozen=True, kw_only=True)
class SliceBlock:
    """The grids of one channel: its patch, and its slice of the filter."""

    patch: Grid
    taps: Grid

    @property
    def label_y(self) -> float:
        """The y of the channel's name."""
        return self.patch.y - LABEL_HEIGHT / 2

    @property
    def middle(self) -> float:
        """The y of the signs between the grids."""
        return (self.patch.y + self.patch.bottom) / 2

    @property
    def signs(self) -> tuple[float, float]:
        """The x of the signs after patch and slice."""
        return self.patch.right + SIGN_SPACE / 2, self.taps.right + SIGN_SPACE / 2

    @property
    def sum_x(self) -> float:
        """The x of the sum."""
        return self.taps.right + SIGN_SPACE


@dataclass(frozen=True, kw_only=True)
class SliceBlocks:
    """The blocks of all channels, in as many rows as needed.

    Examples
    --------
    >>> window = VisibleRange(first=0, last=2)
    >>> slices = SliceBlocks(
    ...     x=0, y=0, available=700, window=(window, window), depth=3, cell=(30, 30), sum_width=40
    ... )
    >>> len(slices.blocks), slices.right, slices.bottom
    (3, 548, 238)
    """

    x: float
    y: float
    available: float
    window: tuple[VisibleRange, VisibleRange]
    depth: int
    cell: tuple[float, float]
    sum_width: float

    @property
    def _block_width(self) -> float:
        return 2 * (len(self.window[1]) * self.cell[0] + SIGN_SPACE) + self.sum_width

    @property
    def _block_height(self) -> float:
        return LABEL_HEIGHT + len(self.window[0]) * self.cell[1]

    @cached_property
    def blocks(self) -> tuple[SliceBlock, ...]:
        """The blocks that are drawn: at most `MAX_SLICES`."""
        per_row = max(1, int((self.available + BLOCK_GAP) / (self._block_width + BLOCK_GAP)))
        return tuple(
            self._block(number % per_row, number // per_row) for number in range(min(self.depth, MAX_SLICES))
        )

    def _block(self, across: int, down: int) -> SliceBlock:
        x = self.x + across * (self._block_width + BLOCK_GAP)
        y = self.y + LABEL_HEIGHT + down * (self._block_height + 14)
        rows, columns = self.window
        width, height = self.cell
        patch = Grid(x=x, y=y, rows=rows, columns=columns, width=width, height=height)
        taps = Grid(x=patch.right + SIGN_SPACE, y=y, rows=rows, columns=columns, width=width, height=height)
        return SliceBlock(patch=patch, taps=taps)

    @property
    def right(self) -> float:
        """The right edge."""
        return max(block.sum_x for block in self.blocks) + self.sum_width

    @property
    def bottom(self) -> float:
        """The bottom edge."""
        return max(block.patch.bottom for block in self.blocks)

"""Boxes in sequence and side by side: their rows and columns, and the lanes for the lines of tags."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from convcli.networks.diagram.trees import Break, Fork, Frame, Part

__all__ = [
    "Bounds", "BoxSize", "FrameBounds", "FrameEnd", "FrameStart", "HorizontalSegment", "Series", "Split",
    "VerticalSegment",
]  # fmt: skip

BOX_GAP = 15  # above a box: room for the head of an arrow
SLIM_GAP = 4  # above a slim box, which belongs to the box above it
BEND_GAP = 9  # from a box to the bend of the lines below it
BRANCH_GAP = 20  # between branches
EMPTY_HALF_WIDTH = 9.0  # half the width of an empty branch
LANE_WIDTH, LANE_SHIFT = 8, 0.01
FRAME_GAP = 10  # above a frame
FRAME_LABEL = 13  # height of the label of a frame
FRAME_PADDING = 9  # within a frame, at its sides and its bottom


class Bounds(NamedTuple):
    """Position and size of a box."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class BoxSize:
    """The size of a box; a slim box is close to the box above it."""

    width: float
    height: float
    is_slim: bool = False


class FrameBounds(NamedTuple):
    """Position and size of a frame around parts that are repeated; frames within frames come first."""

    bounds: Bounds
    times: int


class FrameStart:
    """The place in a series where a frame begins."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.top = self.bottom = self.left = self.right = 0.0


class FrameEnd(NamedTuple):
    """The place in a series where a frame ends."""

    start: FrameStart


def _series_parts(
    parts: Sequence[Part], depth: int
) -> "Iterator[int | Split | Break | FrameStart | FrameEnd]":
    """Yield parts, those of frames between their ends."""
    for part in parts:
        if isinstance(part, Frame):
            start = FrameStart(part.times)
            yield start
            yield from _series_parts(part.parts, depth)
            yield FrameEnd(start)
        else:
            yield Split(part, depth + 1) if isinstance(part, Fork) else part


class Series:
    """Boxes, splits and frames in sequence."""

    def __init__(self, parts: Sequence[Part], depth: int = 0) -> None:
        self.parts = list(_series_parts(parts, depth))
        self.depth = depth  # splits around it
        self.rights: list[tuple[float, float, float]] = []  # rows, and how far they go to the right
        self.segments: list[VerticalSegment] = []
        self.height = self.axis = 0.0

    def place_rows(self, top: float, sizes: Sequence[BoxSize], rows: list[float]) -> float:
        """Set the tops of the boxes, starting below `top`; return the bottom of the last."""
        y = top
        is_below_box = False
        for part in self.parts:
            if isinstance(part, Split):
                y = part.place_rows(y, sizes, rows)
                is_below_box = part.join is not None
            elif isinstance(part, FrameStart):
                part.top = y + FRAME_GAP
                y = part.top + FRAME_LABEL
                is_below_box = False
            elif isinstance(part, FrameEnd):
                y = part.start.bottom = y + FRAME_PADDING
                is_below_box = False
            elif isinstance(part, Break):
                is_below_box = False
            else:
                if y:  # nothing is above the input
                    y += SLIM_GAP if sizes[part].is_slim and is_below_box else BOX_GAP
                rows[part] = y
                y += sizes[part].height
                is_below_box = True
        self.height = y - top
        return y

    def place_lanes(self) -> float:
        """Give the lines from each box a lane as near as what is beside them allows; return the right end.

        The shorter lines come first. No two lines have the same place: those of deeper series are a little
        further to the right, by a part of a pixel that is in no position of a box.
        """
        by_source: dict[int, list[VerticalSegment]] = {}
        for segment in self.segments:
            by_source.setdefault(segment.source, []).append(segment)
        groups = [
            (min(segment.start for segment in group), max(segment.end for segment in group), group)
            for group in by_source.values()
        ]
        placed: list[tuple[float, float, float]] = []
        for start, end, group in sorted(groups, key=lambda group: group[1] - group[0]):
            beside = [right for top, bottom, right in self.rights if top <= end and start <= bottom]
            offset = max(beside, default=EMPTY_HALF_WIDTH) + LANE_WIDTH + LANE_SHIFT * (30 + self.depth)
            for other in sorted(other for first, last, other in placed if first <= end and start <= last):
                if abs(other - offset) < LANE_WIDTH:
                    offset = other + LANE_WIDTH
            placed.append((start, end, offset))
            for segment in group:
                segment.offset = offset
        return max((offset + LANE_WIDTH for _, _, offset in placed), default=0.0)

    def extents(self, sizes: Sequence[BoxSize], rows: Sequence[float]) -> tuple[float, float]:
        """Return its extent to the left and to the right of its axis."""
        left = right = EMPTY_HALF_WIDTH
        outer: list[tuple[FrameStart, float, float]] = []
        for part in self.parts:
            if isinstance(part, FrameStart):
                outer.append((part, left, right))
                left = right = EMPTY_HALF_WIDTH
                continue
            if isinstance(part, FrameEnd):
                start, *extents = outer.pop()
                start.left, start.right = left + FRAME_PADDING, right + FRAME_PADDING
                self.rights.append((start.top, start.bottom, start.right))
                left, right = max(start.left, extents[0]), max(start.right, extents[1])
                continue
            if isinstance(part, Break):
                continue
            number = part.join if isinstance(part, Split) else part
            if isinstance(part, Split):
                half = part.extents(sizes, rows)
                left, right = max(left, half[0]), max(right, half[1])
                self.rights.append((part.start, part.end, half[1]))
            if number is not None:
                half = (sizes[number].width / 2,) * 2
                left, right = max(left, half[0]), max(right, half[1])
                self.rights.append((rows[number], rows[number] + sizes[number].height, half[1]))
        return left, max(right, self.place_lanes())

    def place_columns(self, axis: float) -> None:
        """Set the horizontal position of its axis and of all within it."""
        self.axis = axis
        for segment in self.segments:
            segment.x = axis + segment.offset
        for part in self.parts:
            if isinstance(part, Split):
                for branch, offset in zip(part.branches, part.offsets, strict=True):
                    branch.place_columns(axis + offset)

    def place_boxes(
        self,
        sizes: Sequence[BoxSize],
        rows: Sequence[float],
        bounds: list[Bounds],
        frames: list[FrameBounds],
    ) -> None:
        """Set the positions of its boxes, and add its frames."""
        for part in self.parts:
            if isinstance(part, FrameEnd):
                start = part.start
                height = start.bottom - start.top
                place = Bounds(self.axis - start.left, start.top, start.left + start.right, height)
                frames.append(FrameBounds(place, start.times))
                continue
            if isinstance(part, Split):
                for branch in part.branches:
                    branch.place_boxes(sizes, rows, bounds, frames)
            number = part.join if isinstance(part, Split) else part
            if isinstance(number, int):
                width, height = sizes[number].width, sizes[number].height
                bounds[number] = Bounds(self.axis - width / 2, rows[number], width, height)


class Split:
    """Branches side by side, the bends of the lines above and below them, and the box that joins them.

    Without such a box, the first branch is empty: the line that goes on past branches that end.
    """

    def __init__(self, fork: Fork, depth: int) -> None:
        branches = fork.branches if fork.join is not None else ((), *fork.branches)
        self.branches = [Series(branch, depth) for branch in branches]
        self.join = fork.join
        self.offsets: list[float] = []
        self.lanes_above: dict[int, int] = {}  # numbers of the lanes by source box
        self.lanes_below: dict[int, int] = {}
        self.bend = self.merge = self.start = self.end = 0.0

    def place_rows(self, top: float, sizes: Sequence[BoxSize], rows: list[float]) -> float:
        """Set the tops of the boxes and of the join; return the bottom of the join."""
        self.bend = top + BEND_GAP
        self.start = start = self.bend + LANE_WIDTH * len(self.lanes_above)
        self.end = end = max(branch.place_rows(start, sizes, rows) for branch in self.branches)
        if self.join is None:
            self.merge = end + (BEND_GAP + LANE_WIDTH * len(self.lanes_below)) * bool(self.lanes_below)
            return self.merge
        self.merge = max(end, start + BOX_GAP) + BEND_GAP + LANE_WIDTH * len(self.lanes_below)
        rows[self.join] = self.merge + BOX_GAP
        return rows[self.join] + sizes[self.join].height

    def extents(self, sizes: Sequence[BoxSize], rows: Sequence[float]) -> tuple[float, float]:
        """Return its extent to the left and right of its axis.

        Without a join, its axis is the line that goes on. Otherwise it is that of the longer of two branches,
        or the middle of more than two.
        """
        axes, end = list[float](), 0.0
        for branch in self.branches:
            left, right = branch.extents(sizes, rows)
            axes.append(end + left)
            end += left + right + BRANCH_GAP
        filled = [number for number, branch in enumerate(self.branches) if branch.parts]
        if self.join is None:
            axis = axes[0]
        elif len(filled) > 2:
            axis = (axes[0] + axes[-1]) / 2
        else:
            axis = axes[max(filled, key=lambda number: self.branches[number].height, default=0)]
        self.offsets = [branch_axis - axis for branch_axis in axes]
        half = 0.0 if self.join is None else sizes[self.join].width / 2
        return max(axis, half), max(end - BRANCH_GAP - axis, half)


class VerticalSegment:
    """A vertical part of a route, in a lane beside the boxes of a series."""

    def __init__(self, source: int) -> None:
        self.source = source
        self.start = self.end = self.x = self.offset = 0.0


class HorizontalSegment(NamedTuple):
    """A horizontal part of a route, in a lane above or below the branches of a split."""

    split: Split
    lane: int
    is_above: bool

    @property
    def y(self) -> float:
        """Its vertical position, once the rows are placed."""
        distance = LANE_WIDTH * (self.lane + 1)
        return self.split.bend + distance if self.is_above else self.split.merge - distance

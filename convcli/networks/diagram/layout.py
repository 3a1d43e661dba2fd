"""Layout of a diagram: positions of boxes and lines, top to bottom; lines never cross a box.

The boxes of a branch are centered on a vertical axis, branches side by side. Lines of tags run in lanes to
the right of the boxes of a branch and, between branches, above or below them. Lengths are in pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import NamedTuple

from convcli.networks.diagram.trees import Fork, Link, Part, Tree

__all__ = ["Layout", "Measure", "Spot", "Wire", "lay_out"]

Point = tuple[float, float]

GAP = 15  # above a box: room for the head of an arrow
SLIM_GAP = 4  # above a slim box, which belongs to the box above it
BEND = 9  # from a box to the bend of the lines below it
COLUMNS = 20  # between branches
BESIDE = 9.0  # half the width of an empty branch
LANE = 8
HEAD, TAIL = 0.3, 0.7  # fraction of a box's height at which lines of tags arrive and leave


class Spot(NamedTuple):
    """Position and size of a box."""

    x: float
    y: float
    width: float
    height: float


class Wire(NamedTuple):
    """A line between two boxes, given by number (-1 is the input); `of_tag` if it belongs to a tag."""

    source: int
    target: int
    points: tuple[Point, ...]
    of_tag: bool


class Layout(NamedTuple):
    """Positions of the boxes by number (the input's is last), the lines, and the total size."""

    spots: tuple[Spot, ...]
    wires: tuple[Wire, ...]
    width: float
    height: float


@dataclass(frozen=True)
class Measure:
    """The size of a box; a slim box is close to the box above it."""

    width: float
    height: float
    is_slim: bool = False


def lay_out(tree: Tree, boxes: Sequence[Measure]) -> Layout:
    """Lay out the boxes of a tree and the box of the input, whose measure is last.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> from convcli.networks.diagram.trees import layer_tree
    >>> tree = layer_tree(network("relu, relu", (9, 9, 3)))
    >>> layout = lay_out(tree, [Measure(80, 20)] * 3)
    >>> layout.spots[0], layout.wires[1].points
    (Spot(x=0.0, y=35, width=80, height=20), ((40.0, 55), (40.0, 70)))
    """
    series = _Series((len(tree.boxes), *tree.parts))
    paths = _paths(series) if tree.links else {}
    routes = [_route(link, series, paths[link.source], paths[link.target]) for link in tree.links]
    rows = [0.0] * len(boxes)
    height = series.place_rows(0, boxes, rows)
    for route in routes:
        route.place_rows(boxes, rows)
    series.place_lanes()
    left, right = series.measure(boxes)
    series.place_columns(left)
    spots = [Spot(0, 0, 0, 0)] * len(boxes)
    series.place_boxes(boxes, rows, spots)
    router = _Router(spots)
    router.follow(series, None, ())
    router.wires += [route.wire(spots) for route in routes]
    return Layout(tuple(spots), tuple(router.wires), left + right, height)


class _Series:
    """Boxes and splits in sequence."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = [_Split(part) if isinstance(part, Fork) else part for part in parts]
        self.passages: list[_VerticalSegment] = []
        self.height = self.axis = self.lanes_from = 0.0

    def place_rows(self, top: float, boxes: Sequence[Measure], rows: list[float]) -> float:
        """Set the tops of the boxes, starting below `top`; return the bottom of the last."""
        y = top
        for number, part in enumerate(self.parts):
            if isinstance(part, _Split):
                y = part.place_rows(y, boxes, rows)
                continue
            if part != len(boxes) - 1:  # nothing is above the input
                y += SLIM_GAP if boxes[part].is_slim and number else GAP
            rows[part] = y
            y += boxes[part].height
        self.height = y - top
        return y

    def place_lanes(self) -> None:
        """Assign the lines from each box to the innermost free lane, the shorter ones first."""
        ways: dict[int, list[_VerticalSegment]] = {}
        for passage in self.passages:
            ways.setdefault(passage.source, []).append(passage)
        spans = [(min(one.start for one in way), max(one.end for one in way), way) for way in ways.values()]
        lanes: list[list[tuple[float, float]]] = []
        for start, end, way in sorted(spans, key=lambda span: span[1] - span[0]):
            free = (
                number
                for number, taken in enumerate(lanes)
                if not any(start <= other_end and other_start <= end for other_start, other_end in taken)
            )
            lane = next(free, len(lanes))
            if lane == len(lanes):
                lanes.append([])
            lanes[lane].append((start, end))
            for passage in way:
                passage.lane = lane
        for part in self.parts:
            if isinstance(part, _Split):
                for branch in part.branches:
                    branch.place_lanes()

    def measure(self, boxes: Sequence[Measure]) -> tuple[float, float]:
        """Return its extent to the left and to the right of its axis."""
        left = right = BESIDE
        for part in self.parts:
            half = part.measure(boxes) if isinstance(part, _Split) else (boxes[part].width / 2,) * 2
            left, right = max(left, half[0]), max(right, half[1])
        self.lanes_from = right + LANE
        lanes = max((passage.lane + 1 for passage in self.passages), default=0)
        return left, right + LANE * (lanes + 1) * bool(lanes)

    def place_columns(self, axis: float) -> None:
        """Set the horizontal position of its axis and of all within it."""
        self.axis = axis
        for passage in self.passages:
            passage.x = axis + self.lanes_from + LANE * passage.lane
        for part in self.parts:
            if isinstance(part, _Split):
                for branch, offset in zip(part.branches, part.offsets, strict=True):
                    branch.place_columns(axis + offset)

    def place_boxes(self, boxes: Sequence[Measure], rows: Sequence[float], spots: list[Spot]) -> None:
        """Set the positions of its boxes."""
        for part in self.parts:
            number = part.join if isinstance(part, _Split) else part
            width, height = boxes[number].width, boxes[number].height
            spots[number] = Spot(self.axis - width / 2, rows[number], width, height)
            if isinstance(part, _Split):
                for branch in part.branches:
                    branch.place_boxes(boxes, rows, spots)


class _Split:
    """Branches side by side, the bends of the lines above and below them, and the box that joins them."""

    def __init__(self, fork: Fork) -> None:
        self.branches = [_Series(branch) for branch in fork.branches]
        self.join = fork.join
        self.offsets: list[float] = []
        self.tracks_above: dict[int, int] = {}  # numbers of tracks by source box
        self.tracks_below: dict[int, int] = {}
        self.bend = self.merge = 0.0

    def place_rows(self, top: float, boxes: Sequence[Measure], rows: list[float]) -> float:
        """Set the tops of the boxes and of the join; return the bottom of the join."""
        self.bend = top + BEND
        start = self.bend + LANE * len(self.tracks_above)
        end = max(branch.place_rows(start, boxes, rows) for branch in self.branches)
        self.merge = max(end, start + GAP) + BEND + LANE * len(self.tracks_below)
        rows[self.join] = self.merge + GAP
        return rows[self.join] + boxes[self.join].height

    def measure(self, boxes: Sequence[Measure]) -> tuple[float, float]:
        """Return its extent to the left and right of its axis.

        Its axis is that of the longer of two branches, or the middle of more than two.
        """
        axes, end = list[float](), 0.0
        for branch in self.branches:
            left, right = branch.measure(boxes)
            axes.append(end + left)
            end += left + right + COLUMNS
        filled = [number for number, branch in enumerate(self.branches) if branch.parts]
        if len(filled) > 2:
            axis = (axes[0] + axes[-1]) / 2
        else:
            axis = axes[max(filled, key=lambda number: self.branches[number].height, default=0)]
        self.offsets = [one - axis for one in axes]
        half = boxes[self.join].width / 2
        return max(axis, half), max(end - COLUMNS - axis, half)


# Lines of tags --------------------------------------------------------------------------------------------


class _VerticalSegment:
    """A vertical part of a route, in a lane beside the boxes of a series."""

    def __init__(self, source: int) -> None:
        self.source = source
        self.start = self.end = self.x = 0.0
        self.lane = 0


class _HorizontalSegment(NamedTuple):
    """A horizontal part of a route, across a split: below the bend above its branches, or above the merge."""

    split: _Split
    number: int
    is_above: bool

    @property
    def y(self) -> float:
        """Its vertical position, once the rows are placed."""
        away = LANE * (self.number + 1)
        return self.split.bend + away if self.is_above else self.split.merge - away


class _Route:
    """The path of a link: passages, connected by tracks."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.passages: list[_VerticalSegment] = []
        self.tracks: list[_HorizontalSegment] = []
        self.heights: list[float] = []

    def along(self, series: _Series) -> None:
        """Continue in a lane of a series."""
        self.passages.append(_VerticalSegment(self.link.source))
        series.passages.append(self.passages[-1])

    def across(self, split: _Split, *, is_above: bool) -> None:
        """Continue in a track of a split."""
        taken = split.tracks_above if is_above else split.tracks_below
        number = taken.setdefault(self.link.source, len(taken))
        self.tracks.append(_HorizontalSegment(split, number, is_above))

    def place_rows(self, boxes: Sequence[Measure], rows: Sequence[float]) -> None:
        """Compute the heights at which it turns."""
        source, target = self.link.source, self.link.target
        first = rows[source] + TAIL * boxes[source].height
        last = rows[target] + HEAD * boxes[target].height
        self.heights = [first, *(track.y for track in self.tracks), last]
        for passage, ends in zip(self.passages, pairwise(self.heights), strict=True):
            passage.start, passage.end = sorted(ends)

    def wire(self, spots: Sequence[Spot]) -> Wire:
        """Return its line, from and to the right edges of the boxes."""
        source, target = (spots[number] for number in (self.link.source, self.link.target))
        turns = [
            (passage.x, y)
            for passage, ends in zip(self.passages, pairwise(self.heights), strict=True)
            for y in ends
        ]
        first = source.x + source.width, self.heights[0]
        last = target.x + target.width, self.heights[-1]
        return Wire(self.link.source, self.link.target, _straight((first, *turns, last)), of_tag=True)


_Path = tuple[tuple["_Split", "_Series"], ...]
"""The splits around a box, outermost first, each with the branch that holds the box."""


def _paths(series: _Series, path: _Path = ()) -> dict[int, _Path]:
    """Return the path of each box."""
    found = {}
    for part in series.parts:
        if isinstance(part, _Split):
            found[part.join] = path
            for branch in part.branches:
                found |= _paths(branch, (*path, (part, branch)))
        else:
            found[part] = path
    return found


def _route(link: Link, root: _Series, source: _Path, target: _Path) -> _Route:
    """Plan the path of a link: out of the branches of its source, into those of its target."""
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(source, target, strict=False)))
    route, leaving, entering = _Route(link), list(reversed(source[shared:])), target[shared:]
    meeting = leaving and entering and leaving[-1][0] is entering[0][0]  # from branch to branch of a split
    if meeting:
        leaving.pop()
    for split, branch in leaving:
        route.along(branch)
        route.across(split, is_above=False)
    if meeting:
        route.along(source[shared][1])
    else:
        route.along(source[shared - 1][1] if shared else root)
    for split, branch in entering:
        route.across(split, is_above=True)
        route.along(branch)
    return route


# Lines from box to box ------------------------------------------------------------------------------------


class _Router:
    """Follows the parts of a series and draws the lines between them."""

    def __init__(self, spots: Sequence[Spot]) -> None:
        self.spots = spots
        self.wires: list[Wire] = []

    def follow(
        self, series: _Series, source: int | None, points: tuple[Point, ...]
    ) -> tuple[int, tuple[Point, ...]]:
        """Draw the lines of a series; return the source and the points of the line that leaves it."""
        for part in series.parts:
            if isinstance(part, _Split):
                assert source is not None, "a series begins with a box, or gets a line"
                tails = []
                for branch in part.branches:
                    bends = (series.axis, part.bend), (branch.axis, part.bend)
                    tails.append((branch, *self.follow(branch, source, (*points, *bends))))
                for branch, start, way in tails:
                    merging = (branch.axis, part.merge), (series.axis, part.merge)
                    self.arrive(start, part.join, (*way, *merging))
                source = part.join
            else:
                if source is not None:
                    self.arrive(source, part, points)
                source = part
            spot = self.spots[source]
            points = ((series.axis, spot.y + spot.height),)
            source = -1 if source == len(self.spots) - 1 else source
        assert source is not None
        return source, points

    def arrive(self, source: int, target: int, points: tuple[Point, ...]) -> None:
        """End a line at the middle of a box's top."""
        spot = self.spots[target]
        last = spot.x + spot.width / 2, spot.y
        self.wires.append(Wire(source, target, _straight((*points, last)), of_tag=False))


def _straight(points: Sequence[Point]) -> tuple[Point, ...]:
    """Remove the points at which a line does not turn."""
    kept: list[Point] = []
    for point in points:
        if kept and kept[-1] == point:
            continue
        if len(kept) > 1 and any(kept[-2][axis] == kept[-1][axis] == point[axis] for axis in (0, 1)):
            kept.pop()
        kept.append(point)
    return tuple(kept)

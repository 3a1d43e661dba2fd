"""Layout of a diagram: positions of boxes and lines, top to bottom; lines never cross a box.

The boxes of a branch are centered on a vertical axis, branches side by side. Lines of tags run in lanes to
the right of the boxes of a branch and, between branches, above or below them. Lengths are in pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import NamedTuple

from convcli.networks.diagram.trees import Fork, Link, Part, Tree

__all__ = ["Bounds", "BoxSize", "Edge", "compute_layout"]

Point = tuple[float, float]

BOX_GAP = 15  # above a box: room for the head of an arrow
SLIM_GAP = 4  # above a slim box, which belongs to the box above it
BEND_GAP = 9  # from a box to the bend of the lines below it
BRANCH_GAP = 20  # between branches
EMPTY_HALF_WIDTH = 9.0  # half the width of an empty branch
LANE_WIDTH = 8
TAG_ARRIVAL, TAG_DEPARTURE = 0.3, 0.7  # fraction of a box's height at which lines of tags arrive and leave


class Bounds(NamedTuple):
    """Position and size of a box."""

    x: float
    y: float
    width: float
    height: float


class Edge(NamedTuple):
    """A line between two boxes, given by number (-1 is the input); `is_tagged` if it belongs to a tag."""

    source: int
    target: int
    points: tuple[Point, ...]
    is_tagged: bool


class Layout(NamedTuple):
    """Positions of the boxes by number (the input's is last), the lines, and the total size."""

    bounds: tuple[Bounds, ...]
    edges: tuple[Edge, ...]
    width: float
    height: float


@dataclass(frozen=True)
class BoxSize:
    """The size of a box; a slim box is close to the box above it."""

    width: float
    height: float
    is_slim: bool = False


def compute_layout(tree: Tree, sizes: Sequence[BoxSize]) -> Layout:
    """Lay out the boxes of a tree and the box of the input, whose size is last.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> from convcli.networks.diagram.trees import layer_tree
    >>> tree = layer_tree(network("relu, relu", (9, 9, 3)))
    >>> layout = compute_layout(tree, [BoxSize(80, 20)] * 3)
    >>> layout.bounds[0], layout.edges[1].points
    (Bounds(x=0.0, y=35, width=80, height=20), ((40.0, 55), (40.0, 70)))
    """
    series = _Series((len(tree.boxes), *tree.parts))
    paths = _paths(series) if tree.links else {}
    routes = [_route(link, series, paths[link.source], paths[link.target]) for link in tree.links]
    rows = [0.0] * len(sizes)
    height = series.place_rows(0, sizes, rows)
    for route in routes:
        route.place_rows(sizes, rows)
    series.place_lanes()
    left, right = series.extents(sizes)
    series.place_columns(left)
    bounds = [Bounds(0, 0, 0, 0)] * len(sizes)
    series.place_boxes(sizes, rows, bounds)
    router = _Router(bounds)
    router.follow(series, None, ())
    router.edges += [route.edge(bounds) for route in routes]
    return Layout(tuple(bounds), tuple(router.edges), left + right, height)


class _Series:
    """Boxes and splits in sequence."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = [_Split(part) if isinstance(part, Fork) else part for part in parts]
        self.segments: list[_VerticalSegment] = []
        self.height = self.axis = self.first_lane_offset = 0.0

    def place_rows(self, top: float, sizes: Sequence[BoxSize], rows: list[float]) -> float:
        """Set the tops of the boxes, starting below `top`; return the bottom of the last."""
        y = top
        for number, part in enumerate(self.parts):
            if isinstance(part, _Split):
                y = part.place_rows(y, sizes, rows)
                continue
            if part != len(sizes) - 1:  # nothing is above the input
                y += SLIM_GAP if sizes[part].is_slim and number else BOX_GAP
            rows[part] = y
            y += sizes[part].height
        self.height = y - top
        return y

    def place_lanes(self) -> None:
        """Assign the lines from each box to the innermost free lane, the shorter ones first."""
        by_source: dict[int, list[_VerticalSegment]] = {}
        for segment in self.segments:
            by_source.setdefault(segment.source, []).append(segment)
        spans = [
            (min(segment.start for segment in group), max(segment.end for segment in group), group)
            for group in by_source.values()
        ]
        lanes: list[list[tuple[float, float]]] = []
        for start, end, group in sorted(spans, key=lambda span: span[1] - span[0]):
            free = (
                number
                for number, taken in enumerate(lanes)
                if not any(start <= other_end and other_start <= end for other_start, other_end in taken)
            )
            lane = next(free, len(lanes))
            if lane == len(lanes):
                lanes.append([])
            lanes[lane].append((start, end))
            for segment in group:
                segment.lane = lane
        for part in self.parts:
            if isinstance(part, _Split):
                for branch in part.branches:
                    branch.place_lanes()

    def extents(self, sizes: Sequence[BoxSize]) -> tuple[float, float]:
        """Return its extent to the left and to the right of its axis."""
        left = right = EMPTY_HALF_WIDTH
        for part in self.parts:
            half = part.extents(sizes) if isinstance(part, _Split) else (sizes[part].width / 2,) * 2
            left, right = max(left, half[0]), max(right, half[1])
        self.first_lane_offset = right + LANE_WIDTH
        lanes = max((segment.lane + 1 for segment in self.segments), default=0)
        return left, right + LANE_WIDTH * (lanes + 1) * bool(lanes)

    def place_columns(self, axis: float) -> None:
        """Set the horizontal position of its axis and of all within it."""
        self.axis = axis
        for segment in self.segments:
            segment.x = axis + self.first_lane_offset + LANE_WIDTH * segment.lane
        for part in self.parts:
            if isinstance(part, _Split):
                for branch, offset in zip(part.branches, part.offsets, strict=True):
                    branch.place_columns(axis + offset)

    def place_boxes(self, sizes: Sequence[BoxSize], rows: Sequence[float], bounds: list[Bounds]) -> None:
        """Set the positions of its boxes."""
        for part in self.parts:
            number = part.join if isinstance(part, _Split) else part
            width, height = sizes[number].width, sizes[number].height
            bounds[number] = Bounds(self.axis - width / 2, rows[number], width, height)
            if isinstance(part, _Split):
                for branch in part.branches:
                    branch.place_boxes(sizes, rows, bounds)


class _Split:
    """Branches side by side, the bends of the lines above and below them, and the box that joins them."""

    def __init__(self, fork: Fork) -> None:
        self.branches = [_Series(branch) for branch in fork.branches]
        self.join = fork.join
        self.offsets: list[float] = []
        self.lanes_above: dict[int, int] = {}  # numbers of the lanes by source box
        self.lanes_below: dict[int, int] = {}
        self.bend = self.merge = 0.0

    def place_rows(self, top: float, sizes: Sequence[BoxSize], rows: list[float]) -> float:
        """Set the tops of the boxes and of the join; return the bottom of the join."""
        self.bend = top + BEND_GAP
        start = self.bend + LANE_WIDTH * len(self.lanes_above)
        end = max(branch.place_rows(start, sizes, rows) for branch in self.branches)
        self.merge = max(end, start + BOX_GAP) + BEND_GAP + LANE_WIDTH * len(self.lanes_below)
        rows[self.join] = self.merge + BOX_GAP
        return rows[self.join] + sizes[self.join].height

    def extents(self, sizes: Sequence[BoxSize]) -> tuple[float, float]:
        """Return its extent to the left and right of its axis.

        Its axis is that of the longer of two branches, or the middle of more than two.
        """
        axes, end = list[float](), 0.0
        for branch in self.branches:
            left, right = branch.extents(sizes)
            axes.append(end + left)
            end += left + right + BRANCH_GAP
        filled = [number for number, branch in enumerate(self.branches) if branch.parts]
        if len(filled) > 2:
            axis = (axes[0] + axes[-1]) / 2
        else:
            axis = axes[max(filled, key=lambda number: self.branches[number].height, default=0)]
        self.offsets = [branch_axis - axis for branch_axis in axes]
        half = sizes[self.join].width / 2
        return max(axis, half), max(end - BRANCH_GAP - axis, half)


# Lines of tags --------------------------------------------------------------------------------------------


class _VerticalSegment:
    """A vertical part of a route, in a lane beside the boxes of a series."""

    def __init__(self, source: int) -> None:
        self.source = source
        self.start = self.end = self.x = 0.0
        self.lane = 0


class _HorizontalSegment(NamedTuple):
    """A horizontal part of a route, in a lane above or below the branches of a split."""

    split: _Split
    lane: int
    is_above: bool

    @property
    def y(self) -> float:
        """Its vertical position, once the rows are placed."""
        distance = LANE_WIDTH * (self.lane + 1)
        return self.split.bend + distance if self.is_above else self.split.merge - distance


class _Route:
    """The path of a link: vertical segments, connected by horizontal ones."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.verticals: list[_VerticalSegment] = []
        self.horizontals: list[_HorizontalSegment] = []
        self.heights: list[float] = []

    def along(self, series: _Series) -> None:
        """Continue in a lane of a series."""
        self.verticals.append(_VerticalSegment(self.link.source))
        series.segments.append(self.verticals[-1])

    def across(self, split: _Split, *, is_above: bool) -> None:
        """Continue in a lane above or below the branches of a split."""
        lanes = split.lanes_above if is_above else split.lanes_below
        lane = lanes.setdefault(self.link.source, len(lanes))
        self.horizontals.append(_HorizontalSegment(split, lane, is_above))

    def place_rows(self, sizes: Sequence[BoxSize], rows: Sequence[float]) -> None:
        """Compute the heights at which it turns."""
        source, target = self.link.source, self.link.target
        first = rows[source] + TAG_DEPARTURE * sizes[source].height
        last = rows[target] + TAG_ARRIVAL * sizes[target].height
        self.heights = [first, *(segment.y for segment in self.horizontals), last]
        for segment, ends in zip(self.verticals, pairwise(self.heights), strict=True):
            segment.start, segment.end = sorted(ends)

    def edge(self, bounds: Sequence[Bounds]) -> Edge:
        """Return its line, from and to the right edges of the boxes."""
        source, target = (bounds[number] for number in (self.link.source, self.link.target))
        turns = [
            (segment.x, y)
            for segment, ends in zip(self.verticals, pairwise(self.heights), strict=True)
            for y in ends
        ]
        first = source.x + source.width, self.heights[0]
        last = target.x + target.width, self.heights[-1]
        return Edge(self.link.source, self.link.target, _straight((first, *turns, last)), is_tagged=True)


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
    same_split = leaving and entering and leaving[-1][0] is entering[0][0]  # from branch to branch of a split
    if same_split:
        leaving.pop()
    for split, branch in leaving:
        route.along(branch)
        route.across(split, is_above=False)
    if same_split:
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

    def __init__(self, bounds: Sequence[Bounds]) -> None:
        self.bounds = bounds
        self.edges: list[Edge] = []

    def follow(
        self, series: _Series, source: int | None, points: tuple[Point, ...]
    ) -> tuple[int, tuple[Point, ...]]:
        """Draw the lines of a series; return the source and the points of the line that leaves it."""
        for part in series.parts:
            if isinstance(part, _Split):
                assert source is not None, "a series begins with a box, or gets a line"
                branch_ends = []
                for branch in part.branches:
                    bends = (series.axis, part.bend), (branch.axis, part.bend)
                    branch_ends.append((branch, *self.follow(branch, source, (*points, *bends))))
                for branch, start, path in branch_ends:
                    merging = (branch.axis, part.merge), (series.axis, part.merge)
                    self.arrive(start, part.join, (*path, *merging))
                source = part.join
            else:
                if source is not None:
                    self.arrive(source, part, points)
                source = part
            box = self.bounds[source]
            points = ((series.axis, box.y + box.height),)
            source = -1 if source == len(self.bounds) - 1 else source
        assert source is not None
        return source, points

    def arrive(self, source: int, target: int, points: tuple[Point, ...]) -> None:
        """End a line at the middle of a box's top."""
        box = self.bounds[target]
        last = box.x + box.width / 2, box.y
        self.edges.append(Edge(source, target, _straight((*points, last)), is_tagged=False))


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

"""Lines of a diagram: from box to box, and past other boxes for tags."""

from collections.abc import Sequence
from itertools import pairwise, takewhile
from typing import NamedTuple

from convcli.networks.diagram.series import (
    Bounds,
    BoxSize,
    FrameEnd,
    FrameStart,
    HorizontalSegment,
    Series,
    Split,
    VerticalSegment,
)
from convcli.networks.diagram.trees import Break, Link

__all__ = ["Edge", "Route", "Router", "paths_of", "route_of"]

Point = tuple[float, float]

TAG_ARRIVAL, TAG_DEPARTURE = 0.3, 0.7  # fraction of a box's height at which lines of tags arrive and leave


class Edge(NamedTuple):
    """A line between two boxes, given by number; `is_tagged` if it belongs to a tag.

    Inputs have negative numbers, the last of them -1.
    """

    source: int
    target: int
    points: tuple[Point, ...]
    is_tagged: bool


class Route:
    """The path of a link: vertical segments, connected by horizontal ones."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.verticals: list[VerticalSegment] = []
        self.horizontals: list[HorizontalSegment] = []
        self.heights: list[float] = []

    def along(self, series: Series) -> None:
        """Continue in a lane of a series."""
        self.verticals.append(VerticalSegment(self.link.source))
        series.segments.append(self.verticals[-1])

    def across(self, split: Split, *, is_above: bool) -> None:
        """Continue in a lane above or below the branches of a split."""
        lanes = split.lanes_above if is_above else split.lanes_below
        lane = lanes.setdefault(self.link.source, len(lanes))
        self.horizontals.append(HorizontalSegment(split, lane, is_above))

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
        number = self.link.source - len(bounds) * (self.link.source > self.link.target)  # an input
        return Edge(number, self.link.target, _straight((first, *turns, last)), is_tagged=True)


Path = tuple[tuple["Split", "Series"], ...]
"""The splits around a box, outermost first, each with the branch that holds the box."""


def paths_of(series: Series, path: Path = ()) -> dict[int, Path]:
    """Return the path of each box."""
    found = {}
    for part in series.parts:
        if isinstance(part, Split):
            if part.join is not None:
                found[part.join] = path
            for branch in part.branches:
                found |= paths_of(branch, (*path, (part, branch)))
        elif isinstance(part, int):
            found[part] = path
    return found


def route_of(link: Link, root: Series, source: Path, target: Path) -> Route:
    """Plan the path of a link: out of the branches of its source, into those of its target."""
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(source, target, strict=False)))
    route, leaving, entering = Route(link), list(reversed(source[shared:])), target[shared:]
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


class Router:
    """Follows the parts of a series and draws the lines between them.

    Parameters
    ----------
    bounds : sequence of Bounds
        Of the boxes, and of the inputs after them, whose numbers in edges are negative.
    inputs : int
    """

    def __init__(self, bounds: Sequence[Bounds], inputs: int) -> None:
        self.bounds = bounds
        self.inputs = inputs
        self.edges: list[Edge] = []

    def follow(
        self, series: Series, source: int | None, points: tuple[Point, ...]
    ) -> tuple[int | None, tuple[Point, ...]]:
        """Draw the lines of a series; return the source and the points of the line that leaves it, if any."""
        for part in series.parts:
            if isinstance(part, Break):
                source = None
                continue
            if isinstance(part, FrameStart | FrameEnd):
                continue
            if isinstance(part, Split):
                branch_ends = []
                for branch in part.branches:
                    bends = (series.axis, part.bend), (branch.axis, part.bend)
                    branch_ends.append((branch, *self.follow(branch, source, (*points, *bends))))
                if part.join is None:
                    continue
                for branch, start, path in branch_ends:
                    if start is None:
                        continue
                    merging = (branch.axis, part.merge), (series.axis, part.merge)
                    self.arrive(start, part.join, (*path, *merging))
                source = part.join
            else:
                if source is not None:
                    self.arrive(source, part, points)
                source = part
            box = self.bounds[source]
            points = ((series.axis, box.y + box.height),)
            source -= len(self.bounds) * (source >= len(self.bounds) - self.inputs)
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

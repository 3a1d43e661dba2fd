"""Layout of a diagram: positions of boxes and lines, top to bottom; lines never cross a box.

The boxes of a branch are centered on a vertical axis, branches side by side. Lines of tags run in lanes to
the right of the boxes of a branch and, between branches, above or below them. Lengths are in pixels.
"""

from collections.abc import Sequence
from typing import NamedTuple

from convcli.networks.diagram.routes import Edge, Router, paths_of, route_of
from convcli.networks.diagram.series import Bounds, BoxSize, FrameBounds, Series
from convcli.networks.diagram.trees import Tree

__all__ = ["Bounds", "BoxSize", "Edge", "FrameBounds", "Layout", "compute_layout"]


class Layout(NamedTuple):
    """Positions of the boxes by number (the inputs are last), the lines, the frames, and the total size."""

    bounds: tuple[Bounds, ...]
    edges: tuple[Edge, ...]
    frames: tuple[FrameBounds, ...]
    width: float
    height: float


def compute_layout(tree: Tree, sizes: Sequence[BoxSize]) -> Layout:
    """Lay out the boxes of a tree and the boxes of the inputs, whose sizes are last.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> from convcli.networks.diagram.trees import layer_tree
    >>> tree = layer_tree(network("relu, relu", (9, 9, 3)))
    >>> layout = compute_layout(tree, [BoxSize(80, 20)] * 3)
    >>> layout.bounds[0], layout.edges[1].points
    (Bounds(x=0.0, y=35, width=80, height=20), ((40.0, 55), (40.0, 70)))
    """
    series = Series(tree.parts)
    paths = paths_of(series) if tree.links else {}
    routes = [route_of(link, series, paths[link.source], paths[link.target]) for link in tree.links]
    rows = [0.0] * len(sizes)
    height = series.place_rows(0, sizes, rows)
    for route in routes:
        route.place_rows(sizes, rows)
    left, right = series.extents(sizes, rows)
    series.place_columns(left)
    bounds = [Bounds(0, 0, 0, 0)] * len(sizes)
    frames: list[FrameBounds] = []
    series.place_boxes(sizes, rows, bounds, frames)
    router = Router(bounds, len(sizes) - len(tree.boxes))
    router.follow(series, None, ())
    router.edges += [route.edge(bounds) for route in routes]
    return Layout(tuple(bounds), tuple(router.edges), tuple(frames), left + right, height)

"""Diagrams of networks: the boxes and lines of a network with their positions."""

from typing import NamedTuple

from convcli.errors import UsageError
from convcli.networks.diagram.boxes import Box, box_sizes
from convcli.networks.diagram.layout import Bounds, Edge, FrameBounds, compute_layout
from convcli.networks.diagram.trees import block_tree, layer_tree
from convcli.networks.network import Network

__all__ = ["MAX_BOXES", "Diagram", "network_diagram"]

MAX_BOXES = 5_000  # a file of 5 MB


class Diagram(NamedTuple):
    """Boxes and lines with their positions.

    Attributes
    ----------
    network : Network
    boxes : tuple of Box
    inputs : tuple of Bounds
        Positions of the inputs' boxes.
    edges : tuple of Edge
    frames : tuple of FrameBounds
        Around repeats that are drawn once.
    width, height : float
    """

    network: Network
    boxes: tuple[Box, ...]
    inputs: tuple[Bounds, ...]
    edges: tuple[Edge, ...]
    frames: tuple[FrameBounds, ...]
    width: float
    height: float


def network_diagram(network: Network, *, by_block: bool = False, repeats_once: bool = False) -> Diagram:
    """Lay out the layers of a network, or the items of its top level.

    With `repeats_once`, a repeat is a frame in which each layer has one box for all times.

    Raises
    ------
    UsageError
        There are too many boxes to draw.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> diagram = network_diagram(network("conv 6 f5, tanh", (32, 32, 1)))
    >>> [(box.label, box.params, box.bounds.height) for box in diagram.boxes]
    [('conv 6 f5', 156, 56), ('tanh', 0, 17)]
    """
    network = network.structured
    tree = block_tree(network) if by_block else layer_tree(network, repeats_once=repeats_once)
    count = len(tree.boxes)
    if count > MAX_BOXES:
        hint = "" if by_block else "; --by-block draws one box per repeat or join"
        hint = hint if by_block or repeats_once else f"; --repeats once draws repeats once{hint}"
        raise UsageError(
            f"a diagram of {count:,} boxes", f"is too large: at most {MAX_BOXES:,} are drawn{hint}"
        )
    boxes = [
        Box(label, stages, times=times)
        for label, stages, times in zip(tree.labels, tree.boxes, tree.times, strict=True)
    ]
    layout = compute_layout(tree, box_sizes(network, boxes))
    bounds, inputs = layout.bounds[: len(boxes)], layout.bounds[len(boxes) :]
    placed = tuple(box._replace(bounds=bounds) for box, bounds in zip(boxes, bounds, strict=True))
    return Diagram(network, placed, inputs, layout.edges, layout.frames, layout.width, layout.height)

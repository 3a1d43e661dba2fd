"""Diagrams of networks: the boxes and lines of a network with their positions."""

from typing import NamedTuple

from convcli.errors import UsageError
from convcli.networks.diagram.boxes import Box, box_sizes
from convcli.networks.diagram.layout import Bounds, Edge, compute_layout
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
    input : Bounds
        Position of the input's box.
    edges : tuple of Edge
    width, height : float
    """

    network: Network
    boxes: tuple[Box, ...]
    input: Bounds
    edges: tuple[Edge, ...]
    width: float
    height: float


def network_diagram(network: Network, *, by_block: bool = False) -> Diagram:
    """Lay out the layers of a network, or the items of its spec's top level.

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
    tree = block_tree(network) if by_block else layer_tree(network)
    count = len(tree.boxes)
    if count > MAX_BOXES:
        hint = "" if by_block else "; --by-block draws one box per repeat or join"
        raise UsageError(
            f"a diagram of {count:,} boxes", f"is too large: at most {MAX_BOXES:,} are drawn{hint}"
        )
    boxes = [Box(label, stages) for label, stages in zip(tree.labels, tree.boxes, strict=True)]
    layout = compute_layout(tree, box_sizes(network, boxes))
    *bounds, input_bounds = layout.bounds
    placed = tuple(box._replace(bounds=bounds) for box, bounds in zip(boxes, bounds, strict=True))
    return Diagram(network, placed, input_bounds, layout.edges, layout.width, layout.height)

"""Networks as trees of boxes, for drawing: boxes in sequence, and forks into branches that join again."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from convcli.networks.network import Network
from convcli.networks.stages import Stage
from convcli.networks.text.spec import Item, Join, JoinTag, LayerItem, Out, Repeat, Tag, Use

__all__ = ["Fork", "Link", "Part", "Tree", "block_tree", "layer_tree"]


@dataclass(frozen=True)
class Fork:
    """Branches with a common input, and the box that joins them; an empty branch is the input itself.

    Boxes are identified by number.
    """

    branches: "tuple[tuple[Part, ...], ...]"
    join: int


Part = int | Fork


@dataclass(frozen=True)
class Link:
    """A tagged output that a later box reads, past all boxes between them."""

    source: int
    target: int


@dataclass(frozen=True)
class Tree:
    """The boxes of a network, in order.

    Attributes
    ----------
    boxes : tuple of tuple of Stage
        The layers that each box represents.
    labels : tuple of str
    parts : tuple of int or Fork
        The boxes by number, in sequence.
    links : tuple of Link
    """

    boxes: tuple[tuple[Stage, ...], ...]
    labels: tuple[str, ...]
    parts: tuple[Part, ...]
    links: tuple[Link, ...]


def layer_tree(network: Network) -> Tree:
    """Return a tree with one box per layer.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> layer_tree(network("relu, add { conv 3 f1 | }, relu @a, cat @a", (9, 9, 3)))
    ... # doctest: +ELLIPSIS
    Tree(boxes=..., labels=('relu', 'conv 3 f1', 'add', 'relu @a', 'cat @a'),
         parts=(0, Fork(branches=((1,), ()), join=2), 3, 4), links=(Link(source=3, target=4),))
    """
    reader = _Reader()
    parts = reader.parts(network.items) if network.items else tuple(range(len(network.layers)))
    labels = tuple(_with_tags(stage.text, stage) for stage in network.layers)
    return Tree(tuple((stage,) for stage in network.layers), labels, parts, tuple(reader.links))


def block_tree(network: Network) -> Tree:
    """Return a tree with one box per item of the spec's top level.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> block_tree(network("2 x { conv 3 f1, relu } @a, relu, cat @a", (9, 9, 3)))
    ... # doctest: +ELLIPSIS
    Tree(boxes=..., labels=('2 x { conv, relu } @a', 'relu', 'cat @a'), parts=(0, 1, 2),
         links=(Link(source=0, target=2),))
    """
    layers = layer_tree(network)
    blocks = network.stages_by_block
    boxes = [stages for _, stages in blocks]
    box_of = [number for number, stages in enumerate(boxes) for _ in stages]
    links = {Link(box_of[link.source], box_of[link.target]): None for link in layers.links}
    return Tree(
        tuple(boxes),
        tuple(_with_tags(text, stages[-1]) for text, stages in blocks),
        tuple(range(len(boxes))),
        tuple(link for link in links if link.source != link.target),
    )


def _with_tags(text: str, stage: Stage) -> str:
    return " ".join([text, *(f"@{tag}" for tag in stage.tags)])


class _Reader:
    """Walks a spec in the order in which a network is built, so that layers get the same numbers."""

    def __init__(self) -> None:
        self.numbers = count()
        self.links: list[Link] = []
        self.tags: dict[str, int] = {}

    def parts(self, items: Sequence[Item]) -> tuple[Part, ...]:
        parts: list[Part] = []
        for item in items:
            if isinstance(item, LayerItem):
                parts.append(next(self.numbers))
            elif isinstance(item, Repeat):
                for _ in range(item.times):
                    parts += self.parts(item.body)
            elif isinstance(item, Join):
                branches = []
                for branch in item.branches:
                    part = (next(self.numbers),) if item.splits else ()
                    branches.append((*part, *self.parts(branch)))
                parts.append(Fork(tuple(branches), next(self.numbers)))
            elif isinstance(item, JoinTag):
                target = next(self.numbers)
                parts.append(target)
                if item.name in self.tags:  # not the input, which has no box
                    self.links.append(Link(self.tags[item.name], target))
            elif isinstance(item, Out):
                parts += self.parts(item.body)
            elif isinstance(item, Use):
                parts += self.parts((item.item,))
            elif isinstance(item, Tag):
                last = parts[-1]
                self.tags[item.name] = last.join if isinstance(last, Fork) else last
        return tuple(parts)

"""Networks as trees of boxes, for drawing: boxes in sequence, forks into branches, and frames of repeats."""

from collections.abc import Sequence
from dataclasses import dataclass

from convcli.networks.network import Network
from convcli.networks.stages import Stage
from convcli.networks.text.spec import From, Item, Join, JoinTag, LayerItem, Out, Repeat, Tag, Use

__all__ = ["Break", "Fork", "Frame", "Link", "Part", "Tree", "block_tree", "layer_tree"]


@dataclass(frozen=True)
class Fork:
    """Branches with a common input, and the box that joins them; an empty branch is the input itself.

    Boxes are identified by number. Without a join, the branches are side outputs: they end.
    """

    branches: "tuple[tuple[Part, ...], ...]"
    join: int | None


@dataclass(frozen=True)
class Frame:
    """Parts that are repeated and drawn once."""

    times: int
    parts: "tuple[Part, ...]"


@dataclass(frozen=True)
class Break:
    """The end of a line: the next box reads something else, by a link."""


Part = int | Fork | Frame | Break


@dataclass(frozen=True)
class Link:
    """An output that a later box reads, past all boxes between them."""

    source: int
    target: int


@dataclass(frozen=True)
class Tree:
    """The boxes of a network, in order.

    Attributes
    ----------
    boxes : tuple of tuple of Stage
        The layers that each box represents.
    times : tuple of int
        How many layers, one in each repeat, a box represents that is drawn once; 1 for all others.
    labels : tuple of str
    parts : tuple of Part
        The boxes by number, in sequence. The inputs have the numbers after those of the boxes.
    links : tuple of Link
    """

    boxes: tuple[tuple[Stage, ...], ...]
    times: tuple[int, ...]
    labels: tuple[str, ...]
    parts: tuple[Part, ...]
    links: tuple[Link, ...]


def layer_tree(network: Network, *, repeats_once: bool = False) -> Tree:
    """Return a tree with one box per layer.

    Parameters
    ----------
    network : Network
    repeats_once : bool
        Whether a repeat has the boxes of its body once.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> layer_tree(network("relu, add { conv 3 f1 | }, relu @a, cat @a", (9, 9, 3)))
    ... # doctest: +ELLIPSIS
    Tree(boxes=..., times=(1, 1, 1, 1, 1), labels=('relu', 'conv 3 f1', 'add', 'relu @a', 'cat @a'),
         parts=(5, 0, Fork(branches=((1,), ()), join=2), 3, 4), links=(Link(source=3, target=4),))
    >>> layer_tree(network("3 x { relu }", (9, 9, 3)), repeats_once=True).parts
    (1, Frame(times=3, parts=(0,)))
    """
    network = network.structured
    reader = _Reader(network, repeats_once=repeats_once)
    parts = reader.parts(network.items) if network.items else reader.sequence()
    read = {tensor for stage in network.layers for tensor in stage.input_tensors}
    kept = {port.tensor for port in network.outputs if port.tensor in read}  # outputs that are no ends
    boxes = reader.boxes()
    labels = [
        _with_tags(f"{_text(stages[0])}{' (output)' * (stages[0].output_tensor in kept)}", stages[-1])
        for stages in boxes
    ]
    return reader.tree(parts, boxes, labels)


def block_tree(network: Network) -> Tree:
    """Return a tree with one box per item of the spec's top level.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> block_tree(network("2 x { conv 3 f1, relu } @a, relu, cat @a", (9, 9, 3)))
    ... # doctest: +ELLIPSIS
    Tree(boxes=..., times=(1, 1, 1), labels=('2 x { conv, relu } @a', 'relu', 'cat @a'), parts=(3, 0, 1, 2),
         links=(Link(source=0, target=2),))
    """
    network = network.structured
    reader = _Reader(network)
    parts = reader.blocks(network.items) if network.items else reader.sequence()
    labels = [_with_tags(text, stages[-1]) for text, stages in network.stages_by_block]
    return reader.tree(parts, reader.boxes(), labels)


def _text(stage: Stage) -> str:
    """Return the text of a layer, after the tag of the layer whose weights it uses, if there is one."""
    leads = [lead for lead in stage.lead.split(": ") if lead.startswith("use @")]
    return f"{leads[-1]}: {stage.text}" if leads else stage.text


def _with_tags(text: str, stage: Stage) -> str:
    return " ".join([text, *(f"@{tag}" for tag in stage.tags)])


class _Reader:
    """Walks the items of a network in the order of its layers.

    Boxes have the number of their first layer until the tree is made; input number k has the number ``~k``.
    """

    def __init__(self, network: Network, *, repeats_once: bool = False) -> None:
        self.network = network
        self.repeats_once = repeats_once
        self.number = 0
        self.box_of: list[int] = []  # by layer
        self.links: list[Link] = []
        self.tags = {name: ~number for name, number in network.input_tags}
        self.placed = {~0} if len(network.inputs) < 2 else set[int]()  # inputs that have a box
        self.source: int | None = None  # what the next layer reads, if it is not the layer before

    def tree(self, parts: list[Part], boxes: list[tuple[Stage, ...]], labels: list[str]) -> Tree:
        """Return the tree, in which boxes are numbered in order, and the inputs after them."""
        numbers = {box: number for number, box in enumerate(sorted(set(self.box_of)))}
        numbers |= {~number: len(numbers) + number for number in range(max(len(self.network.inputs), 1))}
        links = {
            Link(numbers[self.box(link.source)], numbers[self.box(link.target)]): None for link in self.links
        }
        inside = [link for link in links if link.source < link.target or link.source >= len(boxes)]
        first = [len(boxes)] * (len(self.network.inputs) < 2)
        is_once = [self.repeats_once and len(stages) > 1 for stages in boxes]
        times = [len(stages) if once else 1 for stages, once in zip(boxes, is_once, strict=True)]
        renumbered = _renumbered(parts, numbers)
        return Tree(tuple(boxes), tuple(times), tuple(labels), (*first, *renumbered), tuple(inside))

    def boxes(self) -> list[tuple[Stage, ...]]:
        """Return the layers that each box represents."""
        boxes: dict[int, list[Stage]] = {}
        for stage, box in zip(self.network.layers, self.box_of, strict=True):
            boxes.setdefault(box, []).append(stage)
        return [tuple(boxes[box]) for box in sorted(boxes)]

    def box(self, number: int) -> int:
        """Return the box of a layer, or of an input."""
        return number if number < 0 else self.box_of[number]

    def layer(self) -> int:
        """Return the number of the next layer."""
        if self.source is not None:
            self.links.append(Link(self.source, self.number))
            self.source = None
        self.box_of.append(self.number)
        self.number += 1
        return self.number - 1

    def sequence(self) -> list[Part]:
        """Return the parts of a network without items: its layers, one after the other."""
        return [self.layer() for _ in self.network.layers]

    def blocks(self, items: Sequence[Item]) -> list[Part]:
        """Return the parts of the top level, where each item with layers is a box."""
        found: list[Part] = []
        for item in items:
            start = self.number
            parts = self.parts((item,))
            self.box_of[start:] = [start] * (self.number - start)
            if start == self.number:  # a tag, or what is read next
                found += parts
            elif isinstance(item, Out):
                found.append(Fork(((start,),), None))
            else:
                found += [part for part in parts if isinstance(part, Break)][:1]
                found.append(start)
        return found

    def parts(self, items: Sequence[Item]) -> list[Part]:
        """Return the parts of items in sequence."""
        found: list[Part] = []
        for item in items:
            if isinstance(item, Repeat):
                found += self.repeat(item)
            elif isinstance(item, Join):
                found += self.join(item)
            elif isinstance(item, Out):
                source = self.source
                body = tuple(self.branch(item.body))
                self.source = source
                last = found[-1] if found else None
                if isinstance(last, Fork) and last.join is None:
                    found[-1] = Fork((*last.branches, body) if body else last.branches, None)
                elif body:
                    found.append(Fork((body,), None))
            elif isinstance(item, Use):
                found += self.parts((item.item,))
            elif isinstance(item, Tag):
                self.tags[item.name] = self.number - 1
            elif isinstance(item, From):
                found += self.jump(self.tags.get(item.name))
            elif isinstance(item, JoinTag):
                found.append(self.layer())
                self.links.append(Link(self.tags[item.name], self.number - 1))
            else:
                assert isinstance(item, LayerItem)
                found.append(self.layer())
        return found

    def jump(self, source: int | None) -> list[Part]:
        """Go on from an earlier output, from an input, which may have no box yet, or from nothing."""
        if source is not None and source < 0 and source not in self.placed:
            self.placed.add(source)
            self.source = None
            return [Break(), source]
        self.source = source
        return [Break()]

    def repeat(self, item: Repeat) -> list[Part]:
        start = self.number
        found = self.parts(item.body)
        count = self.number - start
        for _ in range(item.times - 1):
            again = self.number
            parts = self.parts(item.body)
            if self.repeats_once:
                self.box_of[again:] = self.box_of[start : start + count]
            else:
                found += parts
        return [Frame(item.times, tuple(found))] if self.repeats_once and item.times > 1 else found

    def branch(self, items: Sequence[Item], *, splits: bool = False) -> list[Part]:
        """Return the parts of a branch."""
        found: list[Part] = [Break()] if self.source is not None else []
        if splits:
            found.append(self.layer())
        return found + self.parts(items)

    def join(self, item: Join) -> list[Part]:
        """Return the parts of a join; what its branches only read from elsewhere is a link."""
        source = self.source
        branches, ends = [], []
        for items in item.branches:
            self.source = source
            branches.append(self.branch(items, splits=item.splits))
            ends += [] if self.source is None else [self.source]
        self.source = None
        join = self.layer()
        self.links += [Link(end, join) for end in ends]
        drawn = [branch for branch in branches if not branch or any(part != Break() for part in branch)]
        if len(drawn) > 1:
            return [Fork(tuple(map(tuple, drawn)), join)]
        return [*(drawn[0] if drawn else [Break()]), join]


def _renumbered(parts: Sequence[Part], numbers: dict[int, int]) -> list[Part]:
    found: list[Part] = []
    for part in parts:
        if isinstance(part, Frame):
            found.append(Frame(part.times, tuple(_renumbered(part.parts, numbers))))
        elif isinstance(part, Fork):
            branches = tuple(tuple(_renumbered(branch, numbers)) for branch in part.branches)
            found.append(Fork(branches, None if part.join is None else numbers[part.join]))
        else:
            found.append(part if isinstance(part, Break) else numbers[part])
    return found

"""The items of the layer grammar for the layers of a network: branches, joins, tags and repeats."""

from collections.abc import Iterable, Sequence
from math import inf
from typing import NamedTuple, cast

from convcli.networks.layer_types.base import Layer, Size, channels_of
from convcli.networks.layer_types.convolution import Convolution, Depthwise
from convcli.networks.layer_types.cropping import Slice
from convcli.networks.stages import Stage
from convcli.networks.text.dataflow import Dataflow, read_dataflow
from convcli.networks.text.repeating import Element, Repetition, fold_repetitions
from convcli.networks.text.spec import (
    From,
    Item,
    Join,
    JoinKind,
    JoinTag,
    LayerItem,
    Out,
    Position,
    Repeat,
    Tag,
    Use,
)
from convcli.networks.text.structure import Branched, Joined, Part, Single, Start, find_structure
from convcli.networks.text.tag_names import TagNames

__all__ = ["Recovered", "recover_items", "worded_layer"]

NOWHERE = Position(1, 1)  # items that were not typed
MANY_USES = 2  # of a tag that a repeat may contain


class Recovered(NamedTuple):
    """A network as items of the grammar.

    Attributes
    ----------
    items : tuple of Item
    stages : list of int
        The number of each layer of the items, with repeats written out, among the layers of the network.
    input_tags : tuple of str
        Name of each input; nothing if there is one and no item names it.
    """

    items: tuple[Item, ...]
    stages: list[int]
    input_tags: tuple[str, ...]


def recover_items(
    stages: Sequence[Stage], inputs: Sequence[tuple[int, Size]], outputs: Iterable[tuple[int, Size]] = ()
) -> Recovered:
    """Return the items of a network; the arguments are those of `read_dataflow`.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> net = network("3 x { conv 3 f3 p1, relu }, add { conv 3 f3 p1, relu | }", (9, 9, 3))
    >>> repeat, join = recover_items(net.layers, [(0, net.input)]).items
    >>> repeat.times, [str(item.layer.text) for item in repeat.body], len(join.branches)
    (3, ['conv 3 f3 p1', 'relu'], 2)
    """
    graph = read_dataflow(stages, inputs, outputs)
    found = find_structure(graph)
    recovery = _Recovery(graph, found.sides)
    recovery.visit(found.parts)
    elements = recovery.elements(found.parts)
    items = recovery.items(fold_repetitions(recovery.beginning(elements), recovery.keys))
    order = [node - graph.inputs - 1 for node in recovery.visited]
    return Recovered(tuple(items), order, tuple(recovery.input_tags))


def worded_layer(stage: Stage) -> Layer:
    """Return a layer as it is written.

    A convolution with a group for each channel is depthwise. A layer whose bias a model file has stored once
    for several layers, and which counts for another of them, is written without.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> worded_layer(network("conv 64 f3 g32", (9, 9, 32)).layers[0]).text
    'dw f3 x2'
    """
    layer, channels = stage.layer, channels_of(stage.input)
    if channels is not None and getattr(layer, "bias", False) and stage.params != layer.params(channels):
        unbiased = layer.changed(bias=False)
        layer = unbiased if unbiased.params(channels) == stage.params else layer
    if (
        not isinstance(layer, Convolution) or layer.groups == 1 or layer.groups != channels or layer.ceil
        or not layer.filters or layer.filters % channels
    ):  # fmt: skip
        return layer
    return Depthwise(
        window=layer.window,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        multiplier=layer.filters // channels,
        bias=layer.bias,
    )


class _Layer(NamedTuple):
    """An item of a sequence: a layer of the network."""

    node: int
    layer: Layer


class _Again(NamedTuple):
    """A layer with the weights of another."""

    node: int
    owner: int


class _Tagged(NamedTuple):
    """The place of a tag."""

    node: int


class _Branches(NamedTuple):
    """A join and the elements of its branches."""

    node: int
    kind: str
    branches: list[list[Element]]
    splits: bool


class _Side(NamedTuple):
    """A side output."""

    body: list[Element]


class _Uses:
    """How often an output is used elsewhere, and the last position that does."""

    def __init__(self) -> None:
        self.count = 0
        self.last = -1


class _Recovery:
    """Numbers the layers in the order of the text, and turns parts into elements, then into items."""

    def __init__(self, graph: Dataflow, sides: Sequence[tuple[int, tuple[Part, ...]]]) -> None:
        self.graph = graph
        self.keys: dict[object, int] = {}
        self.visited: list[int] = []  # nodes in order of the text
        self.positions: dict[int, int] = dict.fromkeys(range(1, graph.inputs + 1), -1)
        self.uses: dict[int, _Uses] = {}
        self.sides: dict[int, list[tuple[Part, ...]]] = {}
        for node, body in sides:
            self.sides.setdefault(node, []).append(body)
        self.owners: dict[int, int] = {}  # of shared weights: the first node in the order of the text
        self.shared: dict[int, int] = {}
        self.owned: set[int] = set()  # whose weights others share
        self.names = TagNames(graph)
        self.input_tags: list[str] = []
        self.layers: dict[tuple[Layer, int | None, int | None], tuple[Layer, int, int]] = {}
        self.place = 0

    # Order and uses ---------------------------------------------------------------------------------------

    def visit(self, parts: Sequence[Part], *, is_first: bool = True) -> None:
        """Number the nodes of parts, and collect what is read from elsewhere."""
        if is_first:
            self.visit_sides(1)
        for part in parts:
            if isinstance(part, Start):
                self.use(part.node)
                continue
            if isinstance(part, Branched):
                for branch in part.branches:
                    self.visit(branch, is_first=False)
            elif isinstance(part, Joined):
                self.use(part.other)
            elif self.graph.is_layer(part.node):
                self.share(part.node)
            if self.graph.is_layer(part.node):
                self.positions[part.node] = len(self.visited)
                self.visited.append(part.node)
            self.visit_sides(part.node)

    def visit_sides(self, node: int) -> None:
        for body in self.sides.get(node, ()):
            self.visit(body, is_first=False)

    def use(self, node: int) -> None:
        uses = self.uses.setdefault(node, _Uses())
        uses.count += 1
        uses.last = len(self.visited)

    def share(self, node: int) -> None:
        """Note a layer whose weights others share: the first in the order of the text has them."""
        first = node - self.graph.inputs - 1
        while (shared := self.graph.stages[first].shares) is not None:
            first = shared
        owner = self.owners.setdefault(first, node)
        if owner != node:
            self.shared[node] = owner
            self.owned.add(owner)
            self.use(owner)

    # Elements ---------------------------------------------------------------------------------------------

    def beginning(self, elements: list[Element]) -> list[Element]:
        """Return the elements of the top level, with the side outputs of the input before them."""
        if self.graph.inputs > 1 or 1 in self.uses:
            self.input_tags = [self.names.of(node) for node in range(1, self.graph.inputs + 1)]
        return [*self.side_elements(1), *elements]

    def elements(self, parts: Sequence[Part]) -> list[Element]:
        """Return the elements of parts, those of branches with their repetitions folded."""
        found: list[Element] = []
        for part in parts:
            if isinstance(part, Start):
                found.append(self.reference(("from",), part.node, part))
                continue
            if isinstance(part, Branched):
                found.append(self.branched(part))
            elif isinstance(part, Joined):
                kind = str(self.graph.stage(part.node).layer.type)
                found.append(self.reference(("join", kind), part.other, part))
            elif part.node in self.shared:
                owner = self.shared[part.node]
                found.append(self.reference(("use",), owner, _Again(part.node, owner)))
            elif self.graph.is_layer(part.node):
                found.append(self.single(part.node))
            else:  # an input that is not the first
                found.append(self.reference(("from",), part.node, Start(part.node)))
                found += self.side_elements(part.node)
                continue
            self.place += 1
            if part.node in self.uses:
                found.append(self.mark(part.node))
            found += self.side_elements(part.node)
        return found

    def key(self, what: object) -> int:
        return self.keys.setdefault(what, len(self.keys))

    def single(self, node: int) -> Element:
        stage = self.graph.stage(node)
        what = stage.layer, channels_of(stage.input), stage.params
        known = self.layers.get(what)
        if known is None:
            layer = worded_layer(stage)
            known = self.layers[what] = layer, self.key(layer.text), len(layer.text.split())
        layer, key, words = known
        if node in self.owned:  # a tag after a repeat would name all of it
            key = self.key(("owner", node))
        return Element(key, words, int(layer.has_params), self.place, inf, -inf, _Layer(node, layer))

    def reference(self, what: tuple[str, ...], node: int, payload: object) -> Element:
        """Return an element that reads a node from elsewhere."""
        if self.is_local(node):
            position = self.positions[node]
            return Element(
                self.key((*what, self.place - position)), 2, 0, self.place, position, -inf, payload
            )
        return Element(self.key((*what, "of", node)), 2, 0, self.place, inf, -inf, payload)

    def mark(self, node: int) -> Element:
        """Return the element that names a node."""
        last = self.uses[node].last
        if self.is_local(node):
            key = self.key(("tag", last - self.positions[node]))
            return Element(key, 1, -1, self.place, inf, last, _Tagged(node))
        return Element(self.key(("tag", "of", node)), 1, -1, self.place, inf, -inf, _Tagged(node))

    def is_local(self, node: int) -> bool:
        """Whether a tag is read so rarely that a repeat could contain all of it."""
        return self.graph.is_layer(node) and node not in self.owned and self.uses[node].count <= MANY_USES

    def side_elements(self, node: int) -> list[Element]:
        found: list[Element] = []
        for body in self.sides.get(node, ()):
            place = self.place
            inner = fold_repetitions(self.elements(body), self.keys)
            # A repeat needs a layer: what is an output twice is not an output, repeated.
            what = ("out",) if inner or not found else ("out", len(self.keys))
            found.append(self.grouped(what, [inner], 3, place, self.place - 1, _Side(inner)))
        return found

    def branched(self, part: Branched) -> Element:
        place = self.place
        stage = self.graph.stage(part.node)
        splits = self.is_split(part)
        branches = []
        for branch in part.branches:
            elements = self.elements(branch)
            branches.append(fold_repetitions(elements[1:] if splits else elements, self.keys))
        kind = str(stage.layer.type)
        words = 2 + len(branches) + splits
        payload = _Branches(part.node, kind, branches, splits)
        return self.grouped(("split" if splits else kind,), branches, words, place, self.place, payload)

    def grouped(
        self,
        what: tuple[str | int, ...],
        groups: list[list[Element]],
        words: int,
        place: int,
        end: int,
        payload: object,
    ) -> Element:
        """Return an element that consists of others."""
        inner = [element for group in groups for element in group]
        key = self.key((*what, *(tuple(element.key for element in group) for group in groups)))
        low = min((element.low for element in inner), default=inf)
        high = max((element.high for element in inner), default=-inf)
        return Element(
            key, words + sum(element.words for element in inner), 1, place,
            low if low < place else inf, high if high > end else -inf, payload,
        )  # fmt: skip

    def is_split(self, part: Branched) -> bool:
        """Whether the branches of a concatenation begin with equal parts of the channels, in order."""
        if self.graph.stage(part.node).layer.type != JoinKind.CAT:
            return False
        end = 0
        count = len(part.branches)
        for branch in part.branches:
            first = branch[0] if branch else None
            if not isinstance(first, Single) or first.node in self.uses or first.node in self.sides:
                return False
            stage = self.graph.stage(first.node)
            channels = channels_of(stage.input)
            if not isinstance(stage.layer, Slice) or channels is None or channels % count:
                return False
            if stage.layer.start != end or channels_of(stage.output) != channels // count:
                return False
            end += channels // count
        return True

    # Items ------------------------------------------------------------------------------------------------

    def items(self, elements: Iterable[Element]) -> list[Item]:
        """Return the items of elements.

        An operation of a model file that reads several arrays is a join of its own kind.
        """
        found: list[Item] = []
        for element in elements:
            part = element.payload
            item: Item
            if isinstance(part, Repetition):
                item = Repeat(part.times, tuple(self.items(part.body)), NOWHERE)
            elif isinstance(part, _Layer):
                item = LayerItem(part.layer, NOWHERE)
            elif isinstance(part, _Tagged):
                item = Tag(self.names.of(part.node), NOWHERE)
            elif isinstance(part, _Branches):
                branches = tuple(tuple(self.items(branch)) for branch in part.branches)
                item = Join(cast("JoinKind", part.kind), branches, NOWHERE, part.splits)
            elif isinstance(part, _Side):
                item = Out(tuple(self.items(part.body)), NOWHERE)
            elif isinstance(part, Joined):
                kind = cast("JoinKind", self.graph.stage(part.node).layer.type)
                item = JoinTag(kind, self.names.of(part.other), NOWHERE)
            elif isinstance(part, _Again):
                stage = self.graph.stage(part.owner)
                item = Use(
                    self.names.of(part.owner),
                    LayerItem(worded_layer(stage), NOWHERE),
                    1,
                    0,
                    NOWHERE,
                )
            else:
                assert isinstance(part, Start)
                item = From(self.names.of(part.node), NOWHERE)
            found.append(item)
        return found

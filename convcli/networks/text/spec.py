"""A network as parsed from text: layers, joins, repeats, tags and outputs, each with its line and column."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from convcli.networks.layer_types.base import Layer, Size

__all__ = [
    "From",
    "Item",
    "Join",
    "JoinKind",
    "JoinTag",
    "LayerItem",
    "Out",
    "Position",
    "Repeat",
    "Spec",
    "Tag",
    "Use",
    "walk",
]


class Position(NamedTuple):
    """A position in a spec; line and column count from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


class JoinKind(StrEnum):
    """How branches are joined: sum, concatenation of the channels, or product."""

    ADD = "add"
    CAT = "cat"
    MUL = "mul"


class LayerItem(NamedTuple):
    """A layer and its position in the spec."""

    layer: Layer
    position: Position


class Tag(NamedTuple):
    """A name for the output of the item before it."""

    name: str
    position: Position


class JoinTag(NamedTuple):
    """Joins the output of the item before it with a tagged output."""

    kind: JoinKind
    name: str
    position: Position


class Join(NamedTuple):
    """Feeds its input to every branch and joins their outputs; an empty branch is the input itself.

    If it `splits`, each branch gets an equal part of the channels instead, and the kind is ``cat``.
    """

    kind: JoinKind
    branches: tuple[tuple["Item", ...], ...]
    position: Position
    splits: bool = False


class Repeat(NamedTuple):
    """Items repeated several times in sequence."""

    times: int
    body: tuple["Item", ...]
    position: Position


class Out(NamedTuple):
    """Feeds its input to its body, whose output is one of the network's, and passes the input on."""

    body: tuple["Item", ...]
    position: Position


class From(NamedTuple):
    """Goes on from a tagged output."""

    name: str
    position: Position


class Use(NamedTuple):
    """Applies a tagged item again, with the same weights.

    Attributes
    ----------
    name : str
    item : Item
        What the tag named where the text uses it: the last item above that has it.
    layers, height : int
        Number of layers of that item, with repeats written out, and depth of the braces in it.
    position : Position
    """

    name: str
    item: "Item"
    layers: int
    height: int
    position: Position


Item = LayerItem | Tag | JoinTag | Join | Repeat | Out | From | Use


def walk(items: Sequence[Item]) -> Iterator[Item]:
    """Yield items and all items in their braces, as they are written: the body of a repeat once.

    Examples
    --------
    >>> from convcli.networks.text.grammar import parse_spec
    >>> spec = parse_spec("2 x { relu }, add { tanh | }")
    >>> [type(item).__name__ for item in walk(spec.items)]
    ['Repeat', 'LayerItem', 'Join', 'LayerItem']
    """
    for item in items:
        yield item
        if isinstance(item, Repeat | Out):
            yield from walk(item.body)
        elif isinstance(item, Join):
            for branch in item.branches:
                yield from walk(branch)


class Spec(NamedTuple):
    """A parsed network.

    Attributes
    ----------
    input : tuple or None
        The size given by ``in``.
    items : tuple of Item
    source : str
        The file of the text, for messages; empty for typed text.
    input_tags : tuple of Tag
        Names of the input.
    """

    input: Size | None
    items: tuple[Item, ...]
    source: str = ""
    input_tags: tuple[Tag, ...] = ()

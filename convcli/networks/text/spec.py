"""A network as parsed from text: layers, joins, repeats and tags, each with its line and column."""

from enum import StrEnum
from typing import NamedTuple

from convcli.networks.layer_types.base import Layer, Size

__all__ = ["Item", "Join", "JoinKind", "JoinTag", "LayerItem", "Position", "Repeat", "Spec", "Tag"]


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
    """Feeds its input to every branch and joins their outputs; an empty branch is the input itself."""

    kind: JoinKind
    branches: tuple[tuple["Item", ...], ...]
    position: Position


class Repeat(NamedTuple):
    """Items repeated several times in sequence."""

    times: int
    body: tuple["Item", ...]
    position: Position


Item = LayerItem | Tag | JoinTag | Join | Repeat


class Spec(NamedTuple):
    """A parsed network.

    Attributes
    ----------
    input : tuple or None
        The size given by ``in``.
    items : tuple of Item
    source : str
        The file of the text, for messages; empty for typed text.
    """

    input: Size | None
    items: tuple[Item, ...]
    source: str = ""

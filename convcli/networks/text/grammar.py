"""The layer grammar: parses the text of a network into items, each with its line and column.

::

    spec     =  ["in" [SIZE] {"@" NAME}] items
    items    =  item {("," | end of line) item}
    item     =  (layer | join | repeat | "use" "@" NAME) {"@" NAME} | "from" "@" NAME | "out" "{" items "}"
    layer    =  WORD {WORD}                    conv 6 f5 s2
    join     =  ("add" | "cat" | "mul") (branches | "@" NAME) | "split" [NUMBER] branches
    branches =  "{" items "|" items {"|" items} "}"
    repeat   =  NUMBER "x" "{" items "}"

``#`` starts a comment. Only the words are checked here: whether the layers fit each other depends on the
input.
"""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple, NoReturn

from convcli.errors import SizeError, SpecError, best_match, suggestion
from convcli.networks.layer_types.base import Size
from convcli.networks.text.input_sizes import possible_sizes
from convcli.networks.text.layer_syntax import GRAPH_WORDS, KEYWORDS
from convcli.networks.text.layer_words import is_layer, parse_layer
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
    Spec,
    Tag,
    Use,
)
from convcli.networks.text.tokens import Token, TokenKind, tokenize
from convcli.sizes.text import parse_count, parse_input

__all__ = ["parse_spec"]

MAX_LAYERS = 100_000  # repeats written out
MAX_DEPTH = 100  # braces within braces
MAX_COMPARED = 1000  # tags with an unknown one: comparing takes time
MAX_LETTERS = 300  # of a list of tags
TIMES = ("x", "X", "×")


def parse_spec(text: str, source: str = "", *, network_names: Sequence[str] = ()) -> Spec:
    """Parse a network.

    Parameters
    ----------
    text : str
        Layers as in ``conv 6 f5, maxpool f2``; the module docstring has the grammar.
    source : str
        The file of the text, for messages.
    network_names : sequence of str
        Names of networks, which error messages may suggest for an unknown word.

    Raises
    ------
    SpecError
        The text is not a valid spec, makes more than 100,000 layers, or nests braces more than 100 deep.

    Examples
    --------
    >>> spec = parse_spec("in 32x32x1 # LeNet-5\\nconv 6 f5, tanh")
    >>> spec.input, [(item.layer.text, str(item.position)) for item in spec.items]
    ((32, 32, 1), [('conv 6 f5', 'line 2, column 1'), ('tanh', 'line 2, column 12')])
    """
    return _Parser(text, source, network_names).spec()


class _Tagged(NamedTuple):
    """An item that has a tag; None for the input. Its layers and the depth of its braces."""

    item: Item | None
    layers: int = 0
    height: int = 0


class _Parser:
    def __init__(self, text: str, source: str, network_names: Sequence[str]) -> None:
        self.source = source
        self.network_names = network_names
        self.tokens = tokenize(text.removeprefix("\ufeff"), self.fail)
        self.index = 0
        self.tagged: dict[str, _Tagged] = {}

    def fail(self, position: Position, why: str) -> NoReturn:
        raise SpecError(f"{self.source}{', '[: 2 * bool(self.source)]}{position}", why)

    def spec(self) -> Spec:
        self.skip_separators()
        first = self.token
        size: Size | None = None
        tags: tuple[Tag, ...] = ()
        if first.kind == TokenKind.WORD and first.text.lower() == "in":
            self.index += 1
            size, tags = self.input(first)
        items = self.items(None, 0)
        if not _count_layers(items):
            self.fail(first.position, "there are no layers; write some, for example: conv 6 f5, maxpool f2")
        self.check_count_layers(items)
        return Spec(size, items, self.source, tags)

    def input(self, first: Token) -> tuple[Size | None, tuple[Tag, ...]]:
        """Parse what follows ``in``: the size, which may be missing before tags, and tags."""
        words = self.words()
        tags = self.tags()
        size = None
        ranked = len(words) == 2 and words[1].text.lower() in ("1d", "2d", "3d")
        if (len(words) > 1 and not ranked) or not (words or tags):
            self.fail(first.position, "in takes only the input size, for example: in 32x32x3")
        if words:
            try:
                size = parse_input(" ".join(word.text for word in words))
                possible_sizes(size, ())  # whether the numbers fit the word
            except SizeError as error:
                self.fail(words[0].position, f"{error.what} {error.why}")
        self.tagged |= {tag.name: _Tagged(None) for tag in tags}
        self.check_end_of_item()
        return size, tags

    def tags(self) -> tuple[Tag, ...]:
        start = self.index
        while self.token.kind == TokenKind.TAG:
            self.index += 1
        return tuple(Tag(token.text, token.position) for token in self.tokens[start : self.index])

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def at_mark(self, text: str) -> bool:
        return self.token.kind == TokenKind.MARK and self.token.text == text

    def skip_separators(self) -> None:
        while self.token.kind == TokenKind.SEPARATOR:
            self.index += 1

    def words(self) -> list[Token]:
        start = self.index
        while self.token.kind == TokenKind.WORD:
            self.index += 1
        return self.tokens[start : self.index]

    def items(self, open_brace: Token | None, depth: int) -> tuple[Item, ...]:
        """Parse items up to the end of the text or of a branch."""
        if depth > MAX_DEPTH and open_brace is not None:
            self.fail(open_brace.position, f"braces are nested more than {MAX_DEPTH} deep")
        items: list[Item] = []
        while True:
            self.skip_separators()
            if self.token.kind == TokenKind.END:
                if open_brace is not None:
                    self.fail(open_brace.position, "this brace is never closed")
                return tuple(items)
            if self.at_mark("}") or self.at_mark("|"):
                if open_brace is None:
                    self.fail(self.token.position, f"{self.token.text!r} has no opening brace")
                return tuple(items)
            items += self.item(depth)

    def item(self, depth: int) -> list[Item]:
        first = self.token
        if first.kind == TokenKind.TAG:
            self.fail(first.position, f"@{first.text[:50]} must follow the layer whose output it names")
        if first.kind == TokenKind.MARK:
            self.fail(
                first.position,
                "a brace must follow add, cat, mul, split, out or a repeat, as in: 3 x { conv 64 f3 p1 }",
            )
        self.index += 1
        word = first.text.lower()
        item: Item
        if word[0].isdecimal():
            item = self.repeat(first, depth)
        elif word in GRAPH_WORDS:
            item = self.graph_item(word, first, depth)
        else:
            item = self.layer(first)
        tags = self.tags()
        if tags:
            if isinstance(item, Out | From):
                why = (
                    "out goes on with its input: put the tag before it, or inside of its braces"
                    if isinstance(item, Out)
                    else f"the output has the name @{item.name[:50]} already"
                )
                self.fail(tags[0].position, f"@{tags[0].name[:50]} cannot stand here: {why}")
            self.check_count_layers([item])
            target = item.item if isinstance(item, Use) else item
            tagged = _Tagged(target, _count_layers([item]), _height([target]))
            self.tagged |= {tag.name: tagged for tag in tags}
        self.check_end_of_item()
        return [item, *tags]

    def graph_item(self, word: str, first: Token, depth: int) -> Item:
        """Parse what changes where layers read from: a join, a split, an output, or the use of a tag."""
        if word == "out":
            return self.out(first, depth)
        if word == "from":
            return From(self.tag_of(first), first.position)
        if word == "use":
            return self.use(first, depth)
        if word == "split":
            return self.split(first, depth)
        return self.join(JoinKind(word), first.position, depth)

    def out(self, first: Token, depth: int) -> Out:
        if not self.at_mark("{"):
            self.fail(first.position, "out needs layers in braces, as in: out { conv 10 f1 }")
        open_brace = self.token
        self.index += 1
        body = self.items(open_brace, depth + 1)
        if self.at_mark("|"):
            self.fail(self.token.position, "out cannot have branches; write another out for another output")
        self.index += 1
        return Out(body, first.position)

    def tag_of(self, first: Token) -> str:
        """Parse the tag that must follow ``from`` and ``use``."""
        if self.token.kind != TokenKind.TAG:
            word = first.text.lower()
            self.fail(first.position, f"{word} needs the tag of an earlier output, as in: {word} @skip")
        self.index += 1
        return self.tokens[self.index - 1].text

    def use(self, first: Token, depth: int) -> Use:
        name = self.tag_of(first)
        tagged = self.tagged.get(name)
        if tagged is None:
            self.fail(first.position, f"use @{name[:50]}: unknown tag; {self.known_tags(name)}")
        if tagged.item is None:
            self.fail(
                first.position, f"use @{name[:50]}: is the input; to go on from it, write from @{name[:50]}"
            )
        if depth + tagged.height + 1 > MAX_DEPTH:
            self.fail(
                first.position, f"braces are nested more than {MAX_DEPTH} deep, with those of @{name[:50]}"
            )
        return Use(name, tagged.item, tagged.layers, tagged.height, first.position)

    def known_tags(self, name: str) -> str:
        """Return a hint: the most similar tag, or all tags if they are few."""
        if not self.tagged:
            return f"no earlier layer has a tag; put @{name[:50]} after it"
        known = suggestion(name, [tag[:50] for tag in list(self.tagged)[-MAX_COMPARED:]])
        many = f"{len(self.tagged):,} other tags are defined before it"
        return known if len(known) <= MAX_LETTERS else many

    def split(self, first: Token, depth: int) -> Join:
        count = None
        if self.token.kind == TokenKind.WORD:
            try:
                count = parse_count(self.token.text, "parts", minimum=2)
            except SizeError as error:
                self.fail(self.token.position, f"{error.what} {error.why}")
            self.index += 1
        if not self.at_mark("{"):
            self.fail(first.position, "split needs branches, as in: split 2 { conv 64 f3 p1 | }")
        branches = self.branches("split", depth)
        if count is not None and count != len(branches):
            self.fail(
                first.position,
                f"split {count} needs {count} branches, one for each part of the channels, but has "
                f"{len(branches)}",
            )
        return Join(JoinKind.CAT, branches, first.position, splits=True)

    def check_end_of_item(self) -> None:
        if self.token.kind in (TokenKind.SEPARATOR, TokenKind.END) or self.at_mark("}") or self.at_mark("|"):
            return
        self.fail(self.token.position, f"a comma is missing before {self.token.text[:50]!r}")

    def layer(self, first: Token) -> LayerItem:
        word = first.text
        if not is_layer(word):
            if word.lower() == "in":
                self.fail(first.position, "in may appear only once, before all layers")
            self.fail(first.position, self.unknown_word_error(word))
        return LayerItem(parse_layer(first, self.words(), self.fail), first.position)

    def unknown_word_error(self, word: str) -> str:
        """Return the message about an unknown word, with a suggestion."""
        if word.lower() in self.network_names:
            return f"{word} is a whole network, which cannot be a layer"
        alone = len(self.tokens) == 2  # with the end
        words = (*KEYWORDS, *(self.network_names if alone else ()))
        near = best_match(word, words, cutoff=0.7)
        hint = f"did you mean {near}?" if near else f"layers are {', '.join(KEYWORDS)}"
        if alone:
            return f"{word[:50]!r} is neither a layer nor a shipped network: {hint}"
        return f"unknown layer {word[:50]!r}: {hint}"

    def repeat(self, first: Token, depth: int) -> Repeat:
        number = first.text[:-1] if first.text[-1] in TIMES else first.text
        times = number != first.text
        if not times and self.token.kind == TokenKind.WORD and self.token.text in TIMES:
            self.index += 1
            times = True
        if not (times and number.isascii() and number.isdecimal() and self.at_mark("{")):
            self.fail(first.position, self.number_error(first))
        try:
            count = parse_count(number, "repeats")
        except SizeError as error:
            self.fail(first.position, f"{error.what} {error.why}")
        open_brace = self.token
        self.index += 1
        body = self.items(open_brace, depth + 1)
        if self.at_mark("|"):
            self.fail(self.token.position, "a repeat cannot have branches; only add, cat, mul and split can")
        self.index += 1
        if not _count_layers(body):
            self.fail(open_brace.position, "there is nothing to repeat")
        return Repeat(count, body, first.position)

    def number_error(self, number: Token) -> str:
        """Return the message about a number instead of a layer, with a suggestion."""
        repeat = "a number starts a repeat, as in: 3 x { conv 64 f3 p1, relu }"
        if len(self.tokens) == 2:  # with the end
            return f"{repeat}; give the input size by --n"
        index = self.tokens.index(number)
        before = self.tokens[index - 2] if index > 1 and self.tokens[index - 1].text[0] == "," else None
        is_side = before is not None and before.kind == TokenKind.WORD and before.text[-1].isdecimal()
        return repeat + "; separate the sides of a size with x, as in 32x32x3 and f5x3" * is_side

    def join(self, kind: JoinKind, position: Position, depth: int) -> Join | JoinTag:
        if self.token.kind == TokenKind.TAG:
            name = self.token.text
            self.index += 1
            return JoinTag(kind, name, position)
        if not self.at_mark("{"):
            self.fail(
                position,
                f"{kind} needs branches or a tag, as in: {kind} {{ conv 64 f3 p1 | }} or {kind} @skip",
            )
        return Join(kind, self.branches(kind, depth), position)

    def branches(self, word: str, depth: int) -> tuple[tuple[Item, ...], ...]:
        open_brace = self.token
        branches = []
        while True:
            self.index += 1
            branches.append(self.items(open_brace, depth + 1))
            if self.at_mark("}"):
                break
        self.index += 1
        if len(branches) < 2:
            self.fail(
                open_brace.position,
                f"{word} needs at least two branches, separated by |; an empty branch is the input itself",
            )
        return tuple(branches)

    def check_count_layers(self, items: Sequence[Item]) -> None:
        count = _count_layers(items)
        if count > MAX_LAYERS:
            shown = f"{count:,}" if count < 10**30 else "more than 10^30"
            large = (item for item in items if _count_layers([item]) > MAX_LAYERS)
            repeats = (item for item in items if isinstance(item, Repeat | Use))
            position = next(chain(large, repeats, items)).position
            self.fail(
                position, f"makes {shown} layers with repeats written out; at most {MAX_LAYERS:,} are allowed"
            )


def _count_layers(items: Sequence[Item]) -> int:
    """Count layers and joins, with repeats written out."""
    total = 0
    for item in items:
        if isinstance(item, LayerItem | JoinTag):  # first, since most items are
            total += 1
        elif isinstance(item, Repeat):
            total += item.times * _count_layers(item.body)
        elif isinstance(item, Join):
            total += 1 + sum(item.splits + _count_layers(branch) for branch in item.branches)
        elif isinstance(item, Out):
            total += _count_layers(item.body)
        elif isinstance(item, Use):
            total += item.layers
    return total


def _height(items: Sequence[Item]) -> int:
    """Return the depth of the braces in items, and in the items that they use."""
    height = 0
    for item in items:
        if isinstance(item, Repeat | Out):
            height = max(height, 1 + _height(item.body))
        elif isinstance(item, Join):
            height = max(height, 1 + max(map(_height, item.branches)))
        elif isinstance(item, Use):
            height = max(height, 1 + item.height)
    return height

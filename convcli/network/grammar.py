"""The layer grammar: parses the text of a network into items, each with its line and column.

::

    spec     =  ["in" SIZE] items
    items    =  item {("," | end of line) item}
    item     =  (layer | join | repeat) {"@" NAME}
    layer    =  WORD {WORD}                    conv 6 f5 s2
    join     =  ("add" | "cat" | "mul") ("{" items "|" items {"|" items} "}" | "@" NAME)
    repeat   =  NUMBER "x" "{" items "}"

``#`` starts a comment. Only the words are checked here: whether the layers fit each other depends on the
input.
"""

import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import lru_cache, partial
from typing import NamedTuple, NoReturn

from convcli.errors import SizeError, SpecError, meant, suggestion
from convcli.network.layers import (
    AdaptivePooling,
    Convolution,
    Dense,
    Depthwise,
    Elementwise,
    ElementwiseKind,
    Flatten,
    Layer,
    Normalisation,
    NormalisationKind,
    Pad,
    Pooling,
    PoolingKind,
    Size,
    TransposedConvolution,
)
from convcli.size_texts import NamedPadding, parse_count, parse_padding, parse_pair, parse_size

__all__ = [
    "Item",
    "Join",
    "JoinKind",
    "JoinTag",
    "Place",
    "PlacedLayer",
    "Repeat",
    "Spec",
    "Tag",
    "parse_spec",
    "words_after",
]

MOST_LAYERS = 100_000  # repeats written out
DEEPEST = 100  # braces within braces


class Place(NamedTuple):
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


class PlacedLayer(NamedTuple):
    """A layer and its position in the spec."""

    layer: Layer
    place: Place


class Tag(NamedTuple):
    """A name for the output of the item before it."""

    name: str
    place: Place


class JoinTag(NamedTuple):
    """Joins the output of the item before it with a tagged output."""

    kind: JoinKind
    name: str
    place: Place


class Join(NamedTuple):
    """Feeds its input to every branch and joins their outputs; an empty branch is the input itself."""

    kind: JoinKind
    branches: tuple[tuple["Item", ...], ...]
    place: Place


class Repeat(NamedTuple):
    """Items repeated several times in sequence."""

    times: int
    body: tuple["Item", ...]
    place: Place


Item = PlacedLayer | Tag | JoinTag | Join | Repeat


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


def parse_spec(text: str, source: str = "", *, known: Sequence[str] = ()) -> Spec:
    """Parse a network.

    Parameters
    ----------
    text : str
        Layers as in ``conv 6 f5, maxpool f2``; the module docstring has the grammar.
    source : str
        The file of the text, for messages.
    known : sequence of str
        Names of networks, which error messages may suggest for an unknown word.

    Raises
    ------
    SpecError
        The text is not a valid spec, makes more than 100,000 layers, or nests braces more than 100 deep.

    Examples
    --------
    >>> spec = parse_spec("in 32x32x1 # LeNet-5\\nconv 6 f5, tanh")
    >>> spec.input, [(item.layer.text, str(item.place)) for item in spec.items]
    ((32, 32, 1), [('conv 6 f5', 'line 2, column 1'), ('tanh', 'line 2, column 12')])
    """
    return _Parser(text, source, known).spec()


# Tokens ---------------------------------------------------------------------------------------------------


class _Kind(StrEnum):
    WORD = "word"
    TAG = "tag"
    SEPARATOR = "separator"
    MARK = "mark"
    END = "end"


_KINDS = {kind.value: kind for kind in _Kind}  # a dict look-up is faster than the enum's
_TOKEN = re.compile(
    r"(?P<blank>[^\S\n]+|#[^\n]*)"
    r"|(?P<separator>[,\n][,\s]*)"
    r"|(?P<mark>[{}|])"
    r"|@(?P<tag>[^\s,{}|#@]+)"
    r"|(?P<word>[^\s,{}|#@]+)"
)


class _Token(NamedTuple):
    kind: _Kind
    text: str
    place: Place


def _tokens(text: str, fail: Callable[[Place, str], NoReturn]) -> list[_Token]:
    tokens = []
    line, line_start, position = 1, 0, 0
    for match in _TOKEN.finditer(text):
        if match.start() != position:
            break
        kind = _KINDS.get(match.lastgroup or "")
        if kind is not None:
            place = Place(line, position - line_start + 1)
            tokens.append(_Token(kind, match[match.lastindex or 0], place))
        position = match.end()
        if kind == _Kind.SEPARATOR:
            breaks = text.count("\n", match.start(), position)
            line_start = text.rindex("\n", match.start(), position) + 1 if breaks else line_start
            line += breaks
    end = Place(line, position - line_start + 1)
    if position != len(text):
        fail(end, "a tag needs a name, as in @skip")  # only a lone @ is not a token
    return [*tokens, _Token(_Kind.END, "", end)]


# The words of a layer -------------------------------------------------------------------------------------


class _Argument(NamedTuple):
    """An option of a layer: the attribute of its class, its parser, its long names."""

    attribute: str
    read: Callable[[str], object]
    names: tuple[str, ...] = ()


def _flag(word: str) -> bool:
    if word.lower() not in ("true", "false"):
        raise SizeError(repr(word[:50]), "must be true or false")
    return word.lower() == "true"


_pair = {name: partial(parse_pair, name=name) for name in ("filter", "stride", "dilation", "output size")}
_LETTERS = {
    "f": _Argument(
        "window", _pair["filter"], ("kernel_size", "k", "kernel", "filter_size", "window", "pool_size")
    ),
    "k": _Argument("window", _pair["filter"]),
    "s": _Argument("stride", _pair["stride"], ("stride", "strides")),
    "p": _Argument("padding", parse_padding, ("padding",)),
    "d": _Argument("dilation", _pair["dilation"], ("dilation", "dilation_rate")),
    "g": _Argument("groups", partial(parse_count, name="groups"), ("groups",)),
    "op": _Argument(
        "output_padding", partial(parse_pair, name="output padding", minimum=0), ("output_padding",)
    ),
    "x": _Argument("multiplier", partial(parse_count, name="multiplier"), ("depth_multiplier", "multiplier")),
}
_BIAS = _Argument("bias", _flag, ("bias", "use_bias"))
_CEIL = _Argument("ceil", _flag, ("ceil_mode",))
_FLAGS = {"nobias": (_BIAS, False), "ceil": (_CEIL, True)}
_FILTERS = _Argument("filters", partial(parse_count, name="filters"), ("filters", "out_channels"))
_UNITS = _Argument("units", partial(parse_count, name="units"), ("units", "out_features"))


class _Recipe(NamedTuple):
    """How a layer is built from its words.

    Attributes
    ----------
    make : callable
    letters, flags : options that it takes
    number : the option given by a number without a letter
    needed : attributes that are required
    usage : its syntax, for error messages
    names : other names of the layer
    """

    make: Callable[..., Layer]
    usage: str
    letters: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    number: _Argument | None = None
    needed: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def arguments(self) -> dict[str, _Argument]:
        """All options that can be given as name=value."""
        arguments = [_LETTERS[letter] for letter in self.letters]
        arguments += [_FLAGS[flag][0] for flag in self.flags]
        arguments += [] if self.number is None else [self.number]
        long_names = {name: argument for argument in arguments for name in argument.names}
        return {letter: _LETTERS[letter] for letter in self.letters} | long_names


_GEOMETRY = ("f", "k", "s", "p", "d")
_RECIPES: dict[str, _Recipe] = {
    "conv": _Recipe(
        Convolution, "conv OUT fF [sS] [pP] [dD] [gG] [nobias]", (*_GEOMETRY, "g"), ("nobias", "ceil"),
        _FILTERS, ("filters", "window"), ("conv2d", "convolution"),
    ),
    "dw": _Recipe(
        Depthwise, "dw fF [sS] [pP] [dD] [xM] [nobias]", (*_GEOMETRY, "x"), ("nobias",),
        None, ("window",), ("dwconv", "depthwise", "depthwiseconv2d"),
    ),
    "tconv": _Recipe(
        TransposedConvolution, "tconv OUT fF [sS] [pP] [dD] [gG] [opN] [nobias]", (*_GEOMETRY, "g", "op"),
        ("nobias",), _FILTERS, ("filters", "window"), ("convtranspose2d", "conv2dtranspose", "deconv"),
    ),
    "maxpool": _Recipe(
        partial(Pooling, type=PoolingKind.MAX), "maxpool fF [sS] [pP] [dD] [ceil]", _GEOMETRY, ("ceil",),
        None, ("window",), ("maxpool2d", "maxpooling2d"),
    ),
    "avgpool": _Recipe(
        partial(Pooling, type=PoolingKind.AVERAGE), "avgpool fF [sS] [pP] [dD] [ceil]", _GEOMETRY, ("ceil",),
        None, ("window",), ("avgpool2d", "averagepooling2d"),
    ),
    "gap": _Recipe(
        AdaptivePooling, "gap, or gap HxW", (), (), _Argument("size", _pair["output size"], ("output_size",)),
        (), ("globalaveragepooling2d", "adaptiveavgpool2d"),
    ),
    "pad": _Recipe(
        Pad, "pad P", (), (), _Argument("padding", parse_padding, ("padding",)), ("padding",),
        ("zeropad2d", "zeropadding2d"),
    ),
    "fc": _Recipe(
        Dense, "fc OUT [nobias]", (), ("nobias",), _UNITS, ("units",), ("linear", "dense"),
    ),
    "bn": _Recipe(
        partial(Normalisation, type=NormalisationKind.BATCH), "bn", names=("batchnorm", "batchnorm2d",
        "batchnorm1d", "batchnormalization"),
    ),
    "ln": _Recipe(
        partial(Normalisation, type=NormalisationKind.LAYER), "ln", names=("layernorm", "layernormalization"),
    ),
    "flatten": _Recipe(Flatten, "flatten"),
    **{kind: _Recipe(partial(Elementwise, type=kind), kind) for kind in ElementwiseKind},
}  # fmt: skip
_NAMES = {name: (word, recipe) for word, recipe in _RECIPES.items() for name in (word, *recipe.names)} | {
    "swish": ("silu", _RECIPES["silu"])
}
_WORDS = (*_RECIPES, *JoinKind, "in")  # that error messages suggest


def words_after(layer: Sequence[str]) -> dict[str, str]:
    """Return the words that may come next: the names of layers, or the options that this one lacks.

    Parameters
    ----------
    layer : sequence of str
        The words of the layer so far.

    Returns
    -------
    dict of str to str
        The syntax of the layer that each word belongs to.

    Examples
    --------
    >>> words_after([])["maxpool"]
    'maxpool fF [sS] [pP] [dD] [ceil]'
    >>> list(words_after(["conv", "6", "f5"]))
    ['s', 'p', 'd', 'g', 'nobias', 'ceil']
    """
    if not layer:
        joins = {str(kind): f"{kind} {{ A | B }}, or {kind} @NAME" for kind in JoinKind}
        return {word: recipe.usage for word, recipe in _RECIPES.items()} | joins | {"in": "in HxWxC"}
    if layer[0].lower() not in _NAMES:
        return {}
    _, recipe = _NAMES[layer[0].lower()]
    words = [word.lower() for word in layer[1:]]
    given = {part for word in words for part in (word, *re.findall("^(?:op|[a-z])", word))}
    given |= {"f", "k"} if given & {"f", "k"} else {"k"}  # two names of the same option
    return {word: recipe.usage for word in (*recipe.letters, *recipe.flags) if word not in given}


def _layer_of(word: str, arguments: Sequence[_Token], fail: Callable[[Place, str], NoReturn]) -> Layer | str:
    """Build a layer from its words, or return what is missing; call `fail` for a wrong word."""
    name, recipe = _NAMES[word.lower()]
    given: dict[str, object] = {}
    for token in arguments:
        try:
            attribute, value = _attribute(name, token.text)
            if attribute in given:
                is_number = name in ("conv", "tconv") and token.text.isdecimal()
                hint = f"; f{token.text} is a filter size" * is_number
                raise SizeError(token.text[:50], f"sets the {attribute} of {name} again{hint}")
            given[attribute] = value
        except SizeError as error:
            fail(token.place, f"{error.what} {error.why}")
    for attribute in recipe.needed:
        if attribute not in given:
            return f"{name} needs its {attribute}: {recipe.usage}"
    if name == "pad" and isinstance(given["padding"], NamedPadding):
        return (
            f"pad has no filter that {given['padding']} could depend on: give an amount, as in pad 1 or "
            "pad 0:1x0:1"
        )
    layer: Layer = recipe.make(**given)
    return layer


@lru_cache(1 << 12)  # networks repeat the same words many times
def _attribute(name: str, text: str) -> tuple[str, object]:
    """Return the attribute of a layer that a word sets, and its value."""
    argument, value = _argument(name, _RECIPES[name], text)
    return argument.attribute, argument.read(value) if isinstance(value, str) else value


def _argument(name: str, recipe: _Recipe, text: str) -> tuple[_Argument, str | bool]:
    """Return the option that a word sets, and the text of its value."""
    long_name, equals, value = text.partition("=")
    if equals:
        long_names = recipe.arguments
        if long_name.lower() not in long_names:
            why = suggestion(long_name, long_names) if long_names else "it has none"
            raise SizeError(long_name[:50], f"is not an option of {name}: {why}")
        return long_names[long_name.lower()], value.strip("'\"")
    word = text.lower()
    if word in recipe.flags:
        return _FLAGS[word]
    if word in tuple(NamedPadding) and "p" in recipe.letters:
        raise SizeError(repr(text[:50]), f"is a padding, which begins with p: did you mean p{word}?")
    if recipe.number is not None and word[0].isdecimal():
        return recipe.number, word
    letters = re.match("op|[a-z]", word) if ";" not in word else None
    if letters and letters[0] in recipe.letters and len(word) > letters.end():
        return _LETTERS[letters[0]], word[letters.end() :]
    if ";" in word:
        raise SizeError(repr(text[:50]), "has a semicolon: separate layers by commas")
    if word in recipe.letters or (word[0].isdecimal() and "f" in recipe.letters):
        example = f"f{word}" if word not in recipe.letters else "psame" if word == "p" else f"{word}2"
        raise SizeError(
            repr(text[:50]), f"must be a letter and its value together, as in {example}: {recipe.usage}"
        )
    if word in _NAMES or word in tuple(JoinKind):
        raise SizeError(text[:50], f"is a layer of its own: put a comma between {name} and {word}")
    raise SizeError(repr(text[:50]), f"is not an option of {name}: {recipe.usage}")


# Items ----------------------------------------------------------------------------------------------------


class _Parser:
    def __init__(self, text: str, source: str, known: Sequence[str]) -> None:
        self.source = source
        self.known = known
        self.tokens = _tokens(text.removeprefix("\ufeff"), self.fail)
        self.position = 0

    def fail(self, place: Place, why: str) -> NoReturn:
        raise SpecError(f"{self.source}{', '[: 2 * bool(self.source)]}{place}", why)

    def spec(self) -> Spec:
        self.skip_separators()
        first = self.token
        size = None
        if first.kind == _Kind.WORD and first.text.lower() == "in":
            self.position += 1
            words = self.words()
            if len(words) != 1:
                self.fail(first.place, "in takes only the input size, as in: in 32x32x3")
            try:
                size = parse_size(words[0].text, "input")
            except SizeError as error:
                self.fail(words[0].place, f"{error.what} {error.why}")
            self.check_end_of_item()
        items = self.items(None, 0)
        if not items:
            self.fail(first.place, "there are no layers; as in: conv 6 f5, maxpool f2")
        self.check_count(items)
        return Spec(size, items, self.source)

    @property
    def token(self) -> _Token:
        return self.tokens[self.position]

    def at(self, text: str) -> bool:
        return self.token.kind == _Kind.MARK and self.token.text == text

    def skip_separators(self) -> None:
        while self.token.kind == _Kind.SEPARATOR:
            self.position += 1

    def words(self) -> list[_Token]:
        start = self.position
        while self.token.kind == _Kind.WORD:
            self.position += 1
        return self.tokens[start : self.position]

    def items(self, opened: _Token | None, depth: int) -> tuple[Item, ...]:
        """Parse items up to the end of the text or of a branch."""
        if depth > DEEPEST and opened is not None:
            self.fail(opened.place, f"braces are nested more than {DEEPEST} deep")
        items: list[Item] = []
        while True:
            self.skip_separators()
            if self.token.kind == _Kind.END:
                if opened is not None:
                    self.fail(opened.place, "this brace is never closed")
                return tuple(items)
            if self.at("}") or self.at("|"):
                if opened is None:
                    self.fail(self.token.place, f"{self.token.text!r} closes nothing: no brace is open")
                return tuple(items)
            items += self.item(depth)

    def item(self, depth: int) -> list[Item]:
        first = self.token
        if first.kind == _Kind.TAG:
            self.fail(first.place, f"@{first.text[:50]} must follow the layer whose output it names")
        if first.kind == _Kind.MARK:
            self.fail(
                first.place, "a brace must follow add, cat, mul or a repeat, as in: 3 x { conv 64 f3 p1 }"
            )
        self.position += 1
        word = first.text.lower()
        item: Item
        if word[0].isdecimal():
            item = self.repeat(first, depth)
        elif word in tuple(JoinKind):
            item = self.join(JoinKind(word), first.place, depth)
        else:
            item = self.layer(first)
        items: list[Item] = [item]
        while self.token.kind == _Kind.TAG:
            items.append(Tag(self.token.text, self.token.place))
            self.position += 1
        self.check_end_of_item()
        return items

    def check_end_of_item(self) -> None:
        if self.token.kind in (_Kind.SEPARATOR, _Kind.END) or self.at("}") or self.at("|"):
            return
        self.fail(self.token.place, f"a comma is missing before {self.token.text[:50]!r}")

    def layer(self, first: _Token) -> PlacedLayer:
        word = first.text
        if word.lower() not in _NAMES:
            if word.lower() == "in":
                self.fail(first.place, "in may appear only once, before all layers")
            self.fail(first.place, self.unknown(word))
        layer = _layer_of(word, self.words(), self.fail)
        if isinstance(layer, str):
            self.fail(first.place, layer)
        return PlacedLayer(layer, first.place)

    def unknown(self, word: str) -> str:
        """Return the message about an unknown word, with a suggestion."""
        if word.lower() in self.known:
            return f"{word} is a whole network, which cannot be a layer"
        alone = len(self.tokens) == 2  # with the end
        words = (*_WORDS, *(self.known if alone else ()))
        near = meant(word, words, alike=0.7)
        hint = f"did you mean {near}?" if near else f"layers are {', '.join(_WORDS)}"
        if alone:
            return f"neither a layer nor a shipped network is named {word[:50]!r}: {hint}"
        return f"unknown layer {word[:50]!r}: {hint}"

    def repeat(self, first: _Token, depth: int) -> Repeat:
        match = re.fullmatch("([0-9]+)([xX×]?)", first.text)
        times = match is not None and bool(match[2])
        if match and not times and self.token.kind == _Kind.WORD and self.token.text in ("x", "X", "×"):
            self.position += 1
            times = True
        if match is None or not times or not self.at("{"):
            self.fail(first.place, self.number_meant(first))
        try:
            count = parse_count(match[1], "repeats")
        except SizeError as error:
            self.fail(first.place, f"{error.what} {error.why}")
        opened = self.token
        self.position += 1
        body = self.items(opened, depth + 1)
        if self.at("|"):
            self.fail(self.token.place, "a repeat has no branches; only add, cat and mul do")
        self.position += 1
        if not _count(body):
            self.fail(opened.place, "there is nothing to repeat")
        return Repeat(count, body, first.place)

    def number_meant(self, number: _Token) -> str:
        """Return the message about a number in the place of a layer, with a suggestion."""
        repeat = "a number starts a repeat, as in: 3 x { conv 64 f3 p1, relu }"
        if len(self.tokens) == 2:  # with the end
            return f"{repeat}; give the input size by --n"
        index = self.tokens.index(number)
        before = self.tokens[index - 2] if index > 1 and self.tokens[index - 1].text[0] == "," else None
        is_side = before is not None and before.kind == _Kind.WORD and before.text[-1].isdecimal()
        return repeat + "; separate the sides of a size by x, as in 32x32x3 and f5x3" * is_side

    def join(self, kind: JoinKind, place: Place, depth: int) -> Join | JoinTag:
        if self.token.kind == _Kind.TAG:
            name = self.token.text
            self.position += 1
            return JoinTag(kind, name, place)
        if not self.at("{"):
            self.fail(
                place, f"{kind} needs branches or a tag, as in: {kind} {{ conv 64 f3 p1 | }} or {kind} @skip"
            )
        opened = self.token
        branches = []
        while True:
            self.position += 1
            branches.append(self.items(opened, depth + 1))
            if self.at("}"):
                break
        self.position += 1
        if len(branches) < 2:
            self.fail(
                opened.place,
                f"{kind} needs at least two branches, separated by |; an empty branch is the input itself",
            )
        return Join(kind, tuple(branches), place)

    def check_count(self, items: Sequence[Item]) -> None:
        count = _count(items)
        if count > MOST_LAYERS:
            shown = f"{count:,}" if count < 10**30 else "more than 10^30"
            place = next((item.place for item in items if isinstance(item, Repeat)), items[0].place)
            self.fail(
                place, f"makes {shown} layers with repeats written out; at most {MOST_LAYERS:,} are allowed"
            )


def _count(items: Sequence[Item]) -> int:
    """Count layers and joins, with repeats written out."""
    total = 0
    for item in items:
        if isinstance(item, Repeat):
            total += item.times * _count(item.body)
        elif isinstance(item, Join):
            total += 1 + sum(_count(branch) for branch in item.branches)
        elif not isinstance(item, Tag):
            total += 1
    return total

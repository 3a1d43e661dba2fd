"""The words of the layer grammar: each layer's name, its attributes and how they become a layer."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import NamedTuple, NoReturn

from convcli.errors import SizeError, suggestion
from convcli.networks.layer_types.base import Layer
from convcli.networks.layer_types.convolution import Convolution, Depthwise, TransposedConvolution
from convcli.networks.layer_types.dense import Dense, Flatten
from convcli.networks.layer_types.elementwise import (
    Elementwise,
    ElementwiseKind,
    Normalization,
    NormalizationKind,
    Pad,
)
from convcli.networks.layer_types.pooling import AdaptivePooling, Pooling, PoolingKind
from convcli.networks.text.spec import JoinKind, Position
from convcli.networks.text.tokens import Token
from convcli.sizes.text import NamedPadding, parse_count, parse_padding, parse_pair

__all__ = ["GRAPH_WORDS", "KEYWORDS", "LAYER_NAMES", "next_words", "parse_layer"]


class _Option(NamedTuple):
    """An option of a layer: the attribute that it sets, the parser of its value, its long names."""

    attribute: str
    parse: Callable[[str], object]
    names: tuple[str, ...] = ()


def _parse_flag(word: str) -> bool:
    if word.lower() not in ("true", "false"):
        raise SizeError(repr(word[:50]), "must be true or false")
    return word.lower() == "true"


_parse_window = partial(parse_pair, name="filter")
_LETTERS = {
    "f": _Option("window", _parse_window, ("kernel_size", "kernel", "filter_size", "window", "pool_size")),
    "k": _Option("window", _parse_window),
    "s": _Option("stride", partial(parse_pair, name="stride"), ("stride", "strides")),
    "p": _Option("padding", parse_padding, ("padding",)),
    "d": _Option("dilation", partial(parse_pair, name="dilation"), ("dilation", "dilation_rate")),
    "g": _Option("groups", partial(parse_count, name="groups"), ("groups",)),
    "op": _Option(
        "output_padding", partial(parse_pair, name="output padding", minimum=0), ("output_padding",)
    ),
    "x": _Option("multiplier", partial(parse_count, name="multiplier"), ("depth_multiplier", "multiplier")),
}
_BIAS = _Option("bias", _parse_flag, ("bias", "use_bias"))
_CEIL = _Option("ceil", _parse_flag, ("ceil_mode",))
_FLAGS = {"nobias": (_BIAS, False), "ceil": (_CEIL, True)}
_FILTERS = _Option("filters", partial(parse_count, name="filters"), ("filters", "out_channels"))
_OUTPUT_SIZE = _Option("size", partial(parse_pair, name="output size"), ("output_size",))
_UNITS = _Option("units", partial(parse_count, name="units"), ("units", "out_features"))


class _LayerSyntax(NamedTuple):
    """How a layer is built from its words.

    Attributes
    ----------
    create : callable
        The class of the layer, or a function that makes one.
    usage : str
        The syntax as error messages show it.
    letters, flags : tuple of str
        Options that it takes.
    number : _Option or None
        The option that a number without a letter sets.
    required : tuple of str
        Attributes that must be given.
    names : tuple of str
        Other names of the layer.
    """

    create: Callable[..., Layer]
    usage: str
    letters: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    number: _Option | None = None
    required: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def named_options(self) -> dict[str, _Option]:
        """All options that can be given as name=value."""
        options = [_LETTERS[letter] for letter in self.letters]
        options += [_FLAGS[flag][0] for flag in self.flags]
        options += [] if self.number is None else [self.number]
        long_names = {name: option for option in options for name in option.names}
        return {letter: _LETTERS[letter] for letter in self.letters} | long_names


_DESCRIPTIONS = {"window": "kernel size", "filters": "number of filters", "units": "number of units"}
_GEOMETRY = ("f", "k", "s", "p", "d")
_SYNTAX: dict[str, _LayerSyntax] = {
    "conv": _LayerSyntax(
        Convolution, "conv OUT fF [sS] [pP] [dD] [gG] [nobias]", (*_GEOMETRY, "g"), ("nobias", "ceil"),
        _FILTERS, ("filters", "window"), ("conv2d", "convolution"),
    ),
    "dw": _LayerSyntax(
        Depthwise, "dw fF [sS] [pP] [dD] [xM] [nobias]", (*_GEOMETRY, "x"), ("nobias",),
        None, ("window",), ("dwconv", "depthwise", "depthwiseconv2d"),
    ),
    "tconv": _LayerSyntax(
        TransposedConvolution, "tconv OUT fF [sS] [pP] [dD] [gG] [opN] [nobias]", (*_GEOMETRY, "g", "op"),
        ("nobias",), _FILTERS, ("filters", "window"), ("convtranspose2d", "conv2dtranspose", "deconv"),
    ),
    "maxpool": _LayerSyntax(
        partial(Pooling, type=PoolingKind.MAX), "maxpool fF [sS] [pP] [dD] [ceil]", _GEOMETRY, ("ceil",),
        None, ("window",), ("maxpool2d", "maxpooling2d"),
    ),
    "avgpool": _LayerSyntax(
        partial(Pooling, type=PoolingKind.AVERAGE), "avgpool fF [sS] [pP] [dD] [ceil]", _GEOMETRY, ("ceil",),
        None, ("window",), ("avgpool2d", "averagepooling2d"),
    ),
    "gap": _LayerSyntax(
        AdaptivePooling, "gap, or gap HxW", (), (), _OUTPUT_SIZE,
        (), ("globalaveragepooling2d", "adaptiveavgpool2d"),
    ),
    "pad": _LayerSyntax(
        Pad, "pad P", (), (), _Option("padding", parse_padding, ("padding",)), ("padding",),
        ("zeropad2d", "zeropadding2d"),
    ),
    "fc": _LayerSyntax(
        Dense, "fc OUT [nobias]", (), ("nobias",), _UNITS, ("units",), ("linear", "dense"),
    ),
    "bn": _LayerSyntax(
        partial(Normalization, type=NormalizationKind.BATCH), "bn", names=("batchnorm", "batchnorm2d",
        "batchnorm1d", "batchnormalization"),
    ),
    "ln": _LayerSyntax(
        partial(Normalization, type=NormalizationKind.LAYER), "ln", names=("layernorm", "layernormalization"),
    ),
    "flatten": _LayerSyntax(Flatten, "flatten"),
    **{kind: _LayerSyntax(partial(Elementwise, type=kind), kind) for kind in ElementwiseKind},
}  # fmt: skip
LAYER_NAMES = {name: (word, syntax) for word, syntax in _SYNTAX.items() for name in (word, *syntax.names)}
LAYER_NAMES["swish"] = LAYER_NAMES["silu"]
GRAPH_WORDS = {
    **{str(kind): f"{kind} {{ A | B }}, or {kind} @NAME" for kind in JoinKind},
    "split": "split N { A | B }",
    "out": "out { A }",
    "from": "from @NAME",
    "use": "use @NAME",
}  # words that change where layers read from, with their syntax
KEYWORDS = (*_SYNTAX, *GRAPH_WORDS, "in")  # that error messages suggest


def next_words(layer: Sequence[str]) -> dict[str, str]:
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
    >>> next_words([])["maxpool"]
    'maxpool fF [sS] [pP] [dD] [ceil]'
    >>> list(next_words(["conv", "6", "f5"]))
    ['s', 'p', 'd', 'g', 'nobias', 'ceil']
    """
    if not layer:
        return {word: syntax.usage for word, syntax in _SYNTAX.items()} | GRAPH_WORDS | {"in": "in HxWxC"}
    if layer[0].lower() not in LAYER_NAMES:
        return {}
    _, syntax = LAYER_NAMES[layer[0].lower()]
    words = [word.lower() for word in layer[1:]]
    given = {part for word in words for part in (word, *re.findall("^(?:op|[a-z])", word))}
    given |= {"f", "k"} if given & {"f", "k"} else {"k"}  # two names of the same option
    return {word: syntax.usage for word in (*syntax.letters, *syntax.flags) if word not in given}


def parse_layer(first: Token, words: Sequence[Token], fail: Callable[[Position, str], NoReturn]) -> Layer:
    """Build a layer from its name and the words after it; call `fail` for the first error."""
    name, syntax = LAYER_NAMES[first.text.lower()]
    values: dict[str, object] = {}
    for token in words:
        try:
            attribute, value = _attribute(name, token.text)
            if attribute in values:
                is_number = name in ("conv", "tconv") and token.text.isdecimal()
                hint = f"; write f{token.text} for the kernel size" * is_number
                raise SizeError(
                    token.text[:50], f"sets the {_described(attribute)} of {name} a second time{hint}"
                )
            values[attribute] = value
        except SizeError as error:
            fail(token.position, f"{error.what} {error.why}")
    for attribute in syntax.required:
        if attribute not in values:
            fail(first.position, f"{name} needs a {_described(attribute)}: {syntax.usage}")
    if name == "pad" and isinstance(values["padding"], NamedPadding):
        fail(
            first.position,
            f"pad has no filter that {values['padding']} could depend on: give an amount, as in pad 1 or "
            "pad 0:1x0:1",
        )
    layer: Layer = syntax.create(**values)
    return layer


@lru_cache(1 << 12)  # networks repeat the same words many times
def _attribute(name: str, text: str) -> tuple[str, object]:
    """Return the attribute of a layer that a word sets, and its value."""
    option, value = _parse_word(name, _SYNTAX[name], text)
    return option.attribute, option.parse(value) if isinstance(value, str) else value


def _described(attribute: str) -> str:
    """Return an attribute of a layer in words."""
    return _DESCRIPTIONS.get(attribute, attribute.replace("_", " "))


def _parse_word(name: str, syntax: _LayerSyntax, text: str) -> tuple[_Option, str | bool]:
    """Return the option that a word sets, and the text of its value."""
    long_name, equals, value = text.partition("=")
    if equals:
        long_names = syntax.named_options
        if long_name.lower() not in long_names:
            why = suggestion(long_name, long_names) if long_names else _options_of(name, syntax)
            raise SizeError(long_name[:50], f"is not an option of {name}: {why}")
        return long_names[long_name.lower()], value.strip("'\"")
    word = text.lower()
    if word in syntax.flags:
        return _FLAGS[word]
    if word in tuple(NamedPadding) and "p" in syntax.letters:
        raise SizeError(repr(text[:50]), f"is a padding, which begins with p: did you mean p{word}?")
    if syntax.number is not None and word[0].isdecimal():
        return syntax.number, word
    letters = re.match("op|[a-z]", word) if ";" not in word else None
    if letters and letters[0] in syntax.letters and len(word) > letters.end():
        return _LETTERS[letters[0]], word[letters.end() :]
    if ";" in word:
        raise SizeError(repr(text[:50]), "has a semicolon: separate layers with commas")
    if word in syntax.letters or (word[0].isdecimal() and "f" in syntax.letters):
        example = f"f{word}" if word not in syntax.letters else "psame" if word == "p" else f"{word}2"
        raise SizeError(
            repr(text[:50]), f"must be a letter and its value together, as in {example}: {syntax.usage}"
        )
    if word in LAYER_NAMES or word in GRAPH_WORDS:
        raise SizeError(text[:50], f"is a layer of its own: put a comma between {name} and {word}")
    raise SizeError(repr(text[:50]), f"is not an option of {name}: {_options_of(name, syntax)}")


def _options_of(name: str, syntax: _LayerSyntax) -> str:
    """Return the syntax of a layer, or that it takes no options."""
    takes_options = syntax.letters or syntax.flags or syntax.number is not None
    return syntax.usage if takes_options else f"{name} takes no options; remove it"

"""Layers from the words of the layer grammar, and the words that may come next."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NoReturn

from convcli.errors import SizeError, suggestion
from convcli.networks.layer_types.base import Layer
from convcli.networks.text.layer_syntax import (
    DESCRIPTIONS,
    FLAG_ALIASES,
    FLAGS,
    GRAPH_WORDS,
    LAYER_NAMES,
    LETTERS,
    SYNTAX,
    LayerSyntax,
    Option,
)
from convcli.networks.text.spec import Position
from convcli.networks.text.tokens import Token
from convcli.sizes.text import NamedPadding

__all__ = ["is_layer", "next_words", "parse_layer"]


def is_layer(word: str) -> bool:
    """Whether a word is the name of a layer, in this grammar or in another library.

    Examples
    --------
    >>> is_layer("conv"), is_layer("LeakyReLU"), is_layer("max_pool2d"), is_layer("attention")
    (True, True, True, False)
    """
    return _plain(word) in LAYER_NAMES


def _plain(word: str) -> str:
    return word.lower().replace("_", "")


def next_words(layer: Sequence[str], *, tags: Iterable[str] = ()) -> dict[str, str]:
    """Return the words that may come next: the names of layers, or the options that this one lacks.

    Parameters
    ----------
    layer : sequence of str
        The words of the layer so far.
    tags : iterable of str
        The tags of the text before it, each with its ``@``.

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
    >>> next_words(["use"], tags=["@skip"])
    {'@skip': 'use @NAME'}
    """
    if not layer:
        return (
            {word: syntax.usage for word, syntax in SYNTAX.items()}
            | GRAPH_WORDS
            | {"in": "in HxWxC, or in LxC 1d"}
        )
    if len(layer) == 1 and "@NAME" in GRAPH_WORDS.get(layer[0].lower(), ""):
        return dict.fromkeys(tags, GRAPH_WORDS[layer[0].lower()])
    if not is_layer(layer[0]):
        return {}
    _, syntax = LAYER_NAMES[_plain(layer[0])]
    options = [(letter, LETTERS[letter]) for letter in syntax.letters if letter != "k"]  # k is f
    options += [(flag, FLAGS[flag][0]) for flag in syntax.flags]
    words = [word.lower() for word in layer[1:]]
    given = {part for word in words for part in (word, *re.findall("^(?:op|to|[a-z])", word))}
    given |= {"f"} if "k" in given else set()
    attributes = {option.attribute for word, option in options if word in given}
    if syntax.number is not None and any(word[0].isdecimal() for word in words):
        attributes.add(syntax.number.attribute)
    return {word: syntax.usage for word, option in options if option.attribute not in attributes}


def parse_layer(first: Token, words: Sequence[Token], fail: Callable[[Position, str], NoReturn]) -> Layer:
    """Build a layer from its name and the words after it; call `fail` for the first error."""
    name, syntax = LAYER_NAMES[_plain(first.text)]
    values: dict[str, object] = {}
    for token in _joined(words) if "to" in syntax.letters else words:
        try:
            attribute, value = _attribute(_plain(first.text), token.text)
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
    try:
        return syntax.create(**values)
    except SizeError as error:
        fail(first.position, f"{error.what} {error.why}")


def _joined(words: Sequence[Token]) -> Iterator[Token]:
    """Yield words, with `to` and the size after it as one."""
    rest = iter(words)
    for token in rest:
        size = next(rest, None) if token.text.lower() == "to" else None
        yield token if size is None else token._replace(text=f"to{size.text}")


@lru_cache(1 << 12)  # networks repeat the same words many times
def _attribute(name: str, text: str) -> tuple[str, object]:
    """Return the attribute of a layer, with any of its names, that a word sets, and its value."""
    option, value = _parse_word(*LAYER_NAMES[name], text)
    return option.attribute, option.parse(value) if isinstance(value, str) else value


def _described(attribute: str) -> str:
    """Return an attribute of a layer in words."""
    return DESCRIPTIONS.get(attribute, attribute.replace("_", " "))


def _parse_word(name: str, syntax: LayerSyntax, text: str) -> tuple[Option, object]:
    """Return the option that a word sets, and the text of its value."""
    long_name, equals, value = text.partition("=")
    if equals:
        long_names = syntax.named_options
        if long_name.lower() not in long_names:
            why = suggestion(long_name, long_names) if long_names else _options_of(name, syntax)
            raise SizeError(long_name[:50], f"is not an option of {name}: {why}")
        return long_names[long_name.lower()], value.strip("'\"")
    word = text.lower()
    flag = FLAG_ALIASES.get(word, word)
    if flag in syntax.flags:
        return FLAGS[flag]
    if word in tuple(NamedPadding) and "p" in syntax.letters:
        raise SizeError(repr(text[:50]), f"is a padding, which begins with p: did you mean p{word}?")
    if syntax.number is not None and word[0].isdecimal():
        return syntax.number, word
    letters = word[:2] if word.startswith(("op", "to")) else word[:1]
    if letters in syntax.letters and len(word) > len(letters) and ";" not in word:
        return LETTERS[letters], word[len(letters) :]
    if ";" in word:
        raise SizeError(repr(text[:50]), "has a semicolon: separate layers with commas")
    if word in syntax.letters or (word[0].isdecimal() and "f" in syntax.letters):
        examples = {"p": "psame", "to": "to 64x64"}
        example = examples.get(word, f"{word}2") if word in syntax.letters else f"f{word}"
        raise SizeError(
            repr(text[:50]), f"must be a letter and its value together, as in {example}: {syntax.usage}"
        )
    if is_layer(word) or word in GRAPH_WORDS:
        raise SizeError(text[:50], f"is a layer of its own: put a comma between {name} and {word}")
    raise SizeError(repr(text[:50]), f"is not an option of {name}: {_options_of(name, syntax)}")


def _options_of(name: str, syntax: LayerSyntax) -> str:
    """Return the syntax of a layer, or that it takes no options."""
    takes_options = syntax.letters or syntax.flags or syntax.number is not None
    return syntax.usage if takes_options else f"{name} takes no options; remove it"

"""The text of a network split into tokens."""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple, NoReturn

from convcli.networks.text.spec import Position

__all__ = ["Token", "TokenKind", "tokenize"]


class TokenKind(StrEnum):
    """What a token is."""

    WORD = "word"
    TAG = "tag"
    SEPARATOR = "separator"
    MARK = "mark"
    END = "end"


_KINDS = {kind.value: kind for kind in TokenKind}  # a dict look-up is faster than the enum's
_TOKEN = re.compile(
    r"(?P<blank>[^\S\n]+|#[^\n]*)"
    r"|(?P<separator>[,\n][,\s]*)"
    r"|(?P<mark>[{}|])"
    r"|@(?P<tag>[^\s,{}|#@]+)"
    r"|(?P<word>[^\s,{}|#@]+)"
)


class Token(NamedTuple):
    """A piece of the text of a network, and its position."""

    kind: TokenKind
    text: str
    position: Position


def tokenize(text: str, fail: Callable[[Position, str], NoReturn]) -> list[Token]:
    """Split a text into tokens; `fail` is called with the position and reason of an error."""
    tokens = []
    line, line_start, offset = 1, 0, 0
    for match in _TOKEN.finditer(text):
        if match.start() != offset:
            break
        kind = _KINDS.get(match.lastgroup or "")
        if kind is not None:
            position = Position(line, offset - line_start + 1)
            tokens.append(Token(kind, match[match.lastindex or 0], position))
        offset = match.end()
        if kind == TokenKind.SEPARATOR:
            breaks = text.count("\n", match.start(), offset)
            line_start = text.rindex("\n", match.start(), offset) + 1 if breaks else line_start
            line += breaks
    end = Position(line, offset - line_start + 1)
    if offset != len(text):
        fail(end, "a tag needs a name, as in @skip")  # only a lone @ is not a token
    return [*tokens, Token(TokenKind.END, "", end)]

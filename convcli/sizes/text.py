"""Sizes, paddings and counts as text: parsing and printing.

Integers of any size, standard library only.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from convcli.errors import SizeError, best_match

if TYPE_CHECKING:
    from fractions import Fraction


__all__ = [
    "MAX_DIGITS",
    "NamedPadding",
    "PaddingAmounts",
    "TypedSize",
    "channels_last",
    "counted",
    "format_number",
    "format_padding",
    "format_size",
    "joined_if_different",
    "parse_amount",
    "parse_count",
    "parse_input",
    "parse_padding",
    "parse_padding_per_axis",
    "parse_pair",
    "parse_per_axis",
    "parse_size",
]

PaddingAmounts = tuple[tuple[int, int], ...]
"""Padding at the start and at the end of each axis, as in ``((top, bottom), (left, right))``; a single pair
is for all axes."""


_LETTERS = ("k", "m", "g", "t", "p")
SUFFIXES = (
    {"": 1, "b": 10**9}
    | {letter + unit: 1000**power for power, letter in enumerate(_LETTERS, 1) for unit in ("", "b")}
    | {f"{letter}ib": 1024**power for power, letter in enumerate(_LETTERS, 1)}
)
MAX_DIGITS = 500  # Python still prints a product of eight such numbers (its limit is 4300 digits)


class NamedPadding(StrEnum):
    """Named paddings: none (``valid``), or as much as keeps the size at stride 1 (``same``).

    An odd pixel is added at the end, or at the start for ``same_lower``.
    """

    VALID = "valid"
    SAME = "same"
    SAME_LOWER = "same_lower"


def format_size(size: Iterable[int]) -> str:
    """Write a size as text, ``HxW`` or ``HxWxC``; ``?`` if it is empty, which means unknown.

    Examples
    --------
    >>> format_size((28, 28, 6)), format_size(())
    ('28x28x6', '?')
    """
    return "x".join(map(str, size)) or "?"


def counted(count: int, noun: str) -> str:
    """Write a count and what is counted, for people.

    Examples
    --------
    >>> counted(1, "layer"), counted(1200, "layer")
    ('1 layer', '1,200 layers')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def joined_if_different(texts: Iterable[str], separator: str = "x") -> str:
    """Join the texts of several axes; a single text stands for equal ones.

    Examples
    --------
    >>> joined_if_different(["3", "3"]), joined_if_different(["1", "3", "3"])
    ('3', '1x3x3')
    """
    listed = list(texts)
    return listed[0] if len(set(listed)) == 1 else separator.join(listed)


def format_number(number: "float | Fraction", *, digits: int = 10) -> str:
    """Write a number as text: floats with this many significant digits, ints and fractions exactly.

    Examples
    --------
    >>> format_number(15.5), format_number(12345678, digits=6), format_number(2 / 3, digits=6)
    ('15.5', '12345678', '0.666667')
    """
    return f"{number:.{digits}g}" if isinstance(number, float) else f"{number}"


def format_padding(padding: NamedPadding | PaddingAmounts) -> str:
    """Write a padding as text, in the shortest form that `parse_padding` accepts.

    Examples
    --------
    >>> format_padding(((1, 1), (2, 2))), format_padding(((0, 1), (0, 1))), format_padding(NamedPadding.SAME)
    ('1x2', '0:1x0:1', 'same')
    """
    if isinstance(padding, NamedPadding):
        return str(padding)
    if all(before == after for before, after in padding):
        return joined_if_different(f"{before}" for before, _ in padding)
    return "x".join(f"{before}:{after}" for before, after in padding)


def parse_count(text: str, name: str, *, minimum: int = 1) -> int:
    """Parse a whole number of at most 500 digits.

    Raises
    ------
    SizeError
        The text is anything else, or the number is below `minimum`.

    Examples
    --------
    >>> parse_count("300", "units")
    300
    """
    stripped = text.strip()
    if re.fullmatch(r"\+?[0-9]+", stripped):
        if len(stripped) > MAX_DIGITS:
            raise SizeError(f"{name} {stripped[:20]}...", f"has more than {MAX_DIGITS} digits")
        if int(stripped) >= minimum:
            return int(stripped)
    raise SizeError(f"{name} {text[:50]!r}", f"must be a whole number, at least {minimum}")


def parse_amount(text: str, name: str, *, minimum: int = 0) -> int:
    """Parse a number that may have decimals and a suffix: k, M, G, T and P are powers of 1000.

    B is a billion; kB, MB and so on are the same powers, KiB, MiB and so on those of 1024.

    Raises
    ------
    SizeError
        The text is anything else, or the number is below `minimum`.

    Examples
    --------
    >>> parse_amount("1.5M", "--max-params"), parse_amount("460,000", "--max-params")
    (1500000, 460000)
    >>> parse_amount("2GB", "--max-memory"), parse_amount("1 KiB", "--max-memory"), parse_amount("7B", "--x")
    (2000000000, 1024, 7000000000)
    """
    plain = re.sub(r"[,_](?=[0-9]{3}(?![0-9]))", "", text.strip()).lower()
    match = re.fullmatch(r"([0-9]{0,500})(?:\.([0-9]{0,500}))? ?([a-z]*)", plain)
    integer, fraction, suffix = match.groups("") if match else ("", "", "")
    if not integer + fraction or suffix not in SUFFIXES:
        raise SizeError(f"{name} {text[:50]!r}", "must be a number such as 25M, 1.5M or 460000")
    amount: int = int(integer + fraction) * SUFFIXES[suffix] // 10 ** len(fraction)
    if amount < minimum:
        raise SizeError(f"{name} {text[:50]!r}", f"must be at least {minimum}")
    return amount


def parse_size(text: str, name: str = "size", *, minimum: int = 1, max_count: int = 3) -> tuple[int, ...]:
    """Parse ``HxW`` or ``HxWxC``; a single number ``n`` means ``n x n``.

    With a `max_count` of 4, also ``DxHxWxC``.

    Returns
    -------
    tuple of two to four int

    Raises
    ------
    SizeError
        The text is not a size.

    Examples
    --------
    >>> parse_size("32"), parse_size("32x24x3")
    ((32, 32), (32, 24, 3))
    """
    numbers = _parse_numbers(text, name, minimum, "a size such as 32, 32x24 or 32x24x3", max_count=max_count)
    return numbers * 2 if len(numbers) == 1 else numbers


class TypedSize(tuple[int, ...]):
    """The size of an input as typed: its numbers, and the number of axes if a word such as ``1d`` gives it.

    Attributes
    ----------
    rank : int or None
    """

    rank: int | None

    def __new__(cls, numbers: Iterable[int], *, rank: int | None = None) -> Self:
        """Make a size of these numbers."""
        size = super().__new__(cls, numbers)
        size.rank = rank
        return size


def parse_input(text: str, name: str = "input") -> TypedSize:
    """Parse the size of an input: one to four numbers, and ``1d``, ``2d`` or ``3d`` where they leave a doubt.

    Raises
    ------
    SizeError
        The text is not a size.

    Examples
    --------
    >>> parse_input("32"), parse_input("16x112x112x3"), parse_input("16000x2 1d").rank
    ((32,), (16, 112, 112, 3), 1)
    """
    typed = text.strip()
    ends_in_digit = typed[-1:].isdecimal()  # as most do: compiling the expression takes as long as the rest
    match = None if ends_in_digit else re.fullmatch(r"(.*[0-9])\s+([123])[dD]", typed, re.DOTALL)
    numbers, rank = (match[1], int(match[2])) if match else (text, None)
    return TypedSize(
        _parse_numbers(numbers, name, 1, "a size such as 32, 32x24 or 32x24x3", max_count=4), rank=rank
    )


def channels_last(size: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the size with its channels last, if it looks as if they came first; else None.

    They seem to come first if the first number is 1 or 3 and the last is neither. A size that begins with
    two equal numbers, as 1x1x512, is a small feature map. A volume must also have square planes.

    Examples
    --------
    >>> channels_last((3, 224, 224)), channels_last((224, 224, 3)), channels_last((1, 1, 512))
    ((224, 224, 3), None, None)
    >>> channels_last((3, 16, 112, 112)), channels_last((1, 7, 7, 512))
    ((16, 112, 112, 3), None)
    """
    if len(size) not in (3, 4) or size[0] not in (1, 3) or size[-1] in (1, 3) or size[0] == size[1]:
        return None
    return None if len(size) == 4 and size[-1] != size[-2] else (*size[1:], size[0])


def _parse_numbers(text: str, name: str, minimum: int, expected: str, *, max_count: int) -> tuple[int, ...]:
    """Parse whole numbers separated by ``x``."""
    parts = re.split("[xX×]", text)
    if len(parts) > max_count or any(not re.fullmatch(r"\s*\+?[0-9]+\s*", part) for part in parts):
        hint = _size_hint(text, max_count)
        raise SizeError(
            f"{name} {text[:50]!r}", f"must be {expected}, with whole numbers of at least {minimum}{hint}"
        )
    return tuple(parse_count(part, name, minimum=minimum) for part in parts)


def _size_hint(text: str, max_count: int = 2) -> str:
    """Return a hint for a size with another separator than x, as in 32,32 and 32*32."""
    match = re.fullmatch(r"\s*[(\[]?\s*([0-9]+(?:[\s,;:*/]+[0-9]+)+)\s*[)\]]?\s*", text)
    sides = re.findall("[0-9]+", match[1]) if match else []
    return f"; did you mean {'x'.join(sides)}?" if 0 < len(sides) <= max_count and len(text) <= 50 else ""


def parse_pair(text: str, name: str, *, minimum: int = 1) -> tuple[int, int]:
    """Parse ``n`` or ``AxB`` (vertical x horizontal).

    Raises
    ------
    SizeError
        The text is neither.

    Examples
    --------
    >>> parse_pair("4x3", "stride")
    (4, 3)
    """
    numbers = _parse_numbers(
        text, name, minimum, "one number, or two as in 4x3 (vertical x horizontal)", max_count=2
    )
    return numbers[0], numbers[-1]


def parse_per_axis(text: str, name: str, *, minimum: int = 1) -> tuple[int, ...]:
    """Parse one number for all axes, or one for each of two or three: ``n``, ``AxB`` or ``AxBxC``.

    Raises
    ------
    SizeError
        The text is none of these.

    Examples
    --------
    >>> parse_per_axis("5", "filter"), parse_per_axis("3x7x7", "filter")
    ((5,), (3, 7, 7))
    """
    return _parse_numbers(
        text, name, minimum, "one number, or one per axis as in 4x3 (vertical x horizontal)", max_count=3
    )


def parse_padding(text: str) -> NamedPadding | PaddingAmounts:
    """Parse ``valid``, ``same``, ``p``, ``AxB`` (vertical x horizontal) or ``T:BxL:R``.

    Raises
    ------
    SizeError
        The text is none of these.

    Examples
    --------
    >>> parse_padding("same").value, parse_padding("2"), parse_padding("0:1x3")
    ('same', ((2, 2), (2, 2)), ((0, 1), (3, 3)))
    """
    amounts = parse_padding_per_axis(text, max_count=2)
    return amounts * 2 if not isinstance(amounts, NamedPadding) and len(amounts) == 1 else amounts


def parse_padding_per_axis(text: str, *, max_count: int = 3) -> NamedPadding | PaddingAmounts:
    """Parse a padding for all axes, or for each of two or three, as in ``1x3x3``.

    Raises
    ------
    SizeError
        The text is none of these.

    Examples
    --------
    >>> parse_padding_per_axis("2"), parse_padding_per_axis("0:1x0:1x1")
    (((2, 2),), ((0, 1), (0, 1), (1, 1)))
    """
    word = text.strip().lower()
    if word in tuple(NamedPadding):
        return NamedPadding(word)
    if not re.fullmatch(r"[0-9:xX×]+", word) or not all(re.split("[:xX×]", word)):
        near = best_match(word, NamedPadding)
        raise SizeError(
            f"padding {text[:50]!r}",
            "must be valid, same, a number, AxB (vertical x horizontal) or T:BxL:R, "
            "with whole numbers of at least 0"
            + (f"; did you mean {near}?" if near else _size_hint(text, max_count)),
        )
    sides = tuple([_parse_side(part, text) for part in re.split("[xX×]", word)])
    if len(sides) > max_count:
        count, forms = ("two", "AxB or T:BxL:R") if max_count == 2 else ("three", "AxB, AxBxC or T:BxL:R")
        raise SizeError(f"padding {text[:50]!r}", f"has more than {count} parts; write {forms}")
    return sides


def _parse_side(text: str, padding: str) -> tuple[int, int]:
    amounts = [parse_count(part, "padding", minimum=0) for part in text.split(":")]
    if len(amounts) > 2:
        raise SizeError(f"padding {padding[:50]!r}", "has more than two amounts on an axis; write T:BxL:R")
    return amounts[0], amounts[-1]

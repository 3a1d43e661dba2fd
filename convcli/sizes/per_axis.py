"""Values for each axis, such as strides and paddings, as typed and checked; and the names of axes."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence

from convcli.errors import SizeError
from convcli.sizes.text import MAX_DIGITS, NamedPadding, PaddingAmounts, parse_padding

__all__ = [
    "Padding",
    "Pair",
    "PerAxis",
    "as_amounts",
    "as_pair",
    "axis_names",
    "direction",
    "per_axis",
    "whole_number",
]

Pair = int | tuple[int, int]
"""One number for both axes, or ``(vertical, horizontal)``."""

PerAxis = int | tuple[int, ...]
"""One number for all axes, or one for each; a tuple of one number is for all, too."""

Padding = str | PerAxis | PaddingAmounts
"""An amount of padding: ``"same"``, ``"valid"``, a number, one for each axis, or
``((top, bottom), (left, right))``."""


_DIRECTIONS = ("in depth", "vertically", "horizontally")


def axis_names(rank: int) -> tuple[str, ...]:
    """Return the names of the axes: length, height and width, or depth, height and width.

    Examples
    --------
    >>> axis_names(1), axis_names(2)
    (('length',), ('height', 'width'))
    """
    return ("length",) if rank == 1 else ("depth", "height", "width")[-rank:]


def per_axis(value: object, name: str, minimum: int, rank: int) -> tuple[int, ...]:
    """Check a number or one number per axis, and return one per axis."""
    if isinstance(value, tuple | list):
        if len(value) == rank:
            return tuple([whole_number(number, name, minimum) for number in value])
        if len(value) != 1:
            several = {1: "", 2: ", or a pair (vertical, horizontal)"}.get(rank, f", or {rank} numbers")
            raise SizeError(f"{name} {value}", f"must be one number{several}")
        value = value[0]
    return (whole_number(value, name, minimum),) * rank


def direction(values: Iterable[object], index: int) -> str:
    """Return the direction of an axis, to point it out among others; empty if they have equal values.

    Examples
    --------
    >>> direction([3, 5], 0), direction([3, 3, 5], 0), direction([3, 3], 1)
    (' vertically', ' in depth', '')
    """
    listed = list(values)
    return f" {_DIRECTIONS[-len(listed) :][index]}" if len(set(listed)) > 1 else ""


def as_pair(value: object, name: str, minimum: int) -> tuple[int, int]:
    """Check a number or a pair of numbers, and return ``(vertical, horizontal)``."""
    values = value if isinstance(value, tuple | list) else (value, value)
    if len(values) != 2:
        raise SizeError(f"{name} {value}", "must be one number, or a pair (vertical, horizontal)")
    vertical, horizontal = (whole_number(number, name, minimum) for number in values)
    return vertical, horizontal


def whole_number(number: object, name: str, minimum: int) -> int:
    """Return a whole number of at least `minimum`, or raise `SizeError` with its name."""
    # isinstance of a protocol would take as long as filtering a small picture.
    if hasattr(number, "__index__") and not isinstance(number, bool):
        try:
            result = operator.index(number)
        except TypeError:  # every array has the method, but only one of a single integer can answer
            raise SizeError(f"{name} {number}", "must be one whole number, or a pair") from None
        if abs(result) >= 10**MAX_DIGITS:
            raise SizeError(name, f"has more than {MAX_DIGITS} digits")
        if result >= minimum:
            return result
    raise SizeError(f"{name} {number}", f"must be a whole number, at least {minimum}")


def as_amounts(padding: Padding, rank: int = 2) -> NamedPadding | PaddingAmounts:
    """Check a padding and return its name, or its amounts, such as ``((top, bottom), (left, right))``."""
    if isinstance(padding, str):
        padding = parse_padding(padding)
    if isinstance(padding, NamedPadding):
        return padding
    parts: Sequence[object]
    if isinstance(padding, tuple | list) and any(isinstance(part, tuple | list) for part in padding):
        if len(padding) not in (1, rank):
            expected = "((top, bottom), (left, right))" if rank == 2 else "(before, after) for each axis"
            raise SizeError(f"padding {padding}", f"must be {expected}")
        parts = padding if len(padding) == rank else (*padding,) * rank
    else:
        parts = per_axis(padding, "padding", 0, rank)
    return tuple([as_pair(part, "padding", 0) for part in parts])

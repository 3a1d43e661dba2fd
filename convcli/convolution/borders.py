"""Borders: the values that fill the padding around an image.

For a row ``abcd``::

    zero        0000|abcd|0000
    constant:V  VVVV|abcd|VVVV
    edge        aaaa|abcd|dddd
    reflect     cdcb|abcd|cbab      mirrored at the edge pixel
    symmetric   dcba|abcd|dcba      mirrored at the border, so the edge pixel is repeated
    wrap        abcd|abcd|abcd
"""

from __future__ import annotations

from array import array
from enum import StrEnum
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, assert_never

from convcli.errors import MatrixError, UsageError, parse_choice
from convcli.late_numpy import np
from convcli.pictures.text_matrices import parse_number
from convcli.sizes.windowed import Axis

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Border",
    "BorderKind",
    "border_positions",
    "border_sources",
    "fill_strip",
    "parse_border",
    "positions_between",
]


class BorderKind(StrEnum):
    """The kinds of border: numpy's names, and ``zero``."""

    ZERO = "zero"
    CONSTANT = "constant"
    EDGE = "edge"
    REFLECT = "reflect"
    SYMMETRIC = "symmetric"
    WRAP = "wrap"


class Border(NamedTuple):
    """A border: its kind, and the value of a constant border."""

    kind: BorderKind
    value: int | float = 0

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}" if self.kind == BorderKind.CONSTANT else self.kind.value


def parse_border(text: str) -> Border:
    """Parse ``zero``, ``constant:V``, ``edge``, ``reflect``, ``symmetric`` or ``wrap``.

    Raises
    ------
    UsageError
        The text is none of these, or V is not a finite number.

    Examples
    --------
    >>> str(parse_border("constant:128"))
    'constant:128'
    """
    word, colon, value = str(text).strip().lower().partition(":")
    if word.startswith("constant") and word != "constant":
        raise UsageError(f"border {text[:50]!r}", "write the value after a colon, as in constant:128")
    kind = parse_choice(word, BorderKind, "border")
    if kind != BorderKind.CONSTANT:
        if colon:
            raise UsageError(f"border {text[:50]!r}", "only constant takes a value, as in constant:128")
        return Border(kind)
    try:
        return Border(kind, parse_number(value, "constant"))
    except MatrixError:
        raise UsageError(
            f"border {text[:50]!r}", "constant takes a finite number, as in constant:128"
        ) from None


def border_positions(axis: Axis, kind: BorderKind) -> array[int]:
    """Return the source pixel of each position along the padded axis, or -1 for the border value.

    Examples
    --------
    >>> border_positions(Axis(side=3, window=3, before=1, after=2), BorderKind.WRAP).tolist()
    [2, 0, 1, 2, 0, 1]
    """
    n = axis.side
    before, after = (
        positions_between(axis, kind, *outside) for outside in ((-axis.before, 0), (n, n + axis.after))
    )
    return before + _counting(n) + after


def positions_between(axis: Axis, kind: BorderKind, start: int, stop: int) -> array[int]:
    """Return the source pixels of the positions from `start` to before `stop`; the image's first is at 0.

    Examples
    --------
    >>> positions_between(Axis(side=3, window=3, before=2, after=2), BorderKind.REFLECT, -2, 2).tolist()
    [2, 1, 0, 1]
    """
    n = axis.side
    return array(
        "q",
        chain(
            (_border_source(position, n, kind) for position in range(start, min(stop, 0))),
            range(max(start, 0), min(stop, n)),
            (_border_source(position, n, kind) for position in range(max(start, n), stop)),
        ),
    )


@cache
def _longest_counting(bits: int) -> array[int]:
    return array("q", range(1 << bits))


def _counting(n: int) -> array[int]:
    """Return 0 to n - 1: a copy, as making an array of Python integers takes long."""
    return _longest_counting(max(n - 1, 1).bit_length())[:n]


def _border_source(position: int, n: int, kind: BorderKind) -> int:
    """Return the source of a position outside of the image."""
    match kind:
        case BorderKind.ZERO | BorderKind.CONSTANT:
            return -1
        case BorderKind.EDGE:
            return 0 if position < 0 else n - 1
        case BorderKind.WRAP:
            return position % n
        case BorderKind.SYMMETRIC:
            position %= 2 * n
            return min(position, 2 * n - 1 - position)
        case BorderKind.REFLECT:
            position %= max(2 * n - 2, 1)
            return min(position, 2 * n - 2 - position)
        case _:
            assert_never(kind)


def border_sources(axis: Axis, kind: BorderKind) -> NDArray[np.int64]:
    """Return `border_positions` as an array."""
    return np.frombuffer(border_positions(axis, kind), np.int64)


def fill_strip(
    strip: NDArray[Any],
    pixels: NDArray[Any],
    rows: NDArray[np.int64],
    source_columns: NDArray[np.int64],
    columns: Axis,
    border: Border,
) -> None:
    """Copy rows of the padded image into the strip, converted to its dtype."""
    inside = strip[:, columns.before : columns.before + columns.side]
    if rows[0] >= 0 and rows[-1] - rows[0] == len(rows) - 1:
        np.copyto(inside, pixels[rows[0] : rows[-1] + 1], casting="unsafe")  # consecutive rows: a single copy
    else:
        np.copyto(inside, pixels[np.maximum(rows, 0)], casting="unsafe")
    for outside in (slice(0, columns.before), slice(columns.before + columns.side, None)):
        sources = source_columns[outside]
        if not sources.size:
            continue
        if sources[0] == sources[-1] == -1:
            strip[:, outside] = border.value
        else:
            strip[:, outside] = strip[:, sources + columns.before]
    if rows[0] < 0 or rows[-1] < 0:
        strip[rows < 0] = border.value

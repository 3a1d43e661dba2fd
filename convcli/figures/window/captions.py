"""The texts of a sliding window: headings, sentences, sums written out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convcli.sizes.text import format_number, format_padding, format_size
from convcli.sizes.windowed import Axis

if TYPE_CHECKING:
    from convcli.convolution.explaining import ExplainedResult


__all__ = [
    "MAX_TERMS",
    "Captions",
    "factor_text",
    "number_text",
    "positions_text",
    "size_formulas",
    "window_sentence",
]

MAX_TERMS = 25  # longest sum that is written out
MAX_NAME = 28
MAX_LISTED = 8  # maximum number of positions that are listed one by one

Number = int | float


def positions_text(positions: range, name: str) -> str:
    """Return positions as text.

    Examples
    --------
    >>> positions_text(range(0, 3), "row"), positions_text(range(-1, 4, 2), "column")
    ('rows 0 to 2', 'columns -1, 1, 3')
    """
    first, last = positions[0], positions[-1]  # may be longer than len allows
    if first == last:
        return f"{name} {first}"
    if positions.step == 1:
        return f"{name}s {first} to {last}"
    if last - first >= MAX_LISTED * positions.step:
        return f"{name}s {first}, {positions[1]}, ..., {last}"
    return f"{name}s {', '.join(map(str, positions))}"


def window_sentence(rows: Axis, columns: Axis, at: tuple[int, int]) -> str:
    """Return a sentence that says what the window of an output reads.

    Examples
    --------
    >>> window_sentence(Axis(side=6, window=3), Axis(side=6, window=2, dilation=2), (0, 1))
    'row 0, column 1 of the output reads rows 0 to 2 and columns 1, 3 of the input'
    """
    reads = (
        positions_text(axis.positions_read(output), name)
        for axis, output, name in zip((rows, columns), at, ("row", "column"), strict=True)
    )
    return f"row {at[0]}, column {at[1]} of the output reads {' and '.join(reads)} of the input"


def size_formulas(rows: Axis, columns: Axis) -> list[tuple[str, str]]:
    """Return the formula of the output size, in letters and in numbers; one if both axes are equal.

    Examples
    --------
    >>> size_formulas(Axis(side=6, window=3), Axis(side=6, window=3))
    [('side', 'floor((n + 2p - f)/s) + 1 = floor((6 + 2·0 - 3)/1) + 1 = 4')]
    """
    height, width = (f"{_size_formula(axis)} = {axis.formula()}" for axis in (rows, columns))
    return [("side", height)] if height == width else [("height", height), ("width", width)]


def _size_formula(axis: Axis) -> str:
    padding = "2p" if axis.before == axis.after else "p1 + p2"
    side = "(d·(f - 1) + 1)" if axis.dilation > 1 and axis.window > 1 else "f"
    return f"floor((n + {padding} - {side})/s) + 1"


def number_text(number: Number) -> str:
    """Format a value of a picture, a filter or a sum: integers exactly, others with six digits.

    Examples
    --------
    >>> number_text(12345678), number_text(2 / 3)
    ('12345678', '0.666667')
    """
    return format_number(number, digits=6)


def factor_text(number: Number) -> str:
    """Format a number for a sum or a product: negative numbers in parentheses.

    Examples
    --------
    >>> factor_text(2), factor_text(-0.5)
    ('2', '(-0.5)')
    """
    return f"({number_text(number)})" if number < 0 else number_text(number)


@dataclass(frozen=True, kw_only=True)
class Captions:
    """The texts of a sliding window, and of the values that it reads, if there are any.

    Examples
    --------
    >>> captions = Captions(rows=Axis(side=6, window=3), columns=Axis(side=6, window=3), explained=None)
    >>> captions.title, captions.headings[2]
    ('A window of 3x3 slides over an input of 6x6', ('output 4x4', 'stride 1'))
    """

    rows: Axis
    columns: Axis
    explained: "ExplainedResult | None"

    @property
    def title(self) -> str:
        """The content of the drawing, in one line."""
        return f"{self._subject} slides over an input of {self._input}"

    @property
    def description(self) -> str:
        """A description of the drawing, as a text alternative."""
        rows, columns = self.rows, self.columns
        return (
            f"Padding {self._padding}, stride {format_size((rows.stride, columns.stride))}, dilation "
            f"{format_size((rows.dilation, columns.dilation))}: the output is {self._output}."
        )

    @property
    def _subject(self) -> str:
        size = format_size((self.rows.window, self.columns.window))
        return f"A window of {size}" if self.explained is None else f"{self.explained.filter.name}, {size},"

    @property
    def _input(self) -> str:
        return format_size((self.rows.side, self.columns.side))

    @property
    def _output(self) -> str:
        return format_size((self.rows.output, self.columns.output))

    @property
    def _padding(self) -> str:
        rows, columns = self.rows, self.columns
        return format_padding(((rows.before, rows.after), (columns.before, columns.after)))

    def sentences(self, position: tuple[int, int]) -> list[str]:
        """Return sentences about a position: which cells the window reads, and how their sum is computed."""
        sentence = window_sentence(self.rows, self.columns, position)
        return [sentence, *(() if self.explained is None else _sums(self.explained, position))]

    @property
    def headings(self) -> tuple[tuple[str, str], ...]:
        """The headings of input, filter and output, two lines each."""
        rows, columns = self.rows, self.columns
        border = f", {self.explained.border}" if self.explained is not None else ""
        padding = "" if self._padding == "0" else f"padding {self._padding}{border}"
        kernels = 1 if self.explained is None else len(self.explained.taps)
        name = "filter" if self.explained is None else _shortened(self.explained.filter.name)
        rotation = ["rotated by 180°"] if self.explained is not None and self.explained.flip else []
        dilation = (
            []
            if rows.dilation == columns.dilation == 1
            else [f"dilation {_pair_text(rows.dilation, columns.dilation)}"]
        )
        count = [f"{kernels} kernels"] if kernels > 1 else []
        size = format_size((rows.window, columns.window))
        return (
            (f"input {self._input}", padding),
            (f"{name} {size}", ", ".join(count + dilation + rotation)),
            (f"output {self._output}", f"stride {_pair_text(rows.stride, columns.stride)}"),
        )

    @property
    def formulas(self) -> list[str]:
        """The formulas of the output size, one line each."""
        return [f"{name:6} {text}" for name, text in size_formulas(self.rows, self.columns)]


def _sums(explained: "ExplainedResult", position: tuple[int, int]) -> Iterator[str]:
    """Write a result out: the sum of each kernel, and how the sums are combined."""
    sums = explained.weighted_sums(*position)
    for number, weighted_sum in enumerate(sums, 1):
        pairs = zip(weighted_sum.patch.ravel().tolist(), weighted_sum.taps.ravel().tolist(), strict=True)
        terms = [f"{factor_text(value)}·{factor_text(tap)}" for value, tap in pairs if tap]
        text = " + ".join(terms) or "0"
        if len(terms) > MAX_TERMS:
            text = f"the sum of {len(terms)} products"
        label = f"{number}: " if len(sums) > 1 else ""
        yield f"{label}{text} = {number_text(weighted_sum.total)}"
    if len(sums) > 1:
        from convcli.kernels.filter import Combination  # late: a window without numbers needs no numpy

        totals = [number_text(weighted_sum.total) for weighted_sum in sums]
        combination = explained.filter.combination
        text = f"the largest of {', '.join(totals)}"
        if combination == Combination.MAGNITUDE:
            text = f"√({' + '.join(f'{factor_text(weighted_sum.total)}²' for weighted_sum in sums)})"
        elif combination == Combination.ABSOLUTE_SUM:
            text = " + ".join(f"|{total}|" for total in totals)
        elif combination == Combination.ABSOLUTE_MAXIMUM:
            text = f"the largest of {', '.join(f'|{total}|' for total in totals)}"
        yield f"{combination}: {text} = {number_text(explained.result(*position))}"


def _shortened(name: str) -> str:
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"


def _pair_text(vertical: int, horizontal: int) -> str:
    return f"{vertical}" if vertical == horizontal else format_size((vertical, horizontal))

"""The texts of a sliding window: headings, sentences, sums written out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from convcli.sizes.axes import size_formulas
from convcli.sizes.text import format_number, format_padding, format_size
from convcli.sizes.windowed import Axis

if TYPE_CHECKING:
    from convcli.convolution.explaining.pooled import ExplainedPooling, PooledWindow
    from convcli.convolution.explaining.values import ExplainedResult

    Explained = ExplainedResult | ExplainedPooling


__all__ = [
    "MAX_TERMS",
    "Captions",
    "adjustment_steps",
    "factor_text",
    "number_text",
    "pooled_text",
    "positions_text",
    "sum_step",
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

    `pooling` is ``max`` or ``avg`` if the window pools, else empty.

    Examples
    --------
    >>> captions = Captions(rows=Axis(side=6, window=3), columns=Axis(side=6, window=3), explained=None)
    >>> captions.title, captions.headings[2]
    ('A window of 3x3 slides over an input of 6x6', ('output 4x4', 'stride 1'))
    """

    rows: Axis
    columns: Axis
    explained: "Explained | None"
    pooling: str = ""

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
        if self.pooling:
            return f"{self.pooling} pooling, {size},"
        if self.filtered is None:
            return f"A window of {size}"
        depth = f"x{self.depth}" * self.filtered.is_volume
        return f"{self.filtered.name}, {size}{depth},"

    @property
    def filtered(self) -> "ExplainedResult | None":
        """The explained result of a filter, if there is one."""
        if self.explained is None or self.pooling:
            return None
        return cast("ExplainedResult", self.explained)

    @property
    def pooled(self) -> "ExplainedPooling | None":
        """The explained result of pooling, if there is one."""
        if self.explained is None or not self.pooling:
            return None
        return cast("ExplainedPooling", self.explained)

    @property
    def depth(self) -> int:
        """The number of channels that the filter reads."""
        return 1 if self.filtered is None else self.filtered.depth

    @property
    def _input(self) -> str:
        return format_size((self.rows.side, self.columns.side, *([self.depth] if self.depth > 1 else [])))

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
        if self.pooled is not None:
            window = self.pooled.window(*position)
            return [sentence, pooled_text(window, self.pooling, self.pooled.result_at(*position))]
        return [sentence, *(() if self.filtered is None else _sums(self.filtered, position))]

    @property
    def headings(self) -> tuple[tuple[str, str], ...]:
        """The headings of input, filter and output, two lines each."""
        rows, columns = self.rows, self.columns
        border = "" if self.filtered is None else f", {self.filtered.border}"
        filling = ", not counted" if self.pooling else border
        padding = "" if self._padding == "0" else f"padding {self._padding}{filling}"
        return (
            (f"input {self._input}", padding),
            self._middle_heading,
            (f"output {self._output}", f"stride {_pair_text(rows.stride, columns.stride)}"),
        )

    @property
    def _middle_heading(self) -> tuple[str, str]:
        """The heading of the filter, or of the window that is pooled."""
        size = format_size((self.rows.window, self.columns.window))
        if self.pooling:
            return f"{'mean' if self.pooling == 'avg' else self.pooling} of {size}", "no parameters"
        dilations = self.rows.dilation, self.columns.dilation
        details = [] if dilations == (1, 1) else [f"dilation {_pair_text(*dilations)}"]
        if self.filtered is None:
            return f"filter {size}", ", ".join(details)
        name, kernels = _shortened(self.filtered.name), len(self.filtered.taps)
        if self.depth > 1:
            size, kernels = f"{size}x{self.depth}", 1
        count = [f"{kernels} kernels"] if kernels > 1 else []
        rotation = ["rotated by 180°"] if self.filtered.settings.flip else []
        return f"{name} {size}", ", ".join(count + details + rotation)

    @property
    def formulas(self) -> list[str]:
        """The formulas of the output size, one line each."""
        return [f"{name:6} {text}" for name, text in size_formulas((self.rows, self.columns))]


def _sums(explained: "ExplainedResult", position: tuple[int, int]) -> Iterator[str]:
    """Write a result out: the sum of each kernel, and how the sums are combined."""
    sums = explained.weighted_sums(*position)
    for number, weighted_sum in enumerate(sums, 1):
        if explained.is_volume:  # the steps have the sums; the drawing has what they are made of
            break
        pairs = zip(weighted_sum.patch.ravel().tolist(), weighted_sum.taps.ravel().tolist(), strict=True)
        terms = [f"{factor_text(value)}·{factor_text(tap)}" for value, tap in pairs if tap]
        text = " + ".join(terms) or "0"
        if len(terms) > MAX_TERMS:
            text = f"the sum of {len(terms)} products"
        label = f"{number}: " if len(sums) > 1 else ""
        yield f"{label}{text} = {number_text(weighted_sum.total)}"
    combined = [sum_step(explained, position)] if len(sums) > 1 else []
    steps = [*combined, *adjustment_steps(explained, position)]
    yield from (f"{label}: {text}" for label, text in steps)


def sum_step(explained: "ExplainedResult", position: tuple[int, int]) -> tuple[str, str]:
    """Return how the sums of several kernels or slices become one value, as a label and a text."""
    from convcli.kernels.filter import Combination  # late: a window without numbers needs no numpy

    sums = [weighted_sum.total for weighted_sum in explained.weighted_sums(*position)]
    combination, value = explained.combination, explained.combined(*position)
    totals = list(map(number_text, sums))
    if explained.is_volume:
        text = " + ".join(map(factor_text, sums))
        if len(sums) > MAX_TERMS:
            text = f"the sums of {len(sums)} channels"
        return "sum", f"{text} = {number_text(value)}"
    text = f"the largest of {', '.join(totals)}"
    if combination == Combination.MAGNITUDE:
        text = f"√({' + '.join(f'{factor_text(total)}²' for total in sums)})"
    elif combination == Combination.ABSOLUTE_SUM:
        text = " + ".join(f"|{total}|" for total in totals)
    elif combination == Combination.ABSOLUTE_MAXIMUM:
        text = f"the largest of {', '.join(f'|{total}|' for total in totals)}"
    return str(combination), f"{text} = {number_text(value)}"


def adjustment_steps(explained: "ExplainedResult", position: tuple[int, int]) -> Iterator[tuple[str, str]]:
    """Yield how bias and ReLU change a value, as labels and texts."""
    value = explained.combined(*position)
    if explained.bias:
        biased = value + explained.bias
        yield "bias", f"{number_text(value)} + {factor_text(explained.bias)} = {number_text(biased)}"
        value = biased
    if explained.relu:
        yield "relu", f"max({number_text(value)}, 0) = {number_text(explained.result_at(*position))}"


def pooled_text(window: "PooledWindow", mode: str, result: Number) -> str:
    """Return how the values of a window become its maximum or its mean.

    Examples
    --------
    >>> from convcli.convolution.explaining.pooled import explain_pooling
    >>> explained = explain_pooling([[1, 3], [2, 9]])
    >>> pooled_text(explained.window(0, 0), "max", 9)
    'max(1, 3, 2, 9) = 9, from row 1, column 1'
    >>> pooled_text(explained.window(0, 0), "avg", 3.75)
    '(1 + 3 + 2 + 9)/4 = 15/4 = 3.75'
    """
    values, are_few = window.counted, len(window.counted) <= MAX_TERMS
    if mode == "avg":
        total = sum(values)
        terms = " + ".join(map(factor_text, values)) if are_few else f"the sum of {len(values)} values"
        quotient = f"{number_text(total)}/{len(values)}"
        means = quotient if len(values) == 1 else f"({terms})/{len(values)} = {quotient}"
        return f"{means} = {number_text(result)}"
    listed = f"max({', '.join(map(number_text, values))})" if are_few else f"max of {len(values)} values"
    row, column = window.winners[0]
    others = f", and {len(window.winners) - 1} more" if len(window.winners) > 1 else ""
    return f"{listed} = {number_text(result)}, from row {row}, column {column}{others}"


def _shortened(name: str) -> str:
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"


def _pair_text(vertical: int, horizontal: int) -> str:
    return f"{vertical}" if vertical == horizontal else format_size((vertical, horizontal))

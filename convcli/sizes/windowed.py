"""A window sliding along one axis: convolution and pooling."""

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["MAX_SEARCHED_SIDE", "Axis"]

MAX_SEARCHED_SIDE = 1_000_000  # longest side that is searched or marked element by element


class Axis(NamedTuple):
    """A window sliding along one axis of an image.

    Attributes
    ----------
    side, window, stride, dilation : int
        Input pixels, filter taps, step, and distance between taps.
    before, after : int
        Padding at the start and at the end.
    ceil : bool
        Round the output side up if the last window starts inside the image, as PyTorch's pooling does.

    Examples
    --------
    >>> axis = Axis(side=32, window=5)
    >>> axis.output, axis.formula()
    (28, 'floor((32 + 2·0 - 5)/1) + 1 = 28')
    """

    side: int
    window: int
    before: int = 0
    after: int = 0
    stride: int = 1
    dilation: int = 1
    ceil: bool = False

    @property
    def extent(self) -> int:
        """Pixels from the filter's first tap to its last: ``d(f - 1) + 1``."""
        return self.dilation * (self.window - 1) + 1

    @property
    def span(self) -> int:
        """How far the window can move, ``n + 2p - f_eff``; negative if it does not fit."""
        return self.side + self.before + self.after - self.extent

    @property
    def output(self) -> int:
        """Output side; below 1 if the layer is impossible."""
        if not self.ceil:
            return self.span // self.stride + 1
        rounded_up = -(-self.span // self.stride) + 1
        starts_beyond = (rounded_up - 1) * self.stride >= self.side + self.before
        return rounded_up - 1 if starts_beyond else rounded_up

    def with_bounded_steps(self) -> "Axis":
        """Return the axis without the excess of strides and dilations that have no effect.

        They may exceed any fixed-size integer type.

        Examples
        --------
        >>> Axis(side=5, window=3, stride=10**30).with_bounded_steps().stride
        3
        """
        dilation = self.dilation if self.window > 1 else 1
        beyond = self.side + self.before if self.ceil else 0  # no window starts there, not even rounded up
        return self._replace(stride=min(self.stride, max(abs(self.span) + 1, beyond)), dilation=dilation)

    @property
    def spread(self) -> int:
        """Distance from the first pixel that an output reads to the last."""
        return self.extent - 1

    @property
    def step(self) -> int:
        """Pixels from one output's window to the next."""
        return self.stride

    @property
    def twice_first_center(self) -> int:
        """Twice the position of the first window's center."""
        return self.extent - 1 - 2 * self.before

    @property
    def period(self) -> tuple[int, int]:
        """Period of the window positions: in outputs, and in pixels."""
        return 1, self.stride

    def input_range(self, unit: int) -> tuple[int, int]:
        """Return the first and the last pixel that an output reads, padding included."""
        first = unit * self.stride - self.before
        return first, first + self.extent - 1

    def positions_read(self, unit: int) -> range:
        """Return the positions that an output reads, one per tap, counted as in `input_range`.

        Examples
        --------
        >>> list(Axis(side=7, window=3, dilation=2, before=1).positions_read(1))
        [0, 2, 4]
        """
        first, last = self.input_range(unit)
        return range(first, last + 1, self.dilation)

    def is_read(self, position: int) -> bool:
        """Whether any tap reads a position: a pixel, or padding (below 0, or `side` and above).

        Examples
        --------
        >>> axis = Axis(side=5, window=1, before=1, stride=3)
        >>> [position for position in range(-1, 5) if axis.is_read(position)]
        [-1, 2]
        """
        steps = (position + self.before - tap * self.dilation for tap in range(self.window))
        return any(step % self.stride == 0 and 0 <= step // self.stride < self.output for step in steps)

    @property
    def undilated(self) -> bool:
        """Whether the taps of the window are adjacent."""
        return self.dilation == 1 or self.window == 1

    @property
    def _gapless(self) -> bool:
        """Whether the windows read every pixel between their first tap and their last."""
        return self.undilated or (self.stride == 1 and self.output >= self.dilation)

    @property
    def countable(self) -> bool:
        """Whether the pixels read are few enough to be marked one by one."""
        return self.side <= MAX_SEARCHED_SIDE and self.marking_cost <= 10 * MAX_SEARCHED_SIDE

    @property
    def marking_cost(self) -> int:
        """Number of steps that marking takes."""
        return self.side + self.window * (self.output + 100)

    def symbols(self) -> str:
        """Return the output-size formula in symbols, as far as it applies to this axis.

        Examples
        --------
        >>> Axis(side=32, window=5).symbols()
        'floor((n + 2p - f)/s) + 1'
        >>> Axis(side=32, window=5, after=1, dilation=2, ceil=True).symbols()
        'ceil((n + p1 + p2 - (d·(f - 1) + 1))/s) + 1'
        """
        padding = "2p" if self.before == self.after else "p1 + p2"
        return self._size_formula("n", padding, "f", "d", "s")

    def formula(self) -> str:
        """Return the output-size formula with the numbers of this axis."""
        padding = f"2·{self.before}" if self.before == self.after else f"{self.before} + {self.after}"
        numbers = map(str, (self.window, self.dilation, self.stride))
        plain = -(-self.span // self.stride) + 1 if self.ceil else self.span // self.stride + 1
        text = f"{self._size_formula(f'{self.side}', padding, *numbers)} = {plain}"
        return text if plain == self.output else f"{text}, less a window that starts beyond the input"

    def _size_formula(self, side: str, padding: str, window: str, dilation: str, stride: str) -> str:
        extent = window if self.undilated else f"({dilation}·({window} - 1) + 1)"
        return f"{'ceil' if self.ceil else 'floor'}(({side} + {padding} - {extent})/{stride}) + 1"

    def unread_count(self) -> int | None:
        """Count the input pixels that no tap reads.

        Returns
        -------
        int or None
            None for a dilated filter with too many gaps to follow tap by tap.
        """
        if self._gapless:
            return self.side - (self._read_before(self.side) - self._read_before(0))
        return self._read_marks().count(0) if self.countable else None

    def unread_ranges(self) -> Iterator[tuple[int, int]]:
        """Yield the ranges of input pixels that no tap reads, as ``(first, last)``; none if not counted.

        Examples
        --------
        >>> list(Axis(side=227, window=3, stride=5).unread_ranges())[-2:]
        [(218, 219), (223, 226)]
        """
        if self._gapless:
            yield from self._unread_between_windows()
        elif self.countable:
            yield from ((gap.start(), gap.end() - 1) for gap in re.finditer(rb"\0+", self._read_marks()))

    def read_counts(self) -> list[int]:
        """Count for each input pixel how often it is read: by how many taps, over all outputs.

        Examples
        --------
        >>> Axis(side=6, window=3).read_counts(), Axis(side=6, window=2, stride=3).read_counts()
        ([1, 2, 3, 3, 2, 1], [1, 1, 0, 1, 1, 0])
        """
        counts = [0] * self.side
        for _, inputs in self.taps():
            for position in range(inputs.start, inputs.stop, inputs.step):
                counts[position] += 1
        return counts

    def taps(self) -> Iterator[tuple[slice, slice]]:
        """Yield for each tap the outputs for which it reads an input pixel, and those pixels.

        Examples
        --------
        >>> list(Axis(side=4, window=2, before=1, after=1, stride=2).taps())
        [(slice(1, 3, None), slice(1, 4, 2)), (slice(0, 2, None), slice(0, 3, 2))]
        """
        last_output = (self.output - 1) * self.stride
        # If the window is much longer than the image, only these taps can reach the image.
        first_tap = max(0, -((last_output - self.before) // self.dilation))
        for tap in range(first_tap, min(self.window, (self.side - 1 + self.before) // self.dilation + 1)):
            offset = tap * self.dilation - self.before
            first = max(0, -(offset // self.stride))
            last = min(self.output - 1, (self.side - 1 - offset) // self.stride)
            if first <= last:
                start = first * self.stride + offset
                inputs = slice(start, last * self.stride + offset + 1, self.stride)
                yield slice(first, last + 1), inputs

    def _read_before(self, end: int) -> int:
        """Count the positions before `end`, padding included, that windows without gaps read."""
        if self.extent >= self.stride:
            return min(end + self.before, (self.output - 1) * self.stride + self.extent)
        whole, rest = divmod(end + self.before, self.stride)
        if whole >= self.output:
            return self.output * self.extent
        return whole * self.extent + min(rest, self.extent)

    def _unread_between_windows(self) -> Iterator[tuple[int, int]]:
        if self.extent < self.stride:
            first_inside = max(0, (self.before - self.extent) // self.stride)
            for index in range(first_inside, self.output - 1):
                start = index * self.stride - self.before + self.extent
                first, last = max(start, 0), min(start + self.stride - self.extent, self.side) - 1
                if first >= self.side:
                    return
                if first <= last:
                    yield first, last
        after_last = max((self.output - 1) * self.stride - self.before + self.extent, 0)
        if after_last < self.side:
            yield after_last, self.side - 1

    def _read_marks(self) -> bytearray:
        """Return one byte per pixel: 1 if any tap reads it."""
        marks = bytearray(self.side)
        for outputs, inputs in self.taps():
            marks[inputs] = b"\1" * (outputs.stop - outputs.start)
        return marks

"""Sizes searched backwards: paddings and strides for a wanted output, inputs without unread rows."""

from collections.abc import Iterable, Iterator
from itertools import chain

from convcli.errors import SizeError
from convcli.sizes.per_axis import whole_number
from convcli.sizes.windowed import MAX_SEARCHED_SIDE, Axis

__all__ = ["fully_read_sides", "paddings_and_strides"]


def fully_read_sides(axis: Axis) -> tuple[int | None, int | None]:
    """Find the nearest input sides, below and above, at which every pixel is read.

    Returns
    -------
    (below, above) : pair of int or None
        None if there is none: a stride longer than the filter leaves gaps at every size.

    Examples
    --------
    >>> fully_read_sides(Axis(side=226, window=11, stride=4))
    (223, 227)
    """
    if axis.undilated:
        lost = axis.unread_count()
        if not lost:
            return axis.side, axis.side
        if axis.stride > axis.window:  # gaps: only a single window reads every pixel
            return axis.window - axis.before if axis.window > axis.before else None, None
        below = axis.side - lost
        return below if below > 0 else None, axis.side + (-axis.span) % axis.stride
    if not axis.countable:
        return None, None
    reach = min(2 * axis.stride * axis.dilation, 1 + 5 * MAX_SEARCHED_SIDE // axis.marking_cost)
    shorter, longer = range(axis.side, max(axis.side - reach, 0), -1), range(axis.side, axis.side + reach)
    return _first_fully_read(axis, shorter), _first_fully_read(axis, longer)


def _first_fully_read(axis: Axis, sides: Iterable[int]) -> int | None:
    candidates = (axis._replace(side=side) for side in sides)
    return next((c.side for c in candidates if c.output > 0 and c.unread_count() == 0), None)


def paddings_and_strides(
    n: int, f: int, want: int, d: int = 1, *, p: int | None = None, s: int | None = None
) -> Iterator[tuple[int, int]]:
    """Yield every ``(padding, stride)`` that turns side `n` into side `want`, smallest first.

    Paddings range up to ``f_eff - 1`` (beyond that, a window contains only padding), strides up to the
    smallest that leaves a single window (beyond that, nothing changes). `p` and `s` fix padding and stride.

    Raises
    ------
    SizeError
        Nothing gives `want` (the message names the nearest sides that are possible), or a side is too long to
        search.

    Examples
    --------
    >>> list(paddings_and_strides(32, 5, 32)), list(paddings_and_strides(7, 3, 4))
    ([(2, 1)], [(1, 2)])
    """
    axis = Axis(
        side=whole_number(n, "input", 1),
        window=whole_number(f, "filter", 1),
        dilation=whole_number(d, "dilation", 1),
    )
    whole_number(want, "wanted side", 1)
    whole_number(0 if p is None else p, "padding", 0)
    whole_number(1 if s is None else s, "stride", 1)
    if max(axis.side, axis.extent) > MAX_SEARCHED_SIDE:
        raise SizeError(
            f"side {max(axis.side, axis.extent)}", f"is too large to search; the limit is {MAX_SEARCHED_SIDE}"
        )
    solutions = _solutions(axis, want, p, s)
    first = next(solutions, None)
    if first is None:
        raise SizeError(f"output side {want}", _nearest_reachable(axis, want, p, s))
    return chain([first], solutions)


def _solutions(axis: Axis, want: int, p: int | None, s: int | None) -> Iterator[tuple[int, int]]:
    for padding in range(axis.extent) if p is None else (p,):
        span = axis.span + 2 * padding
        if span < 0:
            continue
        shortest, longest = span // want + 1, span // (want - 1) if want > 1 else span + 1
        if s is None:
            yield from ((padding, stride) for stride in range(shortest, longest + 1))
        elif shortest <= s and (s <= longest or want == 1):
            yield padding, s


def _nearest_reachable(axis: Axis, want: int, p: int | None, s: int | None) -> str:
    below: list[tuple[int, int, int]] = []
    above: list[tuple[int, int, int]] = []
    for padding in range(axis.extent) if p is None else (p,):
        span = axis.span + 2 * padding
        # The strides around the one that would give the wanted side, or the given one.
        around = (span // max(want - 1, 1) + 1, span // want) if s is None else (s,)
        for stride in around:
            if span >= 0 and stride > 0:
                output = span // stride + 1
                (below if output < want else above).append((output, -padding, -stride))
    found = [max(below)] if below else []
    found += [min((output, -p, -s) for output, p, s in above)] if above else []
    texts = [f"{output} (padding {abs(padding)}, stride {abs(stride)})" for output, padding, stride in found]
    given = (f" and padding {p}" if p is not None else "") + (f" and stride {s}" if s is not None else "")
    same = ", or pad one more pixel at the end, as --p same does" if want == axis.side and not given else ""
    return (
        f"cannot be reached from {axis.side} with filter {axis.window}{given} "
        f"(paddings up to {axis.extent - 1}); nearest: {' or '.join(texts) or 'none'}{same}"
    )

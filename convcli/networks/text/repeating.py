"""Repetitions in a sequence, and those of them that shorten its text most."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from math import inf
from typing import NamedTuple

__all__ = ["Element", "Repetition", "fold_repetitions"]

BRACES = 4  # words that a repeat adds: N x { }
MAX_ROUNDS = 12
MAX_SHIFTS = 64  # ways to divide a repetition that are compared


class Element(NamedTuple):
    """An element of a sequence.

    Attributes
    ----------
    key : int
        Equal for elements of equal text.
    words : int
        Length of its text.
    rank : int
        1 if a person would begin a repeat with it, -1 if no repeat can begin with it.
    at : int
        Its position in the whole network.
    low, high : float
        The first position that it reads from, and the last that reads from it; infinite if there is none.
    payload : object
        An item of the caller, or a `Repetition`.
    """

    key: int
    words: int
    rank: int
    at: int
    low: float
    high: float
    payload: object


class Repetition(NamedTuple):
    """Elements that are repeated."""

    times: int
    body: list[Element]


class _Run(NamedTuple):
    """A part of a sequence, from `start` to before `end`, that is the same `period` elements further."""

    start: int
    end: int
    period: int


class _Choice(NamedTuple):
    """A repeat that could be written, and the words that it saves."""

    end: int
    start: int
    period: int
    saved: int


def fold_repetitions(elements: Sequence[Element], keys: dict[object, int]) -> list[Element]:
    """Return a sequence with its repetitions folded.

    Parameters
    ----------
    elements : sequence of Element
    keys : dict
        The keys of everything so far; those of repeats are added.

    Examples
    --------
    >>> letters = [Element(ord(letter), 3, 1, 0, inf, -inf, letter) for letter in "xabababbcabcay"]
    >>> def text(found):
    ...     parts = (one.payload for one in found)
    ...     return "".join(p if isinstance(p, str) else f"{p.times}({text(p.body)})" for p in parts)
    >>> text(fold_repetitions(letters, {}))
    'x3(ab)2(bca)y'
    """
    folded = list(elements)
    for _ in range(MAX_ROUNDS):
        choices = _best_choices(folded)
        if not choices:
            break
        position, following = 0, list[Element]()
        for choice in choices:
            following += folded[position : choice.start]
            body = fold_repetitions(folded[choice.start : choice.start + choice.period], keys)
            times = (choice.end - choice.start) // choice.period
            key = keys.setdefault((times, *(element.key for element in body)), len(keys))
            words = BRACES + sum(element.words for element in body)
            following.append(
                Element(key, words, 1, folded[choice.start].at, inf, -inf, Repetition(times, body))
            )
            position = choice.end
        folded = following + folded[position:]
    return folded


def _best_choices(elements: Sequence[Element]) -> list[_Choice]:
    """Return the repeats, one after the other, that together save most words."""
    runs = _find_runs([element.key for element in elements])
    if not runs:
        return []
    sums = [0, *accumulate(element.words for element in elements)]
    refers = any(element.low != inf or element.high != -inf for element in elements)
    choices = [
        choice
        for run in runs
        if (choice := _best_division(run, elements, sums, refers=refers)) is not None and choice.saved > 0
    ]
    choices.sort()
    ends = [choice.end for choice in choices]
    best: list[tuple[int, int, int]] = [(0, 0, -1)]  # words saved, number of the best before, choice taken
    for number, choice in enumerate(choices):
        before = bisect_right(ends, choice.start, 0, number)
        taken = best[before][0] + choice.saved
        best.append((taken, before, number) if taken > best[-1][0] else (best[-1][0], number, -1))
    found, at = [], len(choices)
    while at:
        _, before, number = best[at]
        if number >= 0:
            found.append(choices[number])
        at = before
    return found[::-1]


def _best_division(
    run: _Run, elements: Sequence[Element], sums: Sequence[int], *, refers: bool
) -> _Choice | None:
    """Return the best way to divide a run into equal parts; None if each would read from outside."""
    best: tuple[int, int, int] | None = None
    period = run.period
    for start in range(run.start, min(run.start + min(period, MAX_SHIFTS), run.end - 2 * period + 1)):
        if elements[start].rank < 0 or (refers and not _is_closed(elements, start, start + period)):
            continue
        times = (run.end - start) // period
        rank = times, elements[start].rank, start
        best = rank if best is None else max(best, rank)
    if best is None:
        return None
    times, _, start = best
    words = sums[start + period] - sums[start]
    return _Choice(start + times * period, start, period, (times - 1) * words - BRACES)


def _is_closed(elements: Sequence[Element], start: int, end: int) -> bool:
    """Whether nothing within reads from outside, and nothing outside reads from within."""
    first, last = elements[start].at, elements[end].at if end < len(elements) else inf
    return all(
        element.low >= first and (element.high < last or element.high == -inf)
        for element in elements[start:end]
    )


def _find_runs(keys: Sequence[int]) -> list[_Run]:
    """Return the repetitions in a sequence, each as far as it goes in both directions.

    A period between m and 2m is the distance of two equal pieces of length m, which are numbered by doubling:
    R. M. Karp, R. E. Miller, A. L. Rosenberg, "Rapid identification of repeated patterns in strings, trees
    and arrays", STOC 1972.
    """
    count, length = len(keys), 1
    ranks = list(keys)
    active: Sequence[int] = range(count)
    covered: dict[int, int] = {}  # by period, how far it was followed
    runs = []
    while active and 2 * length <= count:
        latest: dict[int, int] = {}
        for position in active:
            before = latest.get(ranks[position], -1)
            latest[ranks[position]] = position
            period = position - before
            if before < 0 or not length <= period < 2 * length or before < covered.get(period, 0):
                continue
            start, end = before, position + length
            while start and keys[start - 1] == keys[start - 1 + period]:
                start -= 1
            while end < count and keys[end] == keys[end - period]:
                end += 1
            covered[period] = end - period
            if end - start >= 2 * period:
                runs.append(_Run(start, end, period))
        ranks, active = _doubled(ranks, active, length)
        length *= 2
    return runs


def _doubled(ranks: Sequence[int], active: Sequence[int], length: int) -> tuple[list[int], list[int]]:
    """Return the numbers of pieces twice as long, and the positions of those that occur several times."""
    numbers: dict[tuple[int, int], int] = {}
    doubled = [-1] * len(ranks)
    first: dict[int, int] = {}
    kept: list[int] = []
    repeated = set()
    for position in active:
        other = position + length
        if other + length > len(ranks) or ranks[other] < 0:
            continue
        number = numbers.setdefault((ranks[position], ranks[other]), len(numbers))
        doubled[position] = number
        if first.setdefault(number, position) != position:
            repeated.add(number)
        kept.append(position)
    for position in kept:
        if doubled[position] not in repeated:
            doubled[position] = -1
    return doubled, [position for position in kept if doubled[position] >= 0]

"""The structure of a network from its layers alone: what branches and joins, as a person would write it.

A join is written as branches in braces where that is possible and readable; a tag names an output that is
read from elsewhere, or far below.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Generator, Sequence
from math import inf, prod
from typing import NamedTuple

from convcli.networks.text.dataflow import ROOT, Dataflow

__all__ = ["Branched", "Joined", "Part", "Single", "Start", "Structure", "find_structure"]

MAX_NESTED = 40  # braces within braces; repeats come on top
MAX_SKIPPED = 36  # layers that an empty branch passes over; a longer one is a tag
MIN_DETOUR = 12  # layers of a branch to smaller images that is not written in braces


class Single(NamedTuple):
    """A layer, or an input other than the main one."""

    node: int


class Branched(NamedTuple):
    """Branches with a common input, and the node that joins them; an empty branch is the input itself."""

    node: int
    branches: tuple[tuple["Part", ...], ...]


class Joined(NamedTuple):
    """The join of the output before it and a node anywhere before."""

    node: int
    other: int


class Start(NamedTuple):
    """Goes on from the output of a node before."""

    node: int


Part = Single | Branched | Joined | Start


class Structure(NamedTuple):
    """The parts of a network in sequence.

    Attributes
    ----------
    parts : tuple of Part
    sides : list of (int, tuple of Part)
        Side outputs: the node after which each comes, and what it consists of; empty for the output of that
        node.
    """

    parts: tuple[Part, ...]
    sides: list[tuple[int, tuple[Part, ...]]]


def find_structure(graph: Dataflow) -> Structure:
    """Return the structure of a network.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> from convcli.networks.text.dataflow import read_dataflow
    >>> net = network("conv 3 f1, add { relu | dropout }, cat { conv 3 f1, relu | }", (9, 9, 3))
    >>> find_structure(read_dataflow(net.layers, [(0, net.input)])).parts
    ... # doctest: +NORMALIZE_WHITESPACE
    (Single(node=2), Branched(node=5, branches=((Single(node=3),), (Single(node=4),))),
     Branched(node=8, branches=((Single(node=6), Single(node=7)), ())))
    """
    finder = _Finder(graph)
    if not graph.ends:
        return Structure((), [])
    main = _flat(_run_all(finder.run(graph.ends[-1], 1)).parts)
    hosts = {node: (order, node) for order, node in enumerate(_nodes(main))}
    if graph.inputs == 1:
        hosts[1] = (-1, 1)
    sides: list[tuple[int, tuple[Part, ...]]] = []
    for end in graph.ends[:-1]:
        if end in finder.order:
            sides.append((end, ()))
            continue
        body = _flat(_run_all(finder.run(end, ROOT)).parts)
        inside = set(_nodes(body))
        read = [node for node in _references(body) if node not in inside]
        host = max((hosts[node] for node in read), default=(-1, 1))
        hosts |= dict.fromkeys(inside, host)
        if body and body[0] == Start(host[1]) and (host[1] > graph.inputs or graph.inputs == 1):
            body = body[1:]
        sides.append((host[1], body))
    return Structure(main, sides)


_Parts = list["Part | _Parts"]  # lists within lists, flattened at the end


class _Run(NamedTuple):
    """Parts in sequence, from a node to another.

    Attributes
    ----------
    parts : list
    layers : int
        Number of layers.
    depth : int
        Braces within braces.
    area : float
        The smallest product of sides of an output.
    """

    parts: "_Parts"
    layers: int = 0
    depth: int = 0
    area: float = inf


class _Frame:
    """A join whose branches are being followed: where their nodes begin, and whether they read each other."""

    def __init__(self, start: int) -> None:
        self.start = self.branch = start
        self.is_crossed = False


_Walk = Generator["_Walk", _Run, _Run]


def _run_all(walk: _Walk) -> _Run:
    """Run a generator that asks for the results of others, to any depth."""
    waiting = [walk]
    result: _Run | None = None
    while waiting:
        try:
            waiting.append(waiting[-1].send(result) if result is not None else next(waiting[-1]))
            result = None
        except StopIteration as stop:
            waiting.pop()
            result = stop.value
    assert result is not None
    return result


class _Finder:
    """Follows a network from its end: every layer is placed where it is first needed."""

    def __init__(self, graph: Dataflow) -> None:
        self.graph = graph
        self.order = {ROOT: -2, 1: -1} if graph.inputs == 1 else {ROOT: -2}  # of the nodes placed so far
        self.frames: list[_Frame] = []
        self.starts: list[int] = []  # of the frames

    def run(self, sink: int, current: int) -> _Walk:
        """Place the nodes that lead to one, after the current one."""
        path, node = [], sink
        while node not in self.order:
            path.append(node)
            node = self.graph.dominators[node]
        parts: _Parts = []
        if node != current and node != ROOT:
            parts.append(self.refer(node))
        run = _Run(parts)
        for following in reversed(path):
            operands = self.graph.operands[following]
            if len(operands) == 1:
                run = self.extended(run, _Run([Single(following)], 1, 0, self.area(following)))
            else:
                run = self.extended(run, (yield self.join(following, node, operands)))
            node = following
            self.order[node] = len(self.order)
        return run

    def extended(self, run: _Run, other: _Run) -> _Run:
        """Return a run and another after it."""
        if len(other.parts) == 1:
            run.parts.append(other.parts[0])
        else:
            run.parts.append(other.parts)
        return _Run(
            run.parts, run.layers + other.layers, max(run.depth, other.depth), min(run.area, other.area)
        )

    def area(self, node: int) -> float:
        """Return the product of the sides of an output; infinite for a vector."""
        return prod(self.graph.sizes[node][:-1]) if len(self.graph.sizes[node]) > 1 else inf

    def refer(self, node: int) -> Start:
        """Return a part that reads a node, and notice if it is in another branch of a join that is open."""
        place = self.order[node]
        number = bisect_right(self.starts, place) - 1
        if number >= 0 and place < self.frames[number].branch:
            self.frames[number].is_crossed = True
        return Start(node)

    def join(self, node: int, current: int, operands: Sequence[int]) -> _Walk:
        """Place the branches of a join, those that are made last first, and the join."""
        frame = _Frame(len(self.order))
        self.frames.append(frame)
        self.starts.append(frame.start)
        runs: dict[int, _Run] = {}
        for operand in sorted(set(operands), reverse=True):
            frame.branch = len(self.order)
            runs[operand] = yield self.run(operand, current)
        self.frames.pop()
        self.starts.pop()
        filled = [operand for operand, run in runs.items() if run.layers]
        counts = Counter(operands)
        repeated = any(counts[operand] > 1 for operand in filled)
        depth = 1 + max(run.depth for run in runs.values())
        count = 1 + sum(run.layers for run in runs.values())
        whole = self.area(node)  # the inside of a gate, which is smaller, does not count
        area = min([whole, *(run.area for operand, run in runs.items() if self.area(operand) >= whole)])
        is_nested = not frame.is_crossed and not repeated and depth <= MAX_NESTED
        if len(operands) == len(filled) == 2:  # as in a feature pyramid
            is_nested &= not any(
                run.layers >= MIN_DETOUR and self.is_detour(node, current, run) for run in runs.values()
            )
        if is_nested and (
            len(filled) > 1
            or (filled and all(not runs[operand].parts for operand in operands if operand not in filled)
                and not self.is_far(node, current, runs[filled[0]], len(operands)))
        ):  # fmt: skip
            branches = tuple(_flat(runs[operand].parts) for operand in operands)
            return _Run([Branched(node, branches)], count, depth, area)
        parts: _Parts = []
        for number, operand in enumerate(filled):
            run = runs[operand]
            if number and (not run.parts or not isinstance(_first(run.parts), Start)):
                parts.append(Start(current))
            parts.append(run.parts)
        last = filled[-1] if filled else current
        if not filled and all(runs[operand].parts for operand in operands):  # none is the current output
            last = operands[0]
            parts.append(Start(last))
        if len(operands) == 2:
            parts.append(Joined(node, operands[operands[0] == last]))
            return _Run(parts, count, depth - 1, area)
        branches = tuple(() if operand == last else (Start(operand),) for operand in operands)
        parts.append(Branched(node, branches))
        return _Run(parts, count, max(depth - 1, 1), area)

    def is_far(self, node: int, current: int, run: _Run, operands: int) -> bool:
        """Whether a skip is better read as a tag: past many layers, or to smaller images and up again."""
        if operands > 2 or current <= self.graph.inputs:
            return False
        return run.layers > MAX_SKIPPED or self.is_detour(node, current, run)

    def is_detour(self, node: int, current: int, run: _Run) -> bool:
        """Whether a branch goes to smaller images and up again; that of a gate does not count."""
        if current <= self.graph.inputs:
            return False
        is_gate = min(self.area(operand) for operand in self.graph.operands[node]) < self.area(node)
        return not is_gate and run.area < min(self.area(current), self.area(node))


def _first(parts: "_Parts") -> "Part":
    while isinstance(parts[0], list):
        parts = parts[0]
    return parts[0]


def _flat(parts: "_Parts") -> tuple["Part", ...]:
    """Return the parts of lists within lists, to any depth."""
    found: list[Part] = []
    waiting: list[Part | _Parts] = [parts]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += reversed(part)
        elif isinstance(part, Start) and found and isinstance(found[-1], Start):
            found[-1] = part
        else:
            found.append(part)
    return tuple(found)


def _nodes(parts: Sequence["Part"]) -> "Generator[int]":
    """Yield the nodes in order of execution."""
    for part in parts:
        if isinstance(part, Branched):
            for branch in part.branches:
                yield from _nodes(branch)
        if not isinstance(part, Start):
            yield part.node


def _references(parts: Sequence["Part"]) -> "Generator[int]":
    """Yield the nodes that are read from elsewhere."""
    for part in parts:
        if isinstance(part, Branched):
            for branch in part.branches:
                yield from _references(branch)
        elif isinstance(part, Joined):
            yield part.other
        elif isinstance(part, Start):
            yield part.node

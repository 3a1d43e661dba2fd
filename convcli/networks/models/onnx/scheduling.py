"""The order in which nodes of a graph can run, and which of them its outputs need."""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Container, Sequence
from heapq import heapify, heappop, heappush
from typing import NoReturn

from convcli.networks.models.onnx.file import Node

__all__ = ["in_order", "needed"]

Reads = Callable[[Node], Collection[str]]
Fail = Callable[[Node, str], NoReturn]


def needed(nodes: Sequence[Node], outputs: Sequence[str], reads: Reads, fail: Fail) -> list[Node]:
    """Return the nodes that outputs depend on, in the order of the file.

    Parameters
    ----------
    nodes : sequence of Node
    outputs : sequence of str
        Names of values.
    reads : callable
        Returns the names that a node reads, those that its branches read among them.
    fail : callable
        Raises the error for a node that makes what another makes.
    """
    makers: dict[str, int] = {}
    for place, node in enumerate(nodes):
        for name in node.outputs:
            if name in makers:
                fail(node, f"makes {name[:200]!r}, which another node makes, too")
            if name:
                makers[name] = place
    wanted = deque(outputs)
    found: set[int] = set()
    while wanted:
        maker = makers.get(wanted.popleft(), -1)
        if maker >= 0 and maker not in found:
            found.add(maker)
            wanted.extend(reads(nodes[maker]))
    return [nodes[place] for place in sorted(found)]


def in_order(nodes: Sequence[Node], known: Container[str], reads: Reads, fail: Fail) -> Sequence[Node]:
    """Return nodes so that each comes after those whose outputs it reads; as in the file where possible.

    Parameters
    ----------
    nodes : sequence of Node
    known : container of str
        Names of values that exist before.
    reads : callable
        See `needed`.
    fail : callable
        Raises the error for a node that reads what nothing makes, or that needs its own output.
    """
    made: set[str] = set()
    for node in nodes:
        if any(name and name not in made and name not in known for name in reads(node)):
            return _sorted(nodes, known, reads, fail)
        made.update(node.outputs)
    return nodes


def _sorted(nodes: Sequence[Node], known: Container[str], reads: Reads, fail: Fail) -> list[Node]:
    makers = {name: place for place, node in enumerate(nodes) for name in node.outputs if name}
    readers: dict[int, list[int]] = defaultdict(list)
    waiting = [0] * len(nodes)
    for place, node in enumerate(nodes):
        for name in set(reads(node)):
            if name in makers:
                readers[makers[name]].append(place)
                waiting[place] += 1
            elif name and name not in known:
                fail(node, f"reads {name[:200]!r}, which no node makes")
    ready = [place for place, count in enumerate(waiting) if not count]
    heapify(ready)
    result: list[Node] = []
    while ready:
        place = heappop(ready)
        result.append(nodes[place])
        for reader in readers[place]:
            waiting[reader] -= 1
            if not waiting[reader]:
                heappush(ready, reader)
    if len(result) < len(nodes):
        _fail_cycle(nodes, waiting, makers, reads, fail)
    return result


def _fail_cycle(
    nodes: Sequence[Node], waiting: Sequence[int], makers: dict[str, int], reads: Reads, fail: Fail
) -> NoReturn:
    """Name a node of a cycle: going backwards from any that waits leads into one."""
    place = next(place for place, count in enumerate(waiting) if count)
    seen: set[int] = set()
    while place not in seen:
        seen.add(place)
        sources = (makers[name] for name in reads(nodes[place]) if name in makers)
        place = next(source for source in sources if waiting[source])
    fail(nodes[place], "needs its own output: the graph has a cycle")

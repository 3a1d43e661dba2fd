"""The order in which the nodes of a graph can run."""

from collections.abc import Collection, Sequence
from heapq import heapify, heappop, heappush

__all__ = ["topological_order"]


def topological_order(needed: Sequence[Collection[int]]) -> list[int]:
    """Return the places of nodes so that each comes after those that it needs, otherwise in their order.

    In linear time, but for a logarithm. Nodes of a cycle, and those that need them, are left out.

    Parameters
    ----------
    needed : sequence of collection of int
        For each node the places of those that it needs, each once.

    Examples
    --------
    >>> topological_order([[2], [], [1]]), topological_order([[1], [0], []])
    ([1, 2, 0], [2])
    """
    readers: list[list[int]] = [[] for _ in needed]
    for place, sources in enumerate(needed):
        for source in sources:
            readers[source].append(place)
    waiting = [len(sources) for sources in needed]
    ready = [place for place, count in enumerate(waiting) if not count]
    heapify(ready)
    order = []
    while ready:
        place = heappop(ready)
        order.append(place)
        for reader in readers[place]:
            waiting[reader] -= 1
            if not waiting[reader]:
                heappush(ready, reader)
    return order

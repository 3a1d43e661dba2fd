"""The order in which nodes of a graph can run, and which of them its outputs need."""

from collections import deque
from collections.abc import Callable, Collection, Container, Sequence
from typing import NoReturn

from convcli.networks.models.onnx.file import Node
from convcli.networks.models.ordering import topological_order

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
    sources: list[set[int]] = []
    for node in nodes:
        names = set(reads(node))
        sources.append({makers[name] for name in names if name in makers})
        for name in names:
            if name and name not in makers and name not in known:
                fail(node, f"reads {name[:200]!r}, which no node makes")
    order = topological_order(sources)
    if len(order) < len(nodes):
        _fail_cycle(nodes, sources, set(order), fail)
    return [nodes[place] for place in order]


def _fail_cycle(
    nodes: Sequence[Node], sources: Sequence[Collection[int]], done: Container[int], fail: Fail
) -> NoReturn:
    """Name a node of a cycle: going backwards from any that waits leads into one."""
    place = next(place for place in range(len(nodes)) if place not in done)
    seen: set[int] = set()
    while place not in seen:
        seen.add(place)
        place = next(source for source in sources[place] if source not in done)
    fail(nodes[place], "needs its own output: the graph has a cycle")

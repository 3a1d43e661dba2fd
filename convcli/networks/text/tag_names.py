"""Names for the tags of a network that came without text: those of the modules of a model file."""

import re

from convcli.networks.text.dataflow import Dataflow

__all__ = ["TagNames"]

MAX_NAME = 24  # letters


class TagNames:
    """The names of outputs, each chosen when it is first needed.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> from convcli.networks.text.dataflow import read_dataflow
    >>> net = network("relu, relu", (9, 9, 3))
    >>> names = TagNames(read_dataflow(net.layers, [(0, net.input)]))
    >>> names.of(3), names.of(2), names.of(3), names.of(1)
    ('skip1', 'skip2', 'skip1', 'input')
    """

    def __init__(self, graph: Dataflow) -> None:
        self._graph = graph
        self._names: dict[int, str] = {}
        self._taken: set[str] = set()
        self._counts: dict[str, int] = {}

    def of(self, node: int) -> str:
        """Return the name of a node's output: its tag, the end of its module's path, or a number."""
        if node not in self._names:
            self._names[node] = name = self._new_name(node)
            self._taken.add(name)
        return self._names[node]

    def _new_name(self, node: int) -> str:
        if not self._graph.is_layer(node):
            return self._free_name("input")
        stage = self._graph.stage(node)
        tag = stage.tags[0] if stage.tags else ""
        if tag and tag not in self._taken and tag.isprintable():  # others could move a terminal's cursor
            return tag
        module = re.sub(r"[^\w.:-]+", "-", stage.name).strip("-.")
        while len(module) > MAX_NAME and "." in module:
            module = module.partition(".")[2]
        return self._free_name(module[-MAX_NAME:]) if module else self._numbered("skip", 1)

    def _free_name(self, name: str) -> str:
        """Return a name that is not taken: a number is added if it is."""
        return name if name not in self._taken else self._numbered(f"{name}-", 2)

    def _numbered(self, name: str, first: int) -> str:
        number = self._counts.get(name, first)
        while f"{name}{number}" in self._taken:
            number += 1
        self._counts[name] = number + 1
        return f"{name}{number}"

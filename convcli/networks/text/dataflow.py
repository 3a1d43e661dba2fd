"""Which output each layer of a network reads, as a graph, and the layers that all paths to a layer pass."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from convcli.networks.layer_types.base import Size
from convcli.networks.layer_types.joins import JoinLayer
from convcli.networks.stages import Stage

__all__ = ["ROOT", "Dataflow", "read_dataflow"]

ROOT = 0  # the node before all inputs, see `Dataflow`


class Dataflow(NamedTuple):
    """The layers of a network as nodes of a directed graph, in order of execution.

    Node 0 stands before all inputs; nodes 1 to `inputs` are the inputs of the network, the first of them the
    main one; the layers follow.

    Attributes
    ----------
    stages : sequence of Stage
    inputs : int
        Number of inputs.
    operands : list of tuple of int
        The nodes that each node reads.
    dominators : list of int
        The nearest node before each node that all paths from node 0 pass.
    ends : tuple of int
        The nodes that nothing reads, and those that make outputs of the network, a node of several of them
        several times; the main one is last.
    sizes : list of tuple of int
        Size of each node's output.
    """

    stages: Sequence[Stage]
    inputs: int
    operands: list[tuple[int, ...]]
    dominators: list[int]
    ends: tuple[int, ...]
    sizes: list[Size]

    def stage(self, node: int) -> Stage:
        """Return the layer of a node."""
        return self.stages[node - self.inputs - 1]

    def is_layer(self, node: int) -> bool:
        """Whether a node is a layer, not an input."""
        return node > self.inputs


def read_dataflow(
    stages: Sequence[Stage], inputs: Sequence[tuple[int, Size]], outputs: Iterable[tuple[int, Size]] = ()
) -> Dataflow:
    """Return the graph of a network.

    Parameters
    ----------
    stages : sequence of Stage
    inputs : sequence of (int, tuple of int)
        Tensor and size of each input, the main one first.
    outputs : iterable of (int, tuple of int)
        Tensor and size of each output of the network, the main one last; besides those that nothing reads.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> net = network("conv 3 f1, add { relu | dropout }, cat { conv 3 f1, relu | }", (9, 9, 3))
    >>> graph = read_dataflow(net.layers, [(0, net.input)])
    >>> graph.operands[2:]
    [(1,), (2,), (2,), (3, 4), (5,), (6,), (7, 5)]
    >>> graph.dominators[2:], graph.ends
    ([1, 2, 2, 2, 5, 6, 5], (8,))
    """
    first = len(inputs) + 1
    operands: list[tuple[int, ...]] = [(), *[(ROOT,)] * len(inputs)]
    sizes: list[Size] = [(), *(size for _, size in inputs)]
    makers = _Makers()
    for node, (tensor, size) in enumerate(inputs, 1):
        makers.add(tensor, node, size)
    concatenations = _Concatenations()
    for node, stage in enumerate(stages, first):
        wanted = stage.output if len(stage.input_tensors) > 1 else stage.input
        read = tuple(makers.find(tensor, wanted) for tensor in stage.input_tensors)
        if isinstance(stage.layer, JoinLayer) and stage.layer.type == "cat":
            read = concatenations.shorten(read, node)
        operands.append(read or (ROOT,))
        sizes.append(stage.output)
        makers.add(stage.output_tensor, node, stage.output)
    seen = {operand for read in operands for operand in read}
    named = [node for node in (makers.find(tensor, size) for tensor, size in outputs) if node != ROOT]
    if first > 2:  # inputs are no ends, except that of a text
        named = [node for node in named if node >= first]
    known = seen | set(named)
    ends = sorted([*named, *(node for node in range(first, len(operands)) if node not in known)])
    if named:
        ends.remove(named[-1])
        ends.append(named[-1])
    return Dataflow(stages, len(inputs), operands, _dominators(operands), tuple(ends), sizes)


class _Makers:
    """The nodes that make tensors. A view has the tensor of its input; their sizes may tell them apart."""

    def __init__(self) -> None:
        # By tensor, and by its size, by its rank, or by neither.
        self._latest: dict[tuple[int, Size | int | None], int] = {}

    def add(self, tensor: int, node: int, size: Size) -> None:
        """Note the node that makes a tensor, or the latest view of it."""
        for key in (size, len(size), None):
            self._latest[tensor, key] = node

    def find(self, tensor: int, size: Size | None = None) -> int:
        """Return the node that makes a tensor: the latest of that size, else of that rank, else of all."""
        keys = (tensor, size), (tensor, len(size or ())), (tensor, None)
        return next((self._latest[key] for key in keys if key in self._latest), ROOT)


class _Concatenations:
    """The concatenations so far, to find those that begin with an earlier one."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[int, ...], int] = {}
        self._lengths: dict[tuple[int, ...], set[int]] = {}  # by the first two operands

    def shorten(self, read: tuple[int, ...], node: int) -> tuple[int, ...]:
        """Return what a concatenation reads, with an earlier one for the tensors that both begin with.

        Dense connections concatenate the outputs of more and more layers; the result is the same.
        """
        lengths = self._lengths.setdefault(read[:2], set())
        starts = (read[:length] for length in sorted(lengths, reverse=True) if length < len(read))
        start = next((start for start in starts if start in self._nodes), ())
        self._nodes.setdefault(read, node)
        lengths.add(len(read))
        return (self._nodes[start], *read[len(start) :]) if start else read


def _dominators(operands: Sequence[tuple[int, ...]]) -> list[int]:
    """Return the immediate dominator of each node; operands come before the nodes that read them.

    The dominator of a node in a graph without cycles is the nearest common ancestor of its operands in the
    tree of dominators. Source: ancestors are found with jump pointers: E. W. Myers, "An applicative
    random-access stack", Information Processing Letters 1983.
    """
    parents, depths, jumps = [ROOT], [0], [ROOT]
    for read in operands[1:]:
        parent = read[0]
        for other in read[1:]:
            one = parent
            while depths[one] != depths[other]:
                if depths[one] < depths[other]:
                    one, other = other, one
                one = jumps[one] if depths[jumps[one]] >= depths[other] else parents[one]
            while one != other:
                if jumps[one] != jumps[other]:
                    one, other = jumps[one], jumps[other]
                else:
                    one, other = parents[one], parents[other]
            parent = one
        jump = jumps[parent]
        far = depths[parent] - depths[jump] == depths[jump] - depths[jumps[jump]]
        parents.append(parent)
        depths.append(depths[parent] + 1)
        jumps.append(jumps[jump] if far else parent)
    return parents

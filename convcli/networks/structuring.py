"""The structure of a network that came without text: branches, joins, repeats and tags."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from convcli.networks.block_labels import block_label
from convcli.networks.layer_types.base import Size
from convcli.networks.layer_types.joins import JoinLayer
from convcli.networks.stages import Stage
from convcli.networks.text.recovery import recover_items
from convcli.networks.text.spec import From, Item, Join, JoinTag, Out, Repeat, Tag, Use

if TYPE_CHECKING:
    from convcli.networks.network import Network

__all__ = ["find_items"]


def find_items(network: "Network") -> "Network":
    """Return a network with its items, and its layers in their order.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> net = network("2 x { conv 8 f3 p1, relu }, add { conv 8 f1 | }", (9, 9, 3)).changed(items=())
    >>> find_items(net).blocks
    ('2 x { conv, relu }', 'add { conv | }')
    """
    inputs, outputs = _ports_of(network)
    recovered = recover_items(network.layers, inputs, outputs)
    walk = _Walk(_reordered(network.layers, recovered.stages))
    for block, item in enumerate(recovered.items):
        walk.block = block
        walk.follow((item,), 0)
    blocks = tuple(map(block_label, recovered.items))
    input_tags = tuple((name, number) for number, name in enumerate(recovered.input_tags))
    return network.changed(
        layers=tuple(walk.stages), blocks=blocks, items=recovered.items, input_tags=input_tags
    )


def _ports_of(network: "Network") -> tuple[list[tuple[int, Size]], list[tuple[int, Size]]]:
    """Return the tensor and the size of each input, and of each output, the main one last."""
    inputs = [(port.tensor, port.size) for port in network.inputs] or [(0, network.input)]
    outputs = [(port.tensor, port.size) for port in network.outputs]
    if outputs:
        main = network.main_output.tensor, network.main_output.size
        outputs.remove(main)
        outputs.append(main)
    return inputs, outputs


def _reordered(stages: Sequence[Stage], order: Sequence[int]) -> list[Stage]:
    """Return stages in another order; of those that share weights, the first one counts them."""
    owners: dict[int, int] = {}  # the new number of the first, by the old number of the owner
    found: list[Stage] = []
    for new, number in enumerate(order):
        stage, owner = stages[number], number
        while (shared := stages[owner].shares) is not None:
            owner = shared
        first = owners.setdefault(owner, new)
        if first != new:
            stage = stage._replace(shares=first, params=0, statistics=0)
        elif owner != number:
            params, statistics = stages[owner].params, stages[owner].statistics
            stage = stage._replace(shares=None, params=params, statistics=statistics)
        found.append(stage)
    return found


class _Walk:
    """Follows items in the order of the layers, and notes in each layer where it stands."""

    def __init__(self, stages: list[Stage]) -> None:
        self.stages = stages
        self.number = 0
        self.block = 0

    def follow(self, items: Sequence[Item], depth: int) -> None:
        lead = ""
        for item in items:
            start = self.number
            if isinstance(item, Tag):
                last = self.stages[self.number - 1]
                self.stages[self.number - 1] = last._replace(tags=(*last.tags, item.name))
            elif isinstance(item, From):
                lead = f"from @{item.name}"
            elif isinstance(item, Repeat):
                for _ in range(item.times):
                    self.follow(item.body, depth + 1)
            elif isinstance(item, Out):
                self.follow(item.body, depth + 1)
                self.lead(start, "out")
            elif isinstance(item, Join):
                self.join(item, depth)
            else:
                self.place(depth, tag=item.name if isinstance(item, JoinTag) else None)
                if isinstance(item, Use):
                    self.lead(start, f"use @{item.name}")
            if lead and start < self.number:
                self.lead(start, lead)
                lead = ""

    def join(self, item: Join, depth: int) -> None:
        for number, branch in enumerate(item.branches):
            start = self.number
            if item.splits:
                self.place(depth + 1)
            self.follow(branch, depth + 1)
            if number and start < self.number:
                self.stages[start] = self.stages[start]._replace(starts_branch=True)
        self.place(depth)

    def place(self, depth: int, tag: str | None = None) -> None:
        """Note where the next layer stands."""
        stage = self.stages[self.number]
        if tag is not None and isinstance(stage.layer, JoinLayer):
            stage = stage._replace(layer=JoinLayer(type=stage.layer.type, tag=tag))
        self.stages[self.number] = stage._replace(depth=depth, block=self.block, tags=())
        self.number += 1

    def lead(self, number: int, words: str) -> None:
        """Note the words of the text before a stage, if there is one."""
        if number < self.number:
            lead = self.stages[number].lead
            self.stages[number] = self.stages[number]._replace(lead=f"{words}: {lead}" if lead else words)

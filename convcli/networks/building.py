"""Building a network from a spec and an input size, in one pass over the layers."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NoReturn

from convcli.errors import SizeError, suggestion
from convcli.networks.block_labels import block_label
from convcli.networks.layer_types.base import (
    Layer,
    Sides,
    Size,
    UnknownChannelsError,
    channels_of,
    rank_of,
    sides_of,
)
from convcli.networks.layer_types.cropping import Slice
from convcli.networks.layer_types.joins import JoinLayer
from convcli.networks.network import Network, Port, with_channels_hint
from convcli.networks.stages import SequentialBuilder, Stage, Tensor, joined_fields
from convcli.networks.text.input_sizes import image_hint, merged_size, possible_sizes, sound_hint
from convcli.networks.text.spec import (
    From,
    Item,
    Join,
    JoinKind,
    JoinTag,
    LayerItem,
    Out,
    Position,
    Repeat,
    Spec,
    Tag,
    Use,
)
from convcli.sizes.text import format_size

__all__ = ["NetworkBuilder", "build", "input_size", "likely_size"]

MAX_COMPARED = 1000  # tags with an unknown one: comparing takes time
MAX_LETTERS = 300  # of a list of tags, which may be long


def build(spec: Spec, size: Size | None = None) -> Network:
    """Build a network.

    Parameters
    ----------
    spec : Spec
    size : tuple of int, optional
        Of the input, see `input_size`.

    Raises
    ------
    SizeError
        The input has no size, or other channels than the spec says; or a layer is impossible: the message
        gives its position, the arithmetic with its numbers, and what would be possible.
    """
    sizes = _possible_sizes(spec, size)
    try:
        return _build(spec, sizes[0])
    except SizeError as error:
        if len(sizes) == 1:
            hint = image_hint(spec.input or size or (), spec.items)
            if not hint:
                raise
            raise SizeError(error.what, error.why + hint) from None
        first = error
    try:
        network = _build(spec, sizes[1])
    except SizeError:
        raise first from None
    if isinstance(first, UnknownChannelsError):  # which no other rank explains
        raise SizeError(first.what, first.why + sound_hint(sizes[0])) from None
    return network


def _build(spec: Spec, size: Size) -> Network:
    builder = NetworkBuilder(spec.source)
    tensor = Tensor.of_input(size)
    builder.tags = {tag.name: tensor for tag in spec.input_tags}
    try:
        tensor = builder.run_blocks(spec.items, tensor)
    except SizeError as error:
        raise with_channels_hint(error, size) from None
    for number, names in builder.tag_names.items():
        builder.stages[number] = builder.stages[number]._replace(tags=tuple(names))
    labels = tuple(map(block_label, spec.items))
    input_tags = tuple((tag.name, 0) for tag in spec.input_tags)
    ports = builder.ports(tensor)
    return Network(size, tuple(builder.stages), labels, spec.items, outputs=ports, input_tags=input_tags)


def input_size(spec: Spec, size: Size | None) -> Size:
    """Return the size of a network's input.

    Parameters
    ----------
    spec : Spec
    size : tuple of int or None
        As typed. Overrides the sides of the spec's ``in``, which gives the channels that it does not have.

    Raises
    ------
    SizeError
        There is no size, or its channels or its rank contradict those of ``in``; or two numbers are the size
        of neither an image nor a sound for this network.

    Examples
    --------
    >>> from convcli.networks.text.grammar import parse_spec
    >>> input_size(parse_spec("in 32x32x1, conv 6 f5"), (28, 28))
    (28, 28, 1)
    >>> input_size(parse_spec("in 16x112x112x3, conv 64 f3x7x7"), (56,))
    (56, 56, 56, 3)
    """
    sizes = _possible_sizes(spec, size)
    return sizes[0] if len(sizes) == 1 else build(spec, size).input


def likely_size(spec: Spec, size: Size | None) -> Size | None:
    """Return the size of a network's input, on which the network need not be possible; None if there is none.

    Raises
    ------
    SizeError
        Its channels or its rank contradict those of ``in``.
    """
    if size is None and spec.input is None:
        return None
    sizes = _possible_sizes(spec, size)
    if len(sizes) == 1:
        return sizes[0]
    try:
        return build(spec, size).input
    except SizeError:
        return sizes[0]


def _possible_sizes(spec: Spec, size: Size | None) -> tuple[Size, ...]:
    """Return what the size of the input may be, the likeliest first."""
    if spec.input is not None and size is not None:
        return (merged_size(likely_size(spec, None) or (), size),)
    if size is None and spec.input is None:
        remedy = 'add --n 224x224x3, or begin it with "in 224x224x3"'
        if spec.source:
            raise SizeError(spec.source, f"has no input size: {remedy}")
        raise SizeError("the network has no input size", remedy)
    return possible_sizes(size or spec.input or (), spec.items)


class NetworkBuilder(SequentialBuilder):
    """Builds a list of layers with branches.

    Attributes
    ----------
    tags : dict
        The tagged outputs by name.
    tag_names : dict
        The names of the output of a stage, by the number of the stage.
    outputs : list of Tensor
        The side outputs.
    """

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.tags: dict[str, Tensor] = {}
        self.tag_names: dict[int, list[str]] = {}
        self.outputs: list[Tensor] = []
        self._tagged_stages: dict[int, range] = {}  # by the identity of the item, as it was run last
        self._used_at: Position | None = None  # of `use`, while it applies an item again
        self._parts: dict[tuple[int, int], list[Slice]] = {}  # of channels; equal ones are the same objects

    def run(self, items: Sequence[Item], tensor: Tensor, *, depth: int) -> Tensor:
        """Add items in sequence; return the output of the last.

        Raises
        ------
        SizeError
            A layer or a join is impossible, or a tag unknown.
        """
        return self._run(items, tensor, depth=depth)

    def run_blocks(self, items: Sequence[Item], tensor: Tensor) -> Tensor:
        """Add the items of the spec's top level, each as a block of its own; return the last output."""
        return self._run(self._blocks(items), tensor, depth=0)

    def _blocks(self, items: Sequence[Item]) -> Iterator[Item]:
        for self.block, item in enumerate(items):
            yield item

    def _run(self, items: Iterable[Item], tensor: Tensor, *, depth: int) -> Tensor:
        previous: Item | None = None
        start, given, lead = 0, tensor, ""
        for item in items:
            if isinstance(item, Tag):
                self.tag(item, previous, given, tensor, start)
                continue
            previous, given, start = item, tensor, len(self.stages)
            if isinstance(item, LayerItem):
                tensor = self.add(item.layer, self._used_at or item.position, tensor, depth=depth)
            elif isinstance(item, From):
                tensor = self.tagged(f"from @{item.name[:50]}", item)
                lead = f"from @{item.name}"
            else:
                tensor = self.run_item(item, tensor, depth=depth)
            if lead and start < len(self.stages):
                self.lead(start, lead)
                lead = ""
        return tensor

    def run_item(self, item: Repeat | Join | JoinTag | Out | Use, tensor: Tensor, *, depth: int) -> Tensor:
        """Add an item that is more than a layer; return its output."""
        if isinstance(item, Repeat):
            for _ in range(item.times):
                tensor = self.run(item.body, tensor, depth=depth + 1)
            return tensor
        if isinstance(item, Join):
            branches = self.run_branches(item, tensor, depth=depth)
            return self.join(item.kind, None, branches, self._used_at or item.position, depth=depth)
        if isinstance(item, JoinTag):
            tagged = self.tagged(f"{item.kind} @{item.name[:50]}", item)
            position = self._used_at or item.position
            return self.join(item.kind, item.name, [tensor, tagged], position, depth=depth)
        start = len(self.stages)
        if isinstance(item, Out):
            self.outputs.append(self.run(item.body, tensor, depth=depth + 1))
            self.lead(start, "out")
        else:
            tensor = self.use(item, tensor, depth=depth)
            self.lead(start, f"use @{item.name}")
        return tensor

    def run_branches(self, item: Join, tensor: Tensor, *, depth: int) -> list[Tensor]:
        """Add the branches of a join; return their outputs."""
        position = self._used_at or item.position
        inputs = self.split(item, tensor, position) if item.splits else None
        outputs: list[Tensor] = []
        for number, branch in enumerate(item.branches):
            start, given = len(self.stages), tensor
            if inputs is not None:
                given = self.add(inputs[number], position, tensor, depth=depth + 1)
            outputs.append(self.run(branch, given, depth=depth + 1))
            if number and start < len(self.stages):
                self.stages[start] = self.stages[start]._replace(starts_branch=True)
        return outputs

    def split(self, item: Join, tensor: Tensor, position: Position) -> list[Slice]:
        """Return the parts of the channels that the branches of a split read."""
        channels, count = channels_of(tensor.size), len(item.branches)
        part, rest = divmod(channels or 0, count)
        if rest:
            why = (
                f"needs channels that {count} divides, but {channels} / {count} leaves a remainder of {rest}"
            )
            self.fail(position, f"split {count} on {format_size(tensor.size)}", why)
        if (part, count) not in self._parts:
            ends = [part * number or None for number in range(count + 1)]
            self._parts[part, count] = [Slice(start=ends[n] or 0, stop=ends[n + 1]) for n in range(count)]
        return self._parts[part, count]

    def lead(self, number: int, words: str) -> None:
        """Note the words of the text before a stage, if there is one, which say what it reads."""
        if number < len(self.stages):
            stage = self.stages[number]
            self.stages[number] = stage._replace(lead=f"{words}: {stage.lead}" if stage.lead else words)

    def tag(self, tag: Tag, item: Item | None, given: Tensor, tensor: Tensor, start: int) -> None:
        """Name the output `tensor` of the item that was run last on `given`, and made stages from `start`."""
        del given
        self.tags[tag.name] = tensor
        self.tag_names.setdefault(len(self.stages) - 1, []).append(tag.name)
        self._tagged_stages[id(item)] = range(start, len(self.stages))

    def tagged(self, what: str, item: JoinTag | From) -> Tensor:
        """Return a tagged output, or refuse an unknown tag."""
        if item.name not in self.tags:
            purpose = "go on from" if isinstance(item, From) else "join with"
            self.fail(item.position, what, f"unknown tag; {self.known_tags(item.name, purpose)}")
        return self.tags[item.name]

    def use(self, item: Use, tensor: Tensor, *, depth: int) -> Tensor:
        """Apply a tagged item again, with the weights that it has."""
        numbers, start = self._tagged_stages[id(item.item)], len(self.stages)
        outer, self._used_at = self._used_at, self._used_at or item.position
        tensor = self.run((item.item,), tensor, depth=depth)
        for number, stage in zip(numbers, self.stages[start:], strict=True):
            first = self.stages[number]
            if _learned(first) != _learned(stage):
                self.fail(self._used_at, f"use @{item.name[:50]}", different_weights(first, stage))
            if first.params != 0 or first.statistics or first.shares is not None:
                shares = number if first.shares is None else first.shares
                self.stages[start + number - numbers.start] = stage._replace(
                    params=0, statistics=0, shares=shares
                )
        self._used_at = outer
        return tensor

    def ports(self, main: Tensor) -> tuple[Port, ...]:
        """Return all outputs, the main one last; nothing if the last layer makes the only one."""
        if not self.outputs and (not self.stages or main.number == self.stages[-1].output_tensor):
            return ()
        names = {tensor.number: name for name, tensor in self.tags.items()}
        return tuple(
            Port(names.get(tensor.number, ""), tensor.size, tensor.number) for tensor in (*self.outputs, main)
        )

    def known_tags(self, name: str, purpose: str) -> str:
        """Return a hint: the most similar tag, or all tags if they are few."""
        if not self.tags:
            return f"no earlier layer has a tag; put @{name[:50]} after the layer to {purpose}"
        known = suggestion(name, [tag[:50] for tag in list(self.tags)[-MAX_COMPARED:]])
        return known if len(known) <= MAX_LETTERS else f"{len(self.tags):,} other tags are defined before it"

    def join(
        self, kind: JoinKind, tag: str | None, tensors: Sequence[Tensor], position: Position, *, depth: int
    ) -> Tensor:
        """Add the join of several tensors; return its output."""
        layer = JoinLayer(type=kind, tag=tag)
        size = self.joined_size(layer, [tensor.size for tensor in tensors], position)
        fields, misaligned = joined_fields(tensors, sides_of(size))
        output_tensor = self.new_tensor()
        self.stages.append(
            Stage(
                layer, position, tensors[0].size, size, None, 0, 0, 0, fields, misaligned,
                depth, self.block, tuple(tensor.number for tensor in tensors), output_tensor,
            )
        )  # fmt: skip
        return Tensor(size, fields, output_tensor)

    def joined_size(self, layer: JoinLayer, sizes: Sequence[Size], position: Position) -> Size:
        """Return the size of a join of tensors of several sizes."""
        size = self._joined_size(layer, sizes, position)
        self.check_size(layer, size, position)
        return size

    def _joined_size(self, layer: JoinLayer, sizes: Sequence[Size], position: Position) -> Size:
        kind, rank = layer.type, max(map(rank_of, sizes))
        known = {channels_of(size) for size in sizes} - {None}
        is_known = all(channels_of(size) is not None for size in sizes)
        if kind == JoinKind.CAT:
            sides = sides_of(sizes[0])
            if any(sides_of(size) != sides for size in sizes):
                wanted = {1: "the same length", 2: "the same height and width"}.get(rank, "the same size")
                self._fail_sizes(layer, sizes, position, wanted if is_known else "the same size")
            return (*sides, sum(size[-1] for size in sizes)) if is_known else Sides(sides)
        ones = (1,) * rank
        images = [size for size in sizes if sides_of(size) != ones] if kind == JoinKind.MUL else []
        alike = images or sizes  # a product may have gates of one pixel, which all pixels share
        if len(known) > 1 or any(sides_of(size) != sides_of(alike[0]) for size in alike):
            gate = f", or {format_size(ones)}" * (kind == JoinKind.MUL and rank > 0)
            self._fail_sizes(layer, sizes, position, f"the same size{gate}")
        return next((size for size in alike if channels_of(size) is not None), alike[0])

    def _fail_sizes(self, layer: Layer, sizes: Sequence[Size], position: Position, wanted: str) -> NoReturn:
        shown = " and ".join(format_size(size) for size in sizes)
        self.fail(position, layer.text, f"its branches give {shown}; they must have {wanted}")


def _learned(stage: Stage) -> tuple[object, ...]:
    """Return what another stage must have to use the weights of this one."""
    statistics = stage.layer.statistics(channels_of(stage.input) or 0)
    return stage.weights, stage.biases, statistics


def different_weights(first: Stage, stage: Stage) -> str:
    """Return why a stage cannot use the weights of another one."""
    if first.weights is None:  # normalization without factors
        return (
            f"{first.text} has running statistics of {channels_of(first.input)} channels, but "
            f"{format_size(stage.input)} has {channels_of(stage.input)}; give it the same number of channels"
        )
    return (
        f"the weights of {first.text} are {format_size(first.weights or ())} on an input of "
        f"{format_size(first.input)}, but {format_size(stage.input)} needs "
        f"{format_size(stage.weights or ())}; give it the same number of channels"
    )

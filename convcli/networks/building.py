"""Building a network from a spec and an input size, in one pass over the layers."""

from collections.abc import Callable, Sequence
from typing import NoReturn

from convcli.errors import SizeError, suggestion
from convcli.networks.layer_types.base import Layer, Sides, Size, channels_of, rank_of, sides_of
from convcli.networks.layer_types.joins import JoinLayer
from convcli.networks.network import Network, with_channels_hint
from convcli.networks.stages import SequentialBuilder, Stage, Tensor, joined_fields
from convcli.networks.text.spec import Item, Join, JoinKind, JoinTag, LayerItem, Position, Repeat, Spec, Tag
from convcli.sizes.text import channels_last, format_size

__all__ = ["NetworkBuilder", "build", "input_size"]

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
    size = input_size(spec, size)
    builder = NetworkBuilder(spec.source)
    tensor = Tensor.of_input(size)
    try:
        for number, item in enumerate(spec.items):
            builder.block = number
            tensor = builder.run((item,), tensor, depth=0)
    except SizeError as error:
        raise with_channels_hint(error, size) from None
    for number, names in builder.tag_names.items():
        builder.stages[number] = builder.stages[number]._replace(tags=tuple(names))
    return Network(size, tuple(builder.stages), tuple(map(_block_label, spec.items)), spec.items)


def input_size(spec: Spec, size: Size | None) -> Size:
    """Return the size of a network's input.

    Parameters
    ----------
    spec : Spec
    size : tuple of int or None
        Overrides the height and width of the spec's ``in``. If it has no channels, they come from there.

    Raises
    ------
    SizeError
        There is no size, or its channels contradict those of ``in``.

    Examples
    --------
    >>> from convcli.networks.text.grammar import parse_spec
    >>> input_size(parse_spec("in 32x32x1, conv 6 f5"), (28, 28))
    (28, 28, 1)
    """
    if size is None:
        if spec.input is None:
            remedy = 'add --n 224x224x3, or begin it with "in 224x224x3"'
            if spec.source:
                raise SizeError(spec.source, f"has no input size: {remedy}")
            raise SizeError("the network has no input size", remedy)
        return _image_size(spec.input)
    channels = (spec.input or ())[2:]
    if len(size) == 2:
        return _image_size((*size, *channels))
    if channels and size[2:] != channels:
        channels_first = size[:1] == channels or channels_last(size) is not None
        sides = size[1:] if channels_first else size[:2]
        raise SizeError(
            f"input {format_size(size)}",
            f"has {size[2]} channel{'s'[: size[2] != 1]}, but the network begins with "
            f'"in {format_size(spec.input or ())}"; '
            f"channels come last: give {format_size((*sides, *channels))}",
        )
    return size


def _image_size(size: Size) -> Size:
    """Return a size as typed, in which two numbers are the sides of an image with unknown channels."""
    return Sides(size) if len(size) == 2 else size


def _block_label(item: Item) -> str:
    """Return a short text for an item of the top level, whose layers are not listed."""
    if isinstance(item, Repeat | Join):
        return _item_label(item, _inner_label)
    return item.layer.text if isinstance(item, LayerItem) else ""


def _inner_label(item: Item) -> str:
    """Return a shorter text for an item within another: its first word, and the layers that it repeats."""
    return _item_label(item, _first_word) if isinstance(item, Repeat) else _first_word(item)


def _first_word(item: Item) -> str:
    if isinstance(item, Repeat):
        return f"{item.times} x {{ ... }}"
    if isinstance(item, Join):
        return str(item.kind)
    return item.layer.text.partition(" ")[0] if isinstance(item, LayerItem) else ""


def _item_label(item: Repeat | Join, label: Callable[[Item], str]) -> str:
    """Return the text of a repeat or a join, with a label for each item within."""
    if isinstance(item, Repeat):
        return f"{item.times} x {{ {_labels(item.body, label)} }}"
    if len(item.branches) > 2:
        return f"{item.kind} {{ {len(item.branches)} branches }}"
    branches = " | ".join(_labels(branch, label) for branch in item.branches)
    return " ".join(f"{item.kind} {{ {branches} }}".split())


def _labels(items: Sequence[Item], label: Callable[[Item], str]) -> str:
    """Return the labels of several items, or of the first and the last of them."""
    labels = [label(item) for item in items if not isinstance(item, Tag | JoinTag)]
    return ", ".join(labels if len(labels) <= 2 else [labels[0], "...", labels[-1]])


class NetworkBuilder(SequentialBuilder):
    """Builds a list of layers with branches.

    Attributes
    ----------
    tags : dict
        The tagged outputs by name.
    tag_names : dict
        The names of the output of a stage, by the number of the stage.
    """

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.tags: dict[str, Tensor] = {}
        self.tag_names: dict[int, list[str]] = {}

    def run(self, items: Sequence[Item], tensor: Tensor, *, depth: int) -> Tensor:
        """Add items in sequence; return the output of the last.

        Raises
        ------
        SizeError
            A layer or a join is impossible.
        """
        for item in items:
            if isinstance(item, LayerItem):
                tensor = self.add(item.layer, item.position, tensor, depth=depth)
            elif isinstance(item, Tag):
                self.tags[item.name] = tensor
                self.tag_names.setdefault(len(self.stages) - 1, []).append(item.name)
            elif isinstance(item, Repeat):
                for _ in range(item.times):
                    tensor = self.run(item.body, tensor, depth=depth + 1)
            elif isinstance(item, Join):
                branches = []
                for branch in item.branches:
                    start = len(self.stages)
                    branches.append(self.run(branch, tensor, depth=depth + 1))
                    if start < len(self.stages) and len(branches) > 1:
                        self.stages[start] = self.stages[start]._replace(starts_branch=True)
                tensor = self.join(item.kind, None, branches, item.position, depth=depth)
            else:
                if item.name not in self.tags:
                    what = f"{item.kind} @{item.name[:50]}"
                    self.fail(item.position, what, f"unknown tag; {self.known_tags(item.name)}")
                tensor = self.join(
                    item.kind, item.name, [tensor, self.tags[item.name]], item.position, depth=depth
                )
        return tensor

    def known_tags(self, name: str) -> str:
        """Return a hint: the most similar tag, or all tags if they are few."""
        if not self.tags:
            return f"no earlier layer has a tag; put @{name[:50]} after the layer to join with"
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
        kind = layer.type
        known = [size for size in sizes if channels_of(size) is not None]
        first, sides = (known or sizes)[0], sides_of(sizes[0])
        if len(known) < len(sizes):  # some have unknown channels
            differ = kind != JoinKind.CAT and any(size != first for size in known)
            if differ or any(sides_of(size) != sides for size in sizes):
                self._fail_sizes(layer, sizes, position, "the same size")
            return Sides(sides) if kind == JoinKind.CAT else first
        if kind == JoinKind.CAT:
            if any(size[:-1] != first[:-1] for size in sizes):
                self._fail_sizes(layer, sizes, position, "the same height and width")
            return (*first[:-1], sum(size[-1] for size in sizes))
        if kind == JoinKind.MUL:
            ones = (1,) * max(map(rank_of, sizes))
            gates = [size for size in sizes if size[:-1] == ones]
            images = [size for size in sizes if size[:-1] != ones]
            if images and gates and {size[-1] for size in gates} == {images[0][-1]}:
                sizes, first = images, images[0]
        if any(size != first for size in sizes):
            self._fail_sizes(layer, sizes, position, "the same size" + ", or 1x1" * (kind == JoinKind.MUL))
        return first

    def _fail_sizes(self, layer: Layer, sizes: Sequence[Size], position: Position, wanted: str) -> NoReturn:
        shown = " and ".join(format_size(size) for size in sizes)
        self.fail(position, layer.text, f"its branches give {shown}; they must have {wanted}")

"""Networks as layer text, which reads back to the same sizes, parameters and multiply-accumulates."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, NoReturn

from convcli.errors import SizeError, SpecError
from convcli.networks.building import build
from convcli.networks.layer_types.convolution import Convolution
from convcli.networks.layer_types.dense import Flatten
from convcli.networks.layer_types.elementwise import Elementwise, Normalization, Prelu, Scale
from convcli.networks.layer_types.file_operation import FileOperation
from convcli.networks.layer_types.joins import JoinLayer
from convcli.networks.layer_types.pooling import AdaptivePooling, Pooling
from convcli.networks.layer_types.shuffling import ChannelShuffle
from convcli.networks.network import Network
from convcli.networks.stages import Stage
from convcli.networks.structuring import find_items
from convcli.networks.text.grammar import parse_spec
from convcli.networks.text.input_sizes import format_input
from convcli.networks.text.recovery import worded_layer
from convcli.networks.text.spec import From, Item, Join, JoinKind, JoinTag, LayerItem, Out, Repeat, Tag, Use
from convcli.sizes.text import format_size

__all__ = ["as_layer_text"]

WIDTH = 108  # of a line
INDENT = "    "
MAX_COMMENTS = 0.8  # with a module's name, for a line of text
MAX_LISTED = 5  # operations without words that an error names
LIGHT = (Elementwise, Normalization, Flatten, Prelu, Scale, ChannelShuffle)  # stay with the layer before them


def as_layer_text(network: Network, title: str = "") -> str:
    """Return a network in the words of the layer grammar.

    Parameters
    ----------
    network : Network
    title : str
        A comment for the first line.

    Raises
    ------
    SpecError
        The network cannot be written in the grammar: the message names the first operation that has no words.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> net = network("conv 8 f3 p1, relu, conv 8 f3 p1, relu, add { conv 8 f3 p1, relu | }", (9, 9, 3))
    >>> print(as_layer_text(net, "a residual block"), end="")
    # a residual block
    in 9x9x3
    2 x { conv 8 f3 p1, relu }
    add { conv 8 f3 p1, relu | }
    """
    _check_sayable(network)
    found = find_items(network)
    tags = "".join(f" @{name}" for name, _ in found.input_tags)
    lines = [f"# {title}"] if title else []
    lines.append(f"in {format_input(network.input)}{tags}")
    lines += _lines_of_modules(found)
    text = "".join(f"{line}\n" for line in lines)
    _check_reads_back(found, text)
    return text


class _Section(NamedTuple):
    """Items of the top level that belong to a module of a model file, or single layers outside of modules."""

    module: str
    layers: list[str]
    items: list[Item]

    @property
    def comment(self) -> list[str]:
        """The line above it, if it has a name."""
        name = self.module or ", ".join(list(dict.fromkeys(self.layers))[:MAX_LISTED])
        return [f"# {name}"] if name else []


def _lines_of_modules(network: Network) -> list[str]:
    """Return the lines of the top level, those of each module after a comment with its name.

    There are no comments if nearly every line would have one.
    """
    names: dict[int, str] = {}  # of the first layer in each item that has a name
    for stage in network.layers:
        if stage.name:
            names.setdefault(stage.block, stage.name)
    sections = [_Section("", [], [])]
    jumps: list[Item] = []  # which belong to what follows
    for number, item in enumerate(network.items):
        if isinstance(item, From):
            jumps.append(item)
            continue
        name = names.get(number, "")
        module = name.partition(".")[0] if "." in name else ""
        if name and module != sections[-1].module:
            sections.append(_Section(module, [], []))
        sections[-1].layers.extend([name] * bool(name))
        sections[-1].items.extend([*jumps, item])
        jumps = []
    sections[-1].items.extend(jumps)
    sections = [section for section in sections if section.items]
    if not any(section.module for section in sections):
        return _Writer().lines(network.items, WIDTH)
    written = [_Writer().lines(section.items, WIDTH) for section in sections]
    if len(sections) > MAX_COMMENTS * sum(map(len, written)):
        return _Writer().lines(network.items, WIDTH)
    return [
        line for section, lines in zip(sections, written, strict=True) for line in (*section.comment, *lines)
    ]


# Checks ---------------------------------------------------------------------------------------------------


def _fail(stage: Stage, why: str) -> NoReturn:
    name = f"layer `{stage.name}` ({stage.text})" if stage.name else f"layer `{stage.text}`"
    raise SpecError(name, f"cannot be written as text: {why}")


def _check_sayable(network: Network) -> None:
    """Refuse a network with an operation that has no words, or with several inputs."""
    if len(network.inputs) > 1:
        names = ", ".join(port.name or format_size(port.size) for port in network.inputs[:5])
        raise SpecError(
            f"a network of {len(network.inputs)} inputs ({names})",
            "cannot be written as text: layer text has one input",
        )
    sizes = {0: [network.input]} | {port.tensor: [port.size] for port in network.inputs}
    texts = set[str]()
    for stage in network.layers:
        layer = stage.layer
        if isinstance(layer, FileOperation):
            operations = [other.layer for other in network.layers if isinstance(other.layer, FileOperation)]
            others = list(dict.fromkeys(operation.text for operation in operations))[1:]
            more = f", nor for {', '.join(others[:MAX_LISTED])}" + ", ..." * (len(others) > MAX_LISTED)
            _fail(stage, "layer text has no word for it" + more * bool(others))
        joins = isinstance(layer, JoinLayer)
        if len(stage.input_tensors) != 1 and not joins:
            _fail(stage, f"it reads {len(stage.input_tensors)} arrays, where layer text has one")
        made = sizes.get(stage.input_tensors[0], [])
        if not joins and stage.input not in made:
            shown = format_size(made[-1]) if made else "nothing"
            _fail(
                stage,
                f"it reads {format_size(stage.input)}, but the layer before it gives {shown}; layer text "
                "has no word for what is between them",
            )
        made = made if stage.output_tensor in stage.input_tensors else []
        sizes[stage.output_tensor] = [*made, stage.output]
        text = worded_layer(stage).text
        if not joins and text not in texts:
            texts.add(text)
            try:
                parse_spec(text)
            except SpecError as error:
                _fail(stage, error.why)


def _check_reads_back(network: Network, text: str) -> None:
    """Compare the network of the text with the network, layer by layer."""
    try:
        built = build(parse_spec(text)).layers
    except SizeError as error:
        raise SpecError("the network", f"cannot be written as text: {error.what} {error.why}") from None
    for stage, again in zip(network.layers, built, strict=False):
        if stage.output != again.output or stage.macs != again.macs:
            _fail(stage, f"it would read back as {format_size(again.output)} with {again.macs or 0:,} MACs")
        if stage.params != again.params and stage.shares is None and again.shares is None:
            _fail(stage, f"it would read back with {again.params} parameters, not {stage.params}")
    totals = [(len(layers), sum(stage.params or 0 for stage in layers)) for layers in (network.layers, built)]
    if totals[0] != totals[1]:
        raise SpecError(
            f"the network of {totals[0][0]:,} layers and {totals[0][1]:,} parameters",
            f"cannot be written as text, which would have {totals[1][0]:,} and {totals[1][1]:,}",
        )


# Lines ----------------------------------------------------------------------------------------------------


class _Place(StrEnum):
    """Where an item stands on a line."""

    OWN = "own"  # on a line of its own
    FIRST = "first"  # at the beginning
    HEAD = "head"  # anywhere, and the line may be broken before it
    LAST = "last"  # anywhere, and nothing follows it
    REST = "rest"  # where the item before it is


def _place_of(item: Item, *, is_inner: bool) -> _Place:
    """Return where an item stands on a line; within braces, only repeats and outputs begin one."""
    if isinstance(item, Repeat | Out):
        return _Place.OWN
    if isinstance(item, From):
        return _Place.FIRST
    if isinstance(item, Join):
        return _Place.HEAD if is_inner else _Place.FIRST
    if not isinstance(item, LayerItem) or isinstance(item.layer, LIGHT):
        return _Place.REST
    if is_inner:
        return _Place.HEAD
    if isinstance(item.layer, AdaptivePooling):
        return _Place.FIRST
    if isinstance(item.layer, Pooling):
        return _Place.HEAD if max(item.layer.stride or item.layer.window) == 1 else _Place.LAST
    is_strided = isinstance(item.layer, Convolution) and max(item.layer.stride) > 1
    return _Place.FIRST if is_strided else _Place.HEAD


class _Writer:
    """Writes items as lines of limited width."""

    def lines(self, items: Sequence[Item], width: int, *, is_inner: bool = False) -> list[str]:
        """Return the lines of items in sequence."""
        found: list[str] = []
        group: list[str] = []  # items that stay together
        after_block = is_closed = False

        def add_group() -> None:
            nonlocal group, is_closed
            text = ", ".join(group)
            if not group:
                return
            if found and not is_closed and len(found[-1]) + 2 + len(text) <= width:
                found[-1] += f", {text}"
            else:
                found.append(text)
            group, is_closed = [], False

        for texts, item in self.grouped(items):
            inline = " ".join(texts)
            place = _place_of(item, is_inner=is_inner)
            if place != _Place.REST or len(inline) > width:
                add_group()
                is_closed = is_closed or place in (_Place.OWN, _Place.FIRST)
                is_closed = is_closed or (after_block and place == _Place.HEAD)
                after_block = isinstance(item, Join) and item.kind != JoinKind.MUL and not is_inner
            if len(inline) > width and isinstance(item, Repeat | Join | Out):
                found += self.block(item, width)
                found[-1] += "".join(f" {tag}" for tag in texts[1:])
                after_block, is_closed = True, False
            else:
                group.append(inline)
            if place in (_Place.OWN, _Place.LAST):
                add_group()
                is_closed = True
        add_group()
        return found

    def grouped(self, items: Sequence[Item]) -> list[tuple[list[str], Item]]:
        """Return the text of each item, and the tags after it."""
        found: list[tuple[list[str], Item]] = []
        for item in items:
            if isinstance(item, Tag):
                found[-1][0].append(f"@{item.name}")
            else:
                found.append(([self.inline(item)], item))
        return found

    def inline(self, item: Item) -> str:
        """Return an item as one line."""
        if isinstance(item, LayerItem):
            return item.layer.text
        if isinstance(item, JoinTag):
            return f"{item.kind} @{item.name}"
        if isinstance(item, From):
            return f"from @{item.name}"
        if isinstance(item, Use):
            return f"use @{item.name}"
        if isinstance(item, Join):
            branches = " | ".join(map(self.sequence, item.branches))
            return " ".join(f"{self.opening(item)} {{ {branches} }}".split())
        assert isinstance(item, Repeat | Out)
        return " ".join(f"{self.opening(item)} {{ {self.sequence(item.body)} }}".split())

    def sequence(self, items: Sequence[Item]) -> str:
        return ", ".join(" ".join(texts) for texts, _ in self.grouped(items))

    def opening(self, item: Item) -> str:
        """Return what stands before the brace of an item."""
        if isinstance(item, Repeat):
            return f"{item.times} x"
        if isinstance(item, Join):
            return f"split {len(item.branches)}" if item.splits else str(item.kind)
        return "out"

    def block(self, item: Repeat | Join | Out, width: int) -> list[str]:
        """Return an item as several lines."""
        found = [f"{self.opening(item)} {{"]
        branches = item.branches if isinstance(item, Join) else (item.body,)
        for number, branch in enumerate(branches):
            lines = self.lines(branch, width - len(INDENT) - 2, is_inner=True) or [""]
            if number:
                lines = [f"| {lines[0]}".rstrip(), *(f"  {line}" for line in lines[1:])]
            found += [INDENT + line for line in lines if line]
        return [*found, "}"]

"""Search for input sizes: the sides at which every pixel is read, and the smallest side that works.

Text is followed layer by layer, and what layers make of a size is remembered; a model file is evaluated
anew at every side.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from convcli.errors import SizeError, UsageError
from convcli.networks.building import NetworkBuilder, build, likely_size
from convcli.networks.layer_types.base import AnyAxis, Layer, Size, shortest
from convcli.networks.layer_types.joins import JoinLayer
from convcli.networks.layer_types.shuffling import PixelUnshuffle
from convcli.networks.stages import Tensor
from convcli.networks.text.input_sizes import square_size
from convcli.networks.text.spec import (
    From,
    Item,
    Join,
    JoinKind,
    JoinTag,
    LayerItem,
    Position,
    Spec,
    Tag,
    Use,
    walk,
)
from convcli.sizes.text import NamedPadding, format_size
from convcli.sizes.windowed import Axis

if TYPE_CHECKING:
    from convcli.networks.models.reading import ModelFile
    from convcli.networks.network import Network

__all__ = ["FullRead", "first_unread_layer", "smallest_side", "valid_sides"]

MAX_TRIED = 4096  # sides, for a network that may work at a side and fail at a larger one
MAX_BITS = 1600  # of a side that can still be typed
MAX_WORK = 10_000_000  # layers that are followed, for all sides together: some ten seconds
COMPUTING = 10  # how many layers can be followed while the output of another one is computed
MAX_MODEL_WORK = 200_000  # layers of a model file that are computed, for all sides together
MAX_KEPT = 1_000_000  # outputs of layers, to bound memory


class FullRead(NamedTuple):
    """The rule that layers read every row and column of their input.

    Attributes
    ----------
    exempt : tuple of int or None
        Kernel size of layers that may skip some, one number or one per axis: the strided 1x1 convolutions of
        shortcuts do so at any side.

    Examples
    --------
    >>> gaps = (Axis(side=8, window=1, stride=2),) * 2
    >>> FullRead().unread(gaps), FullRead((1, 1)).unread(gaps)
    (4, 0)
    """

    exempt: tuple[int, ...] | None = None

    def unread(self, axes: Sequence[AnyAxis] | None) -> int | str:
        """Return how many rows or columns of its input a layer never reads, whichever is more."""
        windows = tuple(getattr(axis, "window", 0) for axis in axes or ())
        if not axes or (self.exempt and shortest(self.exempt) == shortest(windows)):
            return 0
        counts = [axis.unread_count() for axis in axes]
        return "an unknown number" if None in counts else max(count or 0 for count in counts)


def valid_sides(
    source: "Spec | ModelFile",
    size: Size | str | None,
    sides: range,
    *,
    exempt: tuple[int, ...] | None = None,
) -> Iterator[int]:
    """Return the sides of square inputs at which every layer reads every row and column.

    Parameters
    ----------
    source : Spec or ModelFile
    size : tuple of int, str or None
        An input that gives the channels, if the source has none; a text for a model file.
    sides : range
    exempt : tuple of int or None
        See `FullRead`.

    Raises
    ------
    UsageError
        There are too many layers to follow so many sides.

    Examples
    --------
    >>> from convcli.networks.sources import read_spec
    >>> list(valid_sides(read_spec("conv 8 f11 s4, maxpool f3 s2"), (1, 1, 3), range(220, 240)))
    [227, 235]
    """
    return filter(_trial(source, size, FullRead(exempt)), sides)


def _trial(
    source: "Spec | ModelFile", size: Size | str | None, rule: FullRead | None = None
) -> Callable[[int], bool]:
    """Return a function that checks whether a side works, and whether layers follow a rule."""
    if isinstance(source, Spec):
        follower = _SizeFollower(source, rule)
        template = _template(source, size)
        return lambda side: follower.works_on(square_size(template, side, source.items))
    work = 0

    def works(side: int) -> bool:
        nonlocal work
        try:
            layers = _at(source, size, side).layers
        except SizeError:
            return False
        work += len(layers)
        if work > MAX_MODEL_WORK:
            raise UsageError(
                source.path, f"has too many layers to try so many sides: more than {MAX_MODEL_WORK:,} in all"
            )
        return rule is None or not any(rule.unread(stage.axes) for stage in layers)

    return works


def _at(source: "Spec | ModelFile", size: Size | str | None, side: int) -> "Network":
    """Return the network on a square input."""
    if isinstance(source, Spec):
        return build(source, square_size(_template(source, size), side, source.items))
    assert size is None or isinstance(size, str), "the sizes of model files are texts"
    return source.square(side, size)


def first_unread_layer(
    source: "Spec | ModelFile", size: Size | str | None, side: int, *, exempt: tuple[int, ...] | None = None
) -> str:
    """Return, as text, the first layer that is impossible or does not read all of its input.

    Examples
    --------
    >>> from convcli.networks.sources import read_spec
    >>> first_unread_layer(read_spec("conv 8 f3, maxpool f2"), (1, 1, 3), 9)
    'at 9, maxpool f2 (line 1, column 12) never reads 1 of its 7 rows'
    """
    try:
        network = _at(source, size, side)
    except SizeError as error:
        return f"at {side}, {error.what}: {error.why}"
    for stage in network.layers:
        if count := FullRead(exempt).unread(stage.axes):
            axis = max(stage.axes or (), key=lambda axis: axis.unread_count() or 0)
            why = ""
            if isinstance(axis, Axis) and axis.stride > axis.extent:
                window = format_size(getattr(axis, "window", 1) for axis in stage.axes or ())
                why = f": its stride skips them at every side; --ignore-unread-by {window} exempts it"
            where = f"{stage.text} ({stage.place})" if stage.place else stage.text
            places = "positions" if len(stage.axes or ()) == 1 else "rows"
            return f"at {side}, {where} never reads {count} of its {axis.side} {places}{why}"
    return f"at {side}, every row and column is read"


def smallest_side(source: "Spec | ModelFile", size: Size | str | None) -> int:
    """Return the side of the smallest square input on which no layer is impossible.

    The arguments are those of `valid_sides`.

    Raises
    ------
    SizeError
        No side works, or none of those tried does.
    UsageError
        There are too many layers to try so many sides.

    Examples
    --------
    >>> from convcli.networks.sources import read_spec
    >>> smallest_side(read_spec("in 32x32x1\\nconv 6 f5, maxpool f2, conv 16 f5"), None)
    14
    """
    works = _trial(source, size)
    if not isinstance(source, Spec) or not _is_monotone(source.items):
        side = next(filter(works, range(1, MAX_TRIED + 1)), None)
        return _raise_last_error(source, size) if side is None else side
    fits = 1
    while not works(fits):
        fits *= 2
        if fits.bit_length() > MAX_BITS:
            _raise_last_error(source, size)
    low = fits // 2
    while fits - low > 1:
        middle = (low + fits) // 2
        low, fits = (low, middle) if works(middle) else (middle, fits)
    return fits


def _is_monotone(items: Sequence[Item]) -> bool:
    """Whether every input larger than one that works works.

    Not where sizes must fit each other (branches, layers used again), with named paddings and with sides that
    must be divisible.
    """
    return not any(
        isinstance(item, Join | JoinTag | Use)
        or (
            isinstance(item, LayerItem)
            and (
                isinstance(item.layer, PixelUnshuffle)
                or isinstance(getattr(item.layer, "padding", None), NamedPadding)
            )
        )
        for item in walk(items)
    )


def _raise_last_error(source: "Spec | ModelFile", size: Size | str | None) -> NoReturn:
    """Raise the error of the last side tried."""
    try:
        _at(source, size, MAX_TRIED)
    except SizeError as error:
        raise SizeError(error.what, f"{error.why} (no side up to {MAX_TRIED} works)") from None
    raise AssertionError("a side that does not work was tried again")


def _template(spec: Spec, size: Size | str | None) -> Size | None:
    """Return the size of an input whose sides are to be found; None if nothing is known of it."""
    assert not isinstance(size, str), "the sizes of model files are texts"
    return likely_size(spec, size)


class _SizeFollower(NetworkBuilder):
    """Follows input sizes through a network; computes once what layers and groups of them make of a size."""

    def __init__(self, spec: Spec, rule: FullRead | None = None) -> None:
        super().__init__(spec.source)
        self.items = spec.items
        self.input_tags = spec.input_tags
        self.rule = rule  # a layer that does not follow it is impossible
        self.work = 0
        self._has_tags: dict[int, bool] = {}  # of items in sequence, by their identity
        self._numbers: dict[int, int] = {}  # of a layer, by its identity; equal layers have one number
        self._numbers_by_layer: dict[tuple[object, ...], int] = {}
        self._outputs: dict[tuple[int, Size], Tensor | None] = {}  # of layers and groups; None: impossible
        # Items that `use` applies again, by their identity.
        self._used = {id(item.item) for item in walk(spec.items) if isinstance(item, Use)}
        self._weights: dict[int, Sequence[Size | None]] = {}  # of these, as they were run last

    def works_on(self, size: Size) -> bool:
        """Whether no layer is impossible on an input of that size."""
        tensor = Tensor(size, None, 0)
        self.tags = {tag.name: tensor for tag in self.input_tags}
        self.outputs.clear()
        try:
            self.run(self.items, tensor, depth=0)
        except SizeError:
            return False
        return True

    def run(self, items: Sequence[Item], tensor: Tensor, *, depth: int) -> Tensor:
        number = id(items)
        if number not in self._has_tags:
            self._has_tags[number] = any(isinstance(item, Tag | JoinTag | From | Use) for item in walk(items))
        if self._has_tags[number]:
            return super().run(items, tensor, depth=depth)
        return self._remembered(
            number, tensor, lambda: super(_SizeFollower, self).run(items, tensor, depth=depth)
        )

    def add(self, layer: Layer, position: Position | None, tensor: Tensor, *, depth: int) -> Tensor:
        del depth
        number = self._numbers.get(id(layer))
        if number is None:
            exact = type(layer), *vars(layer).values()  # equal layers may differ in the inputs that they fit
            number = -1 - self._numbers_by_layer.setdefault(exact, len(self._numbers_by_layer))
            self._numbers[id(layer)] = number
        return self._remembered(number, tensor, lambda: self._output(layer, position, tensor.size))

    def join(
        self, kind: JoinKind, tag: str | None, tensors: Sequence[Tensor], position: Position, *, depth: int
    ) -> Tensor:
        del depth
        self._count(len(tensors))
        sizes = [tensor.size for tensor in tensors]
        return Tensor(self.joined_size(JoinLayer(type=kind, tag=tag), sizes, position), None, 0)

    def tag(self, tag: Tag, item: Item | None, given: Tensor, tensor: Tensor, start: int) -> None:
        del start
        self.tags[tag.name] = tensor
        if item is not None and id(item) in self._used:
            self._weights[id(item)] = self._weights_of(item, given)

    def use(self, item: Use, tensor: Tensor, *, depth: int) -> Tensor:
        if self._weights_of(item.item, tensor) != self._weights[id(item.item)]:
            self.fail(item.position, f"use @{item.name[:50]}", "needs other weights")
        return self.run((item.item,), tensor, depth=depth)

    def _weights_of(self, item: Item, tensor: Tensor) -> list[Size | None]:
        """Return the shapes of the weights and biases that an item needs for an input."""
        builder = _WeightsFollower(self.source)
        builder.tags = dict(self.tags)
        builder.run((item,), tensor, depth=0)
        self._count(COMPUTING * len(builder.stages))
        return [shape for stage in builder.stages for shape in (stage.weights, stage.biases)]

    def _output(self, layer: Layer, position: Position | None, size: Size) -> Tensor:
        self._count(COMPUTING)
        _, axes, output, _, _ = self.measure(layer, position, size)
        if self.rule is not None and self.rule.unread(axes):
            raise SizeError(layer.text, "does not read all of its input")
        return Tensor(output, None, 0)

    def _remembered(self, number: int, tensor: Tensor, compute: Callable[[], Tensor]) -> Tensor:
        """Return the output of a layer or a group, computed if it is not known yet."""
        self._count(1)
        known = number, tensor.size
        if known not in self._outputs:
            output = None
            with suppress(SizeError):
                output = compute()
            if len(self._outputs) >= MAX_KEPT:
                self._outputs.clear()
            self._outputs[known] = output
        output = self._outputs[known]
        if output is None:
            raise SizeError(f"input {tensor.size}", "is impossible")
        return output

    def _count(self, work: int) -> None:
        self.work += work
        if self.work > MAX_WORK:
            raise UsageError(
                self.source or "the network",
                f"has too many layers to try so many sides: more than {MAX_WORK:,} layers in all; try fewer "
                "sides, or a part of the network",
            )


class _WeightsFollower(NetworkBuilder):
    """Builds an item by itself: what it uses again is built as if it were written there."""

    def use(self, item: Use, tensor: Tensor, *, depth: int) -> Tensor:
        return self.run((item.item,), tensor, depth=depth)

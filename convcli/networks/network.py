"""A network: its layers in order, with sizes, parameters and costs."""

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from math import prod
from operator import attrgetter
from typing import TYPE_CHECKING, ClassVar, NamedTuple, NoReturn

from convcli.errors import SizeError
from convcli.networks.layer_types.base import AnyAxis, Layer, Size, channels_of, sum_if_known
from convcli.networks.layer_types.convolution import Convolution, Depthwise, TransposedConvolution
from convcli.networks.layer_types.dense import Dense, Flatten
from convcli.networks.layer_types.pooling import AdaptivePooling
from convcli.networks.receptive_fields import ReceptiveField
from convcli.sizes.text import MAX_DIGITS, channels_last, format_size

if TYPE_CHECKING:
    from convcli.networks.spec import Item, Position


__all__ = [
    "JoinLayer",
    "Network",
    "ReceptiveFields",
    "SequentialBuilder",
    "Stage",
    "Tensor",
    "single_layer",
    "with_channels_hint",
]

ReceptiveFields = tuple[ReceptiveField, ReceptiveField]
"""The receptive field along the height and along the width."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class JoinLayer(Layer):
    """The join of branches, as a layer without parameters."""

    type: str
    tag: str | None = None

    @property
    def text(self) -> str:
        """The join in the words of the layer grammar, without its branches."""
        return f"{self.type}" if self.tag is None else f"{self.type} @{self.tag}"


class Stage(NamedTuple):
    """A layer within a network.

    Attributes
    ----------
    layer : Layer
    position : Position or None
        Position in the spec; None for a layer given by options.
    input, output : tuple of int
    axes : pair or None
        How its windows slide; None for a layer without windows.
    params, macs : int or None
        None if channels or filters are unknown.
    statistics : int
        Number of running statistics.
    fields : pair of ReceptiveField, or None
        Receptive field in the network's input; None after `Flatten`, where it is all of the input.
    misaligned : str
        For a join, how the centers of its branches differ; empty if they do not.
    depth : int
        Number of braces around it.
    block : int
        Index of the item of the spec's top level that it belongs to.
    input_tensors : tuple of int
    output_tensor : int
        Numbers of its input and output tensors: 0 is the network's input; a view returns its input.
    starts_branch : bool
        Whether it is the first layer of a branch other than the first.
    tags : tuple of str
        Names of its output.
    """

    layer: Layer
    position: "Position | None"
    input: Size
    output: Size
    axes: tuple[AnyAxis, AnyAxis] | None
    params: int | None
    macs: int | None
    statistics: int
    fields: ReceptiveFields | None
    misaligned: str
    depth: int
    block: int
    input_tensors: tuple[int, ...]
    output_tensor: int
    starts_branch: bool = False
    tags: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        return self.layer.text

    @property
    def activations(self) -> int | None:
        """Number of output values; None if the channels are unknown."""
        return None if channels_of(self.output) is None else prod(self.output)

    @property
    def weights(self) -> Size | None:
        """Shape of the weights; None if there are none or it is unknown."""
        channels = channels_of(self.input)
        return None if channels is None else self.layer.weights(channels)

    @property
    def biases(self) -> Size | None:
        """Shape of the bias; None if there is none or it is unknown."""
        channels = channels_of(self.input)
        return None if channels is None else self.layer.biases(channels)

    @property
    def connections(self) -> int | None:
        """Number of input values that an output value depends on; None if it varies or is unknown."""
        channels = channels_of(self.input)
        return None if channels is None else self.layer.connections(channels)

    @property
    def dense_equivalent(self) -> "Stage | None":
        """The dense layer between the same sizes, for a convolution with known sizes."""
        if not isinstance(self.layer, Convolution | Depthwise | TransposedConvolution) or self.macs is None:
            return None
        layer = Dense(units=prod(self.output), bias=self.biases is not None)
        return single_layer(layer, (prod(self.input),)).layers[0]


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """A network on an input of a given size.

    Attributes
    ----------
    input : tuple of int
    layers : tuple of Stage
        In order of execution: repeats written out, joins after their branches.
    blocks : tuple of str
        Short texts of the items of the spec's top level.
    items : tuple of Item
        The top level of the spec; empty for a layer given by options.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> net = network("conv 6 f5, maxpool f2, flatten, fc 10", (32, 32, 3))
    >>> net.output, net.params, net.macs
    ((10,), 12226, 364560)
    >>> [str(layer.text) for layer in net.layers][:2], net.layers[1].output
    (['conv 6 f5', 'maxpool f2'], (14, 14, 6))
    """

    input: Size
    layers: tuple[Stage, ...]
    blocks: tuple[str, ...] = ()
    items: "tuple[Item, ...]" = ()

    @property
    def output(self) -> Size:
        """Size of the last layer's output."""
        return self.layers[-1].output

    @property
    def stages_by_block(self) -> list[tuple[str, tuple[Stage, ...]]]:
        """The items of the spec's top level: the text of each, and its layers."""
        groups = (tuple(stages) for _, stages in groupby(self.layers, attrgetter("block")))
        return [
            (self.blocks[stages[0].block] if len(stages) > 1 else stages[0].text, stages) for stages in groups
        ]

    @property
    def params(self) -> int | None:
        """Parameters of all layers; None if channels or filters are unknown."""
        return sum_if_known(stage.params for stage in self.layers)

    @property
    def statistics(self) -> int:
        """Number of running statistics, which are kept but not learned."""
        return sum(stage.statistics for stage in self.layers)

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates of all layers for one input; None if unknown."""
        return sum_if_known(stage.macs for stage in self.layers)

    @property
    def activations(self) -> int | None:
        """Output values of all layers for one input; None if unknown."""
        return sum_if_known(stage.activations for stage in self.layers)

    @property
    def receptive_field(self) -> tuple[int | None, int | None] | None:
        """Height and width of the receptive field of the deepest features, see `fields`.

        None for an axis of which a unit sees all pixels; None for a network without an image.
        """
        return None if self.fields is None else (self.fields[0].size, self.fields[1].size)

    @property
    def fields(self) -> ReceptiveFields | None:
        """The receptive fields of the deepest features, before global pooling or flattening."""
        fields = None
        for stage in self.layers:
            if stage.depth == 0 and isinstance(stage.layer, AdaptivePooling | Flatten):
                break
            fields = stage.fields
        return fields

    @cached_property
    def peak_activations(self) -> int | None:
        """Maximum number of values held at once during inference, for one input.

        While a layer runs, these are its inputs, its output, and the outputs that later layers need. Layers
        that do nothing at inference, and `Flatten`, need no memory of their own.
        """
        if self.activations is None or channels_of(self.input) is None:
            return None
        last_use = {
            tensor: number for number, stage in enumerate(self.layers) for tensor in stage.input_tensors
        }
        ends: dict[int, list[int]] = {}
        for tensor, number in last_use.items():
            ends.setdefault(number, []).append(tensor)
        sizes = {0: prod(self.input)}
        live = peak = sizes[0]
        for number, stage in enumerate(self.layers):
            if stage.output_tensor not in sizes:
                sizes[stage.output_tensor] = stage.activations or 0
                live += sizes[stage.output_tensor]
            peak = max(peak, live)
            live -= sum(sizes[tensor] for tensor in ends.get(number, ()) if tensor != stage.output_tensor)
        return peak

    def __repr__(self) -> str:
        """Return the input size, the number of layers and the output size."""
        return f"<Network {format_size(self.input)}, {len(self.layers)} layers, {format_size(self.output)}>"

    def __str__(self) -> str:
        """Return the table of parameters and costs."""
        from convcli.networks.tables import params_table

        return params_table(self).as_text()


def single_layer(layer: Layer, size: Size) -> Network:
    """Return a network of one layer.

    Raises
    ------
    SizeError
        The layer is impossible on that size.

    Examples
    --------
    >>> single_layer(Dense(units=300), (16384,)).params
    4915500
    """
    builder = SequentialBuilder()
    try:
        builder.add(layer, None, Tensor.of_input(size), depth=0)
    except SizeError as error:
        raise with_channels_hint(error, size) from None
    return Network(size, tuple(builder.stages))


def with_channels_hint(error: SizeError, size: Size) -> SizeError:
    """Return an error that also asks about channels first, if the input looks like that.

    Examples
    --------
    >>> with_channels_hint(SizeError("filter 5 on input 3", "does not fit"), (3, 32, 32)).why
    'does not fit; if the channels come first, give the input as 32x32x3'
    """
    swapped = channels_last(size)
    if swapped is None:
        return error
    hint = f"if the channels come first, give the input as {format_size(swapped)}"
    return SizeError(error.what, f"{error.why}; {hint}")


class Tensor(NamedTuple):
    """What passes from one layer to the next: its size, its receptive fields and its number."""

    size: Size
    fields: ReceptiveFields | None
    number: int

    @classmethod
    def of_input(cls, size: Size) -> "Tensor":
        """Return the input of a network, which has number 0."""
        return cls(size, (ReceptiveField(), ReceptiveField()) if len(size) > 1 else None, 0)


class SequentialBuilder:
    """Builds a list of layers in sequence.

    Attributes
    ----------
    source : str
        The file of the spec, for messages.
    stages : list of Stage
    block : int
        Block index of the stages that are added.
    """

    _max_side: ClassVar[int] = 10**MAX_DIGITS
    _max_vector_length: ClassVar[int] = _max_side**3

    def __init__(self, source: str = "") -> None:
        self.source = source
        self.stages: list[Stage] = []
        self.block = 0
        self._tensors = 1  # 0 is the input

    def fail(self, position: "Position | None", what: str, why: str) -> NoReturn:
        """Raise a `SizeError` that names the file and the position."""
        parts = [part for part in (self.source, str(position or ""), what) if part]
        raise SizeError(", ".join(parts), why)

    def add(self, layer: Layer, position: "Position | None", tensor: Tensor, *, depth: int) -> Tensor:
        """Add a layer; return its output.

        Raises
        ------
        SizeError
            The layer is impossible on this input.
        """
        size, channels = tensor.size, channels_of(tensor.size)
        axes, output, params, macs = self.measure(layer, position, size)
        fields = None if isinstance(layer, Flatten) else tensor.fields
        if fields is not None and axes is not None:
            fields = fields[0].through(axes[0]), fields[1].through(axes[1])
        statistics = 0 if channels is None else layer.statistics(channels)
        output_tensor = tensor.number if layer.is_view else self.new_tensor()
        self.stages.append(
            Stage(
                layer, position, size, output, axes, params, macs, statistics, fields, "",
                depth, self.block, (tensor.number,), output_tensor,
            )
        )  # fmt: skip
        return Tensor(output, fields, output_tensor)

    def measure(
        self, layer: Layer, position: "Position | None", size: Size
    ) -> tuple[tuple[AnyAxis, AnyAxis] | None, Size, int | None, int | None]:
        """Return the axes of a layer's windows, its output size, its parameters and its MACs."""
        channels = channels_of(size)
        try:
            axes = layer.axes(size)
            output = layer.output(size)
            params = layer.params(channels) if channels is not None else None if layer.has_params else 0
            macs = layer.macs(size)
        except SizeError as error:
            if position is None:
                raise
            self.fail(position, f"{layer.text} on {format_size(size)}", f"{error.what} {error.why}")
        self.check_size(layer, output, position)
        return axes, output, params, macs

    def new_tensor(self) -> int:
        """Return a new number for an output that needs memory of its own."""
        self._tensors += 1
        return self._tensors - 1

    def check_size(self, layer: Layer, size: Size, position: "Position | None") -> None:
        """Refuse a size with so many digits that its products could not be printed."""
        if max(size) >= (self._max_vector_length if len(size) == 1 else self._max_side):
            self.fail(position, layer.text[:100], f"makes a size of more than {MAX_DIGITS} digits")

"""The layers of a network in sequence, each with its sizes, parameters and costs."""

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, ClassVar, NamedTuple, NoReturn

from convcli.errors import SizeError
from convcli.networks.layer_types.base import (
    AnyAxis,
    Layer,
    Size,
    channels_of,
    rank_of,
    sides_of,
    value_count,
)
from convcli.networks.layer_types.convolution import Convolution, Depthwise, TransposedConvolution
from convcli.networks.layer_types.dense import Dense, Flatten
from convcli.networks.layer_types.file_operation import FileOperation
from convcli.networks.receptive_fields import ReceptiveField
from convcli.sizes.text import MAX_DIGITS, format_number, format_size, joined_if_different

if TYPE_CHECKING:
    from convcli.networks.text.spec import Position


__all__ = ["ReceptiveFields", "SequentialBuilder", "Stage", "Tensor", "joined_fields"]

SMALL_SIDE = 1 << 40  # products of four such sides can be printed
MAX_VALUES = 10 ** (3 * MAX_DIGITS)
TOO_MANY_VALUES = f"has a number of values of more than {3 * MAX_DIGITS} digits"

ReceptiveFields = tuple[ReceptiveField, ...]
"""The receptive field along each axis: length, height and width, or depth, height and width."""


class Stage(NamedTuple):
    """A layer within a network.

    Attributes
    ----------
    layer : Layer
    position : Position or None
        Position in the spec; None for a layer given by options.
    input, output : tuple of int
    axes : tuple or None
        How its windows slide; None for a layer without windows.
    params, macs : int or None
        None if channels or filters are unknown.
    statistics : int
        Number of running statistics.
    fields : tuple of ReceptiveField, or None
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
    name : str
        Path of the module that it belongs to in a model file, such as ``layer1.0.conv1``; empty for text.
    shares : int or None
        Number of the stage whose weights it uses, too: they count there alone. None if it has its own.
    lead : str
        Words of the text before it that say what it reads, such as ``from @skip`` or ``out``.
    """

    layer: Layer
    position: "Position | None"
    input: Size
    output: Size
    axes: tuple[AnyAxis, ...] | None
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
    name: str = ""
    shares: int | None = None
    lead: str = ""

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        return self.layer.text

    @property
    def place(self) -> str:
        """Where it stands: line and column in a text, or module in a model file; empty if neither."""
        return self.name if self.position is None else str(self.position)

    @property
    def activations(self) -> int | None:
        """Number of output values; None if the size or its channels are unknown."""
        return value_count(self.output)

    @property
    def is_uncounted(self) -> bool:
        """Whether its costs are unknown because an operation of a model file is, itself or one before it."""
        is_unknown = isinstance(self.layer, FileOperation) and not self.layer.is_known
        return is_unknown or (None in (self.params, self.macs) and () in (self.input, self.output))

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
        builder = SequentialBuilder()
        builder.add(layer, None, Tensor.of_input((prod(self.input),)), depth=0)
        return builder.stages[0]


class Tensor(NamedTuple):
    """What passes from one layer to the next: its size, its receptive fields and its number."""

    size: Size
    fields: ReceptiveFields | None
    number: int

    @classmethod
    def of_input(cls, size: Size) -> "Tensor":
        """Return the input of a network, which has number 0.

        Raises
        ------
        SizeError
            The number of its values has so many digits that its products could not be printed.
        """
        if _has_too_many_values(size):
            raise SizeError("input", TOO_MANY_VALUES)
        return cls(size, (ReceptiveField(),) * rank_of(size) or None, 0)


def _has_too_many_values(size: Size) -> bool:
    """Whether a volume has more values than the largest image, whose sides and channels have 500 digits."""
    return len(size) > 3 and prod(size) >= MAX_VALUES


def joined_fields(tensors: Sequence[Tensor], sides: Size) -> tuple[ReceptiveFields | None, str]:
    """Return the largest fields, and how the positions of the branches that slide over the image differ.

    A branch whose sides are not those of the result is broadcast, such as a gate: it has no position.
    """
    sliding, others = list[ReceptiveFields](), list[ReceptiveFields]()
    for tensor in tensors:
        if tensor.fields is None or len(tensor.fields) != len(sides):
            return None, ""
        (sliding if sides_of(tensor.size) == sides else others).append(tensor.fields)
    if not sliding:  # each is broadcast, such as Hx1 and 1xW
        sliding, others = others, sliding
    joined = tuple(
        ReceptiveField.joined([fields[axis] for fields in sliding], [fields[axis] for fields in others])
        for axis in range(len(sides))
    )
    centers = {
        tuple((field.jump, field.center) for field in fields): joined_if_different(
            map(_format_center, fields), " x "
        )
        for fields in sliding
    }
    return joined, " and ".join(centers.values()) if len(centers) > 1 else ""


def _format_center(field: ReceptiveField) -> str:
    return f"{format_number(field.center)} (jump {format_number(field.jump)})"


class SequentialBuilder:
    """Builds a list of layers in sequence.

    Attributes
    ----------
    source : str
        The file of the spec, for messages.
    stages : list of Stage
    block : int
        Block index of the stages that are added.

    Parameters
    ----------
    source : str
    inputs : int
        Number of inputs of the network, whose tensors come first.
    """

    _max_side: ClassVar[int] = 10**MAX_DIGITS

    def __init__(self, source: str = "", *, inputs: int = 1) -> None:
        self.source = source
        self.stages: list[Stage] = []
        self.block = 0
        self._tensors = inputs

    def fail(
        self, position: "Position | None", what: str, why: str, *, kind: type[SizeError] = SizeError
    ) -> NoReturn:
        """Raise a `SizeError` that names the file and the position."""
        parts = [part for part in (self.source, str(position or ""), what) if part]
        raise kind(", ".join(parts), why)

    def add(self, layer: Layer, position: "Position | None", tensor: Tensor, *, depth: int) -> Tensor:
        """Add a layer; return its output.

        Raises
        ------
        SizeError
            The layer is impossible on this input.
        """
        size, channels = tensor.size, channels_of(tensor.size)
        layer, axes, output, params, macs = self.measure(layer, position, size)
        fields = None if isinstance(layer, Flatten) else tensor.fields
        if fields is not None and axes is not None:
            if len({*fields}) == len({*axes}) == 1:  # as for most images: followed once
                fields = (fields[0].through(axes[0]),) * len(axes)
            else:
                fields = tuple(field.through(axis) for field, axis in zip(fields, axes, strict=True))
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
    ) -> tuple[Layer, tuple[AnyAxis, ...] | None, Size, int | None, int | None]:
        """Return a layer for this input, the axes of its windows, its output size, parameters and MACs."""
        channels = channels_of(size)
        try:
            layer = layer.for_input(size)
            axes = layer.axes(size)
            output = layer.output(size)
            params = layer.params(channels) if channels is not None else None if layer.has_params else 0
            macs = layer.macs(size)
        except SizeError as error:
            if position is None:
                raise
            what, why = f"{layer.text} on {format_size(size)}", f"{error.what} {error.why}"
            self.fail(position, what, why, kind=type(error))
        self.check_size(layer, output, position)
        return layer, axes, output, params, macs

    def new_tensor(self) -> int:
        """Return a new number for an output that needs memory of its own."""
        self._tensors += 1
        return self._tensors - 1

    def check_size(self, layer: Layer, size: Size, position: "Position | None") -> None:
        """Refuse a size with so many digits that its products could not be printed."""
        if max(size, default=0) < SMALL_SIDE:
            return
        if max(size, default=0) >= (MAX_VALUES if rank_of(size) == 0 else self._max_side):
            self.fail(position, layer.text[:100], f"makes a size of more than {MAX_DIGITS} digits")
        if _has_too_many_values(size):
            self.fail(position, layer.text[:100], TOO_MANY_VALUES)

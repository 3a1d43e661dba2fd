"""From the operations of a model file to a network: its layers, with sizes, parameters and costs."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from typing import ClassVar

from convcli.errors import SpecError
from convcli.networks.layer_types.base import Layer
from convcli.networks.layer_types.cropping import Crop, Slice
from convcli.networks.layer_types.dense import Flatten
from convcli.networks.layer_types.elementwise import Elementwise, Scale
from convcli.networks.layer_types.joins import JoinLayer
from convcli.networks.layer_types.pooling import AdaptiveKind, AdaptivePooling
from convcli.networks.models.checking import check_model
from convcli.networks.models.lowering.stage_list import BINARY_WORDS, StageList
from convcli.networks.models.lowering.values import LayoutRules, Value
from convcli.networks.models.lowering.views import VIEWS, view
from convcli.networks.models.operations import Array, Model, Operation, OperationKind, Shape, Weight
from convcli.networks.network import Network, Port
from convcli.networks.stages import Tensor

__all__ = ["lower"]

MAX_PENDING = 1000  # weights that are handed on, not to copy ever longer lists


def lower(model: Model) -> Network:
    """Return the network that a model file describes.

    Operations that together are one layer are joined first. What no output depends on is left out.

    Parameters
    ----------
    model : Model

    Returns
    -------
    Network
        Counts are for one input, also where the file computes several at once (`Network.batch`).

    Raises
    ------
    SizeError
        A layer is impossible on its input; the message names the operation.
    SpecError
        The file contradicts itself: its shapes, or its weights, are not those of its layers.

    Examples
    --------
    >>> from convcli.networks.layer_types.convolution import Convolution
    >>> image, features = Array(0, (1, 3, 32, 32)), Array(1, (1, 6, 28, 28))
    >>> convolution = Operation(
    ...     kind=OperationKind.LAYER,
    ...     source="Conv",
    ...     inputs=(image,),
    ...     output=features,
    ...     weights=(Weight("weight", (6, 3, 5, 5)),),
    ...     layer=Convolution(window=(5, 5), filters=6, bias=False),
    ... )
    >>> net = lower(Model((("x", image),), (("y", features),), (convolution,)))
    >>> net.output, net.params, net.macs
    ((28, 28, 6), 450, 352800)
    """
    check_model(model)
    operations = _live(model.operations, {array.number for _, array in model.outputs})
    lowering = _Lowering(model, operations)
    network = lowering.network()
    are_sequences = all(len(array.shape or ()) < 4 for _, array in model.inputs)
    if lowering.steps_lie_first and are_sequences:  # PyTorch's default for recurrent layers and transformers
        network = _Lowering(model, operations, steps_first=True).network()
    return network


def _live(operations: Sequence[Operation], needed: set[int]) -> list[Operation]:
    """Return the operations that arrays depend on."""
    live = []
    for operation in reversed(operations):
        if operation.output.number in needed:
            live.append(operation)
            needed.update(array.number for array in operation.inputs)
    return live[::-1]


def _has_costs(operation: Operation) -> bool:
    """Whether an operation has multiply-accumulates."""
    return bool(operation.macs) or (
        operation.layer is not None and type(operation.layer).macs is not Layer.macs
    )


def _goes_along_batch(operation: Operation, values: Sequence[Value]) -> bool:
    """Whether the steps of a recurrent layer, or of attention, are what was taken for the batch."""
    shape = values[0].shape if values else None
    if shape is None or operation.kind not in (OperationKind.RECURRENT, OperationKind.ATTENTION):
        return False
    layout = values[0].layout
    if operation.kind == OperationKind.RECURRENT and operation.axis == 0 and len(shape) > 2:
        return layout.batch_axis != 1 and shape[0] > 1
    axis = operation.axis if operation.kind == OperationKind.RECURRENT else len(shape) - 2
    return layout.batch > 1 and layout.batch_axis == axis and layout.is_batch(shape, axis)


class _Lowering:
    """Goes through the operations of a model once.

    Attributes
    ----------
    values : dict
        What is known of each array, by its number.
    steps_first : bool
        Whether the first axis of the inputs holds the steps of a sequence and the second the batch.
    steps_lie_first : bool
        Whether a layer goes along the axis that was taken for the batch.
    """

    def __init__(self, model: Model, operations: Sequence[Operation], *, steps_first: bool = False) -> None:
        self.model = model
        self.steps_first, self.steps_lie_first = steps_first, False
        self.operations = operations
        self.rules = LayoutRules(operations)
        self.list = StageList(self.rules, inputs=max(len(model.inputs), 1), merges_vectors=model.stored)
        self.values: dict[int, Value] = {}

    def network(self) -> Network:
        """Add all stages; return the network."""
        inputs = self.add_inputs()
        for operation in self.operations:
            values = [self.values[array.number] for array in operation.inputs]
            self.steps_lie_first |= _goes_along_batch(operation, values)
            self.values[operation.output.number] = self.result_of(operation, values)
        stages = self.list.stages
        if not stages:
            raise SpecError("the model", "has no layers: its outputs are inputs, or do not depend on them")
        outputs = []
        for name, array in self.model.outputs:
            outputs.append(Port(name, *self.values[array.number].tensor[::2]))
        last = stages[-1]
        is_last = [port[1:] for port in outputs] == [(last.output, last.output_tensor)]
        return Network(
            next((port.size for port in inputs if port.tensor == 0), ()),
            tuple(stages),
            inputs=tuple(inputs) if len(inputs) > 1 else (),
            outputs=() if is_last else tuple(outputs),
            is_stored=self.model.stored,
            batch=self.rules.batch,
            unused_params=self.unused_params(),
        )

    def unused_params(self) -> int:
        """Return how many parameters of the model no stage uses."""
        used = self.list.stage_of_weight
        unused = {each.name: each for each in self.model.weights if each.learned and each.name not in used}
        return sum(weight.elements for weight in unused.values())

    def add_inputs(self) -> list[Port]:
        """Add the inputs of the model; the first image, else the first of all, has number 0."""
        inputs = self.model.inputs
        if not inputs:
            return []
        stated = (*self.model.channel_axes, *[None] * len(inputs))
        axes = [
            self.input_channel_axis(array) if axis is None else axis
            for (_, array), axis in zip(inputs, stated, strict=False)
        ]
        images = [number for number, (_, array) in enumerate(inputs) if len(array.shape or ()) > 2]
        main = images[0] if images else 0
        shape = inputs[main][1].shape
        batch_axis = self.batch_axis(shape, axes[main])
        if shape and batch_axis is not None and axes[main] != batch_axis:
            self.rules.batch = shape[batch_axis] or 1
        ports = []
        for number, ((name, array), axis) in enumerate(zip(inputs, axes, strict=True)):
            tensor = 0 if number == main else number + (number < main)
            layout = self.rules.of_first_axis(array.shape, axis)
            if self.steps_first:
                layout = layout._replace(batch_axis=self.batch_axis(array.shape, axis))
            value = Value(array.shape, layout, tensor)
            self.values[array.number] = value._replace(fields=Tensor.of_input(value.size).fields)
            ports.append(Port(name, value.size, tensor))
        return ports

    def batch_axis(self, shape: Shape | None, channel_axis: int | None) -> int | None:
        """Return the axis of an input that holds the batch; None for steps without a batch."""
        if not self.steps_first:
            return 0
        rank = len(shape or ())
        return 1 if rank > 2 or (rank == 2 and channel_axis is None) else None

    def input_channel_axis(self, array: Array) -> int | None:
        """Return the channel axis of an input: where layers see it, else the second axis of an image."""
        axis = self.rules.channel_axis(array)
        return 1 if axis is None and len(array.shape or ()) > 3 else axis

    def result_of(self, operation: Operation, values: list[Value]) -> Value:
        """Add what an operation does; return what is known of its output."""
        pending = (weight for value in values for weight in value.weights)
        weights = tuple(dict.fromkeys((*operation.weights, *pending)))
        inputs = [value for value in values if value.number is not None]
        kind = operation.kind
        if not inputs and _has_costs(operation):  # of weights alone, but computed each time
            inputs = values
        if not inputs and kind != OperationKind.UNKNOWN:  # of weights alone: whoever reads it counts them
            if len(weights) > MAX_PENDING:
                return self.list.add_file_operation(operation, (), weights)
            layout = self.rules.of_first_axis(operation.output.shape, None)
            return Value(operation.output.shape, layout, None, None, weights)
        if kind in VIEWS and not weights:
            return self.view(operation, inputs[0])
        handler = self.handlers.get(kind)
        if handler is None:
            return self.list.add_file_operation(operation, inputs, weights)
        return handler(self, operation, inputs, weights)

    def view(self, operation: Operation, value: Value) -> Value:
        """Return what is known of a view; flattening an image is a stage."""
        result = view(operation, value, self.rules)
        if operation.kind == OperationKind.RESHAPE and len(result.size) == 1 < len(value.size):
            self.list.append(Flatten(), operation, (value,), result)
        return result

    def layer(self, operation: Operation, inputs: list[Value], weights: tuple[Weight, ...]) -> Value:
        """Add a layer of convcli."""
        # Readers need not say where an activation sees the channels, as it does not matter.
        layer = operation.layer or Elementwise(type="identity")  # which `check_model` excludes
        axis = None if isinstance(layer, Elementwise) else operation.channel_axis
        return self.list.add_layer(layer, operation, inputs, weights, channel_axis=axis)

    def binary(self, operation: Operation, inputs: list[Value], weights: tuple[Weight, ...]) -> Value:
        """Add a sum, a product, a difference, ...; nothing for a constant."""
        new = operation.output.shape
        if len(inputs) > 1 and new is not None:
            layout = self.rules.of_aligned(operation, inputs)
            inputs = [
                value.seen_with(layout) if len(value.shape or ()) == len(new) else value for value in inputs
            ]
        word, sizes = BINARY_WORDS[operation.kind], [value.size for value in inputs]
        if word == "mul":  # a gate is 1x1xC
            gates = [size for size in sizes if size and prod(size[:-1]) == 1]
            sizes = [size for size in sizes if size not in gates or size[-1:] != sizes[0][-1:]] or sizes
        is_join = word in ("add", "mul") and len(inputs) > 1 and len(set(sizes)) == 1 and sizes[0]
        if is_join and not weights:
            return self.list.add(JoinLayer(type=word), operation, inputs)
        value = inputs[0]
        if len(inputs) == 1 and not weights and value.shape == new:
            return value
        axis = _weighted_axis(value, weights) if len(inputs) == 1 and value.shape == new else None
        if axis is not None and word != "pow":
            if word in ("mul", "div"):
                return self.list.add_layer(Scale(), operation, inputs, weights, channel_axis=axis)
            operation = replace(operation, function="bias")
        return self.list.add_file_operation(operation, inputs, weights)

    def concatenation(self, operation: Operation, inputs: list[Value], weights: tuple[Weight, ...]) -> Value:
        """Add a concatenation; nothing if there is one input."""
        if len(inputs) == 1 and not weights:
            return inputs[0]._replace(shape=operation.output.shape)
        shape = inputs[0].shape
        layout = self.rules.of_aligned(operation, inputs)
        if weights or shape is None or operation.axis != layout.channels_of(shape):
            return self.list.add_file_operation(operation, inputs, weights)
        return self.list.add(JoinLayer(type="cat"), operation, inputs)

    def cut(self, operation: Operation, inputs: list[Value], weights: tuple[Weight, ...]) -> Value:
        """Add a slice of the channels, or a crop of the sides; nothing if all is kept."""
        value, new, axis = inputs[0], operation.output.shape, operation.axis
        shape = value.shape
        if shape is None or new is None or weights or not 0 <= axis < len(shape) or operation.step != 1:
            return self.list.add_file_operation(operation, inputs, weights)
        if new == shape:
            return value
        before, after = operation.start, shape[axis] - operation.stop
        layer: Layer
        if axis == value.layout.channels_of(shape):
            layer = Slice(start=operation.start, stop=operation.stop)
        elif value.fields is not None and axis in (sides := value.layout.sides_of(shape)):
            amounts = tuple((before, after) if side == axis else (0, 0) for side in sides)
            layer = Crop(amounts=amounts)
        else:
            return self.list.add_file_operation(operation, inputs, weights)
        return self.list.add_layer(layer, operation, (value,))

    def pooled(self, operation: Operation, inputs: list[Value], weights: tuple[Weight, ...]) -> Value:
        """Add global pooling, and a flattening if the sides are not kept; else another operation."""
        value, new = inputs[0], operation.output.shape
        if value.shape is None or new is None:
            return self.list.add_file_operation(operation, inputs, weights)
        rank, sides = len(value.shape), value.layout.sides_of(value.shape)
        layout = value.layout if len(new) == rank else value.layout.without(operation.axes, rank)
        if not sides or sorted(operation.axes) != sides or weights:
            return self.list.add_file_operation(operation, inputs, weights, layout=layout)
        kind = AdaptiveKind.AVERAGE if operation.kind == OperationKind.MEAN else AdaptiveKind.MAX
        layer = AdaptivePooling(size=(1,) * len(sides), type=kind)
        axes, fields = layer.axes(value.size), value.fields
        if fields is not None:
            fields = tuple(field.through(axis) for field, axis in zip(fields, axes, strict=True))
        kept = tuple(1 if axis in sides else side for axis, side in enumerate(value.shape))
        result = Value(kept, value.layout, self.list.builder.new_tensor(), fields)
        self.list.append(layer, operation, inputs, result, axes=axes)
        if len(new) == rank:
            return result
        flat = Value(new, layout, result.number)
        self.list.append(Flatten(), operation, (result,), flat)
        return flat

    handlers: ClassVar[dict[OperationKind, Callable[..., Value]]] = {
        OperationKind.LAYER: layer,
        OperationKind.CONCATENATE: concatenation,
        OperationKind.SLICE: cut,
        OperationKind.MEAN: pooled,
        OperationKind.MAXIMUM: pooled,
        **dict.fromkeys(BINARY_WORDS, binary),
    }


def _weighted_axis(value: Value, weights: Sequence[Weight]) -> int | None:
    """Return the axis of the channels, if one weight has a number for each of them; else None."""
    shape = value.shape or ()
    axis = value.layout.channels_of(shape)
    if axis is None or len(weights) != 1:
        return None
    if weights[0].is_per_channel(shape, axis):
        return axis
    last = len(shape) - 1  # of what is no image, the last axis may be the channels, too
    return last if value.fields is None and last > 0 and weights[0].is_per_channel(shape, last) else None

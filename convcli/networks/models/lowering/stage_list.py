"""The stages of a network, made one by one from the operations of a model file."""

from collections.abc import Sequence
from math import prod

from convcli.errors import SizeError, SpecError
from convcli.networks.layer_types.base import AnyAxis, Layer, Size
from convcli.networks.layer_types.convolution import Convolution
from convcli.networks.layer_types.dense import Dense
from convcli.networks.layer_types.elementwise import Elementwise, Normalization
from convcli.networks.layer_types.file_operation import FileOperation
from convcli.networks.layer_types.joins import JoinLayer
from convcli.networks.models.checking import operation_label
from convcli.networks.models.lowering.layouts import Layout
from convcli.networks.models.lowering.values import LayoutRules, Value
from convcli.networks.models.operations import Operation, OperationKind, Weight
from convcli.networks.stages import SequentialBuilder, Stage, joined_fields
from convcli.sizes.text import format_size

__all__ = ["BINARY_WORDS", "StageList"]

BINARY_WORDS = {
    OperationKind.ADD: "add",
    OperationKind.SUBTRACT: "sub",
    OperationKind.MULTIPLY: "mul",
    OperationKind.DIVIDE: "div",
    OperationKind.POWER: "pow",
}
ELEMENTWISE = (*BINARY_WORDS, OperationKind.UNARY)
SAME_AXES = (*ELEMENTWISE, OperationKind.CONCATENATE, OperationKind.SLICE, OperationKind.EXPAND)
ANYWHERE = (Dense, Elementwise, Normalization)  # layers to which the number of sides does not matter


class StageList:
    """Adds a stage for each operation.

    Attributes
    ----------
    rules : LayoutRules
    builder : SequentialBuilder
    stage_of_weight : dict
        Number of the stage that counts a weight, by the name of the weight.
    merges_vectors : bool
        Whether the file may store vectors of equal values once: exporters to ONNX do so with biases that are
        zero and scales that are one. They count for each layer that does not share its matrix, too.
    """

    def __init__(self, rules: LayoutRules, *, inputs: int, merges_vectors: bool = False) -> None:
        self.rules = rules
        self.merges_vectors = merges_vectors
        self.builder = SequentialBuilder(inputs=inputs)
        self.stage_of_weight: dict[str, int] = {}

    @property
    def stages(self) -> list[Stage]:
        """The stages so far."""
        return self.builder.stages

    def append(
        self,
        layer: Layer,
        operation: Operation,
        inputs: Sequence[Value],
        result: Value,
        *,
        weights: Sequence[Weight] = (),
        axes: Sequence[AnyAxis] | None = None,
        macs: int | None = 0,
        misaligned: str = "",
    ) -> None:
        """Add a stage; weights that an earlier stage uses are counted there."""
        stages = self.stages
        known = self.stage_of_weight
        matrices = [weight.name for weight in weights if not _is_vector(weight)]
        own_vectors = self.merges_vectors and not (matrices and all(name in known for name in matrices))
        new = {
            weight.name: weight
            for weight in weights
            if weight.name not in known or (own_vectors and _is_vector(weight))
        }
        shares = known[weights[0].name] if weights and not new else None
        for name in new:
            known[name] = len(stages)
        is_unknown = operation.kind == OperationKind.UNKNOWN
        params = sum(weight.elements for weight in new.values() if weight.learned)
        stages.append(
            Stage(
                layer=layer,
                position=None,
                input=inputs[0].size if inputs else (),
                output=result.size,
                axes=None if axes is None else tuple(axes),
                params=None if is_unknown else params,
                macs=macs,
                statistics=sum(weight.elements for weight in new.values() if not weight.learned),
                fields=result.fields,
                misaligned=misaligned,
                depth=0,
                block=len(stages),
                input_tensors=tuple(value.number for value in inputs if value.number is not None),
                output_tensor=result.tensor.number,
                name=operation.name,
                shares=shares,
            )
        )

    def add(
        self,
        layer: Layer,
        operation: Operation,
        inputs: Sequence[Value],
        weights: Sequence[Weight] = (),
        *,
        layout: Layout | None = None,
        macs: int | None = 0,
    ) -> Value:
        """Add a layer without windows, such as a join; return its output, as the file states it."""
        if layout is None:
            aligned = isinstance(layer, Elementwise) or operation.kind in SAME_AXES
            layout = (self.rules.of_aligned if aligned else self.rules.guessed)(operation, inputs)
        number = inputs[0].number if layer.is_view and inputs else self.builder.new_tensor()
        result, misaligned = Value(operation.output.shape, layout, number), ""
        keeps = isinstance(layer, JoinLayer) or _keeps_positions(operation, inputs)
        if keeps and result.size:
            fields, misaligned = joined_fields([value.tensor for value in inputs], result.size[:-1])
            result = result._replace(fields=fields)
        self.append(
            layer, operation, inputs, result, weights=weights, macs=macs, misaligned=misaligned
        )  # fmt: skip
        return result

    def add_file_operation(
        self,
        operation: Operation,
        inputs: Sequence[Value],
        weights: Sequence[Weight] = (),
        *,
        layout: Layout | None = None,
    ) -> Value:
        """Add an operation that is no layer of convcli; return its output."""
        known = operation.kind != OperationKind.UNKNOWN
        macs, batch = operation.macs, self.rules.batch
        macs = macs // batch if macs % batch == 0 else macs
        if layout is None:
            aligned = operation.kind in SAME_AXES
            layout = (self.rules.of_aligned if aligned else self.rules.guessed)(operation, inputs)
        layer = FileOperation(
            type=file_word(operation),
            size=Value(operation.output.shape, layout, 0).size,
            parameters=sum(weight.elements for weight in weights if weight.learned) if known else None,
            products=macs if known else None,
            is_known=known,
        )
        return self.add(layer, operation, inputs, weights, layout=layout, macs=layer.products)

    def add_without_size(
        self, layer: Layer, operation: Operation, inputs: Sequence[Value], weights: Sequence[Weight]
    ) -> Value:
        """Add a layer whose input has an unknown size; return its output, as the file states it."""
        new, layout = operation.output.shape, None
        macs = None if type(layer).macs is not Layer.macs else 0
        if isinstance(layer, Convolution | Dense) and new and operation.channel_axis < len(new):
            layout = self.rules.of_first_axis(new, operation.channel_axis)
            if weights:  # each position is a sum over all weights
                macs = prod(layout.size_of(new)[:-1]) * weights[0].elements
        return self.add(layer, operation, inputs, weights, layout=layout, macs=macs)

    def add_layer(
        self,
        layer: Layer,
        operation: Operation,
        inputs: Sequence[Value],
        weights: Sequence[Weight] = (),
        *,
        channel_axis: int | None = None,
    ) -> Value:
        """Add a layer that computes its own size; return its output.

        Parameters
        ----------
        layer : Layer
        operation : Operation
        inputs : sequence of Value
        weights : sequence of Weight
        channel_axis : int, optional
            Where the layer sees the channels.

        Raises
        ------
        SizeError
            It is impossible on its input.
        SpecError
            The file states another size, or has other weights.
        """
        value, new = inputs[0], operation.output.shape
        shape = value.shape
        if shape is None:
            return self.add_without_size(layer, operation, inputs, weights)
        if channel_axis is not None:
            value = value.seen_with(value.layout._replace(channel_axis=channel_axis))
        size, own = value.size, value.size
        if channel_axis and not isinstance(layer, ANYWHERE):
            # A layer takes all of the first axis for the batch; other values may lie along it, such as time.
            own = Layout(shape[0], 0, 1, channel_axis).size_of(shape)
        try:
            layer, axes, output, _, macs = self.builder.measure(layer, None, own)
        except SizeError as error:
            what = f"{operation_label(operation)}, {layer.text} on {format_size(own)}"
            raise SizeError(what, f"{error.what} {error.why}") from None
        fields = value.fields
        layout = value.layout
        if own != size:
            axes, fields = None, None
            macs = None if macs is None else macs * (prod(size) // (prod(own) or 1))
            layout = Layout(new[0] if new else 1, 0, 1, channel_axis)
        elif axes is not None and fields is not None:
            fields = tuple(field.through(axis) for field, axis in zip(fields, axes, strict=True))
        if new is not None:
            _check_output(operation, output, layout.size_of(new))
        _check_weights(operation, layer, own)
        number = value.number if layer.is_view else self.builder.new_tensor()
        result = Value(new, value.layout, number, fields)
        self.append(layer, operation, (value, *inputs[1:]), result, weights=weights, axes=axes, macs=macs)
        return result


def _is_vector(weight: Weight) -> bool:
    return max(weight.shape, default=1) == weight.elements


def _keeps_positions(operation: Operation, inputs: Sequence[Value]) -> bool:
    """Whether each value of the output depends on the values at its position alone."""
    if operation.kind not in (OperationKind.MEAN, OperationKind.MAXIMUM):
        return operation.kind in ELEMENTWISE and bool(inputs)
    shape = inputs[0].shape or ()
    over_channels = operation.axes == (inputs[0].layout.channels_of(shape),)
    return over_channels and len(operation.output.shape or ()) == len(shape)


def _check_output(operation: Operation, output: Size, stated: Size) -> None:
    """Refuse a size in the file that is not that of the layer."""
    if output != stated:
        raise SpecError(
            operation_label(operation),
            f"convcli computes {format_size(output)}, the file states {format_size(stated)}",
        )


def _check_weights(operation: Operation, layer: Layer, size: Size) -> None:
    """Refuse weights in the file that are not those of the layer."""
    if not operation.weights or isinstance(layer, Elementwise | Normalization):
        return
    shape, weight = layer.weights(size[-1]), operation.weights[0]
    if shape is not None and prod(shape) != weight.elements:
        raise SpecError(
            f"{operation_label(operation)}, {layer.text} on {format_size(size)}",
            f"needs weights of {format_size(shape)}, but {weight.name[:100]} has {format_size(weight.shape)}",
        )


def file_word(operation: Operation) -> str:
    """Return what to call an operation that is no layer of convcli."""
    kind = operation.kind
    if kind in (OperationKind.UNKNOWN, OperationKind.OTHER):
        return operation.source
    if kind == OperationKind.EMBEDDING:
        return str(kind)
    return operation.function or BINARY_WORDS.get(kind) or str(kind)

"""Normalizations that are written out with averages and roots."""

from dataclasses import replace

from convcli.networks.layer_types.elementwise import Normalization, NormalizationKind
from convcli.networks.models.fusing.graph import OperationGraph, common_path
from convcli.networks.models.operations import Array, Operation, OperationKind

__all__ = ["group_normalization", "normalization"]


def normalization(graph: OperationGraph, operation: Operation) -> Operation | None:
    """Return the layer, instance or RMS normalization that a quotient or product completes.

    It is ``(x - mean) / sqrt(variance + epsilon)``, or ``x / sqrt(mean of squares + epsilon)``.
    """
    if len(operation.inputs) != 2 or operation.weights:
        return None
    first, second = operation.inputs
    pairs = [(first, second)]
    if operation.kind == OperationKind.MULTIPLY:
        pairs.append((second, first))
    for data, scale in pairs:
        spread = _spread(graph, scale, is_inverse=operation.kind == OperationKind.MULTIPLY)
        found = None if spread is None else _normalized(graph, data, spread)
        if found is None:
            continue
        source, kind, channel_axis = found
        makers = [maker for array in operation.inputs if (maker := graph.maker(array)) is not None]
        return replace(
            operation,
            kind=OperationKind.LAYER,
            inputs=(source,),
            layer=Normalization(type=kind, affine=False),
            channel_axis=channel_axis,
            name=common_path([*makers, operation]),
        )
    return None


def _spread(graph: OperationGraph, array: Array, *, is_inverse: bool) -> Operation | None:
    """Return the mean of squares in ``sqrt(mean + epsilon)``, or in one divided by it."""
    maker = graph.maker(array)
    if maker is None:
        return None
    function, constant = maker.function, maker.constant
    if is_inverse:
        if maker.kind == OperationKind.UNARY and function in ("reciprocal", "reverse divide"):
            return _spread(graph, maker.inputs[0], is_inverse=False)
        is_root = function == "rsqrt" or (maker.kind == OperationKind.POWER and constant == -0.5)
    else:
        is_root = function == "sqrt" or (maker.kind == OperationKind.POWER and constant == 0.5)
    if not is_root or len(maker.inputs) != 1:
        return None
    maker = graph.maker(maker.inputs[0])
    if maker is not None and maker.kind == OperationKind.ADD and maker.constant is not None:
        maker = graph.maker(maker.inputs[0])
    return maker if maker is not None and maker.kind == OperationKind.MEAN else None


def _normalized(
    graph: OperationGraph, data: Array, mean: Operation
) -> tuple[Array, NormalizationKind, int] | None:
    """Return what is normalized, how, and the axis of the channels."""
    squares = graph.maker(mean.inputs[0])
    if squares is None or not _is_square_of(squares, data):
        return None
    shape, axes = data.shape, sorted(mean.axes)
    if shape is None or not axes or len(shape) < 2:
        return None
    rank = len(shape)
    centered = graph.maker(data)
    if centered is None or centered.kind != OperationKind.SUBTRACT or len(centered.inputs) != 2:
        return (data, NormalizationKind.RMS, axes[-1]) if len(axes) == 1 else None
    source, average = centered.inputs
    maker = graph.maker(average)
    if maker is None or maker.kind != OperationKind.MEAN or sorted(maker.axes) != axes:
        return None
    if maker.inputs[0] != source:
        return None
    if len(axes) == 1:
        return source, NormalizationKind.LAYER, axes[0]
    if axes == [*range(2, rank)]:
        return source, NormalizationKind.INSTANCE, 1
    if axes == [*range(1, rank - 1)]:
        return source, NormalizationKind.INSTANCE, rank - 1
    return None


def _is_square_of(operation: Operation, array: Array) -> bool:
    if operation.kind == OperationKind.POWER and operation.constant == 2:
        return operation.inputs == (array,)
    if operation.kind == OperationKind.UNARY and operation.function == "square":
        return operation.inputs == (array,)
    return operation.kind == OperationKind.MULTIPLY and operation.inputs == (array, array)


def group_normalization(graph: OperationGraph, operation: Operation) -> Operation | None:
    """Return the group normalization that a reshape completes: groups reshaped to be single channels."""
    normalized = graph.only_for(operation.inputs[0], OperationKind.LAYER)
    if normalized is None or not isinstance(normalized.layer, Normalization):
        return None
    layer = normalized.layer
    if layer.type != NormalizationKind.INSTANCE or layer.affine or normalized.channel_axis != 1:
        return None
    split = graph.only_for(normalized.inputs[0], OperationKind.RESHAPE)
    if split is None:
        return None
    source, grouped = split.inputs[0].shape, split.output.shape
    if source is None or grouped is None or source != operation.output.shape or len(source) < 3:
        return None
    if source[0] != grouped[0] or source[1] % grouped[1]:
        return None
    return replace(
        operation,
        kind=OperationKind.LAYER,
        inputs=split.inputs,
        layer=Normalization(type=NormalizationKind.GROUP, groups=grouped[1], affine=False),
        channel_axis=1,
        name=common_path([split, normalized, operation]),
    )

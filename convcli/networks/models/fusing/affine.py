"""Weights for each channel that are added or multiplied: biases, scales, normalization by known averages."""

from collections.abc import Sequence
from dataclasses import replace

from convcli.networks.layer_types.base import Layer
from convcli.networks.layer_types.elementwise import Normalization, NormalizationKind, Scale
from convcli.networks.models.fusing.graph import OperationGraph, common_path
from convcli.networks.models.operations import Operation, OperationKind, Shape, Weight

__all__ = ["affine", "joined_weight"]

SHIFTS = (OperationKind.ADD, OperationKind.SUBTRACT)
FACTORS = (OperationKind.MULTIPLY, OperationKind.DIVIDE)


def affine(graph: OperationGraph, operation: Operation) -> Operation | None:
    """Return the layer that a factor and a shift for each channel are, of which an operation is the second.

    A shift, a factor and another shift are batch normalization, as Keras computes it: the first shift is the
    running mean, and the factor includes the running variance.
    """
    if len(operation.inputs) != 1:
        return None
    if operation.source.endswith("addcmul"):  # PyTorch's: both at once, the shift first
        return _layer([operation], operation.weights[::-1], Scale(bias=True))
    if len(operation.weights) != 1 or operation.kind not in (*SHIFTS, *FACTORS):
        return None
    is_shift, (weight,) = operation.kind in SHIFTS, operation.weights
    for kind in FACTORS if is_shift else SHIFTS:
        first = graph.only_for(operation.inputs[0], kind)
        if first is not None and len(first.inputs) == 1 == len(first.weights):
            weights = (*first.weights, weight) if is_shift else (weight, *first.weights)
            return _layer([first, operation], weights, Scale(bias=True))
    before = graph.only_for(operation.inputs[0], OperationKind.LAYER)
    if is_shift and before is not None and before.layer == Scale(bias=True) and len(before.weights) == 2:
        factor, mean = before.weights
        parts = factor, weight, mean._replace(learned=False)
        return _layer([before, operation], parts, Normalization(type=NormalizationKind.BATCH))
    return None


def _layer(involved: Sequence[Operation], weights: Sequence[Weight], layer: Layer) -> Operation | None:
    """Return a layer in the place of several operations, if each weight has one number for each channel."""
    operation, inputs = involved[-1], involved[0].inputs
    shape = operation.output.shape
    axis = None if shape is None or len(weights) < 2 else _channel_axis(shape, weights)
    if axis is None or inputs[0].shape != shape:
        return None
    return replace(
        operation, kind=OperationKind.LAYER, inputs=inputs, weights=tuple(weights), layer=layer,
        channel_axis=axis, name=common_path(involved),
    )  # fmt: skip


def _channel_axis(shape: Shape, weights: Sequence[Weight]) -> int | None:
    """Return the axis for whose channels each weight has a number; None if there is none."""
    for axis in (len(shape) - 1, 1):
        if 0 < axis < len(shape) and all(weight.is_per_channel(shape, axis) for weight in weights):
            return axis
    return None


def joined_weight(graph: OperationGraph, operation: Operation) -> Operation | None:
    """Return the layer before a sum or product with a weight for each channel, with that weight.

    That is the bias of a convolution or dense layer, or the scale and shift of a normalization.
    """
    if len(operation.inputs) != 1 or len(operation.weights) != 1 or operation.constant is not None:
        return None
    before = graph.only_for(operation.inputs[0], OperationKind.LAYER)
    if before is None or before.layer is None or before.output.shape != operation.output.shape:
        return None
    weight, shape = operation.weights[0], operation.output.shape
    if shape is None or not weight.is_per_channel(shape, before.channel_axis):
        return None
    layer = before.layer
    if isinstance(layer, Scale):
        return None
    if isinstance(layer, Normalization):
        if operation.kind == OperationKind.MULTIPLY and not layer.affine:
            rms = layer.type == NormalizationKind.RMS
            layer = layer.changed(affine=True, bias=rms)
        elif operation.kind == OperationKind.ADD and layer.affine and not layer.bias:
            layer = layer.changed(bias=True)
        else:
            return None
    elif operation.kind == OperationKind.ADD and getattr(layer, "bias", True) is False:
        layer = layer.changed(bias=True)
    else:
        return None
    return replace(
        before,
        output=operation.output,
        layer=layer,
        weights=(*before.weights, weight),
        name=before.name or operation.name,
    )

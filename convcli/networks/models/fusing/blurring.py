"""Blur pooling that is written out: mirrored padding, and a depthwise convolution with a fixed kernel."""

from dataclasses import replace

from convcli.errors import SizeError
from convcli.networks.layer_types.convolution import Convolution
from convcli.networks.layer_types.elementwise import Pad, PadMode
from convcli.networks.layer_types.pooling import BlurPool
from convcli.networks.models.fusing.graph import OperationGraph, common_path
from convcli.networks.models.operations import Operation, OperationKind
from convcli.networks.models.shapes import size_without_batch

__all__ = ["blur_pooling"]


def blur_pooling(graph: OperationGraph, operation: Operation) -> Operation | None:
    """Return the blur pooling that a convolution without learned weights completes."""
    layer, weights, axis = operation.layer, operation.weights, operation.channel_axis
    if not isinstance(layer, Convolution) or len(weights) != 1 or weights[0].learned or layer.bias:
        return None
    padding = graph.only_for(operation.inputs[0], OperationKind.LAYER) if operation.inputs else None
    if padding is None or not isinstance(padding.layer, Pad) or padding.layer.mode != PadMode.MIRROR:
        return None
    shape = padding.inputs[0].shape
    if shape is None or not 0 < axis < len(shape) or not layer.groups == layer.filters == shape[axis]:
        return None
    size = size_without_batch(shape, axis)
    blur = BlurPool(window=layer.window, stride=layer.stride)
    try:
        padded, blurred = padding.layer.axes(size), blur.axes(size)
        windows = layer.axes(padding.layer.output(size))
    except SizeError:
        return None
    amounts = [(axis.before, axis.after) for axis in padded]
    if amounts != [(axis.before, axis.after) for axis in blurred]:
        return None
    if [axis.output for axis in windows] != [axis.output for axis in blurred]:
        return None
    return replace(operation, inputs=padding.inputs, layer=blur, name=common_path([padding, operation]))

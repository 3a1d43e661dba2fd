"""Layers whose input size is not known: what they learn is, but neither their output nor their work."""

from collections.abc import Callable, Sequence

from convcli.networks.layer_types.base import Layer
from convcli.networks.layer_types.convolution import Convolution
from convcli.networks.layer_types.dense import Dense
from convcli.networks.layer_types.elementwise import Elementwise
from convcli.networks.models.onnx.call import Call
from convcli.networks.models.onnx.operators.convolutions import kernel_weights, padding_of, per_axis
from convcli.networks.models.onnx.operators.elementwise import LAYERS
from convcli.networks.models.onnx.values import Value
from convcli.networks.models.operations import OperationKind, Shape, Weight

__all__ = ["layer_without_size"]

Described = tuple[Layer, Sequence[Weight]]


def layer_without_size(call: Call, stated: Shape | None) -> Value | None:
    """Add the layer that an operator is, for an input whose shape is not known; None if it is no layer.

    Parameters
    ----------
    call : Call
    stated : tuple of int or None
        The shape that the file states for the output.
    """
    data, kernel = call.optional(0), call.optional(1)
    operator = call.node.operator
    if data is None or data.is_constant:
        return None
    if operator in LAYERS:
        return call.add(OperationKind.LAYER, stated, [data], (), layer=Elementwise(type=LAYERS[operator]))
    describe = _DESCRIBED.get(operator)
    if describe is None or kernel is None or not kernel.is_constant or not kernel.shape:
        return None
    found = describe(call, kernel, kernel.shape)
    if found is None:
        return None
    layer, weights = found
    axis = len(stated) - 1 if stated and isinstance(layer, Dense) else 1
    return call.add(OperationKind.LAYER, stated, [data], weights, layer=layer, channel_axis=axis)


def _convolution(call: Call, kernel: Value, shape: Shape) -> Described | None:
    axes, bias = len(shape) - 2, call.optional(2)
    if axes < 1:
        return None
    weights = kernel_weights(kernel, bias)
    layer = Convolution(
        window=shape[2:],
        filters=shape[0],
        stride=per_axis(call, "strides", axes),
        padding=padding_of(call, axes),
        dilation=per_axis(call, "dilations", axes),
        groups=call.integer("group", 1),
        bias=len(weights) > len(kernel.weights),
    )
    return layer, weights


def _dense(call: Call, kernel: Value, shape: Shape) -> Described | None:
    if len(shape) != 2:
        return None
    bias = call.optional(2)
    weights = kernel_weights(kernel, bias)
    units = shape[0] if call.integer("transB") else shape[1]
    return Dense(units=units, bias=len(weights) > len(kernel.weights)), weights


_DESCRIBED: dict[str, Callable[[Call, Value, Shape], Described | None]] = {
    "Conv": _convolution,
    "Gemm": _dense,
    "MatMul": _dense,
}

"""Convolutions and pooling: operators whose windows slide."""

from math import prod

from convcli.networks.layer_types.base import Layer
from convcli.networks.layer_types.convolution import Convolution, TransposedConvolution
from convcli.networks.layer_types.elementwise import Pad
from convcli.networks.layer_types.pooling import AdaptivePooling, Pooling, PoolingKind
from convcli.networks.models.onnx.call import Call, Results, Rule
from convcli.networks.models.onnx.values import Value
from convcli.networks.models.operations import OperationKind, Shape, Weight
from convcli.sizes.axes import transposed_axes
from convcli.sizes.text import NamedPadding

__all__ = ["RULES", "kernel_weights", "padding_of", "per_axis"]

Amounts = tuple[tuple[int, int], ...]
SAME = {"SAME_UPPER": NamedPadding.SAME, "SAME_LOWER": NamedPadding.SAME_LOWER}


def per_axis(call: Call, name: str, axes: int, *, at_least: int = 1) -> tuple[int, ...]:
    """Return an attribute with a number for each axis, 1 by default."""
    numbers = call.integers(name)
    if not numbers:
        return (1,) * axes
    if len(numbers) != axes or min(numbers) < at_least:
        call.fail(f"{name} {list(numbers[:8])} must be {axes} numbers, at least {at_least}")
    return numbers


def padding_of(call: Call, axes: int) -> NamedPadding | Amounts:
    """Return the padding of a window: an amount at both ends of each axis, or how it is chosen."""
    automatic = call.text("auto_pad", "NOTSET")
    if automatic in SAME:
        return SAME[automatic]
    pads = call.integers("pads")
    if automatic == "VALID" or not pads:
        return ((0, 0),) * axes
    if len(pads) != 2 * axes or min(pads) < 0:
        call.fail(f"pads {list(pads[:8])} must be {2 * axes} numbers, at least 0")
    return tuple(zip(pads[:axes], pads[axes:], strict=True))


def _image(call: Call, data: Value) -> tuple[Shape, int]:
    """Return the shape of an image, and how many axes its windows slide along."""
    shape = call.shape_of(data)
    if len(shape) < 3:
        call.fail_size("needs an image: batch, channels and sides", shape)
    return shape, len(shape) - 2


def _kernel(call: Call, weight: Value, axes: int) -> tuple[int, int, Shape]:
    shape = call.shape_of(weight)
    if len(shape) != axes + 2:
        call.fail_size(f"needs a kernel of {axes + 2} dimensions", shape)
    window = per_axis(call, "kernel_shape", axes) if call.integers("kernel_shape") else shape[2:]
    if window != shape[2:]:
        call.fail(f"kernel_shape {list(window)} is not that of its weights, {list(shape[2:])}")
    return shape[0], shape[1], shape[2:]


def _bias_weights(bias: Value | None) -> tuple[Weight, ...]:
    """Return the stored tensors of a bias: none for one that an exporter makes of a single number, zero."""
    if bias is None or (bias.tensor is None and all(weight.elements == 1 for weight in bias.weights)):
        return ()
    return bias.weights


def _convolve(call: Call, data: Value, kernel: Value, bias: Value | None) -> Value:
    shape, axes = _image(call, data)
    layer, depth = _convolution_layer(call, kernel, bias, axes)
    if layer.groups < 1 or depth * layer.groups != shape[1]:
        call.fail_size(
            f"its kernel reads {depth} channels in each of {layer.groups} groups, not {shape[1]}", shape
        )
    return _add_layer(call, layer, data, kernel, bias)


def _convolution_layer(call: Call, kernel: Value, bias: Value | None, axes: int) -> tuple[Convolution, int]:
    """Return a convolution, and how many channels each of its filters reads."""
    filters, depth, window = _kernel(call, kernel, axes)
    layer = Convolution(
        window=window,
        filters=filters,
        stride=per_axis(call, "strides", axes),
        padding=padding_of(call, axes),
        dilation=per_axis(call, "dilations", axes),
        groups=call.integer("group", 1),
        bias=bool(_bias_weights(bias)),
    )
    return layer, depth


def _add_layer(
    call: Call, layer: Convolution | TransposedConvolution, data: Value, kernel: Value, bias: Value | None
) -> Value:
    if kernel.is_constant:
        return call.layer(layer, data, weights=kernel_weights(kernel, bias))
    shape = call.shape_of(data)  # a kernel that the model computes is no parameter
    output = call.layer_output(layer, shape)
    pixels = output if isinstance(layer, Convolution) else shape
    macs = prod(pixels) * prod(call.shape_of(kernel)[1:])
    return call.emit(OperationKind.MATMUL, output, macs=macs)


def kernel_weights(kernel: Value, bias: Value | None) -> tuple[Weight, ...]:
    """Return the stored tensors; of a kernel that is computed from several, the largest first."""
    kernels = sorted(kernel.weights, key=lambda weight: -weight.elements)
    return (*kernels, *_bias_weights(bias))


def convolution(call: Call) -> Results:
    """Conv, and com.microsoft.FusedConv with an activation after it."""
    result = _convolve(call, call.input(), call.input(1), call.optional(2))
    added = call.optional(3)  # of FusedConv
    if added is not None:
        result = call.emit(OperationKind.ADD, result.shape, inputs=[result, added])
    return result


def quantized_convolution(call: Call) -> Results:
    """QLinearConv: scales and zero points are no parameters."""
    return _convolve(call, call.input(), call.input(3), call.optional(8))


def transposed_convolution(call: Call) -> Results:
    """ConvTranspose; `output_shape` determines the padding."""
    data, kernel, bias = call.input(), call.input(1), call.optional(2)
    shape, axes = _image(call, data)
    depth, filters, window = _kernel(call, kernel, axes)
    groups = call.integer("group", 1)
    if depth != shape[1]:
        call.fail_size(f"its kernel reads {depth} channels, not {shape[1]}", shape)
    stride, dilation = per_axis(call, "strides", axes), per_axis(call, "dilations", axes)
    added = call.integers("output_padding") or (0,) * axes
    padding = padding_of(call, axes)
    target = call.integers("output_shape")
    if target or isinstance(padding, NamedPadding):
        # Source: https://onnx.ai/onnx/operators/onnx__ConvTranspose.html
        sides = [n * s for n, s in zip(shape[2:], stride, strict=True)] if not target else target[-axes:]
        extents = [d * (f - 1) + 1 for f, d in zip(window, dilation, strict=True)]
        totals = [
            (n - 1) * s + op + extent - side
            for n, s, op, extent, side in zip(shape[2:], stride, added, extents, sides, strict=True)
        ]
        more_first = call.text("auto_pad", "NOTSET") != "SAME_UPPER"
        halves = [(max(total, 0) // 2, -(-max(total, 0) // 2)) for total in totals]
        padding = tuple((more, less) if more_first else (less, more) for less, more in halves)
        added = tuple(op + max(-total, 0) for op, total in zip(added, totals, strict=True))
    layer = TransposedConvolution(
        window=window,
        filters=filters * groups,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        output_padding=added,
        bias=bool(_bias_weights(bias)),
    )
    return _add_layer(call, layer, data, kernel, bias)


def pooling(kind: PoolingKind) -> Rule:
    """Return the rule of a pooling operator."""

    def rule(call: Call) -> Results:
        data = call.input()
        layer, data = _pooling_layer(call, data, kind)
        result = call.layer(layer, data)
        if call.has_output(1):  # where the largest values were
            indices = call.emit(OperationKind.OTHER, result.shape, inputs=[data], dtype="int64")
            return result, indices
        return result

    return rule


def _pooling_layer(call: Call, data: Value, kind: PoolingKind) -> tuple[Layer, Value]:
    """Return the layer, and its input: padded before where more than half of a window is padding."""
    shape, axes = _image(call, data)
    if not call.integers("kernel_shape"):
        call.fail("has no kernel_shape")
    window = per_axis(call, "kernel_shape", axes)
    stride, dilation = per_axis(call, "strides", axes), per_axis(call, "dilations", axes)
    padding = padding_of(call, axes)
    amounts = padding
    if isinstance(amounts, NamedPadding):
        extents = [d * (f - 1) + 1 for f, d in zip(window, dilation, strict=True)]
        amounts = _same_amounts(shape[2:], extents, stride, more_first=amounts == NamedPadding.SAME_LOWER)
    if any(max(pair) > side // 2 for pair, side in zip(amounts, window, strict=True)):
        data = call.layer(Pad(padding=amounts), data)
        padding = ((0, 0),) * axes
    layer = Pooling(
        window=window,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil=bool(call.integer("ceil_mode")),
        type=kind,
    )
    return layer, data


def _same_amounts(sides: Shape, extents: list[int], stride: Shape, *, more_first: bool) -> Amounts:
    """Return the padding with which an output has a pixel for each stride."""
    amounts = []
    for side, extent, step in zip(sides, extents, stride, strict=True):
        total = max((-(-side // step) - 1) * step + extent - side, 0)
        less, more = total // 2, total - total // 2
        amounts.append((more, less) if more_first else (less, more))
    return tuple(amounts)


def norm_pooling(call: Call) -> Results:
    """LpPool: the norm of each window."""
    layer, data = _pooling_layer(call, call.input(), PoolingKind.AVERAGE)
    shape = call.layer_output(layer, call.shape_of(data))
    return call.emit(OperationKind.OTHER, shape, inputs=[data], function="lppool")


def global_pooling(type: str) -> Rule:
    """Return the rule of a global pooling operator."""

    def rule(call: Call) -> Results:
        data = call.input()
        _, axes = _image(call, data)
        return call.layer(AdaptivePooling(size=(1,) * axes, type=type), data)

    return rule


def global_norm_pooling(call: Call) -> Results:
    """GlobalLpPool."""
    shape, axes = _image(call, call.input())
    return call.emit(OperationKind.OTHER, (*shape[:2], *(1,) * axes), function="lppool")


def unpooling(call: Call) -> Results:
    """MaxUnpool: the size follows backwards from that of the pooling."""
    shape, axes = _image(call, call.input())
    target = call.known_integers(2)
    if target is None:
        window, stride = per_axis(call, "kernel_shape", axes), per_axis(call, "strides", axes)
        unpooled = transposed_axes(shape[2:], window, stride=stride, padding=padding_of(call, axes))
        target = (*shape[:2], *(axis.output for axis in unpooled))
    return call.emit(OperationKind.OTHER, target, function="maxunpool")


def deformable_convolution(call: Call) -> Results:
    """DeformConv: as a convolution, whose taps are moved by computed offsets."""
    data, kernel, bias = call.input(), call.input(1), call.optional(3)
    shape, axes = _image(call, data)
    layer, depth = _convolution_layer(call, kernel, bias, axes)
    output = call.layer_output(layer, shape)
    macs = prod(output) * depth * prod(layer.window)
    return call.emit(OperationKind.OTHER, output, function="deformconv", macs=macs)


RULES: dict[str, Rule] = {
    "Conv": convolution,
    "ConvInteger": lambda call: _convolve(call, call.input(), call.input(1), None),
    "QLinearConv": quantized_convolution,
    "ConvTranspose": transposed_convolution,
    "DeformConv": deformable_convolution,
    "MaxPool": pooling(PoolingKind.MAX),
    "AveragePool": pooling(PoolingKind.AVERAGE),
    "QLinearAveragePool": pooling(PoolingKind.AVERAGE),
    "LpPool": norm_pooling,
    "MaxUnpool": unpooling,
    "GlobalAveragePool": global_pooling("gap"),
    "QLinearGlobalAveragePool": global_pooling("gap"),
    "GlobalMaxPool": global_pooling("gmp"),
    "GlobalLpPool": global_norm_pooling,
    "FusedConv": convolution,
    "NhwcFusedConv": convolution,
}

"""Normalizations: batch, instance, layer, group and root mean square."""

from math import prod

from convcli.networks.layer_types.elementwise import Normalization
from convcli.networks.models.onnx.call import Call, Results, Rule, side_outputs
from convcli.networks.models.onnx.names import names_module
from convcli.networks.models.onnx.values import Value
from convcli.networks.models.operations import OperationKind, Weight

__all__ = ["RULES"]

MAX_CONSTANTS = 1 << 16  # scales of which it is checked whether all are 1


def _normalized(
    call: Call,
    kind: str,
    channel_axis: int,
    weights: tuple[Weight, ...],
    data: Value | None = None,
    **fields: object,
) -> Value:
    data = data or call.input()
    layer = Normalization(type=kind, **fields)  # type: ignore[arg-type] # of several types
    return call.emit(
        OperationKind.LAYER,
        call.shape_of(data),
        inputs=[data],
        weights=weights,
        layer=layer,
        channel_axis=channel_axis,
    )


def _check_channels(call: Call, scale: Value, channel_axis: int = 1) -> None:
    shape = call.shape()
    if len(shape) <= channel_axis:
        call.fail_size("needs channels", shape)
    if call.shape_of(scale) and prod(call.shape_of(scale)) != shape[channel_axis]:
        call.fail_size(
            f"its scale is for {prod(call.shape_of(scale))} channels, not {shape[channel_axis]}", shape
        )


def batch_normalization(call: Call) -> Results:
    """BatchNormalization: mean and variance are not learned; in old opsets one for each pixel."""
    scale, shift = call.input(1), call.input(2)
    if call.integer("spatial", 1):
        _check_channels(call, scale)
    kept = [weight._replace(learned=False) for index in (3, 4) for weight in call.input(index).weights]
    result = _normalized(call, "bn", 1, (*scale.weights, *shift.weights, *kept))
    channels = (call.shape()[1],)
    return [result, *side_outputs(call, call.input(), (channels,) * 4, "statistics")]


def instance_normalization(call: Call) -> Results:
    """InstanceNormalization: exporters give it scales of 1 and shifts of 0 where nothing is learned."""
    scale, shift = call.input(1), call.input(2)
    _check_channels(call, scale)
    affine = not (_is_all(scale, 1) and _is_all(shift, 0))
    weights = scale.weights + shift.weights if affine else ()
    return _normalized(call, "instancenorm", 1, weights, affine=affine)


def _is_all(value: Value, number: int) -> bool:
    """Whether all elements of a constant are a number, or it is not stored."""
    if value.tensor is None:
        return not value.weights
    if names_module(value.tensor.name):  # untrained
        return False
    numbers = value.tensor.numbers(MAX_CONSTANTS)
    return numbers is not None and all(element == number for element in numbers)


def layer_normalization(call: Call) -> Results:
    """LayerNormalization, over the last axes from `axis` on."""
    shape = call.shape()
    axis = call.axis(call.integer("axis", -1), len(shape))
    scale, shift = call.input(1), call.optional(2)
    weights = scale.weights + (() if shift is None else shift.weights)
    result = _normalized(call, "ln", max(len(shape) - 1, 0), weights, bias=shift is not None)
    means = tuple(1 if place >= axis else side for place, side in enumerate(shape))
    return [result, *side_outputs(call, call.input(), (means, means), "statistics")]


def root_mean_square_normalization(call: Call) -> Results:
    """RMSNormalization, and com.microsoft.SimplifiedLayerNormalization."""
    shape = call.shape()
    return _normalized(call, "rms", max(len(shape) - 1, 0), call.input(1).weights)


def skip_normalization(call: Call, kind: str) -> Results:
    """com.microsoft's SkipLayerNormalization: an addition, and the normalization of the sum."""
    data, skip = call.input(), call.input(1)
    added = call.emit(OperationKind.ADD, data.shape, inputs=[data, skip], source="Add")
    bias_index = 4 if kind == "ln" else 3
    bias = call.optional(bias_index)
    if bias is not None:
        added = call.emit(OperationKind.ADD, data.shape, inputs=[added, bias], source="Add")
    weights = tuple(
        weight for value in call.inputs[2:bias_index] if value is not None for weight in value.weights
    )
    result = _normalized(call, kind, len(call.shape()) - 1, weights, added)
    return result, None, None, added


def group_normalization(call: Call) -> Results:
    """GroupNormalization: a scale for each channel, up to opset 20 for each group."""
    shape = call.shape()
    groups = call.integer("num_groups", call.integer("groups", 1))
    channel_axis = len(shape) - 1 if call.integer("channels_last") else 1
    if len(shape) < 2 or groups < 1 or shape[channel_axis] % groups:
        call.fail_size(f"{groups} groups do not divide its channels", shape)
    weights = call.input(1).weights + call.input(2).weights
    return _normalized(call, "gn", channel_axis, weights, groups=groups)


RULES: dict[str, Rule] = {
    "BatchNormalization": batch_normalization,
    "InstanceNormalization": instance_normalization,
    "LayerNormalization": layer_normalization,
    "GroupNormalization": group_normalization,
    "GroupNorm": group_normalization,
    "RMSNormalization": root_mean_square_normalization,
    "SimplifiedLayerNormalization": root_mean_square_normalization,
    "SkipLayerNormalization": lambda call: skip_normalization(call, "ln"),
    "SkipSimplifiedLayerNormalization": lambda call: skip_normalization(call, "rms"),
}

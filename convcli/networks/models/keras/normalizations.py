"""Normalization layers of Keras, and activations that are layers."""

from collections.abc import Callable
from math import prod

from convcli.networks.layer_types.elementwise import Normalization, NormalizationKind, Prelu, Scale
from convcli.networks.layer_types.file_operation import FileOperation
from convcli.networks.models.keras.layer_call import LayerCall
from convcli.networks.models.operations import Array, OperationKind, Weight
from convcli.networks.models.shapes import size_without_batch

__all__ = ["NORMALIZATIONS"]


def _batch(call: LayerCall) -> Array:
    shape = call.shape(call.input)
    axes = call.config.axes("axis", len(shape))
    sides = [shape[axis] for axis in axes]
    weights = _scale_and_shift(call, sides)
    statistics = ["moving_mean", "moving_variance"]
    weights += [call.weight(name, sides, learned=False) for name in statistics]
    return _normalize(call, NormalizationKind.BATCH, axes, weights)


def _scale_and_shift(call: LayerCall, sides: list[int]) -> list[Weight]:
    config = call.config
    weights = [call.weight("gamma", sides)] * config.flag("scale", default=True)
    return weights + [call.weight("beta", sides)] * config.flag("center", default=True)


def _layer(call: LayerCall) -> Array:
    shape = call.shape(call.input)
    axes = call.config.axes("axis", len(shape))
    sides = [shape[axis] for axis in axes]
    if call.config.flag("rms_scaling", default=False):
        return _normalize(call, NormalizationKind.RMS, axes, [call.weight("gamma", sides)])
    return _normalize(call, NormalizationKind.LAYER, axes, _scale_and_shift(call, sides))


def _rms(call: LayerCall) -> Array:
    shape = call.shape(call.input)
    axes = call.config.axes("axis", len(shape))
    weights = [call.weight("scale", [shape[axis] for axis in axes])]
    return _normalize(call, NormalizationKind.RMS, axes, weights)


def _group(call: LayerCall) -> Array:
    shape = call.shape(call.input)
    axes = call.config.axes("axis", len(shape))
    channels = shape[axes[0]]
    groups = call.config.number("groups", 32, minimum=-1)
    weights = _scale_and_shift(call, [channels])
    if groups in (-1, channels):
        return _normalize(call, NormalizationKind.INSTANCE, axes, weights)
    if groups < 1 or channels % groups:
        call.fail(f"its {groups} groups must divide the {channels} channels")
    return _normalize(call, NormalizationKind.GROUP, axes, weights, groups=groups)


def _normalize(
    call: LayerCall, kind: NormalizationKind, axes: tuple[int, ...], weights: list[Weight], groups: int = 1
) -> Array:
    """Record a normalization with weights for each channel; with others, an operation of the file."""
    shape = call.shape(call.input)
    learned = [weight for weight in weights if weight.learned]
    if len(axes) == 1:
        layer: Normalization | FileOperation = Normalization(
            type=kind, groups=groups, affine=bool(learned), bias=len(learned) > 1
        )
    else:
        size = size_without_batch(shape, axes[-1])
        layer = FileOperation(
            type=str(kind), size=size, parameters=sum(weight.elements for weight in learned)
        )
    return call.emit(OperationKind.LAYER, [call.input], shape, weights, layer=layer, channel_axis=axes[-1])


def _layer_scale(call: LayerCall) -> Array:
    """Record the learned factors of keras.applications' ConvNeXt."""
    shape = call.shape(call.input)
    weights = [call.weight("gamma", shape[-1:])]
    return call.emit(
        OperationKind.LAYER, [call.input], shape, weights, layer=Scale(), channel_axis=len(shape) - 1
    )


def _unit(call: LayerCall) -> Array:
    return call.emit(OperationKind.UNARY, [call.input], call.input.shape, function="normalize")


def _activation(call: LayerCall) -> Array:
    array = call.activate(call.input)
    return array if array is not call.input else call.function("linear", array)


def _function_of(name: str) -> Callable[[LayerCall], Array]:
    def function(call: LayerCall) -> Array:
        return call.function(name, call.input)

    return function


def _softmax(call: LayerCall) -> Array:
    axis = call.config.get("axis", -1)
    return call.function("softmax", call.input, channel_axis=axis if type(axis) is int else -1)


def _relu(call: LayerCall) -> Array:
    """Record a ReLU: with a maximum of 6 relu6, with a slope below zero leaky."""
    config = call.config
    maximum, slope = config.get("max_value"), config.get("negative_slope") or config.get("alpha")
    if config.get("threshold"):
        return call.emit(OperationKind.UNARY, [call.input], call.input.shape, function="relu")
    if maximum is not None:
        if maximum == 6 and not slope:
            return call.function("relu6", call.input)
        return call.emit(OperationKind.UNARY, [call.input], call.input.shape, function="clip")
    return call.function("leakyrelu" if slope else "relu", call.input)


def _prelu(call: LayerCall) -> Array:
    shape = call.shape(call.input)
    sides = list(shape[1:])
    if call.config.get("shared_axes") is not None:
        for axis in call.config.axes("shared_axes", len(shape)):
            if axis:
                sides[axis - 1] = 1
    axis = len(shape) - 1
    if prod(sides) == 1:
        layer: Prelu | FileOperation = Prelu()
    elif prod(sides) == max(sides):
        axis = sides.index(max(sides)) + 1
        layer = Prelu(per_channel=True)
    else:
        layer = FileOperation(type="prelu", size=size_without_batch(shape, axis), parameters=prod(sides))
    return call.emit(
        OperationKind.LAYER,
        [call.input],
        shape,
        [call.weight("alpha", sides)],
        layer=layer,
        channel_axis=axis,
    )


NORMALIZATIONS: dict[str, Callable[[LayerCall], Array]] = {
    "BatchNormalization": _batch,
    "SyncBatchNormalization": _batch,
    "LayerNormalization": _layer,
    "GroupNormalization": _group,
    "RMSNormalization": _rms,
    "UnitNormalization": _unit,
    "Activation": _activation,
    "ReLU": _relu,
    "LeakyReLU": _function_of("leakyrelu"),
    "ELU": _function_of("elu"),
    "ThresholdedReLU": _function_of("threshold"),
    "Softmax": _softmax,
    "PReLU": _prelu,
    "LayerScale": _layer_scale,
}

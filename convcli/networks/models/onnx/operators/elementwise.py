"""Elementwise operators: arithmetic with broadcasting, activations, comparisons."""

from collections.abc import Callable, Sequence
from math import prod

from convcli.networks.layer_types.elementwise import Elementwise, Prelu
from convcli.networks.models.onnx.arithmetic import BINARY, UNARY, elementwise
from convcli.networks.models.onnx.call import Call, Results, Rule
from convcli.networks.models.onnx.tensors import Number
from convcli.networks.models.onnx.values import Value, computed, folded
from convcli.networks.models.operations import OperationKind, Shape
from convcli.networks.models.shapes import broadcast_shape

__all__ = ["LAYERS", "RULES", "arithmetic", "joined_shape"]

ARITHMETIC = {
    "Add": OperationKind.ADD,
    "Sub": OperationKind.SUBTRACT,
    "Mul": OperationKind.MULTIPLY,
    "Div": OperationKind.DIVIDE,
    "Pow": OperationKind.POWER,
}
LAYERS = {
    "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softmax": "softmax", "Gelu": "gelu",
    "HardSwish": "hardswish", "LeakyRelu": "leakyrelu", "Elu": "elu", "Mish": "mish", "Swish": "silu",
    "HardSigmoid": "hardsigmoid", "Softplus": "softplus", "LRN": "lrn", "LogSoftmax": "logsoftmax",
    "Selu": "selu",
    "FastGelu": "gelu", "QuickGelu": "gelu",
    "QLinearSigmoid": "sigmoid", "QLinearLeakyRelu": "leakyrelu", "QLinearSoftmax": "softmax",
}  # fmt: skip
CLIPPING_LAYERS: dict[tuple[float, float], str] = {(0, 6): "relu6", (0, float("inf")): "relu"}
FUNCTIONS = (
    "Celu", "Softsign", "ThresholdedRelu", "Hardmax", "Erf", "Exp", "Log", "Sqrt", "Abs", "Neg",
    "Sign", "Floor", "Ceil", "Round", "Reciprocal", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh",
    "Cosh", "Asinh", "Acosh", "Atanh", "Shrink", "LpNormalization", "MeanVarianceNormalization", "CumSum",
    "Trilu", "Not", "IsNaN", "IsInf", "BitwiseNot", "RoundHalfEven", "Clip", "CumProd", "ImageScaler",
)  # fmt: skip
COMPARISONS = {
    "Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "And", "Or", "Xor", "Not", "IsNaN", "IsInf",
}  # fmt: skip


def joined_shape(call: Call, *values: Value) -> Shape:
    """Return the shape of values that are broadcast."""
    shapes = [call.shape_of(value) for value in values]
    result = broadcast_shape(*shapes)
    if result is None:
        call.fail_size("sides that are neither equal nor 1 do not fit each other", *shapes[:8])
    return result


def binary(name: str) -> Rule:
    """Return the rule of an operator of two inputs."""

    def rule(call: Call) -> Results:
        first, second = call.input(), call.input(1)
        return _before_transpose(call, name, first, second) or arithmetic(call, name, first, second)

    return rule


def _before_transpose(call: Call, name: str, first: Value, second: Value) -> Value | None:
    """Return a sum or product with a weight for each channel, moved before the transpose that it follows.

    Keras adds the bias of a convolution after the transpose that brings the channels last.
    """
    data, weight = (first, second) if second.is_constant else (second, first)
    transpose = call.recorder.maker(data)
    if transpose is None or transpose.kind != OperationKind.TRANSPOSE or not weight.parameters:
        return None
    source, result, sides = transpose.inputs[0], call.shape_of(data), call.shape_of(weight)
    is_per_channel = result[-1:] == sides[-1:] and prod(sides) == sides[-1]
    if name not in ARITHMETIC or len(result) < 3 or transpose.permutation[-1] != 1 or not is_per_channel:
        return None
    before = computed(source, data.dtype)
    stored = [
        each._replace(shape=sides[-1:]) if each.elements == sides[-1] else each for each in weight.weights
    ]
    weight = weight._replace(
        shape=(*sides[-1:], *(1,) * (len(result) - 2)), weights=tuple(stored), numbers=None
    )
    moved = (before, weight) if data is first else (weight, before)
    return call.view(
        OperationKind.TRANSPOSE,
        result,
        arithmetic(call, name, *moved),
        permutation=transpose.permutation,
        source=transpose.source,
    )


def arithmetic(call: Call, name: str, first: Value, second: Value) -> Value:
    """Combine two values; small constants are computed."""
    if "axis" in call.attributes and call.opset < 7:
        second = _old_broadcast(call, first, second)
    dtype = "bool" if name in COMPARISONS else first.dtype
    if first.numbers is not None and second.numbers is not None and name in BINARY:
        result = elementwise(BINARY[name], *map(_numbers_of, (first, second)))
        if result is not None and result[0] is not None:
            return folded(*result, dtype)
    shape, inputs = joined_shape(call, first, second), [first, second]
    kind, constant = ARITHMETIC.get(name), _constant_of(inputs)
    if kind is None:
        return call.emit(
            OperationKind.OTHER, shape, inputs=inputs, dtype=dtype, function=name.lower(), constant=constant
        )
    is_reversed = first.is_constant and kind not in (OperationKind.ADD, OperationKind.MULTIPLY)
    if is_reversed and not first.parameters:  # 1 - x, 2 / x: the operands of an operation are in order
        return call.emit(
            OperationKind.UNARY, shape, inputs=inputs, function=f"reverse {kind}", constant=constant
        )
    return call.emit(kind, shape, inputs=inputs, constant=constant)


def _constant_of(values: Sequence[Value]) -> float | None:
    """Return the number that is combined with an array; None if there is none."""
    constants = [value for value in values if value.is_constant]
    scalar = constants[0].scalar if len(constants) == 1 else None
    return None if scalar is None else float(scalar)


def _numbers_of(value: Value) -> tuple[tuple[Number, ...], Shape]:
    return value.numbers or (), value.shape or ()


def _old_broadcast(call: Call, first: Value, second: Value) -> Value:
    """Return the second value with axes of length 1 at the end, so that its first axis is that of `axis`."""
    shape = call.shape_of(second)
    missing = (
        len(call.shape_of(first)) - call.axis(call.integer("axis"), len(call.shape_of(first))) - len(shape)
    )
    return second._replace(shape=(*shape, *(1,) * max(missing, 0)))


def several(name: str) -> Rule:
    """Return the rule of Sum, Mean, Min and Max, which take any number of inputs."""

    def rule(call: Call) -> Results:
        values = [value for value in call.inputs if value is not None]
        if not values:
            call.fail("has no inputs")
        result = values[0]
        for value in values[1:]:
            result = FOLDS[name](call, result, value)
        if len(values) == 1:
            return call.view(OperationKind.IDENTITY, call.shape(), values[0])
        return result

    return rule


def _extremum(name: str) -> Callable[[Call, Value, Value], Value]:
    function = min if name == "Min" else max

    def fold(call: Call, first: Value, second: Value) -> Value:
        if first.numbers is not None and second.numbers is not None:
            found = elementwise(function, *map(_numbers_of, (first, second)))
            if found is not None and found[0] is not None:
                return folded(*found, first.dtype)
        shape = joined_shape(call, first, second)
        inputs = [first, second]
        return call.emit(
            OperationKind.OTHER, shape, inputs=inputs, function=name.lower(), constant=_constant_of(inputs)
        )

    return fold


FOLDS: dict[str, Callable[[Call, Value, Value], Value]] = {
    "Sum": lambda call, first, second: arithmetic(call, "Add", first, second),
    "Mean": lambda call, first, second: arithmetic(call, "Add", first, second),
    "Min": _extremum("Min"),
    "Max": _extremum("Max"),
}


def layer(kind: str) -> Rule:
    """Return the rule of an activation that is a layer."""

    def rule(call: Call) -> Results:
        return activation(call, call.input(), kind)

    return rule


def activation(call: Call, data: Value, kind: str) -> Value:
    """Add an activation."""
    shape = call.shape_of(data)
    return call.emit(OperationKind.LAYER, shape, inputs=[data], weights=(), layer=Elementwise(type=kind))


def function(name: str) -> Rule:
    """Return the rule of an elementwise function that is no layer."""

    def rule(call: Call) -> Results:
        data = call.input()
        dtype = "bool" if name in COMPARISONS else data.dtype
        if data.numbers is not None and name in UNARY:
            result = elementwise(UNARY[name], (data.numbers, data.shape or ()))
            if result is not None and result[0] is not None:
                return folded(*result, dtype)
        inputs = [value for value in call.inputs if value is not None and not value.is_constant] or [data]
        return call.emit(
            OperationKind.UNARY, call.shape(), inputs=inputs, weights=(), dtype=dtype, function=name.lower()
        )

    return rule


def clip(call: Call) -> Results:
    """Clip: from 0 to 6 it is relu6; what numbers of shapes become is computed."""
    data = call.input()
    low = call.number("min", float("-inf")) if call.optional(1) is None else call.input(1).scalar
    high = call.number("max", float("inf")) if call.optional(2) is None else call.input(2).scalar
    if low is None or high is None:
        return function("Clip")(call)
    if data.numbers is not None:
        result = elementwise(lambda number: min(max(number, low), high), _numbers_of(data))
        if result is not None and result[0] is not None:
            return folded(*result, data.dtype)
    if (low, high) in CLIPPING_LAYERS:
        return activation(call, data, CLIPPING_LAYERS[low, high])
    return call.emit(
        OperationKind.UNARY, call.shape(), inputs=[data], weights=(), function=f"clip {low:g} {high:g}"
    )


def learned_slope(call: Call) -> Results:
    """PRelu: one slope, or one for each channel; up to opset 6 without axes of length 1 at the end."""
    data, slope, shape = call.input(), call.input(1), call.shape()
    elements = prod(call.shape_of(slope))
    if not slope.is_constant or len(shape) < 2 or elements not in (1, shape[1]) or data.is_constant:
        return call.emit(OperationKind.MULTIPLY, joined_shape(call, data, slope), source="PRelu")
    layer = Prelu(per_channel=elements > 1)
    return call.emit(OperationKind.LAYER, shape, inputs=[data], weights=slope.weights, layer=layer)


def selection(call: Call) -> Results:
    """Where: the values of one tensor or of another."""
    values = [call.input(index) for index in range(3)]
    if all(value.numbers is not None for value in values):
        tensors = [_numbers_of(value) for value in values]
        result = elementwise(lambda chosen, first, second: first if chosen else second, *tensors)
        if result is not None and result[0] is not None:
            return folded(*result, values[1].dtype)
    shape = joined_shape(call, *values)
    return call.emit(OperationKind.OTHER, shape, dtype=values[1].dtype, function="where")


def _chosen(values: Sequence[str]) -> dict[str, Rule]:
    return {name: function(name) for name in values}


RULES: dict[str, Rule] = {
    **{name: binary(name) for name in BINARY},
    **{name: binary(name) for name in ("BitShift", "BitwiseXor")},
    **{name: several(name) for name in FOLDS},
    **_chosen(FUNCTIONS),
    **{name: layer(kind) for name, kind in LAYERS.items()},
    "Clip": clip,
    "PRelu": learned_slope,
    "Where": selection,
}

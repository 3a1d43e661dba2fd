"""Functions in the graph of a Keras model: ``keras.ops`` of Keras 3, TensorFlow's functions of Keras 2."""

from collections.abc import Callable, Iterator
from math import prod

from convcli.networks.layer_types.resizing import Upsample
from convcli.networks.models.einsum import read_einsum
from convcli.networks.models.keras.configuration import as_mapping, as_number
from convcli.networks.models.keras.layer_call import Arrays, LayerCall
from convcli.networks.models.keras.merging import broadcast, concatenate
from convcli.networks.models.keras.pooling import interpolation_mode
from convcli.networks.models.keras.reshaping import (
    expand_dims,
    get_item,
    reshape_function,
    split,
    squeeze,
    swap_axes,
    transpose_function,
)
from convcli.networks.models.operations import Array, OperationKind, Shape
from convcli.networks.models.shapes import matmul_shape

__all__ = ["function_handler"]


def _binary(kind: OperationKind) -> Callable[[LayerCall], Array]:
    """Return what records an elementwise operation of two arrays, or of an array and a constant."""

    def function(call: LayerCall) -> Array:
        arrays = call.inputs
        if len(arrays) > 1:
            shape = broadcast(call, [call.shape(array) for array in arrays[:2]])
            return call.emit(kind, arrays[:2], shape)
        constant = next(iter(_constants(call)), None)
        array = call.input
        if isinstance(constant, int | float):
            is_first = not isinstance(call.arguments[0], Array) if call.arguments else False
            if is_first and kind in (OperationKind.SUBTRACT, OperationKind.DIVIDE, OperationKind.POWER):
                return call.emit(OperationKind.UNARY, [array], array.shape, function=str(kind))
            return call.emit(kind, [array], array.shape, constant=as_number(constant))
        sides = _constant_shape(constant)
        shape = broadcast(call, [call.shape(array), sides])
        changed = OperationKind.UNARY if shape == array.shape else OperationKind.OTHER
        return call.emit(changed, [array], shape, function=str(kind))

    return function


def _constants(call: LayerCall) -> Iterator[object]:
    """Yield the arguments that are no arrays."""
    for value in (*call.arguments, *call.keywords.values()):
        if not isinstance(value, Array | str | bool) and value is not None and not _holds_array(value):
            yield value


def _holds_array(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(item, Array) for item in value)


def _constant_shape(value: object) -> Shape:
    """Return the shape of nested lists of numbers, or of a serialized array."""
    if isinstance(value, dict):
        value = as_mapping(value.get("config")).get("value")
    shape: list[int] = []
    while isinstance(value, list) and value and len(shape) < 32:
        shape.append(len(value))
        value = value[0]
    return tuple(shape)


def _reduction(kind: OperationKind) -> Callable[[LayerCall], Array]:
    def function(call: LayerCall) -> Array:
        shape = call.shape(call.input)
        given = call.value("axis", position=1)
        axes = list(range(len(shape))) if given is None else call.axes(given, len(shape))
        keeps = bool(call.value("keepdims", "keep_dims", position=2, default=False))
        made = tuple(
            1 if axis in axes else side for axis, side in enumerate(shape) if keeps or axis not in axes
        )
        return call.emit(kind, [call.input], made, axes=tuple(sorted(axes)))

    return function


def _unary(call: LayerCall) -> Array:
    name = call.function_name
    return call.emit(OperationKind.UNARY, [call.input], call.input.shape, function=name)


def _activation(call: LayerCall) -> Array:
    name = call.function_name
    return call.function(name, call.input)


def _identity(call: LayerCall) -> Array:
    return call.emit(OperationKind.IDENTITY, [call.input], call.input.shape)


def _concatenate(call: LayerCall) -> Array:
    axis = call.value("axis", position=1, default=0)
    return concatenate(call, [call.input, *call.inputs[1:]], call.integers(axis, "axis")[0])


def _stack(call: LayerCall) -> Array:
    shape = call.shape(call.input)
    axis = call.axes(call.value("axis", position=1, default=0), len(shape) + 1)[0]
    made = (*shape[:axis], 1, *shape[axis:])
    return concatenate(call, [call.view(array, made) for array in call.inputs], axis)


def _expand(call: LayerCall) -> Array:
    """Record the repetition of an array along axes."""
    shape = call.shape(call.input)
    name = call.function_name
    if name == "broadcastto":
        made = broadcast(call, [shape, tuple(call.integers(call.value("shape", position=1), "shape"))])
    elif name == "repeat":
        axis = call.axes(call.value("axis", position=2), len(shape))[0]
        times = call.integers(call.value("repeats", position=1), "repeats")[0]
        made = (*shape[:axis], shape[axis] * times, *shape[axis + 1 :])
    else:
        times_each = call.integers(call.value("repeats", "multiples", position=1), "repeats")
        rank = max(len(times_each), len(shape))
        sides = (1,) * (rank - len(shape)) + shape
        repeats = [1] * (rank - len(times_each)) + times_each
        made = tuple(side * times for side, times in zip(sides, repeats, strict=True))
    return call.emit(OperationKind.EXPAND, [call.input], made)


def _pad(call: LayerCall) -> Array:
    shape = call.shape(call.input)
    given = call.value("pad_width", "paddings", position=1)
    pairs = given if isinstance(given, list) else [given]
    if len(pairs) == 1 or not isinstance(pairs[0], list):
        pairs = [pairs[0] if len(pairs) == 1 else pairs] * len(shape)
    made = []
    for side, pair in zip(shape, pairs, strict=False):
        amounts = call.integers(pair, "padding")
        made.append(side + amounts[0] + amounts[-1])
    if len(made) != len(shape):
        call.fail(f"needs padding for {len(shape)} axes")
    return call.emit(OperationKind.OTHER, [call.input], tuple(made))


def _matmul(call: LayerCall) -> Array:
    factors = [call.input, *call.inputs[1:2]]
    shapes = [list(call.shape(array)) for array in factors]
    if len(factors) == 1:
        constant = list(_constant_shape(next(iter(_constants(call)), None)))
        is_first = bool(call.arguments) and not isinstance(call.arguments[0], Array)
        shapes.insert(0 if is_first else 1, constant)
    left, right = shapes
    for shape, name in ((left, "transpose_a"), (right, "transpose_b")):
        if call.keywords.get(name):
            shape[-2:] = shape[:-3:-1]
    try:
        made = matmul_shape(tuple(left), tuple(right))
    except ValueError as error:
        call.fail(f"{error}")
    return call.emit(OperationKind.MATMUL, factors, made, macs=prod(made) * left[-1])


def _einsum(call: LayerCall) -> Array:
    equation = call.value("subscripts", "equation", position=0)
    arrays = call.inputs
    try:
        einsum = read_einsum(str(equation), [call.shape(array) for array in arrays])
    except ValueError:
        return call.emit(OperationKind.UNKNOWN, arrays, None)
    return call.emit(OperationKind.MATMUL, arrays, einsum.shape, macs=einsum.macs)


def _resize(call: LayerCall) -> Array:
    shape = call.shape(call.input, 4)
    size = call.integers(call.value("size", position=1), "size")
    if len(size) != 2:
        call.fail("needs a height and a width")
    mode = interpolation_mode(str(call.value("interpolation", "method", default="bilinear")))
    is_first = call.config.channels_first
    layer = Upsample(size=(size[0], size[1]), mode=mode)
    return call.apply(layer, call.input, channel_axis=1 if is_first else len(shape) - 1)


def _same_shape(call: LayerCall) -> Array:
    """Record an operation without parameters on arrays that broadcast, such as a comparison."""
    arrays = [call.input, *call.inputs[1:]]
    shape = broadcast(call, [call.shape(array) for array in arrays])
    return call.emit(OperationKind.OTHER, arrays, shape)


def _named(names: str, function: Callable[[LayerCall], Arrays]) -> dict[str, Callable[[LayerCall], Arrays]]:
    return dict.fromkeys(names.split(), function)


FUNCTIONS: dict[str, Callable[[LayerCall], Arrays]] = {
    **_named("add biasadd", _binary(OperationKind.ADD)),
    **_named("subtract sub", _binary(OperationKind.SUBTRACT)),
    **_named("multiply mul", _binary(OperationKind.MULTIPLY)),
    **_named("divide div truediv truedivide realdiv dividenonan", _binary(OperationKind.DIVIDE)),
    **_named("power pow", _binary(OperationKind.POWER)),
    **_named("mean reducemean", _reduction(OperationKind.MEAN)),
    **_named("max amax reducemax", _reduction(OperationKind.MAXIMUM)),
    **_named(
        "sum reducesum min amin reducemin prod reduceprod var std median logsumexp norm all any argmax "
        "argmin",
        _reduction(OperationKind.OTHER),
    ),
    **_named(
        "sqrt rsqrt exp log log1p log2 log10 expm1 square absolute abs negative sign sin cos tan erf floor "
        "ceil round clip clipbyvalue reciprocal flip roll cumsum triu tril normalize l2normalize nantonum",
        _unary,
    ),
    **_named(
        "relu relu6 sigmoid softplus softsign silu swish leakyrelu hardsigmoid hardsilu elu selu gelu celu "
        "softmax logsoftmax tanh logsigmoid hardtanh hardshrink softshrink tanhshrink squareplus sparseplus "
        "mish",
        _activation,
    ),
    **_named("cast stopgradient identity converttotensor copy saturatecast", _identity),
    "reshape": reshape_function,
    **_named("transpose", transpose_function),
    **_named("swapaxes", swap_axes),
    "squeeze": squeeze,
    **_named("expanddims newaxis", expand_dims),
    **_named("concatenate concat", _concatenate),
    "stack": _stack,
    "split": split,
    **_named("getitem slicingoplambda", get_item),
    **_named("broadcastto repeat tile", _expand),
    "pad": _pad,
    "matmul": _matmul,
    "einsum": _einsum,
    **_named("resize resizeimages", _resize),
    **_named(
        "maximum minimum greater less equal where greaterequal lessequal notequal logicaland", _same_shape
    ),
}


def function_handler(call: LayerCall) -> Callable[[LayerCall], Arrays] | None:
    """Return what records a function; None if it is not known."""
    return FUNCTIONS.get(call.function_name)

"""Keras's layers that rearrange values, do nothing at inference, or prepare the input."""

from collections.abc import Callable
from itertools import pairwise
from math import prod

from convcli.networks.layer_types.elementwise import (
    Elementwise,
    ElementwiseKind,
    Normalization,
    NormalizationKind,
)
from convcli.networks.models.keras.configuration import as_mapping, as_number, shown
from convcli.networks.models.keras.layer_call import Arrays, LayerCall
from convcli.networks.models.operations import Array, OperationKind, Shape
from convcli.networks.models.shapes import fitted_shape

__all__ = [
    "RESHAPING",
    "expand_dims",
    "get_item",
    "reshape_function",
    "split",
    "squeeze",
    "swap_axes",
    "transpose_function",
]


def _resolved_shape(call: LayerCall, elements: int, wanted: object) -> Shape:
    """Return the shape of a reshape of so many elements; one side may be -1.

    Raises
    ------
    SizeError
        It does not have that many elements.
    """
    sides = call.integers(wanted, "shape")
    if any(side < -1 for side in sides) or sides.count(-1) > 1:
        call.fail(f"is reshaped to {shown(wanted)}; only one side may be -1")
    fitted = fitted_shape((elements,), sides)
    if fitted is None:
        known, text = prod(side for side in sides if side != -1), "x".join(map(str, sides))
        call.fail(f"makes {text} of {elements} values, which is {known}{' times a number' * (-1 in sides)}")
    return fitted


def _flatten(call: LayerCall) -> Array:
    shape = call.shape(call.input)
    return call.view(call.input, (shape[0], prod(shape[1:])))


def _reshape(call: LayerCall) -> Array:
    shape = call.shape(call.input)
    wanted = _resolved_shape(call, prod(shape[1:]), call.config.get("target_shape", []))
    return call.view(call.input, (shape[0], *wanted))


def _permute(call: LayerCall) -> Array:
    shape = call.shape(call.input)
    order = call.config.numbers("dims", len(shape) - 1)
    if sorted(order) != list(range(1, len(shape))):
        call.config.fail("dims", f"an order of the axes 1 to {len(shape) - 1}")
    permutation = (0, *order)
    made = tuple(shape[axis] for axis in permutation)
    return call.emit(OperationKind.TRANSPOSE, [call.input], made, permutation=permutation)


def _repeat_vector(call: LayerCall) -> Array:
    shape = call.shape(call.input, 2)
    one = call.view(call.input, (shape[0], 1, shape[1]))
    return call.emit(OperationKind.EXPAND, [one], (shape[0], call.config.number("n"), shape[1]))


def _identity(call: LayerCall) -> Array:
    return call.emit(OperationKind.IDENTITY, [call.input], call.input.shape)


def _dropout(call: LayerCall) -> Array:
    shape = call.input.shape
    if shape is None:
        return _identity(call)
    layer = Elementwise(type=ElementwiseKind.DROPOUT)
    return call.emit(OperationKind.LAYER, [call.input], shape, layer=layer, channel_axis=len(shape) - 1)


def _rescaling(call: LayerCall) -> Array:
    array = call.input
    for kind, key in ((OperationKind.MULTIPLY, "scale"), (OperationKind.ADD, "offset")):
        value = call.config.get(key)
        if isinstance(value, list):
            array = call.emit(OperationKind.UNARY, [array], array.shape, function=str(kind))
        elif isinstance(value, int | float) and value != (0 if kind == OperationKind.ADD else 1):
            array = call.emit(kind, [array], array.shape, constant=as_number(value))
    return array if array is not call.input else _identity(call)


def _normalization(call: LayerCall) -> Array:
    """Record the subtraction of means and the division by deviations.

    Those that Keras has measured are kept as in batch normalization; those that are given are numbers.
    """
    shape = call.shape(call.input)
    mean = call.config.get("mean")
    if mean is not None:
        centered = call.emit(OperationKind.SUBTRACT, [call.input], shape, constant=as_number(mean))
        deviation = abs(as_number(call.config.get("variance"))) ** 0.5
        return call.emit(OperationKind.DIVIDE, [centered], shape, constant=deviation)
    is_scalar = call.layer.values.get("axis", -1) in (None, [])
    axes = () if is_scalar else call.config.axes("axis", len(shape))
    sides = [shape[axis] for axis in axes]
    weights = [call.weight(name, sides, learned=False) for name in ("mean", "variance")]
    if len(axes) != 1:
        centered = call.emit(OperationKind.SUBTRACT, [call.input], shape, weights[:1])
        return call.emit(OperationKind.DIVIDE, [centered], shape, weights[1:])
    layer = Normalization(type=NormalizationKind.BATCH, affine=False)
    return call.emit(OperationKind.LAYER, [call.input], shape, weights, layer=layer, channel_axis=axes[0])


def _embedding(call: LayerCall) -> Array:
    rows, width = call.config.number("input_dim"), call.config.number("output_dim")
    weights = [call.weight("embeddings", (rows, width))]
    if call.input.shape is None:
        call.shape(call.input)
    return call.emit(OperationKind.EMBEDDING, [call.input], (*(call.input.shape or ()), width), weights)


def reshape_function(call: LayerCall) -> Array:
    """Record a reshape of the whole array, batch included."""
    shape = call.shape(call.input)
    wanted = call.value("newshape", "shape", "target_shape", position=1)
    sides = list(wanted) if isinstance(wanted, list | tuple) else [wanted]
    # The batch may be open: with another open side it is that of the input.
    sides = [-1 if side is None else side for side in sides]
    if sides.count(-1) > 1 and sides[0] == -1:
        sides[0] = shape[0]
    return call.view(call.input, _resolved_shape(call, prod(shape), sides))


def transpose_function(call: LayerCall) -> Array:
    """Record another order of the axes."""
    shape = call.shape(call.input)
    given = call.value("axes", "perm", position=1)
    axes = list(range(len(shape)))[::-1] if given is None else call.axes(given, len(shape))
    return _permuted(call, shape, axes)


def _permuted(call: LayerCall, shape: Shape, axes: list[int]) -> Array:
    if sorted(axes) != list(range(len(shape))):
        call.fail(f"needs an order of all {len(shape)} axes")
    made = tuple(shape[axis] for axis in axes)
    return call.emit(OperationKind.TRANSPOSE, [call.input], made, permutation=tuple(axes))


def swap_axes(call: LayerCall) -> Array:
    """Record two axes that change places."""
    shape = call.shape(call.input)
    first = call.axes(call.value("axis1", position=1), len(shape))[0]
    second = call.axes(call.value("axis2", position=2), len(shape))[0]
    axes = list(range(len(shape)))
    axes[first], axes[second] = second, first
    return _permuted(call, shape, axes)


def squeeze(call: LayerCall) -> Array:
    """Record the removal of axes of length 1."""
    shape = call.shape(call.input)
    given = call.value("axis", position=1)
    axes = (
        [axis for axis, side in enumerate(shape) if side == 1]
        if given in (None, [])
        else call.axes(given, len(shape))
    )
    if any(shape[axis] != 1 for axis in axes):
        call.fail(f"removes an axis of length {max(shape[axis] for axis in axes)}; only 1 is possible")
    return call.view(call.input, tuple(side for axis, side in enumerate(shape) if axis not in axes))


def expand_dims(call: LayerCall) -> Array:
    """Record new axes of length 1."""
    shape = call.shape(call.input)
    given = call.value("axis", position=1)
    count = len(given) if isinstance(given, list) else 1
    axes = set(call.axes(given, len(shape) + count))
    made = list(shape)
    for axis in sorted(axes):
        made.insert(axis, 1)
    return call.view(call.input, tuple(made))


def split(call: LayerCall) -> Arrays:
    """Record each part of an array as a slice."""
    shape = call.shape(call.input)
    axis = call.axes(call.value("axis", position=2, default=0), len(shape))[0]
    given = call.value("indices_or_sections", "num_or_size_splits", position=1)
    parts = call.integers(given, "parts")
    side = shape[axis]
    if isinstance(given, list) and call.function_name == "split" and "num_or_size_splits" in call.keywords:
        bounds = [sum(parts[:index]) for index in range(len(parts) + 1)]
    elif isinstance(given, list):
        bounds = [0, *parts, side]
    else:
        if not 0 < parts[0] <= 100_000 or side % parts[0]:
            call.fail(f"splits a side of {side} into {parts[0]} parts, which must be equal")
        bounds = list(range(0, side + 1, side // parts[0]))
    return [_slice(call, call.input, axis, *pair) for pair in pairwise(bounds)]


def _slice(call: LayerCall, array: Array, axis: int, start: int, stop: int, step: int = 1) -> Array:
    shape = call.shape(array)
    length = len(range(*slice(start, stop, step).indices(shape[axis])))
    made = (*shape[:axis], length, *shape[axis + 1 :])
    return call.emit(OperationKind.SLICE, [array], made, axis=axis, start=start, stop=stop, step=step)


def get_item(call: LayerCall) -> Array:
    """Record indexing: slices, and the removal or insertion of axes."""
    key = call.value("key", "slice_spec", position=1, default=[])
    items = list(key) if isinstance(key, list | tuple) else [key]
    array = call.input
    rank = len(call.shape(array))
    consumed = sum(1 for item in items if item is not None and not _is_ellipsis(item))
    axis = 0
    removed: list[int] = []
    inserted: list[int] = []
    for item in items:
        if _is_ellipsis(item):
            axis += rank - consumed
        elif item is None:
            inserted.append(axis - len(removed) + len(inserted))
        elif axis >= rank:
            call.fail(f"takes {len(items)} indices of an array with {rank} axes")
        else:
            side = call.shape(array)[axis]
            bounds = _bounds(call, item, side)
            if bounds != (0, side, 1):
                array = _slice(call, array, axis, *bounds)
            if type(item) is int:
                removed.append(axis)
            axis += 1
    made = [side for index, side in enumerate(call.shape(array)) if index not in removed]
    for place in inserted:
        made.insert(place, 1)
    if removed or inserted:
        array = call.view(array, tuple(made))
    return array if array is not call.input else _identity(call)


def _is_ellipsis(item: object) -> bool:
    return isinstance(item, dict) and item.get("class_name") == "__ellipsis__"


def _bounds(call: LayerCall, item: object, side: int) -> tuple[int, int, int]:
    """Return start, stop and step of an index or a slice."""
    if type(item) is int:
        if not -side <= item < side:
            call.fail(f"takes index {item} of a side of {side}")
        return item % side, item % side + 1, 1
    if not isinstance(item, dict):
        call.fail(f"is indexed by {shown(item)}")
    values = as_mapping(item.get("config")) or item
    numbers = [values.get(key) for key in ("start", "stop", "step")]
    if not all(number is None or (type(number) is int and abs(number) < 2**62) for number in numbers):
        call.fail("is indexed by a slice that is not constant")
    if numbers[2] == 0:
        call.fail("is indexed by a slice with step 0")
    start, stop, step = slice(*numbers).indices(side)
    return start, stop, step


RESHAPING: dict[str, Callable[[LayerCall], Array]] = {
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Permute": _permute,
    "RepeatVector": _repeat_vector,
    "Rescaling": _rescaling,
    "Normalization": _normalization,
    "Embedding": _embedding,
    **dict.fromkeys(
        (
            "Dropout",
            "SpatialDropout1D",
            "SpatialDropout2D",
            "SpatialDropout3D",
            "AlphaDropout",
            "GaussianDropout",
        ),
        _dropout,
    ),
    **dict.fromkeys(
        [
            "GaussianNoise",
            "ActivityRegularization",
            "Identity",
            "Masking",
            "RandomFlip",
            "RandomRotation",
            "RandomZoom",
            "RandomTranslation",
            "RandomContrast",
            "RandomBrightness",
            "RandomHue",
            "RandomSaturation",
            "RandomShear",
            "RandomSharpness",
            "RandomColorJitter",
            "RandomGrayscale",
            "RandomGaussianBlur",
            "RandomErasing",
            "RandomInvert",
            "RandomPosterization",
            "RandomPerspective",
            "RandomColorDegeneration",
            "RandomElasticTransform",
            "AutoContrast",
            "RandAugment",
            "StochasticDepth",
            "AugMix",
        ],
        _identity,
    ),
}

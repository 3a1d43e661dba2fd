"""Keras's layers that join arrays, with NumPy's rules of broadcasting."""

from collections.abc import Callable, Sequence

from convcli.networks.models.keras.configuration import as_number
from convcli.networks.models.keras.layer_call import LayerCall, ShapeUnknown
from convcli.networks.models.operations import Array, OperationKind, Shape
from convcli.networks.models.shapes import broadcast_shape
from convcli.sizes.text import format_size

__all__ = ["MERGING", "broadcast", "concatenate", "join"]


def broadcast(call: LayerCall, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of an elementwise operation on arrays of these shapes.

    Raises
    ------
    SizeError
        They do not fit.
    """
    result = broadcast_shape(*shapes)
    if result is None:
        shown = " and ".join(format_size(each[1:]) for each in shapes)
        call.fail(f"joins arrays of {shown}, which must be equal, or 1 where they are not")
    return result


def join(call: LayerCall, kind: OperationKind, arrays: Sequence[Array]) -> Array:
    """Record an elementwise operation on several arrays, two at a time."""
    result = arrays[0]
    for array in arrays[1:]:
        shape = broadcast(call, [call.shape(result), call.shape(array)])
        result = call.emit(kind, [result, array], shape)
    return result if len(arrays) > 1 else call.emit(OperationKind.IDENTITY, [result], result.shape)


def concatenate(call: LayerCall, arrays: Sequence[Array], axis: int) -> Array:
    """Record a concatenation.

    Raises
    ------
    SizeError
        The other sides differ.
    """
    shapes = [call.shape(array) for array in arrays]
    rank = len(shapes[0])
    if not -rank <= axis < rank:
        call.config.fail("axis", f"an axis of an array with {rank} axes")
    axis %= rank
    first = shapes[0]
    for shape in shapes:
        if len(shape) != rank or shape[:axis] + shape[axis + 1 :] != first[:axis] + first[axis + 1 :]:
            call.fail(
                f"concatenates {format_size(first[1:])} and {format_size(shape[1:])} along axis {axis}; "
                "their other sides must be equal"
            )
    made = (*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :])
    return call.emit(OperationKind.CONCATENATE, list(arrays), made, axis=axis)


def _joined_by(kind: OperationKind) -> Callable[[LayerCall], Array]:
    def function(call: LayerCall) -> Array:
        return join(call, kind, [call.input, *call.inputs[1:]])

    return function


def _scaled_sum(call: LayerCall) -> Array:
    """Record the residual connection of keras.applications' Inception-ResNet: its second input is scaled."""
    first, second = [call.input, *call.inputs[1:]][:2] if len(call.inputs) > 1 else (call.input, call.input)
    constant = as_number(call.config.get("scale"))
    scaled = call.emit(OperationKind.MULTIPLY, [second], second.shape, constant=constant)
    return join(call, OperationKind.ADD, [first, scaled])


def _average(call: LayerCall) -> Array:
    arrays = call.inputs
    total = join(call, OperationKind.ADD, [call.input, *arrays[1:]])
    return call.emit(OperationKind.DIVIDE, [total], total.shape, constant=float(len(arrays)))


def _extreme(call: LayerCall) -> Array:
    arrays = [call.input, *call.inputs[1:]]
    shape = broadcast(call, [call.shape(array) for array in arrays])
    return call.emit(OperationKind.OTHER, arrays, shape)


def _concatenate(call: LayerCall) -> Array:
    axis = call.config.get("axis", -1)
    if type(axis) is not int:
        call.config.fail("axis", "a whole number")
    return concatenate(call, [call.input, *call.inputs[1:]], axis)


def _dot(call: LayerCall) -> Array:
    """Record products along an axis of each of two arrays."""
    arrays = [call.input, *call.inputs[1:]]
    if len(arrays) != 2 or arrays[0].shape is None or arrays[1].shape is None:
        raise ShapeUnknown
    first, second = arrays[0].shape, arrays[1].shape
    axes = call.config.get("axes", -1)
    given = axes if isinstance(axes, list) and len(axes) == 2 else [axes, axes]
    pair = []
    for axis, shape in zip(given, (first, second), strict=True):
        if type(axis) is not int or not -len(shape) <= axis < len(shape):
            call.config.fail("axes", "an axis of each input")
        pair.append(axis % len(shape))
    left, right = pair
    if first[left] != second[right]:
        call.fail(
            f"multiplies {format_size(first[1:])} and {format_size(second[1:])} along sides that differ"
        )
    rest = [side for axis, side in enumerate(first) if axis not in (0, left)]
    other = [side for axis, side in enumerate(second) if axis not in (0, right)]
    made = (first[0], *rest, *other) if rest or other else (first[0], 1)
    macs = first[left]
    for side in made:
        macs *= side
    return call.emit(OperationKind.MATMUL, arrays, made, macs=macs)


MERGING: dict[str, Callable[[LayerCall], Array]] = {
    "Add": _joined_by(OperationKind.ADD),
    "Subtract": _joined_by(OperationKind.SUBTRACT),
    "Multiply": _joined_by(OperationKind.MULTIPLY),
    "Average": _average,
    "Maximum": _extreme,
    "Minimum": _extreme,
    "Concatenate": _concatenate,
    "Dot": _dot,
    "CustomScaleLayer": _scaled_sum,
}

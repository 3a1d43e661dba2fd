"""Checks that the operations of a model file fit the arrays that they read and make."""

from collections.abc import Callable
from math import prod

from convcli.errors import SpecError
from convcli.networks.layer_types.elementwise import Elementwise
from convcli.networks.models.operations import Model, Operation, OperationKind, Shape
from convcli.sizes.text import format_size

__all__ = ["check_model", "operation_label"]


def check_model(model: Model) -> None:
    """Refuse a model whose operations contradict each other, so that later steps can rely on them.

    Raises
    ------
    SpecError
        An array has two shapes or is read before it is made, or an operation is impossible for its shapes.
    """
    shapes = {array.number: array.shape for _, array in model.inputs}
    for operation in model.operations:
        for array in operation.inputs:
            if array.number not in shapes:
                _refuse(operation, "reads an array that no operation before it computes")
            elif shapes[array.number] != array.shape:
                _refuse(operation, "reads an array in another shape than it was computed in")
        check = CHECKS.get(operation.kind)
        new, known = operation.output.shape, [array.shape for array in operation.inputs]
        if check is not None and known and new is not None:
            for shape in known:
                if shape is not None and not check(operation, shape, new):
                    why = f"cannot make {_format(new)} of {_format(shape)}"
                    _refuse(operation, why)
        elif operation.kind == OperationKind.LAYER and not (operation.layer and known):
            _refuse(operation, "is a layer of no type, or reads nothing")
        shapes[operation.output.number] = new
    for name, array in model.outputs:
        if array.number not in shapes:
            raise SpecError(f"output {name[:100]}", "no operation of the model computes it")


def _refuse(operation: Operation, why: str) -> None:
    raise SpecError(operation_label(operation), why)


def _format(shape: Shape) -> str:
    return format_size(shape) if shape else "a single number"


def operation_label(operation: Operation) -> str:
    """Return an operation's name and what it is, for messages."""
    name = operation.name[:100]
    return f"{name} ({operation.source[:100]})" if name else operation.source[:100]


# Whether an operation can make an array of the second shape of one of the first.


def _is_layer(operation: Operation, shape: Shape, new: Shape) -> bool:
    if operation.layer is None or isinstance(operation.layer, Elementwise):
        return operation.layer is not None and len(shape) == len(new)
    # The first input alone is an image; others are numbers that the layer needs.
    is_first = shape == operation.inputs[0].shape
    return not is_first or (operation.channel_axis < len(shape) == len(new) and 0 not in (*shape, *new))


def _is_aligned(operation: Operation, shape: Shape, new: Shape) -> bool:  # noqa: ARG001
    return len(shape) <= len(new)


def _is_transposed(operation: Operation, shape: Shape, new: Shape) -> bool:
    axes = operation.permutation
    return sorted(axes) == [*range(len(shape))] and tuple(shape[axis] for axis in axes) == new


def _is_reshaped(operation: Operation, shape: Shape, new: Shape) -> bool:  # noqa: ARG001
    return prod(shape) == prod(new)


def _is_same(operation: Operation, shape: Shape, new: Shape) -> bool:  # noqa: ARG001
    return shape == new


def _differs_along_axis(operation: Operation, shape: Shape, new: Shape) -> bool:
    axis = operation.axis
    return 0 <= axis < len(shape) == len(new) and _without(shape, axis) == _without(new, axis)


def _without(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + shape[axis + 1 :]


def _is_reduced(operation: Operation, shape: Shape, new: Shape) -> bool:
    axes = set(operation.axes)
    kept = tuple(side for axis, side in enumerate(shape) if axis not in axes)
    ones = tuple(1 if axis in axes else side for axis, side in enumerate(shape))
    return axes <= {*range(len(shape))} and new in (kept, ones)


CHECKS: dict[OperationKind, Callable[[Operation, Shape, Shape], bool]] = {
    OperationKind.LAYER: _is_layer,
    OperationKind.ADD: _is_aligned,
    OperationKind.SUBTRACT: _is_aligned,
    OperationKind.MULTIPLY: _is_aligned,
    OperationKind.DIVIDE: _is_aligned,
    OperationKind.POWER: _is_aligned,
    OperationKind.EXPAND: _is_aligned,
    OperationKind.TRANSPOSE: _is_transposed,
    OperationKind.RESHAPE: _is_reshaped,
    OperationKind.IDENTITY: _is_same,
    OperationKind.UNARY: _is_aligned,
    OperationKind.SLICE: _differs_along_axis,
    OperationKind.CONCATENATE: _differs_along_axis,
    OperationKind.MEAN: _is_reduced,
    OperationKind.MAXIMUM: _is_reduced,
}

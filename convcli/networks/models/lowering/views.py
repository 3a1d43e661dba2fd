"""Views of arrays: transposes, reshapes and repetitions, which compute nothing."""

from collections.abc import Sequence
from math import prod

from convcli.networks.models.lowering.layouts import surviving_axis
from convcli.networks.models.lowering.values import LayoutRules, Value
from convcli.networks.models.operations import Operation, OperationKind, Shape
from convcli.networks.receptive_fields import ReceptiveField
from convcli.networks.stages import ReceptiveFields

__all__ = ["VIEWS", "view"]

VIEWS = (OperationKind.TRANSPOSE, OperationKind.RESHAPE, OperationKind.EXPAND, OperationKind.IDENTITY)
SEES_ALL = ReceptiveField(spread=None)


def view(operation: Operation, value: Value, rules: LayoutRules) -> Value:
    """Return what is known of a view of an array.

    Parameters
    ----------
    operation : Operation
        Of a kind in `VIEWS`.
    value : Value
        What it reads.
    rules : LayoutRules
    """
    shape, new = value.shape, operation.output.shape
    if shape is None or new is None:
        return Value(new, rules.guessed(operation, (value,)), value.number)
    layout, fields = value.layout, value.fields
    if operation.kind == OperationKind.TRANSPOSE:
        permutation = operation.permutation
        layout = layout.transposed(permutation)
        fields = _transposed_fields(value, layout.sides_of(new), permutation)
    elif operation.kind == OperationKind.RESHAPE:
        layout = layout.reshaped(shape, new)
        if layout.channel_axis is None:
            layout = layout._replace(channel_axis=rules.channel_axis(operation.output))
        fields = _reshaped_fields(value, layout.sides_of(new), new)
    elif operation.kind == OperationKind.EXPAND:
        layout = layout.broadcast(shape, new)
        fields = fields if len(new) == len(shape) else None
    return Value(new, layout, value.number, fields)


def _transposed_fields(
    value: Value, sides: Sequence[int], permutation: Sequence[int]
) -> ReceptiveFields | None:
    if value.fields is None or value.shape is None:
        return None
    old = value.layout.sides_of(value.shape)
    numbers = [old.index(permutation[axis]) if permutation[axis] in old else None for axis in sides]
    fields = tuple(value.fields[number] for number in numbers if number is not None)
    return fields if len(fields) == len(sides) else None


def _reshaped_fields(value: Value, sides: Sequence[int], new: Shape) -> ReceptiveFields | None:
    """Return the receptive fields along the sides after a reshape; None if it mixes positions."""
    shape = value.shape or ()
    old = value.layout.sides_of(shape)
    if value.fields is None:
        is_gate = not old and all(new[axis] == 1 for axis in sides)
        return (SEES_ALL,) * len(sides) if is_gate and sides else None
    fields, first = list[ReceptiveField](), 0
    for axis in sides:
        while first < len(old) and not _survives(shape, old[first], new, axis):
            if shape[old[first]] != 1:
                return None
            first += 1
        if first == len(old):
            return None
        fields.append(value.fields[first])
        first += 1
    rest = prod(shape[axis] for axis in old[first:])
    return tuple(fields) if fields and rest == 1 else None


def _survives(shape: Shape, axis: int, new: Shape, other: int) -> bool:
    """Whether an axis of an array is another axis of the reshaped array."""
    return surviving_axis(new, prod(shape[:axis]), shape[axis], other) == other

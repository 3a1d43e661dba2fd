"""What is known of each array of a model file, and what its axes are where a file does not say."""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from convcli.networks.layer_types.base import Size
from convcli.networks.layer_types.elementwise import Elementwise
from convcli.networks.models.lowering.layouts import Layout, surviving_axis
from convcli.networks.models.operations import Array, Operation, OperationKind, Shape, Weight
from convcli.networks.stages import ReceptiveFields, Tensor

__all__ = ["LayoutRules", "Value", "channel_axes_by_use"]


class Value(NamedTuple):
    """What is known of an array.

    Attributes
    ----------
    shape : tuple of int or None
    layout : Layout
    number : int or None
        Of its tensor; None if it depends on weights alone.
    fields : tuple of ReceptiveField, or None
    weights : tuple of Weight
        Those that it is computed from, if it depends on weights alone.
    """

    shape: Shape | None
    layout: Layout
    number: int | None
    fields: ReceptiveFields | None = None
    weights: tuple[Weight, ...] = ()

    @property
    def size(self) -> Size:
        """Its size for one input; empty if unknown."""
        return () if self.shape is None else self.layout.size_of(self.shape)

    def seen_with(self, layout: Layout) -> "Value":
        """Return the array as an operation sees it whose axes are these."""
        if layout == self.layout or self.shape is None:
            return self
        same = layout.sides_of(self.shape) == self.layout.sides_of(self.shape)
        return self._replace(layout=layout, fields=self.fields if same else None)

    @property
    def tensor(self) -> Tensor:
        """What a stage reads or makes."""
        return Tensor(self.size, self.fields, -1 if self.number is None else self.number)


def channel_axes_by_use(operations: Sequence[Operation]) -> dict[int, int]:
    """Return the axis of the channels of arrays, by their numbers, as the first layer that reads them says.

    Examples
    --------
    >>> from convcli.networks.layer_types.dense import Dense
    >>> tokens, mixed, result = Array(0, (1, 768, 196)), Array(1, (1, 196, 768)), Array(2, (1, 196, 10))
    >>> transpose = Operation(
    ...     kind=OperationKind.TRANSPOSE,
    ...     source="Transpose",
    ...     inputs=(tokens,),
    ...     output=mixed,
    ...     permutation=(0, 2, 1),
    ... )
    >>> dense = Operation(
    ...     kind=OperationKind.LAYER,
    ...     source="MatMul",
    ...     inputs=(mixed,),
    ...     output=result,
    ...     layer=Dense(units=10),
    ...     channel_axis=2,
    ... )
    >>> channel_axes_by_use([transpose, dense])
    {1: 2, 0: 1}
    """
    axes: dict[int, int] = {}
    for operation in reversed(operations):
        if operation.kind == OperationKind.LAYER and not isinstance(operation.layer, Elementwise):
            axes.update((array.number, operation.channel_axis) for array in operation.inputs[:1])
            continue
        if operation.kind == OperationKind.RECURRENT and operation.inputs:
            rank = len(operation.inputs[0].shape or ())
            if 1 < rank < 4:
                axes[operation.inputs[0].number] = rank - 1
            continue
        axis, shape = axes.get(operation.output.number), operation.output.shape
        if axis is None or shape is None or axis >= len(shape):
            continue
        if operation.kind == OperationKind.TRANSPOSE:
            axis = operation.permutation[axis]
        for array in operation.inputs:
            if array.shape is None:
                continue
            if operation.kind == OperationKind.RESHAPE:
                before = surviving_axis(array.shape, prod(shape[:axis]), shape[axis], axis)
                if before is not None:
                    axes[array.number] = before
            elif len(array.shape) == len(shape):
                axes[array.number] = axis
    return axes


class LayoutRules:
    """What the axes of arrays are where nothing says so.

    Attributes
    ----------
    batch : int
        Number of inputs that the model computes at once.
    channel_axes : dict
        See `channel_axes_by_use`.
    """

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.batch = 1
        self.channel_axes = channel_axes_by_use(operations)

    def channel_axis(self, array: Array) -> int | None:
        """Return the channel axis of an array that a later layer sees; None if none does."""
        axis = self.channel_axes.get(array.number)
        return axis if axis is not None and axis < len(array.shape or ()) else None

    def of_first_axis(self, shape: Shape | None, channel_axis: int | None) -> Layout:
        """Return a layout whose first axis is the batch, if it is as long."""
        is_batch = shape is not None and shape[:1] == (self.batch,) and channel_axis != 0
        return Layout(self.batch, 0 if is_batch else None, 1, channel_axis)

    def guessed(self, operation: Operation, inputs: Sequence[Value]) -> Layout:
        """Return the layout of an output whose axes are not those of its inputs."""
        shape = operation.output.shape
        if not shape:
            return Layout(self.batch, None)
        channel_axis = self.channel_axis(operation.output)
        if operation.kind in (OperationKind.UNKNOWN, OperationKind.OTHER):
            same = [value.layout for value in inputs if value.shape == shape]
            stated = [each for each in same if each.channel_axis is not None]
            if stated and channel_axis in (None, stated[0].channel_axis):
                return stated[0]  # most operations that keep the shape keep the meaning of its axes
        for value in inputs:
            batch_axis = value.layout.batch_axis
            if value.shape is None or batch_axis is None:
                continue
            if batch_axis < len(shape) and shape[batch_axis] % self.batch == 0:
                return Layout(self.batch, batch_axis, value.layout.outer, channel_axis)
        return self.of_first_axis(shape, channel_axis)

    def of_aligned(self, operation: Operation, inputs: Sequence[Value]) -> Layout:
        """Return the layout of an output whose axes are those of its inputs, aligned at the last."""
        new = operation.output.shape
        known = [(value.shape, value.layout) for value in inputs if value.shape is not None]
        if new is None or not known:
            return self.guessed(operation, inputs)
        full = [layout for shape, layout in known if len(shape) == len(new)]
        certain = [layout for layout in full if layout.channel_axis is not None]
        if certain or full:
            axis = self.channel_axis(operation.output)
            return next((each for each in certain if each.channel_axis == axis), (certain or full)[0])
        shape, layout = known[0]
        return layout.broadcast(shape, new)

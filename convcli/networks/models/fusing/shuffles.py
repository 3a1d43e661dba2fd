"""Reshapes and transposes: those that undo each other, and those that shuffle channels or pixels."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import prod

from convcli.networks.layer_types.base import Layer
from convcli.networks.layer_types.shuffling import ChannelShuffle, PixelShuffle, PixelUnshuffle
from convcli.networks.models.fusing.graph import OperationGraph, common_path
from convcli.networks.models.operations import Array, Operation, OperationKind, Shape

__all__ = ["all_values", "joined_view"]


def joined_view(graph: OperationGraph, operation: Operation) -> Operation | Array | None:
    """Return what a view and the views before it are together: the array itself, one view, or a shuffle."""
    if len(operation.inputs) != 1 or operation.weights:
        return None
    source = operation.inputs[0]
    if operation.kind == OperationKind.TRANSPOSE:
        return _joined_transpose(graph, operation)
    if operation.kind == OperationKind.RESHAPE and source.shape != operation.output.shape:
        return _joined_reshape(graph, operation)
    return source if source.shape == operation.output.shape else None


def all_values(graph: OperationGraph, operation: Operation) -> Operation | Array | None:
    """Return the reshape that choosing as many values of a vector as it has is.

    PyTorch's exporter writes ``as_strided`` so; which value goes where makes no difference to sizes.
    """
    source, target = operation.inputs[0].shape if operation.inputs else None, operation.output.shape
    if operation.function != "gather" or source is None or target is None or len(operation.inputs) != 1:
        return None
    if len(source) != 1 or prod(source) != prod(target):
        return None
    reshape = replace(operation, kind=OperationKind.RESHAPE, function="")
    return joined_view(graph, reshape) or reshape


def _joined_transpose(graph: OperationGraph, operation: Operation) -> Operation | Array | None:
    first = graph.only_for(operation.inputs[0], OperationKind.TRANSPOSE)
    joined = operation
    if first is not None and len(first.permutation) == len(operation.permutation):
        permutation = tuple(first.permutation[axis] for axis in operation.permutation)
        joined = replace(operation, inputs=first.inputs, permutation=permutation)
    if list(joined.permutation) == sorted(joined.permutation):
        return joined.inputs[0]
    return None if joined is operation else joined


def _joined_reshape(graph: OperationGraph, operation: Operation) -> Operation | Array | None:
    first = graph.only_for(operation.inputs[0], OperationKind.RESHAPE)
    joined = operation if first is None else replace(operation, inputs=first.inputs)
    source, target = joined.inputs[0], joined.output
    if source.shape == target.shape and source.shape is not None:
        return source
    transpose = graph.only_for(source, OperationKind.TRANSPOSE)
    if transpose is not None:
        split = graph.only_for(transpose.inputs[0], OperationKind.RESHAPE)
        start = split.inputs[0] if split is not None else transpose.inputs[0]
        shapes = start.shape, transpose.inputs[0].shape, target.shape
        if None not in shapes:
            found = _shuffle(*shapes, transpose.permutation)  # type: ignore[arg-type]
            if found is not None:
                layer, channel_axis = found
                involved = [part for part in (split, transpose, operation) if part is not None]
                return replace(
                    operation, kind=OperationKind.LAYER, inputs=(start,), layer=layer,
                    channel_axis=channel_axis, name=common_path(involved),
                )  # fmt: skip
    return None if first is None else joined


def _shuffle(
    source: Shape, split: Shape, target: Shape, permutation: Sequence[int]
) -> tuple[Layer, int] | None:
    """Return the layer that a reshape, a transpose and a reshape are, and the axis of its channels.

    Examples
    --------
    >>> _shuffle((1, 116, 28, 28), (1, 2, 58, 28, 28), (1, 116, 28, 28), (0, 2, 1, 3, 4))
    (ChannelShuffle(groups=2), 1)
    >>> _shuffle((1, 9, 8, 8), (1, 1, 3, 3, 8, 8), (1, 1, 24, 24), (0, 1, 4, 2, 5, 3))
    (PixelShuffle(factor=3), 1)
    """
    if len(source) != len(target) or not 2 < len(source) < 6 or 0 in source:
        return None
    factors = _common_factors(source, split)
    if factors is None:
        return None
    numbers, lengths = factors
    order = [number for axis in permutation for number in numbers[axis]]
    before, after = _groups(source, range(len(lengths)), lengths), _groups(target, order, lengths)
    if before is None or after is None:
        return None
    changed = [axis for axis in range(len(source)) if before[axis] != after[axis]]
    if not changed:
        return None
    if len(changed) == 1:
        axis = changed[0]
        if before[axis] == after[axis][::-1] and len(before[axis]) == 2:
            return ChannelShuffle(groups=lengths[before[axis][0]]), axis
        return None
    return _pixel_shuffle(before, after, lengths, changed)


def _pixel_shuffle(
    before: list[list[int]], after: list[list[int]], lengths: Sequence[int], changed: list[int]
) -> tuple[Layer, int] | None:
    """Return the pixel shuffle or unshuffle that moves factors between the channels and all sides."""
    rank = len(before)
    for channel_axis in (1, rank - 1):
        sides = [axis for axis in range(1, rank) if axis != channel_axis]
        if changed not in (sorted([channel_axis, *sides]), sides):
            continue
        for few, many, layer in ((before, after, PixelShuffle), (after, before, PixelUnshuffle)):
            moved = [number for axis in sides for number in many[axis][1:]]
            fits = all(len(many[axis]) == 2 and many[axis][:1] == few[axis] for axis in sides)
            if not fits or len({lengths[number] for number in moved}) != 1:
                continue
            left = [number for number in few[channel_axis] if number not in moved]
            if left == many[channel_axis] and len(left) + len(moved) == len(few[channel_axis]):
                return layer(factor=lengths[moved[0]]), channel_axis
    return None


def _common_factors(source: Shape, split: Shape) -> tuple[list[list[int]], list[int]] | None:
    """Return the factors of each axis of `split` that are axes of `source` or parts of them.

    The factors are numbered; their lengths are returned, too. Those of length 1 are left out.
    """
    marks = sorted({*_products(source), *_products(split)})
    if any(following % mark for mark, following in pairwise(marks)):
        return None
    lengths = [following // mark for mark, following in pairwise(marks)]
    numbers = _groups(split, range(len(lengths)), lengths)
    return None if numbers is None else (numbers, lengths)


def _products(shape: Shape) -> list[int]:
    return [prod(shape[:axis]) for axis in range(len(shape) + 1)]


def _groups(shape: Shape, order: Sequence[int], lengths: Sequence[int]) -> list[list[int]] | None:
    """Return which of the factors, in this order, make each axis of a shape; None if they do not fit."""
    groups, position = [], 0
    for side in shape:
        group, product = list[int](), 1
        while product < side and position < len(order):
            product *= lengths[order[position]]
            group.append(order[position])
            position += 1
        if product != side:
            return None
        groups.append(group)
    return groups if position == len(order) else None

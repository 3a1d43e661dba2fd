"""Rules of indexing and joining: values at given positions, concatenation, stacking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.networks.models.operations import OperationKind
from convcli.networks.models.pytorch.registry import rule
from convcli.networks.models.pytorch.rules.elementwise import broadcast
from convcli.networks.models.pytorch.rules.views import reshaped
from convcli.networks.models.pytorch.steps import Tensor, UnknownSize, shape_text

if TYPE_CHECKING:
    from convcli.networks.models.pytorch.steps import Step

__all__ = [
    "concatenate",
    "data_dependent",
    "diagonal",
    "gather",
    "index",
    "index_select",
    "one_hot",
    "rotate",
    "stack",
]


@rule("cat", "concat", "concatenate", "_cat")
def concatenate(step: Step) -> Tensor:
    """Tensors one after the other along an axis."""
    tensors = step.tensors("tensors")
    shapes = [each.shape for each in tensors]
    # An empty tensor of one axis may stand beside any others; other empty ones add nothing.
    used = [each for each in tensors if each.shape != (0,)] or tensors[:1]
    used = [each for each in used if each.number is not None or 0 not in (each.shape or ())] or used[:1]
    if None in shapes or not used:
        raise UnknownSize
    first = used[0].shape or ()
    return _joined(step, used, step.axis("dim", len(first), 0))


def _joined(step: Step, used: list[Tensor], axis: int) -> Tensor:
    """Add a concatenation, of which all other axes must be equal."""
    first = used[0].shape or ()
    for each in used:
        shape = each.shape or ()
        if len(shape) != len(first) or any(
            a != b for at, (a, b) in enumerate(zip(shape, first, strict=True)) if at != axis
        ):
            step.impossible(
                f"cannot concatenate {shape_text(first)} and {shape_text(shape)} along axis {axis}: "
                "other axes differ"
            )
    total = sum((each.shape or ())[axis] for each in used)
    output = (*first[:axis], total, *first[axis + 1 :])
    if len(used) == 1:
        return step.emit(OperationKind.IDENTITY, used, output)
    return step.emit(OperationKind.CONCATENATE, used, output, axis=axis)


@rule("stack", "_stack")
def stack(step: Step) -> Tensor:
    """Tensors of one shape along a new axis."""
    tensors = step.tensors("tensors")
    shapes = [each.shape for each in tensors]
    if not shapes or None in shapes:
        raise UnknownSize
    first = shapes[0] or ()
    if any(shape != first for shape in shapes):
        step.impossible(f"cannot stack {', '.join(shape_text(shape or ()) for shape in shapes[:4])}")
    axis = step.axis("dim", len(first) + 1, 0)
    parts = [reshaped(step, each, (*first[:axis], 1, *first[axis:])) for each in tensors]
    output = (*first[:axis], len(parts), *first[axis:])
    return step.emit(OperationKind.CONCATENATE, parts, output, axis=axis)


@rule("hstack", "vstack", "row_stack", "dstack", "column_stack")
def stack_by_direction(step: Step) -> Tensor:
    """Tensors beside or above each other; those of fewer axes get some first."""
    tensors = step.tensors("tensors")
    function = step.function
    ranks = [len(each.shape) if each.shape is not None else -1 for each in tensors]
    if not ranks or -1 in ranks:
        raise UnknownSize
    axis = {"hstack": int(max(ranks) > 1), "column_stack": 1, "dstack": 2}.get(function, 0)
    parts = []
    for each in tensors:
        shape = each.shape or ()
        if function == "column_stack" and len(shape) < 2:
            shape = (*(shape or (1,)), 1)
        elif function in ("vstack", "row_stack", "dstack") and len(shape) < 2:
            shape = (1, *(shape or (1,)))
        if function == "dstack" and len(shape) < 3:
            shape = (*shape, 1)
        parts.append(reshaped(step, each, shape or (1,)))
    return _joined(step, parts, axis)


@rule("index", "_unsafe_index")
def index(step: Step) -> Tensor:
    """Values at positions that tensors give, along the first or several axes."""
    tensor, shape = step.shaped("self")
    indices = step.arguments.get("indices")
    if not isinstance(indices, list) or len(indices) > len(shape):
        step.fail("needs a list of positions")
    given = [(axis, each) for axis, each in enumerate(indices) if isinstance(each, Tensor)]
    if any(each.dtype in ("bool", "uint8") for _, each in given):
        raise UnknownSize  # as many as are true
    positions = broadcast(step, *(each.shape for _, each in given))
    axes = [axis for axis, _ in given]
    rest = [side for axis, side in enumerate(shape) if axis not in axes]
    # They replace the axes that they index; at the front, if others are between these.
    adjacent = bool(axes) and axes == list(range(axes[0], axes[-1] + 1))
    at = axes[0] if adjacent else 0
    output = (*rest[:at], *positions, *rest[at:])
    return step.other([tensor, *(each for _, each in given)], output, dtype=tensor.dtype)


@rule("index_select", "index_select_copy")
def index_select(step: Step) -> Tensor:
    """Values at the positions of a vector along an axis."""
    tensor, shape = step.shaped("self")
    positions, count = step.shaped("index", (0, 1))
    axis = step.axis("dim", len(shape))
    output = (*shape[:axis], *(count or (1,)), *shape[axis + 1 :])
    return step.other([tensor, positions], output)


@rule("gather", "take_along_dim", "take")
def gather(step: Step) -> Tensor:
    """Values at the positions of a tensor of the same number of axes."""
    tensor, _ = step.shaped("self")
    positions, shape = step.shaped("index" if "index" in step.arguments else "indices")
    return step.other([tensor, positions], shape)


@rule("nonzero", "masked_select", "unique", "unique_consecutive", "_unique2", "unique_dim", "nonzero_numpy",
      "repeat_interleave", "bincount", "histc", "argwhere", "combinations")  # fmt: skip
def data_dependent(step: Step) -> Tensor | list[Tensor]:
    """What has as many values as its input says."""
    if "repeat_interleave" in step.source and isinstance(step.arguments.get("repeats"), int):
        tensor, shape = step.shaped("self")
        axis = step.axis("dim", len(shape), 0)
        output = (*shape[:axis], shape[axis] * step.integer("repeats"), *shape[axis + 1 :])
        return step.other([tensor], output)
    tensors = step.all_tensors()
    return [step.other(tensors, step.stated_shape(at)) for at in range(step.output_count)]


@rule("one_hot")
def one_hot(step: Step) -> Tensor:
    """A vector for each number, which is one at its position."""
    tensor, shape = step.shaped("self")
    return step.other([tensor], (*shape, step.integer("num_classes")))


@rule("diagonal", "diagonal_copy", "diag", "diag_embed")
def diagonal(step: Step) -> Tensor:
    """The diagonal of matrices, or matrices of a diagonal."""
    tensor, shape = step.shaped("self")
    if len(shape) == 1 or "embed" in step.source:
        return step.other([tensor], (*shape, *shape[-1:]))
    first, second = step.axis("dim1", len(shape), 0), step.axis("dim2", len(shape), 1)
    if step.integer("offset", 0):
        raise UnknownSize
    rest = [side for axis, side in enumerate(shape) if axis not in (first, second)]
    return step.other([tensor], (*rest, min(shape[first], shape[second])))


@rule("rot90")
def rotate(step: Step) -> Tensor:
    """Turned by quarters in the plane of two axes."""
    tensor, shape = step.shaped("self")
    sides = list(shape)
    first, second = (step.checked_axis(axis, len(shape)) for axis in step.integers("dims", [0, 1], 2))
    if step.integer("k", 1) % 2:
        sides[first], sides[second] = sides[second], sides[first]
    return step.other([tensor], tuple(sides))


@rule("broadcast_tensors")
def broadcast_all(step: Step) -> list[Tensor]:
    """Tensors repeated to one shape."""
    tensors = step.tensors("tensors")
    shape = broadcast(step, *(each.shape for each in tensors))
    return [
        each if each.shape == shape else step.emit(OperationKind.EXPAND, [each], shape) for each in tensors
    ]

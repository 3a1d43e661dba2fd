"""Rules of views: other shapes and orders of the same values, and parts of them."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from convcli.networks.models.operations import OperationKind
from convcli.networks.models.pytorch.registry import rule
from convcli.networks.models.pytorch.steps import Tensor, elements, shape_text
from convcli.networks.models.shapes import fitted_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcli.networks.models.operations import Shape
    from convcli.networks.models.pytorch.steps import Step

__all__ = ["permuted", "reshaped", "sliced"]


def reshaped(step: Step, tensor: Tensor, shape: Sequence[int]) -> Tensor:
    """Return a tensor with another shape for the same values."""
    return step.emit(OperationKind.RESHAPE, [tensor], tuple(shape))._replace(
        values=tensor.values if tensor.number is None else None
    )


def permuted(step: Step, tensor: Tensor, permutation: Sequence[int]) -> Tensor:
    """Return a tensor with its axes in another order."""
    shape = tensor.shape or ()
    return step.emit(
        OperationKind.TRANSPOSE,
        [tensor],
        tuple(shape[axis] for axis in permutation),
        permutation=tuple(permutation),
    )


def sliced(step: Step, tensor: Tensor, axis: int, start: int, stop: int, by: int = 1) -> Tensor:
    """Return a part of a tensor along an axis."""
    shape = list(tensor.shape or ())
    shape[axis] = -(-max(stop - start, 0) // by)
    if not shape[axis]:  # nothing, such as the class tokens of a network without: no operation
        return Tensor(tuple(shape), None, tensor.dtype)
    part = step.emit(OperationKind.SLICE, [tensor], tuple(shape), axis=axis, start=start, stop=stop, step=by)
    if tensor.values is not None and part.number is None and len(shape) == 1:
        return part._replace(values=tensor.values[start:stop:by])
    return part


# Shapes ---------------------------------------------------------------------------------------------------


@rule("view", "reshape", "_unsafe_view", "_reshape_alias", "view_copy", "reshape_copy")
def reshape(step: Step) -> Tensor:
    """Another shape for the same values; -1 stands for the side that fits."""
    tensor, shape = step.shaped("self")
    if isinstance(step.arguments.get("dtype"), str):
        return step.emit(OperationKind.IDENTITY, [tensor], shape, dtype=step.arguments["dtype"])
    sides = step.integers("shape" if "shape" in step.arguments else "size", [])
    return reshaped(step, tensor, _fitted(step, shape, sides))


def _fitted(step: Step, shape: Shape, sides: list[int]) -> Shape:
    """Return a shape with its -1 worked out, or refuse it."""
    count = elements(shape)
    known = elements(tuple(side for side in sides if side != -1))
    if sides.count(-1) > 1 or min(sides, default=0) < -1:
        step.fail(f"cannot take the shape {sides}")
    fitted = fitted_shape(shape, sides)
    if fitted is None:
        target = "x".join("?" if side == -1 else str(side) for side in sides) or "a number"
        fits = f"is a multiple of {known:,}" if -1 in sides else f"{known:,} values"
        step.impossible(f"cannot reshape {shape_text(shape)} ({count:,} values) to {target} ({fits})")
    return fitted


@rule("view_as", "reshape_as")
def reshape_as(step: Step) -> Tensor:
    """The shape of another tensor."""
    tensor, shape = step.shaped("self")
    return reshaped(step, tensor, _fitted(step, shape, list(step.shaped("other")[1])))


@rule("flatten", "ravel")
def flatten(step: Step) -> Tensor:
    """Several axes as one."""
    tensor, shape = step.shaped("self")
    if not shape:
        return reshaped(step, tensor, (1,))
    first, last = step.axis("start_dim", len(shape), 0), step.axis("end_dim", len(shape), -1)
    if first > last:
        step.fail(f"cannot flatten axes {first} to {last}")
    return reshaped(step, tensor, (*shape[:first], elements(shape[first : last + 1]), *shape[last + 1 :]))


@rule("unflatten")
def unflatten(step: Step) -> Tensor:
    """One axis as several."""
    tensor, shape = step.shaped("self")
    axis = step.axis("dim", len(shape))
    sides = _fitted(step, shape[axis : axis + 1], step.integers("sizes"))
    return reshaped(step, tensor, (*shape[:axis], *sides, *shape[axis + 1 :]))


@rule("squeeze", "squeeze_copy")
def squeeze(step: Step) -> Tensor:
    """Without axes of length 1: all of them, or those given."""
    tensor, shape = step.shaped("self")
    axes = step.axes("dim", len(shape))
    return reshaped(step, tensor, [n for axis, n in enumerate(shape) if n != 1 or axis not in axes])


@rule("unsqueeze", "unsqueeze_copy")
def unsqueeze(step: Step) -> Tensor:
    """With a new axis of length 1."""
    tensor, shape = step.shaped("self")
    axis = step.axis("dim", len(shape) + 1)
    return reshaped(step, tensor, (*shape[:axis], 1, *shape[axis:]))


@rule("expand", "expand_copy", "broadcast_to")
def expand(step: Step) -> Tensor:
    """Repeated along axes of length 1; -1 keeps a length."""
    tensor, shape = step.shaped("self")
    return _expanded(step, tensor, shape, step.integers("size", []))


@rule("expand_as")
def expand_as(step: Step) -> Tensor:
    """Repeated to the shape of another tensor."""
    tensor, shape = step.shaped("self")
    return _expanded(step, tensor, shape, list(step.shaped("other")[1]))


def _expanded(step: Step, tensor: Tensor, shape: Shape, sides: list[int]) -> Tensor:
    if len(sides) < len(shape):
        step.impossible(f"cannot expand {shape_text(shape)} to {shape_text(sides)}, which has fewer axes")
    padded = (1,) * (len(sides) - len(shape)) + shape
    output = tuple(n if side == -1 else side for n, side in zip(padded, sides, strict=True))
    if any(n not in (1, side) for n, side in zip(padded, output, strict=True)):
        step.impossible(f"cannot expand {shape_text(shape)} to {shape_text(output)}")
    if output == shape:
        return tensor
    return step.emit(OperationKind.EXPAND, [tensor], output)


@rule("repeat", "tile")
def repeat(step: Step) -> Tensor:
    """Repeated along axes of any length."""
    tensor, shape = step.shaped("self")
    times = step.integers("repeats" if "repeats" in step.arguments else "dims", [])
    count = max(len(times), len(shape))
    times, shape = [1] * (count - len(times)) + times, (1,) * (count - len(shape)) + shape
    output = tuple(n * time for n, time in zip(shape, times, strict=True))
    if output == tensor.shape:
        return tensor
    kind = OperationKind.OTHER
    if all(n == 1 or time == 1 for n, time in zip(shape, times, strict=True)):
        kind = OperationKind.EXPAND
    return step.emit(kind, [tensor], output)


# Order of axes --------------------------------------------------------------------------------------------


@rule("permute", "permute_copy")
def permute(step: Step) -> Tensor:
    """Axes in another order."""
    tensor, shape = step.shaped("self")
    axes = [step.checked_axis(axis, len(shape)) for axis in step.integers("dims", [])]
    if sorted(axes) != list(range(len(shape))):
        step.fail(f"is no order of {len(shape)} axes: {axes}")
    return permuted(step, tensor, axes)


@rule("transpose", "transpose_copy", "swapaxes", "swapdims", "t", "t_copy", "numpy_T", "mT", "mH", "matrix_H",
      "adjoint")  # fmt: skip
def transpose(step: Step) -> Tensor:
    """Two axes exchanged: those given, or the last two."""
    tensor, shape = step.shaped("self")
    axes = list(range(len(shape)))
    if len(shape) < 2:
        return tensor
    names = ("axis0", "axis1") if "axis0" in step.arguments else ("dim0", "dim1")
    first, second = (step.axis(name, len(shape), at) for name, at in zip(names, (-2, -1), strict=True))
    axes[first], axes[second] = second, first
    return permuted(step, tensor, axes)


@rule("movedim", "moveaxis")
def move_axes(step: Step) -> Tensor:
    """Some axes moved."""
    tensor, shape = step.shaped("self")
    sources = [step.checked_axis(axis, len(shape)) for axis in step.integers("source")]
    targets = [step.checked_axis(axis, len(shape)) for axis in step.integers("destination")]
    if len(set(sources)) != len(sources) or len(sources) != len(set(targets)):
        step.fail(f"cannot move axes {sources} to {targets}")
    order = [axis for axis in range(len(shape)) if axis not in sources]
    for target, source in sorted(zip(targets, sources, strict=True)):
        order.insert(target, source)
    return permuted(step, tensor, order)


# Parts ----------------------------------------------------------------------------------------------------


@rule("select", "select_copy")
def select(step: Step) -> Tensor:
    """The values at one position along an axis, without that axis."""
    tensor, shape = step.shaped("self")
    axis = step.axis("dim", len(shape))
    index = step.integer("index")
    if not -shape[axis] <= index < shape[axis]:
        step.impossible(f"index {index} does not exist along an axis of length {shape[axis]}")
    index %= shape[axis]
    return reshaped(step, sliced(step, tensor, axis, index, index + 1), (*shape[:axis], *shape[axis + 1 :]))


@rule("slice", "slice_copy")
def slice_axis(step: Step) -> Tensor:
    """Positions from `start` to `end` along an axis; as in Python, both may lie outside."""
    tensor, shape = step.shaped("self")
    axis = step.axis("dim", len(shape), 0)
    by = step.integer("step", 1)
    if by < 1:
        step.fail(f"has a step of {by}; it must be at least 1")
    start, stop, _ = slice(step.integer("start", 0), step.integer("end", shape[axis])).indices(shape[axis])
    if (start, stop, by) == (0, shape[axis], 1):
        return tensor
    return sliced(step, tensor, axis, start, max(start, stop), by)


@rule("narrow", "narrow_copy")
def narrow(step: Step) -> Tensor:
    """A number of positions along an axis."""
    tensor, shape = step.shaped("self")
    axis = step.axis("dim", len(shape))
    start, length = step.integer("start"), step.integer("length")
    if start < 0:
        start += shape[axis]
    if not 0 <= start <= start + length <= shape[axis]:
        step.impossible(f"cannot take {length} from position {start} of {shape[axis]}")
    return sliced(step, tensor, axis, start, start + length)


@rule("chunk", "split", "split_copy", "split_with_sizes", "split_with_sizes_copy", "unsafe_split",
      "unsafe_split_with_sizes", "unsafe_chunk", "tensor_split")  # fmt: skip
def split(step: Step) -> list[Tensor]:
    """Parts along an axis: so many, of a size, or of several sizes."""
    tensor, shape = step.shaped("self")
    axis = step.axis("dim", len(shape), 0)
    length = shape[axis]
    bounds = _bounds(step, length)
    if bounds[-1] != length or any(start > stop for start, stop in pairwise(bounds)):
        step.impossible(f"cannot split an axis of length {length} at {bounds[1:]}")
    return [sliced(step, tensor, axis, start, stop) for start, stop in pairwise(bounds)]


def _bounds(step: Step, length: int) -> list[int]:
    """Return where the parts of a split start, and where the last one ends."""
    name = next((each for each in ("chunks", "split_size", "split_sizes", "sections", "indices")
                 if each in step.arguments), "split_size")  # fmt: skip
    value = step.arguments.get(name)
    if name == "indices":
        return [0, *(min(index % (length + 1) if index < 0 else index, length)
                     for index in step.integers(name, [], step.output_count - 1)), length]  # fmt: skip
    if isinstance(value, list):
        bounds = [0]
        for size in step.integers(name, [], len(value)):
            bounds.append(bounds[-1] + size)
        return bounds
    count = step.integer(name)
    if count < 1:
        step.fail(f"splits into parts of {count}")
    if name == "sections":
        parts = [length // count + (at < length % count) for at in range(min(count, step.output_count))]
        return [0, *accumulate(parts)]
    size = max(-(-length // count) if name == "chunks" else count, 1)
    number = max(-(-length // size), 1)
    if number != step.output_count:
        step.impossible(
            f"splits an axis of length {length} into {number} parts of {size}, "
            f"but {step.output_count} are used"
        )
    return [*range(0, length, size), length] if length else [0, 0]


@rule("unbind", "unbind_copy")
def unbind(step: Step) -> list[Tensor]:
    """The values at each position along an axis."""
    tensor, shape = step.shaped("self")
    axis = step.axis("dim", len(shape), 0)
    if shape[axis] != step.output_count:
        step.impossible(f"takes {step.output_count} positions of an axis of length {shape[axis]}")
    rest = (*shape[:axis], *shape[axis + 1 :])
    return [reshaped(step, sliced(step, tensor, axis, at, at + 1), rest) for at in range(shape[axis])]

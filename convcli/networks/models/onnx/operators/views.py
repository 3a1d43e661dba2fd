"""Operators that move values: reshape, transpose, slice, split, concatenate, gather, expand, pad."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from convcli.networks.layer_types.elementwise import Pad, PadMode
from convcli.networks.models.onnx.arithmetic import expand, strided, strides_of
from convcli.networks.models.onnx.call import Call, Results, Rule
from convcli.networks.models.onnx.tensors import Number
from convcli.networks.models.onnx.values import MAX_FOLDED, Value, folded
from convcli.networks.models.operations import OperationKind, Shape
from convcli.networks.models.shapes import broadcast_shape, fitted_shape

__all__ = ["RULES", "concatenate", "cut", "drop_axis"]

Numbers = tuple[Number, ...]


# Shapes ---------------------------------------------------------------------------------------------------


def reshape(call: Call) -> Results:
    """Reshape: 0 keeps a side (unless `allowzero`), -1 is what remains."""
    data, shape = call.input(), call.shape()
    asked = call.known_integers(1, "shape")
    if asked is None:
        call.fail("has no shape")
    if call.opset < 14 or not call.integer("allowzero"):
        if any(side == 0 and axis >= len(shape) for axis, side in enumerate(asked)):
            call.fail_size(f"reshape to {list(asked)} keeps sides that it does not have", shape)
        asked = tuple(shape[axis] if side == 0 else side for axis, side in enumerate(asked))
    fitted = fitted_shape(shape, asked)
    if fitted is None:
        text = " x ".join(map(str, asked))
        call.fail_size(f"cannot be reshaped to {text}: it has {prod(shape)} values", shape)
    return _reshaped(call, data, fitted)


def _reshaped(call: Call, data: Value, shape: Shape) -> Value:
    return call.view(OperationKind.RESHAPE, shape, data)


def flatten(call: Call) -> Results:
    """Flatten: two dimensions, before and after an axis."""
    shape = call.shape()
    axis = call.integer("axis", 1)
    if not -len(shape) <= axis <= len(shape):
        call.fail(f"axis {axis} does not exist in {len(shape)} dimensions")
    axis += len(shape) * (axis < 0)
    return _reshaped(call, call.input(), (prod(shape[:axis]), prod(shape[axis:])))


def squeeze(call: Call) -> Results:
    """Squeeze: drops axes of length 1."""
    shape, asked = call.shape(), call.known_integers(1, "axes")
    if asked is None:
        axes: Sequence[int] = [axis for axis, side in enumerate(shape) if side == 1]
    else:
        axes = call.axes(asked, len(shape))
    for axis in axes:
        if shape[axis] != 1:
            call.fail_size(f"cannot drop axis {axis}: its length is {shape[axis]}, not 1", shape)
    return _reshaped(call, call.input(), tuple(side for axis, side in enumerate(shape) if axis not in axes))


def drop_axis(call: Call, data: Value, axis: int) -> Value:
    """Drop an axis of length 1."""
    shape = call.shape_of(data)
    return _reshaped(call, data, (*shape[:axis], *shape[axis + 1 :]))


def unsqueeze(call: Call) -> Results:
    """Unsqueeze: adds axes of length 1."""
    shape, asked = call.shape(), call.known_integers(1, "axes")
    if asked is None:
        call.fail("has no axes")
    rank = len(shape) + len(asked)
    axes = call.axes(asked, rank)
    rest = iter(shape)
    return _reshaped(call, call.input(), tuple(1 if axis in axes else next(rest) for axis in range(rank)))


def transpose(call: Call) -> Results:
    """Transpose: reverses the axes by default."""
    shape = call.shape()
    rank = len(shape)
    permutation = call.integers("perm") or tuple(range(rank))[::-1]
    if sorted(permutation) != list(range(rank)):
        call.fail_size(f"perm {list(permutation)[:16]} is not an order of its axes", shape)
    result = tuple(shape[axis] for axis in permutation)

    def numbers(known: Numbers) -> Numbers:
        strides = strides_of(shape)
        return strided(known, result, [strides[axis] for axis in permutation])

    kind = OperationKind.TRANSPOSE
    return call.view(kind, result, call.input(), numbers, permutation=permutation)


def expansion(call: Call) -> Results:
    """Expand: broadcasts to a shape."""
    shape, asked = call.shape(), call.known_integers(1)
    result = broadcast_shape(shape, asked or ())
    if result is None:
        call.fail_size(f"cannot be expanded to {list(asked or ())}", shape)
    return _expanded(call, call.input(), result)


def _expanded(call: Call, data: Value, result: Shape) -> Value:
    shape = call.shape_of(data)
    kind = OperationKind.IDENTITY if result == shape else OperationKind.EXPAND
    return call.view(kind, result, data, lambda known: expand(known, shape, result))


def tile(call: Call) -> Results:
    """Tile: repeats along axes."""
    data, shape, repeats = call.input(), call.shape(), call.known_integers(1)
    if repeats is None or len(repeats) != len(shape) or min(repeats, default=0) < 0:
        call.fail_size(f"needs a number of repeats for each axis, not {list(repeats or ())[:16]}", shape)
    result = tuple(side * times for side, times in zip(shape, repeats, strict=True))
    if all(side == 1 or times == 1 for side, times in zip(shape, repeats, strict=True)):
        return _expanded(call, data, result)
    rows = tuple(part for pair in zip(repeats, shape, strict=True) for part in pair)
    steps = [part for stride in strides_of(shape) for part in (0, stride)]
    return call.view(
        OperationKind.OTHER, result, data, lambda known: strided(known, rows, steps), function="tile"
    )


# Parts ----------------------------------------------------------------------------------------------------


def slicing(call: Call) -> Results:
    """Slice: starts, ends, axes and steps, as attributes up to opset 9."""
    data, shape = call.input(), call.shape()
    starts, ends = call.known_integers(1, "starts"), call.known_integers(2, "ends")
    if starts is None or ends is None:
        call.fail("needs starts and ends")
    axes, steps = call.known_integers(3, "axes"), call.known_integers(4)
    axes = tuple(range(len(starts))) if axes is None else tuple(call.axis(axis, len(shape)) for axis in axes)
    steps = (1,) * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps or len(starts) > len(shape):
        call.fail("starts, ends, axes and steps do not fit each other")
    result = data
    for axis, start, stop, step in zip(axes, starts, ends, steps, strict=True):
        kept = range(
            *slice(start, stop if step > 0 or stop >= -shape[axis] else None, step).indices(shape[axis])
        )
        result = cut(call, result, axis, kept)
    return result if starts else call.view(OperationKind.IDENTITY, shape, data)


def cut(call: Call, data: Value, axis: int, kept: range) -> Value:
    """Keep part of an axis."""
    shape = call.shape_of(data)
    result = (*shape[:axis], len(kept), *shape[axis + 1 :])
    if kept == range(shape[axis]):
        return call.view(OperationKind.IDENTITY, result, data)

    def numbers(known: Numbers) -> Numbers:
        strides = strides_of(shape)
        offset = strides[axis] * kept.start
        strides[axis] *= kept.step
        return strided(known, result, strides, offset)

    return call.view(
        OperationKind.SLICE,
        result,
        data,
        numbers,
        axis=axis,
        start=kept.start,
        stop=kept.stop,
        step=kept.step,
    )


def split(call: Call) -> Results:
    """Split: into parts of given or of equal lengths, the last of which may be smaller."""
    data, shape = call.input(), call.shape()
    axis = call.axis(call.integer("axis"), len(shape))
    parts = call.known_integers(1, "split")
    if parts is None:
        number = call.integer("num_outputs") or len(call.node.outputs)
        if not 0 < number <= len(call.node.outputs):
            call.fail(f"has {len(call.node.outputs)} outputs, not {number}")
        longest = -(-shape[axis] // number)
        parts = (*(longest,) * (number - 1), shape[axis] - longest * (number - 1))
    if sum(parts) != shape[axis] or min(parts, default=-1) < 0:
        call.fail_size(f"cannot be split into {list(parts)[:16]} along axis {axis}", shape)
    results, start = [], 0
    for part in parts:
        results.append(cut(call, data, axis, range(start, start + part)))
        start += part
    return results


def concatenation(call: Call) -> Results:
    """Concat: along an axis, along which alone lengths may differ."""
    return concatenate(call, [value for value in call.inputs if value is not None])


def concatenate(call: Call, values: Sequence[Value]) -> Value:
    """Join values along the axis of the call."""
    if not values:
        call.fail("has no inputs")
    shapes = [call.shape_of(value) for value in values]
    axis = call.axis(call.integer("axis", 1), len(shapes[0]))
    rests = {(shape[:axis], shape[axis + 1 :], len(shape)) for shape in shapes}
    if len(rests) > 1:
        call.fail_size(f"cannot be joined along axis {axis}: other sides differ", *shapes[:8])
    result = (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])
    numbers: Numbers | None = None
    if prod(result) <= MAX_FOLDED and all(value.numbers is not None for value in values):
        rows = prod(result[:axis])
        chunks = [
            (value.numbers or (), prod(shape[axis:])) for value, shape in zip(values, shapes, strict=True)
        ]
        numbers = tuple(
            number for row in range(rows) for known, size in chunks for number in known[row * size :][:size]
        )
    return call.emit(OperationKind.CONCATENATE, result, inputs=values, axis=axis, numbers=numbers)


def gather(call: Call) -> Results:
    """Gather: rows of a weight (embedding), or parts of an array."""
    data, indices = call.input(), call.input(1)
    shape, places = call.shape(), call.shape(1)
    axis = call.axis(call.integer("axis"), len(shape))
    result = (*shape[:axis], *places, *shape[axis + 1 :])
    if indices.numbers is None:
        kind = OperationKind.EMBEDDING if data.is_constant else OperationKind.OTHER
        return call.emit(kind, result, function="gather")
    chosen = [int(place) + shape[axis] * (place < 0) for place in indices.numbers]
    if any(not 0 <= place < shape[axis] for place in chosen):
        call.fail_size(f"index {list(indices.numbers)[:8]} does not exist along axis {axis}", shape)
    if chosen and all(after - before == 1 for before, after in pairwise(chosen)):
        part = cut(call, data, axis, range(chosen[0], chosen[-1] + 1))
        return part if len(places) == 1 else _reshaped(call, part, result)

    def numbers(known: Numbers) -> Numbers:
        size = prod(shape[axis + 1 :])
        rows = range(prod(shape[:axis]))
        starts = [(row * shape[axis] + place) * size for row in rows for place in chosen]
        return tuple(number for start in starts for number in known[start : start + size])

    return call.view(OperationKind.OTHER, result, data, numbers, function="gather")


# Padding --------------------------------------------------------------------------------------------------

PAD_MODES = {"constant": PadMode.ZERO, "reflect": PadMode.MIRROR, "edge": PadMode.EDGE}


def pad(call: Call) -> Results:
    """Pad: an image's sides, as the layer; negative amounts cut."""
    data, shape = call.input(), call.shape()
    amounts = call.known_integers(1, "pads") or call.integers("paddings")
    axes = call.known_integers(3)
    rank = len(shape)
    chosen = tuple(range(rank)) if axes is None else tuple(call.axis(axis, rank) for axis in axes)
    if amounts is None or len(amounts) != 2 * len(chosen):
        call.fail_size(f"needs two amounts for each of {len(chosen)} axes", shape)
    before, after = [0] * rank, [0] * rank
    for place, axis in enumerate(chosen):
        before[axis], after[axis] = amounts[place], amounts[place + len(chosen)]
    for axis in range(rank):
        if min(before[axis], after[axis]) < 0:
            kept = range(max(-before[axis], 0), max(shape[axis] - max(-after[axis], 0), 0))
            data = cut(call, data, axis, kept)
    return _padded(call, data, [max(side, 0) for side in before], [max(side, 0) for side in after])


def _padded(call: Call, data: Value, before: list[int], after: list[int]) -> Value:
    shape = call.shape_of(data)
    rank = len(shape)
    padded = [axis for axis in range(rank) if before[axis] or after[axis]]
    if not padded:
        return call.view(OperationKind.IDENTITY, shape, data)
    mode = PAD_MODES.get(call.text("mode", "constant"))
    # The channels are never padded: as second axis or, if that one is padded, as last.
    channel_axis = 1 if 1 not in padded else rank - 1
    if data.is_constant or mode is None or 0 in padded or channel_axis in padded or rank < 3:
        result = tuple(side + before[axis] + after[axis] for axis, side in enumerate(shape))
        return call.emit(OperationKind.OTHER, result, inputs=[data], function="pad")
    amounts = tuple((before[axis], after[axis]) for axis in range(1, rank) if axis != channel_axis)
    layer = Pad(padding=amounts, mode=mode)
    return call.layer(layer, data, channel_axis=channel_axis)


# Folded from shapes alone ---------------------------------------------------------------------------------


def shape_of(call: Call) -> Results:
    """Shape: of which `start` and `end` may choose a part."""
    shape = call.shape()
    kept = shape[slice(call.integer("start"), call.integer("end", len(shape)))]
    return folded(kept, (len(kept),))


def size_of(call: Call) -> Results:
    """Size: the number of values."""
    return folded((prod(call.shape()),), ())


RULES: dict[str, Rule] = {
    "Reshape": reshape,
    "Flatten": flatten,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Transpose": transpose,
    "Expand": expansion,
    "Tile": tile,
    "Slice": slicing,
    "Split": split,
    "Concat": concatenation,
    "QLinearConcat": lambda call: concatenate(
        call, [value for value in call.inputs[2::3] if value is not None]
    ),
    "Gather": gather,
    "Pad": pad,
    "Shape": shape_of,
    "Size": size_of,
}

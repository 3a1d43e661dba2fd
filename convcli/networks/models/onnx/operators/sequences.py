"""Sequences of tensors: what exporters split a tensor into, and take parts of."""

from convcli.networks.models.onnx.call import Call, Results, Rule, UnknownNumbersError
from convcli.networks.models.onnx.operators.views import concatenate, cut, drop_axis
from convcli.networks.models.onnx.values import Value, folded
from convcli.networks.models.operations import OperationKind

__all__ = ["RULES"]

MAX_PARTS = 4096


def _sequence(parts: tuple[Value, ...]) -> Value:
    array = next((part.array for part in parts if part.array is not None), None)
    return Value((), array, (), None, "sequence", None, parts)


def _parts(call: Call) -> tuple[Value, ...]:
    parts = call.input().parts
    if parts is None:
        raise UnknownNumbersError
    return parts


def split(call: Call) -> Results:
    """SplitToSequence: into parts of given or equal lengths; of single ones the axis is dropped."""
    data, shape = call.input(), call.shape()
    axis = call.axis(call.integer("axis"), len(shape))
    lengths = call.known_integers(1)
    if lengths is None or call.shape(1) == ():
        step = 1 if lengths is None else lengths[0]
        if step < 1 or shape[axis] // step > MAX_PARTS:
            call.fail_size(f"cannot be split into parts of {step} along axis {axis}", shape)
        lengths = (step,) * (shape[axis] // step) + ((shape[axis] % step,) if shape[axis] % step else ())
    if sum(lengths) != shape[axis] or min(lengths, default=0) < 0:
        call.fail_size(f"cannot be split into {list(lengths)[:16]} along axis {axis}", shape)
    parts, start = [], 0
    drops = call.optional(1) is None and not call.integer("keepdims", 1)
    for length in lengths:
        part = cut(call, data, axis, range(start, start + length))
        parts.append(drop_axis(call, part, axis) if drops else part)
        start += length
    return _sequence(tuple(parts))


def construct(call: Call) -> Results:
    """SequenceConstruct."""
    return _sequence(tuple(value for value in call.inputs if value is not None))


def insert(call: Call) -> Results:
    """SequenceInsert: at the end by default."""
    parts = list(_parts(call))
    place = call.known_integers(2)
    parts.insert(len(parts) if place is None else place[0], call.input(1))
    return _sequence(tuple(parts[:MAX_PARTS]))


def part_of(call: Call) -> Results:
    """SequenceAt: one part."""
    parts, place = _parts(call), call.known_integers(1) or (0,)
    if not -len(parts) <= place[0] < len(parts):
        call.fail(f"position {place[0]} is not in a sequence of {len(parts)}")
    return parts[place[0]]


def length_of(call: Call) -> Results:
    """SequenceLength."""
    return folded((len(_parts(call)),), ())


def join(call: Call) -> Results:
    """ConcatFromSequence: joins the parts along an axis, or along a new one."""
    parts = _parts(call)
    if not call.integer("new_axis"):
        return concatenate(call, parts)
    shape = call.shape_of(parts[0])
    axis = call.axis(call.integer("axis"), len(shape) + 1)
    longer = (*shape[:axis], 1, *shape[axis:])
    return concatenate(call, [call.view(OperationKind.RESHAPE, longer, part) for part in parts])


RULES: dict[str, Rule] = {
    "SplitToSequence": split,
    "SequenceConstruct": construct,
    "SequenceEmpty": lambda _: _sequence(()),
    "SequenceInsert": insert,
    "SequenceAt": part_of,
    "SequenceLength": length_of,
    "ConcatFromSequence": join,
}

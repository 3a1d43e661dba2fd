"""Recurrent layers and attention, whose multiply-accumulates follow from a formula."""

from math import prod

from convcli.networks.layer_types.dense import Dense
from convcli.networks.models.onnx.call import Call, Results, Rule, side_outputs
from convcli.networks.models.onnx.values import Value
from convcli.networks.models.operations import OperationKind, Shape, Weight

__all__ = ["MICROSOFT_RULES", "RULES"]


# Recurrent layers -----------------------------------------------------------------------------------------


def recurrent(function: str, gates: int) -> Rule:
    """Return the rule of a recurrent layer.

    At each step and in each direction, each of its gates has a matrix product with the input and one with
    the state: ``gates · h · (inputs + h)`` multiply-accumulates.
    """

    def rule(call: Call) -> Results:
        data, weights = call.input(), call.input(1)
        shape, kernel = call.shape(), call.shape_of(weights)
        recurrence = call.shape(2)
        if len(shape) != 3 or len(kernel) != 3 or len(recurrence) != 3 or kernel[2] != shape[2]:
            call.fail_size("needs sequences of vectors, and weights for them", shape, kernel)
        hidden = call.integer("hidden_size") or recurrence[2]
        directions = 2 if call.text("direction", "forward") == "bidirectional" else 1
        if kernel[:2] != (directions, gates * hidden) or recurrence != (directions, gates * hidden, hidden):
            call.fail_size(f"its weights are not those of {directions} x {hidden} units", kernel, recurrence)
        batch_first = bool(call.integer("layout"))
        batch, steps = shape[:2] if batch_first else shape[1::-1]
        inside: Shape = (batch, directions, hidden) if batch_first else (directions, batch, hidden)
        stored = [weight for index in (1, 2, 3, 7) for weight in _weights(call, index)]
        states = [value for index in (5, 6) if (value := call.optional(index)) is not None]
        output = call.emit(
            OperationKind.RECURRENT,
            (*shape[:2], directions * hidden),
            inputs=[data, *states],
            weights=stored,
            function=function,
            axis=int(batch_first),
            macs=batch * steps * directions * gates * hidden * (shape[2] + hidden),
        )
        # ONNX moves the directions before the batch; exporters move them back.
        outside = call.view(OperationKind.RESHAPE, (*shape[:2], directions, hidden), output)
        if not batch_first:
            by_direction = (steps, directions, batch, hidden)
            outside = call.view(OperationKind.TRANSPOSE, by_direction, outside, permutation=(0, 2, 1, 3))
        return [outside, *side_outputs(call, output, (inside, inside), "state")]  # the last states

    return rule


def _weights(call: Call, index: int) -> tuple[Weight, ...]:
    value = call.optional(index)
    return () if value is None else value.weights


# Attention ------------------------------------------------------------------------------------------------


def attention(call: Call) -> Results:
    """Attention: softmax(Q K^T) V, of four dimensions or of three with the heads side by side."""
    query, key, value = (call.input(index) for index in range(3))
    heads = call.integer("q_num_heads"), call.integer("kv_num_heads")
    shapes = [
        _by_heads(call, each, number)
        for each, number in zip((query, key, value), (heads[0], heads[1], heads[1]), strict=True)
    ]
    (batch, count, steps, depth), others, (_, _, _, width) = shapes
    if (batch, depth) != others[::3] or others[:3] != shapes[2][:3]:
        call.fail_size(
            "its keys or values do not fit its queries", *(call.shape(index) for index in range(3))
        )
    past = call.shape(4)[2] if call.optional(4) is not None else 0
    read = others[2] + past
    result = (batch, count, steps, width) if len(call.shape()) == 4 else (batch, steps, count * width)
    macs = batch * count * steps * read * (depth + width)
    output = call.emit(
        OperationKind.ATTENTION,
        result,
        inputs=[query, key, value],
        weights=(),
        macs=macs,
        function="attention",
    )
    kept = (batch, others[1], read, others[3]), (batch, others[1], read, width), (batch, count, steps, read)
    return [output, *side_outputs(call, output, kept, "cache")]


def _by_heads(call: Call, value: Value, heads: int) -> tuple[int, int, int, int]:
    """Return batch, heads, steps and depth."""
    shape = call.shape_of(value)
    if len(shape) == 4:
        return shape[0], shape[1], shape[2], shape[3]
    if len(shape) != 3 or heads < 1 or shape[2] % heads:
        call.fail_size(f"{heads} heads do not divide its values", shape)
    return shape[0], heads, shape[1], shape[2] // heads


def fused_attention(call: Call) -> Results:
    """com.microsoft.Attention: query, key and value of one dense layer, then attention."""
    data, weights, bias = call.input(), call.input(1), call.optional(2)
    shape, kernel = call.shape(), call.shape(1)
    heads = call.integer("num_heads")
    if len(shape) != 3 or len(kernel) != 2 or kernel[0] != shape[2] or heads < 1:
        call.fail_size("needs sequences of vectors, and weights for them", shape, kernel)
    batch, steps, _ = shape
    stored = weights.weights + (bias.weights if bias is not None else ())
    projected = call.emit(
        OperationKind.LAYER,
        (batch, steps, kernel[1]),
        inputs=[data],
        weights=stored,
        layer=Dense(units=kernel[1], bias=bias is not None),
        channel_axis=2,
    )
    width = kernel[1] // 3
    macs = 2 * batch * steps * steps * width
    return call.emit(
        OperationKind.ATTENTION, (batch, steps, width), inputs=[projected], weights=(), macs=macs,
        function="attention",
    )  # fmt: skip


def multi_head_attention(call: Call) -> Results:
    """com.microsoft.MultiHeadAttention: of arrays with the heads side by side."""
    query, key, value = call.input(), call.input(1), call.input(2)
    batch, steps, width = call.shape()
    read, values = prod(call.shape_of(key)) // max(batch * width, 1), call.shape_of(value)
    last = values[-1] if len(values) == 3 else values[1] * values[-1]
    macs = batch * steps * read * (width + last)
    return call.emit(
        OperationKind.ATTENTION,
        (batch, steps, last),
        inputs=[query, key, value],
        macs=macs,
        function="attention",
    )


RULES: dict[str, Rule] = {
    "LSTM": recurrent("lstm", 4),
    "GRU": recurrent("gru", 3),
    "RNN": recurrent("rnn", 1),
    "Attention": attention,
}
MICROSOFT_RULES: dict[str, Rule] = {
    "Attention": fused_attention,
    "MultiHeadAttention": multi_head_attention,
}

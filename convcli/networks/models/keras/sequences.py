"""Keras's layers on sequences, counted by formula: recurrent layers and attention.

A step of an LSTM with u units on c channels takes 4 u (c + u) multiply-accumulates, of a GRU 3 u (c + u), of
a simple recurrent layer u (c + u), and of a convolutional LSTM 4 f (c + f) for each tap at each position.

MultiHeadAttention with h heads has four dense layers: query, key and value with h d outputs, and the output.
Their weights are (c + 1) h d each, and (h d + 1) c for the output. Attention itself multiplies queries by
keys, and the result by values: h T S d multiply-accumulates each, for T queries and S keys.
"""

from collections.abc import Callable
from math import prod
from typing import Any

from convcli.networks.layer_types.convolution import Convolution
from convcli.networks.models.keras.configuration import Config, as_mapping, read_layer
from convcli.networks.models.keras.convolutions import channel_axis, dense, geometry, has_bias, rank_of_class
from convcli.networks.models.keras.layer_call import Arrays, LayerCall
from convcli.networks.models.operations import Array, OperationKind, Shape, Weight
from convcli.networks.models.shapes import shape_in_file, size_without_batch
from convcli.sizes.text import NamedPadding

__all__ = ["SEQUENCES", "bidirectional"]

GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}
WORDS = {  # in tables, if not the class
    "SimpleRNN": "rnn", "CuDNNLSTM": "lstm", "CuDNNGRU": "gru",
    **dict.fromkeys(("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"), "convlstm"),
}  # fmt: skip
STATES = {"LSTM": 2, "GRU": 1, "SimpleRNN": 1}


def _cell(
    call: LayerCall, kind: str, config: Config, channels: int, prefix: str = ""
) -> tuple[list[Weight], int]:
    """Return the weights of a cell, and the multiply-accumulates of a step."""
    units, gates = config.number("units"), GATES[kind]
    weights = [
        call.weight(f"{prefix}kernel", (channels, gates * units)),
        call.weight(f"{prefix}recurrent_kernel", (units, gates * units)),
    ]
    if config.flag("use_bias", default=True):
        # A GRU that resets after the product has a bias for each of the two products.
        double = kind == "GRU" and config.flag("reset_after", default=True)
        weights.append(call.weight(f"{prefix}bias", (2, gates * units) if double else (gates * units,)))
    return weights, gates * units * (channels + units)


def _layer(call: LayerCall) -> Arrays:
    kind = call.layer.class_name.removeprefix("CuDNN")
    shape = call.shape(call.input, 3)
    weights, step = _cell(call, kind, call.config, shape[2])
    return _recurrent(call, shape, weights, step, (call.config.number("units"),), STATES[kind])


def _recurrent(
    call: LayerCall, shape: Shape, weights: list[Weight], step: int, made: Shape, states: int
) -> Arrays:
    """Record a recurrent layer; the states that it may return are slices of its output.

    Parameters
    ----------
    shape : tuple of int
        Of the input: batch, steps, and the input of a step.
    step : int
        Multiply-accumulates of a step.
    made : tuple of int
        The output of a step, without the batch.
    states : int
        Number of states.
    """
    returns_all = call.config.flag("return_sequences", default=False)
    last = (shape[0], *made)
    macs = shape[0] * shape[1] * step
    function = WORDS.get(call.layer.class_name, call.layer.class_name.lower())
    output = call.emit(
        OperationKind.RECURRENT, call.inputs, (*shape[:2], *made) if returns_all else last, weights,
        macs=macs, function=function, axis=1,
    )  # fmt: skip
    if not call.config.flag("return_state", default=False):
        return output
    return [output, *(call.emit(OperationKind.OTHER, [output], last) for _ in range(states))]


def _of_cells(call: LayerCall) -> Arrays:
    """Record the layer RNN: a cell, or several stacked ones."""
    shape = call.shape(call.input, 3)
    cell = as_mapping(call.config.get("cell"))
    cells = [cell]
    if cell.get("class_name") == "StackedRNNCells":
        stacked = as_mapping(cell.get("config")).get("cells")
        cells = [as_mapping(each) for each in stacked] if isinstance(stacked, list) else []
    weights: list[Weight] = []
    step, units, states = 0, shape[2], 0
    for number, entry in enumerate(cells):
        layer = read_layer(entry, call.path, f"cell_{number}")
        kind = layer.class_name.removesuffix("Cell")
        if layer.is_custom or kind not in GATES:
            return call.emit(OperationKind.UNKNOWN, [call.input], None, source=layer.full_class_name)
        config = Config(layer.values, call.path)
        prefix = f"cell_{number}." if len(cells) > 1 else "cell."
        of_cell, macs = _cell(call, kind, config, units, prefix)
        weights, step, units = weights + of_cell, step + macs, config.number("units")
        states += STATES[kind]
    return _recurrent(call, shape, weights, step, (units,), states)


def _convolutional(call: LayerCall) -> Arrays:
    """Record a ConvLSTM: at each step two convolutions to four gates, of the input and of the state."""
    rank = rank_of_class(call.layer.class_name)
    shape = call.shape(call.input, rank + 3)
    image, axis = (shape[0], *shape[2:]), channel_axis(call, rank)
    filters, gates = call.config.number("filters"), 4 * call.config.number("filters")
    layer = Convolution(filters=gates, bias=has_bias(call), **geometry(call, rank))
    size = size_without_batch(image, axis)
    output = (*layer.output(size)[:-1], filters)
    ones: Any = (1,) * rank
    state = layer.changed(stride=ones, dilation=ones, padding=NamedPadding.SAME)
    weights = [
        call.weight("kernel", (*layer.window, size[-1], gates)),
        call.weight("recurrent_kernel", (*layer.window, filters, gates)),
        *[call.weight("bias", (gates,))] * layer.bias,
    ]
    step = (layer.macs(size) or 0) + (state.macs(output) or 0)
    return _recurrent(call, shape, weights, step, shape_in_file(output, axis, image)[1:], STATES["LSTM"])


def bidirectional(call: LayerCall, run: Callable[[LayerCall], Arrays]) -> Arrays:
    """Record both directions of a layer, and how their outputs are merged.

    Parameters
    ----------
    run : function
        Records a call of any layer.
    """
    entry = call.config.get("layer")
    forward = read_layer(entry, call.path, "layer")
    backward_entry = call.config.get("backward_layer") or entry
    backward = read_layer(backward_entry, call.path, "layer")
    results = []
    for direction, layer in (("forward", forward), ("backward", backward)):
        name = f"{direction}_{layer.name.removeprefix(direction + '_').removeprefix('forward_')}"
        inner = call._replace(layer=layer._replace(name=name), path=f"{call.path}.{name}")
        results.append(run(inner))
    states = [state for result in results if isinstance(result, list) for state in result[1:]]
    first, second = (result[0] if isinstance(result, list) else result for result in results)
    mode = call.config.get("merge_mode", "concat")
    if "merge_mode" in call.layer.values and call.layer.values["merge_mode"] is None:
        return [first, second, *states]
    merged = _merge(call, str(mode), first, second)
    return [merged, *states] if states else merged


def _merge(call: LayerCall, mode: str, first: Array, second: Array) -> Array:
    shape = call.shape(first)
    if mode == "concat":
        made = (*shape[:-1], shape[-1] + call.shape(second)[-1])
        return call.emit(OperationKind.CONCATENATE, [first, second], made, axis=len(shape) - 1)
    if mode == "mul":
        return call.emit(OperationKind.MULTIPLY, [first, second], shape)
    if mode not in ("sum", "ave"):
        call.config.fail("merge_mode", "concat, sum, mul, ave or null")
    total = call.emit(OperationKind.ADD, [first, second], shape)
    return total if mode == "sum" else call.emit(OperationKind.DIVIDE, [total], shape, constant=2.0)


def _inputs(call: LayerCall) -> tuple[Array, Array, Array]:
    """Return query, value and key: by name, or in this order; the key is the value unless given."""
    given = [array for array in call.inputs if not any(array is each for each in call.keywords.values())]
    named = [call.keywords.get(name) for name in ("query", "value", "key")]
    found = []
    for name in named:
        if isinstance(name, Array):
            found.append(name)
        elif given:
            found.append(given.pop(0))
    if not found:
        return call.input, call.input, call.input
    query, value = found[0], found[min(1, len(found) - 1)]
    return query, value, found[2] if len(found) > 2 else value


def _multi_head(call: LayerCall) -> Arrays:
    config = call.config
    heads, width = config.number("num_heads"), config.number("key_dim")
    return _projected(call, heads, heads, width, config.number("value_dim", width))


def _grouped(call: LayerCall) -> Arrays:
    config = call.config
    heads, width = config.number("num_query_heads"), config.number("head_dim")
    return _projected(call, heads, config.number("num_key_value_heads"), width, width)


def _projected(call: LayerCall, heads: int, shared_heads: int, width: int, value_width: int) -> Arrays:
    """Record the dense layers and the attention between them."""
    config = call.config
    bias = config.flag("use_bias", default=True)
    query, value, key = _inputs(call)
    shape = call.shape(query)

    def projection(name: str, array: Array, count: int, size: int) -> Array:
        channels = call.shape(array)[-1]
        return dense(call, array, count * size, name, bias=bias, kernel=(channels, count, size))

    queries = projection("query", query, heads, width)
    keys = projection("key", key, shared_heads, width)
    values = projection("value", value, shared_heads, value_width)
    axes = (
        config.axes("attention_axes", len(shape))
        if config.get("attention_axes") is not None
        else tuple(range(1, len(shape) - 1))
    )
    made = (*shape[:-1], heads * value_width)
    targets, sources = (prod(call.shape(array)[axis] for axis in axes) for array in (query, value))
    free = prod(side for axis, side in enumerate(shape[:-1]) if axis not in axes)
    macs = free * heads * targets * sources * (width + value_width)
    attended = call.emit(OperationKind.ATTENTION, [queries, keys, values], made, macs=macs)
    if config.flag("use_gate", default=False):
        gate = call.function("sigmoid", projection("gate", query, heads, value_width))
        attended = call.emit(OperationKind.MULTIPLY, [attended, gate], made)
    stated = config.get("output_shape")
    sides = [side for side in (stated if isinstance(stated, list) else [stated]) if type(side) is int]
    channels = prod(sides) if sides else shape[-1]
    kernel = (heads, value_width, *(sides or [shape[-1]]))
    output = dense(call, attended, channels, "attention_output", bias=bias, kernel=kernel)
    if len(sides) > 1:
        output = call.view(output, (*shape[:-1], *sides))
    if call.keywords.get("return_attention_scores"):
        scores = _scores_shape(shape, axes, heads, targets, sources)
        return [output, call.emit(OperationKind.OTHER, [queries, keys], scores)]
    return output


def _scores_shape(shape: Shape, axes: tuple[int, ...], heads: int, targets: int, sources: int) -> Shape:
    free = [side for axis, side in enumerate(shape[:-1]) if axis not in axes]
    return (*free, heads, targets, sources)


def _dot_product(call: LayerCall) -> Arrays:
    """Record Attention or AdditiveAttention: two products, and a learned scale."""
    arrays = call.inputs
    if not arrays:
        return call.input
    query, value = arrays[0], arrays[min(1, len(arrays) - 1)]
    key = arrays[2] if len(arrays) > 2 else value
    (batch, targets, width), (_, sources, value_width) = call.shape(query, 3), call.shape(value, 3)
    weights = []
    config = call.config
    if call.layer.class_name == "AdditiveAttention":
        weights += [call.weight("scale", (width,))] * config.flag("use_scale", default=True)
    else:
        weights += [call.weight("scale", ())] * config.flag("use_scale", default=False)
        weights += [call.weight("concat_score_weight", ())] * (config.get("score_mode") == "concat")
    macs = batch * targets * sources * (width + value_width)
    made = (batch, targets, value_width)
    output = call.emit(OperationKind.ATTENTION, [query, key, value], made, weights, macs=macs)
    if call.keywords.get("return_attention_scores"):
        return [output, call.emit(OperationKind.OTHER, [query, key], (batch, targets, sources))]
    return output


SEQUENCES: dict[str, Callable[[LayerCall], Arrays]] = {
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN", "CuDNNLSTM", "CuDNNGRU"), _layer),
    "RNN": _of_cells,
    **dict.fromkeys(("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"), _convolutional),
    "MultiHeadAttention": _multi_head,
    "GroupedQueryAttention": _grouped,
    "GroupQueryAttention": _grouped,
    "Attention": _dot_product,
    "AdditiveAttention": _dot_product,
}

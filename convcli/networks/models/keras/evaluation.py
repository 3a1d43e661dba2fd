"""Evaluates the graph of a Keras model: calls what records each layer, with the arrays that it reads."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from convcli.errors import SpecError
from convcli.networks.models.keras.configuration import LayerConfig, found_in, read_layer
from convcli.networks.models.keras.convolutions import CONVOLUTIONS
from convcli.networks.models.keras.functions import function_handler
from convcli.networks.models.keras.graphs import (
    Graph,
    Reference,
    StatedShape,
    declared_shape,
    is_graph,
    read_graph,
)
from convcli.networks.models.keras.layer_call import Arrays, LayerCall, Recorder, ShapeUnknown
from convcli.networks.models.keras.merging import MERGING
from convcli.networks.models.keras.normalizations import NORMALIZATIONS
from convcli.networks.models.keras.pooling import POOLING
from convcli.networks.models.keras.reshaping import RESHAPING
from convcli.networks.models.keras.sequences import SEQUENCES, bidirectional
from convcli.networks.models.operations import Array, OperationKind, Shape

__all__ = ["evaluate_graph"]

HANDLERS: dict[str, Callable[[LayerCall], Arrays]] = {
    **CONVOLUTIONS,
    **POOLING,
    **NORMALIZATIONS,
    **RESHAPING,
    **SEQUENCES,
    **MERGING,
}
# Layers without parameters and multiply-accumulates, by parts of their names; known on any input.
FREE_CLASSES = (
    "Pool", "Dropout", "ZeroPadding", "Cropping", "UpSampling", "Flatten", "Reshape", "Permute",
    "RepeatVector", "Resizing",
)  # fmt: skip
FUNCTION_CLASSES = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer")


def evaluate_graph(recorder: Recorder, graph: Graph, inputs: Sequence[Array], path: str = "") -> list[Array]:
    """Record what a model does with its inputs; return its outputs.

    Parameters
    ----------
    path : str
        That of the model, for the names of its layers; empty for the outermost.

    Raises
    ------
    SpecError
        A layer has an impossible configuration.
    SizeError
        A layer is impossible on its input.
    """
    if len(inputs) < len(graph.inputs):
        raise SpecError(
            path or graph.name, f"has {len(graph.inputs)} inputs, but is called with {len(inputs)}"
        )
    stated = graph.stated if _has_declared_inputs(graph, inputs) else {}
    values: dict[Reference, Array] = dict(zip(graph.inputs, inputs, strict=False))

    def resolved(value: object) -> object:
        if isinstance(value, Reference):
            if value not in values:
                raise SpecError(
                    path or graph.name, f"has no output {value.output} of the layer {value.layer[:100]}"
                )
            return values[value]
        if isinstance(value, list | tuple):
            return [resolved(item) for item in value]
        if isinstance(value, dict):
            return {key: resolved(item) for key, item in value.items()}
        return value

    for name, number in graph.order:
        layer = graph.layers[name]
        place = Reference(name, number, 0)
        if layer.config.class_name == "InputLayer":
            continue
        called = layer.calls[number]
        recorder.count_call(name)
        call = LayerCall(
            recorder,
            layer.config,
            f"{path}.{name}" if path else name,
            tuple(resolved(value) for value in called.arguments),
            {key: resolved(value) for key, value in called.keywords.items()},
        )
        if layer.graph is not None:
            made: Arrays = evaluate_graph(recorder, layer.graph, call.inputs, call.path)
        else:
            made = _run_layer(call, _stated_shape(stated.get(place), call.inputs))
        for output, array in enumerate(found_in(made, Array)):
            values[place._replace(output=output)] = array
    return [array for output in graph.outputs for array in found_in(resolved(output), Array)]


def _has_declared_inputs(graph: Graph, inputs: Sequence[Array]) -> bool:
    """Whether the inputs are those for which the file states the shapes of all outputs."""
    for reference, array in zip(graph.inputs, inputs, strict=False):
        declared = declared_shape(graph, reference)
        if declared is None or array.shape is None or len(declared) != len(array.shape):
            return False
        if any(side not in (None, given) for side, given in zip(declared[1:], array.shape[1:], strict=True)):
            return False
    return True


def _stated_shape(stated: StatedShape | None, inputs: Sequence[Array]) -> Shape | None:
    """Return the shape that a file states; None if it leaves open more than the batch."""
    if stated is None or None in stated[1:]:
        return None
    batch = next((array.shape[0] for array in inputs if array.shape), 1)
    return tuple(batch if side is None else side for side in stated)


def _run_layer(call: LayerCall, stated: Shape | None) -> Arrays:
    """Record a layer; one that is not known, or that has parameters and an unknown input, as unknown."""
    handler, kind = _handler(call.layer), OperationKind.UNKNOWN
    if handler is None and not call.layer.is_custom:
        handler = function_handler(call)
    try:
        if handler is not None:
            return handler(call)
    except ShapeUnknown:
        if call.layer.class_name in HANDLERS and any(word in call.layer.class_name for word in FREE_CLASSES):
            kind = OperationKind.OTHER
    return call.emit(kind, call.inputs, stated)


def _handler(layer: LayerConfig) -> Callable[[LayerCall], Arrays] | None:
    """Return what records a layer; None for functions, and for classes that are not known."""
    if layer.is_custom or layer.class_name in FUNCTION_CLASSES or ".ops" in layer.module:
        return None
    if layer.class_name in WRAPPERS:
        return WRAPPERS[layer.class_name]
    return HANDLERS.get(layer.class_name)


def _run_any(call: LayerCall) -> Arrays:
    """Record a layer or a model within a wrapper."""
    if is_graph(call.layer) and not call.layer.is_custom:
        made = evaluate_graph(call.recorder, read_graph(call.layer), call.inputs, call.path)
        return made if len(made) != 1 else made[0]
    return _run_layer(call, None)


def _time_distributed(call: LayerCall) -> Arrays:
    """Record a layer that is applied at each step: the steps become a part of the batch."""
    shape = call.shape(call.input)
    layer = read_layer(call.config.get("layer"), call.path, "layer")
    path = f"{call.path}.{layer.name}" if is_graph(layer) else call.path
    if len(shape) < 3:
        raise SpecError(call.path, "is a TimeDistributed layer on an array without steps")
    folded = call.view(call.input, (shape[0] * shape[1], *shape[2:]))
    inner = LayerCall(call.recorder, layer, path, (folded,), {})
    unfolded = [
        call.emit(
            OperationKind.RESHAPE,
            [array],
            None if array.shape is None else (*shape[:2], *array.shape[1:]),
        )
        for array in found_in(_run_any(inner), Array)
    ]
    return unfolded if len(unfolded) != 1 else unfolded[0]


def _bidirectional(call: LayerCall) -> Arrays:
    return bidirectional(call, _run_any)


def _spectral(call: LayerCall) -> Arrays:
    """Record a layer with spectral normalization, whose vector is kept but not learned."""
    layer = read_layer(call.config.get("layer"), call.path, "layer")
    operations = call.recorder.operations
    first = len(operations)
    made = _run_any(call._replace(layer=layer))
    if len(operations) > first and operations[first].weights:
        kernel = operations[first].weights[0]
        vector = call.weight("vector_u", (1, kernel.shape[-1] if kernel.shape else 1), learned=False)
        operations[first] = replace(operations[first], weights=(*operations[first].weights, vector))
        call.recorder.weights[vector.name] = vector
    return made


def _pipeline(call: LayerCall) -> Arrays:
    """Record layers one after another."""
    entries = call.config.get("layers")
    made: Arrays = call.input
    for number, entry in enumerate(entries if isinstance(entries, list) else []):
        layer = read_layer(entry, call.path, f"layer_{number}")
        inner = LayerCall(call.recorder, layer, f"{call.path}.{layer.name}", (made,), {})
        made = _run_any(inner)
    return made


WRAPPERS: Mapping[str, Callable[[LayerCall], Arrays]] = {
    "TimeDistributed": _time_distributed,
    "Bidirectional": _bidirectional,
    "SpectralNormalization": _spectral,
    "Pipeline": _pipeline,
}

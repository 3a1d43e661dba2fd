"""The graph of a Keras model: which layer is called on the outputs of which others."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, cast

from convcli.errors import SpecError, suggestion
from convcli.networks.models.keras.configuration import LayerConfig, as_mapping, found_in, read_layer, shown
from convcli.networks.models.ordering import topological_order

__all__ = [
    "CONSTANT",
    "Call",
    "Graph",
    "GraphLayer",
    "Reference",
    "StatedShape",
    "declared_shape",
    "is_graph",
    "read_graph",
    "read_shape",
]

MAX_DEPTH = 32  # of models within models, and of lists within arguments
CONSTANT = "_CONSTANT_VALUE"  # Keras 2: instead of the name of a layer
GRAPH_CLASSES = ("Sequential", "Functional", "Model")

StatedShape = tuple[int | None, ...]


class Reference(NamedTuple):
    """An output of a call of a layer: `output` of the `call`-th call."""

    layer: str
    call: int
    output: int


class Call(NamedTuple):
    """A call of a layer: its arguments, in which each array is a `Reference`."""

    arguments: tuple[object, ...] = ()
    keywords: Mapping[str, object] = {}

    def references(self) -> Iterator[Reference]:
        """Yield the arrays that it reads, in order."""
        yield from found_in(self.arguments, Reference)
        yield from found_in(self.keywords, Reference)

    def replaced(self, change: "Callable[[Reference], Reference]") -> "Call":
        """Return the call with other references."""
        return Call(
            tuple(_replaced(value, change) for value in self.arguments),
            {key: _replaced(value, change) for key, value in self.keywords.items()},
        )


class GraphLayer(NamedTuple):
    """A layer and its calls; `graph` is that of a model that is used as a layer."""

    config: LayerConfig
    calls: tuple[Call, ...]
    graph: "Graph | None"


class Graph(NamedTuple):
    """The graph of a model.

    Attributes
    ----------
    name : str
    layers : mapping
        Each `GraphLayer` by its name.
    order : tuple of (str, int)
        Layer and number of the call, in order of execution.
    inputs, outputs : tuple of Reference
    stated : mapping
        Shapes of outputs, where the file states them.
    input_shape : tuple or None
        Of a sequential model without an input layer, where the file states it; then `inputs` is that of a
        layer that is not among `layers`.
    """

    name: str
    layers: Mapping[str, GraphLayer]
    order: tuple[tuple[str, int], ...]
    inputs: tuple[Reference, ...]
    outputs: tuple[Reference, ...]
    stated: Mapping[Reference, StatedShape]
    input_shape: StatedShape | None = None


def declared_shape(graph: Graph, reference: Reference) -> StatedShape | None:
    """Return the shape of an input as the file states it; None if it does not."""
    layer = graph.layers.get(reference.layer)
    if layer is not None:
        for key in ("batch_shape", "batch_input_shape"):
            shape = read_shape(layer.config.values.get(key))
            if shape is not None:
                return shape
    return graph.stated.get(reference) or graph.input_shape


def is_graph(layer: LayerConfig) -> bool:
    """Whether a layer is a model whose graph is in the file."""
    config = layer.values
    if layer.class_name == "Sequential" and isinstance(layer.entry.get("config"), list):
        return True
    return isinstance(config.get("layers"), list) and (
        layer.class_name in GRAPH_CLASSES or "output_layers" in config
    )


def read_graph(layer: LayerConfig, depth: int = 0) -> Graph:
    """Return the graph of a model.

    Raises
    ------
    SpecError
        A layer does not exist or has no name, the graph has a cycle, or models are nested too deeply.
    """
    if depth > MAX_DEPTH:
        raise SpecError(layer.name, f"is nested more than {MAX_DEPTH} models deep")
    if "output_layers" in layer.values:
        return _Functional(layer, depth).read()
    return _read_sequential(layer, depth)


def read_shape(value: object) -> StatedShape | None:
    """Return a shape as a file states it, None for the sides that it leaves open."""
    if isinstance(value, dict):  # of Keras 3's serialized tuples
        value = as_mapping(value.get("config")).get("value", value.get("items"))
    if not isinstance(value, list) or len(value) > MAX_DEPTH:
        return None
    if not all(side is None or (type(side) is int and 0 < side < 2**63) for side in value):
        return None
    return tuple(value)


def _read_nested(layer: LayerConfig, depth: int) -> Graph | None:
    return read_graph(layer, depth + 1) if is_graph(layer) and not layer.is_custom else None


def _read_sequential(layer: LayerConfig, depth: int) -> Graph:
    given = layer.entry.get("config")
    entries = given if isinstance(given, list) else layer.values.get("layers")
    if not isinstance(entries, list) or not entries:
        raise SpecError(layer.name, "has no list of layers")
    layers: dict[str, GraphLayer] = {}
    first = Reference(f"{layer.name}_input", 0, 0)
    last, stated, input_shape = first, {}, None
    for index, entry in enumerate(entries):
        found = read_layer(entry, layer.name, f"layer_{index}")
        if found.name in layers:
            raise SpecError(layer.name, f"has two layers named {found.name[:100]}")
        shape = _stated_input_shape(found)
        if not layers:
            first = last = Reference(found.name, 0, 0) if found.class_name == "InputLayer" else first
            input_shape = shape or read_shape(layer.values.get("build_input_shape"))
        elif shape is not None:
            stated[last] = shape
        calls = (Call(),) if found.class_name == "InputLayer" else (Call((last,)),)
        layers[found.name] = GraphLayer(found, calls, _read_nested(found, depth))
        last = Reference(found.name, 0, 0)
    order = tuple((name, 0) for name in layers)
    return Graph(layer.name, layers, order, (first,), (last,), stated, input_shape)


def _stated_input_shape(layer: LayerConfig) -> StatedShape | None:
    """Return the shape of a layer's input where the file states it."""
    for mapping, key in (
        (layer.values, "batch_shape"),
        (layer.values, "batch_input_shape"),
        (as_mapping(layer.entry.get("build_config")), "input_shape"),
    ):
        shape = read_shape(mapping.get(key))
        if shape is not None:
            return shape
    return None


class _Functional:
    """Reads the graph of a functional model."""

    def __init__(self, layer: LayerConfig, depth: int) -> None:
        self._layer = layer
        self._configs: dict[str, LayerConfig] = {}
        for entry in cast("list[object]", layer.values["layers"]):  # see is_graph
            found = read_layer(entry, layer.name)
            if found.name in self._configs:
                raise SpecError(layer.name, f"has two layers named {found.name[:100]}")
            self._configs[found.name] = found
        self._graphs = {name: _read_nested(found, depth) for name, found in self._configs.items()}
        self._stated: dict[Reference, StatedShape] = {}
        self._is_old = False

    def read(self) -> Graph:
        calls = {name: self._calls(found) for name, found in self._configs.items()}
        outputs = [self._reference(value) for value in self._listed("output_layers")]
        inputs = [self._reference(value) for value in self._listed("input_layers")]
        calls, outputs = self._counted_from_zero(calls, outputs)
        order = self._order(calls)
        return Graph(
            name=self._layer.name,
            layers={
                name: GraphLayer(found, calls[name], self._graphs[name])
                for name, found in self._configs.items()
            },
            order=order,
            inputs=tuple(inputs),
            outputs=tuple(self._existing(each, calls) for each in outputs),
            stated=self._stated,
        )

    def _listed(self, key: str) -> list[object]:
        """Return the entries of input_layers or output_layers: one, or in lists and dictionaries."""
        found: list[object] = []
        remaining = deque([self._layer.values.get(key)])
        while remaining:
            value = remaining.popleft()
            if isinstance(value, dict):
                remaining.extendleft(reversed(value.values()))
            elif isinstance(value, list) and not _is_reference(value):
                remaining.extendleft(reversed(value))
            elif value is not None:
                found.append(value)
        if not found:
            raise SpecError(self._layer.name, f"has no {key}")
        return found

    def _reference(self, value: object) -> Reference:
        if not isinstance(value, list) or not _is_reference(value):
            raise SpecError(self._layer.name, f"has {shown(value)} instead of the output of a layer")
        name, call, output = value[:3]
        if name not in self._configs:
            near = suggestion(name, list(self._configs))
            raise SpecError(
                self._layer.name, f"refers to the layer {name[:100]!r}, which does not exist: {near}"
            )
        return Reference(name, call, output)

    def _calls(self, layer: LayerConfig) -> tuple[Call, ...]:
        nodes = layer.entry.get("inbound_nodes")
        if layer.class_name == "InputLayer" or not isinstance(nodes, list):
            return (Call(),)
        calls = []
        for node in nodes:
            if isinstance(node, dict):
                arguments = self._resolved(node.get("args"), 0)
                keywords = self._resolved(node.get("kwargs"), 0)
                calls.append(
                    Call(
                        tuple(arguments) if isinstance(arguments, list) else (),
                        keywords if isinstance(keywords, dict) else {},
                    )
                )
            else:
                calls.append(self._old_call(node))
        return tuple(calls)

    def _resolved(self, value: object, depth: int) -> object:
        """Replace each array within an argument by a `Reference` (Keras 3)."""
        if depth > MAX_DEPTH:
            raise SpecError(self._layer.name, "has arguments that are nested too deeply")
        if isinstance(value, list):
            return [self._resolved(item, depth + 1) for item in value]
        if not isinstance(value, dict):
            return value
        if value.get("class_name") == "__keras_tensor__":
            config = as_mapping(value.get("config"))
            reference = self._reference(config.get("keras_history"))
            shape = read_shape(config.get("shape"))
            if shape is not None:
                self._stated[reference] = shape
            return reference
        return {key: self._resolved(item, depth + 1) for key, item in value.items()}

    def _old_call(self, node: object) -> Call:
        """Return a call in the format of Keras 2: lists of name, call, output, and keyword arguments."""
        self._is_old = True
        inputs = node if isinstance(node, list) else []
        if inputs and isinstance(inputs[0], str):  # a single one
            inputs = [inputs]
        arguments: list[object] = []
        keywords: Mapping[str, object] = {}
        for value in inputs:
            if not isinstance(value, list) or len(value) < 3:
                raise SpecError(self._layer.name, f"has {shown(value)} instead of the output of a layer")
            arguments.append(value[2] if value[0] == CONSTANT else self._reference(value))
            if len(value) > 3:
                keywords = {key: self._old_value(item) for key, item in as_mapping(value[3]).items()}
        together = len(arguments) > 1  # a layer of several inputs takes them as a list
        return Call(([*arguments],) if together else tuple(arguments), keywords)

    def _old_value(self, value: object) -> object:
        if isinstance(value, list) and value:
            if _is_reference(value) and value[0] in self._configs:
                return self._reference(value)
            if value[0] == CONSTANT and len(value) > 2:
                return value[2]
            if all(_is_reference(item) and item[0] in self._configs for item in value):
                return [self._reference(item) for item in value]
        return value

    def _counted_from_zero(
        self, calls: dict[str, tuple[Call, ...]], outputs: list[Reference]
    ) -> tuple[dict[str, tuple[Call, ...]], list[Reference]]:
        """Count the calls of models that are used as layers from 0.

        Keras 2 counts them from 1, because the model itself is call 0; Keras 3 does so only in the outputs,
        and only for functional models.
        """
        used = [each for of_layer in calls.values() for call in of_layer for each in call.references()]
        used = [*used, *outputs] if self._is_old else outputs
        from_one = {each.layer for each in used if each.call == len(calls[each.layer])}  # also custom models
        from_one |= {
            name
            for name, graph in self._graphs.items()
            if graph is not None and (self._is_old or self._configs[name].class_name != "Sequential")
        }
        from_one -= {each.layer for each in used if each.call == 0}

        def counted(reference: Reference) -> Reference:
            return reference._replace(call=reference.call - (reference.layer in from_one))

        if self._is_old and from_one:
            calls = {
                name: tuple(call.replaced(counted) for call in of_layer) for name, of_layer in calls.items()
            }
        return calls, [counted(each) for each in outputs]

    def _order(self, calls: Mapping[str, tuple[Call, ...]]) -> tuple[tuple[str, int], ...]:
        """Return all calls, each after those that it needs, otherwise as in the file."""
        places = [(name, number) for name, of_layer in calls.items() for number in range(len(of_layer))]
        position = {place: index for index, place in enumerate(places)}
        needed = [
            {
                position[reference.layer, self._existing(reference, calls).call]
                for reference in calls[name][number].references()
            }
            for name, number in places
        ]
        order = topological_order(needed)
        if len(order) < len(places):
            stuck, _ = places[min(set(range(len(places))) - set(order))]
            raise SpecError(self._layer.name, f"has a cycle: {stuck[:100]} needs its own output")
        return tuple(places[index] for index in order)

    def _existing(self, reference: Reference, calls: Mapping[str, tuple[Call, ...]]) -> Reference:
        if not 0 <= reference.call < len(calls[reference.layer]):
            raise SpecError(
                self._layer.name,
                f"refers to call {reference.call} of {reference.layer[:100]}, which is called "
                f"{len(calls[reference.layer])} times",
            )
        return reference


def _is_reference(value: object) -> bool:
    """Whether a JSON value is ``[layer, call, output]``, perhaps followed by keyword arguments."""
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and type(value[1]) is int
        and type(value[2]) is int
    )


def _replaced(value: object, change: Callable[[Reference], Reference]) -> object:
    if isinstance(value, Reference):
        return change(value)
    if isinstance(value, list):
        return [_replaced(item, change) for item in value]
    return value

"""Loads Keras models: ``.keras`` archives, and JSON of ``model.to_json()``."""

import os
from typing import NoReturn

from convcli.errors import SpecError
from convcli.networks.models.archives import open_archive, read_json_file
from convcli.networks.models.keras.configuration import LayerConfig, read_layer
from convcli.networks.models.keras.evaluation import evaluate_graph
from convcli.networks.models.keras.graphs import (
    Graph,
    Reference,
    StatedShape,
    declared_shape,
    is_graph,
    read_graph,
)
from convcli.networks.models.keras.layer_call import Recorder
from convcli.networks.models.operations import Model, ModelInput, Shape

__all__ = ["KerasModel", "load_keras"]

RANKS = {"1D": 3, "2D": 4, "3D": 5}
SPATIAL_RANK = 3  # from this number of axes on, an input has channels


def load_keras(path: str | os.PathLike[str]) -> "KerasModel":
    """Read a Keras model.

    Raises
    ------
    SpecError
        The file cannot be read, is damaged, or holds no graph.
    """
    name = os.fspath(path)
    if name.lower().endswith(".keras"):
        with open_archive(path) as archive:
            content = archive.read_json("config.json")
    else:
        content = read_json_file(path)
    if not isinstance(content, dict) or "class_name" not in content:
        raise SpecError(name, "is not the configuration of a Keras model, which has a class_name")
    try:
        layer = read_layer(content, name, "model")
        if not is_graph(layer):
            _fail_without_graph(name, layer)
        return KerasModel(name, read_graph(layer))
    except RecursionError:
        raise SpecError(name, "is nested too deeply") from None
    except SpecError as error:
        raise SpecError(error.what if error.what == name else f"{name}, {error.what}", error.why) from None


def _fail_without_graph(name: str, layer: LayerConfig) -> NoReturn:
    raise SpecError(
        name,
        f"holds a model of the class {layer.full_class_name[:100]}, whose graph is only in its Python code; "
        "export it with model.export(format='onnx') and give the .onnx file",
    )


class KerasModel:
    """A Keras model that was read.

    Attributes
    ----------
    graph : Graph
    """

    def __init__(self, name: str, graph: Graph) -> None:
        self._name = name
        self.graph = graph

    @property
    def inputs(self) -> tuple[ModelInput, ...]:
        """The inputs that the file declares."""
        inputs = []
        for reference in self.graph.inputs:
            shape = self._input_shape(reference)
            inputs.append(ModelInput(reference.layer, shape, self._channel_axis(reference, len(shape))))
        return tuple(inputs)

    def evaluate(self, shapes: dict[str, Shape]) -> Model:
        """Compute what the model does for inputs of these shapes, by name.

        Raises
        ------
        SizeError
            A layer is impossible on its input.
        SpecError
            A layer has an impossible configuration.
        """
        recorder = Recorder()
        inputs = [
            (reference.layer, recorder.array(shapes[reference.layer])) for reference in self.graph.inputs
        ]
        try:
            outputs = evaluate_graph(recorder, self.graph, [array for _, array in inputs])
        except RecursionError:
            raise SpecError(self._name, "is nested too deeply") from None
        except SpecError as error:
            raise SpecError(f"{self._name}, {error.what}", error.why) from None
        names = [reference.layer for reference in self.graph.outputs]
        return Model(
            inputs=tuple(inputs),
            outputs=tuple(zip(names, outputs, strict=False)),
            operations=tuple(recorder.operations),
            weights=tuple(recorder.weights.values()),
            channel_axes=tuple(each.channel_axis for each in self.inputs),
        )

    def _input_shape(self, reference: Reference) -> StatedShape:
        """Return the shape of an input: as stated, or with the number of axes that its first layer needs."""
        stated = declared_shape(self.graph, reference)
        if stated is None:
            first = next(iter(self.graph.layers.values())).config.class_name
            rank = next((count for mark, count in RANKS.items() if mark in first), 2)
            return (None,) * rank
        return tuple(side if index and side != 0 else None for index, side in enumerate(stated)) or (None,)

    def _channel_axis(self, reference: Reference, rank: int) -> int | None:
        """Return the axis of the channels: after the batch if any layer has them there, else the last."""
        layer = self.graph.layers.get(reference.layer)
        if layer is not None and "int" in str(layer.config.values.get("dtype")):
            return None
        if self._feeds(reference, "Embedding"):
            return None
        if rank >= SPATIAL_RANK and _has_channels_first(self.graph):
            return 1
        return rank - 1 if rank > 1 else None

    def _feeds(self, reference: Reference, class_name: str) -> bool:
        """Whether a layer of a class reads an array."""
        return any(
            layer.config.class_name == class_name
            and any(reference in call.references() for call in layer.calls)
            for layer in self.graph.layers.values()
        )


def _has_channels_first(graph: Graph) -> bool:
    return any(
        layer.config.values.get("data_format") == "channels_first"
        or (layer.graph is not None and _has_channels_first(layer.graph))
        for layer in graph.layers.values()
    )

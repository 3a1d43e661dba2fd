"""Keras models, against Keras's own shapes and numbers of parameters for every layer."""

import json
from collections import defaultdict
from math import prod
from pathlib import Path

import pytest

import convcli
from convcli.networks.models.keras.loading import KerasModel, load_keras
from convcli.networks.models.operations import Model, Shape

DATA = Path(__file__).parents[2] / "data" / "models"


def evaluate(loaded: KerasModel, sides: int = 64) -> Model:
    """Evaluate a model with batch 1 and the same length for every side that it leaves open."""
    shapes: dict[str, Shape] = {
        each.name: (1, *(side if isinstance(side, int) else sides for side in each.shape[1:]))
        for each in loaded.inputs
    }
    return loaded.evaluate(shapes)


def params_and_shapes(model: Model) -> tuple[dict[str, int], dict[str, Shape | None]]:
    """Return the numbers of values in the weights of each layer, and the shape of its last output."""
    weights: dict[str, set[tuple[str, Shape]]] = defaultdict(set)
    shapes: dict[str, Shape | None] = {}
    for operation in model.operations:
        weights[operation.name] |= {(weight.name, weight.shape) for weight in operation.weights}
        shapes[operation.name] = operation.output.shape
    return {name: sum(prod(shape) for _, shape in each) for name, each in weights.items()}, shapes


@pytest.mark.parametrize(
    ("name", "macs"), [("keras_small_same", 4_914_784), ("keras_mobilenet", 568_740_352)]
)
def test_every_layer_of_the_reference_has_its_size_and_parameters(name: str, macs: int) -> None:
    truth = json.loads((DATA / f"{name}.json").read_text())
    path = DATA / f"{name}.keras.config.json"
    params, shapes = params_and_shapes(evaluate(load_keras(path)))
    for layer in truth["layers"]:
        if layer["cls"] != "InputLayer":
            assert params[layer["name"]] == layer["params"], layer["name"]
            assert shapes[layer["name"]] == (1, *layer["out"]), layer["name"]
    network = convcli.network(path)
    assert (network.params, network.macs) == (truth["trainable"], macs)
    assert sum(stage.statistics for stage in network.layers) == truth["params"] - truth["trainable"]

"""Networks from model files of several exporters, against what PyTorch and Keras computed for them, layer by layer."""

import json
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import pytest

from convcli.networks.layer_types.elementwise import Pad
from convcli.networks.layer_types.file_operation import FileOperation
from convcli.networks.models.reading import open_model
from convcli.networks.network import Network
from convcli.networks.stages import Stage

MODELS = Path(__file__).parents[2] / "data" / "models"
EXPORTED = sorted(path.name for path in MODELS.iterdir() if path.suffix in (".onnx", ".pt2"))
KERAS = sorted(path.name for path in MODELS.glob("*.keras.config.json"))
# What PyTorch's trace has and a network does not: views, and allocations.
NO_LAYERS = {
    "as_strided_", "clone", "empty", "expand", "permute", "select", "split", "squeeze", "t", "transpose",
    "unsqueeze", "view",
}  # fmt: skip
# What a network has and a trace does not: a view, or several operations.
NO_OPERATIONS = {"crop", "flatten", "shuffle", "slice"}
FIELDS = {
    "convnext_tiny": 1688,
    "m5_audio": 6848,
    "resnet18": 435,
    "srresnet_x4": 80,
    "unet_odd_bilinear": 236,
}


@cache
def read(name: str) -> Network:
    return open_model(MODELS / name).network("224x224x3" if "dyn." in name else None)


@cache
def truth_of(name: str) -> dict[str, Any]:
    network = "resnet18" if name.startswith("r18t") else name.partition(".")[0]
    found: dict[str, Any] = json.loads((MODELS / f"{network}.json").read_text("utf-8"))
    return found


def traced_sizes(name: str) -> list[tuple[int, ...]]:
    """Return the sizes of the traced outputs, channels last."""
    output = truth_of(name)["output"]
    outputs = [*output.values()] if isinstance(output, dict) else output
    outputs = outputs if isinstance(outputs[0], list) else [outputs]
    return [(*sides, channels) for _, channels, *sides in outputs]


def does_something(stage: Stage) -> bool:
    return not (isinstance(stage.layer, Pad) and stage.input == stage.output)


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("name", EXPORTED)
def test_an_exported_network_has_the_traced_sizes_and_work(name: str) -> None:
    net, truth = read(name), truth_of(name)
    assert net.macs == truth["macs"]
    sizes = [port.size for port in net.outputs] or [net.output]
    expected = traced_sizes(name)
    assert sizes == (expected if name[:2] != "m5" else [(1, 35)])  # its classes are in the last axis
    assert not net.unknown
    work = [(stage.macs, prod(stage.output)) for stage in net.layers if stage.macs]
    assert work == [(each["macs"], prod(each["out"])) for each in truth["ops"] if each["macs"]]


@pytest.mark.parametrize("name", [name for name in EXPORTED if name.endswith(".pt2")])
def test_a_pt2_file_has_the_traced_operations_in_order(name: str) -> None:
    net, truth = read(name), truth_of(name)
    assert (net.params, net.statistics) == (truth["params"], truth["buffers"])
    found = [
        (prod(stage.output), stage.params, stage.macs)
        for stage in net.layers
        if str(stage.layer.type) not in NO_OPERATIONS and does_something(stage)
    ]
    expected = [
        (prod(each["out"]), each["params"], each["macs"])
        for each in truth["ops"]
        if each["op"] not in NO_LAYERS
        and not (each["op"] == "constant_pad_nd" and each["out"] == each["ins"][0])
    ]
    assert found == expected


@pytest.mark.parametrize("name", [name for name in EXPORTED if name.partition(".")[0] in FIELDS])
def test_receptive_fields_are_those_measured_by_gradients(name: str) -> None:
    field = read(name).receptive_field
    assert field is not None
    assert field[-1] == FIELDS[name.partition(".")[0]]


@pytest.mark.parametrize("name", [name for name in EXPORTED if name.partition(".")[0] not in ("vit_b_16",)])
def test_a_convolutional_network_has_layers_of_convcli_alone(name: str) -> None:
    assert not [stage for stage in read(name).layers if isinstance(stage.layer, FileOperation)]


@pytest.mark.parametrize("name", KERAS)
def test_a_keras_network_has_the_sizes_and_parameters_of_its_layers(name: str) -> None:
    net, truth = read(name), truth_of(name)
    by_layer: dict[str, list[Stage]] = {}
    for stage in net.layers:
        by_layer.setdefault(stage.name, []).append(stage)
    assert net.params is not None
    assert net.params + net.statistics == truth["params"]
    for layer in truth["layers"]:
        stages = by_layer.get(layer["name"])
        if stages is not None:
            assert list(stages[-1].output) == layer["out"], layer["name"]
            assert sum((stage.params or 0) + stage.statistics for stage in stages) == layer["params"]
    assert len(by_layer) > len(truth["layers"]) * 0.8

"""Exported models: sizes, multiply-accumulates and parameters are those that PyTorch traced."""

import json
from math import prod
from pathlib import Path
from typing import Any

import pytest

from convcli.networks.models.onnx.loading import load_onnx
from convcli.networks.models.operations import Model, Operation, OperationKind

MODELS = Path(__file__).parents[2] / "data" / "models"
FILES = sorted(path.name for path in MODELS.glob("*.onnx"))
# PyTorch's exporters fold normalization into convolutions. What they store in these files was made with all
# weights taken out, so that shifts, which are zero, are left out by the newer one.
STORED = {
    "resnet18.ts.onnx": 11_684_712,
    "r18t.onnx": 11_684_712,
    "r18t_ext.onnx": 11_684_712,
    "r18t_dyn.onnx": 11_684_712,
    "r18t_keep.onnx": 11_689_512,
    "r18t_train.onnx": 11_689_512,
    "convnext_tiny.ts.onnx": 28_589_128,
    "vit_b_16.ts.onnx": 86_567_656,
    "m5_audio.ts.onnx": 26_915 - 2 * (32 + 32 + 64 + 64),
}


def truth_of(name: str) -> dict[str, Any]:
    """Return what PyTorch traced for a file's network."""
    network = "resnet18" if name.startswith("r18t") else name.partition(".")[0]
    found: dict[str, Any] = json.loads((MODELS / f"{network}.json").read_text("utf-8"))
    return found


def evaluated(name: str) -> Model:
    """Return what a file does for the input of its trace."""
    loaded = load_onnx(str(MODELS / name))
    shapes = [tuple(shape) for shape in truth_of(name)["input"]]
    return loaded.evaluate(dict(zip((each.name for each in loaded.inputs), shapes, strict=True)))


def macs_of(operation: Operation) -> int:
    """Return the multiply-accumulates of an operation for the whole batch."""
    if operation.layer is None:
        return operation.macs
    axis, shape = operation.channel_axis, operation.inputs[0].shape
    assert shape is not None
    macs = operation.layer.macs((*shape[1:axis], *shape[axis + 1 :], shape[axis]))
    assert macs is not None
    return macs * shape[0]


def outputs_of(truth: Any) -> list[list[int]]:
    """Return the output sizes of a trace: one, several by name, or a list."""
    if isinstance(truth, dict):
        return list(truth.values())
    return truth if isinstance(truth[0], list) else [truth]


@pytest.mark.thorough(every=2)
@pytest.mark.parametrize("name", FILES)
def test_a_model_computes_what_pytorch_traced(name: str) -> None:
    model, truth = evaluated(name), truth_of(name)
    assert sum(map(macs_of, model.operations)) == truth["macs"]
    assert [list(array.shape or ()) for _, array in model.outputs] == outputs_of(truth["output"])
    assert not any(operation.kind == OperationKind.UNKNOWN for operation in model.operations)
    costly = [operation for operation in model.operations if macs_of(operation)]
    expected = [prod(each["out"]) for each in truth["ops"] if each["macs"] and "attention" not in each["op"]]
    found = [
        prod(each.output.shape or ())
        for each in costly
        if each.kind not in (OperationKind.MATMUL, OperationKind.ATTENTION)
    ]
    assert found == expected


@pytest.mark.parametrize("name", STORED)
def test_stored_parameters_are_counted(name: str) -> None:
    model = evaluated(name)
    assert sum(weight.elements for weight in model.weights if weight.learned) == STORED[name]
    assert model.stored


def test_running_statistics_are_not_learned() -> None:
    model, truth = evaluated("r18t_keep.onnx"), truth_of("resnet18")
    assert sum(weight.elements for weight in model.weights if not weight.learned) == truth["buffers"]


@pytest.mark.parametrize(
    "name", ["r18t_keep.onnx", "r18t_train.onnx", "r18t.onnx", "resnet18.dynamo.onnx", "r18t_dyn.onnx"]
)
def test_convolutions_have_the_names_of_their_modules(name: str) -> None:
    truth = truth_of("resnet18")
    expected = [each["names"][0].removesuffix(".weight") for each in truth["ops"] if each["op"] == "conv"]
    assert [each.name for each in evaluated(name).operations if each.source == "Conv"] == expected


def test_folded_convolutions_have_the_names_of_their_nodes() -> None:
    truth = truth_of("resnet18")
    expected = [each["names"][0].removesuffix(".weight") for each in truth["ops"] if each["op"] == "conv"]
    assert [
        each.name for each in evaluated("resnet18.ts.onnx").operations if each.source == "Conv"
    ] == expected


def test_dynamic_sizes_have_names() -> None:
    (found,) = load_onnx(str(MODELS / "r18t_dyn.onnx")).inputs
    assert (found.shape[1], found.channel_axis) == (3, 1)
    assert all(isinstance(found.shape[axis], str) for axis in (0, 2, 3))

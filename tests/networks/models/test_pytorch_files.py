"""Programs of PyTorch in .pt2 files, against what PyTorch computed for the same networks."""

import json
from math import prod
from pathlib import Path
from typing import Any

import pytest

from convcli.networks.models.operations import Model, Operation, OperationKind
from convcli.networks.models.pytorch.loading import load_pt2
from convcli.networks.models.pytorch.rules.windows import channels_last_size

MODELS = Path(__file__).parents[2] / "data" / "models"
NAMES = sorted(path.stem for path in MODELS.glob("*.pt2"))


def macs_of(operation: Operation) -> int:
    """Return the multiply-accumulates of an operation, for all pictures of its batch."""
    if operation.layer is None:
        return operation.macs
    shape = operation.inputs[0].shape or ()
    batch = prod(shape[: int(len(shape) > 1 and operation.channel_axis > 0)])
    return (operation.layer.macs(channels_last_size(shape, operation.channel_axis)) or 0) * batch


def counts(model: Model) -> tuple[int, int, int]:
    """Return parameters, buffers and multiply-accumulates."""
    learned = [weight.elements for weight in model.weights if weight.learned]
    kept = [weight.elements for weight in model.weights if not weight.learned and weight.shape]
    return sum(learned), sum(kept), sum(map(macs_of, model.operations))


@pytest.mark.parametrize("name", NAMES)
def test_counts_and_sizes_are_those_that_pytorch_traced(name: str) -> None:
    truth: dict[str, Any] = json.loads((MODELS / f"{name}.json").read_text("utf-8"))
    loaded = load_pt2(MODELS / f"{name}.pt2")
    model = loaded.evaluate({"x": tuple(truth["input"][0])})
    assert counts(model) == (truth["params"], truth["buffers"], truth["macs"])
    sizes = truth["output"]
    if isinstance(sizes, dict):
        sizes = list(sizes.values())
    expected = [tuple(size) for size in (sizes if isinstance(sizes[0], list) else [sizes])]
    assert [array.shape for _, array in model.outputs] == expected
    assert [each for each in model.operations if each.kind == OperationKind.UNKNOWN] == []
    # Everything with multiply-accumulates, in order.
    work = [(each.output.shape, macs_of(each)) for each in model.operations if macs_of(each)]
    traced = [(tuple(each["out"]), each["macs"]) for each in truth["ops"] if each["macs"]]
    assert [macs for _, macs in work] == [macs for _, macs in traced]
    assert [prod(shape or ()) for shape, _ in work] == [prod(shape) for shape, _ in traced]


def test_operations_have_the_names_of_their_modules_and_weights() -> None:
    model = load_pt2(MODELS / "resnet18.pt2").evaluate({"x": (1, 3, 224, 224)})
    first = model.operations[0]
    assert (first.source, first.name) == ("aten.conv2d", "conv1")
    assert [weight.name for weight in first.weights] == ["conv1.weight"]
    assert "layer4.1.bn2" in {each.name for each in model.operations}
    batch_norm = model.operations[1].weights
    assert [(weight.name, weight.learned) for weight in batch_norm] == [
        ("bn1.weight", True), ("bn1.bias", True), ("bn1.running_mean", False), ("bn1.running_var", False),
    ]  # fmt: skip

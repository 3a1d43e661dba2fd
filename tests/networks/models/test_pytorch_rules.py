"""The rules of ATen's functions, against the sizes and counts of PyTorch (tests.benchmarks.aten_recordings)."""

import json
from math import prod
from pathlib import Path
from typing import Any

import pytest

from convcli.networks.models.operations import ModelInput, Operation, OperationKind, Weight
from convcli.networks.models.pytorch.calls import Call, Program, Reference, Stated
from convcli.networks.models.pytorch.evaluation import evaluate_program
from convcli.networks.models.shapes import size_without_batch

RECORDINGS = json.loads(
    (Path(__file__).parents[2] / "data" / "models" / "pytorch" / "aten_calls.json").read_text("utf-8")
)
# PyTorch does not count products with vectors, sums of products, and attention with fewer heads of keys.
COUNTED_OTHERWISE = {
    "function 20": 64 + 8 + 64 + 8,
    "function 21": 512 + 64 + 512,
    "function 22": 375 + 375,
    "function 51": 3 * 3 * 8,
    "function 53": 3 * 5 * (8 * 4 + 4),
    "function 47": 3 * 8,
    "function 27": 4 * 6 * 6 * (8 + 8),
}


def decoded(recording: dict[str, Any]) -> Program:
    """Return a program from JSON, without what is stated about results: rules must not need it."""

    def argument(value: Any) -> Any:
        if isinstance(value, dict):
            return Reference(value["name"])
        return [argument(part) for part in value] if isinstance(value, list) else value

    stated = {name: Stated(tuple(shape), dtype) for name, (shape, dtype) in recording["stated"].items()}
    inputs = tuple(ModelInput(name, tuple(shape)) for name, *shape in recording["inputs"])
    return Program(
        inputs=inputs,
        constants={},
        weights={
            key: Weight(name, tuple(shape), stated[key].dtype, learned)
            for key, (name, shape, learned) in recording["weights"].items()
        },
        calls=tuple(
            Call(
                target,
                {name: argument(value) for name, value in arguments.items()},
                tuple(tuple(each) if isinstance(each, list) else each for each in outputs),
            )
            for target, arguments, outputs in recording["calls"]
        ),
        outputs=tuple((name, Reference(name)) for name in stated),  # every tensor
        stated={each.name: stated[each.name] for each in inputs},
    )


def macs_of(operation: Operation) -> int:
    """Return the multiply-accumulates of an operation, for all pictures of its batch."""
    if operation.layer is None:
        return operation.macs
    shape = operation.inputs[0].shape or ()
    batch = prod(shape[: int(len(shape) > 1 and operation.channel_axis > 0)])
    return (operation.layer.macs(size_without_batch(shape, operation.channel_axis)) or 0) * batch


@pytest.mark.parametrize("name", RECORDINGS)
def test_sizes_and_counts_are_those_of_pytorch(name: str) -> None:
    recording = RECORDINGS[name]
    program = decoded(recording)
    model = evaluate_program(program, {each.name: each.shape for each in program.inputs})  # type: ignore[misc]
    assert [each.source for each in model.operations if each.kind == OperationKind.UNKNOWN] == []
    sizes = {label: array.shape for label, array in model.outputs}
    read = {reference.name for call in program.calls for reference in call.arguments.values()
            if isinstance(reference, Reference)} | set(recording["outputs"])  # fmt: skip
    expected = {label: tuple(recording["stated"][label][0]) for label in sizes if label in read}
    assert {label: sizes[label] for label in expected} == expected
    assert set(recording["outputs"]) <= set(sizes) | constants_of(program)
    counted = sum(map(macs_of, model.operations))
    assert counted == COUNTED_OTHERWISE.get(name.removesuffix(" in core ATen"), recording["macs"])
    learned = {weight for weight in program.weights.values() if weight.learned}
    assert {weight for weight in model.weights if weight.learned} == learned


def constants_of(program: Program) -> set[str]:
    """Return the names of results that do not depend on inputs."""
    found = set(program.weights)
    for call in program.calls:
        names = [each.name for each in call.arguments.values() if isinstance(each, Reference)]
        if set(names) <= found:
            found |= {name for name in call.outputs if isinstance(name, str)}
    return found

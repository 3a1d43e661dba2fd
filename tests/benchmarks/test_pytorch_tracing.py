"""Tracing and exporting with PyTorch itself: what it counts and its sizes, where it is installed."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

import convcli
from convcli.errors import ConvcliError
from convcli.networks.models.operations import OperationKind
from convcli.networks.models.pytorch.evaluation import evaluate_program
from convcli.networks.models.pytorch.loading import load_pt2
from convcli.networks.models.pytorch.tracing import record
from tests.benchmarks.aten_recordings import PATH, cases, encoded, macs

torch: Any = pytest.importorskip("torch")
nn: Any = torch.nn


class Small(nn.Module):  # type: ignore[misc] # PyTorch is not installed where types are checked
    """A network with a shared layer, a constant, and a part that needs no gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.SiLU())
        self.again = nn.Conv2d(8, 8, 1)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.table = torch.arange(8.0)
        self.register_buffer("shift", torch.zeros(8))

    def forward(self, x: Any) -> Any:
        y = self.again(self.again(self.body(x)))
        sequence = y.flatten(2).transpose(1, 2) + self.shift + self.table.to(y)
        return {"sequence": self.attention(sequence, sequence, sequence)[0], "map": y}


def test_a_trace_is_what_pytorch_counts_and_leaves_the_module_alone() -> None:
    module = Small().train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    network = convcli.trace(module, (1, 3, 12, 10))
    assert network.params == sum(parameter.numel() for parameter in module.parameters())
    assert network.macs == macs(torch, module, [(1, 3, 12, 10)])
    assert [(port.name, port.size) for port in network.outputs] == [
        ("sequence", (120, 8)), ("map", (12, 10, 8)),
    ]  # fmt: skip
    assert {stage.name for stage in network.layers if stage.macs} == {"body.0", "again", "attention"}
    module = Small().train()
    convcli.trace(module, torch.zeros(1, 3, 12, 10))
    assert module.training
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    assert {value.device.type for value in module.state_dict().values()} == {"cpu"}
    assert before.keys() == module.state_dict().keys()


def test_a_forward_that_reads_values_cannot_be_traced() -> None:
    module = nn.Module()
    module.forward = lambda x: x * 2 if x.sum() > 0 else x
    with pytest.raises(ConvcliError, match="its forward fails on tensors without values"):
        convcli.trace(module, (1, 3))


@pytest.mark.parametrize("is_core", [False, True])
def test_an_export_is_what_pytorch_counts(tmp_path: Path, *, is_core: bool) -> None:
    module = Small().eval()
    exported = torch.export.export(module, (torch.zeros(1, 3, 12, 10),))
    path = tmp_path / "small.pt2"
    torch.export.save(exported.run_decompositions() if is_core else exported, os.fspath(path))
    model = load_pt2(path).evaluate({"x": (1, 3, 12, 10)})
    assert [each.source for each in model.operations if each.kind == OperationKind.UNKNOWN] == []
    learned = sum(weight.elements for weight in model.weights if weight.learned)
    assert learned == sum(parameter.numel() for parameter in module.parameters())
    network = convcli.network(os.fspath(path))
    assert network.macs == macs(torch, module, [(1, 3, 12, 10)])


def test_the_recordings_hold_for_this_version() -> None:
    kept = json.loads(PATH.read_text("utf-8"))
    for name, module, inputs in cases(torch):
        program = record(module.eval(), *inputs)
        model = evaluate_program(program, {each.name: each.shape for each in program.inputs})  # type: ignore[misc]
        assert [each.source for each in model.operations if each.kind == OperationKind.UNKNOWN] == []
        if torch.__version__.startswith("2.14"):  # others may call other functions
            assert json.loads(json.dumps(encoded(program))) == {
                key: value for key, value in kept[name].items() if key != "macs"
            }

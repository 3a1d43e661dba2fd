"""Tracing modules, with a stand-in for PyTorch that has its interface; tests/benchmarks asks PyTorch itself."""

import sys
from dataclasses import dataclass
from typing import Any, NoReturn

import pytest

import convcli
from convcli.errors import ConvcliError, UsageError
from convcli.networks.models.pytorch.calls import Reference
from convcli.networks.models.pytorch.tracing import record
from tests.networks.models.fake_torch import (
    FakeDtype,
    FakeModule,
    FakeParameter,
    FakeTensor,
    UninitializedTensorMixin,
    conv2d,
    fake_torch,
    lstm,
    relu,
    split,
    to,
    view,
    wait,
)


@pytest.fixture(autouse=True)
def torch(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in fake_torch().items():
        monkeypatch.setitem(sys.modules, name, module)


class Convolution(FakeModule):
    def __init__(self, channels: int, filters: int) -> None:
        self.weight = FakeParameter(FakeTensor(filters, channels, 3, 3))
        self.bias = FakeParameter(FakeTensor(filters))

    def forward(self, x: FakeTensor) -> Any:
        return relu(conv2d(x, self.weight, self.bias, [1, 1]))


class Twice(FakeModule):
    """Two convolutions with the same weights, two halves of the result, and a view of one."""

    def __init__(self) -> None:
        self.first = Convolution(4, 4)
        self.second = Convolution(4, 4)
        self.second.weight = self.first.weight
        self.unused = FakeParameter(FakeTensor(7))
        self.buffer = FakeTensor(5)
        self.kernel = FakeTensor(2, 4, 1, 1)  # neither a parameter nor a buffer

    def forward(self, picture: FakeTensor, *others: FakeTensor) -> Any:
        del others
        y = self.second(self.first(picture))
        halves = split(y, 2, dim=1)
        # As with a view in PyTorch: another object for the memory that was shown.
        same = FakeTensor(*halves[0].shape, memory=halves[0].memory)
        return {"flat": view(same, [1, 32]), "more": (conv2d(y, self.kernel), [halves[1]]), "count": 3}


def test_a_module_is_a_network_with_its_own_names_and_stays_as_it_was() -> None:
    module = Twice()
    attributes = {**vars(module)}
    network = convcli.trace(module, (1, 4, 8, 8))
    assert (vars(module), module.training, module.first.training) == (attributes, True, True)
    assert [(stage.name, stage.text) for stage in network.layers if stage.macs] == [
        ("first", "conv 4 f3"), ("second", "conv 4 f3"), ("", "conv 2 f1 nobias"),
    ]  # fmt: skip
    assert network.params == 4 * 36 + 4 + 4 + 7  # the shared kernel once, and the unused parameter
    assert network.macs == 36 * 4 * 36 + 16 * 4 * 36 + 16 * 2 * 4
    assert [(port.name, port.size) for port in network.outputs] == [
        ("flat", (32,)), ("more.0", (4, 4, 2)), ("more.1.0", (4, 4, 2)),
    ]  # fmt: skip


def test_what_is_recorded() -> None:
    program = record(Twice(), FakeTensor(1, 4, 8, 8), (2, 3))
    assert [each.name for each in program.inputs] == ["picture", "input2"]
    assert [each.channel_axis for each in program.inputs] == [1, None]
    assert [(call.target, call.module) for call in program.calls[:3]] == [
        ("aten.conv2d.default", "first"), ("aten.relu_.default", "first"), ("aten.conv2d.default", "second"),
    ]  # fmt: skip
    first, halves = program.calls[0], program.calls[4]
    assert first.arguments["input"] == Reference("picture")
    assert first.arguments["stride"] == [1, 1]
    assert len(halves.outputs[0] or ()) == 2
    names = {weight.name: weight.learned for weight in program.weights.values()}
    assert names == {
        "first.weight": True, "first.bias": True, "second.bias": True, "unused": True, "buffer": False,
        "constant0": False,
    }  # fmt: skip


class Results(FakeModule):
    """Results of every form: tuples with gaps, none, tensors that no one can reach."""

    def forward(self, x: FakeTensor) -> Any:
        y, nothing, state = lstm(to(x, dtype=FakeDtype("bfloat16"), device=object()))
        assert (nothing, wait(y)) == (None, None)
        deep: Any = y
        for _ in range(30):
            deep = [deep]
        return Named(y, {"state": state}), deep


@dataclass
class Named:
    """What a model of a library returns."""

    last: FakeTensor
    more: dict[str, FakeTensor]


def test_results_of_every_form_are_recorded() -> None:
    program = record(Results(), FakeTensor(2, 5, 8))
    copied, recurrent, checked = program.calls
    assert copied.arguments == {"self": Reference("x"), "dtype": "bfloat16", "device": None}
    first, gap, last = recurrent.outputs
    assert (gap, checked.outputs) == (None, ())
    assert program.outputs == (("0.last", Reference(str(first))), ("0.more.state", Reference(str(last))))


class Both(FakeModule):
    def forward(self, left: FakeTensor, right: FakeTensor) -> Any:
        return relu(left), right


class Failing(FakeModule):
    def forward(self, x: FakeTensor) -> NoReturn:
        del x
        raise ValueError


class Tokens(FakeModule):
    def forward(self, x: FakeTensor) -> NoReturn:
        raise RuntimeError(f"expected Long, but got {x.dtype}")


class Fixed(FakeModule):
    def __deepcopy__(self, memo: object) -> NoReturn:
        raise TypeError("cannot pickle a lock")


class Lazy(FakeModule):
    def __init__(self) -> None:
        self.weight = UninitializedTensorMixin()


@pytest.mark.parametrize(
    ("module", "inputs", "error", "message"),
    [
        ("resnet18", [(1, 3)], UsageError, "str: is not a torch.nn.Module; give the module and shapes"),
        (Twice(), [], UsageError,
         "trace: needs the shapes of the inputs, as in convcli.trace(module, (1, 3, 224, 224))"),
        (Twice(), ["224x224x3"], UsageError,
         "input 1: 224x224x3 is neither a shape, such as (1, 3, 224, 224), nor a tensor"),
        (Twice(), [(1, 0)], UsageError, "input 1: (1, 0) is neither a shape, such as (1, 3, 224, 224), nor a tensor"),
        (Twice(), [(1, 3, 8, 8)], ConvcliError,
         "trace of Twice: its forward fails on tensors without values in first: expected 4 channels, got 3"),
        (Both(), [(1, 3)], ConvcliError,
         "trace of Both: Both.forward() missing 1 required positional argument: 'right': give a shape for each of its inputs"),
        (Failing(), [(1, 3)], ConvcliError, "trace of Failing: its forward fails on tensors without values: ValueError"),
        (Tokens(), [(1, 3)], ConvcliError,
         "trace of Tokens: its forward fails on tensors without values: expected Long, but got torch.float32; give "
         "token numbers as a tensor: torch.zeros(1, 16, dtype=torch.long)"),
        (Fixed(), [(1, 3)], ConvcliError, "trace of Fixed: it cannot be copied: cannot pickle a lock"),
        (Lazy(), [(1, 3)], UsageError,
         "trace of Lazy: it has lazy layers, which get their sizes from their first input; run it once before"),
    ],
)  # fmt: skip
def test_what_cannot_be_traced_is_refused(
    module: Any, inputs: list[Any], error: type[ConvcliError], message: str
) -> None:
    with pytest.raises(error) as caught:
        convcli.trace(module, *inputs)
    assert str(caught.value) == message


def test_without_pytorch_nothing_is_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch")
    with pytest.raises(UsageError) as caught:
        convcli.trace(Twice(), (1, 4, 8, 8))
    assert str(caught.value) == "Twice: is not a torch.nn.Module; give the module and shapes"

"""Tracing modules of PyTorch, as far as it can be tested without PyTorch; tests/benchmarks has the rest."""

import sys
from types import ModuleType
from typing import Any

import pytest

import convcli
from convcli.errors import UsageError


@pytest.mark.parametrize("has_torch", [False, True])
def test_only_modules_of_pytorch_can_be_traced(monkeypatch: pytest.MonkeyPatch, *, has_torch: bool) -> None:
    torch: Any = ModuleType("torch")
    torch.nn = ModuleType("torch.nn")
    torch.nn.Module = type("Module", (), {})
    monkeypatch.setitem(sys.modules, "torch", torch)
    if not has_torch:
        monkeypatch.delitem(sys.modules, "torch")
    with pytest.raises(UsageError) as caught:
        convcli.trace("resnet18", (1, 3, 224, 224))
    assert str(caught.value) == "str: is no torch.nn.Module; give the module and shapes"
    if has_torch:
        with pytest.raises(UsageError) as caught:
            convcli.trace(torch.nn.Module())
        assert "needs the shapes of the inputs" in str(caught.value)

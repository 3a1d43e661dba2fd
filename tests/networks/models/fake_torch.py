"""As much of PyTorch as tracing uses: tensors without values, modules with hooks, a mode that sees calls.

It tells how convcli uses PyTorch, not what PyTorch does; tests.benchmarks.test_pytorch_tracing asks PyTorch itself.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType, SimpleNamespace
from typing import Any

__all__ = [
    "FakeDtype", "FakeModule", "FakeParameter", "FakeTensor", "conv2d", "fake_torch", "lstm", "relu", "split", "to",
    "view", "wait",
]  # fmt: skip


class FakeDtype:
    """A type of numbers, by its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __str__(self) -> str:
        return f"torch.{self.name}"


class FakeTensor:
    """A shape, a type, and a memory that views share."""

    def __init__(self, *shape: int, dtype: str = "torch.float32", memory: object = None) -> None:
        self.shape = shape
        self.dtype = dtype
        self.memory = object() if memory is None else memory

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def is_floating_point(self) -> bool:
        return "float" in self.dtype

    def detach(self) -> "FakeTensor":
        return FakeTensor(*self.shape, dtype=self.dtype, memory=self.memory)

    def to(self, device: str) -> "FakeTensor":
        assert device == "meta"
        return FakeTensor(*self.shape, dtype=self.dtype)

    def untyped_storage(self) -> Any:
        return SimpleNamespace(_cdata=id(self.memory))

    def storage_offset(self) -> int:
        return 0

    def stride(self) -> tuple[int, ...]:
        return ()


class FakeParameter(FakeTensor):
    """A parameter, made of a tensor."""

    def __init__(self, tensor: FakeTensor, *, requires_grad: bool = True) -> None:
        super().__init__(*tensor.shape, dtype=tensor.dtype, memory=tensor.memory)
        self.requires_grad = requires_grad


class UninitializedTensorMixin:
    """What marks parameters of lazy layers."""


class FakeModule:
    """A module: its attributes are parameters, buffers (whose names say so), and modules."""

    training = True

    def parts(self, prefix: str = "") -> Iterator[tuple[str, "FakeModule"]]:
        yield prefix, self
        for name, value in list(vars(self).items()):
            if isinstance(value, FakeModule):
                yield from value.parts(f"{prefix}.{name}".strip("."))

    named_modules = parts

    def modules(self) -> list["FakeModule"]:
        return [part for _, part in self.parts()]

    def named(self, kind: Callable[[str, object], bool]) -> list[tuple[str, FakeTensor]]:
        found: dict[int, tuple[str, FakeTensor]] = {}
        for path, part in self.parts():
            for name, value in vars(part).items():
                if kind(name, value):
                    found.setdefault(id(value), (f"{path}.{name}".strip("."), value))
        return list(found.values())

    def named_parameters(self) -> list[tuple[str, FakeTensor]]:
        return self.named(lambda _, value: isinstance(value, FakeParameter | UninitializedTensorMixin))

    def named_buffers(self) -> list[tuple[str, FakeTensor]]:
        return self.named(lambda name, value: name.startswith("buffer") and isinstance(value, FakeTensor))

    def parameters(self) -> list[FakeTensor]:
        return [value for _, value in self.named_parameters()]

    def buffers(self) -> list[FakeTensor]:
        return [value for _, value in self.named_buffers()]

    def eval(self) -> "FakeModule":
        for part in self.modules():
            part.training = False
        return self

    def register_forward_pre_hook(self, hook: Any) -> Any:
        self.before = hook
        return SimpleNamespace(remove=lambda: vars(self).pop("before"))

    def register_forward_hook(self, hook: Any) -> Any:
        self.after = hook
        return SimpleNamespace(remove=lambda: vars(self).pop("after"))

    def __call__(self, *inputs: Any) -> Any:
        assert not self.training
        self.before(self, inputs)
        result = self.forward(*inputs)  # type: ignore[attr-defined]
        self.after(self, inputs, result)
        return result


MODES: list[Any] = []


class TorchDispatchMode:
    """A mode, which is asked instead of a function while it is entered."""

    def __enter__(self) -> "TorchDispatchMode":
        MODES.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        MODES.pop()


class Function:
    """A function of ATen: its name, the names of its arguments, and what it does to shapes."""

    def __init__(self, name: str, arguments: str, compute: Callable[..., Any]) -> None:
        self.name = name
        self._schema = SimpleNamespace(arguments=[SimpleNamespace(name=each) for each in arguments.split()])
        self.compute = compute

    def __str__(self) -> str:
        return self.name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not MODES:
            return self.compute(*args, **kwargs)
        mode = MODES.pop()
        try:
            return mode.__torch_dispatch__(self, (), args, kwargs)
        finally:
            MODES.append(mode)


def _convolved(x: FakeTensor, kernel: FakeTensor, *_: Any, **__: Any) -> FakeTensor:
    if x.shape[1] != kernel.shape[1]:
        raise RuntimeError(f"expected {kernel.shape[1]} channels, got {x.shape[1]}\nand more")
    sides = (n - f + 1 for n, f in zip(x.shape[2:], kernel.shape[2:], strict=True))
    return FakeTensor(x.shape[0], kernel.shape[0], *sides)


to = Function("aten._to_copy.default", "self dtype device", lambda x, **_: FakeTensor(*x.shape))
lstm = Function(
    "aten.lstm.input", "input", lambda x: (FakeTensor(*x.shape), None, FakeTensor(1, x.shape[0], x.shape[2]))
)
wait = Function("aten._assert_async.default", "self", lambda _: None)
conv2d = Function("aten.conv2d.default", "input weight bias stride padding dilation groups", _convolved)
relu = Function("aten.relu_.default", "self", lambda x: x)
view = Function("aten.view.default", "self size", lambda x, size: FakeTensor(*size, memory=x.memory))
split = Function(
    "aten.split.Tensor", "self split_size dim",
    lambda x, size, dim: [FakeTensor(x.shape[0], size, *x.shape[2:]) for _ in range(x.shape[dim] // size)],
)  # fmt: skip


def fake_torch() -> dict[str, Any]:
    """Return the modules of PyTorch by name."""
    torch: Any = ModuleType("torch")
    torch.Tensor, torch.dtype, torch.float32 = FakeTensor, FakeDtype, "torch.float32"
    torch.empty = lambda shape, dtype, device: FakeTensor(*shape, dtype=dtype).to(device)
    torch.nn = SimpleNamespace(Module=FakeModule, Parameter=FakeParameter)
    torch.nn.parameter = SimpleNamespace(UninitializedTensorMixin=UninitializedTensorMixin)
    torch.inference_mode = nullcontext
    torch.device = _device
    dispatch: Any = ModuleType("torch.utils._python_dispatch")
    dispatch.TorchDispatchMode = TorchDispatchMode
    return {"torch": torch, "torch.utils": ModuleType("torch.utils"), dispatch.__name__: dispatch}


def _device(name: str) -> AbstractContextManager[None]:
    assert name == "meta"
    return nullcontext()

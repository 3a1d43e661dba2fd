"""Records the calls of ATen while a module runs, with the paths of the modules that make them."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from convcli.networks.models.operations import Weight
from convcli.networks.models.pytorch.calls import Call, Reference, Stated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcli.networks.models.pytorch.calls import Argument, OutputName

__all__ = ["Recording", "recorded_type"]


def recorded_type(dtype: Any) -> str:
    """Return numpy's name of a type of PyTorch."""
    return str(dtype).removeprefix("torch.")


class Recording:
    """The calls that a module makes while it runs.

    Attributes
    ----------
    calls : list of Call
    constants : dict
        Tensors that are neither inputs nor parameters nor results of calls, by name.
    stated : dict
        The shape and type of every tensor, by name.
    """

    def __init__(self, torch: Any) -> None:
        self.torch = torch
        self.calls: list[Call] = []
        self.constants: dict[str, Weight] = {}
        self.stated: dict[str, Stated | int] = {}
        self.path = [""]
        self._names: dict[int, str] = {}
        self._names_by_memory: dict[tuple[Any, ...], str] = {}
        self._kept: list[Any] = []  # so that no other tensor gets the identity of one that is freed

    # Tensors ----------------------------------------------------------------------------------------------

    def name_tensor(self, tensor: Any, name: str) -> None:
        """Give a tensor a name."""
        self._kept.append(tensor)
        self._names[id(tensor)] = name
        self._names_by_memory[_memory(tensor)] = name
        self.stated[name] = Stated(tuple(tensor.shape), recorded_type(tensor.dtype))

    def name_of(self, tensor: Any) -> str:
        """Return the name of a tensor; one that was not seen before is a constant."""
        # PyTorch makes a new object for a view of a tensor that it has shown us.
        name = self._names.get(id(tensor)) or self._names_by_memory.get(_memory(tensor))
        if name is None:
            name = f"constant{len(self.constants)}"
            self.name_tensor(tensor, name)
            self.constants[name] = Weight(
                name, tuple(tensor.shape), recorded_type(tensor.dtype), learned=False
            )
        return name

    def _argument(self, value: Any) -> Argument:
        if isinstance(value, self.torch.Tensor):
            return Reference(self.name_of(value))
        if isinstance(value, list | tuple):
            return [self._argument(part) for part in value]
        if value is None or isinstance(value, bool | int | float | str):
            return value
        return recorded_type(value) if isinstance(value, self.torch.dtype) else None

    def _results(self, result: Any) -> tuple[OutputName, ...]:
        if isinstance(result, self.torch.Tensor):
            return (self._new_name(result),)
        if isinstance(result, list):
            return (tuple(self._new_name(part) for part in result),)
        return tuple(self._new_name(part) for part in result) if isinstance(result, tuple) else ()

    def _new_name(self, tensor: Any) -> str | None:
        if not isinstance(tensor, self.torch.Tensor):
            return None
        name = f"t{len(self.stated)}"
        self.name_tensor(tensor, name)
        return name

    # Calls ------------------------------------------------------------------------------------------------

    def call(self, function: Any, args: Any, kwargs: Any) -> Any:
        """Run a function of ATen and record the call."""
        names = [argument.name for argument in function._schema.arguments]
        given = [*zip(names, args, strict=False), *kwargs.items()]
        arguments = {name: self._argument(value) for name, value in given}
        result = function(*args, **kwargs)
        self.calls.append(Call(str(function), arguments, self._results(result), self.path[-1]))
        return result

    @contextmanager
    def of_modules(self, module: Any) -> Iterator[None]:
        """Record while in the context; `module` and its parts say by hooks when they run."""
        with ExitStack() as stack:
            for path, part in module.named_modules():
                stack.callback(part.register_forward_pre_hook(self._enter(path)).remove)
                stack.callback(part.register_forward_hook(self._leave).remove)
            # Without gradients PyTorch shows calls before it divides them: a dense layer is one, not two.
            stack.enter_context(self.torch.inference_mode())
            # Tensors that are made on the way have no values either. As this is a mode, PyTorch also leaves
            # out its fast paths, which are one call for a whole layer of a transformer.
            stack.enter_context(self.torch.device("meta"))
            stack.enter_context(_dispatch_mode(self))
            yield

    def _enter(self, path: str) -> Any:
        def enter(*_: Any) -> None:
            self.path.append(path)

        return enter

    def _leave(self, *_: Any) -> None:
        self.path.pop()


def _memory(tensor: Any) -> tuple[Any, ...]:
    """Return what tells tensors apart that are not the same memory seen in the same way."""
    try:
        storage = tensor.untyped_storage()._cdata
    except (AttributeError, NotImplementedError, RuntimeError):  # not all kinds of tensors have one
        return (id(tensor),)
    return (storage, tensor.storage_offset(), tuple(tensor.shape), tuple(tensor.stride()), tensor.dtype)


def _dispatch_mode(recording: Recording) -> Any:
    """Return the mode in which PyTorch shows every call of ATen."""
    base = import_module("torch.utils._python_dispatch").TorchDispatchMode

    class DispatchMode(base):  # type: ignore[misc, valid-type]
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            del types
            return recording.call(function, args, kwargs or {})

    return DispatchMode()

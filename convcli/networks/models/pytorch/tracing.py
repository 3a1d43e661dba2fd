"""Traces a torch.nn.Module: what its forward does to tensors without values, as a network.

PyTorch is not imported: whoever has a module has imported it. It shows every call of ATen to a mode.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from convcli.errors import ConvcliError, UsageError
from convcli.networks.models.operations import ModelInput, Weight
from convcli.networks.models.pytorch.calls import Program, Reference
from convcli.networks.models.pytorch.evaluation import evaluate_program
from convcli.networks.models.pytorch.recording import Recording, recorded_type

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcli.networks.network import Network

__all__ = ["record", "trace"]

META = "meta"  # PyTorch's device of tensors that have a shape and no values


def trace(module: object, *inputs: object) -> Network:
    """Return the network of a torch.nn.Module: what its forward does to inputs of these shapes.

    The module runs, as for inference, on tensors without values, which takes no memory and little time. It
    is not changed.

    Parameters
    ----------
    module : torch.nn.Module
    *inputs : tuple of int, or torch.Tensor
        The arguments of its forward: the shape of each, as PyTorch has it (the batch first), or a tensor,
        of which only shape and type count.

    Returns
    -------
    Network

    Raises
    ------
    UsageError
        The module is none of PyTorch, or an input is neither a shape nor a tensor.
    ConvcliError
        Its forward fails: the inputs do not fit, or it reads the values of a tensor.

    Examples
    --------
    >>> import torchvision  # doctest: +SKIP
    >>> trace(torchvision.models.resnet18(), (1, 3, 224, 224)).macs  # doctest: +SKIP
    1814073344
    """
    # Late: a program alone, without the network that it makes, needs neither.
    from convcli.networks.models.fusing.fusing import fuse
    from convcli.networks.models.lowering.lowering import lower

    program = record(module, *inputs)
    shapes = {
        each.name: tuple(side for side in each.shape if isinstance(side, int)) for each in program.inputs
    }
    return lower(fuse(evaluate_program(program, shapes)))


def record(module: Any, *inputs: Any) -> Program:
    """Run a module on tensors without values, and return the calls of ATen that it makes."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(module, torch.nn.Module):
        raise UsageError(f"{type(module).__name__}", "is not a torch.nn.Module; give the module and shapes")
    if not inputs:
        raise UsageError(
            "trace", "needs the shapes of the inputs, as in convcli.trace(module, (1, 3, 224, 224))"
        )
    name = type(module).__name__
    copied = _without_values(torch, module)
    recording = Recording(torch)
    weights = {}
    for kind, named in (("p", copied.named_parameters()), ("b", copied.named_buffers())):
        for own, tensor in named:
            key = f"{kind}:{own}"
            recording.name_tensor(tensor, key)
            weights[key] = Weight(own, tuple(tensor.shape), recorded_type(tensor.dtype), learned=kind == "p")
    tensors = [_input(torch, copied, each, number) for number, each in enumerate(inputs, start=1)]
    names = _argument_names(module, len(tensors))
    for argument, tensor in zip(names, tensors, strict=True):
        recording.name_tensor(tensor, argument)
    try:
        with recording.of_modules(copied):
            results = copied(*tensors)
    except Exception as error:  # whatever the user's code raises
        raise _failure(name, recording.path[-1], error) from error
    outputs = [
        (label, Reference(recording.name_of(tensor)))
        for label, tensor in _tensors_in(torch, results, "output", 0)
    ]
    model_inputs = [
        ModelInput(
            argument, tuple(tensor.shape), 1 if tensor.ndim > 2 and tensor.is_floating_point() else None
        )
        for argument, tensor in zip(names, tensors, strict=True)
    ]
    return Program(
        tuple(model_inputs),
        {},
        {**weights, **recording.constants},
        tuple(recording.calls),
        tuple(outputs),
        recording.stated,
    )


def _failure(name: str, path: str, error: Exception) -> ConvcliError:
    """Return the error for a forward that fails, with the module where it does."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    where = f" in {path}" if path else ""
    if isinstance(error, TypeError) and "required positional argument" in lines[0] and not path:
        return ConvcliError(f"trace of {name}", f"{lines[0][:200]}: give a shape for each of its inputs")
    hint = "; give token numbers as a tensor: torch.zeros(1, 16, dtype=torch.long)"
    return ConvcliError(
        f"trace of {name}",
        f"its forward fails on tensors without values{where}: {lines[0][:200]}" + hint * ("Long" in lines[0]),
    )


def _without_values(torch: Any, module: Any) -> Any:
    """Return a copy of a module, for inference, whose tensors have shapes and no values."""
    from copy import deepcopy

    known: dict[int, Any] = {}  # what deepcopy takes as the copies of these objects
    for tensor in [*module.parameters(), *module.buffers()]:
        if isinstance(tensor, torch.nn.parameter.UninitializedTensorMixin):
            raise UsageError(
                f"trace of {type(module).__name__}",
                "it has lazy layers, which get their sizes from their first input; run it once before",
            )
        empty = tensor.detach().to(META)
        is_parameter = isinstance(tensor, torch.nn.Parameter)
        known[id(tensor)] = torch.nn.Parameter(empty, requires_grad=False) if is_parameter else empty
    for part in module.modules():
        for value in vars(part).values():
            if isinstance(value, torch.Tensor) and id(value) not in known:
                known[id(value)] = value.detach().to(META)
    try:
        copied = deepcopy(module, known)
    except Exception as error:
        raise ConvcliError(
            f"trace of {type(module).__name__}", f"it cannot be copied: {str(error)[:200]}"
        ) from error
    return copied.eval()


def _input(torch: Any, module: Any, given: Any, number: int) -> Any:
    """Return an input without values."""
    if isinstance(given, torch.Tensor):
        return given.detach().to(META)
    is_shape = isinstance(given, tuple | list) and all(
        isinstance(side, int) and not isinstance(side, bool) and 0 < side < 1 << 40 for side in given
    )
    if not is_shape:
        raise UsageError(
            f"input {number}",
            f"{str(given)[:100]} is neither a shape, such as (1, 3, 224, 224), nor a tensor",
        )
    floats = [each.dtype for each in module.parameters() if each.is_floating_point()]
    return torch.empty(tuple(given), dtype=floats[0] if floats else torch.float32, device=META)


def _argument_names(module: Any, count: int) -> list[str]:
    """Return the names of the arguments of a forward; numbered ones if it does not name them."""
    from inspect import Parameter, signature

    named = [Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD]
    try:
        arguments = signature(module.forward).parameters.values()
    except (TypeError, ValueError):
        arguments = ()  # type: ignore[assignment]
    names = [argument.name for argument in arguments if argument.kind in named][:count]
    return names + [f"input{number}" for number in range(len(names) + 1, count + 1)]


def _tensors_in(torch: Any, value: Any, label: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield the tensors of a result, with names: of lists, tuples, dicts and dataclasses."""
    if isinstance(value, torch.Tensor):
        yield label, value
    elif depth < 20:
        parts: Any = ()
        if isinstance(value, dict):
            parts = value.items()
        elif isinstance(value, tuple | list):
            parts = enumerate(value)
        elif hasattr(value, "__dataclass_fields__"):
            parts = vars(value).items()
        for key, part in parts:
            yield from _tensors_in(torch, part, f"{label}.{key}" if depth else str(key), depth + 1)

"""Evaluates a program: what it does to inputs of given shapes, as operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcli.errors import ConvcliError, SpecError
from convcli.networks.models.operations import Array, Model, OperationKind
from convcli.networks.models.pytorch.calls import Call, Reference, Stated, Subprogram
from convcli.networks.models.pytorch.registry import RULES
from convcli.networks.models.pytorch.rules import (
    attention,
    constants,
    elementwise,
    indexing,
    normalization,
    numbers,
    products,
    recurrent,
    reductions,
    resizing,
    views,
    windows,
)
from convcli.networks.models.pytorch.steps import Step, Tensor, UnknownSize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from convcli.networks.models.operations import Operation, Shape
    from convcli.networks.models.pytorch.calls import Argument, OutputName, Program

__all__ = ["FAMILIES", "evaluate_program"]

FAMILIES = (  # importing them registers their rules
    attention, constants, elementwise, indexing, normalization, numbers, products, recurrent, reductions,
    resizing, views, windows,
)  # fmt: skip
COSTLY = ("attention", "products", "recurrent", "windows")  # families with multiply-accumulates
SPACES = ("aten", "prims", "quantized_decomposed")  # libraries of operations that rules know
MAX_DEPTH = 20  # of programs within programs
# Functions whose results are other views of the memory of their argument `self`.
VIEWS = (
    "view reshape _unsafe_view _reshape_alias select slice narrow squeeze unsqueeze transpose t permute "
    "movedim swapaxes expand flatten unflatten detach alias diagonal unfold chunk split split_with_sizes "
    "unbind tensor_split as_strided view_as_real view_as_complex view_as reshape_as mT numpy_T"
)
ALIASING = frozenset(VIEWS.split())
# Calls that run a program within once; its inputs are their last arguments.
REGIONS = {"wrap_with_set_grad_enabled", "wrap_with_autocast", "tag_activation_checkpoint", "wrap",
           "checkpoint", "invoke_subgraph", "wrap_activation_checkpoint", "strict_mode"}  # fmt: skip
# What a file can say that no exporter writes: rules index and count with numbers of the file.
MALFORMED = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)


def evaluate_program(program: Program, shapes: Mapping[str, Shape]) -> Model:
    """Compute what a program does to inputs of these shapes, by name.

    Raises
    ------
    SizeError
        A shape is impossible for an operation: the message names it and shows the arithmetic.
    SpecError
        A call has arguments that its function cannot have.
    """
    return _Evaluation(program, shapes).run()


class _Evaluation:
    """The state of an evaluation: the values of names so far, and the operations."""

    def __init__(self, program: Program, shapes: Mapping[str, Shape]) -> None:
        self.program = program
        self.operations: list[Operation] = []
        self.arrays = 0
        # What the file states holds if the inputs have the shapes that it was exported with.
        self.is_as_stated = True
        self.values: dict[str, Any] = dict(program.constants)
        self.bases: dict[str, str] = {}  # of views: the name of the tensor whose memory they show
        for name, weight in program.weights.items():
            self.values[name] = Tensor(weight.shape, None, weight.dtype, (weight,))
        self.inputs: list[tuple[str, Array]] = []
        for model_input in program.inputs:
            shape = tuple(shapes[model_input.name])
            stated = program.stated.get(model_input.name)
            self.is_as_stated &= isinstance(stated, Stated) and stated.shape == shape
            dtype = stated.dtype if isinstance(stated, Stated) else "float32"
            array = Array(self.new_number(), shape)
            self.inputs.append((model_input.name, array))
            self.values[model_input.name] = Tensor(shape, array.number, dtype)

    def new_number(self) -> int:
        self.arrays += 1
        return self.arrays - 1

    def run(self) -> Model:
        for call in self.program.calls:
            self.perform(call, 0)
        outputs = []
        for label, reference in self.program.outputs:
            value = self.values.get(reference.name)
            if isinstance(value, Tensor) and (value.number is not None or value.weights):
                value = self.step(Call("output", {}, ()), {}).computed(value)
                outputs.append((label, Array(value.number or 0, value.shape)))
        weights = dict.fromkeys(self.program.weights.values())
        return Model(tuple(self.inputs), tuple(outputs), tuple(self.operations), tuple(weights))

    def step(self, call: Call, arguments: dict[str, Any]) -> Step:
        stated = [self.stated(name) for name in _flat(call.outputs)]
        return Step(call, arguments, stated, self.operations.append, self.new_number)

    def stated(self, name: str | None) -> Stated | None:
        found = self.program.stated.get(name) if name is not None and self.is_as_stated else None
        return found if isinstance(found, Stated) else None

    def perform(self, call: Call, depth: int) -> None:
        """Evaluate a call, and keep its results by their names."""
        subprogram = next((a for a in call.arguments.values() if isinstance(a, Subprogram)), None)
        if subprogram is not None and call.target.rpartition(".")[2] in REGIONS and depth < MAX_DEPTH:
            self.bind(call, self.enter(call, subprogram, depth))
            return
        step = self.step(call, {name: self.resolved(value) for name, value in call.arguments.items()})
        space, _, function = call.target.partition(".")
        name = function.split(".")[0] if space in SPACES else step.source
        rule = RULES.get(name) or (RULES.get(name.rstrip("_")) if name.endswith("_") else None)
        try:
            result = self.unknown(step) if rule is None else rule(step)
        except UnknownSize:
            result = self.unsized(step, rule)
        except ConvcliError:
            raise
        except MALFORMED:
            raise SpecError(step.where, "has arguments that this function cannot have") from None
        self.bind(call, result)
        own = call.arguments.get("self")
        if not isinstance(own, Reference):
            return
        if name in ALIASING:
            for output in filter(None, _flat(call.outputs)):
                self.bases[output] = self.bases.get(own.name, own.name)
        elif name.endswith("_") and not name.endswith("__"):
            self.update(own.name, step)

    def update(self, name: str, step: Step) -> None:
        """Give a tensor that was changed in place its new value, and the tensor that it is a view of."""
        value = next((self.values[each] for each in _flat(step.call.outputs) if each is not None), None)
        kept = self.values.get(name)
        if not isinstance(value, Tensor) or value.number is None or not isinstance(kept, Tensor):
            return
        if value.shape != kept.shape:  # changed is how the memory is seen, not what is in it
            return
        self.values[name] = value
        base = self.bases.get(name, name)
        kept = self.values.get(base)
        if base != name and isinstance(kept, Tensor):
            self.values[base] = step.other([kept, value], kept.shape, dtype=kept.dtype)

    def enter(self, call: Call, subprogram: Subprogram, depth: int) -> list[Any]:
        """Evaluate a program within the program, whose names are its own, and return its results."""
        given = [value for value in call.arguments.values() if not isinstance(value, Subprogram)]
        first = max(len(given) - len(subprogram.inputs), 0)
        inner = [self.resolved(value) for value in given[first:]]
        if len(inner) != len(subprogram.inputs):
            raise SpecError(call.target[:100], "has not as many inputs as the program within it")
        outside = self.values
        self.values = dict(zip(subprogram.inputs, inner, strict=True))
        for each in subprogram.calls:
            self.perform(each, depth + 1)
        results = [self.resolved(value) for value in subprogram.outputs]
        self.values = outside
        return results

    def resolved(self, value: Argument) -> Any:
        """Return an argument with the values of its names."""
        if isinstance(value, Reference):
            if value.name not in self.values:
                raise SpecError(value.name[:100], "is used before it is computed")
            return self.values[value.name]
        if isinstance(value, list):
            return [self.resolved(part) for part in value]
        return value

    def bind(self, call: Call, result: Any) -> None:
        """Keep the results of a call by their names."""
        several = isinstance(result, list | tuple) and not isinstance(result, Tensor)
        values = list(result) if several else [result]
        for at, name in enumerate(_flat(call.outputs)):
            if name is not None:
                self.values[name] = self.described(name, values[at] if at < len(values) else UnknownSize())

    def described(self, name: str, value: Any) -> Any:
        """Return a result, or what the file states about it if a rule does not say it."""
        if isinstance(value, UnknownSize):
            stated = self.program.stated.get(name) if self.is_as_stated else None
            if isinstance(stated, int):
                return stated
            if isinstance(self.program.stated.get(name), Stated):
                found = self.stated(name)
                return Tensor(None if found is None else found.shape)
        return value

    def unknown(self, step: Step) -> list[Tensor]:
        """Report an operation that no rule knows."""
        return self.report(step, OperationKind.UNKNOWN)

    def unsized(self, step: Step, rule: Any) -> list[Tensor]:
        """Report an operation on a tensor of unknown size, whose costs are not known if it has any."""
        costly = rule.__module__.rpartition(".")[2] in COSTLY
        return self.report(step, OperationKind.UNKNOWN if costly else OperationKind.OTHER)

    def report(self, step: Step, kind: OperationKind) -> list[Tensor]:
        tensors = step.all_tensors()
        first = step.emit(kind, tensors, step.stated_shape(), is_work=True)
        return [
            first,
            *(Tensor(step.stated_shape(at), first.number, first.dtype) for at in range(1, len(step.stated))),
        ]


def _flat(outputs: Sequence[OutputName]) -> list[str | None]:
    """Return the names of results, those of lists in order among the others."""
    return [name for output in outputs for name in (output if isinstance(output, tuple) else (output,))]

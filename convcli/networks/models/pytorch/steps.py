"""One call while it is evaluated: its arguments, checked, and the operations that it adds to a model."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from convcli.errors import SizeError, SpecError
from convcli.networks.models.operations import Array, Operation, OperationKind, Weight
from convcli.sizes.text import format_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from convcli.networks.layer_types.base import Layer
    from convcli.networks.models.operations import Shape
    from convcli.networks.models.pytorch.calls import Call, Stated

__all__ = ["Result", "Step", "Tensor", "UnknownSize", "elements", "shape_text"]

MAX_RANK = 64  # PyTorch's own limit


class Tensor(NamedTuple):
    """A tensor of a program: computed from the inputs, or constant.

    Attributes
    ----------
    shape : tuple of int or None
        None if it depends on values, or on an unknown operation.
    number : int or None
        That of its `Array`; None for constants: weights, and what is computed from them alone.
    dtype : str
    weights : tuple of Weight
        That a constant is made of.
    values : tuple of int or None
        Of a small constant of integers, if they are known.
    """

    shape: Shape | None
    number: int | None = None
    dtype: str = "float32"
    weights: tuple[Weight, ...] = ()
    values: tuple[int, ...] | None = None


Result = Any  # a tensor, a number, or a list or tuple of them: what Python's own functions return


class UnknownSize(Exception):  # noqa: N818 -- no error: the operation is reported as unknown
    """A rule needs the size of a tensor, or the value of a number, that is not known."""


def shape_text(shape: Iterable[int]) -> str:
    """Return a shape as text.

    Examples
    --------
    >>> shape_text((1, 3, 8, 8)), shape_text(())
    ('1x3x8x8', 'a number')
    """
    sides = tuple(shape)
    return format_size(sides) if sides else "a number"


def elements(shape: Shape) -> int:
    """Return the number of values of a tensor."""
    return prod(shape)


class Step:
    """A call while it is evaluated.

    Attributes
    ----------
    call : Call
    source : str
        The function without overload and the mark of in-place variants: ``aten.relu``.
    arguments : dict
        By name, with tensors and numbers in place of references.
    stated : list
        What the file states about each result, if it holds for these inputs.
    """

    def __init__(
        self,
        call: Call,
        arguments: dict[str, Any],
        stated: list[Stated | None],
        add: Callable[[Operation], None],
        new_number: Callable[[], int],
    ) -> None:
        self.call = call
        self.arguments = arguments
        self.stated = stated
        self.source = ".".join(call.target.split(".")[:2])
        self._add = add
        self._new_number = new_number

    @property
    def function(self) -> str:
        """The name of the function without package and mark of in-place variants: ``relu``."""
        name = self.source.split(".")[1]
        return name if name.endswith("__") else name.rstrip("_")

    # Arguments --------------------------------------------------------------------------------------------

    def has(self, name: str) -> bool:
        """Whether an argument is given, and not None."""
        return self.arguments.get(name) is not None

    def fail(self, why: str) -> NoReturn:
        """Refuse the arguments, which no exporter writes."""
        raise SpecError(self.where, why)

    def impossible(self, why: str) -> NoReturn:
        """Refuse the sizes."""
        raise SizeError(self.where, why)

    @property
    def where(self) -> str:
        """The module and the operation, for messages."""
        return f"{self.call.module}: {self.source}" if self.call.module else self.source

    def tensor(self, name: str) -> Tensor:
        """Return an argument that is a tensor."""
        value = self.arguments.get(name)
        if not isinstance(value, Tensor):
            if isinstance(value, bool | int | float):  # PyTorch takes numbers for tensors, too
                return Tensor((), values=(value,) if isinstance(value, int) else None)
            self.fail(f"needs a tensor as its argument {name}")
        return value

    def optional(self, name: str) -> Tensor | None:
        """Return an argument that is a tensor or missing."""
        return self.tensor(name) if self.has(name) else None

    def shaped(self, name: str, ranks: Sequence[int] = ()) -> tuple[Tensor, Shape]:
        """Return an argument that is a tensor, and its shape, of one of these numbers of axes."""
        tensor = self.tensor(name)
        if tensor.shape is None:
            raise UnknownSize
        if ranks and len(tensor.shape) not in ranks:
            allowed = " or ".join(map(str, ranks))
            self.impossible(f"{name} is {shape_text(tensor.shape)}, but {allowed} axes are needed")
        return tensor, tensor.shape

    def tensors(self, name: str) -> list[Tensor]:
        """Return an argument that is a list of tensors."""
        value = self.arguments.get(name)
        if not isinstance(value, list) or not all(isinstance(part, Tensor) for part in value):
            self.fail(f"needs a list of tensors as its argument {name}")
        return value

    def integer(self, name: str, default: int | None = None) -> int:
        """Return an argument that is a whole number."""
        return self._integer(self.arguments.get(name), name, default)

    def _integer(self, value: object, name: str, default: int | None = None) -> int:
        if value is None and default is not None:
            return default
        if isinstance(value, Tensor):
            if value.values is None or len(value.values) != 1:
                raise UnknownSize
            value = value.values[0]
        if isinstance(value, UnknownSize):
            raise value
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if not isinstance(value, int):
            self.fail(f"needs a whole number as its argument {name}")
        return int(value)

    def integers(self, name: str, default: Sequence[int] | None = None, count: int = 0) -> list[int]:
        """Return an argument that is a list of whole numbers; one number stands for `count` of them."""
        value = self.arguments.get(name)
        if default is not None and (value is None or value == []):
            return list(default)
        numbers = [self._integer(part, name) for part in (value if isinstance(value, list) else [value])]
        if count and len(numbers) == 1:
            return numbers * count
        if count and len(numbers) != count:
            self.fail(f"needs {count} numbers as its argument {name}, but has {len(numbers)}")
        if len(numbers) > MAX_RANK and not count:
            self.fail(f"has {len(numbers)} numbers as its argument {name}; at most {MAX_RANK} are read")
        return numbers

    def number(self, name: str, default: float | None = None) -> float | None:
        """Return an argument that is a number; `default` if it is missing or a tensor."""
        value = self.arguments.get(name)
        if isinstance(value, UnknownSize):
            raise value
        return value if isinstance(value, int | float) else default

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return an argument that is true or false."""
        value = self.arguments.get(name)
        return bool(value) if isinstance(value, int) else default

    def axis(self, name: str, rank: int, default: int | None = None) -> int:
        """Return an argument that is an axis, counted from 0."""
        return self.checked_axis(self.integer(name, default), rank)

    def axes(self, name: str, rank: int) -> list[int]:
        """Return an argument that is a list of axes, counted from 0: all if it is missing."""
        value = self.arguments.get(name)
        if value is None or value == []:
            return list(range(rank))
        return sorted({self.checked_axis(axis, rank) for axis in self.integers(name)})

    def checked_axis(self, axis: int, rank: int) -> int:
        """Return an axis counted from 0."""
        if not -max(rank, 1) <= axis < max(rank, 1):
            self.impossible(f"axis {axis} does not exist: the tensor has {rank} axes")
        return axis % max(rank, 1)

    # Results ----------------------------------------------------------------------------------------------

    @property
    def output_count(self) -> int:
        """How many results are named: those of a list, if it returns one."""
        outputs = self.call.outputs
        return len(outputs[0]) if len(outputs) == 1 and isinstance(outputs[0], tuple) else len(outputs)

    def stated_shape(self, index: int = 0) -> Shape | None:
        """Return the shape that the file states for a result, if it holds for these inputs."""
        stated = self.stated[index] if index < len(self.stated) else None
        return None if stated is None else stated.shape

    def emit(
        self,
        kind: OperationKind,
        inputs: Iterable[Tensor],
        shape: Shape | None,
        *,
        weights: Iterable[Weight] = (),
        dtype: str | None = None,
        layer: Layer | None = None,
        is_work: bool = False,
        **fields: Any,
    ) -> Tensor:
        """Add an operation and return its output.

        Parameters
        ----------
        kind, shape, layer, fields
            Those of the `Operation`.
        inputs : tensors
            Constants among them are reported as weights.
        weights : Weights
            Those of its layer.
        is_work : bool
            Whether it is to be reported even if all its inputs are constants.
        """
        tensors = list(inputs)
        if shape is not None and len(shape) > MAX_RANK:
            self.fail(f"makes a tensor of {len(shape)} axes; at most {MAX_RANK} are read")
        if dtype is None:
            dtype = tensors[0].dtype if tensors else "float32"
        if fields.get("macs") and tensors and all(each.number is None for each in tensors):
            tensors[0] = self.computed(tensors[0])  # work on constants alone is done each time, too
        arrays = [Array(each.number, each.shape) for each in tensors if each.number is not None]
        used = list(dict.fromkeys([*weights, *(w for each in tensors for w in each.weights)]))
        if not arrays and not is_work and kind != OperationKind.UNKNOWN:
            return Tensor(shape, None, dtype, tuple(used))
        output = Array(self._new_number(), shape)
        if layer is not None:
            fields["layer"] = layer
        self._add(
            Operation(
                kind=kind,
                source=fields.pop("source", self.source),
                name=self.call.module,
                inputs=tuple(arrays),
                output=output,
                weights=tuple(used),
                **fields,
            )
        )
        return Tensor(shape, output.number, dtype)

    def other(self, inputs: Iterable[Tensor], shape: Shape | None, *, dtype: str | None = None) -> Tensor:
        """Add an operation without parameters and multiply-accumulates."""
        return self.emit(OperationKind.OTHER, inputs, shape, dtype=dtype)

    def computed(self, tensor: Tensor) -> Tensor:
        """Return a tensor that an operation makes, even if it is a constant."""
        if tensor.number is not None:
            return tensor
        return self.emit(
            OperationKind.OTHER, [tensor], tensor.shape, is_work=True, source="constant", dtype=tensor.dtype
        )

    def weights_of(self, kernel: Tensor, bias: Tensor | None) -> tuple[list[Tensor], list[Weight]]:
        """Return the weights of a layer; before them, tensors to read instead if they are no plain ones.

        A kernel can be computed from weights: from directions and lengths, or joined of several.
        """
        size = elements(kernel.shape or ())
        plain = sorted(kernel.weights, key=lambda weight: weight.elements != size)  # the kernel itself first
        if plain and plain[0].elements == size:
            return [], [*plain, *(bias.weights if bias is not None else ())]
        return [self.computed(each) for each in (kernel, bias) if each is not None and each.weights], []

    def all_tensors(self) -> list[Tensor]:
        """Return all arguments that are tensors, also those in lists."""
        found: list[Tensor] = []
        for value in self.arguments.values():
            if isinstance(value, Tensor):
                found.append(value)
            elif isinstance(value, list):
                found += [part for part in value if isinstance(part, Tensor)]
        return found

"""The tensors of a state dict: names, shapes, data types, and which of them are parameters."""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

__all__ = ["BITS", "StateDict", "StoredTensor", "TensorGroup", "marked_as_shared"]

# Of each data type, by numpy's name or, where numpy lacks it, by that of ml_dtypes.
BITS = {
    "bool": 8, "uint8": 8, "int8": 8, "uint16": 16, "int16": 16, "uint32": 32, "int32": 32, "uint64": 64,
    "int64": 64, "float16": 16, "bfloat16": 16, "float32": 32, "float64": 64, "complex32": 32,
    "complex64": 64, "complex128": 128, "float8_e4m3fn": 8, "float8_e5m2": 8, "float8_e8m0fnu": 8,
    "float8_e4m3fnuz": 8, "float8_e5m2fnuz": 8, "float4_e2m1fn": 4, "float6_e2m3fn": 6, "float6_e3m2fn": 6,
    "qint8": 8, "quint8": 8, "qint32": 32, "quint4x2": 8, "quint2x4": 8,
}  # fmt: skip
BUFFERS = ("running_mean", "running_var", "moving_mean", "moving_variance", "num_batches_tracked")


class StoredTensor(NamedTuple):
    """A tensor in a file of weights.

    Attributes
    ----------
    name : str
    shape : tuple of int
    dtype : str
        numpy's name, or ``bfloat16``, ``float8_e4m3fn`` and others that numpy lacks.
    shared : str
        The name of an earlier tensor with the same values, which counts there alone; empty if there is none.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    shared: str = ""

    @property
    def elements(self) -> int:
        """Number of values."""
        return prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes that it takes; 0 if its values are those of another tensor."""
        return 0 if self.shared else -(-self.elements * BITS.get(self.dtype, 0) // 8)

    @property
    def module(self) -> str:
        """The module that it belongs to: its name without the last part."""
        return self.name.rpartition(".")[0]

    @property
    def leaf(self) -> str:
        """The last part of its name, such as ``weight``."""
        return self.name.rpartition(".")[2]

    @property
    def is_learned(self) -> bool:
        """Whether it is a parameter: floating, and no running statistic.

        Examples
        --------
        >>> StoredTensor("conv1.weight", (64, 3, 7, 7), "float32").is_learned
        True
        >>> StoredTensor("bn1.running_mean", (64,), "float32").is_learned
        False
        """
        return self.dtype.startswith(("float", "bfloat", "complex")) and self.leaf not in BUFFERS

    @property
    def params(self) -> int:
        """Number of parameters that it adds."""
        return self.elements if self.is_learned and not self.shared else 0

    @property
    def buffers(self) -> int:
        """Number of other values that it adds."""
        return 0 if self.is_learned or self.shared else self.elements


class TensorGroup(NamedTuple):
    """Tensors whose names start in the same way."""

    name: str
    tensors: tuple[StoredTensor, ...]

    @property
    def params(self) -> int:
        """Number of parameters."""
        return sum(tensor.params for tensor in self.tensors)

    @property
    def buffers(self) -> int:
        """Number of other values."""
        return sum(tensor.buffers for tensor in self.tensors)

    @property
    def size(self) -> int:
        """Bytes that they take."""
        return sum(tensor.size for tensor in self.tensors)

    @property
    def dtypes(self) -> tuple[str, ...]:
        """Their data types, in order of appearance."""
        return tuple(dict.fromkeys(tensor.dtype for tensor in self.tensors))


class StateDict(NamedTuple):
    """The tensors of a file of weights.

    Attributes
    ----------
    path : str
    tensors : tuple of StoredTensor
        In the order of the file.
    entry : str
        Which entry of the file they are, such as ``state_dict``; empty if they are all of it.
    others : int
        Number of tensors in other entries, such as the state of an optimizer.
    """

    path: str
    tensors: tuple[StoredTensor, ...]
    entry: str = ""
    others: int = 0

    @property
    def total(self) -> TensorGroup:
        """All tensors."""
        return TensorGroup("total", self.tensors)

    def groups(self, depth: int | None = None) -> list[TensorGroup]:
        """Return the tensors grouped by the first `depth` parts of the names of their modules.

        Parameters
        ----------
        depth : int, optional
            Without it, each tensor is a group.

        Examples
        --------
        >>> names = ["conv1.weight", "layer1.0.conv1.weight", "layer1.0.bn1.weight"]
        >>> found = StateDict("a.pth", tuple(StoredTensor(name, (2,), "float32") for name in names))
        >>> [(group.name, group.params) for group in found.groups(1)]
        [('conv1', 2), ('layer1', 4)]
        """
        if depth is None:
            return [TensorGroup(tensor.name, (tensor,)) for tensor in self.tensors]
        found: dict[str, list[StoredTensor]] = {}
        for tensor in self.tensors:
            parts = (tensor.module or tensor.name).split(".")
            found.setdefault(".".join(parts[:depth]), []).append(tensor)
        return [TensorGroup(name, tuple(tensors)) for name, tensors in found.items()]


def marked_as_shared(tensors: Sequence[tuple[StoredTensor, object]]) -> tuple[StoredTensor, ...]:
    """Return tensors, of which those with the same place as an earlier one are marked as shared.

    Parameters
    ----------
    tensors : sequence of (StoredTensor, hashable)
        Each with the place of its values in the file; None if it has none.
    """
    first: dict[object, str] = {}
    result = []
    for tensor, place in tensors:
        name = tensor.name if place is None else first.setdefault(place, tensor.name)
        result.append(tensor if name == tensor.name else tensor._replace(shared=name))
    return tuple(result)

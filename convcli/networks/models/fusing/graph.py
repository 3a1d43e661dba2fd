"""The operations of a model as a graph that can be changed: what makes an array, and how many read it."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import takewhile

from convcli.networks.models.operations import Array, Model, Operation, OperationKind

__all__ = ["OperationGraph", "common_path"]


class OperationGraph:
    """Operations in order, of which some are joined.

    Arrays that are the same, such as the input and the output of an identity, have one number. An operation
    that nothing reads any more is left out.

    Attributes
    ----------
    made_by : dict
        The operation that makes an array, by its number.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.made_by: dict[int, Operation] = {}
        self._same: dict[int, Array] = {}
        self._readers: dict[int, int] = {}
        for operation in model.operations:
            for array in operation.inputs:
                self._readers[array.number] = self._readers.get(array.number, 0) + 1
        for _, array in model.outputs:
            self._readers[array.number] = self._readers.get(array.number, 0) + 1

    def readers(self, array: Array) -> int:
        """Return how many operations and outputs read an array."""
        return self._readers.get(array.number, 0)

    def maker(self, array: Array) -> Operation | None:
        """Return the operation that makes an array; None for an input."""
        return self.made_by.get(array.number)

    def only_for(self, array: Array, kind: OperationKind) -> Operation | None:
        """Return the operation of this kind that makes an array which is read once; None if there is none.

        It reads an array, not weights alone.
        """
        operation = self.made_by.get(array.number)
        if operation is None or operation.kind != kind or not operation.inputs:
            return None
        return operation if self.readers(array) == 1 else None

    def resolved(self, operation: Operation) -> Operation:
        """Return an operation that reads arrays by the numbers that they have now."""
        same = self._same
        if same and any(array.number in same for array in operation.inputs):
            return replace(
                operation, inputs=tuple(same.get(array.number, array) for array in operation.inputs)
            )
        return operation

    def add(self, operation: Operation) -> None:
        """Add the next operation."""
        self.made_by[operation.output.number] = operation

    def replace(self, operation: Operation, joined: Operation) -> None:
        """Add an operation in the place of the next one; what only the latter read is left out."""
        for array in joined.inputs:
            self._readers[array.number] = self.readers(array) + 1
        self._forget(operation.inputs)
        self.add(joined)

    def alias(self, operation: Operation, array: Array) -> None:
        """Leave the next operation out: its output is this array, which it reads."""
        self._same[operation.output.number] = array
        self._readers[array.number] = self.readers(array) + self.readers(operation.output)
        self._forget(operation.inputs)

    def _forget(self, arrays: Iterable[Array]) -> None:
        """Count one reader less of each array; leave out what makes arrays that nothing reads."""
        pending = list(arrays)
        while pending:
            number = pending.pop().number
            self._readers[number] -= 1
            if self._readers[number] == 0 and number in self.made_by:
                pending += self.made_by.pop(number).inputs

    def result(self) -> Model:
        """Return the model of the operations that are left."""
        outputs = tuple((name, self._same.get(array.number, array)) for name, array in self.model.outputs)
        return self.model._replace(operations=tuple(self.made_by.values()), outputs=outputs)


def common_path(operations: Iterable[Operation]) -> str:
    """Return the path of the innermost module that several operations belong to, else the last one's name.

    Examples
    --------
    >>> from convcli.networks.models.operations import Array
    >>> parts = ["features.1.act.sigmoid", "features.1.act.mul"]
    >>> common_path(
    ...     Operation(kind=OperationKind.UNARY, source="", inputs=(), output=Array(0, ()), name=name)
    ...     for name in parts
    ... )
    'features.1.act'
    """
    names = [operation.name for operation in operations]
    if len(set(names)) == 1:
        return names[0]
    separator = "/" if any("/" in name for name in names) else "."
    parts = [name.split(separator) for name in names]
    common = takewhile(lambda level: len(set(level)) == 1, zip(*parts, strict=False))
    return separator.join(level[0] for level in common) or names[-1]

"""Equations of einsum, such as ``bij,bjk->bik``: the shape of the result, and its multiply-accumulates."""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from convcli.networks.models.operations import Shape
from convcli.sizes.text import format_size

__all__ = ["Einsum", "read_einsum"]

DOTS = "..."


class Einsum(NamedTuple):
    """A sum of products of arrays over labeled axes.

    Attributes
    ----------
    operands : tuple of tuple of str
        A label for each axis of each array.
    result : tuple of str
    lengths : dict
        Of the axes, by label.
    """

    operands: tuple[tuple[str, ...], ...]
    result: tuple[str, ...]
    lengths: dict[str, int]

    @property
    def shape(self) -> Shape:
        """Of the result."""
        return tuple(self.lengths[label] for label in self.result)

    @property
    def macs(self) -> int:
        """Multiply-accumulates, if the arrays are multiplied one after the other.

        An axis that only one of two arrays has, and nothing needs later, is summed before the product.
        """
        kept, total = set(self.operands[0]), 0
        for place, labels in enumerate(self.operands[1:], start=1):
            needed = set(self.result).union(*self.operands[place + 1 :])
            used = kept.union(labels) & needed.union(kept.intersection(labels))
            total += prod(self.lengths[label] for label in used)
            kept = used & needed
        return total

    @property
    def units(self) -> int | None:
        """Outputs of the dense layer that it is if the second array is its kernel; None if it is none.

        A dense layer is over the last axis, and its outputs are the last axis of the result.
        """
        if len(self.operands) != 2 or not self.operands[0] or not self.result:
            return None
        (*outer, inner), kernel = self.operands
        *kept, unit = self.result
        is_dense = outer == kept and inner != unit and len(kernel) == 2 and {inner, unit} == set(kernel)
        return self.lengths[unit] if is_dense else None


def read_einsum(equation: str, shapes: Sequence[Shape]) -> Einsum:
    """Read an equation for arrays of these shapes.

    Raises
    ------
    ValueError
        It does not fit them; the message says why.

    Examples
    --------
    >>> product = read_einsum("bij,bjk->bik", [(8, 2, 3), (8, 3, 4)])
    >>> product.shape, product.macs, product.units
    ((8, 2, 4), 192, None)
    >>> read_einsum("...c,cd", [(1, 7, 7, 64), (64, 10)]).units
    10
    """
    shown = f"equation {equation[:100]}"
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise ValueError(f"{shown} is for {len(terms)} arrays, not {len(shapes)}")
    lengths: dict[str, int] = {}
    operands = []
    for term, shape in zip(terms, shapes, strict=True):
        labels = _labels(term, len(shape))
        if len(labels) != len(shape):
            raise ValueError(f"{shown} does not fit an array of {format_size(shape)}")
        for label, side in zip(labels, shape, strict=True):
            known = lengths.setdefault(label, side)
            if known != side and 1 not in (known, side):
                raise ValueError(f"{shown}: axis {label} is {known} in one array and {side} in another")
            lengths[label] = side if known == 1 else known
        operands.append(labels)
    dots = tuple(sorted(label for label in lengths if len(label) > 1))
    if arrow:
        result = _expanded_dots(right, dots)
    else:
        once = [label for labels in operands for label in labels]
        result = dots + tuple(sorted(x for x in lengths if once.count(x) == 1 and x not in dots))
    if any(label not in lengths for label in result):
        raise ValueError(f"{shown} makes axes that no array has")
    return Einsum(tuple(operands), result, lengths)


def _expanded_dots(term: str, dots: Sequence[str]) -> tuple[str, ...]:
    before, ellipsis, after = term.partition(DOTS)
    return (*before, *(dots if ellipsis else ()), *after)


def _labels(term: str, rank: int) -> tuple[str, ...]:
    """Return a label for each axis.

    Those of an ellipsis are counted from its last axis, where shorter ones align; they sort in order.
    """
    count = rank - len(term.replace(DOTS, ""))
    return _expanded_dots(term, [f".{99 - place:02}" for place in range(count - 1, -1, -1)])

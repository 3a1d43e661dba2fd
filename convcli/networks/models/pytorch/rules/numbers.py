"""Rules of numbers that are computed from sizes while a program runs."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

from convcli.networks.models.pytorch.registry import rule
from convcli.networks.models.pytorch.steps import Tensor, UnknownSize, elements

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcli.networks.models.pytorch.steps import Step

__all__ = ["calculate", "choose", "count", "item", "layout", "power", "side", "total"]

MAX_NUMBER = 1 << 256  # of what is computed: a file could multiply without end
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "_operator.add": operator.add,
    "_operator.sub": operator.sub,
    "_operator.mul": operator.mul,
    "_operator.floordiv": operator.floordiv,
    "_operator.truediv": operator.truediv,
    "_operator.mod": operator.mod,
    "_operator.neg": operator.neg,
    "_operator.abs": operator.abs,
    "_operator.eq": operator.eq,
    "_operator.ne": operator.ne,
    "_operator.lt": operator.lt,
    "_operator.le": operator.le,
    "_operator.gt": operator.gt,
    "_operator.ge": operator.ge,
    "_operator.and_": operator.and_,
    "_operator.or_": operator.or_,
    "_operator.not_": operator.not_,
    "_operator.pos": operator.pos,
    "math.ceil": math.ceil,
    "math.floor": math.floor,
    "math.trunc": math.trunc,
    "torch.sym_int": int,
    "torch.sym_float": float,
    "torch.sym_max": max,
    "torch.sym_min": min,
    "torch.sym_not": operator.not_,
    "torch._sym_sqrt": math.sqrt,
    "builtins.round": round,
    "builtins.abs": abs,
    "builtins.max": max,
    "builtins.min": min,
}
# Names of one function in files of different versions.
ALIASES = {name[1:]: name for name in FUNCTIONS if name.startswith("_operator")}


@rule(*FUNCTIONS, *ALIASES)
def calculate(step: Step) -> Any:
    """Arithmetic of numbers."""
    values = list(step.arguments.values())
    if any(isinstance(value, UnknownSize | Tensor) for value in values):
        return UnknownSize()
    if not values or not all(isinstance(value, int | float) and abs(value) < MAX_NUMBER for value in values):
        step.fail("needs numbers")
    target = step.call.target
    return FUNCTIONS[ALIASES.get(target, target)](*values)


@rule("_operator.pow", "operator.pow")
def power(step: Step) -> Any:
    """A power of a number."""
    values = list(step.arguments.values())
    if len(values) != 2 or not all(isinstance(value, int | float) for value in values):
        return UnknownSize()
    if abs(values[0]) > 1 << 64 or abs(values[1]) > 64:
        step.fail("makes too large a number")
    return values[0] ** values[1]


@rule("torch.sym_sum")
def total(step: Step) -> Any:
    """A sum of numbers."""
    values = next(iter(step.arguments.values()), None)
    if not isinstance(values, list) or not all(isinstance(value, int | float) for value in values):
        return UnknownSize()
    return sum(values)


@rule("torch.sym_ite")
def choose(step: Step) -> Any:
    """One of two numbers."""
    condition, first, second = (*step.arguments.values(), None, None, None)[:3]
    return UnknownSize() if isinstance(condition, UnknownSize) else first if condition else second


@rule("sym_size")
def side(step: Step) -> int:
    """The length of an axis."""
    shape = step.shaped("self")[1]
    return shape[step.axis("dim", len(shape))]


@rule("sym_numel", "numel")
def count(step: Step) -> int:
    """The number of values of a tensor."""
    return elements(step.shaped("self")[1])


@rule("sym_stride", "sym_storage_offset", "sym_is_contiguous", "is_nonzero")
def layout(step: Step) -> Any:
    """Where values lie in memory, of which nothing depends that is reported."""
    del step
    return UnknownSize()


@rule("_operator.getitem", "operator.getitem")
def item(step: Step) -> Any:
    """One of several results."""
    values, at = (*step.arguments.values(), None, None)[:2]
    return values[at] if isinstance(values, list) and isinstance(at, int) else UnknownSize()

"""The rules by the names of ATen's functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcli.networks.models.pytorch.steps import Result, Step

__all__ = ["RULES", "rule"]

RULES: dict[str, Callable[[Step], Result]] = {}


def rule(*names: str) -> Callable[[Callable[[Step], Result]], Callable[[Step], Result]]:
    """Register a rule for functions, by their names without ``aten.`` and overload."""

    def register(function: Callable[[Step], Result]) -> Callable[[Step], Result]:
        for name in names:
            if name in RULES:
                raise ValueError(f"{name} has two rules")
            RULES[name] = function
        return function

    return register

"""How the quick run takes a sample of what the thorough run (``pytest --thorough``) tests in full."""

from collections.abc import Sequence
from typing import TypeVar

import pytest
from hypothesis import settings

__all__ = ["SAMPLE_AND_REST", "examples", "sample_or_rest"]

Case = TypeVar("Case")

SAMPLE_AND_REST = ["sample", pytest.param("rest", marks=pytest.mark.thorough)]
STEP = 20


def sample_or_rest(cases: Sequence[Case], part: str, step: int = STEP) -> list[Case]:
    """Return every `step`-th case, beginning with the first, for "sample"; all others for "rest"."""
    return [case for place, case in enumerate(cases) if (place % step == 0) == (part == "sample")]


def examples(count: int) -> int:
    """Return how many random examples to try: `count` in a thorough run, a quarter of them in a quick one."""
    return -(-count * settings().max_examples // 100)

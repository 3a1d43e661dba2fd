"""The two engines, and the instruction sets of the compiled core: a test selects one for a while."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from unittest import mock

import pytest

from convcli.compiled.engine import is_compiled

__all__ = [
    "INSTRUCTION_SETS",
    "NEEDS_CORE",
    "Engine",
    "instruction_sets",
    "use_engine",
    "use_instruction_set",
]


class Engine(StrEnum):
    """What computes."""

    COMPILED = "compiled"
    NUMPY = "numpy"


@contextmanager
def use_engine(engine: Engine) -> Iterator[None]:
    """Compute with an engine, whatever CONVCLI_PURE says; processes that are started follow."""
    with mock.patch.dict(os.environ, {"CONVCLI_PURE": "1" if engine == Engine.NUMPY else "0"}):
        is_compiled.cache_clear()
        try:
            yield
        finally:
            is_compiled.cache_clear()


def _is_built() -> bool:
    with use_engine(Engine.COMPILED):
        return is_compiled()


NEEDS_CORE = pytest.mark.skipif(not _is_built(), reason="the compiled core is not built")
"""The mark of a test that needs the compiled core; CI checks that it is built."""


def instruction_sets() -> tuple[str, ...]:
    """Return the instruction sets that the core has here, the best first; none if it is not built."""
    if not _is_built():
        return ()
    from convcli.compiled import core  # late: it may not be built

    return core.instruction_sets()


INSTRUCTION_SETS = [
    pytest.param(name, marks=[pytest.mark.thorough] if place else [])
    for place, name in enumerate(instruction_sets())
]
"""The cases of a test that runs with each instruction set: a quick run has the best alone."""


@contextmanager
def use_instruction_set(name: str) -> Iterator[None]:
    """Compute with one of `instruction_sets`."""
    from convcli.compiled import core  # late: it may not be built

    before = core.instruction_set()
    core.use_instruction_set(name)
    try:
        yield
    finally:
        core.use_instruction_set(before)

"""Which engine runs: the compiled core, or numpy where the core could not be built or is not wanted."""

import os
from functools import cache

__all__ = ["engine_name", "is_compiled"]


@cache
def is_compiled() -> bool:
    """Whether the compiled core runs: it is installed, and ``CONVCLI_PURE`` is unset, empty or 0.

    Where it does, ``from convcli.compiled import core`` succeeds.
    """
    if os.environ.get("CONVCLI_PURE", "0") not in ("", "0"):
        return False
    try:
        from convcli.compiled import core  # noqa: F401 -- late: it may not be installed
    except ImportError:
        return False
    return True


def engine_name() -> str:
    """Return the engine in words: ``numpy``, or the compiled core with its instruction set.

    Examples
    --------
    >>> engine_name() in ("numpy", "compiled (avx512)", "compiled (avx2)", "compiled (baseline)")
    True
    """
    if not is_compiled():
        return "numpy"
    from convcli.compiled import core  # late: it may not be installed

    return f"compiled ({core.instruction_set()})"

"""Whether this process belongs to the program convcli, whose decoders may change what is process-wide.

Called from Python, convcli leaves alone what belongs to the caller: standard error, the filters of Python's
warnings, and Pillow's limits.
"""

import os
from contextlib import suppress

__all__ = ["is_owned", "own_process", "share_arena"]

ARENA_MAX = -8  # an option of glibc's mallopt

_owned = False


def own_process() -> None:
    """Declare that this process belongs to the program, before any decoder is loaded."""
    global _owned
    _owned = True


def is_owned() -> bool:
    """Return whether the process belongs to the program."""
    return _owned


def share_arena() -> None:
    """Let the threads of an owned process share malloc's arena; in their own, they keep what strips took."""
    if _owned and os.name == "posix":
        with suppress(ImportError, OSError):  # a Python without ctypes, or linked statically
            import ctypes  # late: few runs need it

            mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
            if mallopt is not None:  # glibc
                mallopt(ARENA_MAX, 1)

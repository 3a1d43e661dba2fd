"""Whether this process belongs to the program convcli, whose decoders may change what is process-wide.

Called from Python, convcli leaves alone what belongs to the caller: standard error, the filters of Python's
warnings, and Pillow's limits.
"""

__all__ = ["is_owned", "own_process"]

_owned = False


def own_process() -> None:
    """Declare that this process belongs to the program, before any decoder is loaded."""
    global _owned
    _owned = True


def is_owned() -> bool:
    """Return whether the process belongs to the program."""
    return _owned

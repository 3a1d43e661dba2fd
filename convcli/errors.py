"""The errors convcli raises, all of them.

::

    ConvcliError
    ├── UsageError (ValueError)     the request is wrong: nothing was started
    │   ├── SizeError               impossible layer arithmetic
    │   ├── SpecError               a layer spec that cannot be read
    │   ├── FilterError             an unknown filter, or a parameter it does not take
    │   └── KernelError             a kernel that cannot be read or used
    ├── ImageError (ValueError)     an input that cannot be read or is no image
    ├── MatrixError (ValueError)    a text that is no matrix of numbers
    │   └── TooLargeError           a matrix that is larger than it may be
    ├── LearningError               examples that teach nothing, or a training that diverges
    └── OutputError                 an output that cannot be written
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

__all__ = [
    "ConvcliError",
    "FilterError",
    "ImageError",
    "KernelError",
    "LearningError",
    "MatrixError",
    "OutputError",
    "SizeError",
    "SpecError",
    "TooLargeError",
    "UsageError",
]


class ConvcliError(Exception):
    """Base of all errors convcli raises on purpose.

    Parameters
    ----------
    what : str
        The thing that is wrong: a value, an option, a file.
    why : str
        The rule it broke, and the nearest thing that would work.

    Examples
    --------
    >>> str(ConvcliError("stride 0", "must be at least 1"))
    'stride 0: must be at least 1'
    """

    def __init__(self, what: str, why: str) -> None:
        super().__init__(what, why)
        self.what = what
        self.why = why

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"


class UsageError(ConvcliError, ValueError):
    """A request that is wrong in itself; nothing was started."""


class SizeError(UsageError):
    """Impossible layer arithmetic: a side, stride, padding or group that cannot be."""


class SpecError(UsageError):
    """A layer spec that cannot be read; the message names line and column."""


class FilterError(UsageError):
    """An unknown filter name, or a parameter that the filter does not take."""


class KernelError(UsageError):
    """A kernel that cannot be read, built or used."""


class ImageError(ConvcliError, ValueError):
    """An input that cannot be read, or an array that is not an image."""


class MatrixError(ConvcliError, ValueError):
    """A text that is no matrix of numbers."""


class TooLargeError(MatrixError):
    """A matrix that is larger than it may be."""


class LearningError(ConvcliError):
    """Examples that teach nothing, or a training that diverges."""


class OutputError(ConvcliError):
    """An output that cannot be written, or must not be."""


def reason(error: OSError) -> str:
    """Say why the system refused something.

    Examples
    --------
    >>> reason(FileNotFoundError(2, "No such file or directory"))
    'no such file or directory'
    """
    return "is a folder" if isinstance(error, IsADirectoryError) else (error.strerror or str(error)).lower()


Choice = TypeVar("Choice", bound=StrEnum)


def chosen(word: str, choices: type[Choice], name: str) -> Choice:
    """Return the choice that a word stands for.

    Raises
    ------
    UsageError
        There is none; the message suggests the nearest.

    Examples
    --------
    >>> class Mode(StrEnum):
    ...     MAX = "max"
    >>> chosen("max", Mode, "mode").value
    'max'
    """
    if word not in tuple(choices):
        raise UsageError(f"{name} {str(word)[:50]!r}", suggestion(str(word), choices))
    return choices(word)


def suggestion(word: str, choices: Iterable[str]) -> str:
    """Say what was probably meant.

    Returns
    -------
    str
        ``"did you mean X?"`` for the choice nearest to `word`, else the list of choices.

    Examples
    --------
    >>> suggestion("edgee", ["zero", "edge"])
    'did you mean edge?'
    >>> suggestion("?", ["zero", "edge"])
    'choose from zero, edge'
    """
    from difflib import get_close_matches  # late: only a failing call pays for it

    names = list(choices)
    near = get_close_matches(word.lower()[:100], names, n=1)
    return f"did you mean {near[0]}?" if near else f"choose from {', '.join(names)}"

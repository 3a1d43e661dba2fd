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

MOST_COMPARED = 100  # names of a folder, where one is missing: in larger ones it would take too long


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
    """Say why the system refused something; of a file that is missing, which there is of nearly that name.

    Examples
    --------
    >>> reason(FileNotFoundError(2, "No such file or directory"))
    'no such file or directory'
    """
    if isinstance(error, IsADirectoryError):
        return "is a folder"
    why = (error.strerror or str(error)).lower()
    near = _file_like(error.filename) if isinstance(error, FileNotFoundError) else None
    return why if near is None else f"{why}: did you mean {near}?"


def _file_like(path: object) -> str | None:
    """Return the path of a file in the same folder that has nearly the same name."""
    import os
    from itertools import islice

    if not isinstance(path, str):
        return None
    folder, slash, name = path.rpartition("/")
    try:
        with os.scandir(folder + slash or ".") as entries:
            names = [entry.name for entry in islice(entries, MOST_COMPARED + 1)]
    except (OSError, ValueError):
        return None
    near = nearest(name, names, alike=0.8) if len(names) <= MOST_COMPARED else None
    return None if near is None else f"{folder}{slash}{near}"


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
    names = list(choices)
    found = meant(word, names)
    return f"did you mean {found}?" if found else f"choose from {', '.join(names)}"


def meant(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice that other programs call so, else the one that is spelt most like it, or None.

    Examples
    --------
    >>> meant("replicate", ["zero", "edge"]), meant("zeor", ["zero", "edge"])
    ('edge', 'zero')
    """
    from convcli.synonyms import meant_by  # late: only a failing call pays for it

    names = list(choices)
    return meant_by(word.lower(), names) or nearest(word, names)


def nearest(word: str, names: Iterable[str], *, alike: float = 0.6) -> str | None:
    """Return the name that is spelt most like a word; None where none is, as `alike` (0 to 1) measures it.

    Examples
    --------
    >>> nearest("edgee", ["zero", "edge"])
    'edge'
    """
    from difflib import get_close_matches  # late, as above

    return next(iter(get_close_matches(word.lower()[:100], list(names), n=1, cutoff=alike)), None)

"""The errors that convcli raises on purpose, and suggestions for names that are nearly right.

::

    ConvcliError
    ├── UsageError (ValueError)     the request is wrong; nothing was started
    │   ├── SizeError               impossible layer arithmetic
    │   ├── SpecError               a layer spec that cannot be parsed
    │   ├── FilterError             an unknown filter, or an option that it does not have
    │   └── KernelError             a kernel that cannot be read or used
    ├── ImageError (ValueError)     an input that cannot be read or is not an image
    │   └── NotKeptWhole            a picture of which a decoder would lose bits, channels or planes
    ├── MatrixError (ValueError)    a text that is not a matrix of numbers
    │   └── TooLargeError           a matrix that is larger than allowed
    ├── LearningError               examples that teach nothing, or training that diverges
    └── OutputError                 an output that cannot be written
        └── OutputExists            a file that is not overwritten without being asked to
"""

from collections.abc import Container, Iterable
from enum import StrEnum
from typing import TypeVar

__all__ = [
    "ConvcliError",
    "FilterError",
    "ImageError",
    "KernelError",
    "LearningError",
    "MatrixError",
    "NotKeptWhole",
    "OutputError",
    "OutputExists",
    "PictureTooLargeError",
    "SizeError",
    "SpecError",
    "TooLargeError",
    "UsageError",
    "alternatives",
    "best_match",
    "closest_spelling",
    "describe_os_error",
    "install_command",
    "parse_choice",
    "resolve_alias",
    "suggestion",
]

MAX_COMPARED = 100  # names in a folder: comparing a missing file's name with more would take too long


class ConvcliError(Exception):
    """Base of all errors convcli raises on purpose.

    Parameters
    ----------
    what : str
        What is wrong: a value, an option, a file.
    why : str
        Which rule it breaks, and what would work instead.

    Examples
    --------
    >>> import convcli
    >>> str(convcli.ConvcliError("stride 0", "must be at least 1"))
    'stride 0: must be at least 1'
    """

    def __init__(self, what: str, why: str) -> None:
        super().__init__(what, why)
        self.what = what
        self.why = why

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"


class UsageError(ConvcliError, ValueError):
    """A request that is wrong in itself, so nothing was started."""


class SizeError(UsageError):
    """Impossible layer arithmetic: a size, stride, padding or number of groups that cannot exist."""


class SpecError(UsageError):
    """A layer spec that cannot be parsed; the message gives line and column."""


class FilterError(UsageError):
    """An unknown filter name, or an option that the filter does not have."""


class KernelError(UsageError):
    """A kernel that cannot be read, built or used."""


class ImageError(ConvcliError, ValueError):
    """An input that cannot be read, or an array that is not an image."""


class PictureTooLargeError(ImageError):
    """A picture that is larger than the limits allow."""


class NotKeptWhole(ImageError):  # noqa: N818 -- the file has no error
    """An intact picture that one decoder would cut, and another may keep whole."""


class MatrixError(ConvcliError, ValueError):
    """A text that is not a matrix of numbers."""


class TooLargeError(MatrixError):
    """A matrix that is larger than allowed."""


class LearningError(ConvcliError):
    """Examples that teach nothing, or training that diverges."""


class OutputError(ConvcliError):
    """An output that cannot or must not be written."""


class OutputExists(OutputError):  # noqa: N818 -- skipping it is no error
    """An output file that exists, which is overwritten only on request."""


def describe_os_error(error: OSError | ValueError) -> str:
    """Describe an error of opening or reading a file; suggest a similar name for a missing one.

    Writing to a path with a NUL byte, and a closed stream, raise a `ValueError`.

    Examples
    --------
    >>> describe_os_error(FileNotFoundError(2, "No such file or directory"))
    'no such file or directory'
    """
    if isinstance(error, IsADirectoryError):
        return "is a folder"
    why = (getattr(error, "strerror", None) or "").lower() or str(error)
    near = _similar_file(error.filename) if isinstance(error, FileNotFoundError) else None
    return why if near is None else f"{why}: did you mean {near}?"


def _similar_file(path: object) -> str | None:
    """Return the path of a file in the same folder with a similar name, or None."""
    import os
    from itertools import islice

    if not isinstance(path, str):
        return None
    folder, slash, name = path.rpartition("/")
    try:
        with os.scandir(folder + slash or ".") as entries:
            names = [entry.name for entry in islice(entries, MAX_COMPARED + 1)]
    except (OSError, ValueError):
        return None
    others = [other for other in names if other != name]  # a link to nothing has the name itself
    near = closest_spelling(name, others, cutoff=0.8) if len(names) <= MAX_COMPARED else None
    return None if near is None else f"{folder}{slash}{near}"


Choice = TypeVar("Choice", bound=StrEnum)


AMERICAN_SPELLINGS = {"grey": "gray", "centre": "center"}  # the other spelling of option values works, too


def parse_choice(word: str, choices: type[Choice], name: str) -> Choice:
    """Return the choice that a word names, in American or British spelling.

    Raises
    ------
    UsageError
        No choice has that name; the message suggests the nearest.

    Examples
    --------
    >>> class Mode(StrEnum):
    ...     MAX = "max"
    ...     GRAY = "gray"
    >>> parse_choice("max", Mode, "mode").value, parse_choice("grey", Mode, "mode").value
    ('max', 'gray')
    """
    word = AMERICAN_SPELLINGS.get(word, word)
    if word not in tuple(choices):
        raise UsageError(f"{name} {str(word)[:50]!r}", f"unknown value; {suggestion(str(word), choices)}")
    return choices(word)


def suggestion(word: str, choices: Iterable[str]) -> str:
    """Suggest what was probably meant.

    Returns
    -------
    str
        ``"did you mean X?"`` with the choice nearest to `word`, or the list of choices if none is near.

    Examples
    --------
    >>> suggestion("edgee", ["zero", "edge"])
    'did you mean edge?'
    >>> suggestion("?", ["zero", "edge"])
    'choose from zero, edge'
    """
    names = list(choices)
    found = best_match(word, names)
    return f"did you mean {found}?" if found else f"choose from {', '.join(names)}"


def alternatives(names: Iterable[str]) -> str:
    """Join names as a sentence does.

    Examples
    --------
    >>> alternatives(["png"]), alternatives(["svg", "png"]), alternatives(["npy", "csv", "json"])
    ('png', 'svg or png', 'npy, csv or json')
    """
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


# A word may appear in several rows: the choices decide which name it means.
_ALIASES = {
    "apply": "convolve conv convolution filter blur run",
    "pool": "pooling maxpool avgpool downsample",
    "explain": "why show how",
    "learn": "train fit",
    "shape": "size sizes output",
    "params": "count parameters flops macs summary cost",
    "filters": "kernels list",
    "gaussian": "blur smooth gauss",
    "box": "average mean",
    "sobel": "edge edges gradient canny",
    "laplacian": "laplace",
    "sharpen": "sharp unsharp",
    "emboss": "relief",
    "identity": "none copy",
    "edge": "replicate nearest clamp extend",
    "reflect": "mirror reflect101 reflect_101",
    "symmetric": "grid-mirror",
    "wrap": "circular periodic repeat grid-wrap",
    "zero": "zeros black",
    "r": "red",
    "g": "green",
    "b": "blue",
    "gray": "grey luma l mono",
    "each": "all rgb color colour",
    "abs": "absolute magnitude",
    "center": "centre middle",
    "stretch": "normalize normalise minmax autocontrast",
    "raw": "float none keep",
    "avg": "average mean",
    "fp32": "float32 float single f32",
    "fp16": "float16 half f16 bf16 bfloat16",
    "int8": "i8 uint8",
    "maxpool": "max pool",
    "avgpool": "avg",
    "same": "half auto",
    "valid": "none",
}


def resolve_alias(word: str, choices: Container[str]) -> str | None:
    """Return the choice that other programs call by this word, or None.

    Examples
    --------
    >>> resolve_alias("replicate", ["zero", "edge"]), resolve_alias("mean", ["max", "avg"])
    ('edge', 'avg')
    >>> resolve_alias("blur", ["zero", "edge"])
    """
    found = (name for name, others in _ALIASES.items() if word in others.split() and name in choices)
    return next(found, None)


def best_match(word: str, choices: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the choice that other programs call by this word, else the closest spelling, or None.

    Examples
    --------
    >>> best_match("replicate", ["zero", "edge"]), best_match("zeor", ["zero", "edge"])
    ('edge', 'zero')
    """
    names = list(choices)
    return resolve_alias(word.lower(), names) or closest_spelling(word, names, cutoff=cutoff)


def closest_spelling(word: str, names: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the name whose spelling is closest to a word, or None.

    `cutoff` is the minimum similarity, from 0 to 1 as `difflib` measures it.

    Examples
    --------
    >>> closest_spelling("edgee", ["zero", "edge"])
    'edge'
    """
    from difflib import get_close_matches  # late: rarely needed

    return next(iter(get_close_matches(word.lower()[:100], list(names), n=1, cutoff=cutoff)), None)


def install_command(extra: str) -> str:
    """Return what installs an extra of convcli.

    Examples
    --------
    >>> install_command("deep")
    "pip install 'convcli[deep]'"
    """
    return f"pip install 'convcli[{extra}]'"

"""Kernels: the named filters as data with their sources, and the parsing of typed kernels.

Derivative filters are named by the axis they differentiate and are positive where the image gets brighter
along it (x points right, y points down). Only the textbook pair ``vertical`` and ``horizontal`` is positive
from bright to dark. Angles are in degrees: 0 is the derivative along x, and angles grow counter-clockwise as
seen on the screen, so 90 points up.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.arrays import read_npy
from convcli.errors import FilterError, KernelError, MatrixError, nearest, reason, suggestion
from convcli.matrices import parse_matrix, parse_number, whole_number
from convcli.opening import open_input

__all__ = [
    "CATALOG",
    "Combination",
    "Entry",
    "Filter",
    "Parameter",
    "custom_filter",
    "gain",
    "kernel",
    "kernel_array",
    "named_filter",
    "parse_kernel",
    "read_kernel",
    "separate",
]

Matrix = NDArray[Any]

NO_SUM = 1e-6  # sums below this fraction of the sum of absolute taps count as zero: the precision of float32
MAX_TAPS = 1_048_576  # 1024 x 1024: a larger kernel is a mistake, not a filter
KERNEL_FILES = (".csv", ".txt", ".json", ".npy")  # file extensions
TOO_LONG = f"is too long for a kernel of at most {MAX_TAPS} taps"


class Combination(StrEnum):
    """How the responses of a filter's kernels are combined into one value."""

    SINGLE = "single"
    MAGNITUDE = "magnitude"  # of the gradient, sqrt(x² + y²)
    STRONGEST = "strongest"  # the largest response


@dataclass(frozen=True, eq=False)
class Filter:
    """A filter ready to be applied: one kernel, or several whose responses are combined.

    Attributes
    ----------
    name : str
        Name with its options, as `named_filter` reads it.
    kernels : tuple of 2-D arrays
        int64 where every tap is a whole number, else float64.
    divisor : int
        Multiplying each kernel by this gives a matrix of integers; 1 if there is no such divisor.
    combination : Combination
    summary, responds_to, source : str
    """

    name: str
    kernels: tuple[Matrix, ...]
    summary: str
    responds_to: str
    source: str
    divisor: int = 1
    combination: Combination = Combination.SINGLE

    @cached_property
    def gain(self) -> float:
        """Gain of the first kernel, see `gain`; where responses are combined, that of one direction."""
        return gain(self.kernels[0])

    @cached_property
    def separable(self) -> bool:
        """Whether each kernel is a column times a row."""
        return all(separate(matrix) is not None for matrix in self.kernels)


@dataclass(frozen=True)
class Parameter:
    """A numeric option of a filter; a `default` of None means that it is computed from the other options."""

    meaning: str
    default: float | None
    minimum: float = -math.inf
    maximum: float = math.inf
    whole: bool = False
    odd: bool = False


Arguments = dict[str, float]  # by name; options with neither a value nor a default are left out
Built = tuple[Matrix, ...]


@dataclass(frozen=True)
class Entry:
    """An entry of the catalog: a named filter."""

    name: str
    summary: str
    responds_to: str
    source: str
    build: Callable[[Arguments], Built]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    combination: Combination = Combination.SINGLE
    divisor: Callable[[Arguments], int] = lambda _: 1
    steered_title: str = ""  # name of the family, if an angle turns the filter into one steered derivative


# Taps, as published --------------------------------------------------------------------------------------

BINOMIAL = {3: (1, 2, 1), 5: (1, 4, 6, 4, 1), 7: (1, 6, 15, 20, 15, 6, 1)}
SOBEL_DERIVATIVE = {3: (-1, 0, 1), 5: (-1, -2, 0, 2, 1), 7: (-1, -4, -5, 0, 5, 4, 1)}
LAPLACIAN = ((0, 1, 0), (1, -4, 1), (0, 1, 0))
LAPLACIAN_8 = ((1, 1, 1), (1, -8, 1), (1, 1, 1))
SHARPEN = ((0, -1, 0), (-1, 5, -1), (0, -1, 0))
EMBOSS = ((-2, -1, 0), (-1, 1, 1), (0, 1, 2))
KIRSCH = ((-3, -3, 5), (-3, 0, 5), (-3, -3, 5))
ROBINSON = ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1))
ROBERTS_X = ((-1, 0), (0, 1))  # derivative along the diagonal to the lower right
ROBERTS_Y = ((0, -1), (1, 0))  # derivative along the diagonal to the lower left

DUDA_HART = "R. Duda and P. Hart, Pattern Classification and Scene Analysis (1973), pp. 271-272"
PREWITT = (
    "J. M. S. Prewitt, Object enhancement and extraction, in Picture Processing and Psychopictorics (1970)"
)
SOBEL = (
    f"I. Sobel and G. Feldman, A 3x3 isotropic gradient operator for image processing (1968), in {DUDA_HART}"
)
SCHARR = "H. Scharr, Optimal operators in digital image processing, thesis, Heidelberg (2000)"
ROBERTS = "L. G. Roberts, Machine perception of three-dimensional solids, thesis, MIT (1963)"
FREI_CHEN = (
    "W. Frei and C. Chen, Fast boundary detection, IEEE Trans. Computers C-26 (1977), without its 1/(2√2)"
)
COMPASS = "R. Kirsch, Computer determination of the constituent structure of biological images (1971)"
ROBINSON_1977 = "G. S. Robinson, Edge detection by compass gradient masks, CGIP 6 (1977)"
MARR_HILDRETH = "D. Marr and E. Hildreth, Theory of edge detection, Proc. R. Soc. Lond. B 207 (1980)"
DAUGMAN = "J. Daugman, Uncertainty relation for resolution in space, JOSA A 2 (1985)"
GONZALEZ_WOODS = "R. Gonzalez and R. Woods, Digital Image Processing, 4th ed. (2018), ch. 3"
NG = "A. Ng, Convolutional Neural Networks (2017), edge detection example"


# Builders -----------------------------------------------------------------------------------------------


def _outer(column: ArrayLike, row: ArrayLike) -> Matrix:
    product: Matrix = np.multiply.outer(np.asarray(column), np.asarray(row))
    return product


def _side(arguments: Arguments, default: int) -> int:
    return int(arguments.get("size", default))


def _centered(side: int) -> Matrix:
    return np.arange(side) - (side - 1) / 2


def _prewitt(size: int) -> Matrix:
    return _outer(np.ones(size, np.int64), np.arange(size) - size // 2)


def _pair_of(x_kernel: Matrix) -> Built:
    return x_kernel, x_kernel.T


PAIRS: dict[str, Callable[[Arguments], Built]] = {
    "prewitt": lambda a: _pair_of(_prewitt(_side(a, 3))),
    "sobel": lambda a: _pair_of(_outer(BINOMIAL[_side(a, 3)], SOBEL_DERIVATIVE[_side(a, 3)])),
    "scharr": lambda _: _pair_of(_outer((3, 10, 3), (-1, 0, 1))),
    "roberts": lambda _: (np.array(ROBERTS_X), np.array(ROBERTS_Y)),
    "freichen": lambda _: _pair_of(_outer((1, math.sqrt(2), 1), (-1, 0, 1))),
    "textbook": lambda _: _pair_of(_outer((1, 1, 1), (1, 0, -1))),
}


def _cosine_sine(degrees: float) -> tuple[float, float]:
    """Return cosine and sine, exact at multiples of 90 degrees."""
    quarter, rest = divmod(degrees % 360, 90)
    cosine, sine = math.cos(math.radians(rest)), math.sin(math.radians(rest))
    for _ in range(int(quarter) % 4):
        cosine, sine = -sine, cosine
    return cosine + 0.0, sine + 0.0


def _steered(family: str, arguments: Arguments) -> Built:
    """Return a family's derivative in the direction of ``arguments["angle"]``.

    y points down on the screen, so the derivative at a counter-clockwise angle is cos·x - sin·y.
    """
    x_kernel, y_kernel = PAIRS[family](arguments)
    turned = 45.0 if family == "roberts" else 0.0  # its "x" points to the lower right
    cosine, sine = _cosine_sine(arguments["angle"] + turned)
    matrix = cosine * x_kernel - sine * y_kernel
    if {abs(cosine), abs(sine)} == {0.0, 1.0}:
        return (matrix.astype(x_kernel.dtype) + 0,)
    return (np.where(np.abs(matrix) < 1e-15 * np.abs(matrix).max(), 0.0, matrix),)


def _derivatives(family: str, *indices: int) -> Callable[[Arguments], Built]:
    """Return a builder of a pair's kernels at these indices or, given an angle, of the steered kernel."""

    def build(arguments: Arguments) -> Built:
        if "angle" in arguments:
            return _steered(family, arguments)
        pair = PAIRS[family](arguments)
        return tuple(pair[index] for index in indices)

    return build


def _compass(first: tuple[tuple[int, ...], ...]) -> Callable[[Arguments], Built]:
    """Return a builder of eight kernels: a 3x3 kernel with its outer ring rotated in steps of 45 degrees."""
    ring = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))

    def build(_: Arguments) -> Built:
        matrices = []
        for turn in range(8):
            matrix = np.array(first)
            for index, place in enumerate(ring):
                matrix[place] = first[ring[(index + turn) % 8][0]][ring[(index + turn) % 8][1]]
            matrices.append(matrix)
        return tuple(matrices)

    return build


def _fixed(rows: tuple[tuple[int, ...], ...]) -> Callable[[Arguments], Built]:
    return lambda _: (np.array(rows),)


def _gaussian_taps(sigma: float, side: int) -> Matrix:
    taps: Matrix = np.exp(-0.5 * (_centered(side) / sigma) ** 2)
    return taps / math.fsum(taps)


def _reach(sigma: float, deviations: int = 4) -> int:
    """Return the odd kernel size that covers a Gaussian to this many standard deviations."""
    side = 2 * math.ceil(deviations * sigma) + 1
    if side * side > MAX_TAPS:
        raise FilterError(
            f"sigma {sigma:g}",
            f"needs a {side}x{side} kernel, more than {MAX_TAPS} taps; lower sigma",
        )
    return side


def _gaussian(arguments: Arguments) -> Built:
    if "sigma" not in arguments:
        size = _side(arguments, 3)
        if size not in BINOMIAL:
            raise FilterError(f"gaussian:size={size}", "must be 3, 5 or 7; for other sizes give sigma too")
        return (_outer(BINOMIAL[size], BINOMIAL[size]) / 4 ** (size - 1),)
    sigma = arguments["sigma"]
    taps = _gaussian_taps(sigma, _side(arguments, 0) or _reach(sigma))
    return (_outer(taps, taps),)


def _log(arguments: Arguments) -> Built:
    sigma = arguments["sigma"]
    side = _side(arguments, 0) or _reach(sigma)
    taps = _gaussian_taps(sigma, side)
    gaussian = _outer(taps, taps)
    squared = _centered(side) ** 2
    radius = squared[:, None] + squared[None, :]
    return (_without_sum((radius - 2 * sigma**2) / sigma**4 * gaussian, gaussian),)


def _dog(arguments: Arguments) -> Built:
    sigma, ratio = arguments["sigma"], arguments["ratio"]
    side = _side(arguments, 0) or _reach(sigma * ratio)
    narrow, wide = _gaussian_taps(sigma, side), _gaussian_taps(sigma * ratio, side)
    return (_without_sum(_outer(wide, wide) - _outer(narrow, narrow), _outer(wide, wide)),)


def _gabor(arguments: Arguments) -> Built:
    wavelength, aspect = arguments["wavelength"], arguments["aspect"]
    sigma = arguments.get("sigma", 0.56 * wavelength)
    side = _side(arguments, 0) or _reach(sigma / min(aspect, 1.0), 3)
    cosine, sine = _cosine_sine(arguments["angle"])
    x, y = _centered(side)[None, :], _centered(side)[:, None]
    along, across = cosine * x - sine * y, sine * x + cosine * y
    envelope = np.exp(-0.5 * (along**2 + (aspect * across) ** 2) / sigma**2)
    phase = math.radians(math.fmod(arguments["phase"], 360))
    wave = _without_sum(envelope * np.cos(2 * math.pi * along / wavelength + phase), envelope)
    positive = wave[wave > 0].sum()
    if not positive > 1e-9:
        raise FilterError(f"gabor:size={side}", "is too small to hold any of the wave; use a larger size")
    return (_without_sum(wave / positive, envelope),)


def _without_sum(matrix: Matrix, envelope: Matrix) -> Matrix:
    """Subtract a multiple of the envelope so that the taps add up to zero."""
    return matrix - envelope * (math.fsum(matrix.ravel()) / math.fsum(envelope.ravel()))


def _box(arguments: Arguments) -> Built:
    side = _side(arguments, 3)
    return (np.full((side, side), 1 / side**2),)


# The catalog --------------------------------------------------------------------------------------------

ANGLE = Parameter("direction of the derivative in degrees, counter-clockwise from x", None)
SIZE_3_5_7 = Parameter("kernel size", 3, 3, 7, whole=True, odd=True)
ODD_SIZE = Parameter("kernel size; default: computed from sigma", None, 1, 1023, whole=True, odd=True)
SIGMA = Parameter("standard deviation in pixels", 1.0, 0.05, 1000)


def _family(family: str, title: str, source: str, *, sizes: bool = False) -> list[Entry]:
    sized: dict[str, Parameter] = {"size": SIZE_3_5_7} if sizes else {}
    diagonal = family == "roberts"
    directions = (
        (
            "x",
            "down to the right" if diagonal else "to the right",
            "falling diagonal" if diagonal else "vertical",
        ),
        (
            "y",
            "down to the left" if diagonal else "downward",
            "rising diagonal" if diagonal else "horizontal",
        ),
    )
    entries = [
        Entry(
            f"{family}-{axis}",
            f"{title} derivative along {'its ' if diagonal else ''}{axis}",
            f"brightness growing {towards}" + ("" if diagonal else f": {edges} edges"),
            source,
            _derivatives(family, index),
            sized | ({"angle": ANGLE} if axis == "x" else {}),
            steered_title=title if axis == "x" else "",
        )
        for index, (axis, towards, edges) in enumerate(directions)
    ]
    if family != "freichen":
        entries.append(
            Entry(
                family,
                f"{title} gradient magnitude",
                "edges in every direction, by their strength",
                source,
                _derivatives(family, 0, 1),
                sized | {"angle": ANGLE},
                Combination.MAGNITUDE,
                steered_title=title,
            )
        )
    return entries


_ENTRIES = [
    Entry(
        "vertical",
        "the textbook's vertical-edge filter",
        "brightness falling to the right: vertical edges, bright to dark",
        f"{NG}; {PREWITT}, negated",
        _derivatives("textbook", 0),
        {"angle": ANGLE},
        steered_title="textbook",
    ),
    Entry(
        "horizontal",
        "the textbook's horizontal-edge filter",
        "brightness falling downward: horizontal edges, bright to dark",
        f"{NG}; {PREWITT}, negated",
        _derivatives("textbook", 1),
    ),
    *_family("prewitt", "Prewitt", f"{PREWITT}; larger sizes fit a plane by least squares", sizes=True),
    *_family("sobel", "Sobel", f"{SOBEL}; larger sizes smooth by binomials", sizes=True),
    *_family("scharr", "Scharr", SCHARR),
    *_family("roberts", "Roberts cross", f"{ROBERTS}; signs chosen to be positive where brightness grows"),
    *_family("freichen", "Frei-Chen", FREI_CHEN),
    Entry(
        "laplacian",
        "Laplacian of the four neighbors",
        "dark spots and the dark side of edges (positive), bright ones (negative)",
        GONZALEZ_WOODS,
        _fixed(LAPLACIAN),
    ),
    Entry(
        "laplacian-8",
        "Laplacian of the eight neighbors",
        "dark spots and the dark side of edges (positive), bright ones (negative)",
        GONZALEZ_WOODS,
        _fixed(LAPLACIAN_8),
    ),
    Entry(
        "kirsch",
        "Kirsch compass: strongest of eight directions",
        "edges in every direction, by the strongest of eight responses",
        COMPASS,
        _compass(KIRSCH),
        combination=Combination.STRONGEST,
    ),
    Entry(
        "robinson",
        "Robinson compass: strongest of eight directions",
        "edges in every direction, by the strongest of eight responses",
        ROBINSON_1977,
        _compass(ROBINSON),
        combination=Combination.STRONGEST,
    ),
    Entry(
        "log",
        "Laplacian of Gaussian",
        "dark blobs of radius √2·sigma (positive), bright ones (negative); zero at edges",
        MARR_HILDRETH,
        _log,
        {"sigma": SIGMA, "size": ODD_SIZE},
    ),
    Entry(
        "dog",
        "difference of two Gaussians",
        "dark blobs (positive), bright ones (negative): close to log",
        f"{MARR_HILDRETH}, ratio 1.6",
        _dog,
        {
            "sigma": SIGMA,
            "ratio": Parameter("wide sigma divided by narrow sigma", 1.6, 1.001, 100),
            "size": ODD_SIZE,
        },
    ),
    Entry(
        "gaussian",
        "Gaussian blur",
        "nothing, it smooths; without sigma, by binomial weights",
        GONZALEZ_WOODS,
        _gaussian,
        {
            "sigma": Parameter("standard deviation in pixels", None, 0.05, 1000),
            "size": Parameter("kernel size; without sigma 3, 5 or 7", None, 1, 1023, whole=True, odd=True),
        },
        divisor=lambda a: 1 if "sigma" in a else int(4 ** (_side(a, 3) - 1)),
    ),
    Entry(
        "box",
        "mean of the window",
        "nothing, it smooths",
        GONZALEZ_WOODS,
        _box,
        {"size": Parameter("kernel size", 3, 1, 1024, whole=True)},
        divisor=lambda a: _side(a, 3) ** 2,
    ),
    Entry(
        "sharpen",
        "image minus its Laplacian",
        "keeps flat areas, exaggerates edges and detail",
        GONZALEZ_WOODS,
        _fixed(SHARPEN),
    ),
    Entry(
        "emboss",
        "relief lit from the upper left",
        "keeps flat areas, brightens slopes that rise to the lower right",
        "Common practice, as in the GIMP manual, Convolution Matrix",
        _fixed(EMBOSS),
    ),
    Entry("identity", "the image itself", "everything, unchanged", GONZALEZ_WOODS, _fixed(((1,),))),
    Entry(
        "gabor",
        "Gabor: a wave under a Gaussian; zero sum, positive taps add up to 1",
        "stripes of its wavelength, perpendicular to its direction",
        DAUGMAN,
        _gabor,
        {
            "wavelength": Parameter("pixels per period", 8.0, 2, 1000),
            "angle": Parameter("direction of the wave in degrees, counter-clockwise from x", 0.0),
            "sigma": Parameter(
                "standard deviation along the wave in pixels; default: 0.56 times the wavelength",
                None,
                0.05,
                1000,
            ),
            "aspect": Parameter("sigma along the wave divided by sigma across it", 0.5, 0.05, 20),
            "phase": Parameter("phase in degrees: 0 is even, 90 is odd", 0.0),
            "size": ODD_SIZE,
        },
    ),
]

CATALOG: Mapping[str, Entry] = {entry.name: entry for entry in _ENTRIES}
"""Every named filter, by name."""


# Named filters ------------------------------------------------------------------------------------------


def named_filter(name: str, **parameters: float | None) -> Filter:
    """Build a named filter.

    Parameters
    ----------
    name : str
        A name in `CATALOG`, optionally followed by options (``"gaussian:sigma=2"``).
    **parameters : float
        Options by name; None means the default.

    Returns
    -------
    Filter
        Its kernels are int64 if every tap is a whole number, else float64.

    Raises
    ------
    FilterError
        The name or an option is unknown, or a value is out of range.

    Examples
    --------
    >>> named_filter("sobel-x").kernels[0].tolist()
    [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    >>> round(named_filter("gaussian:sigma=2").gain, 9)
    1.0
    """
    bare, typed = _split_filter(str(name))
    if bare not in CATALOG:
        raise FilterError(bare[:100] or repr(bare), f"unknown filter: {_meant_for(bare)}")
    entry = CATALOG[bare]
    given: Arguments = {key: value for key, value in parameters.items() if value is not None}
    for key in given.keys() & typed.keys():
        raise FilterError(name[:100], f"sets {key}, which is also given as {given[key]!r}; give it once")
    numbers = {key: _typed_number(entry, key, value) for key, value in typed.items()}
    values = {key: _checked(entry, key, value) for key, value in (numbers | given).items()}
    defaults = {key: spec.default for key, spec in entry.parameters.items() if spec.default is not None}
    arguments: Arguments = defaults | values
    text = ",".join(f"{key}={str(value).removesuffix('.0')}" for key, value in values.items())
    built = Filter(
        name=f"{entry.name}:{text}" if text else entry.name,
        kernels=tuple(_frozen(matrix) for matrix in entry.build(arguments)),
        summary=entry.summary,
        responds_to=entry.responds_to,
        source=entry.source,
        divisor=entry.divisor(arguments),
        combination=entry.combination,
    )
    if not entry.steered_title or "angle" not in arguments:
        return built
    change = "falling" if entry.name == "vertical" else "growing"
    return replace(
        built,
        summary=f"{entry.steered_title} derivative along {arguments['angle']:g} degrees",
        responds_to=f"brightness {change} toward {arguments['angle']:g} degrees, counter-clockwise from x",
        combination=Combination.SINGLE,
    )


def custom_filter(name: str, matrix: ArrayLike) -> Filter:
    """Make a filter from a kernel of your own.

    Examples
    --------
    >>> custom_filter("line", [[1, -2, 1]]).gain
    2.0
    """
    return Filter(
        name=name,
        kernels=(_frozen(kernel_array(matrix)),),
        summary="a kernel of your own",
        responds_to="whatever its taps select",
        source="typed",
    )


def kernel(name: str, **parameters: float | None) -> Matrix:
    """Return the kernel of a named filter.

    Parameters
    ----------
    name : str
        A filter with one kernel, such as ``"sobel-x"``; `convcli filters` lists all filters.
    **parameters : float
        Options by name: ``kernel("gaussian", sigma=2)``, ``kernel("sobel-x", angle=70)``.

    Returns
    -------
    2-D array
        int64 if every tap is a whole number, else float64; read-only.

    Raises
    ------
    FilterError
        The name or an option is unknown, a value is out of range, or the filter combines several kernels.

    Examples
    --------
    >>> kernel("vertical").tolist()
    [[1, 0, -1], [1, 0, -1], [1, 0, -1]]
    """
    built = named_filter(name, **parameters)
    if len(built.kernels) > 1:
        raise FilterError(
            built.name,
            f"combines {len(built.kernels)} kernels ({built.combination}); use named_filter and "
            "apply_filter, or name a filter with one kernel",
        )
    return built.kernels[0]


def _split_filter(text: str) -> tuple[str, dict[str, str]]:
    """Split ``name:key=value,key=value`` into the name and the values by key."""
    name, colon, rest = text.strip().partition(":")
    values: dict[str, str] = {}
    for part in rest.split(",") if colon else []:
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not key or not equals:
            entry = CATALOG.get(name.strip().lower())
            example = next(iter(entry.parameters), "") if entry else ""
            written = f"{name}:{example}=3" if example else "gaussian:sigma=2"
            raise FilterError(text[:100], f"options are written by name, as in {written}")
        if key in values:
            raise FilterError(text[:100], f"gives {key} twice")
        values[key] = value
    return name.strip().lower(), values


def _meant_for(text: str) -> str:
    """Suggest a filter, with its options if something other than a colon separates them from the name."""
    name, _, parameters = re.sub(r"[\s,;=(]+", ":", text, count=1).partition(":")
    entry = CATALOG.get(name)
    if entry is None or not entry.parameters or not parameters:
        return suggestion(text, CATALOG)
    named = "" if "=" in parameters else f"{next(iter(entry.parameters))}="
    if named and not parameters[0].isdecimal():  # not a value but part of the name, as in sobel x
        return suggestion(text, CATALOG)
    return f"did you mean {name}:{named}{parameters.rstrip(') ')[:50]}?"


def _option(entry: Entry, key: str) -> Parameter:
    """Return an option of a filter, or raise FilterError if the filter does not have it."""
    if key not in entry.parameters:
        raise FilterError(entry.name, _no_such_option(entry, key))
    return entry.parameters[key]


def _allowed(option: Parameter) -> str:
    """Describe the values that an option accepts, as in ``an odd number from 3 to 7``."""
    limits = "" if math.isinf(option.minimum) else f" from {option.minimum:g} to {option.maximum:g}"
    if option.odd:
        return f"an odd number{limits}"
    if option.whole:
        return f"a whole number{limits}"
    return f"a number{limits}" if limits else "a finite number"


def _typed_number(entry: Entry, key: str, text: str) -> float:
    option = _option(entry, key)
    try:
        return parse_number(text, key)
    except MatrixError:
        why = f"must be {_allowed(option)} ({option.meaning})"
        raise FilterError(f"{entry.name}:{key}={text[:50]}", why) from None


def _checked(entry: Entry, key: str, value: float) -> float:
    spec = _option(entry, key)
    if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool):
        raise FilterError(f"{entry.name}:{key}={value!r}", "is not a number")
    try:
        number: float = int(value) if spec.whole and float(value) % 1 == 0 else float(value)
    except OverflowError:  # an integer too large for a float
        number = math.inf
    in_range = math.isfinite(number) and spec.minimum <= number <= spec.maximum
    if not in_range or (spec.whole and number % 1) or (spec.odd and number % 2 == 0):
        why = f"must be {_allowed(spec)} ({spec.meaning})"
        raise FilterError(f"{entry.name}:{key}={number}", why)
    return number


def _no_such_option(entry: Entry, key: str) -> str:
    if key == "angle":
        steerable = [other.name for other in CATALOG.values() if "angle" in other.parameters]
        return f"has no option angle; these filters have it: {', '.join(steerable)}"
    if not entry.parameters:
        return f"has no options, not even {key[:50]}"
    near = nearest(key, entry.parameters)
    if near is not None:
        return f"has no option {key[:50]}: did you mean {near}?"
    options = ", ".join(f"{name} ({_allowed(option)})" for name, option in entry.parameters.items())
    return f"has no option {key[:50]}; it takes {options}"


def _frozen(matrix: Matrix) -> Matrix:
    result = np.array(_whole_if_exact(matrix), dtype=None if matrix.dtype.kind == "f" else np.int64)
    result.flags.writeable = False
    return result


# Properties of a kernel ---------------------------------------------------------------------------------


def gain(matrix: ArrayLike) -> float:
    """Return the factor by which the kernel multiplies brightness.

    If the taps do not add up to zero, it is the factor for a flat area: the absolute value of their sum. If
    they do, it is the response to the best fitting step of height one: the sum of the positive taps (4 for
    sobel-x). A sum below a millionth of the sum of absolute taps counts as zero, because learned taps never
    add up to exactly zero.

    Examples
    --------
    >>> gain([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]), gain([[0, -1, 0], [-1, 5, -1], [0, -1, 0]])
    (4.0, 1.0)
    """
    taps = np.asarray(matrix, dtype=np.float64).ravel()
    # Scaled by a power of two, which is exact: sums of the largest floats would overflow.
    unit = 2.0 ** (math.frexp(float(np.abs(taps).max()))[1] - 1) if taps.any() else 1.0
    taps = taps / unit
    total = abs(math.fsum(taps))
    return unit * (total if total > NO_SUM * math.fsum(np.abs(taps)) else math.fsum(taps[taps > 0]))


def separate(matrix: ArrayLike) -> tuple[Matrix, Matrix] | None:
    """Split a kernel of rank one into a column and a row whose outer product it is.

    Exact for integers. For floats, the absolute differences between products and taps add up to at most
    ``4 eps sum|taps|``. The row always has a positive tap, so the factors of a smoothing kernel are positive.

    Returns
    -------
    (column, row) of 1-D arrays, or None if the rank is not one.

    Examples
    --------
    >>> column, row = separate([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    >>> column.tolist(), row.tolist()
    ([1, 2, 1], [-1, 0, 1])
    """
    taps = np.asarray(matrix)
    if not taps.any():
        return None
    whole = taps.dtype.kind in "iu"
    sizes = taps != 0 if whole else np.abs(taps)  # the smallest integer has no absolute value
    pivot_row, pivot_column = np.unravel_index(np.argmax(sizes), taps.shape)
    if whole:
        row = taps[pivot_row] // np.gcd.reduce(taps[pivot_row])
        row = -row if row.max() <= 0 else row
        column = taps[:, pivot_column] // row[pivot_column]
        exact = bool(np.array_equal(_outer(column, row), taps))
        return (column, row) if exact else None
    row = taps[pivot_row] / taps[pivot_row, pivot_column]
    column = taps[:, pivot_column]
    _, exponent = np.frexp(sizes.max())  # sums and differences of the largest taps would overflow
    taps = np.ldexp(taps, -exponent)
    error = np.abs(_outer(np.ldexp(column, -exponent), row) - taps).sum()
    return (column, row) if error <= 4 * np.finfo(np.float64).eps * np.abs(taps).sum() else None


def kernel_array(value: ArrayLike, name: str = "kernel", *, axes: int = 2) -> Matrix:
    """Check that a value is a kernel: not empty, finite numbers, at most 1,048,576 taps.

    Parameters
    ----------
    value : array (f_h, f_w)
        With `axes` 4 also (f_h, f_w, C) or (f_h, f_w, C, F).
    name : str
        The name to use in messages.
    axes : int
        The largest number of axes to accept.

    Returns
    -------
    array
        int64 for whole-number types, else float64.

    Raises
    ------
    KernelError
        It is not a kernel.

    Examples
    --------
    >>> kernel_array([[1, 0, -1]]).dtype
    dtype('int64')
    """
    if isinstance(value, str):
        raise KernelError(
            f"{name} {value[:50]!r}", 'is text; use kernel("sobel-x") or parse_kernel("1 0 -1")'
        )
    wanted = (
        "must have two axes (rows, columns)" if axes == 2 else "must have two to four axes (f_h, f_w, C, F)"
    )
    try:
        taps = np.asarray(value)
    except ValueError:
        too_deep = f"is nested too deeply; {wanted}"
        why = too_deep if _is_deeper(value, axes) else "has rows of different lengths"
        raise KernelError(name, why) from None
    if taps.dtype.kind not in "biuf":
        raise KernelError(name, f"must hold real numbers, not {taps.dtype}")
    if not 2 <= taps.ndim <= axes:
        found = f"; its shape is {taps.shape}" if taps.size else "; it is empty"
        raise KernelError(name, f"{wanted}{found}")
    if not 0 < taps.size <= MAX_TAPS:
        raise KernelError(name, f"is {'x'.join(map(str, taps.shape))}; must have 1 to {MAX_TAPS} taps")
    if taps.dtype.kind == "f":
        places = np.argwhere(~np.isfinite(taps))
        if places.size:
            row, column = places[0][:2]
            tap = taps[tuple(places[0])]
            raise KernelError(name, f"row {row + 1}, column {column + 1} is {tap}, not finite")
        return taps.astype(np.float64)
    if taps.dtype == np.uint64 and taps.max() > np.iinfo(np.int64).max:
        raise KernelError(name, f"the tap {taps.max()} does not fit in int64; write it as a float")
    return taps.astype(np.int64)


def _is_deeper(value: object, axes: int) -> bool:
    """Whether lists are nested more than `axes` deep, judged by the first of each."""
    for _ in range(axes):
        value = value[0] if isinstance(value, list | tuple) and value else None
    return isinstance(value, list | tuple)


# Typed kernels ------------------------------------------------------------------------------------------


def parse_kernel(text: str, name: str = "kernel") -> Matrix:
    """Read a typed kernel.

    Rows are separated by ``;`` or newlines, numbers by spaces or commas; ``1/9`` is a fraction. Rows in
    brackets, as JSON and Python write them, are accepted as well.

    Returns
    -------
    2-D array
        int64 if every tap is a whole number, else float64.

    Raises
    ------
    KernelError
        It is empty or ragged, or a cell is not a finite number; the message gives row and column.

    Examples
    --------
    >>> parse_kernel("1 0 -1; 2 0 -2; 1 0 -1").tolist()
    [[1, 0, -1], [2, 0, -2], [1, 0, -1]]
    >>> parse_kernel("1/4, 1/2, 1/4").tolist()
    [[0.25, 0.5, 0.25]]
    """
    if text.lstrip().startswith("["):
        return _parse_json(text, name)
    try:
        return _whole_if_exact(kernel_array(parse_matrix(text, name, max_cells=MAX_TAPS), name))
    except MatrixError as error:
        raise KernelError(error.what, error.why) from None


def _whole_if_exact(taps: Matrix) -> Matrix:
    """Return the taps as int64 if each is a whole number, however it was written."""
    exact = taps.dtype.kind == "f" and bool((taps % 1 == 0).all()) and bool((np.abs(taps) < 2**53).all())
    return taps.astype(np.int64) if exact else taps


def read_kernel(path: str | Path, *, axes: int = 2) -> Matrix:
    """Read a kernel from a file: rows in ``.csv`` or ``.txt``, ``.json``, ``.npy``.

    JSON holds the rows, ``[[1, 0, -1]]``, or an object with the rows under ``"kernel"``. With `axes` 4, JSON
    and ``.npy`` may also hold a volume (f_h, f_w, C) or a bank (f_h, f_w, C, F).

    Returns
    -------
    array
        int64 if every tap is a whole number, else float64.

    Raises
    ------
    KernelError
        The file cannot be read, has another extension, or does not hold a kernel.
    """
    file, name = Path(path), str(path)
    if not name:
        raise KernelError("--kernel @", "a file name is missing, as in --kernel @kernel.csv")
    try:
        if file.suffix.lower() not in KERNEL_FILES:
            *others, last = KERNEL_FILES
            raise KernelError(name, f"the name of a kernel file must end in {', '.join(others)} or {last}")
        with open_input(file) as stream:
            if file.suffix.lower() == ".npy":
                return _whole_if_exact(kernel_array(read_npy(stream, name, most=MAX_TAPS), name, axes=axes))
            content = stream.read(64 * MAX_TAPS + 1)
        if len(content) > 64 * MAX_TAPS:
            raise KernelError(name, TOO_LONG)
        text = content.decode("utf-8-sig")
        return _parse_json(text, name, axes) if file.suffix.lower() == ".json" else parse_kernel(text, name)
    except OSError as error:
        raise KernelError(name, reason(error)) from None
    except UnicodeDecodeError:
        raise KernelError(name, "is not UTF-8 text") from None
    except MatrixError as error:
        raise KernelError(error.what, error.why) from None


def _parse_json(text: str, name: str, axes: int = 2) -> Matrix:
    if text.count(",") > 2 * MAX_TAPS:  # the file may hold a little more than the taps
        raise KernelError(name, TOO_LONG)
    try:
        value = json.loads(text, parse_int=whole_number)
    except ValueError as error:
        raise KernelError(name, f"is not JSON: {error}") from None
    except RecursionError:
        raise KernelError(name, "is nested too deeply; write rows of numbers, as in [[1, 0, -1]]") from None
    rows = value.get("kernel") if isinstance(value, dict) else value
    if rows is None:
        raise KernelError(name, 'has no "kernel"; write {"kernel": [[1, 0, -1]]}')
    if isinstance(rows, str):
        raise KernelError(name, f'has text as its kernel, {rows[:50]!r}; write {{"kernel": [[1, 0, -1]]}}')
    return _whole_if_exact(kernel_array(rows, name, axes=axes))

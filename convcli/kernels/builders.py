"""Builders of kernels that take options: derivatives of any angle, Gaussians, Gabor filters."""

import math
import operator
from collections.abc import Callable, Mapping
from itertools import chain
from typing import NamedTuple

from convcli.errors import FilterError
from convcli.kernels.filter import MAX_TAPS, Combination, Matrix, outer_product

__all__ = [
    "CatalogEntry",
    "Choice",
    "Option",
    "OptionValues",
    "box",
    "compass_kernels",
    "derivatives",
    "difference_of_gaussians",
    "fixed_kernel",
    "gabor",
    "gaussian",
    "kernel_size",
    "laplacian_of_gaussian",
]


class Option(NamedTuple):
    """A numeric option of a filter; a `default` of None means that it is computed from the other options."""

    description: str
    default: float | None
    minimum: float = -math.inf
    maximum: float = math.inf
    integer: bool = False
    odd: bool = False


class Choice(NamedTuple):
    """An option of a filter that is a word: how the responses of its kernels are combined."""

    description: str
    default: str
    combinations: Mapping[str, Combination]


OptionValues = dict[str, float]  # by name; options with neither a value nor a default are left out
Kernels = tuple[Matrix, ...]


class CatalogEntry(NamedTuple):
    """An entry of the catalog: a named filter."""

    name: str
    summary: str
    responds_to: str
    source: str
    build: Callable[[OptionValues], Kernels]
    options: Mapping[str, Option | Choice] = {}
    combination: Combination = Combination.SINGLE
    divisor: Callable[[OptionValues], int] = lambda _: 1
    steered_title: str = ""  # name of the family, if an angle turns the filter into one steered derivative

    @property
    def defaults(self) -> OptionValues:
        """The defaults of the numeric options that have one."""
        numeric = {name: option for name, option in self.options.items() if isinstance(option, Option)}
        return {name: option.default for name, option in numeric.items() if option.default is not None}


# Taps, as published --------------------------------------------------------------------------------------

BINOMIAL = {3: (1, 2, 1), 5: (1, 4, 6, 4, 1), 7: (1, 6, 15, 20, 15, 6, 1)}
SOBEL_DERIVATIVE = {3: (-1, 0, 1), 5: (-1, -2, 0, 2, 1), 7: (-1, -4, -5, 0, 5, 4, 1)}
ROBERTS_X = ((-1, 0), (0, 1))  # derivative along the diagonal to the lower right
ROBERTS_Y = ((0, -1), (1, 0))  # derivative along the diagonal to the lower left


def kernel_size(options: OptionValues, default: int) -> int:
    """Return the kernel size that was asked for, or the default."""
    return int(options.get("size", default))


def _centered_positions(size: int) -> list[float]:
    return [index - (size - 1) / 2 for index in range(size)]


def _combine(function: Callable[..., float], *matrices: Matrix) -> Matrix:
    """Return the matrix of what a function makes of the numbers at the same place in each matrix."""
    return tuple(tuple(map(function, *rows)) for rows in zip(*matrices, strict=True))


def _prewitt(size: int) -> Matrix:
    return outer_product((1,) * size, range(-(size // 2), size // 2 + 1))


def _x_and_y(x_kernel: Matrix) -> Kernels:
    return x_kernel, tuple(zip(*x_kernel, strict=True))


PAIRS: dict[str, Callable[[OptionValues], Kernels]] = {
    "prewitt": lambda options: _x_and_y(_prewitt(kernel_size(options, 3))),
    "sobel": lambda options: _x_and_y(
        outer_product(BINOMIAL[kernel_size(options, 3)], SOBEL_DERIVATIVE[kernel_size(options, 3)])
    ),
    "scharr": lambda _: _x_and_y(outer_product((3, 10, 3), (-1, 0, 1))),
    "roberts": lambda _: (ROBERTS_X, ROBERTS_Y),
    "freichen": lambda _: _x_and_y(outer_product((1, math.sqrt(2), 1), (-1, 0, 1))),
    "textbook": lambda _: _x_and_y(outer_product((1, 1, 1), (1, 0, -1))),
}


def _cosine_sine(degrees: float) -> tuple[float, float]:
    """Return cosine and sine, exact at multiples of 90 degrees."""
    quarter, rest = divmod(degrees % 360, 90)
    cosine, sine = math.cos(math.radians(rest)), math.sin(math.radians(rest))
    for _ in range(int(quarter) % 4):
        cosine, sine = -sine, cosine
    return cosine + 0.0, sine + 0.0


def _steered_kernel(family: str, options: OptionValues) -> Kernels:
    """Return a family's derivative in the direction of ``options["angle"]``.

    y points down on the screen, so the derivative at a counter-clockwise angle is cos·x - sin·y.
    """
    x_kernel, y_kernel = PAIRS[family](options)
    axis_angle = 45.0 if family == "roberts" else 0.0  # its "x" points to the lower right
    cosine, sine = _cosine_sine(options["angle"] + axis_angle)
    matrix = _combine(lambda x, y: cosine * x - sine * y, x_kernel, y_kernel)
    negligible = 1e-15 * max(abs(tap) for row in matrix for tap in row)
    return (_combine(lambda tap: tap if abs(tap) >= negligible else 0.0, matrix),)


def derivatives(family: str, *indices: int) -> Callable[[OptionValues], Kernels]:
    """Return a builder of a pair's kernels at these indices or, given an angle, of the steered kernel."""

    def build(options: OptionValues) -> Kernels:
        if "angle" in options:
            return _steered_kernel(family, options)
        pair = PAIRS[family](options)
        return tuple(pair[index] for index in indices)

    return build


def compass_kernels(first: tuple[tuple[int, ...], ...]) -> Callable[[OptionValues], Kernels]:
    """Return a builder of eight kernels: a 3x3 kernel with its outer ring rotated in steps of 45 degrees."""
    ring = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))

    def build(_: OptionValues) -> Kernels:
        matrices = []
        for turn in range(8):
            rows = [list(row) for row in first]
            for index, (row, column) in enumerate(ring):
                from_row, from_column = ring[(index + turn) % len(ring)]
                rows[row][column] = first[from_row][from_column]
            matrices.append(tuple(map(tuple, rows)))
        return tuple(matrices)

    return build


def fixed_kernel(rows: Matrix) -> Callable[[OptionValues], Kernels]:
    """Return a builder of a kernel that takes no options."""
    return lambda _: (rows,)


def _gaussian_coefficients(sigma: float, size: int) -> list[float]:
    deviations = [position / sigma for position in _centered_positions(size)]
    taps = [math.exp(-0.5 * (deviation * deviation)) for deviation in deviations]
    total = math.fsum(taps)
    return [tap / total for tap in taps]


def _covering_size(sigma: float, deviations: int = 4) -> int:
    """Return the odd kernel size that covers a Gaussian to this many standard deviations."""
    size = 2 * math.ceil(deviations * sigma) + 1
    if size * size > MAX_TAPS:
        raise FilterError(
            f"sigma {sigma:g}",
            f"needs a {size}x{size} kernel, more than {MAX_TAPS} coefficients; lower sigma",
        )
    return size


def gaussian(options: OptionValues) -> Kernels:
    """Build a binomial kernel, or a sampled Gaussian if sigma is given."""
    if "sigma" not in options:
        size = kernel_size(options, 3)
        if size not in BINOMIAL:
            raise FilterError(f"gaussian:size={size}", "must be 3, 5 or 7; for other sizes give sigma too")
        fractions = [tap / 2 ** (size - 1) for tap in BINOMIAL[size]]
        return (outer_product(fractions, fractions),)
    sigma = options["sigma"]
    taps = _gaussian_coefficients(sigma, kernel_size(options, 0) or _covering_size(sigma))
    return (outer_product(taps, taps),)


def laplacian_of_gaussian(options: OptionValues) -> Kernels:
    """Build a Laplacian of Gaussian whose coefficients sum to zero."""
    sigma = options["sigma"]
    size = kernel_size(options, 0) or _covering_size(sigma)
    taps = _gaussian_coefficients(sigma, size)
    gaussian = outer_product(taps, taps)
    squares = [position * position for position in _centered_positions(size)]
    squared_radius = tuple(tuple(x + y for x in squares) for y in squares)
    twice, fourth = 2 * sigma**2, sigma**4
    matrix = _combine(lambda r, weight: (r - twice) / fourth * weight, squared_radius, gaussian)
    return (_zero_sum(matrix, gaussian),)


def difference_of_gaussians(options: OptionValues) -> Kernels:
    """Build a difference of Gaussians whose coefficients sum to zero."""
    sigma, ratio = options["sigma"], options["ratio"]
    size = kernel_size(options, 0) or _covering_size(sigma * ratio)
    narrow, wide = (_gaussian_coefficients(spread, size) for spread in (sigma, sigma * ratio))
    envelope = outer_product(wide, wide)
    return (_zero_sum(_combine(operator.sub, envelope, outer_product(narrow, narrow)), envelope),)


def gabor(options: OptionValues) -> Kernels:
    """Build the even Gabor filter: a cosine under a Gaussian, summing to zero."""
    wavelength, aspect = options["wavelength"], options["aspect"]
    sigma = options.get("sigma", 0.56 * wavelength)
    size = kernel_size(options, 0) or _covering_size(sigma / min(aspect, 1.0), 3)
    cosine, sine = _cosine_sine(options["angle"])
    positions = _centered_positions(size)
    along = tuple(tuple(cosine * x - sine * y for x in positions) for y in positions)
    across = tuple(tuple(aspect * (sine * x + cosine * y) for x in positions) for y in positions)
    variance, phase = sigma**2, math.radians(math.fmod(options["phase"], 360))
    envelope = _combine(lambda a, b: math.exp(-0.5 * (a * a + b * b) / variance), along, across)
    wave = _combine(lambda weight, a: weight * math.cos(math.tau * a / wavelength + phase), envelope, along)
    wave = _zero_sum(wave, envelope)
    positive = math.fsum(tap for row in wave for tap in row if tap > 0)
    if not positive > 1e-9:
        raise FilterError(f"gabor:size={size}", "is too small to hold any of the wave; use a larger size")
    return (_zero_sum(_combine(lambda tap: tap / positive, wave), envelope),)


def _zero_sum(matrix: Matrix, envelope: Matrix) -> Matrix:
    """Subtract a multiple of the envelope so that the taps add up to zero."""
    factor = math.fsum(chain(*matrix)) / math.fsum(chain(*envelope))
    return _combine(lambda tap, weight: tap - weight * factor, matrix, envelope)


def box(options: OptionValues) -> Kernels:
    """Build the mean of a square window."""
    size = kernel_size(options, 3)
    return (((1 / size**2,) * size,) * size,)

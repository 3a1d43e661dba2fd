"""Least squares for filters with many weights: normal equations, without a matrix of patches.

With the patches as the rows of a matrix A, the weights w of the least squared error solve A'A w = A'y. For a
filter of 63x63, A'A has 3970 rows, and A has 160,000 for a picture of 512x512. But the columns of A are
shifted pictures, so A'A follows from a few correlations of the picture with itself, and from the pixels at
its border.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from convcli.learning.examples import Example
from convcli.learning.problem import ZERO_VARIANCE, patch_matrix
from convcli.learning.results import Array

__all__ = ["NormalEquations", "patch_gram"]

BLOCK = 256  # rows of a triangle that are solved at once
POWER_STEPS = 30  # of the power iteration that finds the largest eigenvalue
REFINEMENTS = 3  # corrections of a solution by the residual of the patches
Shape = tuple[int, int, int]


class NormalEquations:
    """The equations of several examples, whose last weight is a bias.

    If few pixels of the targets are unusable, their patches are subtracted from the sums over all patches.
    Otherwise the equations are those of a random sample of the usable patches.
    """

    def __init__(
        self, examples: Sequence[Example], shape: Shape, rng: np.random.Generator, max_elements: int
    ) -> None:
        self.shape = shape
        count = int(np.prod(shape)) + 1
        unusable = sum(int((~example.usable[: example.held_out]).sum()) for example in examples)
        if unusable * count <= max_elements:
            self._parts: list[_AllPatches | _SampledPatches] = [
                _AllPatches(one, shape) for one in examples if one.held_out
            ]
        else:
            self._parts = [_SampledPatches(*patch_matrix(examples, shape, rng, max_elements))]
        self.targets = np.concatenate([part.targets for part in self._parts])
        self.count = count
        self._gram = np.zeros((count, count))
        for part in self._parts:
            self._gram += part.gram()

    def outputs(self, weights: Array) -> Array:
        """Return the output of a filter for each target."""
        return np.concatenate([part.outputs(weights) for part in self._parts])

    def solve(self, targets: Array) -> Array:
        """Return the weights of least squared error, and of least length if several have it."""
        weights: Array = np.zeros(self.count)
        for _ in range(1 + REFINEMENTS):
            weights = weights + self._apply_inverse(self._project(targets - self.outputs(weights)))
        return weights

    def _project(self, values: Array) -> Array:
        """Return the sum of all patches, each times its value."""
        ends = np.cumsum([len(part.targets) for part in self._parts])
        pieces = np.split(values, ends[:-1])
        projections = [part.project(piece) for part, piece in zip(self._parts, pieces, strict=True)]
        return np.asarray(np.sum(projections, 0))

    def _apply_inverse(self, right: Array) -> Array:
        if isinstance(self._inverse, _Triangle):
            return self._inverse.solve(right)
        variances, directions = self._inverse
        solution: Array = directions @ ((directions.T @ right) / variances)
        return solution

    @cached_property
    def _inverse(self) -> "_Triangle | tuple[Array, Array]":
        """The Cholesky factor, or the eigenvalues and eigenvectors if some of them count as zero."""
        vector: Array = np.ones(self.count)
        for _ in range(POWER_STEPS):
            vector = self._gram @ vector
            vector /= np.linalg.norm(vector)
        smallest = ZERO_VARIANCE * float(vector @ self._gram @ vector)
        diagonal = np.einsum("ii->i", self._gram)
        try:
            diagonal -= smallest  # has a factor only if all eigenvalues are larger
            np.linalg.cholesky(self._gram)
        except np.linalg.LinAlgError:
            diagonal += smallest
            variances, directions = np.linalg.eigh(self._gram)
            varying = variances > smallest
            return variances[varying], directions[:, varying]
        diagonal += smallest
        return _Triangle(np.linalg.cholesky(self._gram))


class _Triangle:
    """A Cholesky factor, which solves the equations of its matrix."""

    def __init__(self, lower: Array) -> None:
        self.lower = lower

    def solve(self, right: Array) -> Array:
        lower, solution = self.lower, right.copy()
        starts = range(0, len(right), BLOCK)
        for start in starts:
            block = slice(start, start + BLOCK)
            solution[block] -= lower[block, :start] @ solution[:start]
            solution[block] = np.linalg.solve(lower[block, block], solution[block])
        for start in reversed(starts):
            block = slice(start, start + BLOCK)
            solution[block] -= lower[start + BLOCK :, block].T @ solution[start + BLOCK :]
            solution[block] = np.linalg.solve(lower[block, block].T, solution[block])
        return solution


class _SampledPatches:
    """Patches as the rows of a matrix."""

    def __init__(self, patches: Array, targets: Array) -> None:
        self.patches, self.targets = patches, targets

    def gram(self) -> Array:
        return np.asarray(self.patches.T @ self.patches)

    def outputs(self, weights: Array) -> Array:
        return np.asarray(self.patches @ weights)

    def project(self, values: Array) -> Array:
        return np.asarray(values @ self.patches)


class _AllPatches:
    """All usable patches of an example, but for its held-out rows."""

    def __init__(self, example: Example, shape: Shape) -> None:
        self.example, self.shape = example, shape
        self.usable = example.usable[: example.held_out]
        self.targets = example.target[: example.held_out][self.usable]
        self.pixels = example.pixels[: example.held_out + shape[0] - 1]
        # Of circular correlations: at the lags that are used they do not wrap.
        self.sides = self.pixels.shape[:2]

    def gram(self) -> Array:
        count = int(np.prod(self.shape)) + 1
        full = np.empty((count, count))
        full[:-1, :-1] = patch_gram(self.pixels, self.shape)
        full[-1] = full[:, -1] = np.append(self._correlate(np.ones(self.usable.shape)), self.usable.size)
        rows, columns = np.nonzero(~self.usable)
        if len(rows):
            windows = sliding_window_view(self.pixels, self.shape[:2], (0, 1))[rows, columns]
            patches = np.ones((len(rows), count))
            patches[:, :-1] = windows.transpose(0, 2, 3, 1).reshape(len(rows), -1)
            full -= patches.T @ patches
        return full

    def outputs(self, weights: Array) -> Array:
        taps = weights[:-1].reshape(self.shape)
        spectrum = np.fft.rfft2(taps, self.sides, (0, 1)).conj()
        sums = np.fft.irfft2((self._spectrum * spectrum).sum(2), self.sides)
        height, width = self.usable.shape
        return np.asarray(sums[:height, :width][self.usable] + weights[-1])

    def project(self, values: Array) -> Array:
        layer = np.zeros(self.usable.shape)
        layer[self.usable] = values
        return np.append(self._correlate(layer), values.sum())

    def _correlate(self, layer: Array) -> Array:
        """Return, for each weight, the sum of its pixels in all patches, each times the patch's value."""
        spectrum = np.fft.rfft2(layer, self.sides).conj()[..., None]
        sums = np.fft.irfft2(self._spectrum * spectrum, self.sides, (0, 1))
        return np.asarray(sums[: self.shape[0], : self.shape[1]].reshape(-1))

    @cached_property
    def _spectrum(self) -> Array:
        return np.asarray(np.fft.rfft2(self.pixels, self.sides, (0, 1)))


def patch_gram(pixels: Array, shape: Shape) -> Array:
    """Return the sums of the products of each two pixels of a patch, over all patches of an image.

    Parameters
    ----------
    pixels : array (H, W, C)
    shape : (f_h, f_w, C)
        Of a patch.

    Returns
    -------
    array (f_h * f_w * C, f_h * f_w * C)
        The product of the matrix of patches, transposed, with itself.

    Examples
    --------
    >>> patch_gram(np.array([[[1.0], [2.0], [3.0]]]), (1, 2, 1)).round(9).tolist()
    [[5.0, 8.0], [8.0, 13.0]]
    """
    f_h, f_w, channels = shape
    height, width = pixels.shape[0] - f_h + 1, pixels.shape[1] - f_w + 1
    size = f_w * channels  # of a row of a patch
    gram = np.empty((f_h, size, f_h, size))  # of each row and value with each row and value
    gram[0] = _first_row(pixels, shape).reshape(size, f_h, size)
    # The sums of rows i + 1 and k + 1 are those of rows i and k, but without the first row of the picture and
    # with one after the last.
    windows = sliding_window_view(pixels, f_w, 1).transpose(1, 0, 3, 2).reshape(width, len(pixels), size)
    step = _products(windows[:, height:]) - _products(windows[:, : f_h - 1])
    for row in range(1, f_h):
        gram[row, :, 1:] = gram[row - 1, :, :-1] + step[row - 1]
        gram[row, :, 0] = gram[0, :, row].T
    return gram.reshape(f_h * size, f_h * size)


def _products(windows: Array) -> Array:
    """Return the products of rows (width, rows, size) with each other, summed over the width."""
    width, rows, size = windows.shape
    columns = windows.reshape(width, rows * size)
    return np.asarray(columns.T @ columns).reshape(rows, size, rows, size)


def _first_row(pixels: Array, shape: Shape) -> Array:
    """Return the sums of products of the first row of a patch with all rows, (f_w, C, f_h, f_w, C)."""
    f_h, f_w, channels = shape
    height, width = pixels.shape[0] - f_h + 1, pixels.shape[1] - f_w + 1
    sums = np.empty((f_w, channels, f_h, f_w, channels))
    right = _correlations(pixels[:height, :width], pixels)  # its first column with all columns
    left = _correlations(pixels[:height], pixels[:, :width])  # all its columns with the first column
    sums[0] = right[:f_h, :f_w].transpose(2, 0, 1, 3)
    sums[:, :, :, 0] = left[:f_h, -np.arange(f_w)].transpose(1, 2, 0, 3)
    step = _edge_products(pixels[:, width:], f_h) - _edge_products(pixels[:, : f_w - 1], f_h)
    for column in range(1, f_w):
        sums[column, :, :, 1:] = sums[column - 1, :, :, :-1] + step[column - 1]
    return sums


def _correlations(first: Array, second: Array) -> Array:
    """Return the correlations of each channel with each of another array, (H, W, C, C), by circular lag."""
    sides = [max(one, other) for one, other in zip(first.shape[:2], second.shape[:2], strict=True)]
    spectra = [np.fft.rfft2(array, sides, (0, 1)) for array in (first, second)]
    product = spectra[0].conj()[..., :, None] * spectra[1][..., None, :]
    return np.asarray(np.fft.irfft2(product, sides, (0, 1)))


def _edge_products(edge: Array, f_h: int) -> Array:
    """Return the products of columns (H, f_w - 1, C) with those further down, summed over rows.

    The result is (f_w - 1, C, f_h, f_w - 1, C).
    """
    _, count, channels = edge.shape
    columns = edge.reshape(len(edge), count * channels)
    shifted = sliding_window_view(columns, len(edge) - f_h + 1, 0)  # (f_h, columns, rows)
    products = shifted @ columns[: len(edge) - f_h + 1]
    return products.transpose(2, 0, 1).reshape(count, channels, f_h, count, channels)

"""The named filter nearest to a learned one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.errors import FilterError, KernelError
from convcli.kernels.catalog import CATALOG
from convcli.kernels.filter import Combination, Filter
from convcli.kernels.lookup import get_filter
from convcli.pictures.arrays import check_unmasked

__all__ = ["NearestFilter", "named_kernels", "nearest_filter"]


class NearestFilter(NamedTuple):
    """The named filter nearest to some taps: they are about `scale` times it, rotated to `angle`."""

    name: str
    angle: float | None
    scale: float
    similarity: float

    def __str__(self) -> str:
        rotated = "" if self.angle is None else f" at {self.angle:.1f} degrees"
        return f"{self.name}{rotated}, scaled {self.scale:.2f} (similarity {self.similarity:.4f})"


def nearest_filter(taps: ArrayLike) -> NearestFilter | None:
    """Find the named filter nearest to some coefficients, up to a factor; None if no filter has their size.

    Examples
    --------
    >>> import convcli
    >>> str(convcli.nearest_filter([[-2, 0, 2], [-4, 0, 4], [-2, 0, 2]]))
    'sobel-x, scaled 2.00 (similarity 1.0000)'
    >>> str(convcli.nearest_filter(convcli.get_filter("scharr-x", angle=70).kernels[0]))
    'scharr-x at 70.0 degrees, scaled 1.00 (similarity 1.0000)'
    """
    check_unmasked(taps, "kernel", KernelError)
    matrix = np.asarray(taps, np.float64)
    length = float(np.linalg.norm(matrix))
    if matrix.ndim != 2 or not length or not math.isfinite(length):
        return None
    candidates = []
    for name, coefficients in named_kernels(matrix.shape):
        scale = float(np.vdot(matrix, coefficients) / np.vdot(coefficients, coefficients))
        similarity = abs(scale) * float(np.linalg.norm(coefficients)) / length
        candidates.append(NearestFilter(name, None, scale, similarity))
        rotated = _quarter_turns(name)
        if rotated:  # cosine and sine of the angle are the weights of these two
            basis = np.stack([one.kernels[0].ravel() for one in rotated], axis=1).astype(np.float64)
            along, across = np.linalg.lstsq(basis, matrix.ravel(), rcond=None)[0].tolist()
            similarity = float(np.linalg.norm(basis @ [along, across])) / length
            angle = math.degrees(math.atan2(across, along))
            candidates.append(NearestFilter(name, angle, math.hypot(along, across), similarity))
    # Prefer a named direction to an angle, unless another filter is clearly nearer.
    return max(candidates, key=lambda near: near.similarity - 1e-3 * (near.angle is not None), default=None)


def named_kernels(shape: tuple[int, ...]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield the names and coefficients of the named filters of one kernel that have, or take, a shape.

    Examples
    --------
    >>> [name for name, _ in named_kernels((5, 5))][:4]
    ['prewitt-x:size=5', 'prewitt-y:size=5', 'sobel-x:size=5', 'sobel-y:size=5']
    """
    for name, entry in CATALOG.items():
        if entry.combination != Combination.SINGLE:
            continue
        sizes = {"size": float(shape[0])} if "size" in entry.options else {}
        try:
            coefficients = get_filter(name, **sizes).kernels[0].astype(np.float64)
        except FilterError:
            continue
        if coefficients.shape == shape and coefficients.any():
            has_default_size = not sizes or entry.defaults.get("size") == sizes["size"]
            yield name if has_default_size else f"{name}:size={shape[0]}", coefficients


def _quarter_turns(name: str) -> list[Filter]:
    """Return a filter at 0 and at 90 degrees, if every other angle is a mixture of the two."""
    entry = CATALOG[name.partition(":")[0]]
    if "angle" not in entry.options or entry.name == "gabor":
        return []
    return [get_filter(name, angle=angle) for angle in (0, 90)]

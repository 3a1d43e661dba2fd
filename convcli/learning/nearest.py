"""The named filter nearest to a learned one."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from convcli.errors import FilterError
from convcli.kernels.catalog import CATALOG
from convcli.kernels.filter import Combination
from convcli.kernels.named import get_filter

__all__ = ["NearestFilter", "nearest_filter"]


class NearestFilter(NamedTuple):
    """The named filter nearest to some taps: they are about `scale` times it, rotated to `angle`."""

    name: str
    angle: float | None
    scale: float
    similarity: float

    def __str__(self) -> str:
        turned = "" if self.angle is None else f" at {self.angle:.1f} degrees"
        return f"{self.name}{turned}, scaled {self.scale:.2f} (similarity {self.similarity:.4f})"


def nearest_filter(taps: ArrayLike) -> NearestFilter | None:
    """Find the named filter nearest to some taps, up to a factor; None if no filter has their size.

    Examples
    --------
    >>> str(nearest_filter([[-2, 0, 2], [-4, 0, 4], [-2, 0, 2]]))
    'sobel-x, scaled 2.00 (similarity 1.0000)'
    >>> str(nearest_filter(get_filter("scharr-x", angle=70).kernels[0]))
    'scharr-x at 70.0 degrees, scaled 1.00 (similarity 1.0000)'
    """
    matrix = np.asarray(taps, np.float64)
    length = float(np.linalg.norm(matrix))
    if matrix.ndim != 2 or not length or not math.isfinite(length):
        return None
    found = []
    for name, entry in CATALOG.items():
        if entry.combination != Combination.SINGLE:
            continue
        sizes = {"size": float(matrix.shape[0])} if "size" in entry.options else {}
        try:
            plain = get_filter(name, **sizes).kernels[0].astype(np.float64)
            if plain.shape != matrix.shape or not plain.any():
                continue
            steered = "angle" in entry.options and name != "gabor"
            turned = [get_filter(name, **sizes, angle=angle) for angle in (0, 90)] if steered else []
        except FilterError:
            continue
        usual = not sizes or entry.options["size"].default == sizes["size"]
        shown = name if usual else f"{name}:size={len(matrix)}"
        scale = float(np.vdot(matrix, plain) / np.vdot(plain, plain))
        found.append(NearestFilter(shown, None, scale, abs(scale) * float(np.linalg.norm(plain)) / length))
        if turned:  # cosine and sine of the angle are the weights of these two
            both = np.stack([one.kernels[0].ravel() for one in turned], axis=1).astype(np.float64)
            along, across = np.linalg.lstsq(both, matrix.ravel(), rcond=None)[0].tolist()
            similarity = float(np.linalg.norm(both @ [along, across])) / length
            angle = math.degrees(math.atan2(across, along))
            found.append(NearestFilter(shown, angle, math.hypot(along, across), similarity))
    # Prefer a named direction to an angle, unless another filter is clearly nearer.
    return max(found, key=lambda one: one.similarity - 1e-3 * (one.angle is not None), default=None)

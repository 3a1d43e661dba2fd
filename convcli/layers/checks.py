"""Checks of activations and their gradients."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.errors import SizeError
from convcli.pictures.arrays import check_unmasked

__all__ = ["INPUT_AXES", "OUTPUT_AXES", "WEIGHT_AXES", "Array", "check_activations", "labeled_shape"]

Array = NDArray[Any]
OUTPUT_AXES = ("m", "n_h", "n_w", "n_c")
INPUT_AXES = ("m", "n_h_prev", "n_w_prev", "n_c_prev")
WEIGHT_AXES = ("f_h", "f_w", "n_c_prev / groups", "n_c")


def check_activations(value: ArrayLike, name: str, axes: tuple[str, ...]) -> Array:
    """Return a 4-D array as float32 or float64, in native byte order."""
    check_unmasked(value, name, SizeError)
    array = np.asarray(value)
    if array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
        raise SizeError(name, f"must hold real numbers, not {array.dtype}")
    if array.ndim != 4 or array.size == 0:
        raise SizeError(
            f"{name} {array.shape}", f"must have the axes ({', '.join(axes)}), none of them empty"
        )
    return array.astype(np.float32 if array.dtype.str[1:] == "f4" else np.float64, order="C", copy=False)


def labeled_shape(shape: tuple[int, ...], axes: tuple[str, ...]) -> str:
    """Return a shape with the names of its axes, for error messages."""
    return f"({', '.join(f'{axis} = {length}' for axis, length in zip(axes, shape, strict=True))})"

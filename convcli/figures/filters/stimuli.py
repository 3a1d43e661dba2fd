"""Stimuli: pictures of an edge or a bar at an angle, as orientation tuning moves them across a filter."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.kernels.orientation_tuning import TuningCurve

__all__ = ["preferred_angle", "stimulus_pixels"]


def stimulus_pixels(angle: float, side: int, width: float = math.inf) -> NDArray[np.float64]:
    """Draw an edge, or a bar of a finite width, through the center of a square.

    Parameters
    ----------
    angle : float
        Degrees counter-clockwise: the direction in which brightness changes; of an edge it grows.
    side : int
    width : float
        Of the bar, in pixels; infinite for an edge.

    Returns
    -------
    array (side, side)
        Brightness from 0 to 1.

    Examples
    --------
    >>> stimulus_pixels(0, 4).tolist()[0], stimulus_pixels(90, 3, width=1)[:, 0].tolist()
    ([0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0])
    """
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    positions = np.arange(side) - (side - 1) / 2
    distance = cosine * positions - sine * positions[:, np.newaxis]
    start = 0 if math.isinf(width) else -width / 2
    rise = np.clip(distance - start + 0.5, 0, 1)
    brightness: NDArray[Any] = rise if math.isinf(width) else rise - np.clip(distance + start + 0.5, 0, 1)
    return brightness.round(9)


def preferred_angle(curve: TuningCurve) -> float:
    """Return the first preferred angle of a filter, or that of the strongest response if it has none.

    Examples
    --------
    >>> from convcli.kernels.lookup import get_filter
    >>> from convcli.kernels.orientation_tuning import tuning_curves
    >>> preferred_angle(tuning_curves(get_filter("sobel-y"))[0])
    90.0
    """
    return curve.preferred[0] if curve.preferred else float(curve.angles[np.argmax(curve.responses)])

"""Recipes that kill the process that runs them, for tests of workers that die; workers import them from here."""

import os
import signal
from functools import partial
from pathlib import Path

from convcli.convolution.pooling import PoolMode
from convcli.networks.layer_types.pooling import Pooling
from convcli.pictures.picture import Picture
from convcli.pipeline.recipes.pooling import pool_recipe
from convcli.pipeline.recipes.recipe import Recipe, Result

__all__ = ["deadly_recipe"]

POOLING = pool_recipe(Pooling(window=(2, 2)), PoolMode.MAX, 1)


def deadly_recipe(graves: Path, times: int) -> Recipe:
    """Return max pooling that kills its process at pictures of 13 rows, but each of them so many times at most.

    It leaves a file in the folder for each kill.
    """
    return POOLING._replace(run=partial(_run, graves, times))


def _run(graves: Path, times: int, picture: Picture, numbers: bool) -> Result:
    height, width = picture.shape[:2]
    if height == 13:
        place = f"{height}x{width}"
        if len(list(graves.glob(f"{place}-*"))) < times:
            (graves / f"{place}-{os.getpid()}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return POOLING.run(picture, numbers)

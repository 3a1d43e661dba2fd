"""Headers that are cut or changed anywhere give an error of ours, or a picture; nothing else."""

import io

import numpy as np
import pytest

from convcli.errors import ImageError
from convcli.pictures.limits import Limits
from convcli.pictures.reading import load_picture
from tests.hostile.mutant_seeds import seeds

FILES = {seed.name: seed.content for seed in seeds()}
LIMITS = Limits(pixels=1 << 16, memory=1 << 27)
HEADER = 400  # bytes


def failure(data: bytes) -> ImageError | None:
    """Return the error of reading these bytes, if any; an error of another kind fails the test."""
    try:
        load_picture(io.BytesIO(data), "x", LIMITS)
    except ImageError as error:
        return error
    return None


def check(data: bytes) -> None:
    error = failure(data)
    assert error is None or (error.what == "x" and error.why)


@pytest.mark.thorough(every=5)
@pytest.mark.parametrize("name", FILES)
def test_a_header_that_is_cut_or_changed(name: str) -> None:
    data = FILES[name]
    assert failure(data) is None
    rng = np.random.default_rng(7)
    length = min(len(data), HEADER)
    cuts = rng.choice(length, min(length, 25), replace=False)
    assert all(failure(data[:cut]) for cut in cuts if cut < 8)
    for cut in cuts:
        check(data[:cut])
    for place in rng.choice(length, min(length, 60), replace=False):
        for value in (0, 255, data[place] ^ 1):
            check(data[:place] + bytes([value]) + data[place + 1 :])

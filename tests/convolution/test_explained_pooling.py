"""Pooled windows, held against naive loops."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli.convolution.explaining.pooled import explain_pooling
from convcli.convolution.pooling import pool
from convcli.errors import SizeError
from tests.support.sampling import examples


@settings(max_examples=examples(80), deadline=None)
@given(
    st.sampled_from(["max", "avg"]), st.integers(1, 3), st.integers(1, 4), st.booleans(), st.integers(0, 1 << 30),
    st.sampled_from([np.uint8, np.int64, np.float64]),
)  # fmt: skip
def test_windows_give_the_values_of_pool(
    mode: str, f: int, s: int, padded: bool, seed: int, dtype: type
) -> None:
    rng = np.random.default_rng(seed)
    image: Any = rng.integers(0, 6, (5, 7)).astype(dtype)
    p = f // 2 if padded else 0
    explained = explain_pooling(image, mode=mode, size=f, stride=s, padding=p)
    expected = pool(image, mode=mode, size=f, stride=s, padding=p)
    for row, column in np.ndindex(expected.shape):
        top, left = row * s - p, column * s - p
        window = explained.window(row, column)
        inside = {
            (y, x): image[y, x]
            for y in range(max(top, 0), min(top + f, 5))
            for x in range(max(left, 0), min(left + f, 7))
        }
        assert window.counted == list(inside.values())
        assert sum(value is None for line in window.values for value in line) == f * f - len(inside)
        value = explained.result_at(row, column)
        assert value == expected[row, column]
        if mode == "max":
            largest = max(inside.values())
            assert value == largest
            assert window.winners == tuple(place for place, found in inside.items() if found == largest)
        else:
            assert value == pytest.approx(sum(map(float, inside.values())) / len(inside))
            assert window.winners == ()


def test_nan_wins() -> None:
    image = [[1.0, np.nan], [2.0, 3.0]]
    assert explain_pooling(image).window(0, 0).winners == ((0, 1),)


def test_one_channel_at_a_time() -> None:
    with pytest.raises(SizeError, match="must have a single channel"):
        explain_pooling(np.zeros((2, 2, 3)))

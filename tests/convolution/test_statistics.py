"""Statistics of a result, against Python's own arithmetic."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from convcli.convolution import statistics
from convcli.convolution.statistics import RunningStatistics, Statistics, measure

TYPES = [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64]


@given(
    st.sampled_from(TYPES).flatmap(
        lambda dtype: hnp.arrays(dtype, st.tuples(st.integers(1, 9), st.integers(1, 5)))
    ),
    st.integers(1, 20),
)
@settings(deadline=None)
def test_numbers_are_those_of_python(values: Any, strip: int) -> None:
    finite = [value for value in values.ravel().tolist() if math.isfinite(value)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(statistics, "STRIP", strip)
        found = measure(values)
    if not finite:
        assert found == Statistics(None, None, None)
        return
    assert (found.lowest, found.highest) == (min(finite), max(finite))
    exact = (
        float(sum(map(Fraction, finite)) / len(finite)) if abs(max(finite, key=abs)) < 1e300 else found.mean
    )
    assert found.mean == pytest.approx(exact, rel=1e-12, abs=1e-12 * max(map(abs, finite)))


def test_integers_are_averaged_exactly() -> None:
    values = np.full((1000, 1000), 2**31 - 1, np.int32)
    values[0, 0] = 0
    assert measure(values).mean == (10**6 - 1) * (2**31 - 1) / 10**6


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_the_sum_of_the_largest_integers_does_not_overflow(dtype: Any) -> None:
    largest = np.iinfo(dtype).max
    found = measure(np.full((3, 4), largest, dtype))
    assert (found.lowest, found.highest, found.mean) == (largest, largest, float(largest))


@pytest.mark.parametrize(
    ("values", "mean"),
    [
        ([1.7e308, -1.7e308] * 8, 0),
        ([1.7e308] * 9, 1.7e308),
        ([1.5e308, 1.7e308, 1.6e308], 1.6e308),
        ([-np.finfo(float).max] * 1000, -np.finfo(float).max),
        ([1e308, 5, -1e308, np.inf], 0),
    ],
)
def test_the_mean_of_the_largest_floats_is_finite(
    monkeypatch: pytest.MonkeyPatch, values: list[float], mean: float
) -> None:
    for strip in (1, 1000):
        monkeypatch.setattr(statistics, "STRIP", strip)
        assert measure(np.array(values)).mean == pytest.approx(mean, rel=1e-12, abs=1e300)


def test_the_order_of_strips_does_not_matter() -> None:
    values = np.random.default_rng(1).normal(size=(64, 9)).astype(np.float32)
    answers = set()
    for order in (range(64), range(63, -1, -1), np.random.default_rng(2).permutation(64)):
        whole = RunningStatistics()
        for start in order:
            whole.add(int(start), values[start : start + 1])
        answers.add(whole.result())
    assert len(answers) == 1


def test_an_empty_array_has_no_numbers() -> None:
    assert measure(np.zeros((0, 3))) == Statistics(None, None, None)

"""Every strategy of the engine, forced one by one, gives what naive loops give."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

import convcli
from convcli import parallel
from convcli.convolution import planning, strips
from convcli.convolution.algorithms import core as core_module
from convcli.convolution.algorithms import strategy as strategy_module
from convcli.convolution.algorithms.fourier import transform_length
from convcli.convolution.algorithms.strategy import Strategy
from convcli.errors import UsageError
from convcli.kernels.filter import separate
from convcli.parallel import available_cores
from tests.support import oracles as reference
from tests.support.engines import NEEDS_CORE, Engine, use_engine
from tests.support.sampling import examples

SEPARABLE = {Strategy.SEPARABLE, Strategy.SEPARABLE_MATMUL, Strategy.COMPILED_SEPARABLE}
COMPILED = {Strategy.COMPILED_DENSE, Strategy.COMPILED_SEPARABLE}
STRATEGIES = [
    pytest.param(strategy, marks=NEEDS_CORE if strategy in COMPILED else ()) for strategy in Strategy
]

Array = NDArray[Any]
BORDERS = ["zero", "constant:7", "edge", "reflect", "symmetric", "wrap"]


def forced(monkeypatch: pytest.MonkeyPatch, strategy: Strategy, *, strip_bytes: int = 600) -> None:
    if strategy in COMPILED:  # whatever CONVCLI_PURE says
        monkeypatch.setattr(core_module, "is_compiled", lambda: True)
    monkeypatch.setattr(planning, "choose_strategy", lambda *_: strategy)
    monkeypatch.setattr(strategy_module, "STRIP_BYTES", strip_bytes)
    monkeypatch.setattr(planning, "STRIP_NANOSECONDS", strip_bytes)
    monkeypatch.setattr(planning, "STRIP_VALUES", strip_bytes // 8)
    monkeypatch.setattr(parallel, "MIN_OUTPUTS_PER_THREAD", 1)


def kernels(separable: bool, elements: st.SearchStrategy[Any], dtype: type) -> st.SearchStrategy[Array]:
    side = st.integers(1, 5)
    if not separable:
        return hnp.arrays(dtype, st.tuples(side, side), elements=elements)
    line = side.flatmap(lambda length: hnp.arrays(dtype, length, elements=elements))
    return st.tuples(line, line).map(lambda pair: np.multiply.outer(*pair))


SHAPES = st.tuples(st.integers(1, 20), st.integers(1, 40)) | st.tuples(
    st.integers(1, 8), st.integers(1, 8), st.integers(1, 4)
)


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("jobs", [1, 3])
@settings(
    max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_integers_are_exact(
    monkeypatch: pytest.MonkeyPatch, strategy: Strategy, jobs: int, data: st.DataObject
) -> None:
    forced(monkeypatch, strategy)
    image = data.draw(hnp.arrays(np.uint8, SHAPES))
    taps = data.draw(kernels(strategy in SEPARABLE, st.integers(-9, 9), np.int64))
    if strategy in SEPARABLE and separate(taps.tolist()) is None:
        taps = np.ones_like(taps)
    steps = st.tuples(st.integers(1, 3), st.integers(1, 3))
    stride, dilation = data.draw(steps), data.draw(steps)
    amount = st.tuples(st.integers(6, 8), st.integers(6, 8))
    amounts = data.draw(st.tuples(amount, amount))
    border, flip = data.draw(st.sampled_from(BORDERS)), data.draw(st.booleans())
    expected = reference.convolve(
        image, taps, amounts=amounts, border=border, stride=stride, dilation=dilation, flip=flip
    )
    result = convcli.convolve(
        image, taps, padding=amounts, border=border, stride=stride, dilation=dilation, flip=flip, jobs=jobs
    )
    assert result.tolist() == expected.tolist()


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(
    max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_floats_keep_the_promised_tolerance(
    monkeypatch: pytest.MonkeyPatch, strategy: Strategy, dtype: Any, data: st.DataObject
) -> None:
    forced(monkeypatch, strategy)
    numbers = st.floats(-1, 1, width=32)
    image = data.draw(hnp.arrays(dtype, st.tuples(st.integers(1, 9), st.integers(1, 20)), elements=numbers))
    taps = data.draw(kernels(strategy in SEPARABLE, numbers, np.float64))
    if strategy in SEPARABLE and separate(taps.tolist()) is None:
        taps = np.full_like(taps, 0.5)
    result = convcli.convolve(image, taps, padding=4)
    expected = reference.convolve(image, taps, amounts=((4, 4), (4, 4)), border="edge").astype(np.float64)
    bound = (taps.size + 8) * float(np.finfo(dtype).eps) * np.abs(taps).sum() * np.abs(image).max()
    tiny = float(np.finfo(dtype).tiny)
    assert result.dtype == dtype
    assert np.abs(result - expected).max() <= bound + tiny


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_within_reach(
    monkeypatch: pytest.MonkeyPatch, strategy: Strategy, bad: float
) -> None:
    forced(monkeypatch, strategy)
    image = np.ones((30, 50), np.float32)
    image[12, 20] = bad
    taps = np.multiply.outer([0.5, 1, 0.25], [1.0, 2, 3])
    wrong = ~np.isfinite(convcli.convolve(image, taps))
    assert np.argwhere(wrong).tolist() == [[y, x] for y in (11, 12, 13) for x in (19, 20, 21)]


@pytest.fixture
def with_numpy() -> Iterator[None]:
    with use_engine(Engine.NUMPY):
        yield


@pytest.mark.usefixtures("with_numpy")
def test_the_strategy_follows_the_kernel() -> None:
    image = np.zeros((600, 800), np.uint8)
    photograph = image.astype(np.float32)
    generator = np.random.default_rng(1)

    def dense(side: int) -> Array:
        return generator.integers(-9, 10, (side, side))

    def strategy(image: Array, kernel: Any, **options: Any) -> Strategy:
        return convcli.plan(image, kernel, **options).strategy

    assert strategy(image, convcli.kernel("sobel-x")) == Strategy.SEPARABLE
    assert strategy(image, convcli.kernel("laplacian")) == Strategy.SHIFTS
    assert strategy(image, convcli.kernel("gaussian", sigma=5)) == Strategy.SEPARABLE_MATMUL
    assert strategy(image, np.ones((31, 31), np.int64)) == Strategy.SEPARABLE_MATMUL
    assert strategy(image, dense(5)) == Strategy.SHIFTS
    assert strategy(image, dense(9)) == Strategy.BANDED_MATMUL
    assert strategy(image, dense(9), dilation=2) == Strategy.FOURIER
    assert strategy(image, dense(31)) == Strategy.FOURIER
    assert strategy(photograph, dense(7) / 3) == Strategy.BANDED_MATMUL
    assert strategy(photograph, dense(31) / 3) == Strategy.FOURIER
    assert strategy(image, dense(31) * 2**20) == Strategy.SHIFTS  # too large for either


@NEEDS_CORE
def test_the_core_takes_columns_and_rows_where_they_are_fewer_taps() -> None:
    image = np.zeros((600, 800), np.uint8)
    dense = np.random.default_rng(1).integers(-9, 10, (31, 31))

    def planned(image: Array, kernel: Any) -> tuple[Strategy, str]:
        plan = convcli.plan(image, kernel)
        return plan.strategy, str(plan.sum_dtype)

    with use_engine(Engine.COMPILED):
        assert planned(image, convcli.kernel("sobel-x")) == (Strategy.COMPILED_SEPARABLE, "int16")
        assert planned(image, convcli.kernel("laplacian")) == (Strategy.COMPILED_DENSE, "int16")
        assert planned(image, convcli.kernel("gaussian", sigma=5)) == (Strategy.COMPILED_SEPARABLE, "float32")
        assert planned(image, np.ones((9, 9), np.int64)) == (Strategy.COMPILED_SEPARABLE, "int16")
        assert planned(image, dense[:9, :9]) == (Strategy.COMPILED_DENSE, "int32")
        assert planned(image.astype(np.uint16), dense[:3, :3]) == (Strategy.COMPILED_DENSE, "float32")
        assert planned(image, dense[:9, :9] / 3) == (Strategy.COMPILED_DENSE, "float32")
        assert planned(image.astype(np.float64), dense[:9, :9]) == (Strategy.COMPILED_DENSE, "float64")
        assert planned(image, dense) == (Strategy.FOURIER, "float64")
        assert planned(image.astype(np.uint32), dense * 2**10) == (Strategy.SHIFTS, "int64")  # beyond float64


@NEEDS_CORE
@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize("name", ["freichen-x", "freichen-y"])
def test_taps_with_fractions_cancel_each_other_on_plain_areas(engine: Engine, name: str) -> None:
    bands = np.repeat(np.arange(256, dtype=np.uint8), 8)[:, None]  # eight rows of each brightness
    with use_engine(engine):
        result = convcli.convolve(np.repeat(bands, 40, axis=1), convcli.kernel(name), padding="same")
    assert not result[4::8].any()


@pytest.mark.usefixtures("with_numpy")
def test_bands_are_taken_only_where_their_sums_are_exact() -> None:
    image = np.zeros((100, 100), np.uint16)
    small = np.eye(9, dtype=np.int64) + np.ones((9, 9), np.int64)
    large = small * 3
    assert small.sum() * 65535 < 2**24 < large.sum() * 65535
    assert convcli.plan(image, small).strategy == Strategy.BANDED_MATMUL
    assert convcli.plan(image, large).strategy == Strategy.FOURIER
    assert convcli.plan(image, large).sum_dtype == np.float64


@pytest.mark.usefixtures("with_numpy")
def test_a_transform_is_taken_only_where_it_is_exact() -> None:
    image = np.full((600, 800), 65535, np.uint16)
    image[::2, ::3] = 0
    taps = np.random.default_rng(7).integers(0, 140, (15, 15))
    assert taps.sum() * 65535 < 2**30 < taps.sum() * 2 * 65535
    assert taps.sum() % 2 == 1
    assert convcli.plan(image, taps).strategy == Strategy.FOURIER
    assert convcli.plan(image, taps * 2).strategy == Strategy.SHIFTS
    part = convcli.convolve(image[:30, :40], taps, padding="valid")
    assert part.tolist() == reference.convolve(image[:30, :40], taps).tolist()
    assert np.array_equal(convcli.convolve(image, taps, padding="valid")[:16, :26], part)


@pytest.mark.parametrize("rank", [2, 3, 4])
def test_float_kernels_of_low_rank_are_split(rank: int) -> None:
    generator = np.random.default_rng(rank)
    columns, rows = generator.normal(size=(2, rank, 25))
    taps = np.einsum("ri,rj->ij", columns, rows)
    factors = strategy_module._factors(taps)
    assert len(factors) == rank
    rebuilt = sum(np.multiply.outer(column, row) for column, row in factors)
    assert np.abs(rebuilt - taps).sum() < 1e-14 * np.abs(taps).sum()
    assert strategy_module._factors(generator.normal(size=(25, 25))) == []


@pytest.mark.parametrize(
    "taps",
    [[[1e308, 1e308], [1e308, 1e307]], [[1, -1], [-1.7e308, 3], [0, -1.7e308]], [[-1.7e308, 1, -1.7e308]]],
)
def test_taps_whose_sum_passes_the_floats_are_right_and_give_no_warnings(taps: list[list[float]]) -> None:
    image = np.random.default_rng(8).uniform(-1, 1, (40, 50)) * 1e-10
    exact = np.array(reference.convolve(image * 1e10, np.array(taps) * 1e-10), float)
    np.testing.assert_allclose(convcli.convolve(image, taps, padding="valid"), exact, rtol=0, atol=1e285)


def test_terms_that_would_cancel_are_not_split() -> None:
    column = np.linspace(-1, 1, 9)
    taps = np.multiply.outer(column, column) + 1e-9 * np.eye(9)[::-1]
    assert strategy_module._factors(taps) == []


@pytest.mark.thorough(every=5)
@pytest.mark.parametrize("line", [[1, 1], [1, 2, 1], [1, 3, 3, 1], [2, 4, 2], [1, 1, 1, 1], [1, 4, 6, 4, 1]])
@pytest.mark.parametrize("stride", [(1, 1), (1, 2), (2, 1), (3, 2)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 3)])
@pytest.mark.parametrize("shape", [(23, 31), (23, 31, 3)])
def test_binomial_lines_are_exact_with_any_stride(
    monkeypatch: pytest.MonkeyPatch, line: list[int], stride: Any, dilation: Any, shape: tuple[int, ...]
) -> None:
    image = np.random.default_rng(8).integers(0, 256, shape, np.uint8)
    for taps in (np.array([line]), np.array([line]).T, np.multiply.outer(line, line)):
        expected = reference.convolve(image, taps, stride=stride, dilation=dilation)
        for strategy in (Strategy.SHIFTS, *SEPARABLE):
            if strategy != Strategy.SHIFTS and 1 in taps.shape:
                continue
            with monkeypatch.context() as patched:
                forced(patched, strategy)
                result = convcli.convolve(image, taps, stride=stride, dilation=dilation, padding="valid")
            assert result.tolist() == expected.tolist()


@pytest.mark.usefixtures("with_numpy")
@given(st.integers(1, 10**6))
def test_a_fast_length_is_little_longer_and_has_small_factors_only(least: int) -> None:
    length = transform_length(least)
    rest = length
    for factor in (2, 3, 5):
        while rest % factor == 0:
            rest //= factor
    assert rest == 1
    assert least <= length <= 1.25 * least or length <= 9


def test_the_plan_gives_the_shape_and_dtype_that_out_must_have() -> None:
    image = np.random.default_rng(2).integers(0, 256, (60, 70, 3), np.uint8)
    for taps in (convcli.kernel("sobel-y"), convcli.get_filter("sobel"), convcli.kernel("gaussian")):
        plan = convcli.plan(image, taps, stride=2, padding="valid")
        out = np.empty(plan.shape, plan.dtype)
        apply: Any = convcli.apply_filter if isinstance(taps, convcli.Filter) else convcli.convolve
        assert apply(image, taps, stride=2, padding="valid", out=out) is out
        assert np.array_equal(out, apply(image, taps, stride=2, padding="valid"))


def test_an_out_that_does_not_fit_is_refused() -> None:
    image = np.zeros((5, 6), np.uint8)
    with pytest.raises(UsageError, match=r"out int32 \(5, 6\): must be a writable array of int16 \(5, 6\)"):
        convcli.convolve(image, [[1, 2]], out=np.empty((5, 6), np.int32))


@pytest.mark.parametrize("jobs", [0, -1, 1.5, "two"])
def test_a_wrong_number_of_jobs_is_refused(jobs: Any) -> None:
    with pytest.raises(UsageError, match="must be a whole number, at least 1"):
        convcli.convolve(np.zeros((2, 2)), [[1]], jobs=jobs)


def test_combined_filters_are_the_same_in_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.random.default_rng(3).integers(0, 256, (301, 200, 3), np.uint8)
    for name in ("sobel", "kirsch", "robinson", "roberts"):
        whole = convcli.apply_filter(image, name, jobs=1)
        with monkeypatch.context() as patched:
            patched.setattr(strategy_module, "STRIP_BYTES", 4000)
            patched.setattr(parallel, "MIN_OUTPUTS_PER_THREAD", 1)
            assert np.array_equal(convcli.apply_filter(image, name, jobs=4), whole)


def test_a_magnitude_of_large_gradients_is_exact_to_the_last_bit() -> None:
    image = np.random.default_rng(4).integers(0, 65536, (40, 50), np.uint16)
    gradients = [
        convcli.convolve(image, convcli.kernel(f"scharr-{axis}")).astype(np.float64) for axis in "xy"
    ]
    expected = np.sqrt(gradients[0] ** 2 + gradients[1] ** 2).astype(np.float32)
    assert np.array_equal(convcli.apply_filter(image, "scharr"), expected)


@pytest.mark.usefixtures("with_numpy")
def test_an_error_in_a_thread_stops_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    forced(monkeypatch, Strategy.SHIFTS)
    done: list[int] = []
    make_strip = strips._NumpyStrips.compute

    def failing(*arguments: Any) -> None:
        done.append(threading.get_ident())
        if len(done) == 3:
            raise KeyboardInterrupt
        time.sleep(0.001)
        make_strip(*arguments)

    monkeypatch.setattr(strips._NumpyStrips, "compute", failing)
    with pytest.raises(KeyboardInterrupt):
        convcli.convolve(np.zeros((5000, 30), np.uint8), [[1, 2, 1]], jobs=2)
    assert len(done) < 1000


def test_processors_are_counted_by_affinity_and_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = iter(["max 100000", "150000 100000", "10 100000", "no sense"])
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    monkeypatch.setattr(Path, "read_text", lambda *_: next(texts))
    found = []
    for _ in range(4):
        available_cores.cache_clear()
        found.append(available_cores())
    available_cores.cache_clear()
    assert found == [4, 2, 1, 4]

"""core.correlate on each instruction set: naive loops, numpy's engine, and rendering one step after the other."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from convcli.convolution.engine import apply_filter, convolve
from convcli.convolution.fused import filter_pixels
from convcli.convolution.rendering import SignedMapping
from convcli.kernels.filter import Combination, Filter
from convcli.pictures.raster import Raster
from tests.support import oracles as reference
from tests.support.engines import INSTRUCTION_SETS, NEEDS_CORE, Engine, use_engine, use_instruction_set
from tests.support.sampling import examples

pytestmark = NEEDS_CORE

Array = NDArray[Any]
BORDERS = ["zero", "constant:7", "edge", "reflect", "symmetric", "wrap"]
PROPERTY = settings(
    max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(params=INSTRUCTION_SETS, autouse=True)
def _instruction_set(request: pytest.FixtureRequest) -> Any:
    with use_engine(Engine.COMPILED), use_instruction_set(request.param):
        yield


def images(dtypes: list[Any]) -> st.SearchStrategy[Array]:
    """Draw small images, and some whose rows are about as long as a few vectors."""
    widths = st.integers(1, 12) | st.integers(30, 34) | st.integers(62, 66) | st.integers(126, 132)
    shapes = st.tuples(st.integers(1, 9), widths, st.sampled_from([0, 1, 2, 3, 4, 5])).map(
        lambda sides: sides if sides[2] else sides[:2]
    )
    return st.tuples(st.sampled_from(dtypes), shapes, st.integers(0, 99)).map(
        lambda drawn: _numbers(drawn[1], drawn[0], drawn[2])
    )


def _numbers(shape: tuple[int, ...], dtype: Any, seed: int) -> Array:
    generator = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return (generator.integers(-2000, 2000, shape) / 64).astype(dtype)
    limits = np.iinfo(dtype) if np.dtype(dtype).itemsize < 8 else np.iinfo(np.int32)
    drawn: Array = generator.integers(max(limits.min, np.iinfo(dtype).min), limits.max, shape, endpoint=True)
    return drawn.astype(dtype)


@st.composite
def kernels(draw: st.DrawFn, count: int = 1) -> list[Array]:
    """Draw kernels of one size: dense, sparse, products of a column and a row; some with large taps."""
    height, width = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    largest = draw(st.sampled_from([1, 3, 40, 128, 500]))
    taps = st.integers(-largest, largest) | st.just(0)
    if draw(st.booleans()):
        return [draw(hnp.arrays(np.int64, (height, width), elements=taps)) for _ in range(count)]
    lines = [
        [draw(hnp.arrays(np.int64, side, elements=taps)) for side in (height, width)] for _ in range(count)
    ]
    return [np.multiply.outer(column, row) for column, row in lines]


INTEGERS = [np.dtype(f"{kind}{size}") for kind in "ui" for size in (1, 2, 4, 8)]
STEPS = st.tuples(st.integers(1, 3), st.integers(1, 3))


@given(image=images(INTEGERS), taps=kernels(), stride=STEPS, dilation=STEPS, border=st.sampled_from(BORDERS),
       jobs=st.sampled_from([1, 2]))  # fmt: skip
@PROPERTY
def test_integers_are_those_of_the_naive_loop(
    image: Array, taps: list[Array], stride: Any, dilation: Any, border: str, jobs: int
) -> None:
    amounts = ((9, 12), (10, 9))
    expected = reference.convolve(
        image, taps[0], amounts=amounts, border=border, stride=stride, dilation=dilation
    )
    options: dict[str, Any] = {"padding": amounts, "border": border, "stride": stride, "dilation": dilation}
    assert convolve(image, taps[0], jobs=jobs, **options).tolist() == expected.tolist()


TRIPLES = st.sampled_from([(-1, 0, 1), (1, 2, 1), (1, 1, 1), (3, 10, 3), (1, 0, -1), (2, -5, 0)])


@given(image=images([np.uint8, np.int8]), column=TRIPLES, row=TRIPLES, dilation=st.integers(1, 3),
       border=st.sampled_from([*BORDERS, "constant:-3"]))  # fmt: skip
@PROPERTY
def test_a_column_and_a_row_of_three_taps_are_those_of_the_naive_loop(
    image: Array, column: Any, row: Any, dilation: int, border: str
) -> None:
    taps = np.multiply.outer(column, row)
    options: dict[str, Any] = {"border": border, "dilation": (1, dilation)}
    expected = reference.convolve(image, taps, amounts=((1, 2), (6, 5)), **options, stride=(1, 1))
    assert convolve(image, taps, padding=((1, 2), (6, 5)), **options).tolist() == expected.tolist()


@given(image=images([np.float32, np.float64]), taps=kernels(), stride=STEPS, dilation=STEPS)
@PROPERTY
def test_floats_do_not_depend_on_the_instruction_set(
    image: Array, taps: list[Array], stride: Any, dilation: Any
) -> None:
    options: dict[str, Any] = {"padding": 18, "stride": stride, "dilation": dilation, "jobs": 1}
    here = convolve(image, taps[0] / 3, **options)
    with use_instruction_set("baseline"):
        assert np.array_equal(here, convolve(image, taps[0] / 3, **options))
    # Strided and dense kernels add in another order than separable ones.
    whole = convolve(image, taps[0] / 3, padding=18, dilation=dilation)[:: stride[0], :: stride[1]]
    bound = np.finfo(here.dtype).eps * np.abs(taps[0]).sum() * float(np.abs(image).max())
    np.testing.assert_allclose(here, whole, rtol=0, atol=(taps[0].size + 8) * bound)


@given(image=images([np.uint8, np.uint16, np.float32, np.float64]), taps=kernels(count=3),
       combination=st.sampled_from([c for c in Combination if c != Combination.SINGLE]), stride=STEPS)  # fmt: skip
@PROPERTY
def test_combinations_are_those_of_numpy(
    image: Array, taps: list[Array], combination: Combination, stride: Any
) -> None:
    matrices = tuple(tuple(map(tuple, matrix.tolist())) for matrix in taps)
    filter_ = Filter("several", matrices, "", "", "", combination=combination)
    here = apply_filter(image, filter_, stride=stride, padding=6)
    with use_engine(Engine.NUMPY):
        expected = apply_filter(image, filter_, stride=stride, padding=6)
    assert here.dtype == expected.dtype
    if image.dtype.kind == "u":
        assert np.array_equal(here, expected)
    else:
        largest = max(1, float(np.abs(expected).max()))
        assert np.allclose(here, expected, rtol=0, atol=1e-4 * largest)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("taps", [[[1, 0, 2], [0, -1, 0], [4, 0, 1]], [[2, 0, -2], [0, 0, 0], [1, 0, -1]]])
def test_what_is_not_finite_meets_only_taps_that_are_not_zero(value: float, taps: Any) -> None:
    image = np.ones((12, 70), np.float32)
    image[5, 40] = image[6, 42] = value
    here = convolve(image, taps)
    with use_engine(Engine.NUMPY):
        assert np.array_equal(here, convolve(image, taps), equal_nan=True)


@given(image=images([np.uint8, np.uint16]), name=st.sampled_from(["sobel-x", "sobel", "kirsch", "gaussian", "log"]),
       mapping=st.sampled_from([mapping for mapping in SignedMapping if mapping != SignedMapping.RAW]),
       scale=st.sampled_from([1, 0.25, -3, 0]), bias=st.sampled_from([0, 7, -3.5]), relu=st.booleans(),
       depth=st.sampled_from([8, 16]), padding=st.sampled_from(["same", 1]))  # fmt: skip
@PROPERTY
def test_pixels_and_counts_are_those_of_numpy(
    image: Array, name: str, mapping: SignedMapping, padding: Any, **options: Any
) -> None:
    here = filter_pixels(
        image, name, mapping, with_statistics=True, padding=padding, border="wrap", **options
    )
    with use_engine(Engine.NUMPY):
        expected = filter_pixels(
            image, name, mapping, with_statistics=True, padding=padding, border="wrap", **options
        )
    assert (here.dtype, here.plan.shape) == (expected.dtype, expected.plan.shape)
    assert here.statistics is not None
    assert expected.statistics is not None
    if name in ("gaussian", "log"):  # floats, whose last bits may differ
        assert np.abs(here.pixels.astype(int) - expected.pixels).max() <= (1 if depth_of(here) == 8 else 40)
        return
    assert np.array_equal(here.pixels, expected.pixels)
    assert here.losses == expected.losses
    assert here.statistics[:2] == expected.statistics[:2]
    assert here.statistics.mean == pytest.approx(expected.statistics.mean)
    assert list(map(type, here.statistics)) == list(map(type, expected.statistics))


def depth_of(filtered: Any) -> int:
    return 8 * int(filtered.pixels.itemsize)


@pytest.mark.parametrize("width", [1, 5, 31, 200, 1400])
@pytest.mark.parametrize("name", ["sobel", "gaussian"])
def test_a_fourth_sample_is_left_out_and_becomes_opaque(width: int, name: str) -> None:
    pixels = _numbers((9, width, 4), np.uint8, seed=width)
    raster = Raster.packed(pixels.tobytes(), 9, width, 4).with_channels(3)
    filtered = filter_pixels(raster, name, with_statistics=True)
    expected = filter_pixels(pixels[..., :3], name, with_statistics=True)
    assert np.array_equal(filtered.pixels.array(), expected.pixels)
    assert (np.asarray(filtered.pixels.samples)[..., 3] == 255).all()
    assert (filtered.losses, filtered.statistics) == (expected.losses, expected.statistics)
    assert (filtered.dtype, filtered.plan) == (expected.dtype, expected.plan)


@pytest.mark.parametrize("dtype", [np.int16, np.uint32, np.int64])
def test_only_bytes_are_summed_in_integers(dtype: Any) -> None:
    """Sums of other pixels might not fit, however small the taps are."""
    from convcli.compiled import core  # late: it may not be built

    call = correlation(np.full((4, 40), 32000, dtype), np.ones((1, 2)))
    for working in ("h", "i"):
        with pytest.raises(ValueError, match="only 8-bit images are summed in integers"):
            core.correlate(**call, working=working)
    image = np.full((4, 40), 300, np.int64)
    assert convolve(image, [[1, 1]], padding=0).tolist() == [[600] * 39] * 4


def test_sums_down_the_columns_must_fit_where_the_row_is_zero() -> None:
    from convcli.compiled import core  # late: it may not be built

    call = correlation(np.full((4, 40), 255, np.uint8), (np.full(2, 100.0), np.zeros(2)))
    with pytest.raises(ValueError, match="sums do not fit the working type"):
        core.correlate(**call, working="h")


def correlation(source: Array, kernel: Any) -> dict[str, Any]:
    height, width = kernel.shape if isinstance(kernel, np.ndarray) else (len(line) for line in kernel)
    out = np.zeros((source.shape[0] - height + 1, source.shape[1] - width + 1), np.int16)
    maps = {"rows": np.arange(source.shape[0]), "columns": np.arange(source.shape[1])}
    rest = {"combination": "single", "single_squares": False, "rendering": None, "stride": (1, 1)}
    return (
        {"source": source, "out": out, "channels": 1, "border": 0.0, "kernels": (kernel,), "dilation": (1, 1)}
        | maps
        | rest
    )

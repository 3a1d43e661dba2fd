"""The layer: golden gradients from elsewhere, naive loops, central differences, and what the ways and engines have in common."""

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from convcli.errors import ConvcliError, SizeError, UsageError
from convcli.layers import convolution_layer, im2col, winograd
from convcli.layers.convolution_layer import conv_backward, conv_forward
from convcli.layers.pooling_layer import pool_backward, pool_forward
from tests.support.engines import Engine, use_engine
from tests.support.sampling import examples

Array = NDArray[Any]

GOLDEN = np.load(Path(__file__).parents[1] / "data" / "conv_layers.npz")
CASES = sorted({name.partition("_")[0] for name in GOLDEN.files})


# Oracles --------------------------------------------------------------------------------------------------


def naive_conv(
    a: Array, w: Array, s: tuple[int, int], p: tuple[int, int], d: tuple[int, int], g: int
) -> Array:
    """Convolve by the definition, in Python's loops, in float64."""
    a = np.pad(a.astype(np.float64), ((0, 0), (p[0], p[0]), (p[1], p[1]), (0, 0)))
    f_h, f_w, taken, made = w.shape
    n_h = (a.shape[1] - d[0] * (f_h - 1) - 1) // s[0] + 1
    n_w = (a.shape[2] - d[1] * (f_w - 1) - 1) // s[1] + 1
    z = np.zeros((len(a), n_h, n_w, made))
    for i, r, c, k in np.ndindex(z.shape):
        first = k // (made // g) * taken
        for y, x in product(range(f_h), range(f_w)):
            pixel = a[i, r * s[0] + y * d[0], c * s[1] + x * d[1], first : first + taken]
            z[i, r, c, k] += float(pixel @ w[y, x, :, k].astype(np.float64))
    return z


def naive_pool_gradient(d_z: Array, a: Array, mode: str, f: int, s: int, p: int) -> Array:
    d_a = np.zeros(a.shape)
    for i, r, c, k in np.ndindex(d_z.shape):
        window = [
            (y, x)
            for y in range(max(r * s - p, 0), min(r * s - p + f, a.shape[1]))
            for x in range(max(c * s - p, 0), min(c * s - p + f, a.shape[2]))
        ]
        if mode == "avg":
            for y, x in window:
                d_a[i, y, x, k] += d_z[i, r, c, k] / len(window)
        else:
            y, x = max(window, key=lambda place: a[i, place[0], place[1], k])
            d_a[i, y, x, k] += d_z[i, r, c, k]
    return d_a


@pytest.fixture(params=[None, 1 << 8, 1 << 13])
def strip_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param is not None:
        monkeypatch.setattr(convolution_layer, "STRIP_BYTES", request.param)
        monkeypatch.setattr(convolution_layer, "PIECE_BYTES", request.param)


@pytest.fixture(params=list(Engine))
def engine(request: pytest.FixtureRequest) -> Iterator[None]:
    with use_engine(request.param):
        yield


@pytest.fixture
def numpy_engine() -> Iterator[None]:
    with use_engine(Engine.NUMPY):
        yield


# Golden cases ---------------------------------------------------------------------------------------------


def test_all_golden_cases_are_there() -> None:
    assert len(CASES) == 24
    assert len(GOLDEN.files) == 24 * 9


@pytest.mark.usefixtures("strip_bytes", "engine")
@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize("case", CASES)
def test_golden_layers_are_exact(case: str, jobs: int) -> None:
    x, w, b, y, d_y, d_x, d_w, d_b, args = (
        GOLDEN[f"{case}_{name}"] for name in ("x", "w", "b", "y", "dy", "dx", "dw", "db", "args")
    )
    s_y, s_x, p_y, p_x, d_v, d_h, groups = map(int, args)
    how: dict[str, Any] = {
        "stride": (s_y, s_x), "padding": (p_y, p_x), "dilation": (d_v, d_h), "groups": groups, "jobs": jobs
    }  # fmt: skip
    z = conv_forward(x, w, b, **how)
    assert z.dtype == np.float64
    np.testing.assert_array_equal(z, y)
    d_a_prev, of_w, of_b = conv_backward(d_y, x, w, **how)
    np.testing.assert_array_equal(d_a_prev, d_x)
    np.testing.assert_array_equal(of_w, d_w)
    np.testing.assert_array_equal(of_b, d_b.reshape(1, 1, 1, -1))


# Properties -----------------------------------------------------------------------------------------------


@st.composite
def layers_at_random(draw: st.DrawFn) -> dict[str, Any]:
    groups = draw(st.integers(1, 3))
    taken, made = draw(st.integers(1, 3)), draw(st.integers(1, 3)) * groups
    f, s, d, p = (
        (draw(st.integers(low, high)), draw(st.integers(low, high)))
        for low, high in ((1, 3), (1, 3), (1, 2), (0, 3))
    )
    h, w = (max(draw(st.integers(1, 8)), d[k] * (f[k] - 1) + 1 - 2 * p[k]) for k in (0, 1))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    return {
        "a": rng.integers(-9, 10, (draw(st.integers(1, 3)), h, w, taken * groups)),
        "w": rng.integers(-9, 10, (*f, taken, made)),
        "how": (s, p, d, groups),
    }


@settings(max_examples=examples(150), deadline=None)
@given(
    layers_at_random(),
    st.sampled_from([np.int16, np.float32, np.float64]),
    st.sampled_from([1 << 8, 1 << 20]),
    st.sampled_from(Engine),
)
def test_equals_the_definition(layer: dict[str, Any], dtype: type, size: int, engine: Engine) -> None:
    s, p, d, g = layer["how"]
    a, w = layer["a"].astype(dtype), layer["w"].astype(dtype)
    with pytest.MonkeyPatch.context() as patched, use_engine(engine):
        patched.setattr(convolution_layer, "STRIP_BYTES", size)
        patched.setattr(convolution_layer, "PIECE_BYTES", size)
        z = conv_forward(a, w, stride=s, padding=p, dilation=d, groups=g)
    assert z.dtype == (np.float32 if dtype == np.float32 else np.float64)
    np.testing.assert_array_equal(z, naive_conv(a, w, s, p, d, g))


@settings(max_examples=examples(60), deadline=None)
@given(layers_at_random())
def test_gradients_agree_with_central_differences(layer: dict[str, Any]) -> None:
    s, p, d, g = layer["how"]
    how: dict[str, Any] = {"stride": s, "padding": p, "dilation": d, "groups": g}
    rng = np.random.default_rng(7)
    a, w = layer["a"] / 9, layer["w"] / 9
    b = rng.standard_normal(w.shape[3])
    z = conv_forward(a, w, b, **how)
    d_z = rng.standard_normal(z.shape)
    gradients = conv_backward(d_z, a, w, **how)

    def loss(values: list[Array]) -> float:
        return float(np.sum(d_z * conv_forward(values[0], values[1], values[2].reshape(-1), **how)))

    values = [a, w, b.reshape(1, 1, 1, -1)]
    for number, gradient in enumerate(gradients):
        assert gradient.shape == values[number].shape
        for place in rng.integers(0, gradient.size, 4):
            sides = []
            for step in (1e-3, -1e-3):
                moved = [value.copy() for value in values]
                moved[number].flat[place] += step
                sides.append(loss(moved))
            assert gradient.flat[place] == pytest.approx((sides[0] - sides[1]) / 2e-3, abs=1e-7, rel=1e-7)


@settings(max_examples=examples(80), deadline=None)
@given(
    st.sampled_from(["max", "avg"]), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2), st.booleans(),
    st.integers(0, 1 << 30),
)  # fmt: skip
def test_pooling_gradients_equal_the_definition(
    mode: str, f: int, s: int, p: int, ceil: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 4, (2, *rng.integers(f, 9, 2), 2)).astype(np.float64)  # few values: many ties
    how: dict[str, Any] = {"mode": mode, "size": f, "stride": s, "padding": min(p, f // 2), "ceil": ceil}
    z = pool_forward(a, **how)
    d_z = rng.standard_normal(z.shape)
    np.testing.assert_allclose(
        pool_backward(d_z, a, **how), naive_pool_gradient(d_z, a, mode, f, s, min(p, f // 2)), atol=1e-12
    )


def test_pooling_keeps_to_pool() -> None:
    a = np.random.default_rng(1).standard_normal((3, 7, 9, 4)).astype(np.float32)
    for mode in ("max", "avg"):
        z = pool_forward(a, mode=mode, size=3, stride=2, padding=1)
        assert z.shape == (3, 4, 5, 4)
        assert z.dtype == np.float32
        padded = np.pad(a, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=np.nan)
        mine = (np.nanmax if mode == "max" else np.nanmean)(padded[:, 2:5, 4:7], axis=(1, 2))
        np.testing.assert_allclose(z[:, 1, 2], mine, rtol=1e-6)


def test_the_first_of_the_largest_gets_the_gradient() -> None:
    nan = np.array([[1, np.nan], [np.nan, 3]]).reshape(1, 2, 2, 1)
    assert pool_backward(np.ones((1, 1, 1, 1)), nan).ravel().tolist() == [0, 1, 0, 0]
    low = np.full((1, 3, 3, 1), -np.inf)
    d_a = pool_backward(np.ones((1, 2, 2, 1)), low, size=2, stride=2, padding=1)
    assert d_a.sum() == 4  # none goes to the padding


# Winograd -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "filters", "padding"),
    [
        ((2, 12, 16, 16), 16, 0),
        ((1, 13, 11, 17), 33, 1),
        ((3, 9, 30, 64), 64, 2),
        ((1, 6, 6, 300), 20, ((0, 1), (2, 0))),
        ((1, 4, 5, 20), 300, 1),
        ((9, 5, 4, 16), 16, 1),
    ],
)
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.usefixtures("strip_bytes", "engine")
def test_winograd_stays_within_its_bound(
    shape: tuple[int, ...], filters: int, padding: Any, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    a = rng.standard_normal(shape).astype(np.float32)
    w = rng.standard_normal((3, 3, shape[3], filters)).astype(np.float32)
    b = rng.standard_normal(filters).astype(np.float32)
    used: list[object] = []
    for name in ("winograd", "compiled_winograd"):
        algorithm = getattr(convolution_layer, name)

        def noted(*arguments: Any, algorithm: Any = algorithm) -> im2col.LayerAlgorithm:
            used.append(algorithm)
            layer: im2col.LayerAlgorithm = algorithm(*arguments)
            return layer

        monkeypatch.setattr(convolution_layer, name, noted)
    z = conv_forward(a, w, b, padding=padding, jobs=jobs)
    assert len(used) == 1
    exact = conv_forward(a.astype(np.float64), w.astype(np.float64), b, padding=padding)
    channels = shape[3]
    bound = np.finfo(np.float32).eps * (channels + 90) * channels * 6000 * np.abs(w).max() * np.abs(a).max()
    worst = np.abs(z - exact).max()
    assert worst <= bound
    assert worst <= 3e-5 * np.abs(exact).max()


def test_winograds_matrices_are_those_of_a_convolution() -> None:
    """All of the identity: every pixel with every weight, in exact numbers."""
    through = np.einsum(
        "os,sp,sw->opw",
        winograd.OUTPUT_TRANSFORM_2D,
        winograd.INPUT_TRANSFORM_2D,
        winograd.WEIGHT_TRANSFORM_2D,
    )
    direct = np.zeros((16, 36, 9))
    for r, c, y, x in np.ndindex(4, 4, 3, 3):
        direct[4 * r + c, 6 * (r + y) + c + x, 3 * y + x] = 1
    np.testing.assert_allclose(through, direct, atol=1e-12)


def test_only_layers_that_gain_go_by_winograd() -> None:
    def chosen_for(a: Array, w: Array, **how: Any) -> bool:
        layer = convolution_layer._Layer.of(
            a, w, how.get("stride", 1), 1, how.get("dilation", 1), how.get("groups", 1)
        )
        return winograd.suits_winograd(layer.w, layer.rows, layer.columns, layer.groups)

    a, w = np.ones((1, 8, 8, 32), np.float32), np.ones((3, 3, 32, 32), np.float32)
    assert chosen_for(a, w)
    assert not chosen_for(a.astype(np.float64), w)
    assert not chosen_for(a, w, stride=2)
    assert not chosen_for(a, w, dilation=2)
    assert not chosen_for(a, np.ones((3, 3, 16, 32), np.float32), groups=2)
    assert not chosen_for(a, np.ones((5, 5, 32, 32), np.float32))
    assert not chosen_for(a[..., :8], w[:, :, :8])


# What all ways have in common -----------------------------------------------------------------------------


@pytest.mark.thorough(every=5)
@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("jobs", [1, 2, 5])
@pytest.mark.parametrize(
    ("shape", "weights", "how"),
    [
        ((2, 90, 70, 3), (7, 7, 3, 64), {"stride": 2, "padding": 3}),
        ((4, 40, 40, 16), (3, 3, 16, 16), {"padding": 1}),
        ((3, 14, 14, 256), (1, 1, 256, 512), {}),
        ((3, 14, 14, 64), (1, 1, 64, 96), {"stride": 2}),
        ((1, 112, 112, 32), (3, 3, 1, 32), {"padding": 1, "groups": 32}),
        ((1, 60, 60, 600), (3, 3, 1, 600), {"stride": 2, "padding": 1, "groups": 600}),
        ((1, 33, 30, 4), (3, 3, 1, 12), {"padding": 1, "groups": 4}),
    ],
)
def test_float32_layers_agree_with_float64_ones(
    shape: tuple[int, ...], weights: tuple[int, ...], how: dict[str, Any], jobs: int
) -> None:
    rng = np.random.default_rng(4)
    a, w = rng.standard_normal(shape), rng.standard_normal(weights)
    b = rng.standard_normal(weights[3])
    narrow = conv_forward(a.astype(np.float32), w.astype(np.float32), b, jobs=jobs, **how)
    wide = conv_forward(a, w, b, **how)
    assert narrow.dtype == np.float32
    assert np.abs(narrow - wide).max() <= 3e-5 * np.abs(wide).max()
    d_z = rng.standard_normal(wide.shape)
    for few, many in zip(
        conv_backward(d_z, a, w, jobs=1, **how), conv_backward(d_z, a, w, jobs=jobs, **how), strict=True
    ):
        np.testing.assert_array_equal(few, many)


@pytest.mark.usefixtures("engine")
def test_the_input_is_left_as_it_is_and_may_lie_anyhow() -> None:
    a = np.random.default_rng(5).standard_normal((2, 9, 8, 5))
    w = np.random.default_rng(6).standard_normal((3, 3, 5, 2))
    before = a.copy()
    z = conv_forward(a, w)
    np.testing.assert_array_equal(a, before)
    turned = np.asfortranarray(a)[::-1]
    np.testing.assert_allclose(conv_forward(turned, w), z[::-1], rtol=1e-12)


@pytest.mark.usefixtures("engine")
def test_nan_stays_where_it_is_seen() -> None:
    a = np.zeros((1, 9, 9, 2))
    a[0, 4, 4, 1] = np.nan
    z = conv_forward(a, np.ones((3, 3, 2, 1)))
    assert np.isnan(z[0, 2:5, 2:5, 0]).all()
    assert np.isnan(z).sum() == 9


@pytest.mark.usefixtures("engine")
def test_a_stride_beyond_all_numbers() -> None:
    a = np.arange(4.0).reshape(1, 2, 2, 1)
    assert conv_forward(a, np.ones((1, 1, 1, 1)), stride=10**30).ravel().tolist() == [0]


@pytest.mark.usefixtures("engine")
def test_byte_order_does_not_change_the_dtype() -> None:
    a, w = np.ones((1, 3, 3, 1), ">f4"), np.ones((1, 1, 1, 1), np.float32)
    assert conv_forward(a, w).dtype == np.float32


@pytest.mark.usefixtures("engine")
def test_extra_memory_is_bounded() -> None:
    import tracemalloc

    for shape, weights, how in (
        ((1, 224, 224, 3), (7, 7, 3, 64), {"stride": 2, "padding": 3}),
        ((8, 56, 56, 64), (3, 3, 64, 64), {"padding": 1}),
        ((8, 14, 14, 256), (1, 1, 256, 1024), {}),
        ((1, 112, 112, 32), (3, 3, 1, 32), {"padding": 1, "groups": 32}),
    ):
        a, w = np.ones(shape, np.float32), np.ones(weights, np.float32)
        tracemalloc.start()
        z = conv_forward(a, w, **how)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= z.nbytes + (32 << 20)


# Bad input ------------------------------------------------------------------------------------------------

A, W = np.zeros((2, 8, 8, 4)), np.zeros((3, 3, 4, 6))


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            lambda: conv_forward(A[0], W),
            "a_prev (8, 8, 4): must have the axes (m, n_h_prev, n_w_prev, n_c_prev), none of them empty",
        ),
        (lambda: conv_forward(A, W[0]), "w (3, 4, 6): must have the axes (f_h, f_w, n_c_prev / groups, n_c)"),
        (lambda: conv_forward(A[:0], W), "none of them empty"),
        (lambda: conv_forward(A, W[:, :, :3]),
         "w (f_h = 3, f_w = 3, n_c_prev / groups = 3, n_c = 6): must have length 4 on its third axis, "
         "for a_prev (m = 2, n_h_prev = 8, n_w_prev = 8, n_c_prev = 4) and groups = 1"),
        (lambda: conv_forward(A, W, groups=3), "groups 3: must divide n_c_prev = 4"),
        (lambda: conv_forward(A, W[:, :, :1], groups=4), "groups 4: must divide n_c = 6"),
        (lambda: conv_forward(A, W, groups=0), "groups 0: must be a whole number, at least 1"),
        (lambda: conv_forward(A, W, np.zeros(5)), "b (5,) of float64: must hold real numbers in the shape (n_c,) = (6,)"),
        (lambda: conv_forward(A > 0, W), "a_prev: must hold real numbers, not bool"),
        (lambda: conv_forward(A, W * 1j), "w: must hold real numbers, not complex128"),
        (lambda: conv_forward(A, np.zeros((9, 9, 4, 1))), "the filter is larger than the padded input"),
        (lambda: conv_backward(np.zeros((2, 6, 6, 5)), A, W),
         "d_out (m = 2, n_h = 6, n_w = 6, n_c = 5): must be (m = 2, n_h = 6, n_w = 6, n_c = 6)"),
        (lambda: pool_backward(np.zeros((2, 3, 4, 4)), A), "d_out (m = 2, n_h = 3, n_w = 4, n_c = 4): must be"),
        (lambda: pool_forward(A, size=9), "the filter is larger than the padded input"),
        (lambda: pool_forward(A[0]), "a_prev (8, 8, 4): must have the axes"),
        (lambda: pool_forward(A, mode="least"), "mode"),
        (lambda: pool_backward(A, A, mode="least"), "mode"),
        (lambda: conv_forward(A, W, jobs=0), "jobs 0: must be a whole number"),
    ],
)  # fmt: skip
def test_errors_name_what_disagrees(call: Callable[[], object], expected: str) -> None:
    with pytest.raises((SizeError, UsageError)) as raised:
        call()
    assert isinstance(raised.value, ConvcliError)
    assert expected in f"{raised.value.what}: {raised.value.why}"


@pytest.mark.usefixtures("numpy_engine")
def test_products_in_blocks_equal_whole_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    a = np.random.default_rng(8).integers(-9, 9, (2, 30, 30, 3))
    w = np.random.default_rng(9).integers(-9, 9, (3, 3, 3, 5))
    whole = conv_forward(a, w)
    for alone in (1, 1 << 12, 1 << 13):
        monkeypatch.setattr(im2col, "BLAS_SINGLE_THREAD_LIMIT", alone)
        np.testing.assert_array_equal(conv_forward(a, w), whole)

"""Layers in the compiled core: naive loops, every instruction set, threads, and callers that pass anything."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from convcli.convolution.buffers import BufferPool
from convcli.layers import convolution_layer
from convcli.layers.convolution_layer import conv_forward
from tests.layers.test_layers import naive_conv
from tests.support.engines import NEEDS_CORE, Engine, instruction_sets, use_engine, use_instruction_set
from tests.support.sampling import examples

pytestmark = [NEEDS_CORE, pytest.mark.usefixtures("compiled_engine")]

Array = NDArray[Any]
F = np.float32


def layer_in_all_instruction_sets(a: Array, w: Array, b: Array | None = None, **how: Any) -> Array:
    """Return the layer's result, which is bit-identical in all instruction sets."""
    results = []
    for name in instruction_sets():
        with use_engine(Engine.COMPILED), use_instruction_set(name):
            results.append(conv_forward(a, w, b, **how))
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])
    return results[0]


@settings(max_examples=examples(120), deadline=None)
@given(
    st.sampled_from([np.float32, np.float64]), st.integers(1, 3), st.integers(1, 3), st.integers(1, 40),
    st.integers(1, 3), st.tuples(*[st.integers(1, 4)] * 2), st.tuples(*[st.integers(1, 3)] * 2),
    st.tuples(*[st.integers(1, 2)] * 2), st.tuples(*[st.integers(0, 3)] * 2), st.integers(1, 3),
    st.sampled_from([1 << 6, 1 << 18]), st.integers(0, 1 << 30),
)  # fmt: skip
def test_dense_layers_equal_the_definition(
    dtype: type, images: int, taken: int, made: int, groups: int, window: tuple[int, int],
    stride: tuple[int, int], dilation: tuple[int, int], padding: tuple[int, int], jobs: int, size: int, seed: int,
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    sides = [
        max(int(rng.integers(1, 12)), dilation[axis] * (window[axis] - 1) + 1 - 2 * padding[axis])
        for axis in (0, 1)
    ]
    a: Array = rng.integers(-9, 10, (images, *sides, taken * groups)).astype(dtype)
    w: Array = rng.integers(-9, 10, (*window, taken, made * groups)).astype(dtype)
    b = rng.integers(-9, 10, made * groups)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(convolution_layer, "PIECE_BYTES", size)
        patched.setattr(convolution_layer, "MIN_PIECE_OUTPUTS", 1)
        patched.setattr(convolution_layer, "PIECE_MACS", size // 16)
        patched.setattr(convolution_layer, "thread_count", lambda *_: jobs)
        z = layer_in_all_instruction_sets(
            a, w, b, stride=stride, dilation=dilation, padding=padding, groups=groups
        )
    assert z.dtype == dtype
    np.testing.assert_array_equal(z, naive_conv(a, w, stride, padding, dilation, groups) + b)


@settings(max_examples=examples(120), deadline=None)
@given(
    st.sampled_from([np.float32, np.float64]), st.integers(2, 40), st.sampled_from([1, 1, 2, 3]),
    st.integers(1, 30), st.tuples(*[st.integers(1, 4)] * 2), st.integers(1, 3), st.integers(1, 2),
    st.integers(0, 3), st.integers(0, 1 << 30),
)  # fmt: skip
def test_depthwise_layers_equal_the_definition(
    dtype: type, channels: int, multiplier: int, width: int, window: tuple[int, int], stride: int,
    dilation: int, padding: int, seed: int,
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    sides = [
        max(side, dilation * (window[axis] - 1) + 1 - 2 * padding) for axis, side in enumerate((5, width))
    ]
    a: Array = rng.integers(-9, 10, (2, *sides, channels)).astype(dtype)
    w: Array = rng.integers(-9, 10, (*window, 1, channels * multiplier)).astype(dtype)
    b = rng.integers(-9, 10, channels * multiplier)
    z = layer_in_all_instruction_sets(
        a, w, b, stride=stride, dilation=dilation, padding=padding, groups=channels
    )
    expected = naive_conv(a, w, (stride,) * 2, (padding,) * 2, (dilation,) * 2, channels)
    np.testing.assert_array_equal(z, expected + b)


@pytest.mark.parametrize("groups", [1, 20])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_does_not_depend_on_instruction_set_or_threads(dtype: type, groups: int) -> None:
    rng = np.random.default_rng(1)
    a: Array = rng.standard_normal((2, 100, 61, 20)).astype(dtype)
    w: Array = rng.standard_normal((3, 4, 20 // groups, 40)).astype(dtype)
    b = rng.standard_normal(40)
    one = layer_in_all_instruction_sets(a, w, b, padding=1, groups=groups, jobs=1)
    np.testing.assert_array_equal(conv_forward(a, w, b, padding=1, groups=groups, jobs=3), one)
    with use_engine(Engine.NUMPY):
        other = conv_forward(a, w, b, padding=1, groups=groups)
    taps = w[..., 0].size
    bound = (taps + 8) * np.finfo(dtype).eps * taps * np.abs(w).max() * np.abs(a).max()
    assert np.abs(one - other).max() <= bound


@pytest.mark.parametrize(
    ("shape", "filters", "padding", "outputs"),
    [
        ((2, 12, 16, 16), 16, 0, 1),
        ((1, 13, 11, 17), 33, 1, 4),
        ((3, 9, 30, 64), 7 * 16, 2, 64),
        ((50, 7, 7, 20), 18, ((0, 1), (2, 0)), 64),
    ],
)
def test_winograd_is_the_same_in_all_instruction_sets(
    shape: tuple[int, ...], filters: int, padding: Any, outputs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convolution_layer, "MIN_PIECE_OUTPUTS", outputs)
    monkeypatch.setattr(convolution_layer, "PIECE_MACS", 1)
    rng = np.random.default_rng(2)
    a = rng.standard_normal(shape).astype(F)
    w = rng.standard_normal((3, 3, shape[3], filters)).astype(F)
    b = rng.standard_normal(filters).astype(F)
    results = layer_in_all_instruction_sets(a, w, b, padding=padding)
    with use_engine(Engine.NUMPY):
        np.testing.assert_allclose(results, conv_forward(a, w, b, padding=padding), rtol=0, atol=1e-3)


@pytest.mark.parametrize("side", [9, 3000, 70_000])
@pytest.mark.parametrize(
    ("window", "largest"),
    [
        (5, 1 << 27),
        (3, 1 << 30),
    ],  # Winograd has a fourth to do, in four rows
)
def test_pieces_are_small_enough_for_an_interrupt(side: int, window: int, largest: int) -> None:
    a, w = np.zeros((1, 20, side, 16), F), np.zeros((window, window, 16, 512), F)
    layer = convolution_layer._Layer.of(a, w, 1, 1, 1, 1)
    with use_engine(Engine.COMPILED):
        pieces = layer.choose_algorithm(np.zeros(512, F), BufferPool())[1]
    counted = np.zeros((*layer.shape[:3], 1), int)
    for piece in pieces:
        counted[piece] += 1
        assert w.size * counted[piece][..., 0].size <= largest
    assert (counted == 1).all()


# Callers that pass anything -------------------------------------------------------------------------------

INPUT, TARGET = np.zeros((1, 6, 7, 3), F), np.zeros((1, 4, 5, 20), F)
WEIGHTS = np.zeros((2, 28, 16), F)
DEPTHWISE_WEIGHTS, CHANNELS = np.zeros((10, 19), F), np.zeros((1, 4, 5, 3), F)
HOW: dict[str, Any] = {"window": (3, 3), "stride": (1, 1), "dilation": (1, 1), "start": (0, 0)}
HUGE = 1 << 62


def read_only(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view


def call(depthwise: bool = False, **changes: Any) -> None:
    from convcli.compiled import core  # late: it may not be built

    names = ("window", "stride", "dilation", "start")
    how = {"images": INPUT, **HOW, **changes}
    if depthwise:
        weights, target = how.get("weights", DEPTHWISE_WEIGHTS), how.get("target", CHANNELS)
        core.layer_depthwise(how["images"], weights, target, *(how[name] for name in names))
    else:
        weights, target = how.get("weights", WEIGHTS), how.get("target", TARGET)
        core.layer_products(how["images"], weights, target, *(how[name] for name in names))


def test_the_arguments_below_fit_until_they_are_changed() -> None:
    call()
    call(depthwise=True)


@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize(
    "changes",
    [
        {"images": None}, {"images": INPUT[0]}, {"images": INPUT.astype(np.float64)}, {"images": INPUT[:0]},
        {"images": INPUT.astype(np.int32)}, {"images": INPUT.astype(">f4")}, {"images": INPUT[..., ::-1]},
        {"images": np.zeros((1, 6, 7, 6), F)[..., ::2]}, {"images": INPUT[..., :2]}, {"images": [INPUT]},
        {"images": np.zeros((2, 6, 7, 3), F)}, {"images": np.zeros(509, np.uint8)[1:505].view(F)[None, None, None]},
        {"images": np.zeros(505, np.uint8)[1:].view(F).reshape(1, 6, 7, 3)},
        {"images": np.broadcast_to(F(0), (1, 1 << 31, 7, 3))},
        {"target": read_only(TARGET)}, {"target": TARGET.astype(np.float64)}, {"target": b"1234"},
        {"weights": np.zeros(3, F)}, {"weights": WEIGHTS[:, ::2]}, {"weights": np.asfortranarray(WEIGHTS)},
        {"weights": WEIGHTS[:, :-1]}, {"weights": WEIGHTS[:1]}, {"weights": DEPTHWISE_WEIGHTS[:-1]},
        {"weights": DEPTHWISE_WEIGHTS[:, :-1].copy()}, {"weights": WEIGHTS.astype(np.float64)},
        {"window": (3, 2)}, {"window": (0, 3)}, {"window": (-3, -3)}, {"window": (HUGE, HUGE)},
        {"window": (1 << 29, 1 << 29)}, {"window": 3}, {"window": (3, 3, 3)}, {"window": (3.0, 3)},
        {"stride": (0, 1)}, {"stride": (1, -1)}, {"stride": (HUGE, 1)}, {"stride": (10**30, 1)},
        {"dilation": (0, 1)}, {"dilation": (1, 1 << 30)}, {"dilation": (1, HUGE)},
        {"start": (HUGE, 0)}, {"start": (0, -HUGE)}, {"start": (0, 1 << 30)}, {"start": None},
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(changes: dict[str, Any], depthwise: bool) -> None:
    with pytest.raises((ValueError, TypeError, OverflowError, BufferError)):
        call(depthwise, **changes)


def test_copies_beyond_all_memory_are_refused() -> None:
    most = (1 << 30) - 1
    how: dict[str, Any] = {"stride": (most, most), "dilation": (most, most)}
    with pytest.raises(MemoryError):
        call(**how)
    with pytest.raises(MemoryError):  # several filters per channel
        call(depthwise=True, target=np.zeros((1, 4, 5, 6), F), weights=np.zeros((10, 22), F), **how)
    call(depthwise=True, **how)  # copies nothing


def test_an_output_must_not_overlap_what_is_read() -> None:
    memory = np.zeros(4000, F)
    for inputs in (
        {"images": memory[:126].reshape(INPUT.shape)},
        {"weights": memory[:896].reshape(WEIGHTS.shape)},
    ):
        call(**inputs, target=memory[896 : 896 + TARGET.size].reshape(TARGET.shape))
        with pytest.raises(ValueError, match="overlaps"):
            call(**inputs, target=memory[100 : 100 + TARGET.size].reshape(TARGET.shape))


def test_windows_beyond_the_image_read_zeros() -> None:
    images, target = np.full((1, 6, 7, 3), 5, F), np.full(TARGET.shape, 9, F)
    channels = np.full(CHANNELS.shape, 9, F)
    weights = np.ones(WEIGHTS.shape, F)
    for start in ((100, 0), (0, -200), (-(1 << 29), 1 << 29)):
        call(images=images, weights=weights, target=target, start=start)
        assert (target == 1).all()  # the bias alone
        call(depthwise=True, images=images, weights=np.ones((10, 19), F), target=channels, start=start)
        assert (channels == 1).all()
    call(images=images[:, ::-1, ::-1], weights=weights, target=target, start=(-2, -2))
    assert target[0, 0, :3, 0].tolist() == [16, 31, 46]


def test_another_instruction_set_is_refused() -> None:
    from convcli.compiled import core  # late: it may not be built

    with pytest.raises(ValueError, match="no instruction set"):
        core.use_instruction_set("avx1024")


@pytest.mark.parametrize(
    ("side", "window", "groups", "made"), [(300, (5, 3), 1, 2), (300, (5, 3), 3, 6), (110, (3, 3), 1, 16)]
)
def test_large_inputs_are_copied_in_parts(
    side: int, window: tuple[int, int], groups: int, made: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(5)
    taken = 3 if made < 16 else 64  # several times what is copied at once: dense, depthwise, Winograd's
    a = rng.normal(size=(2, 2 * side, side, taken)).astype(F)
    w = rng.normal(size=(*window, taken // groups, made)).astype(F)
    how: Any = {"padding": (window[0] // 2, window[1] // 2), "groups": groups}
    in_pieces = conv_forward(a, w, **how)
    for limit in ("PIECE_BYTES", "PIECE_MACS"):
        monkeypatch.setattr(convolution_layer, limit, 1 << 40)
    np.testing.assert_array_equal(conv_forward(a, w, **how), in_pieces)

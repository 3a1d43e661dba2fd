"""Recipes on strips against the same recipes on the whole picture."""

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from convcli.compiled.engine import is_compiled
from convcli.convolution.pooling import PoolMode
from convcli.convolution.rendering import SignedMapping
from convcli.convolution.weighted import NanMode
from convcli.errors import ImageError, SizeError
from convcli.kernels.banks import (
    Bank,
    MapCombination,
    as_filter,
    combine_maps,
    filter_or_bank,
    orientation_bank,
)
from convcli.networks.layer_types.pooling import Pooling
from convcli.pictures.channels import Channels
from convcli.pictures.picture import Picture, PictureKind
from convcli.pictures.regions.whole import WholePicture
from convcli.pipeline.large import strips
from convcli.pipeline.large.strips import StripRun, computed_ahead
from convcli.pipeline.recipes.filtering import convolution_recipe
from convcli.pipeline.recipes.notes import PixelNotes
from convcli.pipeline.recipes.pooling import pool_recipe
from convcli.pipeline.recipes.recipe import Recipe, Result
from convcli.pipeline.recipes.rendering import Rendering
from convcli.pipeline.recipes.window import SlidingWindow
from convcli.sizes.per_axis import Padding
from convcli.sizes.text import NamedPadding


class Recorded(WholePicture):
    """A picture in memory that remembers which rows were read."""

    def __init__(self, picture: Picture) -> None:
        super().__init__(picture)
        self.reads: list[tuple[int, int]] = []

    def read(self, start: int, stop: int, jobs: int | None = None) -> Picture:
        assert 0 <= start < stop <= self.properties.size[0]
        self.reads.append((start, stop))
        return super().read(start, stop, jobs)


def run_strips(recipe: Recipe, picture: Picture, *, as_numbers: bool, tile_rows: int = 2) -> Result:
    """Run a recipe on strips and put the result together."""
    run = StripRun(
        recipe,
        Recorded(picture),
        as_numbers=as_numbers,
        tile_rows=tile_rows,
        jobs=1,
        show_share=lambda _: None,
    )
    parts = list(run.pictures())
    alphas = [part.alpha for part in parts if part.alpha is not None]
    whole = parts[0].changed(
        pixels=np.concatenate([part.pixels for part in parts]),
        alpha=np.concatenate(alphas) if alphas else None,
    )
    return run.result()._replace(picture=whole)


def assert_same(found: Result, expected: Result) -> None:
    """Compare pixels, alpha, record and notes; the plan of a strip differs."""
    assert found.picture.pixels.dtype == expected.picture.pixels.dtype
    pixels, others = found.picture.pixels, expected.picture.pixels
    # numpy chooses its way by the size of what it gets: the last bit of floats, and how they round, may differ.
    is_exact = is_compiled() or others.dtype.kind == "i"
    if is_exact:
        np.testing.assert_array_equal(pixels, others)
    else:
        most = 1 if others.dtype.kind == "u" else 1e-3
        np.testing.assert_allclose(pixels.astype(np.float64), others.astype(np.float64), rtol=1e-6, atol=most)
    if expected.picture.alpha is None:
        assert found.picture.alpha is None
    else:
        np.testing.assert_array_equal(found.picture.alpha, expected.picture.alpha)
    if not is_exact:
        assert found.record.keys() == expected.record.keys()
        return
    records = dict(found.record), dict(expected.record)
    for record in records:
        record.pop("plan", None)
    means = [record.pop("mean", None) for record in records]
    assert records[0] == records[1]
    assert means[0] == pytest.approx(means[1], rel=1e-12, nan_ok=True)
    assert found.notes == expected.notes
    assert found.is_saturation_noted == expected.is_saturation_noted


@pytest.fixture(autouse=True)
def _short_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips, "STRIP_BYTES", 1)


def make_picture(seed: int, height: int, width: int, kind: str) -> Picture:
    random = np.random.default_rng(seed)
    if kind == "float":
        return Picture(random.normal(0, 100, (height, width)).astype(np.float32), kind=PictureKind.ARRAY)
    dtype = np.uint16 if kind == "deep" else np.uint8
    channels = {"gray": (), "deep": (), "alpha": (3,), "rgb": (3,)}[kind]
    pixels = random.integers(0, np.iinfo(dtype).max, (height, width, *channels), endpoint=True, dtype=dtype)
    alpha = None
    if kind == "alpha":
        alpha = random.choice(np.array([0, 90, 255], np.uint8), (height, width))
    return Picture(pixels, alpha=alpha)


WINDOWS = st.builds(
    SlidingWindow.of,
    st.sampled_from(["same", "valid", 2, ((3, 0), (1, 4)), ((0, 5), (0, 0))]),
    st.sampled_from(["zero", "constant:7", "edge", "reflect", "symmetric", "wrap"]),
    st.sampled_from([1, 2, (3, 1)]),
    st.sampled_from([1, 2]),
    flip=st.booleans(),
)


@given(
    st.sampled_from(["gray", "rgb", "alpha", "deep", "float"]),
    st.sampled_from(["sobel-x", "sobel", "gaussian:sigma=0.8", "prewitt-y", "box:size=2"]),
    WINDOWS,
    st.sampled_from(list(SignedMapping)),
    st.sampled_from([Channels.EACH, Channels.GRAY, Channels.SUM]),
    st.sampled_from([1, 0.5, None]),
    st.integers(11, 40),
    st.integers(11, 16),
    st.integers(1, 5),
    st.integers(0, 99),
)
def test_filtered_strips_are_those_of_the_whole(
    kind: str, name: str, window: SlidingWindow, signed: SignedMapping, channels: Channels,
    scale: float | None, height: int, width: int, tile_rows: int, seed: int,
) -> None:  # fmt: skip
    is_wide = window.padding not in (NamedPadding.SAME, NamedPadding.VALID)
    assume(kind != "alpha" or window.border != "wrap" or not is_wide)  # takes the whole picture
    picture = make_picture(seed, height, width, kind)
    filter_ = as_filter(name)
    if scale is None and not getattr(filter_, "gain", 0):
        scale = 1
    rendering = Rendering(channels, signed, scale, (0,), False)
    recipe = convolution_recipe(filter_, window, rendering, measured=True)
    as_numbers = signed == SignedMapping.RAW
    expected = recipe.run(picture, as_numbers)
    found = run_strips(recipe, picture, as_numbers=as_numbers, tile_rows=tile_rows)
    assert_same(found, expected)


@given(
    st.sampled_from(["gray", "rgb", "alpha", "deep", "float"]),
    st.sampled_from(list(PoolMode)),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(0, 2),
    st.booleans(),
    st.integers(4, 40),
    st.integers(1, 5),
    st.integers(0, 99),
)
def test_pooled_strips_are_those_of_the_whole(
    kind: str, mode: PoolMode, size: int, stride: int, padding: int, ceil: bool, height: int, tile_rows: int,
    seed: int,
) -> None:  # fmt: skip
    amounts = min(padding, size // 2)
    layer = Pooling(
        window=(size, size), stride=(stride, stride), padding=((amounts, amounts),) * 2, ceil=ceil,
        type=f"{mode}pool",
    )  # fmt: skip
    picture = make_picture(seed, height, 9, kind)
    recipe = pool_recipe(layer, mode, 1)
    as_numbers = kind == "float"
    found = run_strips(recipe, picture, as_numbers=as_numbers, tile_rows=tile_rows)
    assert_same(found, recipe.run(picture, as_numbers))


@given(
    st.sampled_from(["prewitt:3", "sobel:4"]),
    st.sampled_from([None, *MapCombination]),
    WINDOWS,
    st.sampled_from([None, SignedMapping.STRETCH, SignedMapping.ABS]),
    st.sampled_from(["gray", "rgb", "alpha"]),
    st.integers(0, 99),
)
def test_strips_of_banks_are_those_of_the_whole(
    text: str, combination: MapCombination | None, window: SlidingWindow, signed: SignedMapping | None,
    kind: str, seed: int,
) -> None:  # fmt: skip
    bank = orientation_bank(text)
    chosen = bank if combination is None else combine_maps(bank, combination)
    rendering = Rendering(Channels.EACH, signed, 1, (0,), False)
    recipe = convolution_recipe(chosen, window, rendering, measured=True)
    is_wide = window.padding not in (NamedPadding.SAME, NamedPadding.VALID)
    assume(kind != "alpha" or window.border != "wrap" or not is_wide)
    picture = make_picture(seed, 60, 50, kind)
    as_numbers = bool(recipe.as_numbers)
    found = run_strips(recipe, picture, as_numbers=as_numbers, tile_rows=7)
    assert_same(found, recipe.run(picture, as_numbers))


def filter_recipe(
    name: str, window: SlidingWindow, signed: SignedMapping, nan: NanMode = NanMode.KEEP
) -> Recipe:
    rendering = Rendering(Channels.EACH, signed, 1, (0,), False, nan=nan)
    return convolution_recipe(as_filter(name), window, rendering, measured=True)


@pytest.mark.thorough(every=5)
@pytest.mark.parametrize("border", ["zero", "constant:9", "edge", "reflect", "symmetric", "wrap"])
@pytest.mark.parametrize("height", [1, 2, 9, 40])
@pytest.mark.parametrize(
    ("padding", "stride", "dilation"),
    [
        (7, 24, 1),
        (11, 25, 1),
        (30, 1, 1),
        (((40, 3), (1, 1)), 5, 1),
        ("same", 1, 8),
        (((0, 50), (9, 0)), 7, 12),
    ],
)
def test_windows_beyond_the_picture(
    border: str, height: int, padding: Padding, stride: int, dilation: int
) -> None:
    window = SlidingWindow.of(padding, border, (stride, 1), (dilation, 1))
    picture = make_picture(height, height, 6, "gray")
    for name in ("sobel-x", "box:size=5"):
        recipe = filter_recipe(name, window, SignedMapping.RAW)
        try:
            expected = recipe.run(picture, True)
        except SizeError:
            continue
        for tile_rows in (1, 3):
            assert_same(run_strips(recipe, picture, as_numbers=True, tile_rows=tile_rows), expected)


@pytest.mark.parametrize("height", [1, 2, 5, 19])
def test_pooling_whose_last_window_is_rounded_up(height: int) -> None:
    picture = make_picture(height, height, 7, "alpha")
    for stride in (4, 9, 10**20):
        recipe = pool_recipe(
            Pooling(window=(3, 3), stride=(stride, 1), padding=((1, 0), (1, 1)), ceil=True), PoolMode.AVG
        )
        assert_same(run_strips(recipe, picture, as_numbers=False), recipe.run(picture, False))


@pytest.mark.parametrize("signed", [SignedMapping.RAW, SignedMapping.STRETCH, SignedMapping.ABS])
def test_only_finite_values_count_in_the_mean(signed: SignedMapping) -> None:
    pixels = np.arange(60, dtype=np.float64).reshape(12, 5) * 2e306
    pixels[0, :4] = np.inf
    pixels[7, 1:3] = -np.inf
    pixels[9, 0] = np.nan
    picture = Picture(pixels, kind=PictureKind.ARRAY)
    recipe = filter_recipe("identity", SlidingWindow.of(), signed)
    as_numbers = signed == SignedMapping.RAW
    assert_same(run_strips(recipe, picture, as_numbers=as_numbers), recipe.run(picture, as_numbers))
    recipe = pool_recipe(Pooling(window=(1, 1)), PoolMode.MAX)
    assert_same(run_strips(recipe, picture, as_numbers=True), recipe.run(picture, True))


@pytest.mark.parametrize("name", ["gaussian", "box", "sobel-x", "identity"])
@pytest.mark.parametrize("kind", ["alpha", "whole numbers"])
def test_numbers_have_the_dtype_that_they_have_in_memory(name: str, kind: str) -> None:
    if kind == "alpha":
        picture = make_picture(3, 20, 5, kind)
    else:
        picture = Picture(np.arange(-50, 50, dtype=np.int8).reshape(20, 5), kind=PictureKind.NUMBERS)
    recipe = filter_recipe(name, SlidingWindow.of(), SignedMapping.RAW, NanMode.IGNORE)
    expected = recipe.run(picture, True)
    found = run_strips(recipe, picture, as_numbers=True)
    assert_same(found, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_maps_of_strips_without_nan_have_the_dtype_of_the_others(dtype: Any) -> None:
    pixels = np.arange(200, dtype=dtype).reshape(20, 10)
    pixels[17, 3] = np.nan  # far from the first strip
    bank = Bank("averages", np.arange(1.0, 28.0).reshape(3, 3, 1, 3))
    picture = Picture(pixels, kind=PictureKind.ARRAY)
    rendering = Rendering(Channels.EACH, SignedMapping.RAW, 1, (0,), False, nan=NanMode.IGNORE)
    recipe = convolution_recipe(bank, SlidingWindow.of(), rendering, measured=True)
    expected = recipe.run(picture, True)
    run = StripRun(
        recipe, WholePicture(picture), as_numbers=True, tile_rows=4, jobs=1, show_share=lambda _: None
    )
    parts = [part.pixels for part in run.pictures()]
    assert {part.dtype for part in parts} == {expected.picture.pixels.dtype} == {np.dtype(np.float64)}
    np.testing.assert_allclose(np.concatenate(parts), expected.picture.pixels, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.int64])
def test_maps_of_whole_numbers_stay_exact(dtype: Any) -> None:
    most = min(np.iinfo(dtype).max, 1 << 58)
    picture = Picture(np.full((20, 10), most, dtype) - np.arange(10, dtype=dtype), kind=PictureKind.NUMBERS)
    rendering = Rendering(Channels.EACH, SignedMapping.RAW, 1, (0,), False, nan=NanMode.IGNORE)
    recipe = convolution_recipe(orientation_bank("sobel:2"), SlidingWindow.of(), rendering, measured=True)
    assert_same(run_strips(recipe, picture, as_numbers=True), recipe.run(picture, True))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_averages_of_whole_numbers_below_alpha_are_fractions_in_every_strip(dtype: Any) -> None:
    pixels = np.arange(200, dtype=dtype).reshape(20, 10)
    alpha = np.full(pixels.shape, np.iinfo(dtype).max, dtype)
    alpha[17, 3:5] = 0  # far from the first strip
    picture = Picture(pixels, alpha, kind=PictureKind.NUMBERS if dtype == np.uint32 else PictureKind.PIXELS)
    filter_ = filter_or_bank("average", np.array([[1, 2, 1]]))
    rendering = Rendering(Channels.EACH, SignedMapping.RAW, 1, (0,), False)
    recipe = convolution_recipe(filter_, SlidingWindow.of(), rendering, measured=True)
    found, expected = run_strips(recipe, picture, as_numbers=True).picture, recipe.run(picture, True).picture
    assert found.pixels.dtype == expected.pixels.dtype == np.float64
    np.testing.assert_array_equal(found.pixels, expected.pixels)


def test_maps_that_become_pixels_are_pixels_in_every_strip() -> None:
    picture = Picture(np.arange(-50, 50, dtype=np.int8).reshape(20, 5), kind=PictureKind.NUMBERS)
    rendering = Rendering(Channels.EACH, SignedMapping.GRAY, 1, (0,), False, nan=NanMode.IGNORE)
    recipe = convolution_recipe(orientation_bank("prewitt:3"), SlidingWindow.of(), rendering, measured=True)
    found = run_strips(recipe, picture, as_numbers=True)
    assert found.picture.pixels.dtype == np.uint8
    assert_same(found, recipe.run(picture, True))


def test_large_strides_do_not_make_strips_large() -> None:
    large = Recorded(make_picture(3, 400, 5, "gray"))
    recipe = pool_recipe(Pooling(window=(2, 2), stride=(20, 20)), PoolMode.MAX)
    run = StripRun(recipe, large, as_numbers=False, tile_rows=16, jobs=1, show_share=lambda _: None)
    assert sum(len(part.pixels) for part in run.pictures()) == run.height == 20
    assert max(stop - start for start, stop in large.reads) == run.largest_strip.size[0] == 2


def test_strips_have_at_most_so_many_rows_unless_the_window_reaches_farther() -> None:
    picture = make_picture(3, 90, 8, "gray")
    for name, most, found in (("sobel-x", 4, 4), ("gaussian:sigma=2", 4, 17), ("sobel-x", 100, 16)):
        recipe = filter_recipe(name, SlidingWindow.of(), SignedMapping.ABS)
        run = StripRun(
            recipe, WholePicture(picture), as_numbers=False, tile_rows=16, jobs=1,
            show_share=lambda _: None, most_rows=most,
        )  # fmt: skip
        assert run.strip_rows == found
        pixels = np.concatenate([part.pixels for part in run.pictures()])
        np.testing.assert_array_equal(pixels, recipe.run(picture, False).picture.pixels)


def test_what_is_kept_of_many_strips_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = make_picture(3, 900, 8, "float")
    recipe = filter_recipe("identity", SlidingWindow.of(), SignedMapping.CLIP)
    found = list[int]()
    make_notes = PixelNotes.of

    def counted(picture: Picture, pixels: Any, *rest: Any) -> PixelNotes:
        found.extend((len(picture.pixels), len(pixels)))
        return make_notes(picture, pixels, *rest)

    run = StripRun(
        recipe, WholePicture(picture), as_numbers=False, tile_rows=1, jobs=1, show_share=lambda _: None
    )
    list(run.pictures())
    monkeypatch.setattr(PixelNotes, "of", counted)
    run.result()
    assert found[0] == found[1]
    assert strips.MOST_ROWS // 2 <= found[0] <= strips.MOST_ROWS


def test_wrapped_alpha_below_wide_padding_takes_the_whole_picture() -> None:
    window = SlidingWindow.of(2, "wrap")
    recipe = convolution_recipe(
        as_filter("sobel-x"), window, Rendering(Channels.EACH, None, 1, (0,), False), measured=True
    )
    with pytest.raises(SizeError, match="takes the whole picture"):
        run_strips(recipe, make_picture(1, 20, 20, "alpha"), as_numbers=False)


def test_a_strip_reads_only_its_rows_and_those_next_to_it() -> None:
    large = Recorded(make_picture(3, 40, 5, "gray"))
    recipe = convolution_recipe(
        as_filter("sobel-x"),
        SlidingWindow.of(),
        Rendering(Channels.EACH, None, 1, (0,), False),
        measured=True,
    )
    run = StripRun(recipe, large, as_numbers=False, tile_rows=10, jobs=1, show_share=lambda _: None)
    assert len(list(run.pictures())) == 4
    assert large.reads == [(0, 11), (9, 21), (19, 31), (29, 40)]
    assert run.largest_strip.size == (12, 5, 1)


class Countdown:
    """An iterator of pictures that fails instead of giving the last; it knows whether it is at work."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.is_working = False

    def __iter__(self) -> "Countdown":
        return self

    def __next__(self) -> Picture:
        self.is_working = True
        time.sleep(0.01)
        self.is_working = False
        self.left -= 1
        if not self.left:
            raise ImageError("slide.tif", "is damaged")
        return make_picture(self.left, 4, 4, "gray")


@pytest.mark.parametrize("has_threads", [True, False])
def test_an_error_on_another_thread_is_raised_behind_what_came_before(
    monkeypatch: pytest.MonkeyPatch, has_threads: bool
) -> None:
    if not has_threads:

        def refuse(_: object) -> None:
            raise RuntimeError

        monkeypatch.setattr(strips, "BackgroundTask", refuse)
    ahead = computed_ahead(Countdown(3))
    assert [next(ahead).shape, next(ahead).shape] == [(4, 4), (4, 4)]
    with pytest.raises(ImageError, match="is damaged"):
        next(ahead)


def test_nothing_is_computed_any_more_when_a_write_has_failed() -> None:
    pictures = Countdown(9)
    ahead = computed_ahead(pictures)
    next(ahead)
    ahead.close()  # type: ignore[attr-defined] # it is a generator
    assert not pictures.is_working
    assert pictures.left in (7, 8)  # the thread may not have begun

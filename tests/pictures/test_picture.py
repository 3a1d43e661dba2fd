"""A picture of rasters is the picture of the same arrays."""

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import convcli
from convcli import Picture
from convcli.errors import ImageError
from convcli.pictures.picture import without_channel_axis
from convcli.pictures.raster import Raster, allocate

GRAY = np.arange(12, dtype=np.uint8).reshape(3, 4)
RGBX = np.arange(48, dtype=np.uint8).reshape(3, 4, 4)
DEEP = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000
GRAY_PROFILE, RGB_PROFILE = (bytes(16) + space for space in (b"GRAY", b"RGB "))


def raster_of(array: Any, channels: int | None = None) -> Raster:
    """Return a raster of an array's memory, of which the first channels count."""
    return Raster(memoryview(array), channels)


CASES: dict[str, tuple[Raster, Any]] = {
    "gray": (raster_of(GRAY), GRAY),
    "rgb": (Raster.packed(bytes(range(36)), 3, 4, 3), np.arange(36, dtype=np.uint8).reshape(3, 4, 3)),
    "rgbx": (raster_of(RGBX, 3), RGBX[..., :3]),
    "deep": (raster_of(DEEP), DEEP),
}


@pytest.mark.parametrize("case", CASES)
def test_a_raster_answers_as_the_array(case: str) -> None:
    raster, array = CASES[case]
    of_raster, of_array = Picture(raster), Picture(array)
    for name in ("shape", "channels", "depth", "pixel_format", "is_numeric", "has_alpha", "kind"):
        assert getattr(of_raster, name) == getattr(of_array, name), name
    assert of_raster.raster is raster
    assert of_raster.pixels.dtype == array.dtype
    assert of_raster.pixels.flags.c_contiguous
    assert np.array_equal(of_raster.pixels, array)
    assert of_raster.alpha is None
    assert of_raster.alpha_raster is None


def test_pixels_share_the_memory_of_the_raster() -> None:
    picture: Any = Picture(Raster.empty(2, 3))
    picture.pixels[1, 2] = 7
    assert bytes(picture.raster.samples) == bytes((0, 0, 0, 0, 0, 7))


def test_a_raster_shows_what_is_written_to_the_pixels() -> None:
    picture: Any = Picture(Raster.empty(40, 3, 4).with_channels(3))
    before = picture.raster
    assert picture.raster is before
    picture.pixels[39, 2] = 7
    assert picture.pixels is picture.pixels
    assert picture.raster.array()[39].tolist() == [[0, 0, 0], [0, 0, 0], [7, 7, 7]]


def test_contiguous_pixels_have_a_raster_of_the_same_memory() -> None:
    pictures: Any = [Picture(array) for array in (GRAY, RGBX, DEEP)]
    assert [picture.raster.samples.obj is picture.pixels for picture in pictures] == [True] * 3
    assert [picture.raster.shape for picture in pictures] == [(3, 4), (3, 4, 4), (3, 4)]
    assert [picture.raster.depth for picture in pictures] == [8, 8, 16]
    assert Picture(GRAY[:, ::2]).raster is None
    assert Picture(GRAY.astype(np.float32)).raster is None
    assert Picture(GRAY.astype(np.int8)).raster is None


def test_alpha_may_be_a_raster() -> None:
    picture: Any = Picture(raster_of(RGBX, 3), raster_of(GRAY))
    assert picture.has_alpha
    assert picture.alpha_raster.shape == (3, 4)
    assert picture.alpha.tolist() == GRAY.tolist()
    assert picture.pixels_with_alpha.tolist() == np.dstack((RGBX[..., :3], GRAY)).tolist()


@pytest.mark.parametrize("alpha", [raster_of(DEEP), raster_of(GRAY[:2]), DEEP, GRAY[:2], RGBX])
def test_alpha_that_does_not_fit_is_refused(alpha: Any) -> None:
    with pytest.raises(ImageError, match=r"must be uint8 \(3, 4\) for uint8 pixels \(3, 4, 3\)"):
        Picture(raster_of(RGBX, 3), alpha)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_pictures_can_be_copied_and_pickled(copied: Callable[[Picture], Any]) -> None:
    picture: Any = Picture(raster_of(RGBX, 3), raster_of(GRAY), profile=b"profile", notes=("a note",))
    other = copied(picture)
    assert other.raster.samples.shape == (3, 4, 4)
    assert other.pixels.tolist() == RGBX[..., :3].tolist()
    assert other.alpha.tolist() == GRAY.tolist()
    assert (other.profile, other.notes, other.kind) == (b"profile", ("a note",), picture.kind)


def test_changes_keep_rasters_and_replace_makes_arrays() -> None:
    picture: Any = Picture(raster_of(RGBX, 3), raster_of(GRAY))
    changed = picture.changed(notes=("new",))
    assert changed.raster is picture.raster
    assert changed.alpha_raster is picture.alpha_raster
    assert changed.notes == ("new",)
    replaced: Any = replace(picture, notes=("new",))
    assert replaced.pixels.tolist() == picture.pixels.tolist()
    assert replaced.alpha.tolist() == picture.alpha.tolist()


def test_pixels_are_required_and_cannot_be_set() -> None:
    with pytest.raises(TypeError):
        Picture()
    picture: Any = Picture(GRAY)
    with pytest.raises(AttributeError):
        picture.pixels = GRAY


@pytest.mark.parametrize("gray", [GRAY, raster_of(GRAY)])
@pytest.mark.parametrize("color", [RGBX[..., :3], raster_of(RGBX, 3)])
def test_results_keep_the_profile_that_fits(gray: Any, color: Any) -> None:
    dropped = ("the color profile does not fit the result and is dropped",)
    picture: Any = Picture(color, profile=RGB_PROFILE, resolution=(72.0, 72.0))
    result: Any = picture.with_pixels(gray, None)
    assert (result.profile, result.notes, result.resolution) == (None, dropped, (72.0, 72.0))
    result = picture.with_pixels(color, gray)
    assert (result.profile, result.notes) == (RGB_PROFILE, ())
    assert result.alpha.tolist() == GRAY.tolist()
    result = Picture(gray, profile=GRAY_PROFILE).with_pixels(color, None)
    assert (result.profile, result.notes) == (None, dropped)


@pytest.mark.parametrize("alpha", [GRAY, raster_of(GRAY)])
@pytest.mark.parametrize("pixels", [DEEP, raster_of(DEEP)])
def test_results_have_alpha_of_their_depth(pixels: Any, alpha: Any) -> None:
    result: Any = Picture(GRAY).with_pixels(pixels, alpha)
    assert result.alpha.dtype == np.uint16
    assert result.alpha.tolist() == (GRAY.astype(int) * 257).tolist()


def test_a_single_channel_loses_its_axis() -> None:
    array = GRAY[..., np.newaxis]
    for pixels in (array, raster_of(array, 1), raster_of(RGBX, 1)):
        plain = without_channel_axis(Picture(pixels))
        assert plain.shape == (3, 4)
        assert plain.pixels.tolist() == Picture(pixels).pixels[..., 0].tolist()
    three = Picture(raster_of(RGBX, 3))
    assert without_channel_axis(three) is three


def test_whole_pictures_of_rasters_are_filtered() -> None:
    filtered = convcli.filter_picture(Picture(raster_of(RGBX, 3)), "sobel-x")
    expected = convcli.filter_picture(Picture(RGBX[..., :3].copy()), "sobel-x")
    assert filtered.pixels.tolist() == expected.pixels.tolist()


@pytest.mark.parametrize("size", [1, 1 << 20, (1 << 22) - 1, 1 << 22, (1 << 23) + 5])
def test_memory_of_every_size_is_zero_and_can_be_written_to(size: int) -> None:
    memory = memoryview(allocate(size))
    assert memory.nbytes == size
    assert not np.asarray(memory).any()
    memory[-1] = 255
    assert memory[-1] == 255


def test_memory_that_is_not_there_is_a_memory_error() -> None:
    with pytest.raises(MemoryError):
        allocate(1 << 62)


def test_large_rasters_can_be_pickled() -> None:
    raster = Raster.empty(2048, 2048)
    assert pickle.loads(pickle.dumps(raster)).shape == (2048, 2048)

"""Small pictures: compared with naive means, and with colours computed by hand."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from convcli.figures.thumbnails import (
    ThumbnailStyle,
    array_thumbnails,
    boxes_at_one_scale,
    fit_size,
    picture_layers,
    picture_thumbnails,
    resize,
)
from convcli.pictures.picture import Picture, PictureKind
from tests.support import oracles as reference

ORANGE = [230, 159, 0]


@given(
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.sampled_from([(), (1,), (3,)]),
    st.sampled_from([np.uint8, np.uint16, np.int16, np.int64, np.float32]),
    st.integers(0, 1000),
)
def test_a_smaller_picture_is_the_means_of_parts(
    sides: tuple[int, int], wanted: tuple[int, int], channels: tuple[int, ...], dtype: type, seed: int
) -> None:
    size = min(sides[0], wanted[0]), min(sides[1], wanted[1])
    values: NDArray[Any] = np.random.default_rng(seed).integers(0, 250, (*sides, *channels)).astype(dtype)
    np.testing.assert_allclose(resize(values, size), reference.means_of_parts(values, size), rtol=1e-12)


def test_each_pixel_counts_in_one_part_only() -> None:
    values = np.arange(7 * 5).reshape(7, 5)
    rows, columns = np.diff([0, 2, 4, 7]), np.diff([0, 2, 5])
    assert (resize(values, (3, 2)) * np.outer(rows, columns)).sum() == pytest.approx(values.sum())


def test_a_larger_picture_repeats_its_pixels() -> None:
    values = np.array([[1, 2], [3, 4]])
    np.testing.assert_array_equal(resize(values, (4, 6)), np.kron(values, np.ones((2, 3))))


def test_weights_count_and_where_there_are_none_the_mean_is_zero() -> None:
    values = np.array([[10, 200, 7, 7], [30, 200, 7, 7]], np.uint8)
    weights = np.array([[1, 0, 0, 0], [3, 0, 0, 0]], np.uint8)
    assert resize(values, (1, 2), weights).tolist() == [[25, 0]]


@pytest.mark.parametrize(
    ("sides", "box", "size"),
    [
        ((1, 1), (42, 38), (38, 38)),
        ((20_000, 1), (42, 38), (42, 1)),
        ((1, 20_000), (42, 38), (1, 38)),
        ((300, 451), (42, 38), (25, 38)),
        ((6, 6), (13, 99), (12, 12)),
        ((5, 5), (1, 1), (1, 1)),
        ((100_000, 100_000), (400, 300), (300, 300)),
    ],
)
def test_sizes_keep_their_proportions(
    sides: tuple[int, int], box: tuple[int, int], size: tuple[int, int]
) -> None:
    assert fit_size(sides, box) == size


@given(*[st.tuples(st.integers(1, 3000), st.integers(1, 3000))] * 2)
def test_a_size_lies_within_the_box_and_fills_it_as_far_as_it_may(
    sides: tuple[int, int], box: tuple[int, int]
) -> None:
    rows, columns = fit_size(sides, box)
    assert 1 <= rows <= box[0]
    assert 1 <= columns <= box[1]
    if all(side > most for side, most in zip(sides, box, strict=True)):
        assert rows == box[0] or columns == box[1]
    if rows > sides[0]:
        assert (rows / sides[0]) == (columns / sides[1]) == rows // sides[0]


@given(
    st.lists(st.tuples(st.integers(1, 3000), st.integers(1, 3000)), min_size=1, max_size=4),
    st.tuples(st.integers(1, 300), st.integers(1, 300)),
)
def test_pictures_in_their_boxes_have_one_scale(
    pictures: list[tuple[int, int]], box: tuple[int, int]
) -> None:
    boxes = boxes_at_one_scale(pictures, box)
    scale = min(Fraction(most, side) for sides in pictures for most, side in zip(box, sides, strict=True))
    scale = Fraction(int(scale)) if scale >= 1 else scale
    for sides, own in zip(pictures, boxes, strict=True):
        drawn_sides = fit_size(sides, own)
        for drawn_side, most, side in zip(drawn_sides, box, sides, strict=True):
            assert 1 <= drawn_side <= most
            assert abs(drawn_side - side * scale) <= (0 if scale >= 1 else 1)


def test_the_picture_that_is_alone_fills_its_box() -> None:
    for sides, box in (((300, 451), (42, 38)), ((6, 6), (13, 99)), ((20_000, 1), (42, 38))):
        assert fit_size(sides, boxes_at_one_scale([sides], box)[0]) == fit_size(sides, box)


def test_pixels_of_8_bits_are_what_they_are() -> None:
    pixels = np.array([[[0, 100, 255], [7, 8, 9]]], np.uint8)
    np.testing.assert_array_equal(picture_thumbnails(Picture(pixels), ThumbnailStyle((9, 9)))[0], pixels)


def test_pixels_of_16_bits_become_those_of_8() -> None:
    pixels = np.array([[0, 257, 65535, 32896]], np.uint16)
    assert picture_thumbnails(Picture(pixels), ThumbnailStyle((9, 9)))[0][0, :, 0].tolist() == [
        0,
        1,
        255,
        128,
    ]


def test_zero_is_mid_gray_in_signed_numbers_and_what_is_no_number_is_orange() -> None:
    values = np.array([[-4, 0, 2, math.nan, math.inf, -math.inf]])
    expected = [[0] * 3, [128] * 3, [192] * 3, ORANGE, [255] * 3, [0] * 3]
    assert picture_thumbnails(Picture(values), ThumbnailStyle((1, 6)))[0].tolist() == [expected]


def test_zero_is_mid_gray_in_matrices() -> None:
    (one,) = picture_thumbnails(Picture(np.array([[0, 10, 20]])), ThumbnailStyle((1, 3)))
    assert one[0, :, 0].tolist() == [128, 192, 255]  # 128 + 63.5, rounded to even
    text = Picture(np.tile([0, 10, 20], (1, 5)), kind=PictureKind.TEXT)
    assert picture_thumbnails(text, ThumbnailStyle((1, 15)))[0][0, :3, 0].tolist() == [128, 192, 255]


def test_other_numbers_that_are_not_negative_reach_from_black_to_white() -> None:
    (one,) = picture_thumbnails(Picture(np.tile([0, 10, 20], (1, 5))), ThumbnailStyle((1, 15)))
    assert one[0, :3, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf, -math.inf])
def test_a_picture_of_one_value_has_a_colour(value: float) -> None:
    (one,) = picture_thumbnails(Picture(np.full((3, 3), value)), ThumbnailStyle((2, 2)))
    assert one.shape == (2, 2, 3)
    assert len(np.unique(one.reshape(-1, 3), axis=0)) == 1


def test_the_largest_numbers_that_there_are_have_colours_too() -> None:
    for dtype, values in ((np.float64, [-1.7e308, 1.7e308, math.inf]), (np.int64, [-(2**63), 2**63 - 1, 0])):
        (one,) = picture_thumbnails(Picture(np.array([values], dtype)), ThumbnailStyle((1, 3)))
        assert one[0, :2, 0].tolist() in ([0, 255], [1, 255])


def test_maps_share_one_scale() -> None:
    maps = np.stack([np.full((2, 2), -8.0), np.full((2, 2), 4.0)], axis=-1)
    first, second = picture_thumbnails(Picture(maps), ThumbnailStyle((2, 2)))
    assert first[0, 0].tolist() == [0] * 3
    assert second[0, 0].tolist() == [192] * 3


@pytest.mark.parametrize(
    ("picture", "count"),
    [
        (Picture(np.zeros((2, 2, 3), np.uint8)), 1),
        (Picture(np.zeros((2, 2, 3), np.uint8), maps=True), 3),
        (Picture(np.zeros((2, 2, 3))), 1),
        (Picture(np.full((2, 2, 3), -1.0)), 3),
        (Picture(np.zeros((2, 2, 2))), 2),
        (Picture(np.zeros((2, 2, 1))), 1),
        (Picture(np.zeros((2, 2), bool)), 1),
    ],
)
def test_three_channels_are_colours_and_others_are_maps(picture: Picture, count: int) -> None:
    assert len(picture_layers(picture)) == len(picture_thumbnails(picture, ThumbnailStyle((1, 1)))) == count


def test_of_many_maps_only_the_first_are_drawn() -> None:
    assert len(picture_thumbnails(Picture(np.zeros((2, 2, 64))), ThumbnailStyle((1, 1)), 5)) == 5


def test_alpha_lets_squares_through() -> None:
    pixels = np.full((4, 4, 3), 200, np.uint8)
    alpha = np.zeros((4, 4), np.uint8)
    alpha[0, 0], alpha[0, 1] = 255, 51
    (one,) = picture_thumbnails(Picture(pixels, alpha=alpha), ThumbnailStyle((4, 4), checker=2))
    # What no part of is seen has no colour of its own.
    assert one[..., 0].tolist() == [
        [200, round(102 + 98 / 5), 153, 153],
        [102, 102, 153, 153],
        [153, 153, 102, 102],
        [153, 153, 102, 102],
    ]


def test_what_is_transparent_does_not_bleed_into_what_is_not() -> None:
    pixels = np.array([[200, 0]], np.uint8)
    alpha = np.array([[255, 0]], np.uint8)
    (one,) = picture_thumbnails(Picture(pixels, alpha=alpha), ThumbnailStyle((1, 1)))
    assert one[0, 0, 0] == round((102 + 200) / 2)


def test_large_pictures_are_not_copied_as_floats() -> None:
    import tracemalloc

    pixels = np.zeros((2000, 2000, 3), np.uint8)
    tracemalloc.start()
    array_thumbnails([pixels], ThumbnailStyle((40, 40)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < pixels.nbytes / 10

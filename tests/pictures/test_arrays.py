"""Images, channels and .npy files against Pillow's luma, exact arithmetic and numpy's own files."""

import io
import math
from contextlib import suppress
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

import convcli as public
from convcli.errors import ImageError, MatrixError, UsageError
from convcli.pictures.arrays import image_array
from convcli.pictures.channels import select_channels
from convcli.pictures.npy import read_npy

KEPT = [
    np.uint8,
    np.int8,
    np.uint16,
    np.int16,
    np.uint32,
    np.int32,
    np.uint64,
    np.int64,
    np.float32,
    np.float64,
]


# Images ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", KEPT)
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (2, 3, 1), (2, 3, 4), (1, 1, 100)])
def test_an_image_is_itself(dtype: Any, shape: tuple[int, ...]) -> None:
    image = np.ones(shape, dtype)
    assert image_array(image) is image


def test_booleans_become_bytes() -> None:
    image = image_array(np.array([[True, False]]))
    assert image.dtype == np.uint8
    assert image.tolist() == [[1, 0]]


def test_half_floats_become_float32() -> None:
    image = image_array(np.array([[0.5, 65504]], np.float16))
    assert image.dtype == np.float32
    assert image.tolist() == [[0.5, 65504]]


def test_nested_lists_are_images() -> None:
    assert image_array([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert image_array([[1.5]]).dtype == np.float64


@pytest.mark.parametrize("shape", [(), (3,), (0,), (0, 3), (3, 0), (2, 2, 0), (1, 2, 2, 3)])
def test_an_image_has_two_or_three_axes_and_is_not_empty(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError) as caught:
        image_array(np.ones(shape))
    assert str(caught.value) == f"array of shape {shape}: an image is (H, W) or (H, W, C), and not empty"


@pytest.mark.parametrize(
    "value",
    [
        np.ones((2, 2), np.complex128),
        np.full((2, 2), "x"),
        np.full((2, 2), b"x"),
        np.full((2, 2), None),
        np.zeros((2, 2), "M8[s]"),
        np.zeros((2, 2), [("a", "u1")]),
        [[10**30]],
    ],
)
def test_an_image_holds_real_numbers(value: Any) -> None:
    with pytest.raises(ImageError, match="an image holds integers, float32 or float64") as caught:
        image_array(value)
    assert str(np.asarray(value).dtype) in caught.value.what


def test_rows_of_different_lengths_are_no_image() -> None:
    with pytest.raises(ImageError):
        image_array([[1, 2], [3]])


@pytest.mark.parametrize("dtype", [">i2", ">u4", ">f4", ">f8"])
def test_the_order_of_bytes_does_not_make_another_type(dtype: str) -> None:
    assert image_array(np.array([[1, 2]], dtype)).tolist() == [[1, 2]]


# Channels -------------------------------------------------------------------------------------------------

COLOR = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)


@pytest.mark.parametrize("shape", [(2, 2), (2, 2, 1), (2, 2, 2), (2, 2, 3), (2, 2, 7)])
def test_each_channel_is_the_image_itself(shape: tuple[int, ...]) -> None:
    image = np.ones(shape, np.int16)
    assert select_channels(image) is image
    assert select_channels(image, "each") is image


@pytest.mark.parametrize(("which", "channel"), [("r", 0), ("g", 1), ("b", 2)])
def test_a_color_is_its_channel(which: str, channel: int) -> None:
    assert select_channels(COLOR, which).tolist() == COLOR[:, :, channel].tolist()


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1)])
def test_gray_is_gray_already(shape: tuple[int, ...]) -> None:
    image = np.arange(6, dtype=np.uint16).reshape(shape)
    gray = select_channels(image, "gray")
    assert gray.dtype == np.uint16
    assert gray.tolist() == [[0, 1, 2], [3, 4, 5]]


@given(hnp.arrays(np.uint8, (6, 50, 3)))
@settings(max_examples=30, deadline=None)
def test_luma_of_bytes_is_pillows(image: Any) -> None:
    luma = select_channels(image, "gray")
    assert luma.dtype == np.uint8
    assert luma.tolist() == np.asarray(Image.fromarray(image).convert("L")).tolist()


@given(
    st.sampled_from(KEPT[:8]).flatmap(
        lambda dtype: hnp.arrays(dtype, (1, 4, 3), elements=hnp.from_dtype(np.dtype(dtype)))
    )
)
@settings(max_examples=150, deadline=None)
def test_luma_of_integers_is_exact_in_every_type(image: Any) -> None:
    expected = [
        [math.floor(Fraction(19595 * r + 38470 * g + 7471 * b, 65536) + Fraction(1, 2)) for r, g, b in row]
        for row in image.tolist()
    ]
    luma = select_channels(image, "gray")
    assert luma.dtype == image.dtype
    assert luma.tolist() == expected


@pytest.mark.parametrize("dtype", KEPT)
def test_luma_of_equal_channels_is_that_channel(dtype: Any) -> None:
    values = [0, 1, 77, 127]
    if np.dtype(dtype).kind in "iu":
        values += [int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)]
    image = np.repeat(np.array([values], dtype)[:, :, None], 3, axis=2)
    assert select_channels(image, "gray").tolist() == [values]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_luma_of_floats_is_not_rounded(dtype: Any) -> None:
    luma = select_channels(np.array([[[0.5, 0.25, 1]]], dtype), "gray")
    assert luma.dtype == dtype
    expected = (19595 * 0.5 + 38470 * 0.25 + 7471) / 65536
    assert luma[0, 0] == pytest.approx(expected, rel=float(np.finfo(dtype).eps))


def test_luma_of_infinity_and_nan_stays_in_its_pixel_without_a_warning() -> None:
    image = np.array([[[math.inf, 1, 1], [math.nan, 1, 1], [math.inf, -math.inf, 1], [1, 1, 1]]])
    luma = select_channels(image, "gray")
    assert luma[0, 0] == math.inf
    assert np.isnan(luma[0, 1:3]).all()
    assert luma[0, 3] == 1


@pytest.mark.parametrize("which", ["gray", "r", "g", "b"])
@pytest.mark.parametrize(("shape", "count"), [((2, 2, 2), "2 channels"), ((2, 2, 4), "4 channels")])
def test_other_numbers_of_channels_have_no_colors(which: str, shape: tuple[int, ...], count: str) -> None:
    with pytest.raises(ImageError) as caught:
        select_channels(np.ones(shape), which)
    assert (
        str(caught.value)
        == f"channels {which}: the image has {count}, not red, green and blue; leave out --channels"
    )


@pytest.mark.parametrize("which", ["r", "g", "b"])
@pytest.mark.parametrize("shape", [(2, 2), (2, 2, 1)])
def test_gray_has_no_colors(which: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match=f"channels {which}: the image has 1 channel, not red"):
        select_channels(np.ones(shape), which)


@pytest.mark.parametrize(
    ("which", "meant"), [("greys", "did you mean gray"), ("alpha", "choose from each, sum, gray")]
)
def test_unknown_channels_are_answered_by_the_nearest(which: str, meant: str) -> None:
    with pytest.raises(UsageError) as caught:
        select_channels(COLOR, which)
    assert caught.value.what == f"channels {which!r}"
    assert meant in caught.value.why


# Files of numpy's -----------------------------------------------------------------------------------------


def npy(header: str, data: bytes = bytes(64), version: bytes = b"\1\0") -> io.BytesIO:
    text = header.encode("latin-1") + b"\n"
    length = len(text).to_bytes(2 if version == b"\1\0" else 4, "little")
    return io.BytesIO(b"\x93NUMPY" + version + length + text + data)


def saved(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


@given(
    st.sampled_from(["?", "u1", "i1", "<u2", ">i2", "<i4", ">u8", "<i8", "<f2", ">f4", "<f8"]).flatmap(
        lambda dtype: hnp.arrays(
            dtype,
            hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
            elements=st.integers(0, 1),
        )
    ),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_a_saved_array_is_read_as_numpy_reads_it(array: Any, in_columns: bool) -> None:
    array = np.asfortranarray(array) if in_columns else array
    read = read_npy(io.BytesIO(saved(array)), "test", max_values=1000)
    assert read.dtype == array.dtype
    assert read.shape == array.shape
    assert read.tolist() == array.tolist()


@pytest.mark.parametrize("version", [b"\1\0", b"\2\0", b"\3\0"])
def test_every_version_of_the_format_is_read(version: bytes) -> None:
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }"
    assert read_npy(npy(header, bytes(range(6)), version), "test", max_values=6).tolist() == [
        [0, 1, 2],
        [3, 4, 5],
    ]


def test_columns_come_first_where_the_file_says_so() -> None:
    header = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }"
    assert read_npy(npy(header, bytes(range(6))), "test", max_values=6).tolist() == [[0, 2, 4], [1, 3, 5]]


@pytest.mark.parametrize("shape", ["(10000, 10000)", f"({10**17}, 3)", "(7,)"])
def test_too_many_numbers_are_refused_before_they_are_read(shape: str) -> None:
    stream = npy(f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}")
    with pytest.raises(MatrixError, match=r"test: holds \d+ numbers, more than 6"):
        read_npy(stream, "test", max_values=6)
    assert len(stream.read()) == 64


@pytest.mark.parametrize("length", [0, 1, 5, 6, 8, 9, 10, 40])
def test_a_file_cut_in_its_header_is_refused(length: int) -> None:
    with pytest.raises(MatrixError, match=r"test: is not a \.npy file"):
        read_npy(io.BytesIO(saved(np.ones((2, 3), np.int16))[:length]), "test", max_values=100)


def test_cut_numbers_are_counted() -> None:
    with pytest.raises(MatrixError, match="test: is truncated: it holds 11 of 12 bytes"):
        read_npy(io.BytesIO(saved(np.ones((2, 3), np.int16))[:-1]), "test", max_values=100)


@pytest.mark.parametrize(
    "array",
    [np.array([{}]), np.ones(2, complex), np.array(["a"]), np.zeros(2, "M8[s]"), np.zeros(2, [("a", "i4")])],
)
def test_npy_files_of_other_types_are_refused(array: Any) -> None:
    with pytest.raises(MatrixError, match="test: "):
        read_npy(io.BytesIO(saved(array)), "test", max_values=100)


NO_SHAPES = {
    "negative": "(-1, 3)",
    "boolean": "(True,)",
    "no comma": "(2 3)",
    "fraction": "(1.5,)",
    "too long a number": "(" + "9" * 5000 + ",)",
    "too many axes": "(" + "1, " * 100 + ")",
    "too long a side": f"({10**30}, 0)",
    "list": "[2]",
}


@pytest.mark.parametrize("shape", NO_SHAPES.values(), ids=NO_SHAPES)
def test_a_shape_that_no_array_has_is_refused(shape: str) -> None:
    with pytest.raises(MatrixError, match="test: "):
        read_npy(npy(f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}"), "test", max_values=100)


@pytest.mark.parametrize(
    "descr", ["|O", "<f3", "|V8", "<U1", "|S4", "a5", "<c8", "|,1", "<i" + "9" * 30, "zz", ""]
)
def test_a_type_that_is_no_plain_number_is_refused(descr: str) -> None:
    with pytest.raises(MatrixError, match="test: "):
        read_npy(
            npy(f"{{'descr': '{descr}', 'fortran_order': False, 'shape': (1,)}}"), "test", max_values=100
        )


@pytest.mark.parametrize("header", ["", "{", "((((" * 1000, "__import__('os')", "{'descr': '<f8'}"])
def test_a_header_that_says_something_else_is_refused(header: str) -> None:
    with pytest.raises(MatrixError, match=r"test: is not a \.npy file of plain numbers"):
        read_npy(npy(header), "test", max_values=100)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 127), st.integers(0, 255) | st.sampled_from(b"()[]{}',0123456789 :-.|<>=iufb?Oa")
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=200, deadline=None)
def test_a_damaged_file_is_read_or_refused(damages: list[tuple[int, int]]) -> None:
    content = bytearray(saved(np.array([[1, 0, -1], [2, 0, -2]], np.int8)))
    for place, byte in damages:
        content[place] = byte
    with suppress(MatrixError):
        assert read_npy(io.BytesIO(content), "test", max_values=100).dtype.kind in "biuf"


# Masked arrays --------------------------------------------------------------------------------------------

MASKED = np.ma.masked_equal(np.array([[1, 2, 3], [4, 2, 6], [7, 8, 9]], np.uint8), 2)
REFUSED = (
    'has 2 masked values, but masks are not read; fill them in first, as in array.filled(0), or '
    'array.filled(nan) for nan="ignore"'
)  # fmt: skip


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: public.convolve(MASKED, [[1]]), "array"),
        (lambda: public.convolve(np.ones((3, 3)), MASKED), "kernel"),
        (lambda: public.apply_filter(MASKED, "box"), "array"),
        (lambda: public.pool(MASKED), "array"),
        (lambda: public.render(MASKED), "array"),
        (lambda: public.Picture(MASKED), "array"),
        (lambda: public.Picture(np.zeros((3, 3), np.uint8), alpha=MASKED), "alpha"),
        (lambda: public.write_image("x.png", MASKED), "array"),
        (lambda: public.convolve_volume(MASKED, np.ones((1, 1, 1))), "array"),
        (lambda: public.filter_picture(public.Picture(np.ones((3, 3))), MASKED), "kernel"),
        (lambda: public.conv_forward(MASKED[None, ..., None], np.ones((1, 1, 1, 1))), "a_prev"),
        (lambda: public.conv_forward(np.ones((1, 3, 3, 1)), MASKED[..., None, None]), "w"),
        (lambda: public.pool_forward(MASKED[None, ..., None]), "a_prev"),
        (lambda: public.make_examples([[[1]]], MASKED), "array"),
        (lambda: public.nearest_filter(MASKED), "kernel"),
        (lambda: public.convolve(list[Any]([MASKED, np.ones((3, 3))]), [[1]]), "array"),
    ],
)
def test_masked_values_are_refused(call: Any, what: str) -> None:
    with pytest.raises(public.ConvcliError) as caught:
        call()
    assert str(caught.value) == f"{what}: {REFUSED}"


def test_a_masked_array_without_masked_values_is_an_array() -> None:
    assert image_array(np.ma.masked_equal([[1, 2]], 9)).tolist() == [[1, 2]]
